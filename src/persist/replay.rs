//! Effects done again on a key space: nothing expires meanwhile, and memory is asked for some keys ahead.

use crate::codec::effect::{DatabaseChange, Effect, Invalid, KeyChange, Value, decode};
use crate::keyspace::{self, Cause, Deadline, EntryRef, Key, Keyspace, Look};

/// So many keys are asked for before the first of them is changed.
const AHEAD_KEYS: usize = 32;
/// Deadlines are kept as they are: at this time all keys are alive.
const NOTHING_EXPIRES_MS: u64 = 0;

/// Why an effect cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("there is no database {0}: more are needed (`databases`)")]
    Database(u8),
}

/// Does effects again.
pub struct Replay<'k> {
    keyspace: &'k mut Keyspace,
    /// Keys count as used then.
    used_at_ms: u64,
    effect_count: u64,
}

/// A change of a key that is still to be done.
struct Pending<'a> {
    database: usize,
    key: Key<'a>,
    change: KeyChange<'a>,
}

impl<'k> Replay<'k> {
    pub fn new(keyspace: &'k mut Keyspace, used_at_ms: u64) -> Self {
        Replay { keyspace, used_at_ms, effect_count: 0 }
    }

    /// How many effects were done.
    pub fn effect_count(&self) -> u64 {
        self.effect_count
    }

    /// Does the effects of several records. An error comes with the number of the record; all before it is done.
    pub fn apply<'a>(&mut self, records: impl Iterator<Item = &'a [u8]>) -> Result<(), (usize, Problem)> {
        let mut pending = Vec::with_capacity(AHEAD_KEYS);
        let mut outcome = Ok(());
        'records: for (index, effects) in records.enumerate() {
            for effect in decode(effects) {
                let taken = effect.map_err(Problem::from).and_then(|effect| self.take(effect, &mut pending));
                if let Err(problem) = taken {
                    outcome = Err((index, problem));
                    break 'records;
                }
            }
        }
        self.finish(&mut pending);
        outcome
    }

    #[inline]
    fn take<'a>(&mut self, effect: Effect<'a>, pending: &mut Vec<Pending<'a>>) -> Result<(), Problem> {
        self.effect_count += 1;
        match effect {
            Effect::Key { spot, key, change } => {
                let database = self.database(spot.database)?;
                let key = self.keyspace.hasher().key(key, spot.slot);
                self.keyspace.prefetch_group(database, &key);
                pending.push(Pending { database, key, change });
                if pending.len() == AHEAD_KEYS {
                    self.finish(pending);
                }
            }
            Effect::Database { database, change } => {
                self.finish(pending);
                self.change_database(self.database(database)?, change)?;
            }
        }
        Ok(())
    }

    fn database(&self, database: u8) -> Result<usize, Problem> {
        let is_there = usize::from(database) < self.keyspace.database_count();
        is_there.then_some(usize::from(database)).ok_or(Problem::Database(database))
    }

    fn finish(&mut self, pending: &mut Vec<Pending<'_>>) {
        for Pending { database, key, .. } in pending.iter() {
            self.keyspace.prefetch_entry(*database, key);
        }
        for Pending { database, key, change } in pending.drain(..) {
            self.change_key(database, &key, change);
        }
        // Nobody listens yet.
        self.keyspace.changes_mut().forget_notes();
    }

    #[inline]
    fn change_key(&mut self, database: usize, key: &Key<'_>, change: KeyChange<'_>) {
        match change {
            KeyChange::Stored { value, deadline_ms } => {
                let value = match value {
                    Value::Plain(bytes) => keyspace::Value::Bytes(bytes),
                    Value::Text(bytes) => keyspace::Value::Text(bytes),
                    Value::Raw(bytes) => keyspace::Value::Raw(bytes),
                    Value::Int(number) => keyspace::Value::Int(number),
                };
                let deadline = deadline_ms.map_or(Deadline::Clear, Deadline::At);
                let place = self.keyspace.place(database, key, Look::Peek, NOTHING_EXPIRES_MS);
                place.used_at(self.used_at_ms).set(value, deadline, Cause::Set);
            }
            KeyChange::Deadline(deadline_ms) => {
                self.keyspace.set_deadline(database, key, deadline_ms, NOTHING_EXPIRES_MS);
            }
            KeyChange::Removed => {
                self.keyspace.remove(database, key, Cause::Delete, NOTHING_EXPIRES_MS);
            }
            KeyChange::Patched { length, offset, bytes } => {
                let place = self.keyspace.place(database, key, Look::Peek, NOTHING_EXPIRES_MS);
                let before = place.entry().map(EntryRef::value).map_or(0, |value| value.len());
                // The decoder has seen to it that the bytes lie within the length, and this within memory.
                let offset = offset as usize;
                let (length, range) = (before.max(length as usize), offset..offset + bytes.len());
                let place = place.used_at(self.used_at_ms);
                place.edit_bytes(length, range.clone(), Cause::SetRange, |string| {
                    string[range.clone()].copy_from_slice(bytes);
                    true
                });
            }
        }
    }

    fn change_database(&mut self, database: usize, change: DatabaseChange) -> Result<(), Problem> {
        match change {
            DatabaseChange::Flushed => {
                self.keyspace.flush(database);
                self.keyspace.free_some(usize::MAX);
            }
            DatabaseChange::Swapped(other) => {
                let other = self.database(other)?;
                self.keyspace.swap_databases(database, other);
            }
            // What was there is freed.
            DatabaseChange::SlotGone(slot) => drop(self.keyspace.take_slot(database, slot)),
        }
        Ok(())
    }
}
