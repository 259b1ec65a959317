//! The values that requests are made with: few keys, so that commands meet, and numbers at their limits.

use std::collections::BTreeSet;

use basalt::codec::crc64::crc64;
use basalt::codec::dump;
use basalt::codec::rdb::{Compression, StringValue};
use basalt::commands::row::{Argument, ArgumentKind};

use super::common::random::Random;
use super::introspection::SHARED;

pub const KEYS: &[&[u8]] = &[
    b"key:1",
    b"key:2",
    b"key:3",
    b"key:4",
    b"{tag}a",
    b"{tag}b",
    b"{}x",
    b"",
    b"\x00\xff\r\nkey",
    b"a key",
];

/// Databases that the samples of SELECT can reach.
pub const DATABASES: &[u8] = &[0, 1, 2, 15];

const STRINGS: &[&[u8]] = &[
    b"",
    b"a",
    b"hello world",
    b"0",
    b"-1",
    b"10",
    b"007",
    b"9223372036854775807",
    b"3.14",
    b"\x00\x01\xfe\xff",
    b"line\r\nbreak",
];

const INTEGERS: &[&[u8]] = &[b"0", b"1", b"2", b"3", b"10", b"100", b"-1", b"-2"];
const BAD_INTEGERS: &[&[u8]] =
    &[b"x", b"", b" 1", b"+1", b"01", b"1.5", b"9223372036854775808", b"-9223372036854775809"];
const DOUBLES: &[&[u8]] = &[b"0", b"1", b"-1.5", b"3.0e2", b"inf", b"-inf", b"nan", b"x", b""];

/// Either over already or not before the test ends: what expires between two replies would differ by chance.
const TTLS: &[&[u8]] = &[
    b"100000",
    b"1000000",
    b"99999999999",
    b"0",
    b"-1",
    b"9223372036854775",
    b"9223372036854775807",
    b"9223372036854775808",
    b"x",
    b"",
];
const TIMES: &[&[u8]] = &[
    b"1",
    b"1000000000",
    b"4102444800",
    b"4102444800000",
    b"99999999999999",
    b"0",
    b"-1",
    b"9223372036854775",
    b"9223372036854775807",
    b"x",
    b"",
];

const POSITIONS: &[&[u8]] =
    &[b"0", b"1", b"3", b"-1", b"-3", b"-100", b"100", b"20000", b"x", b"9223372036854775808"];
const AMOUNTS: &[&[u8]] =
    &[b"1", b"-1", b"100", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"x"];
const DATABASE_INDICES: &[&[u8]] =
    &[b"0", b"0", b"1", b"2", b"15", b"16", b"-1", b"x", b"4294967296", b"9223372036854775808"];

/// Times until deadlines that are over, or out of range.
const NO_TIMES: &[&[u8]] =
    &[b"0", b"-1", b"-9223372036854775808", b"9223372036854775807", b"9223372036854775808", b"x", b""];

/// None of them is accepted and too far away for the table, which has 48 bits of
/// milliseconds, or so near that the test meets it.
const DEADLINES: &[&[u8]] = &[
    b"1000000000",
    b"4102444800",
    b"4102444801",
    b"0",
    b"-1",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"x",
    b"",
];

/// Bits at the edges of bytes and words, and of strings that live in a buffer of their own.
const BIT_OFFSETS: &[&[u8]] = &[
    b"0",
    b"1",
    b"7",
    b"8",
    b"13",
    b"63",
    b"64",
    b"500",
    b"131071",
    b"131072",
    b"-1",
    b"x",
    b"#1",
    b"4294967296",
    b"9223372036854775808",
];
const FIELD_OFFSETS: &[&[u8]] = &[
    b"0",
    b"3",
    b"#0",
    b"#1",
    b"#3",
    b"40",
    b"131070",
    b"-1",
    b"#-1",
    b"##1",
    b"#",
    b"4294967296",
    b"#4294967295",
];
const BITS: &[&[u8]] = &[b"0", b"1", b"0", b"1", b"2", b"-1", b"x"];
const COMBINATIONS: &[&[u8]] = &[b"AND", b"or", b"XOR", b"Not", b"NOT", b"nosuch", b""];
const FIELDS: &[&[u8]] = &[
    b"u8", b"u8", b"i8", b"u1", b"i1", b"u5", b"i13", b"u63", b"i64", b"i32", b"u64", b"i65", b"u0", b"x8",
    b"u", b"U8",
];
const FIELD_NUMBERS: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"3",
    b"127",
    b"128",
    b"-129",
    b"255",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"x",
];
const FLOATS: &[&[u8]] = &[
    b"0.1", b"0.2", b"-0.3", b"1", b"3.0e2", b"1e300", b"-1e300", b"1e-17", b"5.5e-18", b"0x1p3", b"0x.8",
    b"inf", b"-inf", b"nan", b"1e5000", b" 1", b"1 ", b"+1.5", b".5", b"1.", b".", b"", b"x", b"-0",
];

/// Values for arguments by name, where any string would nearly always be refused.
const BY_NAME: &[(&str, &[&[u8]])] = &[
    ("offset", &[b"0", b"1", b"5", b"20", b"16384", b"-1", b"x", b"536870912", b"9223372036854775807"]),
    ("start", POSITIONS),
    ("end", POSITIONS),
    ("increment", AMOUNTS),
    ("decrement", AMOUNTS),
    ("index1", DATABASE_INDICES),
    ("index2", DATABASE_INDICES),
    ("destination-db", DATABASE_INDICES),
    ("db", DATABASE_INDICES),
    ("cursor", &[b"0", b"0", b"0", b"00", b"", b"-1", b"x", b" 0", b"+0", b"18446744073709551616"]),
    ("count", &[b"1", b"2", b"3", b"10", b"1000", b"0", b"-1", b"x"]),
    ("type", &[b"string", b"STRING", b"list", b"nosuch", b""]),
    ("index", &[b"0", b"0", b"0", b"1", b"2", b"15", b"16", b"-1", b"x", b"4294967296"]),
    ("seconds", TTLS),
    ("milliseconds", TTLS),
    ("frequency", &[b"0", b"1", b"200", b"255", b"256", b"-1", b"x"]),
    ("section", &[b"server", b"clients", b"memory", b"stats", b"keyspace", b"CPU", b"nosuch", b"default"]),
    ("protover", &[b"2", b"3", b"2", b"3", b"1", b"4", b"x", b"-3"]),
    ("username", &[b"default", b"nosuch", b""]),
    ("password", &[b"", b"secret"]),
    ("clientname", &[b"joe", b"ann", b"", b"a b", b"a\nb", b"\xff"]),
    ("connection-name", &[b"joe", b"ann", b"", b"a b", b"a\nb", b"\xff"]),
    ("client-id", &[b"1000000007", b"1000000008", b"0", b"-1", b"x", b"9223372036854775808"]),
    ("ip:port", &[b"127.0.0.1:1", b"1.2.3.4:5", b"x", b""]),
    ("category", &[b"read", b"WRITE", b"fast", b"keyspace", b"nosuch", b""]),
    ("module-name", &[b"nosuch", b""]),
    ("pattern", &[b"*", b"c*", b"*t", b"get", b"?et", b"[sg]et", b"client|*", b"", b"nosuch"]),
];

/// Settings that neither end connections nor concern the files of a server.
const SETTINGS: &[&[u8]] = &[
    b"slowlog-max-len",
    b"slowlog-log-slower-than",
    b"hz",
    b"lfu-log-factor",
    b"maxmemory-samples",
    b"MAXMEMORY-POLICY",
    b"list-max-listpack-size",
    b"list-max-ziplist-size",
    b"hash-max-listpack-entries",
    b"hash-max-ziplist-value",
    b"lazyfree-lazy-expire",
    b"appendfsync",
    b"databases",
    b"tcp-backlog",
    b"set-max-intset-entries",
    b"nosuch",
    b"",
];
const SETTING_VALUES: &[&[u8]] = &[
    b"1",
    b"10",
    b"128",
    b"0",
    b"-1",
    b"-2",
    b"500",
    b"yes",
    b"no",
    b"YES",
    b"abc",
    b"",
    b"1kb",
    b"2mb",
    b"99999999999",
    b"allkeys-lru",
    b"noeviction",
    b"everysec",
    b"always",
    b"1 2",
    b"1.5",
];
const SETTING_GLOBS: &[&[u8]] = &[
    b"*",
    b"max*",
    b"*list*",
    b"timeout",
    b"TimeOut",
    b"hz",
    b"save",
    b"nosuch",
    b"[st]*",
    b"*-max-?iplist-*",
    b"",
    b"client-output-buffer-limit",
    b"bind",
    b"slave*",
    b"*\\*",
    b"appendfsync",
];

pub const KEY_GLOBS: &[&[u8]] =
    &[b"*", b"key:*", b"*[12]", b"{*}?", b"?*", b"a key", b"", b"nosuch", b"\\{*", b"*:[^1]", b"\x00*"];

/// A value for an argument: one that fits mostly.
pub fn value(path: &str, argument: &Argument, random: &mut Random) -> Vec<u8> {
    match (path, argument.name) {
        ("CONFIG|SET", "parameter") => return random.pick(SETTINGS).to_vec(),
        ("CONFIG|SET", "value") => return random.pick(SETTING_VALUES).to_vec(),
        ("CONFIG|GET", _) => return random.pick(SETTING_GLOBS).to_vec(),
        ("COMMAND|INFO" | "COMMAND|DOCS", _) => return command_name(random),
        ("EXPIRE" | "PEXPIRE", "seconds" | "milliseconds") => {
            return match random.once_in(3) {
                true => random.pick(NO_TIMES).to_vec(),
                false => far_away(random).to_string().into_bytes(),
            };
        }
        ("PEXPIREAT", "unix-time-milliseconds") if random.once_in(2) => return b"4102444800499".to_vec(),
        ("EXPIREAT" | "PEXPIREAT", _) => return random.pick(DEADLINES).to_vec(),
        ("SETBIT" | "GETBIT", "offset") => return random.pick(BIT_OFFSETS).to_vec(),
        ("BITFIELD" | "BITFIELD_RO", "offset") => return random.pick(FIELD_OFFSETS).to_vec(),
        ("BITFIELD" | "BITFIELD_RO", "encoding") => return random.pick(FIELDS).to_vec(),
        ("BITFIELD", "value" | "increment") => return random.pick(FIELD_NUMBERS).to_vec(),
        ("SETBIT", "value") | ("BITPOS", "bit") => return random.pick(BITS).to_vec(),
        ("BITOP", "operation") => return random.pick(COMBINATIONS).to_vec(),
        ("INCRBYFLOAT", "increment") => return random.pick(FLOATS).to_vec(),
        ("RESTORE" | "RESTORE-ASKING", "ttl") => return random.pick(LIFETIMES).to_vec(),
        ("RESTORE" | "RESTORE-ASKING", "serialized-value") => return payload(random),
        ("KEYS" | "SCAN", "pattern") => return random.pick(KEY_GLOBS).to_vec(),
        _ => {}
    }
    if let Some((_, choices)) = BY_NAME.iter().find(|(name, _)| *name == argument.name) {
        return random.pick(choices).to_vec();
    }
    match argument.kind {
        ArgumentKind::Integer if random.once_in(8) => random.pick(BAD_INTEGERS).to_vec(),
        ArgumentKind::Integer => random.pick(INTEGERS).to_vec(),
        ArgumentKind::Double => random.pick(DOUBLES).to_vec(),
        ArgumentKind::UnixTime => random.pick(TIMES).to_vec(),
        _ => string(random),
    }
}

/// Times of RESTORE: as far away from now on as since 1970, or over if they are since 1970.
const LIFETIMES: &[&[u8]] = &[
    b"0",
    b"0",
    b"4102444800000",
    b"4102444800001",
    b"1000000000",
    b"9223372036854775807",
    b"-1",
    b"x",
    b"",
    b"9223372036854775808",
];

/// Encoded values, without version and checksum: the last ones make no sense.
const BODIES: &[&[u8]] = &[
    b"\x00\x05hello",
    b"\x00\xc0\x05",
    b"\x00\xc2\x00\x80\x00\x00",
    b"\x00\x03007",
    b"\x00\x0a2147483648",
    b"\x00\x80\x00\x00\x00\x01a",
    b"\x00\xc3\x06\x15\x01aa\xe0\x0a\x00",
    b"\x00\x01abehind",
    b"\x00\xc3\x06\x16\x01aa\xe0\x0a\x00",
    b"\x00\xc4",
    b"\x08\x01a",
    b"\xff",
    b"",
];

/// What DUMP could have given, and now and then what it could not.
fn payload(random: &mut Random) -> Vec<u8> {
    let mut payload = Vec::new();
    match random.below(3) {
        0 => {
            let value = string(random);
            let compression = *random.pick(&[Compression::Off, Compression::On]);
            dump::write(StringValue::Bytes(&value), compression, &mut payload);
        }
        _ => {
            payload.extend_from_slice(random.pick::<&[u8]>(BODIES));
            payload.extend_from_slice(random.pick(&[10u16, 10, 10, 6, 11]).to_le_bytes().as_slice());
            payload.extend_from_slice(&crc64(&payload).to_le_bytes());
        }
    }
    if random.once_in(10) {
        payload.pop();
    }
    payload
}

/// From here on, values are blocks of their own (16 KiB).
pub const LARGE_BYTES_MIN: usize = 16_385;

/// SET of a key to a value of each encoding and size, for good or until later.
pub fn new_value(random: &mut Random) -> Vec<Vec<u8>> {
    let value = match random.below(4) {
        0 => random.below(100_000).to_string().into_bytes(),
        1 => letters(1 + random.below(44)),
        2 => letters(45 + random.below(200)),
        _ => letters(LARGE_BYTES_MIN + random.below(30_000)),
    };
    let mut arguments = vec![b"SET".to_vec(), random.pick(KEYS).to_vec(), value];
    match random.below(4) {
        0 => arguments.push(b"KEEPTTL".to_vec()),
        1 => arguments.extend([b"EX".to_vec(), far_away(random).to_string().into_bytes()]),
        _ => {}
    }
    arguments
}

/// So long that nothing expires before the test ends, and no two alike: which of two deadlines made from equal
/// times is the later one would differ by chance.
fn far_away(random: &mut Random) -> usize {
    1_000_000_000 + random.below(1_000_000_000)
}

/// Short strings mostly; now and then the lengths at which another encoding or another way begins.
fn string(random: &mut Random) -> Vec<u8> {
    if !random.once_in(12) {
        return random.pick(STRINGS).to_vec();
    }
    let bytes = *random.pick(&[44, 45, 63, 64, 255, 256, 4095, 16_383, 16_384, 16_385, 40_000]);
    letters(bytes)
}

fn letters(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| b'a' + (index % 26) as u8).collect()
}

fn command_name(random: &mut Random) -> Vec<u8> {
    let names: Vec<_> = SHARED.iter().collect();
    let name = *random.pick(&names);
    match random.below(8) {
        0 => b"nosuch".to_vec(),
        1 => name.to_uppercase().into_bytes(),
        _ => name.clone().into_bytes(),
    }
}

/// Commands whose arguments are another command.
pub fn takes_a_command(path: &str) -> bool {
    matches!(path, "COMMAND|GETKEYS" | "COMMAND|GETKEYSANDFLAGS")
}

/// Requests by chance for what only Redis has: a word of one command in the place of another's name.
pub fn means_redis_alone(arguments: &[Vec<u8>], names: &BTreeSet<String>) -> bool {
    let lower = |index: usize| arguments.get(index).map(|word| String::from_utf8_lossy(word).to_lowercase());
    let (first, second) = (lower(0).unwrap_or_default(), lower(1).unwrap_or_default());
    let asks_about = first == "command"
        && second != "list"
        && (1..arguments.len()).any(|index| names.contains(&lower(index).unwrap_or_default()));
    names.contains(&first) || names.contains(&format!("{first}|{second}")) || asks_about
}

/// A look at the key of a request whose time may be over already: until somebody looks, chance decides whether
/// it is counted.
pub fn look_at_key(arguments: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let has_time = |word: &Vec<u8>| word.eq_ignore_ascii_case(b"EXAT") || word.eq_ignore_ascii_case(b"PXAT");
    let key = arguments.get(1)?;
    arguments.iter().any(has_time).then(|| vec![b"EXISTS".to_vec(), key.clone()])
}

/// Requests that would let a key expire while the test runs: it would be there for one server and not for the other.
pub fn expires_soon(arguments: &[Vec<u8>]) -> bool {
    let is = |index: usize, words: &[&str]| {
        let argument: Option<&Vec<u8>> = arguments.get(index);
        words.iter().any(|word| argument.is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes())))
    };
    let is_short = |index: usize| {
        let text = arguments.get(index).and_then(|argument| std::str::from_utf8(argument).ok());
        text.and_then(|text| text.parse().ok()).is_some_and(|time: i64| (1..100_000).contains(&time))
    };
    let has_short = (2..arguments.len()).any(|index| is(index, &["EX", "PX"]) && is_short(index + 1));
    has_short || is(0, &["EXPIRE", "PEXPIRE", "SETEX", "PSETEX", "RESTORE", "RESTORE-ASKING"]) && is_short(2)
}

/// Requests that would close the tests' other connections at a moment that cannot be foreseen.
pub fn ends_other_connections(arguments: &[Vec<u8>]) -> bool {
    let has = |word: &str| arguments.iter().any(|argument| argument.eq_ignore_ascii_case(word.as_bytes()));
    has("kill") && ["normal", "default", "skipme", "laddr"].iter().any(|word| has(word))
}
