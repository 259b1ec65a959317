//! What older and newer versions wrote, made by hand: each type, each opcode, each version.

use basalt::codec::crc64::crc64;
use basalt::codec::rdb::{Checksum, Used};

use super::check::{End, Key, Told, read};

/// A file of a version, with the checksum that it has since version 5.
pub fn file(version: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = [format!("REDIS{version:04}").as_bytes(), body, b"\xff"].concat();
    if version >= 5 {
        bytes.extend(crc64(&bytes).to_le_bytes());
    }
    bytes
}

/// A key of each type, all with the name k, up to those of Redis 7.2.
pub const EVERY_TYPE: &[u8] = b"\
    \x00\x01k\x01v\
    \x01\x01k\x02\x01a\xc0\x05\
    \x02\x01k\x01\x01m\
    \x03\x01k\x04\x01a\x033.5\x01b\xfd\x01c\xfe\x01d\xff\
    \x04\x01k\x01\x01f\x01v\
    \x05\x01k\x01\x01m\x00\x00\x00\x00\x00\x00\xf8\x3f\
    \x07\x01k\x81\x00\x00\x00\x00\x00\x00\x04\x00\x01\x05\x02\x40\x50\x03\x00\x00\x80\x3f\x04\x00\x00\x00\x00\x00\x00\xf8\x3f\x05\x02xy\x00\
    \x09\x01k\x0a\x01\x01f\x02\x00vw\xff..\
    \x0a\x01k\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff\
    \x0b\x01k\x0a\x02\x00\x00\x00\x01\x00\x00\x00\x05\x00\
    \x0c\x01k\xc3\x06\x15\x01aa\xe0\x0a\x00\
    \x0d\x01k\x03abc\
    \x0e\x01k\x02\x03abc\x02de\
    \x0f\x01k\x01\x100123456789abcdef\x03lpk\x02\x05\x06\
        \x01\x01g\x05\x06\
        \x01ABCDEFGHIJKLMNOPtimetime\x03\
        \x01\x01ctimetime\x01ABCDEFGHIJKLMNOP\
    \x10\x01k\x03abc\
    \x11\x01k\x03abc\
    \x12\x01k\x02\x02\x03abc\x01\x05large\
    \x13\x01k\x01\x100123456789abcdef\x03lpk\x02\x05\x06\x01\x02\x03\x04\x07\
        \x02\x01g\x05\x06\x02\
        \x01ABCDEFGHIJKLMNOPtimetime\x03\
        \x01\x01ctimetime\x01ABCDEFGHIJKLMNOP\
        \x01h\x05\x06\x02\x00\x00\
    \x14\x01k\x03abc\
    \x15\x01k\x00\x00\x05\x06\x01\x02\x03\x04\x07\
        \x01\x01g\x05\x06\x02\
        \x00\
        \x01\x01ctimetimeusedused\x01ABCDEFGHIJKLMNOP\
    \x00\x03end\x01v";

fn check(version: u16, body: &[u8], expected: &[Told]) {
    let bytes = file(version, body);
    for piece in [1, 3, bytes.len()] {
        let read = read(&bytes, piece, Checksum::Verify);
        assert_eq!(read, (expected.to_vec(), End::Clean { rest: 0 }), "version {version}, pieces of {piece}");
    }
}

fn key(name: &str, value: &str) -> Key {
    Key { name: name.into(), value: value.into(), ..Key::default() }
}

#[test]
fn values_of_every_type_are_walked_past() {
    let mut expected = vec![Told::Entry(key("k", "v"))];
    expected.extend(
        [
            "list", "set", "zset", "hash", "zset", "module", "hash", "list", "set", "zset", "hash", "list",
            "stream", "hash", "zset", "list", "stream", "set", "stream",
        ]
        .map(|type_name| Told::Other(b"k".into(), type_name)),
    );
    expected.push(Told::Entry(key("end", "v")));
    for version in [1, 4, 5, 9, 11] {
        check(version, EVERY_TYPE, &expected);
    }
}

#[test]
fn the_first_versions_say_seconds_and_have_no_checksum() {
    let body = b"\xfe\x00\x00\x01a\x01b\xfd\x01\x00\x00\x00\x00\x01c\xc1\xff\x7f\xfe\x0f\x00\x01d\x00";
    let expected = [
        Told::Database(0),
        Told::Entry(key("a", "b")),
        Told::Entry(Key { expire_ms: Some(1000), ..key("c", "32767") }),
        Told::Database(15),
        Told::Entry(key("d", "")),
    ];
    for version in 1..=11 {
        check(version, body, &expected);
    }
    // What looks like a checksum belongs to whoever comes next.
    let bytes = [&file(4, body)[..], b"12345678"].concat();
    assert_eq!(read(&bytes, 5, Checksum::Verify).1, End::Clean { rest: 8 });
}

#[test]
fn what_is_said_about_a_key_holds_for_it_alone() {
    let body = b"\
        \xfc\x10\x27\x00\x00\x00\x00\x00\x00\xf8\x40\x50\x00\x01a\x01v\
        \xf9\xc8\x00\x01b\x01v\
        \xfc\x10\x27\x00\x00\x00\x00\x00\x00\xf9\x07\x01\x01l\x01\x01x\
        \x00\x01c\x01v\
        \xfc\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01d\x01v";
    check(
        9,
        body,
        &[
            Told::Entry(Key { expire_ms: Some(10_000), used: Some(Used::Idle(80)), ..key("a", "v") }),
            Told::Entry(Key { used: Some(Used::Frequency(200)), ..key("b", "v") }),
            Told::Other(b"l".into(), "list"),
            Told::Entry(key("c", "v")),
            Told::Entry(Key { expire_ms: Some(0), ..key("d", "v") }),
        ],
    );
}

#[test]
fn functions_and_what_modules_left_are_told() {
    let body = b"\
        \xf5\x09#!lua ...\
        \xf7\x81\x00\x00\x00\x00\x00\x00\x04\x00\x02\x01\x02\x05\x05\x03abc\x00\
        \xfb\x01\x00\
        \xfa\x05lua-x\xc0\x07";
    check(
        10,
        body,
        &[
            Told::Function(b"#!lua ...".into()),
            Told::ModuleAux,
            Told::Size(1, 0),
            Told::Aux(b"lua-x".into(), b"7".into()),
        ],
    );
}
