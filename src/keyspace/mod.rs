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
//! memory and reports to `Changes`.
//!
//! A batch hides the latency of memory by asking for all its keys first: `prefetch_group` for each, then
//! `prefetch_entry` for each, then the commands.

mod cause;
mod changes;
mod copied;
mod database;
mod entry;
mod expiry;
mod key;
mod memory;
mod moves;
mod recency;
mod scan;
mod schedule;
mod table;
mod value;

#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};

use database::{Database, Edit, Write};
use entry::Payload;
use expiry::DueKeys;
use table::{prefetch, prefetch_entry_lines};

pub use cause::{Cause, Event, EventClass};
pub use changes::{Changes, Listening, Note};
pub use copied::Copied;
pub use database::{Deadline, Tally};
pub use entry::{DEADLINE_MS_MAX, EntryRef};
pub use key::{Hasher, Key};
pub use moves::MovedSlot;
pub use recency::Recency;
pub use scan::{cursor_slot, slot_cursor};
pub use value::{Encoding, Kind, LARGE_BYTES_MIN, Value, ValueRef, exact_integer};

/// How many slots the keys are spread over.
pub const SLOT_COUNT: usize = 16_384;
/// The most databases.
pub const DATABASE_COUNT_MAX: usize = 16;

/// The keys of one shard, which owns any subset of the slots.
pub struct Keyspace {
    databases: Vec<Option<Box<Database>>>,
    hasher: Hasher,
    recency: Recency,
    changes: Changes,
    /// Flushed databases whose memory is still to be freed.
    graveyard: Vec<Database>,
    random: u64,
    /// Where a value is put together that changes its size.
    scratch: Vec<u8>,
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
            graveyard: Vec::new(),
            scratch: Vec::new(),
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
        let before = entry.recency();
        let random = &mut self.random;
        let recency = self.recency.touched(before, now_ms, || (next_random(random) >> 32) as u32);
        if recency != before {
            data.touch(key, spot, recency);
        }
        let data = self.databases[database].as_ref()?;
        Some(data.table(key.slot).segment(key.hash).entry(spot))
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
        if let Value::Large(bytes) = &value
            && bytes.len() < LARGE_BYTES_MIN
        {
            return self.set(database, key, Value::Bytes(bytes), deadline, cause, now_ms);
        }
        self.remove_expired(database, key, now_ms);
        let raw = matches!(value, Value::Raw(_));
        let recency = match self.recency {
            Recency::Lru => self.recency.fresh(now_ms),
            Recency::Lfu { .. } => self.recency_when_written(database, key, now_ms),
        };
        let write = Write { payload: payload_of(value), raw, deadline, recency, walk: 0 };
        self.change(database, key, cause, Edit::Write(write))
    }

    /// A key that is written over keeps the count of its uses, of which this is one.
    fn recency_when_written(&mut self, database: usize, key: &Key<'_>, now_ms: u64) -> u32 {
        let former = self.databases[database].as_ref().and_then(|data| data.find(key)).map(EntryRef::recency);
        match former {
            Some(bits) => self.recency.touched(bits, now_ms, || (next_random(&mut self.random) >> 32) as u32),
            None => self.recency.fresh(now_ms),
        }
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

    /// Lets `edit` change the bytes of a string, after giving it `length` bytes: zeroes are added, or the end is cut.
    /// An absent key starts empty. Its encoding becomes `raw`; the deadline stays. A large buffer is changed in
    /// place unless somebody else still holds it.
    pub fn edit_bytes(
        &mut self,
        database: usize,
        key: &Key<'_>,
        length: usize,
        cause: Cause,
        now_ms: u64,
        mut edit: impl FnMut(&mut [u8]),
    ) {
        self.remove_expired(database, key, now_ms);
        let former = self.databases[database].as_ref().and_then(|data| data.find(key)).map(EntryRef::value);
        match former {
            Some(ValueRef::Bytes(bytes)) if bytes.len() == length => {
                self.change(database, key, cause, Edit::Bytes(&mut edit));
                return;
            }
            Some(ValueRef::Large(_)) if length >= LARGE_BYTES_MIN => {
                return self.edit_large(database, key, length, cause, now_ms, edit);
            }
            _ => {}
        }
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        match self.databases[database].as_ref().and_then(|data| data.find(key)).map(EntryRef::value) {
            Some(ValueRef::Int(number)) => bytes.extend_from_slice(number.to_string().as_bytes()),
            Some(ValueRef::Bytes(former)) => bytes.extend_from_slice(former),
            Some(ValueRef::Large(former)) => bytes.extend_from_slice(&former[..length.min(former.len())]),
            None => {}
        }
        bytes.resize(length, 0);
        edit(&mut bytes);
        if length >= LARGE_BYTES_MIN {
            self.set(database, key, Value::Large(bytes.into()), Deadline::Keep, cause, now_ms);
        } else {
            self.set(database, key, Value::Raw(&bytes), Deadline::Keep, cause, now_ms);
            self.scratch = bytes;
        }
    }

    fn edit_large(
        &mut self,
        database: usize,
        key: &Key<'_>,
        length: usize,
        cause: Cause,
        now_ms: u64,
        mut edit: impl FnMut(&mut [u8]),
    ) {
        let data = self.databases[database].as_mut().expect("the caller found the key here");
        let former = data.take_large(key).expect("the caller found a large value");
        // A buffer that somebody still holds, say a send in flight, is copied.
        let mut bytes = former.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        bytes.resize(length, 0);
        edit(&mut bytes);
        self.set(database, key, Value::Large(bytes.freeze()), Deadline::Keep, cause, now_ms);
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
        self.graveyard.push(*data);
    }

    /// Frees memory of flushed databases, about as much as `budget` entries hold. Tells whether all is freed.
    pub fn free_some(&mut self, mut budget: usize) -> bool {
        while let Some(data) = self.graveyard.last_mut() {
            budget = data.free_some(budget);
            if budget == 0 {
                return false;
            }
            self.graveyard.pop();
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

    /// The one function that every change of a key goes through. Tells whether the key was there before.
    fn change(&mut self, database: usize, key: &Key<'_>, cause: Cause, edit: Edit<'_>) -> bool {
        let creates = matches!(edit, Edit::Write(_));
        let data = match &mut self.databases[database] {
            Some(data) => data,
            None if creates => self.databases[database].insert(Box::new(Database::new(self.hasher.clone()))),
            None => return false,
        };
        let existed = data.apply(key, edit);
        if existed || creates {
            self.changes.report(database, key, cause);
        }
        existed
    }
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
