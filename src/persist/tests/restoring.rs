//! What a key space holds comes back from its effects: bytes, encodings and deadlines.

use proptest::prelude::*;

use super::disk::Random;
use crate::codec::effect::{
    DatabaseChange, Spot, Value as Encoded, decode, write_database, write_deadline_change, write_patched,
    write_removed, write_stored,
};
use crate::keyspace::{Cause, Deadline, Encoding, EntryRef, Hasher, Keyspace, Look, Recency, Value};
use crate::persist::effects::{ENCODER, write_entry};
use crate::persist::replay::{Problem, Replay};

const NOW_MS: u64 = 1_700_000_000_000;

fn keyspace() -> Keyspace {
    Keyspace::new(3, Hasher::seeded(1), Recency::Lru)
}

/// Everything about an entry that clients can see.
fn seen(entry: EntryRef<'_>) -> (Vec<u8>, Vec<u8>, Encoding, bool, Option<u64>) {
    (entry.key().to_vec(), entry.value().to_vec(), entry.encoding(), entry.is_raw(), entry.deadline_ms())
}

/// Key, value, encoding, whether it stays raw, deadline.
type Seen = (Vec<u8>, Vec<u8>, Encoding, bool, Option<u64>);

fn all(keyspace: &mut Keyspace, database: usize) -> Vec<Seen> {
    let mut found = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = keyspace.scan(database, cursor, 16_384, 1000, 0, |entry| found.push(seen(entry)));
        if cursor == 0 {
            found.sort_by(|left, right| left.0.cmp(&right.0));
            return found;
        }
    }
}

fn slot(key: &[u8]) -> u16 {
    u16::from(key.first().copied().unwrap_or(0)) * 64
}

proptest! {
    #[test]
    fn entries_come_back_as_they_were(
        entries in prop::collection::btree_map(
            prop::collection::vec(any::<u8>(), 0..20),
            (
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..80),
                    any::<i64>().prop_map(|number| number.to_string().into_bytes()),
                    (16_380usize..16_390).prop_map(|length| vec![b'7'; length]),
                ],
                0u8..5,
                prop::option::of(0u64..1 << 48),
            ),
            0..200,
        ),
    ) {
        let mut before = keyspace();
        let hasher = before.hasher().clone();
        for (name, (value, way, deadline_ms)) in &entries {
            let key = hasher.key(name, slot(name));
            let deadline = deadline_ms.map_or(Deadline::Clear, Deadline::At);
            let value = match way {
                0 => Value::Bytes(value),
                1 => Value::Text(value),
                2 => Value::Raw(value),
                3 => Value::Large(value.clone().into()),
                _ => Value::Int(value.len() as i64),
            };
            before.set(1, &key, value, deadline, Cause::Set, 0);
        }
        let mut effects = Vec::new();
        before.scan(1, 0, 16_384, usize::MAX, 0, |entry| write_entry(&mut effects, 1, slot(entry.key()), entry));
        let mut after = keyspace();
        let mut replay = Replay::new(&mut after, NOW_MS);
        replay.apply([&effects[..]].into_iter()).expect("valid");
        prop_assert_eq!(replay.effect_count() as usize, entries.len());
        prop_assert_eq!(all(&mut after, 1), all(&mut before, 1));
        prop_assert_eq!(after.memory_bytes(), before.memory_bytes());
    }
}

#[test]
fn each_effect_is_done_in_its_order() {
    let mut effects = Vec::new();
    let spot = Spot { database: 0, slot: 0 };
    let plain = |value: &'static [u8]| Encoded::Plain(value);
    write_stored(&mut effects, spot, b"gone", plain(b"1"), None);
    write_stored(&mut effects, spot, b"expired", plain(b"x"), Some(1));
    write_stored(&mut effects, spot, b"lasting", plain(b"x"), Some(1));
    write_deadline_change(&mut effects, spot, b"lasting", None);
    write_deadline_change(&mut effects, spot, b"absent", Some(7));
    write_removed(&mut effects, spot, b"gone");
    write_stored(&mut effects, spot, b"patched", Encoded::Int(12), None);
    write_patched(&mut effects, spot, b"patched", 8, 5, b"ab");
    write_patched(&mut effects, spot, b"patched", 3, 0, b"9");
    write_patched(&mut effects, spot, b"new", 3, 1, b"b");
    write_stored(&mut effects, Spot { slot: 9, ..spot }, b"left", plain(b"x"), None);
    write_database(&mut effects, 0, DatabaseChange::SlotGone(9));
    write_stored(&mut effects, Spot { database: 1, ..spot }, b"flushed", plain(b"x"), None);
    write_database(&mut effects, 1, DatabaseChange::Flushed);
    write_database(&mut effects, 0, DatabaseChange::Swapped(2));
    let mut keyspace = keyspace();
    Replay::new(&mut keyspace, NOW_MS).apply([&effects[..]].into_iter()).expect("valid");
    let row = |key: &[u8], value: &[u8], encoding, is_raw, deadline_ms| {
        (key.to_vec(), value.to_vec(), encoding, is_raw, deadline_ms)
    };
    let expected = [
        row(b"expired", b"x", Encoding::Embstr, false, Some(1)),
        row(b"lasting", b"x", Encoding::Embstr, false, None),
        row(b"new", b"\0b\0", Encoding::Raw, true, None),
        row(b"patched", b"92\0\0\0ab\0", Encoding::Raw, true, None),
    ];
    assert_eq!(all(&mut keyspace, 2), expected);
    assert_eq!((keyspace.len(0), keyspace.len(1)), (0, 0));
    assert!(!keyspace.changes().has_notes());
    // A key counts as used when it was replayed.
    let hasher = keyspace.hasher().clone();
    let place = keyspace.place(2, &hasher.key(b"lasting", 0), Look::Peek, NOW_MS);
    let recency = place.entry().expect("it is there").recency();
    assert_eq!(Recency::Lru.idle_ms(recency, NOW_MS + 5000), 5000);
}

#[test]
fn what_cannot_be_done_is_told_with_the_record() {
    let mut good = Vec::new();
    write_removed(&mut good, Spot { database: 0, slot: 0 }, b"key");
    let mut elsewhere = Vec::new();
    write_removed(&mut elsewhere, Spot { database: 3, slot: 0 }, b"key");
    let mut swapped = Vec::new();
    write_database(&mut swapped, 0, DatabaseChange::Swapped(9));
    let mut keyspace = keyspace();
    let mut apply = |records: &[&[u8]]| Replay::new(&mut keyspace, NOW_MS).apply(records.iter().copied());
    assert_eq!(apply(&[&good, &good]), Ok(()));
    assert_eq!(apply(&[&good, &elsewhere]), Err((1, Problem::Database(3))));
    assert_eq!(apply(&[&swapped]), Err((0, Problem::Database(9))));
    let invalid = decode(b"\x09\0\0\0").next().expect("something").expect_err("unknown");
    assert_eq!(apply(&[&good, &good, b"\x09\0\0\0"]), Err((2, Problem::Invalid(invalid))));
}

/// Changes of all kinds are recorded, replayed, and lead to the same keys.
#[test]
fn what_was_recorded_is_replayed() {
    let mut before = keyspace();
    before.record_effects(Some(ENCODER));
    let hasher = before.hasher().clone();
    let mut random = Random(1);
    for _ in 0..20_000 {
        let name = format!("key:{}", random.below(50));
        let (key, database) = (hasher.key(name.as_bytes(), slot(name.as_bytes())), random.below(3));
        match random.below(200) {
            0 => before.flush(database),
            1 => before.swap_databases(database, random.below(3)),
            2 => drop(before.take_slot(database, key.slot)),
            3..40 => drop(before.remove(database, &key, Cause::Delete, 0)),
            40..60 => {
                let deadline_ms = Some(random.number() >> 16).filter(|number| number % 3 > 0);
                before.set_deadline(database, &key, deadline_ms, 0);
            }
            60..120 => {
                let at = random.below(400);
                let place = before.place(database, &key, Look::Peek, 0);
                let length = place.entry().map_or(0, |entry| entry.value().len()).max(at + 1);
                place.edit_bytes(length, at..at + 1, Cause::SetBit, |bytes| {
                    bytes[at] = 7;
                    true
                });
            }
            _ => {
                let value = random.number() as i16;
                let value =
                    [Value::Int(value.into()), Value::Text(b"12"), Value::Raw(b"ab"), Value::Bytes(b"c")]
                        [random.below(4)]
                    .clone();
                before.set(database, &key, value, Deadline::Keep, Cause::Set, 0);
            }
        }
    }
    let mut after = keyspace();
    Replay::new(&mut after, NOW_MS).apply([before.effects()].into_iter()).expect("valid");
    for database in 0..3 {
        assert!(!before.is_empty(database));
        assert_eq!(all(&mut after, database), all(&mut before, database));
    }
}
