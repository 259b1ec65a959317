//! Effects: what became of a key or of a database, described into a buffer by whoever knows the form, say of a log.
//!
//! The key space does not know what a log is: it calls a plain function once for each change, after the change. While
//! nobody records, a change pays one comparison for all this.

use std::ops::Range;

use crate::keyspace::Keyspace;
use crate::keyspace::cause::Cause;
use crate::keyspace::database::{Applied, Edit};
use crate::keyspace::entry::EntryRef;
use crate::keyspace::key::Key;
use crate::keyspace::table::segment::Spot;
use crate::keyspace::value::ValueRef;

/// A string shorter than this is recorded as a whole, because a patch would hardly be smaller.
const PATCHED_BYTES_MIN: usize = 128;

/// What became of a key. Absolute: it says the outcome, not the way.
#[derive(Clone, Copy)]
pub enum Effect<'a> {
    /// The key holds this entry.
    Stored(EntryRef<'a>),
    /// The key has this deadline (milliseconds since 1970), or none.
    Deadline(Option<u64>),
    Removed,
    /// The string has at least `length` bytes (zeroes where there were none), its encoding is raw, and these bytes are at
    /// `offset`.
    Patched {
        length: usize,
        offset: usize,
        bytes: &'a [u8],
    },
}

/// What became of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseEffect {
    /// It is empty.
    Flushed,
    /// It has changed places with this one.
    Swapped(usize),
    /// The keys of a slot have left it for another key space.
    SlotGone(u16),
}

/// Appends the description of an effect.
#[derive(Clone, Copy)]
pub struct Encoder {
    /// Of a key: database, slot, key, effect.
    pub key: fn(&mut Vec<u8>, usize, u16, &[u8], Effect<'_>),
    /// Of a database.
    pub database: fn(&mut Vec<u8>, usize, DatabaseEffect),
}

/// Where effects are recorded.
#[derive(Default)]
pub struct Recording {
    encoder: Option<Encoder>,
    bytes: Vec<u8>,
}

/// What an edit is about to touch.
enum Outline {
    Whole,
    Deadline(Option<u64>),
    Part(Range<usize>),
    Removed,
}

impl Keyspace {
    /// Records effects from now on, or no longer.
    pub fn record_effects(&mut self, encoder: Option<Encoder>) {
        self.recording.encoder = encoder;
        self.attend();
    }

    /// What was recorded. The caller empties it.
    #[inline]
    pub fn effects(&self) -> &[u8] {
        &self.recording.bytes
    }

    #[inline]
    pub fn effects_mut(&mut self) -> &mut Vec<u8> {
        &mut self.recording.bytes
    }

    /// Finds out whether changes must be looked at.
    pub(super) fn attend(&mut self) {
        self.is_attended = self.recording.encoder.is_some() || !self.walks.are_none();
    }

    /// Changes a key, shows it to the walks, and records what became of it.
    #[inline(never)]
    pub(super) fn change_attended(
        &mut self,
        database: usize,
        key: &Key<'_>,
        spot: Option<Spot>,
        cause: Cause,
        edit: Edit<'_>,
    ) -> Applied {
        self.save_for_walks(database, key, spot);
        let removes = matches!(edit, Edit::Remove);
        let former = self.entry_at(database, key, spot);
        let outline = Outline::of(&edit, former);
        let was_raw = former.is_some_and(EntryRef::is_raw);
        let applied = self.change_plainly(database, key, spot, cause, edit);
        self.mark_for_walks(database, key, spot, applied != Applied::Nothing && !removes);
        let is_changed = match applied {
            Applied::Created | Applied::Changed | Applied::Lengthened => true,
            // The encoding has become raw, although the bytes are the same.
            Applied::Unchanged => !was_raw,
            Applied::Nothing => false,
        };
        if is_changed {
            self.record(database, key, spot, outline);
        }
        applied
    }

    fn entry_at(&self, database: usize, key: &Key<'_>, spot: Option<Spot>) -> Option<EntryRef<'_>> {
        let data = self.databases[database].as_ref()?;
        spot.map(|spot| data.entry_at(key, spot))
    }

    fn record(&mut self, database: usize, key: &Key<'_>, spot: Option<Spot>, outline: Outline) {
        let (Some(encoder), Some(data)) = (self.recording.encoder, &self.databases[database]) else {
            return;
        };
        let stored = || {
            // An entry stays where it is when it is changed; one that was created lies somewhere.
            let spot = spot.or_else(|| data.spot(key)).expect("what was stored is there");
            data.entry_at(key, spot)
        };
        let effect = match outline {
            Outline::Whole => Effect::Stored(stored()),
            Outline::Deadline(deadline_ms) => Effect::Deadline(deadline_ms),
            Outline::Part(range) => patch(stored(), range),
            Outline::Removed => Effect::Removed,
        };
        (encoder.key)(&mut self.recording.bytes, database, key.slot, key.bytes, effect);
    }

    /// Records what became of a database.
    pub(super) fn record_whole(&mut self, database: usize, effect: DatabaseEffect) {
        if let Some(encoder) = self.recording.encoder {
            (encoder.database)(&mut self.recording.bytes, database, effect);
        }
    }

    /// Records all entries of a slot, which have arrived from another key space.
    pub(super) fn record_slot(&mut self, database: usize, slot: u16) {
        let (Some(encoder), Some(data)) = (self.recording.encoder, &self.databases[database]) else {
            return;
        };
        for entry in data.table(slot).segments().iter().flat_map(|segment| segment.entries()) {
            let effect = Effect::Stored(entry);
            (encoder.key)(&mut self.recording.bytes, database, slot, entry.key(), effect);
        }
    }
}

impl Outline {
    fn of(edit: &Edit<'_>, former: Option<EntryRef<'_>>) -> Self {
        match edit {
            Edit::Write(_) => Outline::Whole,
            Edit::Deadline(deadline_ms) => Outline::Deadline(*deadline_ms),
            Edit::Remove => Outline::Removed,
            Edit::Bytes(edit) => {
                assert!(edit.range.end <= edit.length, "an edit writes within the string");
                // A patch does not shorten.
                match former.is_some_and(|entry| entry.value().len() > edit.length) {
                    true => Outline::Whole,
                    false => Outline::Part(edit.range.clone()),
                }
            }
        }
    }
}

/// The effect of an edit of the bytes in `range`.
fn patch(entry: EntryRef<'_>, range: Range<usize>) -> Effect<'_> {
    let bytes = match entry.value() {
        ValueRef::Bytes(bytes) => bytes,
        ValueRef::Large(bytes) => bytes,
        ValueRef::Int(_) => return Effect::Stored(entry),
    };
    if bytes.len() < PATCHED_BYTES_MIN || range.len() > bytes.len() / 2 {
        return Effect::Stored(entry);
    }
    Effect::Patched { length: bytes.len(), offset: range.start, bytes: &bytes[range] }
}
