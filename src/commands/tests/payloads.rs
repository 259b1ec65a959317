//! DUMP and RESTORE: what is refused and in which order, deadlines, and what becomes of the key that was there.

use super::executor::Executor;
use crate::codec::crc64::crc64;
use crate::keyspace::DEADLINE_MS_MAX;

const NOW_MS: u64 = 1_700_000_000_000;

fn dumped(executor: &mut Executor, key: &[u8]) -> Vec<u8> {
    let reply = executor.run(&[b"DUMP", key]);
    let start = reply.iter().position(|&byte| byte == b'\n').expect("a header") + 1;
    reply[start..reply.len() - 2].to_vec()
}

fn restore(executor: &mut Executor, words: &str, payload: &[u8]) -> String {
    let mut words: Vec<_> = words.split(' ').map(str::as_bytes).collect();
    words.insert(2, payload);
    let reply = executor.run(&[&[&b"RESTORE"[..]], &words[..]].concat());
    String::from_utf8(reply).expect("a line").trim_end().to_owned()
}

#[test]
fn strings_of_all_kinds_come_back() {
    let mut executor = Executor::new();
    for value in [&b""[..], b"7", b"-123456789012", b"text", &[b'a'; 100], &[b'b'; 20_000]] {
        executor.run(&[b"SET", b"k", value]);
        let payload = dumped(&mut executor, b"k");
        assert!(payload.len() < 1000, "long strings are compressed");
        assert_eq!(restore(&mut executor, "k 0 REPLACE", &payload), "+OK");
        let header = format!("${}\r\n", value.len());
        assert_eq!(executor.run(&[b"GET", b"k"]), [header.as_bytes(), value, b"\r\n"].concat());
    }
    assert_eq!(executor.run_line("DUMP nosuch"), "$-1");
}

#[test]
fn refusals_come_in_the_order_of_redis() {
    let mut executor = Executor::new();
    executor.run_line("SET k v");
    let payload = dumped(&mut executor, b"k");
    for (words, payload, reply) in [
        ("k x foo", &b"x"[..], "-ERR syntax error"),
        ("k x IDLETIME", b"x", "-ERR syntax error"),
        ("k x IDLETIME -1", b"x", "-ERR Invalid IDLETIME value, must be >= 0"),
        ("k x IDLETIME y", b"x", "-ERR value is not an integer or out of range"),
        ("k x FREQ 256", b"x", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
        ("k x FREQ -1", b"x", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
        ("k x FREQ 1 IDLETIME 1", b"x", "-ERR syntax error"),
        ("k x IDLETIME 1 FREQ 1", b"x", "-ERR syntax error"),
        ("k x", b"x", "-BUSYKEY Target key name already exists."),
        ("k x REPLACE", b"x", "-ERR value is not an integer or out of range"),
        ("k -1 REPLACE", b"x", "-ERR Invalid TTL value, must be >= 0"),
        ("k 0 REPLACE", b"x", "-ERR DUMP payload version or checksum are wrong"),
        ("k 0 replace absttl idletime 1 idletime 2", &payload, "+OK"),
        ("other 0 FREQ 1 FREQ 2", &payload, "+OK"),
    ] {
        assert_eq!(restore(&mut executor, words, payload), reply, "{words}");
    }
    assert_eq!(executor.run_line("OBJECT IDLETIME k"), ":2");
}

#[test]
fn values_of_other_types_are_refused_by_name() {
    let mut executor = Executor::new();
    // A set of integers, as Redis 7.0.15 dumps it.
    let payload = b"\x0b\x0a\x02\x00\x00\x00\x01\x00\x00\x00\x05\x00\x0a\x00";
    let payload = [&payload[..], &crc64(payload).to_le_bytes()].concat();
    let reply = restore(&mut executor, "k 0", &payload);
    assert_eq!(reply, "-ERR Bad data format: values of type set are not built yet");
    assert_eq!(executor.run_line("EXISTS k"), ":0");
}

#[test]
fn deadlines_are_counted_from_now_or_from_1970() {
    let mut executor = Executor::new();
    executor.run_line("SET k v");
    let payload = dumped(&mut executor, b"k");
    let soon = NOW_MS + 5;
    for (words, reply) in [
        ("k 0 REPLACE", ":-1".into()),
        ("k 5 REPLACE", format!(":{soon}")),
        (&format!("k {soon} REPLACE ABSTTL"), format!(":{soon}")),
        ("k 0 REPLACE ABSTTL", ":-1".into()),
        (&format!("k {NOW_MS} REPLACE ABSTTL"), ":-2".into()),
        ("k 1 ABSTTL", ":-2".into()),
        ("k 9223372036854775807", ":-2".into()),
        ("k 9223372036854775807 ABSTTL", format!(":{DEADLINE_MS_MAX}")),
    ] {
        assert_eq!(restore(&mut executor, words, &payload), "+OK", "{words}");
        assert_eq!(executor.run_line("PEXPIRETIME k"), reply, "{words}");
    }
}

#[test]
fn a_refused_payload_leaves_the_key_as_it_was() {
    let mut executor = Executor::new();
    executor.run_line("SET k v");
    assert!(restore(&mut executor, "k 0 REPLACE", b"damaged payload").starts_with("-ERR DUMP"));
    assert_eq!(executor.run_line("GET k"), "$1 v");
}
