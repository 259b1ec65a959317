//! Key spaces that are filled by a thread each, while another one reads the snapshot.
//!
//! ```text
//! reader ── chunk of keys ──> [ CHUNKS_MAX at most ] ──> thread of the shard that owns them ── key space
//! ```

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use crate::cluster::{SlotMap, slot_of};
use crate::codec::effect::{Spot, write_stored};
use crate::codec::rdb::{Entry, StringValue, Used};
use crate::data_plane::restore::redis::snapshot::{Found, store, stored};
use crate::keyspace::Keyspace;
use crate::persist::replay::Replay;

/// A chunk is handed over when it has so many bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// So many wait for a thread at most; then the reader does.
const CHUNKS_MAX: usize = 4;

/// Keys of one shard.
#[derive(Default)]
struct Chunk {
    /// As a log has them.
    effects: Vec<u8>,
    /// Keys of which it is known how they were used, which a log has no place for.
    used: Vec<Owned>,
    used_bytes: usize,
}

/// A key with its use, out of the buffer of the reader.
struct Owned {
    database: u8,
    key: Vec<u8>,
    value: OwnedValue,
    expire_ms: Option<u64>,
    used: Used,
}

enum OwnedValue {
    Int(i64),
    Bytes(Vec<u8>),
}

impl Owned {
    fn of(found: &Found<'_>, used: Used) -> Self {
        let Entry { key, value, expire_ms, .. } = found.entry;
        let value = match value {
            StringValue::Int(number) => OwnedValue::Int(number),
            StringValue::Bytes(bytes) => OwnedValue::Bytes(bytes.to_vec()),
        };
        Owned { database: found.database, key: key.to_vec(), value, expire_ms, used }
    }

    fn bytes(&self) -> usize {
        let value = if let OwnedValue::Bytes(bytes) = &self.value { bytes.len() } else { 0 };
        size_of::<Owned>() + self.key.len() + value
    }

    fn found(&self) -> Found<'_> {
        let value = match &self.value {
            OwnedValue::Int(number) => StringValue::Int(*number),
            OwnedValue::Bytes(bytes) => StringValue::Bytes(bytes),
        };
        let entry = Entry { key: &self.key, value, expire_ms: self.expire_ms, used: Some(self.used) };
        Found { database: self.database, entry }
    }
}

/// The threads and what is on its way to them.
pub struct Filling<'s> {
    slots: &'s SlotMap,
    /// By shard.
    lanes: Vec<Lane<'s>>,
}

struct Lane<'s> {
    chunk: Chunk,
    chunks: SyncSender<Chunk>,
    thread: ScopedJoinHandle<'s, Keyspace>,
}

impl<'s> Filling<'s> {
    /// Starts a thread for each shard; keys count as used at `now_ms` unless it is known.
    pub fn begin<'e: 's>(
        scope: &'s Scope<'s, 'e>,
        slots: &'s SlotMap,
        empty: &'s (impl Fn() -> Keyspace + Sync),
        now_ms: u64,
    ) -> Self {
        let lane = |_| {
            let (chunks, coming) = sync_channel(CHUNKS_MAX);
            let thread = scope.spawn(move || fill(empty(), &coming, now_ms));
            Lane { chunk: Chunk::default(), chunks, thread }
        };
        Filling { slots, lanes: (0..slots.shards).map(lane).collect() }
    }

    /// Adds a key.
    pub fn add(&mut self, found: &Found<'_>) {
        let Found { database, entry } = *found;
        let slot = slot_of(entry.key);
        let lane = &mut self.lanes[usize::from(self.slots.owner(slot))];
        match entry.used {
            None => {
                let (value, deadline_ms) = stored(&entry);
                write_stored(&mut lane.chunk.effects, Spot { database, slot }, entry.key, value, deadline_ms);
            }
            Some(used) => {
                let owned = Owned::of(found, used);
                lane.chunk.used_bytes += owned.bytes();
                lane.chunk.used.push(owned);
            }
        }
        if lane.chunk.effects.len() + lane.chunk.used_bytes >= CHUNK_BYTES {
            lane.hand_over();
        }
    }

    /// The key spaces, when all threads are done.
    pub fn end(self) -> Vec<Keyspace> {
        let lanes = self.lanes.into_iter().map(|mut lane| {
            lane.hand_over();
            // The thread ends when nothing more can come.
            lane.thread
        });
        let threads: Vec<_> = lanes.collect();
        threads.into_iter().map(|thread| thread.join().expect("filling does not panic")).collect()
    }
}

impl Lane<'_> {
    fn hand_over(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        self.chunks.send(chunk).expect("the thread takes all that comes");
    }
}

fn fill(mut keyspace: Keyspace, coming: &Receiver<Chunk>, now_ms: u64) -> Keyspace {
    for Chunk { effects, used, .. } in coming {
        let replayed = Replay::new(&mut keyspace, now_ms).apply(std::iter::once(&effects[..]));
        replayed.expect("what was just written is read, and the reader knows how many databases there are");
        used.iter().for_each(|owned| store(&mut keyspace, &owned.found(), now_ms));
    }
    keyspace
}
