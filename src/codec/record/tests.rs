//! Records come back as they were written, and nothing else is taken for one.

use proptest::prelude::*;

use super::*;

const TICKET: Ticket = Ticket { home: 3, number: 0x1_0000_0007 };
const POSITION: u64 = 987_654_321;

fn seed() -> Seed {
    Seed::new(0x5f0c_2a9e_71b3_d48c, 2)
}

fn participants() -> [Participant; 2] {
    [Participant { shard: 0, position: 77 }, Participant { shard: 9, position: u64::MAX }]
}

/// One record of each kind, written at `POSITION`.
fn all_kinds() -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new(); 6];
    let start = begin(&mut all[0], Kind::Effects);
    all[0].extend_from_slice(b"effects");
    finish(&mut all[0], start, POSITION, seed());
    let start = begin_part(&mut all[1], TICKET, participants().into_iter());
    all[1].extend_from_slice(b"more effects");
    finish(&mut all[1], start, POSITION, seed());
    let start = begin_part(&mut all[2], TICKET, [].into_iter());
    finish(&mut all[2], start, POSITION, seed());
    write_synced(&mut all[3], 123, POSITION, seed());
    write_void(&mut all[4], TICKET, POSITION, seed());
    write_end(&mut all[5], 1_000_000, POSITION, seed());
    all
}

#[test]
fn records_come_back_as_they_were_written() {
    let all = all_kinds();
    let read = |index: usize| {
        let followed = [&all[index][..], b"what follows"].concat();
        let (_, bytes) = super::read(&followed, POSITION, seed()).expect("valid").expect("a record");
        assert_eq!(bytes, all[index].len());
        super::read(&all[index], POSITION, seed()).expect("valid").expect("a record").0
    };
    assert_eq!(read(0), Record::Effects(b"effects"));
    let Record::Part(part) = read(1) else { panic!("a part") };
    assert_eq!((part.ticket, part.effects), (TICKET, &b"more effects"[..]));
    assert!(part.participants.iter().eq(participants()));
    let Record::Part(part) = read(2) else { panic!("a part") };
    assert_eq!((part.participants.iter().len(), part.effects), (0, &b""[..]));
    assert_eq!(read(3), Record::Synced(123));
    assert_eq!(all[3].len(), SYNCED_BYTES);
    assert_eq!(&all[3][SYNCED_MARK_AT..][..8], SYNCED_MARK);
    assert_eq!(read(4), Record::Void(TICKET));
    assert_eq!(read(5), Record::End(1_000_000));
}

/// The layout is a promise to later versions.
#[test]
fn the_bytes_are_those_of_the_page() {
    let mut bytes = Vec::new();
    write_void(&mut bytes, Ticket { home: 0x0102, number: 3 }, 5, Seed::new(6, 7));
    let covered = b"\x06\0\0\0\0\0\0\0\x07\0\x05\0\0\0\0\0\0\0\x0b\0\0\0\x04\x02\x01\x03\0\0\0\0\0\0\0";
    assert_eq!(bytes[4..8], crc32c::crc32c(covered).to_le_bytes());
    assert_eq!(bytes[..4], *b"\x0b\0\0\0");
    assert_eq!(bytes[8..], *b"\x04\x02\x01\x03\0\0\0\0\0\0\0");
    // The value that the definition of CRC-32C gives for its test.
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn a_record_is_valid_only_in_its_place() {
    for bytes in all_kinds() {
        for (position, seed) in [
            (POSITION + 1, seed()),
            (POSITION, Seed::new(0x5f0c_2a9e_71b3_d48c, 3)),
            (POSITION, Seed::new(1, 2)),
        ] {
            assert_eq!(read(&bytes, position, seed), Err(Invalid::Checksum));
        }
    }
}

#[test]
fn each_changed_bit_and_each_missing_byte_is_noticed() {
    for bytes in all_kinds() {
        for length in 0..bytes.len() {
            let Err(Invalid::Short { record_bytes }) = read(&bytes[..length], POSITION, seed()) else {
                panic!("{length} of {}", bytes.len());
            };
            assert!(length < record_bytes as usize && record_bytes as usize <= bytes.len());
        }
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let read = read(&changed, POSITION, seed());
            // Of a length of one bit nothing is left.
            let is_refused = matches!(read, Ok(None) | Err(Invalid::Checksum | Invalid::Short { .. }));
            assert!(is_refused, "bit {bit}: {read:?}");
        }
    }
}

#[test]
fn zeroes_are_no_record() {
    assert_eq!(read(&[0; 4], 0, seed()), Ok(None));
    assert_eq!(read(&[0; 64], 0, seed()), Ok(None));
}

/// With a right checksum, as another version might write it.
#[test]
fn unknown_kinds_and_wrong_shapes_are_named() {
    for (body, reason) in [
        (&b"\x09rest"[..], Invalid::UnknownKind(9)),
        (b"\0", Invalid::UnknownKind(0)),
        (b"\x02", Invalid::Shape(2)),
        // Two participants, and room for one and a half.
        (b"\x02\0\x01\0\0\0\0\0\0\0\0\x02\0participantparti", Invalid::Shape(2)),
        (b"\x03SYNC.BSL1234567", Invalid::Shape(3)),
        (b"\x03SYNC.BSX12345678", Invalid::Shape(3)),
        (b"\x04\0\x01\0\0\0\0\0\0\0\0\0", Invalid::Shape(4)),
        (b"\x05\0", Invalid::Shape(5)),
    ] {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(body);
        finish(&mut bytes, 0, 1, seed());
        let read = read(&bytes, 1, seed());
        assert_eq!(read, Err(reason), "{body:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(Some((_, length))) = read(&bytes, 0, seed()) {
            prop_assert!(length <= bytes.len());
        }
    }

    #[test]
    fn bodies_with_a_right_checksum_are_read_without_harm(body in prop::collection::vec(any::<u8>(), 1..64), kind in 0u8..7) {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(&body);
        bytes[HEADER_BYTES] = kind;
        finish(&mut bytes, 0, 9, seed());
        match read(&bytes, 9, seed()) {
            Ok(read) => {
                let (record, length) = read.expect("it has a length");
                prop_assert_eq!(length, bytes.len());
                prop_assert!(record.effects().len() < body.len());
            }
            Err(reason) => prop_assert!(matches!(reason, Invalid::UnknownKind(_) | Invalid::Shape(_))),
        }
    }
}
