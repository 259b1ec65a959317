//! Keys that change their place: a slot that goes to another shard, a key or a whole database that changes its number.

use crate::keyspace::cause::Cause;
use crate::keyspace::database::{Database, Edit, RUN_COUNT, RUN_SLOTS, Tally};
use crate::keyspace::effects::DatabaseEffect;
use crate::keyspace::entry::slab::Slabs;
use crate::keyspace::key::Key;
use crate::keyspace::table::SlotTable;
use crate::keyspace::{Keyspace, SLOT_COUNT};

/// All keys of one slot of one database, on their way to another key space with the same hasher. Its entries lie in slabs
/// of their own, which the receiver takes over; nothing is copied there.
pub struct MovedSlot {
    slot: u16,
    table: SlotTable,
    slabs: Slabs,
    tally: Tally,
    deadlines: (u32, u64),
    /// The hash of nothing, by which the receiver knows its own hasher.
    hasher_mark: u64,
}

impl MovedSlot {
    pub fn slot(&self) -> u16 {
        self.slot
    }

    pub fn key_count(&self) -> usize {
        self.tally.key_count
    }
}

impl Drop for MovedSlot {
    fn drop(&mut self) {
        for segment in self.table.segments_mut() {
            segment.drain(|entry| entry.free(&mut self.slabs));
        }
    }
}

impl Keyspace {
    /// Takes all keys of a slot out, with their memory. Each entry is copied once, into slabs that hold nothing else:
    /// about 50 ns a key. Watched keys of the slot count as changed, also those that are absent: from now on they change elsewhere.
    pub fn take_slot(&mut self, database: usize, slot: u16) -> Option<MovedSlot> {
        self.changes.report_many(database, |key| key.slot == slot);
        if self.slot_len(database, slot) == 0 {
            return None;
        }
        self.save_slot_for_walks(database, slot);
        let data = self.databases[database].as_mut()?;
        let moved = data.take_slot(slot, self.hasher.hash(b""));
        self.record_whole(database, DatabaseEffect::SlotGone(slot));
        Some(moved)
    }

    /// Records in all databases that a slot is about to leave, or to come. Also where it has no keys: this is built on what was
    /// recorded of the slot before, and what will be recorded of it is built on this.
    pub fn record_handover(&mut self, slot: u16) {
        for database in 0..self.database_count() {
            self.record_whole(database, DatabaseEffect::SlotGone(slot));
        }
    }

    /// Puts the keys of a slot in that has none here.
    pub fn put_slot(&mut self, database: usize, moved: MovedSlot) {
        assert!(moved.hasher_mark == self.hasher.hash(b""), "both key spaces hash alike");
        let hasher = &self.hasher;
        let data = self.databases[database].get_or_insert_with(|| Box::new(Database::new(hasher.clone())));
        assert!(data.table(moved.slot).is_empty(), "a slot has one owner");
        let slot = moved.slot;
        data.put_slot(moved);
        self.mark_slot_for_walks(database, slot);
        self.record_slot(database, slot);
    }

    /// Exchanges two databases. Watched keys that are in either count as changed.
    pub fn swap_databases(&mut self, one: usize, other: usize) {
        if one == other {
            return;
        }
        self.databases.swap(one, other);
        self.walks.swap(one, other);
        self.record_whole(one, DatabaseEffect::Swapped(other));
        let (databases, changes) = (&self.databases, &mut self.changes);
        let holds = |database: usize, key: &Key<'_>| {
            databases[database].as_ref().is_some_and(|data| data.find(key).is_some())
        };
        for database in [one, other] {
            changes.report_many(database, |key| holds(one, key) || holds(other, key));
        }
    }

    /// Moves a key to another database, deadline included, unless it is absent here or present there. Tells whether it did.
    pub fn move_key(&mut self, from: usize, to: usize, key: &Key<'_>, now_ms: u64) -> bool {
        if self.peek(to, key, now_ms).is_some() {
            return false;
        }
        let Some(copied) = self.lift(from, key, now_ms) else {
            return false;
        };
        self.change(from, key, Cause::MoveFrom, Edit::Remove);
        self.paste(to, key, &copied, Cause::MoveTo, now_ms);
        true
    }
}

impl Database {
    fn take_slot(&mut self, slot: u16, hasher_mark: u64) -> MovedSlot {
        let mut table = std::mem::replace(self.table_mut(slot), SlotTable::EMPTY);
        let mut slabs = Slabs::new();
        let mut tally = Tally { block_bytes: table.memory_bytes(), ..Tally::default() };
        for segment in table.segments_mut() {
            segment.replace_all(|entry| {
                let mut entry = entry.relocate(&mut self.slabs, &mut slabs);
                // Those of the walks here, which mean nothing elsewhere.
                entry.set_marks(0);
                tally.add(entry.view());
                entry
            });
        }
        self.tally.take_away(&tally);
        self.runs[usize::from(slot) / RUN_SLOTS % RUN_COUNT] -= tally.key_count as u32;
        let deadlines = self.schedule.as_mut().map_or((0, u64::MAX), |schedule| schedule.take_slot(slot));
        MovedSlot { slot, table, slabs, tally, deadlines, hasher_mark }
    }

    fn put_slot(&mut self, mut moved: MovedSlot) {
        let slot = moved.slot;
        std::mem::swap(&mut self.tables[usize::from(slot) % SLOT_COUNT], &mut moved.table);
        self.slabs.adopt(std::mem::replace(&mut moved.slabs, Slabs::new()));
        self.tally.put_in(&moved.tally);
        self.runs[usize::from(slot) / RUN_SLOTS % RUN_COUNT] += moved.tally.key_count as u32;
        if moved.deadlines.0 > 0 {
            self.schedule_mut().put_slot(slot, moved.deadlines);
        }
    }
}
