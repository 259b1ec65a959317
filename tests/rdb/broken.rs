//! Broken snapshots are refused with the place and the reason; no claim takes memory before its bytes have come.

use basalt::codec::rdb::{
    Checksum, Compression, Entry, PIECE_BYTES, Problem, RdbError, Reader, Step, StringValue, Used,
};

use super::check::{End, STRING_BYTES_MAX, read, snapshots_are_the_same_in_pieces};
use super::old::{EVERY_TYPE, file};
use super::writer;

/// A bit of everything that is written.
fn sample() -> Vec<u8> {
    let mut writer = writer(Compression::On);
    writer.database(0, 4, 2);
    let long = "compress me ".repeat(10);
    for (key, value, expire_ms, used) in [
        ("a", StringValue::Int(1), None, None),
        ("123", StringValue::Bytes(b"plain"), Some(1 << 42), None),
        ("b", StringValue::Bytes(long.as_bytes()), Some(1), Some(Used::Idle(70))),
        (&long, StringValue::Int(-100_000), None, Some(Used::Frequency(200))),
    ] {
        writer.entry(&Entry { key: key.as_bytes(), value, expire_ms, used });
    }
    writer.finish()
}

fn problem(bytes: &[u8]) -> RdbError {
    match read(bytes, bytes.len().max(1), Checksum::Verify).1 {
        End::Error(error) => error,
        end => panic!("{:?} is read to its end: {end:?}", bytes.escape_ascii().to_string()),
    }
}

#[test]
fn every_prefix_ends_in_the_middle() {
    for bytes in [sample(), file(11, EVERY_TYPE)] {
        for end in 0..bytes.len() {
            assert_eq!(problem(&bytes[..end]), RdbError { position: end as u64, problem: Problem::Ended });
        }
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let bytes = sample();
    for at in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut broken = bytes.clone();
            broken[at] ^= change;
            let _ = problem(&broken);
        }
    }
}

#[test]
fn changed_bytes_do_no_harm_where_no_checksum_is() {
    for bytes in [sample(), file(11, EVERY_TYPE)] {
        for at in 0..bytes.len() {
            for byte in [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0x82, 0xc0, 0xc3, 0xf5, 0xf7, 0xff] {
                let mut broken = bytes.clone();
                broken[at] = byte;
                snapshots_are_the_same_in_pieces(&broken);
            }
        }
    }
}

#[test]
fn the_problem_and_its_place_are_told() {
    let body = |bytes: &[u8]| [&b"REDIS0010"[..], bytes].concat();
    for (bytes, position, expected) in [
        (b"RADIS0010".to_vec(), 0, Problem::NotRdb),
        (b"REDIS00x0".to_vec(), 0, Problem::NotRdb),
        (b"REDIS0000".to_vec(), 5, Problem::Version(0)),
        (b"REDIS0012".to_vec(), 5, Problem::Version(12)),
        (body(b"\x08"), 9, Problem::Opcode(8)),
        (body(b"\x06"), 9, Problem::OldModule),
        (body(b"\xf6"), 9, Problem::OldFunction),
        (body(b"\x00\x01k\x82"), 12, Problem::Length(0x82)),
        (body(b"\x00\x01k\xc4"), 12, Problem::Length(0xc4)),
        (body(b"\xfe\xc0\x00"), 10, Problem::NotNumber),
        (body(b"\x00\x01k\x80\x00\x10\x00\x01"), 12, Problem::StringTooLong(STRING_BYTES_MAX + 1)),
        (body(b"\x00\x01k\xc3\x01\x80\x00\x10\x00\x01"), 12, Problem::StringTooLong(STRING_BYTES_MAX + 1)),
        (body(b"\x00\x01k\xc3\x02\x03\x00a"), 12, Problem::Compression(3)),
        (body(b"\x00\xc3\x02\x03\x00a\x01v"), 10, Problem::Compression(3)),
        (body(b"\x07\x01k\x01\x06"), 13, Problem::ModulePart(6)),
    ] {
        assert_eq!(problem(&bytes), RdbError { position, problem: expected }, "{}", bytes.escape_ascii());
    }
    let text = problem(&body(b"\x08")).to_string();
    assert_eq!(text, "at byte 9: 8 is neither an opcode nor a type of value");
}

#[test]
fn a_wrong_checksum_is_told_unless_it_is_not_asked_for() {
    let mut bytes = sample();
    let end = bytes.len() - 8;
    bytes[end] ^= 1;
    let RdbError { position, problem: Problem::Checksum { expected, found } } = problem(&bytes) else {
        panic!("it is about the checksum");
    };
    assert_eq!((position, expected.0 ^ found.0), (end as u64, 1));
    assert_eq!(read(&bytes, 100, Checksum::Ignore).1, End::Clean { rest: 0 });
    bytes[end..].fill(0);
    assert_eq!(read(&bytes, 100, Checksum::Verify).1, End::Clean { rest: 0 }, "0 stands for none");
}

#[test]
fn a_claimed_length_takes_no_memory_before_its_bytes_come() {
    let mut reader = Reader::new(Checksum::Verify, 1 << 40);
    // A key of half a terabyte.
    reader.feed(b"REDIS0010\x00\x81\x00\x00\x00\x80\x00\x00\x00\x00");
    let mut fed = 0;
    while fed < 1 << 20 {
        assert_eq!(reader.step(), Ok(Step::More));
        assert!(reader.space().len() <= 2 * (fed + PIECE_BYTES), "twice of what came at most");
        reader.feed(&[b'k'; 10_000]);
        fed += 10_000;
    }
}

#[test]
fn values_that_are_walked_past_are_not_held() {
    let mut reader = Reader::new(Checksum::Verify, 100);
    // A list of one string of 64 MiB, longer than strings may be: nobody decodes it.
    reader.feed(b"REDIS0010\x01\x01k\x01\x80\x04\x00\x00\x00");
    assert!(matches!(reader.step(), Ok(Step::Event(_))));
    for _ in 0..1024 {
        assert_eq!(reader.step(), Ok(Step::More));
        assert!(reader.space().len() <= 2 * PIECE_BYTES);
        reader.feed(&[b'v'; 65_536]);
    }
    reader.feed(b"\x00\x01a\x01b\xff\x00\x00\x00\x00\x00\x00\x00\x00");
    assert!(matches!(reader.step(), Ok(Step::Event(_))));
    assert_eq!(reader.step(), Ok(Step::End));
}
