//! What the key space tells of its changes, as the bytes of the log.

use crate::codec::effect::{self, Spot, Value};
use crate::keyspace::{EntryRef, ValueRef, exact_integer};

/// Appends the effect that a key holds what this entry holds.
#[inline]
pub fn write_entry(buffer: &mut Vec<u8>, database: usize, slot: u16, entry: EntryRef<'_>) {
    let spot = Spot { database: database as u8, slot };
    effect::write_stored(buffer, spot, entry.key(), value_of(entry), entry.deadline_ms());
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
