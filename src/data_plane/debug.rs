//! What DEBUG asks of the cores.

use std::time::Duration;

use crate::cluster::{SlotMap, slot_of};
use crate::commands::call::{Debugging, Fault};
use crate::commands::dataset::{Digested, digest_databases, digest_keys};
use crate::commands::debug::describe_entry;
use crate::data_plane::core::Core;
use crate::data_plane::loading::NOT_YET;
use crate::data_plane::mesh::Subject;
use crate::keyspace::{Hasher, Key};
use crate::protocol::{Out, Reply, Resp};
use crate::session::gather::Finish;
use crate::sys::crash;
use crate::sys::host::random_id;

impl Core {
    pub(super) fn answer_debug(&mut self, index: u32, debugging: Debugging) {
        match debugging {
            Debugging::Log(text) => {
                tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(&text));
                self.answer_with(index, |reply| reply.ok());
            }
            Debugging::ChangeReplicationId => {
                self.bridge.change_replication_id(random_id());
                self.answer_with(index, |reply| reply.ok());
            }
            Debugging::Fault(fault) => break_down(fault),
            Debugging::Object { .. } => {
                self.gather(index, Finish::Sole, || Subject::Debug(debugging.clone()));
            }
            Debugging::Digest => {
                self.gather(index, Finish::Digests(Digested::Databases), || {
                    Subject::Debug(debugging.clone())
                });
            }
            Debugging::KeyDigests { .. } => {
                self.gather(index, Finish::Digests(Digested::Keys), || Subject::Debug(debugging.clone()));
            }
            // What was made up would give way to what is read.
            Debugging::Populate(_) if self.is_loading() => {
                self.answer_with(index, |reply| reply.error(NOT_YET))
            }
            Debugging::Reload { saves: true, flushes } => self.save_and_reload(index, flushes),
            Debugging::ActiveExpiry(_)
            | Debugging::Populate(_)
            | Debugging::Sleep(_)
            | Debugging::Reload { .. }
            | Debugging::LoadLog => {
                self.gather(index, Finish::Same, || Subject::Debug(debugging.clone()));
            }
        }
    }

    /// This core's part; one that has nothing to say adds nothing to the answer.
    pub(super) fn settle_debug(&mut self, debugging: &Debugging, answer: &mut Vec<u8>) {
        match debugging {
            Debugging::Object { database, key } => {
                let key = self.hasher.key(key, slot_of(key));
                if self.shard.slots.owner(key.slot) != self.shard.index {
                    return;
                }
                let mut out = Out::default();
                let mut reply = Reply::new(&mut out, Resp::Two);
                describe_entry(&mut self.shard.keyspace, *database, &key, self.turn.now_ms(), &mut reply);
                answer.extend_from_slice(&out.bytes);
            }
            Debugging::ActiveExpiry(is_on) => {
                self.housekeeping.expire_actively(*is_on);
                answer.extend_from_slice(b"+OK\r\n");
            }
            Debugging::Sleep(duration) => {
                self.sleep(*duration);
                answer.extend_from_slice(b"+OK\r\n");
            }
            Debugging::Reload { flushes, .. } => answer.extend_from_slice(self.reload_snapshot(*flushes)),
            Debugging::LoadLog => answer.extend_from_slice(self.reload_log()),
            Debugging::Digest => digest_databases(&self.shard.keyspace, self.turn.now_ms(), answer),
            Debugging::KeyDigests { database, keys } => {
                let (shard, hasher) = (&mut self.shard, &self.hasher);
                let own = keys.iter().map(|name| own_key(&shard.slots, shard.index, hasher, name));
                digest_keys(&mut shard.keyspace, *database, own, self.turn.now_ms(), answer);
            }
            Debugging::Populate(population) => {
                let (shard, hasher) = (&mut self.shard, &self.hasher);
                let (slots, own) = (&shard.slots, shard.index);
                let now_ms = self.turn.now_ms();
                population.make(&mut shard.keyspace, |name| own_key(slots, own, hasher, name), now_ms);
                answer.extend_from_slice(b"+OK\r\n");
            }
            Debugging::Log(_) | Debugging::ChangeReplicationId | Debugging::Fault(_) => {
                unreachable!("these concern no single core")
            }
        }
    }

    /// Stops the core. What it has for the others goes out first, so that all can sleep at the same time.
    fn sleep(&mut self, duration: Duration) {
        self.append_log();
        self.mesh.flush();
        std::thread::sleep(duration);
    }
}

/// The key of this name if it belongs to the shard.
fn own_key<'a>(slots: &SlotMap, shard: u16, hasher: &Hasher, name: &'a [u8]) -> Option<Key<'a>> {
    let slot = slot_of(name);
    (slots.owner(slot) == shard).then(|| hasher.key(name, slot))
}

/// Ends the process, as a client wants it.
fn break_down(fault: Fault) {
    match fault {
        Fault::Segment => crash::fault(),
        Fault::Panic => panic!("called by DEBUG PANIC"),
        Fault::Assertion => assert!(fault != Fault::Assertion, "broken by DEBUG ASSERT"),
    }
}
