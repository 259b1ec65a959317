//! DEBUG RELOAD and LOADAOF: what is on the disk takes the place of what is in memory. For tests: each shard does so by
//! itself, and serves nobody meanwhile.

use std::time::Duration;

use crate::cluster::slot_of;
use crate::data_plane::core::Core;
use crate::data_plane::launch::recency;
use crate::data_plane::restore::{RestoreError, read_shard, read_snapshot};
use crate::keyspace::{Keyspace, PURPOSES};
use crate::sys::ring::{Operation, Wait};

const NO_SNAPSHOT: &[u8] = b"-ERR Error trying to load the RDB dump\r\n";
const NO_LOG: &[u8] = b"-ERR Error trying to load the AOF files, check server logs.\r\n";
const NOT_NOW: &[u8] = b"-ERR A snapshot or a rewrite of the log is under way\r\n";
/// How long a look at the ring takes while the log is awaited.
const STEP: Duration = Duration::from_millis(1);

impl Core {
    /// Stores the keys that the snapshot has for this shard; gives the reply.
    pub(super) fn reload_snapshot(&mut self, flushes: bool) -> &'static [u8] {
        let count = self.shard.keyspace.changes().count();
        if flushes {
            (0..self.shard.keyspace.database_count())
                .for_each(|database| self.shard.keyspace.flush(database));
        }
        let (shard, now_ms) = (&mut self.shard, self.turn.now_ms());
        let (slots, index) = (&shard.slots, shard.index);
        let is_own = |key: &[u8]| slots.owner(slot_of(key)) == index;
        let outcome = read_snapshot(&self.settings, &mut shard.keyspace, is_own, now_ms);
        // What was read is no change, as in Redis.
        shard.keyspace.changes_mut().set_count(count);
        reply_to(outcome, NO_SNAPSHOT)
    }

    /// Reads the log of this shard again; gives the reply.
    pub(super) fn reload_log(&mut self) -> &'static [u8] {
        if self.log.is_none() {
            tracing::warn!("DEBUG LOADAOF: there is no log: the server was started with `appendonly no`");
            return NO_LOG;
        }
        if PURPOSES.iter().any(|purpose| self.shard.keyspace.walked(*purpose).is_some()) {
            return NOT_NOW;
        }
        self.wait_for_log();
        if self.shard.write_refusal.is_some() {
            return NO_LOG;
        }
        let databases = usize::from(self.turn.databases);
        let mut keyspace = Keyspace::new(databases, self.hasher.clone(), recency(&self.settings));
        let now_ms = self.turn.now_ms();
        let outcome = read_shard(&self.settings.log, self.shard.index, &mut keyspace, now_ms);
        if outcome.is_ok() {
            self.shard.keyspace.take_data_of(keyspace);
        }
        reply_to(outcome, NO_LOG)
    }

    /// Waits until all that has happened is in the log.
    fn wait_for_log(&mut self) {
        self.hurry_log();
        while self.is_log_behind() {
            self.send_replies(Wait::Until(STEP));
            for completion in std::mem::take(&mut self.backlog) {
                match completion.token.operation {
                    Operation::WriteFile => self.wrote_file(completion),
                    Operation::SyncFile => self.synced_file(&completion),
                    // Their turn comes.
                    _ => self.backlog.push_back(completion),
                }
            }
            self.hurry_log();
        }
    }
}

fn reply_to(outcome: Result<(), RestoreError>, error: &'static [u8]) -> &'static [u8] {
    match outcome {
        Ok(()) => b"+OK\r\n",
        Err(reason) => {
            tracing::warn!("{reason}");
            error
        }
    }
}
