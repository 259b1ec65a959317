//! One shard's keys: up to 16 databases, each an array of tables by slot.
//!
//! ```text
//! Keyspace -> Database -> SlotTable (by slot) -> Segment (by first bits of the hash) -> Group -> Entry
//!                |                                                                                 ^
//!                +-> Slabs: the memory of the entries -----------------------------------------------+
//! ```
//!
//! Plain synchronous code: time is an argument, in milliseconds since 1970, and `now_ms` 0 means that nothing expires.
//! Every change of a key goes through `Keyspace::change`, which names database, key and cause, keeps the count of
//! memory and reports to `Changes`. What became of keys is recorded for a log (`effects`), if somebody asked for it.
//!
//! A batch hides the latency of memory by asking for all its keys first: `prefetch_group` for each, then
//! `prefetch_entry` for each, then the commands.

mod cause;
mod changes;
mod copied;
mod database;
mod effects;
mod entry;
mod expiry;
mod key;
mod memory;
mod moves;
mod place;
mod recency;
mod restore;
mod scan;
mod schedule;
mod table;
mod value;
mod walk;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use database::{Applied, Database, Edit, Write};
use effects::Recording;
use entry::Payload;
use expiry::DueKeys;
use table::segment::Spot;
use table::{prefetch, prefetch_entry_lines};
use walk::{Grave, Walks};

use crate::types::decimal::exact_integer;

pub use cause::{Cause, Event, EventClass};
pub use changes::{Changes, Listening, Note};
pub use copied::Copied;
pub use database::{Deadline, Tally};
pub use effects::{DatabaseEffect, Effect, Encoder};
pub use entry::{DEADLINE_MS_MAX, EntryRef};
pub use key::{Hasher, Key};
pub use moves::MovedSlot;
pub use place::{Look, Place};
pub use recency::{Recency, Use};
pub use restore::Restored;
pub use scan::{cursor_slot, slot_cursor};
pub use value::{Encoding, Kind, LARGE_BYTES_MIN, Value, ValueRef};
pub use walk::{PURPOSES, Purpose, Save, Walked};

/// How many slots the keys are spread over.
pub const SLOT_COUNT: usize = 16_384;
/// The most databases.
pub const DATABASE_COUNT_MAX: usize = 16;

/// How much there is in a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseFigures {
    pub keys: usize,
    pub keys_with_deadline: usize,
    /// Entries, values and tables.
    pub memory_bytes: usize,
    pub table_bytes: usize,
    pub schedule_bytes: usize,
}

/// The keys of one shard, which owns any subset of the slots.
pub struct Keyspace {
    databases: Vec<Option<Box<Database>>>,
    hasher: Hasher,
    recency: Recency,
    changes: Changes,
    /// Where effects are recorded, if they are.
    recording: Recording,
    walks: Walks,
    /// Changes are recorded, or looked at by a walk.
    is_attended: bool,
    /// Flushed databases whose memory is still to be freed.
    graveyard: Vec<Grave>,
    /// Keys that were in databases when these were emptied.
    flushed_count: u64,
    random: u64,
    due_keys: DueKeys,
    /// The database that active expiry began with last.
    expiry_turn: usize,
    /// Keys that were alive then are not removed by looking at them, although they count as absent when they have expired.
    kept_since_ms: u64,
}

impl Keyspace {
    /// An empty key space of at most `DATABASE_COUNT_MAX` databases.
    pub fn new(database_count: usize, hasher: Hasher, recency: Recency) -> Self {
        assert!((1..=DATABASE_COUNT_MAX).contains(&database_count));
        Keyspace {
            databases: (0..database_count).map(|_| None).collect(),
            random: hasher.hash(b"frequency") | 1,
            hasher,
            recency,
            changes: Changes::new(database_count),
            recording: Recording::default(),
            walks: Walks::default(),
            is_attended: false,
            graveyard: Vec::new(),
            flushed_count: 0,
            due_keys: DueKeys::default(),
            expiry_turn: 0,
            kept_since_ms: u64::MAX,
        }
    }

    pub fn database_count(&self) -> usize {
        self.databases.len()
    }

    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    pub fn recency(&self) -> Recency {
        self.recency
    }

    /// Changes what the bits of last use mean. Keys keep their old bits until they are used, as in Redis.
    pub fn set_recency(&mut self, recency: Recency) {
        self.recency = recency;
    }

    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    pub fn changes_mut(&mut self) -> &mut Changes {
        &mut self.changes
    }

    /// Asks the memory for the group that `find` will look at first.
    #[inline]
    pub fn prefetch_group(&self, database: usize, key: &Key<'_>) {
        if let Some(data) = &self.databases[database] {
            let group = data.table(key.slot).segment(key.hash).home_address(key.hash);
            prefetch(group.cast());
            // About one entry in six overflowed into the next group.
            prefetch(group.wrapping_add(1).cast());
        }
    }

    /// Asks the memory for the entry that `find` will compare, once `prefetch_group` had its time.
    #[inline]
    pub fn prefetch_entry(&self, database: usize, key: &Key<'_>) {
        let Some(data) = &self.databases[database] else {
            return;
        };
        if let Some(address) = data.table(key.slot).segment(key.hash).likely_address(key.hash) {
            prefetch_entry_lines(address);
        }
    }

    /// The entry of a key, whose last use becomes now. An expired key is removed and absent.
    #[inline]
    pub fn find(&mut self, database: usize, key: &Key<'_>, now_ms: u64) -> Option<EntryRef<'_>> {
        let data = self.databases[database].as_mut()?;
        let segment = data.table(key.slot).segment(key.hash);
        let spot = segment.find(key.hash, key.bytes)?;
        let entry = segment.entry(spot);
        if entry.is_expired(now_ms) {
            self.expire(database, key);
            return None;
        }
        self.touch(database, key, spot, now_ms);
        let data = self.databases[database].as_ref()?;
        Some(data.table(key.slot).segment(key.hash).entry(spot))
    }

    /// The last use of the key at `spot` becomes now.
    #[inline]
    fn touch(&mut self, database: usize, key: &Key<'_>, spot: Spot, now_ms: u64) {
        let Some(data) = &mut self.databases[database] else {
            return;
        };
        let before = data.table(key.slot).segment(key.hash).entry(spot).recency();
        let random = &mut self.random;
        let recency = self.recency.touched(before, now_ms, || (next_random(random) >> 32) as u32);
        if recency != before {
            data.touch(key, spot, recency);
        }
    }

    /// The entry of a key, without counting this as a use. An expired key is removed and absent.
    pub fn peek(&mut self, database: usize, key: &Key<'_>, now_ms: u64) -> Option<EntryRef<'_>> {
        let entry = self.databases[database].as_ref()?.find(key)?;
        if entry.is_expired(now_ms) {
            self.expire(database, key);
            return None;
        }
        self.databases[database].as_ref()?.find(key)
    }

    /// Keeps keys that were alive at `since_ms`, as a transaction may have seen them, until this is called with `None`. They
    /// are absent when they have expired, and writers replace them, but no lookup or slice removes them.
    pub fn keep_expired_since(&mut self, since_ms: Option<u64>) {
        self.kept_since_ms = since_ms.unwrap_or(u64::MAX);
    }

    /// Stores a string under a key, whatever was there, and tells whether something was.
    pub fn set(
        &mut self,
        database: usize,
        key: &Key<'_>,
        value: Value<'_>,
        deadline: Deadline,
        cause: Cause,
        now_ms: u64,
    ) -> bool {
        // A key that is written over keeps the count of its uses, of which this is one.
        let look = match self.recency {
            Recency::Lru => Look::Peek,
            Recency::Lfu { .. } => Look::Use,
        };
        self.place(database, key, look, now_ms).set(value, deadline, cause)
    }

    /// Changes the deadline of a key, or takes it away, and tells whether the key is there.
    pub fn set_deadline(
        &mut self,
        database: usize,
        key: &Key<'_>,
        deadline_ms: Option<u64>,
        now_ms: u64,
    ) -> bool {
        self.remove_expired(database, key, now_ms);
        let cause = if deadline_ms.is_some() { Cause::Expire } else { Cause::Persist };
        self.change(database, key, cause, Edit::Deadline(deadline_ms))
    }

    /// Removes a key and tells whether it was there.
    pub fn remove(&mut self, database: usize, key: &Key<'_>, cause: Cause, now_ms: u64) -> bool {
        self.remove_expired(database, key, now_ms);
        self.change(database, key, cause, Edit::Remove)
    }

    /// How many keys a database has, expired ones included until they are removed.
    pub fn len(&self, database: usize) -> usize {
        self.databases[database].as_ref().map_or(0, |data| data.tally.key_count)
    }

    pub fn is_empty(&self, database: usize) -> bool {
        self.len(database) == 0
    }

    /// How many keys of a database have a deadline.
    pub fn expires_len(&self, database: usize) -> usize {
        self.databases[database].as_ref().map_or(0, |data| data.tally.expiring_count)
    }

    /// The logical memory of all databases: entries, values and tables, without what is still to be freed.
    pub fn memory_bytes(&self) -> usize {
        self.databases.iter().flatten().map(|data| data.memory_bytes()).sum()
    }

    /// Empties a database in constant time. Its memory is freed by `free_some`.
    pub fn flush(&mut self, database: usize) {
        let Some(data) = self.databases[database].take() else {
            return;
        };
        self.changes.report_many(database, |key| data.find(key).is_some());
        if data.tally.key_count > 0 {
            self.record_whole(database, DatabaseEffect::Flushed);
        }
        self.changes.count_many(data.tally.key_count as u64);
        self.flushed_count += data.tally.key_count as u64;
        let grave = self.walks.bury(database, *data);
        self.graveyard.push(grave);
    }

    /// Takes the data of another key space with the same hasher in place of its own, which nobody is to hear of as changes.
    /// Whatever is watched counts as changed. No walk may be under way.
    pub fn take_data_of(&mut self, mut other: Keyspace) {
        assert!(self.walks.are_none() && self.hasher.hash(b"") == other.hasher.hash(b""));
        for database in 0..self.databases.len() {
            if let Some(former) =
                std::mem::replace(&mut self.databases[database], other.databases[database].take())
            {
                self.graveyard.push(self.walks.bury(database, *former));
            }
            self.changes.report_many(database, |_| true);
        }
    }

    /// Keys that were in databases when these were emptied, and those of them in databases whose memory is not yet free.
    pub fn flushed_counts(&self) -> (u64, u64) {
        let pending = self.graveyard.iter().map(|grave| grave.data.tally.key_count as u64).sum();
        (self.flushed_count, pending)
    }

    /// Figures of a database; `None` while it has held nothing.
    #[inline]
    pub fn figures(&self, database: usize) -> Option<DatabaseFigures> {
        let data = self.databases[database].as_ref()?;
        Some(DatabaseFigures {
            keys: data.tally.key_count,
            keys_with_deadline: data.tally.expiring_count,
            memory_bytes: data.memory_bytes(),
            table_bytes: data.table_bytes(),
            schedule_bytes: data.schedule_bytes(),
        })
    }

    /// Frees memory of flushed databases, about as much as `budget` entries hold. Tells whether all is freed.
    pub fn free_some(&mut self, mut budget: usize) -> bool {
        // What walks have still to pass stays; whoever goes on with them frees it in the end.
        while let Some(index) = self.graveyard.iter().rposition(|grave| !grave.is_needed()) {
            budget = self.graveyard[index].data.free_some(budget);
            if budget == 0 {
                return false;
            }
            self.graveyard.swap_remove(index);
        }
        true
    }

    /// Removes a key that was found expired, unless somebody may still need it. Tells whether it did.
    #[cold]
    fn expire(&mut self, database: usize, key: &Key<'_>) -> bool {
        let entry = self.databases[database].as_ref().and_then(|data| data.find(key));
        let is_needed = entry.is_some_and(|entry| !entry.is_expired(self.kept_since_ms));
        !is_needed && self.change(database, key, Cause::Expired, Edit::Remove)
    }

    #[inline]
    fn remove_expired(&mut self, database: usize, key: &Key<'_>, now_ms: u64) {
        let Some(data) = &self.databases[database] else {
            return;
        };
        // A database without deadlines is not searched.
        if data.tally.expiring_count > 0 && data.find(key).is_some_and(|entry| entry.is_expired(now_ms)) {
            self.change(database, key, Cause::Expired, Edit::Remove);
        }
    }

    /// Changes a key wherever it is. Tells whether the key was there before.
    fn change(&mut self, database: usize, key: &Key<'_>, cause: Cause, edit: Edit<'_>) -> bool {
        let spot = self.databases[database].as_ref().and_then(|data| data.spot(key));
        self.change_at(database, key, spot, cause, edit)
    }

    /// The one function that every change of a key goes through; `spot` is its place. Tells whether the key was there
    /// before.
    fn change_at(
        &mut self,
        database: usize,
        key: &Key<'_>,
        spot: Option<Spot>,
        cause: Cause,
        edit: Edit<'_>,
    ) -> bool {
        if self.is_attended {
            return self.change_attended(database, key, spot, cause, edit).existed();
        }
        self.change_plainly(database, key, spot, cause, edit).existed()
    }

    #[inline]
    fn change_plainly(
        &mut self,
        database: usize,
        key: &Key<'_>,
        spot: Option<Spot>,
        cause: Cause,
        edit: Edit<'_>,
    ) -> Applied {
        let creates = matches!(edit, Edit::Write(_) | Edit::Bytes(_));
        let data = match &mut self.databases[database] {
            Some(data) => data,
            None if creates => self.databases[database].insert(Box::new(Database::new(self.hasher.clone()))),
            None => return Applied::Nothing,
        };
        let applied = data.apply(key, spot, edit);
        match applied {
            Applied::Created | Applied::Changed => self.changes.report(database, key, cause),
            Applied::Lengthened => self.changes.report(database, key, Cause::Lengthen),
            Applied::Nothing | Applied::Unchanged => {}
        }
        applied
    }
}

fn write_of(value: Value<'_>, deadline: Deadline, recency: u32) -> Write<'_> {
    let raw = matches!(value, Value::Raw(_));
    Write { payload: payload_of(value), raw, deadline, recency }
}

fn payload_of(value: Value<'_>) -> Payload<'_> {
    match value {
        Value::Int(number) => Payload::Int(number),
        Value::Bytes(bytes) => match exact_integer(bytes) {
            Some(number) => Payload::Int(number),
            None => payload_of(Value::Text(bytes)),
        },
        Value::Text(bytes) | Value::Raw(bytes) if bytes.len() >= LARGE_BYTES_MIN => {
            Payload::Large(Bytes::copy_from_slice(bytes))
        }
        Value::Text(bytes) | Value::Raw(bytes) => Payload::Inline(bytes),
        Value::Large(bytes) => Payload::Large(bytes),
    }
}

/// A step of xorshift, for the odds of a frequency counter and for keys by chance.
fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
