//! What a walk saves for a snapshot: sections of an RDB file, which may stand in any order.

use crate::codec::rdb::{Compression, Entry, EntryWriter, StringValue, Used};
use crate::keyspace::{EntryRef, Recency, Save, ValueRef};

/// Saves entries as Redis 7.0 would. Whenever the buffer is empty a section begins, which says its database.
pub fn saver(compression: Compression, recency: Recency) -> Save {
    let mut writer = EntryWriter::new(compression);
    let mut selected = None;
    Box::new(move |out, database, _, entry| {
        if out.is_empty() || selected != Some(database) {
            writer.select(database as u64, out);
            selected = Some(database);
        }
        let value = match entry.value() {
            ValueRef::Int(number) => StringValue::Int(number),
            ValueRef::Bytes(bytes) => StringValue::Bytes(bytes),
            ValueRef::Large(bytes) => StringValue::Bytes(bytes),
        };
        let (expire_ms, used) = (entry.deadline_ms(), used(entry, recency));
        writer.entry(&Entry { key: entry.key(), value, expire_ms, used }, out);
    })
}

/// Redis writes down how a key was used if the eviction policy asks for it.
fn used(entry: EntryRef<'_>, recency: Recency) -> Option<Used> {
    match recency {
        Recency::Lru => None,
        Recency::Lfu { .. } => Some(Used::Frequency(entry.recency() as u8)),
    }
}
