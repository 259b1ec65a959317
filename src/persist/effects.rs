//! What the key space tells of its changes, as the bytes of the log.

use crate::codec::effect::{self, DatabaseChange, Spot, Value};
use crate::keyspace::{DatabaseEffect, Effect, Encoder, EntryRef, ValueRef};
use crate::types::decimal::exact_integer;

/// For `Keyspace::record_effects`.
pub const ENCODER: Encoder = Encoder { key: write_key, database: write_database };

/// Appends the effect that a key holds what this entry holds.
#[inline]
pub fn write_entry(buffer: &mut Vec<u8>, database: usize, slot: u16, entry: EntryRef<'_>) {
    let spot = Spot { database: database as u8, slot };
    effect::write_stored(buffer, spot, entry.key(), value_of(entry), entry.deadline_ms());
}

fn write_key(buffer: &mut Vec<u8>, database: usize, slot: u16, key: &[u8], effect: Effect<'_>) {
    let spot = Spot { database: database as u8, slot };
    match effect {
        Effect::Stored(entry) => write_entry(buffer, database, slot, entry),
        Effect::Deadline(deadline_ms) => effect::write_deadline_change(buffer, spot, key, deadline_ms),
        Effect::Removed => effect::write_removed(buffer, spot, key),
        Effect::Patched { length, offset, bytes } => {
            effect::write_patched(buffer, spot, key, length as u64, offset as u64, bytes);
        }
    }
}

fn write_database(buffer: &mut Vec<u8>, database: usize, effect: DatabaseEffect) {
    let change = match effect {
        DatabaseEffect::Flushed => DatabaseChange::Flushed,
        DatabaseEffect::Swapped(other) => DatabaseChange::Swapped(other as u8),
        DatabaseEffect::SlotGone(slot) => DatabaseChange::SlotGone(slot),
    };
    effect::write_database(buffer, database as u8, change);
}

#[inline]
fn value_of(entry: EntryRef<'_>) -> Value<'_> {
    let bytes = match entry.value() {
        ValueRef::Int(number) => return Value::Int(number),
        ValueRef::Bytes(bytes) => bytes,
        ValueRef::Large(bytes) => bytes,
    };
    match entry.is_raw() {
        true => Value::Raw(bytes),
        false if exact_integer(bytes).is_some() => Value::Text(bytes),
        false => Value::Plain(bytes),
    }
}
