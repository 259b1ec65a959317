//! The keys that clients watch at one shard, with the versions they had when WATCH came.

use ahash::AHashMap;

use crate::keyspace::{Key, Keyspace};
use crate::shard::locks::{Mode, WHOLE, Want, key_lock};

/// Who watches what.
#[derive(Default)]
pub struct Watches {
    by_client: AHashMap<u64, Vec<Watched>>,
}

struct Watched {
    key: Box<[u8]>,
    hash: u64,
    slot: u16,
    database: u8,
    /// `None`: it counts as changed.
    version: Option<u64>,
    /// It was there, so if it is not it has expired.
    was_there: bool,
}

impl Watched {
    fn key(&self) -> Key<'_> {
        Key { bytes: &self.key, hash: self.hash, slot: self.slot }
    }
}

impl Watches {
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// Watches a key for a client. One that has expired counts as absent. A key that is not owned here counts as changed:
    /// it may change elsewhere.
    pub fn watch(
        &mut self,
        client: u64,
        database: u8,
        key: &Key<'_>,
        keyspace: &mut Keyspace,
        now_ms: u64,
        is_owned: bool,
    ) {
        let watched = self.by_client.entry(client).or_default();
        if watched.iter().any(|other| other.database == database && *other.key == *key.bytes) {
            return;
        }
        let was_there = keyspace.peek(database.into(), key, now_ms).is_some();
        let version = keyspace.changes_mut().watch(database.into(), key);
        let version = is_owned.then_some(version);
        let (hash, slot) = (key.hash, key.slot);
        watched.push(Watched { key: key.bytes.into(), hash, slot, database, version, was_there });
    }

    /// Forgets what a client watches.
    pub fn forget(&mut self, client: u64, keyspace: &mut Keyspace) {
        for watched in self.by_client.remove(&client).unwrap_or_default() {
            keyspace.changes_mut().unwatch(watched.database.into(), &watched.key);
        }
    }

    /// Adds what a client watches to the locks it wants, to be read.
    pub fn add_wants(&self, client: u64, wants: &mut Vec<Want>) {
        let watched = self.by_client.get(&client).into_iter().flatten();
        wants.push((WHOLE, Mode::IntentRead));
        wants.extend(watched.map(|watched| (key_lock(watched.hash), Mode::Shared)));
    }

    /// Until when nothing that a client watches has changed or expires; `None` if something has. A key that has expired
    /// since WATCH has changed.
    pub fn unchanged_until_ms(&self, client: u64, keyspace: &mut Keyspace, now_ms: u64) -> Option<u64> {
        let mut until_ms = u64::MAX;
        for watched in self.by_client.get(&client).into_iter().flatten() {
            let entry = keyspace.peek(watched.database.into(), &watched.key(), now_ms);
            let has_expired = watched.was_there && entry.is_none();
            let deadline_ms = entry.and_then(|entry| entry.deadline_ms());
            let version = keyspace.changes().version(watched.database.into(), &watched.key);
            if has_expired || watched.version.is_none() || watched.version != version {
                return None;
            }
            until_ms = until_ms.min(deadline_ms.unwrap_or(u64::MAX));
        }
        Some(until_ms)
    }
}
