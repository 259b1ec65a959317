//! How long keys live, and what OBJECT tells of them.

use super::executor::Executor;
use super::{script, script_on};
use crate::keyspace::{DEADLINE_MS_MAX, Recency};

#[test]
fn a_deadline_is_told_in_four_ways() {
    let mut executor = Executor::new();
    script_on(
        &mut executor,
        &[
            ("TTL k", ":-2"),
            ("PTTL k", ":-2"),
            ("EXPIRETIME k", ":-2"),
            ("PEXPIRETIME k", ":-2"),
            ("EXPIRE k 10", ":0"),
            ("SET k 1", "+OK"),
            ("TTL k", ":-1"),
            ("PTTL k", ":-1"),
            ("EXPIRETIME k", ":-1"),
            ("PEXPIRETIME k", ":-1"),
            ("PEXPIRE k 1499", ":1"),
            ("TTL k", ":1"),
            ("PEXPIRE k 1500", ":1"),
            ("TTL k", ":2"),
            ("PTTL k", ":1500"),
            ("EXPIRETIME k", ":1700000002"),
            ("PEXPIRETIME k", ":1700000001500"),
            ("EXPIRE k 10", ":1"),
            ("PTTL k", ":10000"),
            ("EXPIREAT k 1700000003", ":1"),
            ("PTTL k", ":3000"),
            ("PEXPIREAT k 1700000000004", ":1"),
            ("PTTL k", ":4"),
        ],
    );
    executor.advance_ms(4);
    script_on(&mut executor, &[("PTTL k", ":0"), ("TTL k", ":0"), ("GET k", "$1 1")]);
    executor.advance_ms(1);
    script_on(&mut executor, &[("PTTL k", ":-2"), ("PERSIST k", ":0")]);
}

#[test]
fn a_deadline_that_has_passed_removes_the_key() {
    for request in
        ["EXPIRE k 0", "EXPIRE k -1", "PEXPIRE k -5", "EXPIREAT k 1", "PEXPIREAT k -9223372036854775808"]
    {
        script(&[("SET k 1", "+OK"), (request, ":1"), ("EXISTS k", ":0"), ("DBSIZE", ":0")]);
    }
}

#[test]
fn persist_takes_the_deadline_away() {
    let mut executor = Executor::new();
    script_on(&mut executor, &[("SET k 1 PX 5", "+OK"), ("PERSIST k", ":1"), ("PERSIST k", ":0")]);
    executor.advance_ms(6);
    script_on(&mut executor, &[("TTL k", ":-1"), ("PERSIST nosuch", ":0")]);
}

#[test]
fn conditions_look_at_the_present_deadline() {
    script(&[
        ("SET k 1", "+OK"),
        ("EXPIRE k 100 XX", ":0"),
        ("EXPIRE k 100 GT", ":0"),
        ("EXPIRE k 100 LT", ":1"),
        ("EXPIRE k 100 LT", ":0"),
        ("EXPIRE k 100 GT", ":0"),
        ("EXPIRE k 100 NX", ":0"),
        ("EXPIRE k 99 GT", ":0"),
        ("EXPIRE k 101 xx gt", ":1"),
        ("EXPIRE k 99 XX LT", ":1"),
        ("EXPIRE k -1 GT", ":0"),
        ("TTL k", ":99"),
        ("EXPIRE k -1 LT", ":1"),
        ("EXISTS k", ":0"),
    ]);
    let incompatible = "-ERR NX and XX, GT or LT options at the same time are not compatible";
    script(&[
        ("EXPIRE k 1 NX XX", incompatible),
        ("EXPIRE k x NX GT", incompatible),
        ("EXPIRE k 1 NX LT GT", incompatible),
        ("EXPIRE k 1 GT LT", "-ERR GT and LT options at the same time are not compatible"),
        ("EXPIRE k x FOO", "-ERR Unsupported option FOO"),
        ("EXPIRE k x", "-ERR value is not an integer or out of range"),
        ("EXPIRE k 1 nx NX", ":0"),
    ]);
}

#[test]
fn times_out_of_range_are_refused_even_without_the_key() {
    let invalid = |name: &str| format!("-ERR invalid expire time in '{name}' command");
    script(&[
        ("EXPIRE k 9223372036854775807", &invalid("expire")),
        ("EXPIRE k 9223372036854775", &invalid("expire")),
        ("EXPIRE k -9223372036854775808", &invalid("expire")),
        ("PEXPIRE k 9223372036854775807", &invalid("pexpire")),
        ("EXPIREAT k 9223372036854776", &invalid("expireat")),
        ("EXPIREAT k 9223372036854775", ":0"),
        ("SET k 1", "+OK"),
        ("PEXPIREAT k 9223372036854775807", ":1"),
        ("PEXPIRETIME k", &format!(":{DEADLINE_MS_MAX}")),
    ]);
}

#[test]
fn a_moved_key_is_in_one_database() {
    let mut executor = Executor::new();
    script_on(
        &mut executor,
        &[
            ("MOVE k 1", ":0"),
            ("MOVE k 0", "-ERR source and destination objects are the same"),
            ("MOVE k 16", "-ERR DB index is out of range"),
            ("MOVE k x", "-ERR value is not an integer or out of range"),
            ("SET k 1 PX 10", "+OK"),
            ("MOVE k 1", ":1"),
            ("EXISTS k", ":0"),
            ("SET k 2", "+OK"),
            ("MOVE k 1", ":0"),
            ("SELECT 1", "+OK"),
            ("GET k", "$1 1"),
            ("PTTL k", ":10"),
        ],
    );
    executor.advance_ms(11);
    script_on(&mut executor, &[("SELECT 0", "+OK"), ("MOVE k 1", ":1")]);
}

#[test]
fn types_and_encodings_have_the_names_of_redis() {
    let long = "x".repeat(45);
    script(&[
        ("TYPE k", "+none"),
        ("OBJECT ENCODING k", "$-1"),
        ("OBJECT REFCOUNT k", "$-1"),
        ("SET k 9999", "+OK"),
        ("TYPE k", "+string"),
        ("OBJECT ENCODING k", "$3 int"),
        ("OBJECT REFCOUNT k", ":2147483647"),
        ("SET k 10000", "+OK"),
        ("OBJECT REFCOUNT k", ":1"),
        ("SET k x", "+OK"),
        ("OBJECT ENCODING k", "$6 embstr"),
        ("APPEND k y", ":2"),
        ("OBJECT ENCODING k", "$3 raw"),
        ("RENAME k r", "+OK"),
        ("OBJECT ENCODING r", "$3 raw"),
        (&format!("SET k {long}"), "+OK"),
        ("OBJECT ENCODING k", "$3 raw"),
        ("OBJECT foo", "-ERR unknown subcommand 'foo'. Try OBJECT HELP."),
        ("OBJECT FREQ", "-ERR wrong number of arguments for 'object|freq' command"),
    ]);
}

/// What looks at a key must not look like its use.
#[test]
fn idle_time_ends_with_a_use() {
    let mut executor = Executor::new();
    script_on(&mut executor, &[("SET k 1", "+OK")]);
    executor.advance_ms(5000);
    for request in
        ["TYPE k", "TTL k", "PTTL k", "EXISTS k", "OBJECT ENCODING k", "OBJECT IDLETIME k", "SCAN 0"]
    {
        executor.run_line(request);
        script_on(&mut executor, &[("OBJECT IDLETIME k", ":5")]);
    }
    executor.caller.no_touch = true;
    script_on(&mut executor, &[("GET k", "$1 1"), ("OBJECT IDLETIME k", ":5"), ("TOUCH k", ":1")]);
    script_on(&mut executor, &[("OBJECT IDLETIME k", ":0")]);
    executor.caller.no_touch = false;
    for request in
        ["GET k", "MGET k", "EXPIRE k 1000", "PERSIST k", "COPY k other", "RENAME k k", "APPEND k 1"]
    {
        executor.advance_ms(2000);
        executor.run_line(request);
        script_on(&mut executor, &[("OBJECT IDLETIME k", ":0")]);
    }
    let reply = executor.run_line("OBJECT FREQ k");
    assert!(reply.starts_with("-ERR An LFU maxmemory policy is not selected, "), "{reply}");
}

#[test]
fn a_count_of_uses_outlives_writes_and_renames() {
    let mut executor = Executor::new();
    executor.keyspace.set_recency(Recency::Lfu { log_factor: 0, decay_minutes: 1 });
    script_on(
        &mut executor,
        &[
            ("SET k 1", "+OK"),
            ("OBJECT FREQ k", ":5"),
            ("GET k", "$1 1"),
            ("SET k 2", "+OK"),
            ("OBJECT FREQ k", ":7"),
            ("RENAME k j", "+OK"),
            ("OBJECT FREQ j", ":8"),
            ("COPY j k", ":1"),
            ("OBJECT FREQ k", ":5"),
            ("OBJECT FREQ nosuch", "$-1"),
        ],
    );
    let reply = executor.run_line("OBJECT IDLETIME k");
    assert!(reply.starts_with("-ERR An LFU maxmemory policy is selected, "), "{reply}");
}
