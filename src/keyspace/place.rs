//! A key that was looked up to be changed: its place in the table is known, so that the change does not search again.

use std::ops::Range;

use crate::keyspace::cause::Cause;
use crate::keyspace::database::{BytesEdit, Deadline, Edit};
use crate::keyspace::entry::EntryRef;
use crate::keyspace::key::Key;
use crate::keyspace::table::segment::Spot;
use crate::keyspace::value::{LARGE_BYTES_MIN, Value};
use crate::keyspace::{Keyspace, Recency, write_of};

/// Whether looking at a key counts as a use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Use,
    Peek,
}

/// The place of one key, whether or not the key is there.
pub struct Place<'k, 'b> {
    keyspace: &'k mut Keyspace,
    database: usize,
    key: Key<'b>,
    /// None if the key is absent.
    spot: Option<Spot>,
    /// The key has expired and counts as absent, but is kept for somebody until it is written.
    is_kept: bool,
    now_ms: u64,
}

impl Keyspace {
    /// The place of a key that may be changed next. An expired key is removed and absent.
    #[inline]
    pub fn place<'k, 'b>(
        &'k mut self,
        database: usize,
        key: &Key<'b>,
        look: Look,
        now_ms: u64,
    ) -> Place<'k, 'b> {
        let mut spot = self.databases[database].as_ref().and_then(|data| data.spot(key));
        let mut is_kept = false;
        if let (Some(found), Some(data)) = (spot, &self.databases[database]) {
            if data.entry_at(key, found).is_expired(now_ms) {
                is_kept = !self.expire(database, key);
                spot = None;
            } else if look == Look::Use {
                self.touch(database, key, found, now_ms);
            }
        }
        Place { keyspace: self, database, key: *key, spot, is_kept, now_ms }
    }
}

impl Place<'_, '_> {
    /// What is done to the key counts as a use at `now_ms`, whatever time the lookup was told.
    #[inline]
    pub fn used_at(self, now_ms: u64) -> Self {
        // A key that is kept although it has expired is removed by the time that it was looked up at.
        debug_assert!(!self.is_kept);
        Place { now_ms, ..self }
    }

    /// The entry of the key.
    #[inline]
    pub fn entry(&self) -> Option<EntryRef<'_>> {
        let data = self.keyspace.databases[self.database].as_ref()?;
        self.spot.map(|spot| data.entry_at(&self.key, spot))
    }

    /// Stores a string, whatever was there, and tells whether something was.
    #[inline]
    pub fn set(self, value: Value<'_>, deadline: Deadline, cause: Cause) -> bool {
        if let Value::Large(bytes) = &value
            && bytes.len() < LARGE_BYTES_MIN
        {
            return self.set(Value::Bytes(bytes), deadline, cause);
        }
        let recency = match (self.keyspace.recency, self.entry()) {
            // The look has counted the use.
            (Recency::Lfu { .. }, Some(entry)) => entry.recency(),
            (policy, _) => policy.fresh(self.now_ms),
        };
        self.change(cause, Edit::Write(write_of(value, deadline, recency)))
    }

    /// Gives a string `length` bytes (zeroes are added, or the end is cut) and lets `change` at them, which tells whether
    /// anybody should hear of it, and writes nowhere but in `range`. An absent key starts empty. Its encoding becomes `raw`; the deadline stays. A large
    /// buffer is changed in place unless somebody else still holds it.
    #[inline]
    pub fn edit_bytes(
        self,
        length: usize,
        range: Range<usize>,
        cause: Cause,
        mut change: impl FnMut(&mut [u8]) -> bool,
    ) {
        let recency = self.keyspace.recency.fresh(self.now_ms);
        self.change(cause, Edit::Bytes(BytesEdit { length, range, recency, change: &mut change }));
    }

    #[inline]
    fn change(self, cause: Cause, edit: Edit<'_>) -> bool {
        let Place { keyspace, database, key, spot, is_kept, now_ms } = self;
        if is_kept {
            keyspace.remove_expired(database, &key, now_ms);
        }
        keyspace.change_at(database, &key, spot, cause, edit)
    }
}
