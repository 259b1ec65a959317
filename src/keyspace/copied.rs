//! Values that have left their table: copied under one key to be stored under another, perhaps on another shard.

use bytes::Bytes;

use crate::keyspace::cause::Cause;
use crate::keyspace::database::{Deadline, Edit, Write};
use crate::keyspace::entry::Payload;
use crate::keyspace::key::Key;
use crate::keyspace::value::ValueRef;
use crate::keyspace::{EntryRef, Keyspace};

/// A value with everything that COPY and RENAME carry along.
#[derive(Clone, Debug)]
pub struct Copied {
    value: CopiedValue,
    /// Milliseconds since 1970.
    deadline_ms: Option<u64>,
    /// Whether the encoding is `raw` however short the value.
    raw: bool,
    /// The bits of last use, if they go along as well.
    recency: Option<u32>,
}

#[derive(Clone, Debug)]
enum CopiedValue {
    Int(i64),
    Bytes(Box<[u8]>),
    /// Shared with the entry it was copied from, until one of them is changed.
    Large(Bytes),
}

impl Copied {
    /// A copy of an entry, for another key that will have a history of its own.
    pub fn of(entry: EntryRef<'_>) -> Self {
        Copied::new(entry, None)
    }

    /// The string that was copied.
    pub fn value(&self) -> ValueRef<'_> {
        match &self.value {
            CopiedValue::Int(number) => ValueRef::Int(*number),
            CopiedValue::Bytes(bytes) => ValueRef::Bytes(bytes),
            CopiedValue::Large(bytes) => ValueRef::Large(bytes),
        }
    }

    fn new(entry: EntryRef<'_>, recency: Option<u32>) -> Self {
        let value = match entry.value() {
            ValueRef::Int(number) => CopiedValue::Int(number),
            ValueRef::Bytes(bytes) => CopiedValue::Bytes(bytes.into()),
            ValueRef::Large(bytes) => CopiedValue::Large(bytes.clone()),
        };
        Copied { value, deadline_ms: entry.deadline_ms(), raw: entry.is_raw(), recency }
    }

    fn payload(&self) -> Payload<'_> {
        match &self.value {
            CopiedValue::Int(number) => Payload::Int(*number),
            CopiedValue::Bytes(bytes) => Payload::Inline(bytes),
            CopiedValue::Large(bytes) => Payload::Large(bytes.clone()),
        }
    }
}

impl Keyspace {
    /// A copy of what is stored under a key, for another key that will have a history of its own.
    pub fn copy(&mut self, database: usize, key: &Key<'_>, now_ms: u64) -> Option<Copied> {
        self.peek(database, key, now_ms).map(|entry| Copied::new(entry, None))
    }

    /// What is stored under a key that is about to change its name or place: how often it is used goes along.
    pub fn lift(&mut self, database: usize, key: &Key<'_>, now_ms: u64) -> Option<Copied> {
        self.find(database, key, now_ms).map(|entry| Copied::new(entry, Some(entry.recency())))
    }

    /// Stores a copy under a key, whatever was there, with the deadline it had.
    pub fn paste(&mut self, database: usize, key: &Key<'_>, copied: &Copied, cause: Cause, now_ms: u64) {
        self.remove_expired(database, key, now_ms);
        let deadline = copied.deadline_ms.map_or(Deadline::Clear, Deadline::At);
        let recency = copied.recency.unwrap_or_else(|| self.recency.fresh(now_ms));
        let write = Write { payload: copied.payload(), raw: copied.raw, deadline, recency };
        self.change(database, key, cause, Edit::Write(write));
    }
}
