//! What DUMP writes and RESTORE takes: as redis-server 7.0.15 does, byte by byte where nothing is compressed.

use basalt::codec::dump::{self, DumpError};
use basalt::codec::rdb::{Compression, StringValue};
use proptest::prelude::*;

use super::check::{STRING_BYTES_MAX, decimal, payloads_are_read_as_they_are_written, sealed};

fn written(value: StringValue, compression: Compression) -> Vec<u8> {
    let mut out = b"before".to_vec();
    dump::write(value, compression, &mut out);
    out.split_off(6)
}

fn read(payload: &[u8]) -> Result<Vec<u8>, DumpError> {
    dump::read(payload, STRING_BYTES_MAX, &mut Vec::new()).map(decimal)
}

/// As redis-server answered them.
#[test]
fn payloads_are_those_of_redis() {
    for (value, payload) in [
        ("1", &b"\x00\xc0\x01\n\x00&x\xe7\xb6\xd1\x01\x11\xfc"[..]),
        ("-1", b"\x00\xc0\xff\n\x00\x0c\x93~$\x85\x08\x9d\xc5"),
        ("128", b"\x00\xc1\x80\x00\n\x00\xebz\xb3\xb5\x10\xcfKe"),
        ("-129", b"\x00\xc1\x7f\xff\n\x00\x17`\x82(T\x80\x84\x80"),
        ("32768", b"\x00\xc2\x00\x80\x00\x00\n\x00E\xd8.\xed\xd5\xbd\xa9\x10"),
        ("2147483648", b"\x00\n2147483648\n\x00\xe7\xb1)\xa3L\x1dv\xee"),
        ("-2147483648", b"\x00\xc2\x00\x00\x00\x80\n\x00\xc7O\x87>3U\x81\x87"),
        ("-2147483649", b"\x00\x0b-2147483649\n\x00\xc2a7y\x08\xf2\x02\x8c"),
        ("007", b"\x00\x03007\n\x00rX\xe2{Li\xba\xd9"),
        ("", b"\x00\x00\n\x00]\x9b\\@\x0f\x7f\xa2\xda"),
        ("abc", b"\x00\x03abc\n\x00\xd9\xac0=Ar\xa2\xe2"),
        ("aaaaaaaaaaaaaaaaaaaa", b"\x00\x14aaaaaaaaaaaaaaaaaaaa\n\x00\x83\xb4k^\x1b\x11\xac\xf1"),
        ("9223372036854775807", b"\x00\x139223372036854775807\n\x00:e~\x94\x81\xe8_\""),
    ] {
        assert_eq!(written(StringValue::Bytes(value.as_bytes()), Compression::On), payload, "{value}");
        if let Ok(number) = value.parse::<i64>()
            && value != "007"
        {
            assert_eq!(written(StringValue::Int(number), Compression::Off), payload, "{value}");
        }
        assert_eq!(read(payload).as_deref(), Ok(value.as_bytes()));
    }
    let packed = b"\x00\xc3\x14#\x0chello world h\xe0\x0b\x0b\x01ld\n\x00w\x83\x90ii4\xac\xb7";
    assert_eq!(read(packed).as_deref(), Ok(&b"hello world hello world hello world"[..]));
}

/// As redis-server took them, but for modules and for what reaches into the footer.
#[test]
fn refusals_are_those_of_redis() {
    let bad = Err(DumpError::Format);
    for (body, expected) in [
        (&b"\x00\x03abcTRAIL"[..], Ok(&b"abc"[..])),
        (b"\x00\x80\x00\x00\x00\x01a", Ok(b"a")),
        (b"\x00\xc3\x00\x00", Ok(b"")),
        (b"\x00\xc3\x02\x01\x00ab", Ok(b"a")),
        (b"\x00\xc3\x06\x15\x01aa\xe0\n\x00", Ok(b"aaaaaaaaaaaaaaaaaaaaa")),
        (b"\x00\xc3\x06\x16\x01aa\xe0\n\x00", bad),
        (b"\x00\xc3\x06\x14\x01aa\xe0\n\x00", bad),
        (b"\x00\xc3\x00\x01", bad),
        (b"\x00\xc3\x02\x03\x00a", bad),
        (b"\x00\x03ab", bad),
        (b"", bad),
        (b"\xff", bad),
        (b"\xfc\x00", bad),
        (b"\x00\xc4", bad),
        (b"\x00\x82\x00\x00\x00\x01a", bad),
        (b"\x00\x81\xff\xff\xff\xff\xff\xff\xff\xffa", bad),
        (b"\x06\x00", Err(DumpError::Other("module"))),
        (b"\x0b\x03abc", Err(DumpError::Other("set"))),
        (b"\x12\x03abc", Err(DumpError::Other("list"))),
    ] {
        let text = body.escape_ascii();
        assert_eq!(read(&sealed(body, 10)).as_deref(), expected.as_ref().map(|bytes| &bytes[..]), "{text}");
    }
}

#[test]
fn versions_up_to_ours_are_taken() {
    for version in 0..=10 {
        assert_eq!(read(&sealed(b"\x00\x01v", version)).as_deref(), Ok(&b"v"[..]));
    }
    for version in [11, 12, 256, u16::MAX] {
        assert_eq!(read(&sealed(b"\x00\x01v", version)), Err(DumpError::Footer));
    }
}

#[test]
fn damaged_payloads_are_noticed() {
    let payload = written(StringValue::Bytes("compress me ".repeat(10).as_bytes()), Compression::On);
    for end in 0..payload.len() {
        assert_eq!(read(&payload[..end]), Err(DumpError::Footer), "{end} bytes");
    }
    for at in 0..payload.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut broken = payload.clone();
            broken[at] ^= change;
            assert_eq!(read(&broken), Err(DumpError::Footer), "byte {at}");
        }
    }
}

#[test]
fn strings_longer_than_they_may_be_are_refused() {
    let payload = written(StringValue::Bytes(&[b'a'; 1001]), Compression::On);
    let mut scratch = Vec::new();
    assert_eq!(dump::read(&payload, 1000, &mut scratch), Err(DumpError::Format));
    assert_eq!(scratch.capacity(), 0);
    assert!(dump::read(&payload, 1001, &mut scratch).is_ok());
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..60)) {
        payloads_are_read_as_they_are_written(&body);
        payloads_are_read_as_they_are_written(&[&b"\x00"[..], &body].concat());
        payloads_are_read_as_they_are_written(&[&b"\x00\xc3"[..], &body].concat());
    }
}
