//! Strings stored with the history they had elsewhere: from a payload of DUMP, or from a snapshot.

use crate::keyspace::cause::Cause;
use crate::keyspace::database::{Deadline, Edit};
use crate::keyspace::key::Key;
use crate::keyspace::recency::Use;
use crate::keyspace::value::{LARGE_BYTES_MIN, Value};
use crate::keyspace::{Keyspace, write_of};

/// A string, until when it lives, and how it was used.
pub struct Restored<'a> {
    pub value: Value<'a>,
    /// Milliseconds since 1970, and not over.
    pub deadline_ms: Option<u64>,
    pub before: Use,
}

impl Keyspace {
    /// Stores a string under a key, whatever was there.
    pub fn restore(
        &mut self,
        database: usize,
        key: &Key<'_>,
        restored: Restored<'_>,
        cause: Cause,
        now_ms: u64,
    ) {
        self.remove_expired(database, key, now_ms);
        let Restored { value, deadline_ms, before } = restored;
        let value = match &value {
            Value::Large(bytes) if bytes.len() < LARGE_BYTES_MIN => Value::Bytes(bytes),
            _ => value,
        };
        let deadline = deadline_ms.map_or(Deadline::Clear, Deadline::At);
        let recency = self.recency.remembered(before, now_ms);
        self.change(database, key, cause, Edit::Write(write_of(value, deadline, recency)));
    }
}
