//! Keys of any type: several at once, other names, other databases, walks over all.

use std::collections::BTreeSet;

use super::executor::Executor;
use super::{script, script_on};
use crate::cluster::{SLOT_COUNT, SlotMap};
use crate::keyspace::cursor_slot;

#[test]
fn many_keys_are_stored_and_read_in_the_order_of_the_request() {
    script(&[
        ("MSET a 1 b two a 3", "+OK"),
        ("MGET b nosuch a b", "*4 $3 two $-1 $1 3 $3 two"),
        ("MSET a", "-ERR wrong number of arguments for 'mset' command"),
        ("MSET a 9 b", "-ERR wrong number of arguments for 'mset' command"),
        ("MSETNX c 1 a 9", ":0"),
        ("MSETNX c 1 d 2 c 3", ":1"),
        ("MSETNX x 1 y 2", ":1"),
        ("DEL x y", ":2"),
        ("MSETNX e 1 f", "-ERR wrong number of arguments for 'msetnx' command"),
        ("MGET a c d e", "*4 $1 3 $1 3 $1 2 $-1"),
        ("UNLINK a nosuch b a", ":2"),
        ("TOUCH a c d c", ":3"),
    ]);
}

#[test]
fn more_keys_than_are_fetched_together() {
    let mut executor = Executor::new();
    for count in [31, 32, 33, 64, 65, 100] {
        let pairs: String = (0..count).map(|number| format!(" key:{number} {number}")).collect();
        let names: String = (0..count).map(|number| format!(" key:{number}")).collect();
        let values: String =
            (0..count).map(|number| format!(" ${} {number}", number.to_string().len())).collect();
        script_on(
            &mut executor,
            &[
                (&format!("MSET{pairs}"), "+OK"),
                (&format!("MGET{names}"), &format!("*{count}{values}")),
                (&format!("EXISTS{names}"), &format!(":{count}")),
                (&format!("DEL{names}"), &format!(":{count}")),
                ("DBSIZE", ":0"),
            ],
        );
    }
}

#[test]
fn mset_takes_deadlines_away() {
    let mut executor = Executor::new();
    script_on(&mut executor, &[("SET a 1 PX 10", "+OK"), ("MSET a 2", "+OK")]);
    executor.advance_ms(11);
    script_on(&mut executor, &[("GET a", "$1 2")]);
}

#[test]
fn append_makes_strings_longer() {
    script(&[
        ("APPEND k 12", ":2"),
        ("APPEND k ''", ":2"),
        ("APPEND k -x", ":4"),
        ("GET k", "$4 12-x"),
        ("SET n -9223372036854775808", "+OK"),
        ("APPEND n 0", ":21"),
        ("GET n", "$21 -92233720368547758080"),
    ]);
    let mut executor = Executor::new();
    executor.turn.string_bytes_max = 5;
    let too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    script_on(&mut executor, &[("APPEND k 1234", ":4"), ("APPEND k 56", too_long), ("APPEND k 5", ":5")]);
    script_on(&mut executor, &[("SET t 1 PX 10", "+OK"), ("APPEND t 2", ":2")]);
    executor.advance_ms(11);
    script_on(&mut executor, &[("GET t", "$-1")]);
}

#[test]
fn a_renamed_key_takes_its_deadline_along() {
    let mut executor = Executor::new();
    script_on(
        &mut executor,
        &[
            ("SET a 1 PX 10", "+OK"),
            ("SET b 2", "+OK"),
            ("RENAMENX a b", ":0"),
            ("RENAME a b", "+OK"),
            ("MGET a b", "*2 $-1 $1 1"),
            ("RENAME a b", "-ERR no such key"),
            ("RENAME a a", "-ERR no such key"),
            ("RENAMENX a a", "-ERR no such key"),
            ("RENAME b b", "+OK"),
            ("RENAMENX b b", ":0"),
            ("RENAMENX b c", ":1"),
            ("GET c", "$1 1"),
        ],
    );
    executor.advance_ms(11);
    script_on(&mut executor, &[("EXISTS a b c", ":0"), ("RENAME c d", "-ERR no such key")]);
}

#[test]
fn a_copy_lives_on_its_own() {
    let same = "-ERR source and destination objects are the same";
    script(&[
        ("COPY a a", same),
        ("COPY a b", ":0"),
        ("SET a 1", "+OK"),
        ("COPY a a DB 0 REPLACE", same),
        ("COPY a a DB 1", ":1"),
        ("COPY a b REPLACE", ":1"),
        ("APPEND a 2", ":2"),
        ("COPY a b", ":0"),
        ("GET b", "$1 1"),
        ("COPY a b replace", ":1"),
        ("GET b", "$2 12"),
        ("COPY a b DB", "-ERR syntax error"),
        ("COPY a b DB 16", "-ERR DB index is out of range"),
        ("COPY a b DB x", "-ERR value is not an integer or out of range"),
        ("COPY a b DB 1 DB 2", ":1"),
        ("COPY a b x", "-ERR syntax error"),
        ("SELECT 2", "+OK"),
        ("GET b", "$2 12"),
    ]);
}

#[test]
fn databases_are_emptied_and_exchanged() {
    script(&[
        ("SET a 1", "+OK"),
        ("SELECT 1", "+OK"),
        ("SET b 2", "+OK"),
        ("SWAPDB 0 1", "+OK"),
        ("MGET a b", "*2 $1 1 $-1"),
        ("FLUSHDB x", "-ERR syntax error"),
        ("FLUSHDB async", "+OK"),
        ("DBSIZE", ":0"),
        ("SELECT 0", "+OK"),
        ("GET b", "$1 2"),
        ("SWAPDB x 16", "-ERR invalid first DB index"),
        ("SWAPDB 16 x", "-ERR invalid second DB index"),
        ("SWAPDB 16 0", "-ERR DB index is out of range"),
        ("SWAPDB 0 -1", "-ERR DB index is out of range"),
    ]);
}

#[test]
fn keys_match_patterns() {
    let mut executor = Executor::new();
    script_on(
        &mut executor,
        &[
            ("KEYS *", "*0"),
            ("RANDOMKEY", "$-1"),
            ("MSET hello 1 b 2", "+OK"),
            ("SET late 1 PX 10", "+OK"),
            ("KEYS h[a-e]*o", "*1 $5 hello"),
            ("KEYS l*", "*1 $4 late"),
        ],
    );
    executor.advance_ms(11);
    script_on(&mut executor, &[("KEYS l*", "*0"), ("DEL hello", ":1"), ("RANDOMKEY", "$1 b")]);
    executor.turn.process.shards = 2;
    script_on(&mut executor, &[("RANDOMKEY", "*2 :1 $1 b"), ("DEL b", ":1"), ("RANDOMKEY", "*2 :0 $-1")]);
}

/// All names that a whole walk gives, each as often as it was given, and the slots that its cursors stood in.
fn walk(executor: &mut Executor, options: &str) -> (Vec<String>, BTreeSet<u64>) {
    let (mut names, mut slots) = (Vec::new(), BTreeSet::new());
    let mut cursor = "0".to_owned();
    loop {
        let reply = executor.run_line(&format!("SCAN {cursor} {options}"));
        let mut words = reply.split(' ').filter(|word| !word.starts_with(['*', '$']));
        cursor = words.next().expect("a cursor").to_owned();
        names.extend(words.map(str::to_owned));
        if cursor == "0" {
            return (names, slots);
        }
        slots.insert(cursor_slot(cursor.parse().expect("a number")));
    }
}

#[test]
fn a_scan_finds_each_key() {
    let mut executor = Executor::new();
    for number in 0..1000 {
        script_on(&mut executor, &[(&format!("SET key:{number} {number}"), "+OK")]);
    }
    for number in 0..100 {
        script_on(&mut executor, &[(&format!("SET late:{number} 1 PX 10"), "+OK")]);
    }
    executor.advance_ms(11);
    for options in ["", "COUNT 1", "count 5000 match *", "TYPE string", "COUNT 37 TYPE STRING MATCH key:*"] {
        let (mut names, _) = walk(&mut executor, options);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 1000, "{options}");
    }
    assert_eq!(walk(&mut executor, "MATCH key:77*").0.len(), 11);
    assert_eq!(walk(&mut executor, "TYPE list").0.len(), 0);
    assert_eq!(walk(&mut executor, "TYPE nosuch").0.len(), 0);
}

/// The cursor stands where the slots of another shard begin, so that the next call goes there.
#[test]
fn a_scan_stops_at_the_slots_of_another_shard() {
    let mut executor = Executor::new();
    executor.slots = SlotMap::even(4);
    script_on(&mut executor, &[("SET foo 1", "+OK"), ("SET bar 1", "+OK")]);
    let (names, slots) = walk(&mut executor, "COUNT 100");
    assert_eq!(names, ["bar", "foo"]);
    let starts: Vec<_> = (1..4).map(|shard| shard * SLOT_COUNT as u64 / 4).collect();
    assert_eq!(slots.into_iter().collect::<Vec<_>>(), starts);
}

#[test]
fn cursors_are_read_as_c_reads_numbers() {
    let invalid = "-ERR invalid cursor";
    let end = "*2 $1 0 *0";
    script(&[
        ("SCAN 00", end),
        ("SCAN ''", end),
        ("SCAN +0", end),
        ("SCAN -1", end),
        ("SCAN 18446744073709551615", end),
        (r#"SCAN "0\x00x""#, end),
        ("SCAN 18446744073709551616", invalid),
        ("SCAN -18446744073709551616", invalid),
        ("SCAN ' 0'", invalid),
        ("SCAN '0 '", invalid),
        ("SCAN -", invalid),
        ("SCAN x COUNT 0", invalid),
        ("SCAN 0 COUNT 0", "-ERR syntax error"),
        ("SCAN 0 COUNT -1", "-ERR syntax error"),
        ("SCAN 0 COUNT", "-ERR syntax error"),
        ("SCAN 0 COUNT x", "-ERR value is not an integer or out of range"),
        ("SCAN 0 foo bar", "-ERR syntax error"),
    ]);
}
