//! Strings as counters and by parts, and what reads and writes them at once.

use super::executor::Executor;
use super::{script, script_on};

#[test]
fn counters_count_within_64_bits() {
    let not_integer = "-ERR value is not an integer or out of range";
    let overflow = "-ERR increment or decrement would overflow";
    script(&[
        ("INCR n", ":1"),
        ("DECRBY n 11", ":-10"),
        ("INCRBY n 9223372036854775807", ":9223372036854775797"),
        ("INCRBY n 11", overflow),
        ("DECR m", ":-1"),
        ("DECRBY m -9223372036854775808", "-ERR decrement would overflow"),
        ("DECRBY m 9223372036854775807", ":-9223372036854775808"),
        ("DECR m", overflow),
        ("INCRBY m +1", not_integer),
        ("SET s 01", "+OK"),
        ("INCR s", not_integer),
        ("SET s ''", "+OK"),
        ("INCR s", not_integer),
        ("SET s 1", "+OK"),
        ("APPEND s 2", ":2"),
        ("INCR s", ":13"),
        ("OBJECT ENCODING s", "$3 int"),
    ]);
    let mut executor = Executor::new();
    script_on(&mut executor, &[("SET n 5 PX 10", "+OK"), ("INCR n", ":6"), ("PTTL n", ":10")]);
}

#[test]
fn a_part_of_a_string_is_read() {
    script(&[
        ("SET k 'Hello World'", "+OK"),
        ("GETRANGE k 0 4", "$5 Hello"),
        ("GETRANGE k -5 -1", "$5 World"),
        ("GETRANGE k -100 100", "$11 Hello World"),
        ("GETRANGE k 0 -100", "$1 H"),
        ("GETRANGE k 5 3", "$0"),
        ("GETRANGE k -1 -5", "$0"),
        ("GETRANGE k 11 12", "$0"),
        ("GETRANGE k -9223372036854775808 9223372036854775807", "$11 Hello World"),
        ("GETRANGE nosuch 0 1", "$0"),
        ("GETRANGE nosuch x 1", "-ERR value is not an integer or out of range"),
        ("SET n -12345", "+OK"),
        ("SUBSTR n 0 2", "$3 -12"),
        ("STRLEN n", ":6"),
        ("STRLEN nosuch", ":0"),
    ]);
}

#[test]
fn a_part_of_a_large_value_is_sent_from_where_it_is_stored() {
    let mut executor = Executor::new();
    let value = vec![b'v'; 40_000];
    executor.run(&[b"SET", b"k", &value]);
    let expected = [b"$20000\r\n", &value[..20_000], b"\r\n"].concat();
    assert_eq!(executor.run(&[b"GETRANGE", b"k", b"10000", b"29999"]), expected);
    assert_eq!(executor.shared_count, 1);
    assert_eq!(executor.run(&[b"GETRANGE", b"k", b"-2", b"-1"]), b"$2\r\nvv\r\n");
    assert_eq!(executor.shared_count, 0);
}

#[test]
fn a_part_of_a_string_is_overwritten() {
    let out_of_range = "-ERR offset is out of range";
    let mut executor = Executor::new();
    executor.turn.string_bytes_max = 20;
    script_on(
        &mut executor,
        &[
            ("SETRANGE k 0 ''", ":0"),
            ("EXISTS k", ":0"),
            ("SETRANGE k -1 ''", out_of_range),
            ("SETRANGE k x y", "-ERR value is not an integer or out of range"),
            ("SET k 12345", "+OK"),
            ("SETRANGE k 100 ''", ":5"),
            ("OBJECT ENCODING k", "$3 int"),
            ("SETRANGE k 1 ab", ":5"),
            ("GET k", "$5 1ab45"),
            ("OBJECT ENCODING k", "$3 raw"),
            ("SETRANGE k 19 x", ":20"),
            ("SETRANGE k 20 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
            (
                "SETRANGE k 9223372036854775807 x",
                "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            ),
        ],
    );
    assert_eq!(executor.run(&[b"SETRANGE", b"pad", b"2", b"x"]), b":3\r\n");
    assert_eq!(executor.run(&[b"GET", b"pad"]), b"$3\r\n\0\0x\r\n");
}

#[test]
fn reading_and_writing_at_once() {
    let mut executor = Executor::new();
    script_on(
        &mut executor,
        &[
            ("GETSET k 1", "$-1"),
            ("SET k 2 PX 10", "+OK"),
            ("GETSET k 3", "$1 2"),
            ("TTL k", ":-1"),
            ("SETNX k 4", ":0"),
            ("SETNX new 4", ":1"),
            ("GETDEL new", "$1 4"),
            ("GETDEL new", "$-1"),
            ("SETEX k 0 x", "-ERR invalid expire time in 'setex' command"),
            ("SETEX k x x", "-ERR value is not an integer or out of range"),
            ("PSETEX k 9223372036854775807 x", "-ERR invalid expire time in 'psetex' command"),
            ("SETEX k 2 x", "+OK"),
            ("PTTL k", ":2000"),
            ("PSETEX k 7 y", "+OK"),
            ("PTTL k", ":7"),
        ],
    );
}

#[test]
fn getex_may_change_the_deadline() {
    let invalid = "-ERR invalid expire time in 'getex' command";
    let syntax = "-ERR syntax error";
    script(&[
        ("GETEX k EX x", "$-1"),
        ("GETEX k EX 0", "$-1"),
        ("SET k 1", "+OK"),
        ("GETEX k", "$1 1"),
        ("GETEX k EX 10 EX 20", "$1 1"),
        ("TTL k", ":20"),
        ("GETEX k", "$1 1"),
        ("TTL k", ":20"),
        ("GETEX k PERSIST PERSIST", "$1 1"),
        ("TTL k", ":-1"),
        ("GETEX k PXAT 1700000000005", "$1 1"),
        ("PTTL k", ":5"),
        ("GETEX k EX 0", invalid),
        ("GETEX k EX 9223372036854775807", invalid),
        ("GETEX k EX x", "-ERR value is not an integer or out of range"),
        ("GETEX k EX 1 PX 1", syntax),
        ("GETEX k EX 1 PERSIST", syntax),
        ("GETEX k PERSIST EX 1", syntax),
        ("GETEX k KEEPTTL", syntax),
        ("GETEX k NX", syntax),
        ("GETEX k EX", syntax),
        ("SET k 1 PERSIST", syntax),
        ("GETEX k EXAT 1", "$1 1"),
        ("EXISTS k", ":0"),
    ]);
}
