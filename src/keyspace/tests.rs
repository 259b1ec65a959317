//! The key space against a naive model, and the claims that a model does not see.

mod model;
mod replay;
mod walks;

use bytes::Bytes;

use super::*;
use model::{Mix, Run};

const NOW: u64 = 1_700_000_000_000;

fn keyspace() -> Keyspace {
    Keyspace::new(2, Hasher::seeded(7), Recency::Lru)
}

fn set(keyspace: &mut Keyspace, name: &[u8], value: Value<'_>) {
    let hasher = keyspace.hasher().clone();
    keyspace.set(0, &hasher.key(name, 3), value, Deadline::Clear, Cause::Set, NOW);
}

fn encoding(keyspace: &mut Keyspace, name: &[u8]) -> Option<&'static str> {
    let hasher = keyspace.hasher().clone();
    keyspace.peek(0, &hasher.key(name, 3), NOW).map(|entry| entry.encoding().name())
}

fn value(keyspace: &mut Keyspace, name: &[u8]) -> Option<Vec<u8>> {
    let hasher = keyspace.hasher().clone();
    keyspace.find(0, &hasher.key(name, 3), NOW).map(|entry| entry.value().to_vec())
}

#[test]
fn behaves_as_a_map_over_many_slots() {
    Run { mix: Mix::Spread, keys: 3000, steps: 600_000, databases: 4 }.check();
    Run { mix: Mix::Spread, keys: 100_000, steps: 600_000, databases: 2 }.check();
}

#[test]
fn behaves_as_a_map_under_one_tag() {
    Run { mix: Mix::OneSlot, keys: 40_000, steps: 1_000_000, databases: 1 }.check();
    Run { mix: Mix::OneSlot, keys: 3000, steps: 500_000, databases: 3 }.check();
}

#[test]
fn behaves_as_a_map_under_few_keys() {
    Run { mix: Mix::OneSlot, keys: 12, steps: 400_000, databases: 2 }.check();
    Run { mix: Mix::Spread, keys: 50, steps: 200_000, databases: 4 }.check();
}

#[test]
fn encodings_are_those_of_redis() {
    let keyspace = &mut keyspace();
    for (bytes, expected) in [
        (b"12".to_vec(), "int"),
        (b"-9223372036854775808".to_vec(), "int"),
        (b"012".to_vec(), "embstr"),
        (vec![b'x'; 44], "embstr"),
        (vec![b'x'; 45], "raw"),
        (vec![b'x'; 100_000], "raw"),
        (Vec::new(), "embstr"),
    ] {
        set(keyspace, b"key", Value::Bytes(&bytes));
        assert_eq!(encoding(keyspace, b"key"), Some(expected));
        assert_eq!(value(keyspace, b"key"), Some(bytes));
    }
    set(keyspace, b"key", Value::Text(b"12"));
    assert_eq!(encoding(keyspace, b"key"), Some("embstr"));
    set(keyspace, b"key", Value::Raw(b"12"));
    assert_eq!(encoding(keyspace, b"key"), Some("raw"));
}

/// Writes 9 at an index of a string of 20,000 bytes.
fn edit(keyspace: &mut Keyspace, key: &Key<'_>, index: usize) {
    keyspace.place(0, key, Look::Use, NOW).edit_bytes(20_000, index..index + 1, Cause::SetRange, |bytes| {
        bytes[index] = 9;
        true
    });
}

#[test]
fn a_large_buffer_is_stored_and_read_without_a_copy() {
    let keyspace = &mut keyspace();
    let hasher = keyspace.hasher().clone();
    let key = hasher.key(b"key", 3);
    let bytes = Bytes::from(vec![7u8; 20_000]);
    let address = bytes.as_ptr();
    keyspace.set(0, &key, Value::Large(bytes), Deadline::Clear, Cause::Set, NOW);
    let Some(ValueRef::Large(stored)) = keyspace.find(0, &key, NOW).map(EntryRef::value) else {
        panic!("a large value is stored as a buffer");
    };
    assert_eq!(stored.as_ptr(), address);
    let pin = stored.clone();

    edit(keyspace, &key, 0);
    assert_eq!(pin[0], 7, "a pinned buffer never changes");
    let Some(ValueRef::Large(stored)) = keyspace.find(0, &key, NOW).map(EntryRef::value) else {
        panic!("the value is still large");
    };
    let address = stored.as_ptr();
    assert_eq!(stored[0], 9);

    edit(keyspace, &key, 1);
    let Some(ValueRef::Large(stored)) = keyspace.find(0, &key, NOW).map(EntryRef::value) else {
        panic!("the value is still large");
    };
    assert_eq!(stored.as_ptr(), address, "an unpinned buffer changes in place");
}

#[test]
fn an_expired_key_is_removed_by_the_lookup_and_noted() {
    let keyspace = &mut keyspace();
    let hasher = keyspace.hasher().clone();
    let key = hasher.key(b"key", 3);
    keyspace.set(0, &key, Value::Int(1), Deadline::At(NOW), Cause::Set, NOW - 5);
    assert!(keyspace.find(0, &key, NOW).is_some(), "a key lives in the millisecond of its deadline");
    assert!(!keyspace.changes().has_notes());
    assert!(keyspace.find(0, &key, NOW + 1).is_none());
    assert_eq!((keyspace.len(0), keyspace.expires_len(0)), (0, 0));
    let notes: Vec<_> = keyspace.changes().notes().collect();
    assert_eq!(notes, [Note { database: 0, slot: 3, cause: Cause::Expired, key: b"key" }]);
}

#[test]
fn every_change_moves_the_version_of_a_watched_key() {
    let keyspace = &mut keyspace();
    let hasher = keyspace.hasher().clone();
    let (key, other) = (hasher.key(b"key", 3), hasher.key(b"other", 3));
    let mut last = keyspace.changes_mut().watch(0, &key);
    let mut moved = |keyspace: &Keyspace| {
        let version = keyspace.changes().version(0, b"key").expect("the key is watched");
        std::mem::replace(&mut last, version) != version
    };
    keyspace.remove(0, &key, Cause::Delete, NOW);
    assert!(!moved(keyspace), "nothing was removed");
    keyspace.set(0, &other, Value::Int(1), Deadline::Clear, Cause::Set, NOW);
    assert!(!moved(keyspace), "another key changed");
    keyspace.set(0, &key, Value::Int(1), Deadline::Clear, Cause::Set, NOW);
    assert!(moved(keyspace));
    keyspace.find(0, &key, NOW);
    assert!(!moved(keyspace), "reading is no change");
    keyspace.set_deadline(0, &key, Some(NOW + 10), NOW);
    assert!(moved(keyspace));
    keyspace.find(0, &key, NOW + 11);
    assert!(!moved(keyspace), "whoever watches an expired key sees that it is gone");
    keyspace.flush(0);
    assert!(!moved(keyspace), "a flush does not change an absent key");
    keyspace.set(0, &key, Value::Int(1), Deadline::Clear, Cause::Set, NOW);
    assert!(moved(keyspace));
    keyspace.flush(0);
    assert!(moved(keyspace));
    keyspace.changes_mut().unwatch(0, b"key");
    assert_eq!(keyspace.changes().version(0, b"key"), None);
}

#[test]
fn overwriting_with_the_same_size_keeps_the_block() {
    let keyspace = &mut keyspace();
    set(keyspace, b"key", Value::Bytes(&[1; 60]));
    let hasher = keyspace.hasher().clone();
    let key = hasher.key(b"key", 3);
    let address = keyspace.find(0, &key, NOW).map(|entry| entry.key().as_ptr());
    set(keyspace, b"key", Value::Bytes(&[2; 58]));
    assert_eq!(keyspace.find(0, &key, NOW).map(|entry| entry.key().as_ptr()), address);
}

#[test]
fn memory_comes_back_after_deletion() {
    let keyspace = &mut keyspace();
    let hasher = keyspace.hasher().clone();
    set(keyspace, b"first", Value::Int(0));
    let before = keyspace.memory_bytes();
    let names: Vec<String> = (0..50_000).map(|number| format!("key:{number}")).collect();
    for name in &names {
        set(keyspace, name.as_bytes(), Value::Bytes(b"some value"));
    }
    assert!(keyspace.memory_bytes() > before + 50_000 * 24);
    for name in &names {
        assert!(keyspace.remove(0, &hasher.key(name.as_bytes(), 3), Cause::Delete, NOW));
    }
    assert_eq!(keyspace.memory_bytes(), before);
}

#[test]
fn a_flushed_database_is_freed_in_slices() {
    let keyspace = &mut keyspace();
    for number in 0..5000 {
        let name = format!("key:{number}");
        set(keyspace, name.as_bytes(), Value::Raw(&vec![b'x'; number]));
    }
    keyspace.flush(0);
    assert_eq!((keyspace.len(0), keyspace.memory_bytes()), (0, 0));
    let mut slices = 0;
    while !keyspace.free_some(if slices < 100 { 1 } else { 30 }) {
        slices += 1;
    }
    assert!((100 + 4900 / 30..1000).contains(&slices), "no slice drains a whole segment: {slices}");
    assert!(value(keyspace, b"key:1").is_none());
}

/// Loads `count` keys with a deadline each, spread over all slots or all in one.
fn load_expiring(
    keyspace: &mut Keyspace,
    count: u64,
    slot_of: impl Fn(u64) -> u16,
    deadline: impl Fn(u64) -> u64,
) {
    let hasher = keyspace.hasher().clone();
    for number in 0..count {
        let name = format!("key:{number}");
        let key = hasher.key(name.as_bytes(), slot_of(number));
        keyspace.set(0, &key, Value::Int(1), Deadline::At(deadline(number)), Cause::Set, NOW);
    }
}

#[test]
fn keys_due_together_are_removed_in_slices() {
    for one_slot in [false, true] {
        let keyspace = &mut keyspace();
        let slot_of = |number: u64| if one_slot { 9 } else { (number % SLOT_COUNT as u64) as u16 };
        load_expiring(keyspace, 50_000, slot_of, |number| NOW + number % 1000);
        assert!(keyspace.expire_due(NOW - 1, 1000) < 1000, "nothing is due");
        assert_eq!(keyspace.len(0), 50_000);
        let mut slices = 0;
        while keyspace.expire_due(NOW + 1000, 1000) >= 1000 {
            slices += 1;
            keyspace.changes_mut().forget_notes();
        }
        assert!((50..2000).contains(&slices), "{slices}");
        assert_eq!((keyspace.len(0), keyspace.expires_len(0)), (0, 0));
    }
}

#[test]
fn few_keys_expire_as_soon_as_they_are_due() {
    let keyspace = &mut keyspace();
    load_expiring(keyspace, 100, |number| (number % 10) as u16, |number| NOW + 1000 * (100 - number));
    for second in 0..100 {
        keyspace.expire_due(NOW + 1000 * second + 1, 100_000);
        assert_eq!(keyspace.len(0) as u64, 100 - second);
    }
}

#[test]
fn an_early_deadline_among_many_late_ones_is_met_within_the_limit() {
    let keyspace = &mut keyspace();
    load_expiring(
        keyspace,
        5000,
        |_| 9,
        |number| NOW + if number == 4000 { 5000 } else { 100_000_000 + number },
    );
    keyspace.expire_due(NOW + 5001, 100_000);
    keyspace.expire_due(NOW + 5001 + schedule::LATE_MS_MAX, 100_000);
    assert_eq!(keyspace.len(0), 4999);
}

#[test]
fn a_scan_sees_what_is_there_throughout_while_tables_change() {
    let keyspace = &mut keyspace();
    let hasher = keyspace.hasher().clone();
    for (kept, passing) in [(3000, 30_000), (30_000, 1000), (500, 100_000)] {
        for number in 0..kept {
            set(keyspace, format!("kept:{number}").as_bytes(), Value::Int(1));
        }
        let mut seen = std::collections::BTreeSet::new();
        let (mut cursor, mut calls) = (0, 0);
        loop {
            cursor = keyspace.scan(0, cursor, SLOT_COUNT, 50, NOW, |entry| {
                seen.insert(entry.key().to_vec());
            });
            // Grow fast, then shrink fast, so that segments split, shrink and collapse under the cursor.
            for number in 0..passing / 10 {
                let name = format!("passing:{}", (calls % 10) * (passing / 10) + number);
                let key = hasher.key(name.as_bytes(), 3);
                if calls / 10 % 2 == 0 {
                    keyspace.set(0, &key, Value::Int(2), Deadline::Clear, Cause::Set, NOW);
                } else {
                    keyspace.remove(0, &key, Cause::Delete, NOW);
                }
            }
            calls += 1;
            if cursor == 0 {
                break;
            }
        }
        for number in 0..kept {
            assert!(seen.contains(format!("kept:{number}").as_bytes()), "kept:{number}");
        }
        keyspace.flush(0);
    }
}

#[test]
fn a_moved_slot_may_go_to_another_thread() {
    let keyspace = &mut keyspace();
    let hasher = keyspace.hasher().clone();
    for number in 0..20_000 {
        set(keyspace, format!("key:{number}").as_bytes(), Value::Raw(&vec![b'x'; number % 2000]));
    }
    let moved = keyspace.take_slot(0, 3).expect("the slot has keys");
    assert_eq!(keyspace.len(0), 0);
    let receiver = std::thread::spawn(move || {
        let mut keyspace = Keyspace::new(1, hasher, Recency::Lru);
        set(&mut keyspace, b"own", Value::Int(1));
        keyspace.remove(0, &keyspace.hasher().clone().key(b"own", 3), Cause::Delete, NOW);
        keyspace.put_slot(0, moved);
        (0..20_000).all(|number| {
            let name = format!("key:{number}");
            value(&mut keyspace, name.as_bytes()).is_some_and(|value| value.len() == number % 2000)
        })
    });
    assert!(receiver.join().expect("the receiver does not panic"));
}

#[test]
fn random_keys_are_spread_evenly() {
    let keyspace = &mut keyspace();
    let hasher = keyspace.hasher().clone();
    // One slot with most of the keys, others with one each.
    for number in 0..1000u16 {
        let name = number.to_string();
        let slot = if number < 500 { 3 } else { number };
        let key = hasher.key(name.as_bytes(), slot);
        keyspace.set(0, &key, Value::Int(1), Deadline::Clear, Cause::Set, NOW);
    }
    let mut counts = vec![0u32; 1000];
    for _ in 0..100_000 {
        let entry = keyspace.random_key(0, NOW);
        let name = String::from_utf8(entry.expect("there are keys").key().to_vec());
        counts[name.expect("names are digits").parse::<usize>().expect("names are digits")] += 1;
    }
    assert!(counts.iter().all(|&count| (40..200).contains(&count)), "{counts:?}");
}

/// How often a string moves while it gets so many bytes one after the other.
fn moves_while_appending(keyspace: &mut Keyspace, first: usize, appended: usize) -> usize {
    let hasher = keyspace.hasher().clone();
    let key = hasher.key(b"log", 3);
    let place = keyspace.place(0, &key, Look::Use, NOW);
    place.edit_bytes(first, 0..first, Cause::Append, |_| true);
    let (mut moves, mut address) = (0, std::ptr::null());
    for length in first + 1..=first + appended {
        keyspace.place(0, &key, Look::Use, NOW).edit_bytes(
            length,
            length - 1..length,
            Cause::Append,
            |bytes| {
                bytes[length - 1] = b'x';
                true
            },
        );
        let entry = keyspace.find(0, &key, NOW).expect("it is there");
        assert_eq!(entry.value().len(), length);
        let now_at = entry.value().with_bytes(<[u8]>::as_ptr);
        moves += usize::from(now_at != address);
        address = now_at;
    }
    let value = keyspace.find(0, &key, NOW).map(|entry| entry.value().to_vec()).expect("it is there");
    assert_eq!(value, [vec![0; first], vec![b'x'; appended]].concat());
    keyspace.remove(0, &key, Cause::Delete, NOW);
    moves
}

#[test]
fn appending_moves_a_string_seldom() {
    let keyspace = &mut keyspace();
    // Within steps of eight bytes; by an eighth at least; into a buffer; by a quarter.
    for (first, appended, moves_max) in
        [(10, 200, 27), (2000, 2000, 6), (10_000, 10_000, 8), (1 << 20, 10_000, 2), (20_000, 1 << 16, 8)]
    {
        let moves = moves_while_appending(keyspace, first, appended);
        assert!(moves <= moves_max, "{first} and {appended} bytes: moved {moves} times");
    }
}

#[test]
fn an_edit_that_changes_nothing_is_no_change() {
    let keyspace = &mut keyspace();
    keyspace.changes_mut().listen(Listening::All);
    let hasher = keyspace.hasher().clone();
    let key = hasher.key(b"key", 3);
    let before = keyspace.changes_mut().watch(0, &key);
    let mut edit = |length: usize, differs: bool| {
        keyspace.place(0, &key, Look::Use, NOW).edit_bytes(length, 0..length, Cause::SetBit, |_| differs);
        let causes: Vec<Cause> = keyspace.changes().notes().map(|note| note.cause).collect();
        keyspace.changes_mut().forget_notes();
        (causes, keyspace.changes().version(0, key.bytes) == Some(before))
    };
    assert_eq!(edit(5, false), (vec![Cause::Lengthen], true), "made of zeroes");
    assert_eq!(edit(5, false), (vec![], true), "the same");
    assert_eq!(edit(9, false), (vec![Cause::Lengthen], true), "longer");
    assert_eq!(edit(9, true), (vec![Cause::SetBit], false));
}
