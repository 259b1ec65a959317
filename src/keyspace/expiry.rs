//! Removing keys soon after their deadline, in slices, without waiting for a lookup.

use crate::keyspace::Keyspace;
use crate::keyspace::cause::Cause;
use crate::keyspace::database::{Database, Edit};
use crate::keyspace::key::Key;
use crate::keyspace::table::prefetch;

/// Removing an entry costs as much as looking at this many.
const REMOVAL_WORK: usize = 4;

impl Keyspace {
    /// Removes expired keys. Stops after about `budget` units of work, and gives back how many it did: as many as
    /// the budget when there is more to do at once. A unit is an entry looked at, some 20 ns; a removal is
    /// `REMOVAL_WORK` of them.
    pub fn expire_due(&mut self, now_ms: u64, budget: usize) -> usize {
        let mut left = budget;
        let now_ms = now_ms.min(self.kept_since_ms);
        // A database with much to do must not keep the others from their turn.
        self.expiry_turn = (self.expiry_turn + 1) % self.databases.len();
        for turn in 0..self.databases.len() {
            let database = (self.expiry_turn + turn) % self.databases.len();
            while left > 0 && self.expire_slice(database, now_ms, &mut left) {}
        }
        budget - left
    }

    /// Goes on with the search of one slot, or begins one. False if nothing is due.
    fn expire_slice(&mut self, database: usize, now_ms: u64, left: &mut usize) -> bool {
        let Some(data) = &mut self.databases[database] else {
            return false;
        };
        let mut due = std::mem::take(&mut self.due_keys);
        let Some(slot) = data.search_due(now_ms, left, &mut due) else {
            self.due_keys = due;
            return false;
        };
        let mut start = 0;
        for &(end, hash) in &due.ends {
            let key = Key { bytes: &due.bytes[start..end], hash, slot };
            self.change(database, &key, Cause::Expired, Edit::Remove);
            start = end;
        }
        *left = left.saturating_sub(due.ends.len() * REMOVAL_WORK);
        due.bytes.clear();
        due.ends.clear();
        self.due_keys = due;
        true
    }
}

/// Keys found expired, which are removed once the table is not being read any more.
#[derive(Default)]
pub struct DueKeys {
    bytes: Vec<u8>,
    /// Where each key ends, and its hash.
    ends: Vec<(usize, u64)>,
}

impl DueKeys {
    fn push(&mut self, key: &[u8], hash: u64) {
        self.bytes.extend_from_slice(key);
        self.ends.push((self.bytes.len(), hash));
    }
}

/// How many expired keys are gathered before they are removed.
const DUE_KEYS_MAX: usize = 64;

impl Database {
    /// Searches a slot that is due until it ends, the budget is used up or enough keys are found. Names the slot.
    fn search_due(&mut self, now_ms: u64, left: &mut usize, due: &mut DueKeys) -> Option<u16> {
        let schedule = self.schedule.as_mut()?;
        if schedule.search.is_none() {
            schedule.begin_search(now_ms, left);
        }
        let search = schedule.search.as_mut()?;
        let slot = search.slot;
        let table = &self.tables[usize::from(slot)];
        let mut next = Some(search.from);
        while let Some(from) = next
            && *left > 0
            && due.ends.len() < DUE_KEYS_MAX
        {
            let segment = table.segment(from);
            next = segment.next_home(from);
            // The entries of the next group are on their way while those of this one are read.
            if let Some(next) = next {
                table.segment(next).expiring_addresses(next).for_each(|address| {
                    prefetch(std::ptr::without_provenance(address));
                });
            }
            let mut looked_at = 1;
            for entry in segment.expiring_at(from) {
                looked_at += 1;
                match entry.deadline_ms() {
                    Some(deadline_ms) if now_ms > deadline_ms => {
                        due.push(entry.key(), self.hasher.hash(entry.key()))
                    }
                    Some(deadline_ms) => search.count(deadline_ms, now_ms),
                    None => {}
                }
            }
            *left = left.saturating_sub(looked_at);
        }
        match next {
            Some(from) => search.from = from,
            None => schedule.end_search(now_ms),
        }
        Some(slot)
    }
}
