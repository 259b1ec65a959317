//! GET, SET, DEL, EXISTS, DBSIZE, FLUSHALL.

use super::executor::Executor;
use super::{script, script_on};
use crate::cluster::slot_of;

#[test]
fn get_and_set_need_the_right_number_of_arguments() {
    script(&[
        ("GET", "-ERR wrong number of arguments for 'get' command"),
        ("get a b", "-ERR wrong number of arguments for 'get' command"),
        ("SET k", "-ERR wrong number of arguments for 'set' command"),
        ("DEL", "-ERR wrong number of arguments for 'del' command"),
        ("EXISTS", "-ERR wrong number of arguments for 'exists' command"),
        ("DBSIZE x", "-ERR wrong number of arguments for 'dbsize' command"),
    ]);
}

#[test]
fn what_was_set_is_there_byte_by_byte() {
    let mut executor = Executor::new();
    let longest_copied = vec![b'x'; 16 * 1024 - 1];
    for value in
        [&b""[..], b"0", b"-7", b"007", b"-0", b"+1", b"9223372036854775808", b"a\r\nb\0c", &longest_copied]
    {
        assert_eq!(executor.run(&[b"SET", b"k", value]), b"+OK\r\n");
        let expected = [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat();
        assert_eq!(executor.run(&[b"GET", b"k"]), expected);
        assert_eq!(executor.shared_count, 0);
    }
}

#[test]
fn a_large_value_is_sent_from_where_it_is_stored() {
    let mut executor = Executor::new();
    let value = vec![b'v'; 16 * 1024];
    assert_eq!(executor.run(&[b"SET", b"k", &value]), b"+OK\r\n");
    let expected = [b"$16384\r\n", &value[..], b"\r\n"].concat();
    assert_eq!(executor.run(&[b"GET", b"k"]), expected);
    assert_eq!(executor.shared_count, 1);
    assert_eq!(executor.run(&[b"SET", b"k", b"1", b"GET"]), expected);
    assert_eq!(executor.run(&[b"GET", b"k"]), b"$1\r\n1\r\n");
}

#[test]
fn conditions_of_set() {
    script(&[
        ("SET k 1 XX", "$-1"),
        ("SET k 1 NX", "+OK"),
        ("SET k 2 NX", "$-1"),
        ("SET k 2 nx NX", "$-1"),
        ("GET k", "$1 1"),
        ("SET k 2 XX", "+OK"),
        ("GET k", "$1 2"),
        ("SET k 3 NX XX", "-ERR syntax error"),
        ("SET k 3 XX NX", "-ERR syntax error"),
        ("SET k 3 XX EX 10 GET NX", "-ERR syntax error"),
        ("GET k", "$1 2"),
    ]);
}

#[test]
fn set_get_replies_with_the_former_value() {
    script(&[
        ("SET k 1 GET", "$-1"),
        ("SET k 2 GET GET", "$1 1"),
        ("SET k 3 NX GET", "$1 2"),
        ("SET k 4 XX GET", "$1 2"),
        ("SET new 5 XX GET", "$-1"),
        ("EXISTS new", ":0"),
        ("SET new 5 NX GET", "$-1"),
        ("GET new", "$1 5"),
    ]);
}

#[test]
fn a_deadline_ends_a_value() {
    for (option, lives_ms) in
        [("EX 10", 10_000), ("px 10", 10), ("EXAT 1700000010", 10_000), ("PXAT 1700000000010", 10)]
    {
        let mut executor = Executor::new();
        script_on(&mut executor, &[(&format!("SET k 1 {option}"), "+OK")]);
        executor.advance_ms(lives_ms);
        script_on(&mut executor, &[("GET k", "$1 1"), ("EXISTS k", ":1")]);
        executor.advance_ms(1);
        script_on(&mut executor, &[("GET k", "$-1"), ("EXISTS k", ":0"), ("DEL k", ":0")]);
    }
}

#[test]
fn set_clears_a_deadline_unless_told_to_keep_it() {
    for (option, is_kept) in [("", false), ("KEEPTTL", true), ("keepttl KEEPTTL XX", true), ("GET", false)] {
        let mut executor = Executor::new();
        executor.run_line("SET k 1 PX 10");
        executor.run_line(&format!("SET k 2 {option}"));
        executor.advance_ms(11);
        let expected = if is_kept { "$-1" } else { "$1 2" };
        assert_eq!(executor.run_line("GET k"), expected, "{option}");
    }
}

#[test]
fn a_deadline_in_the_past_is_a_value_that_was() {
    script(&[
        ("SET k 1", "+OK"),
        ("SET k 2 PXAT 1", "+OK"),
        ("GET k", "$-1"),
        ("DBSIZE", ":0"),
        ("SET k 2 EXAT 1 GET", "$-1"),
        ("EXISTS k", ":0"),
    ]);
}

#[test]
fn deadlines_that_make_no_sense() {
    let invalid = "-ERR invalid expire time in 'set' command";
    let not_integer = "-ERR value is not an integer or out of range";
    for (options, reply) in [
        ("EX 0", invalid),
        ("EX -1", invalid),
        ("PX 0", invalid),
        ("EXAT 0", invalid),
        ("PXAT -5", invalid),
        ("EX 9223372036854775807", invalid),
        ("EX 9223372036854775", invalid),
        ("PX 9223372036854775807", invalid),
        ("EXAT 9223372036854775807", invalid),
        ("EXAT 9223372036854775", "+OK"),
        ("PXAT 9223372036854775807", "+OK"),
        ("NX GET EX 0", invalid),
        ("EX x", not_integer),
        ("EX 010", not_integer),
        ("EX +10", not_integer),
        ("EX ' 10'", not_integer),
        ("EX 1e3", not_integer),
        ("EX 99999999999999999999", not_integer),
    ] {
        script(&[(&format!("SET k 1 {options}"), reply)]);
    }
}

#[test]
fn options_of_set_that_do_not_fit_together() {
    for options in [
        "EX",
        "EX 10 PX",
        "EX 10 PX 10",
        "EX 10 KEEPTTL",
        "KEEPTTL EX 10",
        "PX 10 EXAT 10",
        "foo",
        "EX x foo",
        "EX 0 foo",
        "''",
    ] {
        script(&[(&format!("SET k 1 {options}"), "-ERR syntax error")]);
    }
    script(&[
        ("SET k 1 EX x EX 10", "+OK"),
        ("SET k 1 EX 10 EX x", "-ERR value is not an integer or out of range"),
    ]);
}

#[test]
fn del_and_exists_count() {
    script(&[
        ("SET a 1", "+OK"),
        ("SET b 1", "+OK"),
        ("EXISTS a", ":1"),
        ("EXISTS a a b c", ":3"),
        ("DEL a a c b", ":2"),
        ("EXISTS a b", ":0"),
    ]);
}

#[test]
fn databases_are_apart_and_flushall_empties_all() {
    script(&[
        ("SET k 0", "+OK"),
        ("SELECT 15", "+OK"),
        ("GET k", "$-1"),
        ("SET k 15", "+OK"),
        ("DBSIZE", ":1"),
        ("FLUSHALL now", "-ERR syntax error"),
        ("FLUSHALL SYNC ASYNC", "-ERR syntax error"),
        ("DBSIZE", ":1"),
        ("FLUSHALL", "+OK"),
        ("GET k", "$-1"),
        ("SELECT 0", "+OK"),
        ("DBSIZE", ":0"),
        ("flushall async", "+OK"),
        ("FLUSHALL sync", "+OK"),
    ]);
}

#[test]
fn null_follows_the_protocol() {
    script(&[("GET k", "$-1"), ("SET k 1 XX", "$-1")]);
    let mut executor = Executor::new();
    executor.run_line("HELLO 3");
    script_on(&mut executor, &[("GET k", "_"), ("SET k 1 XX", "_"), ("SET k 1 GET", "_")]);
}

#[test]
fn no_touch_leaves_the_idle_time_alone() {
    let recency_gained = |no_touch: &str| {
        let mut executor = Executor::new();
        executor.run_line("SET k 1");
        executor.run_line(&format!("CLIENT NO-TOUCH {no_touch}"));
        let key = executor.keyspace.hasher().key(b"k", slot_of(b"k"));
        let before = executor.keyspace.peek(0, &key, 0).unwrap().recency();
        executor.advance_ms(5000);
        executor.run_line("GET k");
        executor.keyspace.peek(0, &key, 0).unwrap().recency() - before
    };
    assert_eq!((recency_gained("OFF"), recency_gained("ON")), (5, 0));
}
