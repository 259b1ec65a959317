//! Effects come back as they were written, each in one form, and arbitrary bytes do no harm.

use proptest::prelude::*;

use super::*;

fn spots() -> impl Strategy<Value = Spot> {
    (0u8..16, 0u16..SLOT_COUNT).prop_map(|(database, slot)| Spot { database, slot })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..24),
        (120usize..140, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
        (16_380usize..16_390, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ]
}

fn deadlines() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), Just(Some(DEADLINE_MS_MAX)), (0..=DEADLINE_MS_MAX).prop_map(Some)]
}

/// Effects as the bytes that our own functions make of them.
fn encoded() -> impl Strategy<Value = Vec<u8>> {
    (spots(), bytes(), bytes(), deadlines(), any::<i64>(), 0u8..9).prop_map(
        |(spot, key, value, deadline_ms, number, choice)| {
            let mut buffer = Vec::new();
            let value = match choice {
                0 => Value::Plain(&value),
                1 => Value::Text(&value),
                2 => Value::Raw(&value),
                3 => Value::Int(number),
                4 => {
                    write_deadline_change(&mut buffer, spot, &key, deadline_ms);
                    return buffer;
                }
                5 => {
                    write_removed(&mut buffer, spot, &key);
                    return buffer;
                }
                6 => {
                    let offset = u64::from(number as u8);
                    let length = offset + value.len() as u64 + u64::from(number as u32 >> 8);
                    write_patched(&mut buffer, spot, &key, length, offset, &value);
                    return buffer;
                }
                7 => {
                    write_database(&mut buffer, spot.database, DatabaseChange::Swapped(number as u8));
                    write_database(&mut buffer, spot.database, DatabaseChange::Flushed);
                    return buffer;
                }
                _ => {
                    write_database(&mut buffer, spot.database, DatabaseChange::SlotGone(spot.slot));
                    return buffer;
                }
            };
            write_stored(&mut buffer, spot, &key, value, deadline_ms);
            buffer
        },
    )
}

fn all(bytes: &[u8]) -> Vec<Effect<'_>> {
    decode(bytes).map(|effect| effect.expect("our own bytes are valid")).collect()
}

/// The layout is a promise to later versions.
#[test]
fn the_bytes_are_those_of_the_page() {
    let spot = Spot { database: 3, slot: 0x1234 };
    let check = |bytes: &[u8], effect: Effect<'_>| {
        let mut written = Vec::new();
        effect.write(&mut written);
        assert_eq!(written.escape_ascii().to_string(), bytes.escape_ascii().to_string());
        assert_eq!(all(bytes), [effect]);
    };
    let key = |change| Effect::Key { spot, key: b"key", change };
    let stored = |value, deadline_ms| key(KeyChange::Stored { value, deadline_ms });
    check(b"\x01\x03\x34\x12\x03key\x05value", stored(Value::Plain(b"value"), None));
    let at = Some(0x0605_0403_0201);
    check(
        b"\x02\x03\x34\x12\x01\x01\x02\x03\x04\x05\x06\x03key\x05value",
        stored(Value::Plain(b"value"), at),
    );
    check(b"\x02\x03\x34\x12\x02\x03key\x05value", stored(Value::Raw(b"value"), None));
    check(b"\x02\x03\x34\x12\x08\x03key\x0212", stored(Value::Text(b"12"), None));
    check(b"\x02\x03\x34\x12\x04\x03key\xfe\xff\xff\xff\xff\xff\xff\xff", stored(Value::Int(-2), None));
    check(b"\x03\x03\x34\x12\x00\x03key", key(KeyChange::Deadline(None)));
    check(b"\x03\x03\x34\x12\x01\x01\x02\x03\x04\x05\x06\x03key", key(KeyChange::Deadline(at)));
    check(b"\x04\x03\x34\x12\x03key", key(KeyChange::Removed));
    let patched = KeyChange::Patched { length: 300, offset: 5, bytes: b"ab" };
    check(b"\x05\x03\x34\x12\x03key\xac\x02\x05\x02ab", key(patched));
    let database = |change| Effect::Database { database: 3, change };
    check(b"\x06\x03\0\0", database(DatabaseChange::Flushed));
    check(b"\x07\x03\0\0\x09", database(DatabaseChange::Swapped(9)));
    check(b"\x08\x03\x34\x12", database(DatabaseChange::SlotGone(0x1234)));
}

#[test]
fn what_is_no_effect_is_refused_with_its_kind() {
    for (bytes, reason) in [
        (&b"\x01\x00\x00"[..], Invalid::Short),
        (b"\x00\x00\x00\x00", Invalid::UnknownKind(0)),
        (b"\x09\x00\x00\x00", Invalid::UnknownKind(9)),
        // A slot too many, and one that databases do not have.
        (b"\x04\x00\x00\x40\x01k", Invalid::Shape(4)),
        (b"\x06\x00\x01\x00", Invalid::Shape(6)),
        (b"\x07\x00\x01\x00\x01", Invalid::Shape(7)),
        (b"\x07\x00\x00\x00", Invalid::Shape(7)),
        // Lengths beyond the end.
        (b"\x01\x00\x00\x00\x01k\x02v", Invalid::Shape(1)),
        (b"\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01k", Invalid::Shape(1)),
        // Flags that contradict each other, or say what kind 1 says.
        (b"\x02\x00\x00\x00\x00\x01k\x01v", Invalid::Shape(2)),
        (b"\x02\x00\x00\x00\x0a\x01k\x01v", Invalid::Shape(2)),
        (b"\x02\x00\x00\x00\x12\x01k\x01v", Invalid::Shape(2)),
        (b"\x02\x00\x00\x00\x01\x00\x00", Invalid::Shape(2)),
        (b"\x03\x00\x00\x00\x02\x01k", Invalid::Shape(3)),
        // A patch beyond the length it asks for, and one that asks for too much.
        (b"\x05\x00\x00\x00\x01k\x02\x01\x02ab", Invalid::Shape(5)),
        (b"\x05\x00\x00\x00\x01k\x80\x80\x80\x80\x10\x01\x02ab", Invalid::Shape(5)),
        (b"\x05\x00\x00\x00\x01k\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02ab", Invalid::Shape(5)),
    ] {
        let decoded: Vec<_> = decode(bytes).collect();
        assert_eq!(decoded, [Err(reason)], "{}", bytes.escape_ascii());
    }
}

proptest! {
    #[test]
    fn effects_come_back_as_they_were_written(effects in prop::collection::vec(encoded(), 0..6)) {
        let bytes = effects.concat();
        let mut again = Vec::new();
        all(&bytes).into_iter().for_each(|effect| effect.write(&mut again));
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn no_effect_is_read_from_a_part_of_one(effect in encoded(), at in any::<prop::sample::Index>()) {
        let part = &effect[..at.index(effect.len())];
        let whole: usize = decode(part).filter_map(Result::ok).map(|effect| {
            let mut bytes = Vec::new();
            effect.write(&mut bytes);
            bytes.len()
        }).sum();
        prop_assert!(decode(part).last().is_none_or(|last| last.is_err()) || whole == part.len());
    }

    #[test]
    fn arbitrary_bytes_are_decoded_without_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..64), kind in 0u8..10) {
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        let mut again = Vec::new();
        for effect in decode(&bytes).filter_map(Result::ok) {
            effect.write(&mut again);
        }
        prop_assert!(bytes.starts_with(&again));
    }
}
