//! Which commands count among the hits and misses of INFO: as in Redis.

use super::common::{Client, Launch};

/// Sent before each of the commands.
const PREPARATION: &[&str] = &["FLUSHALL", "MSET a 1 b 2", "SET e 1 EX 1000"];

const COMMANDS: &[&str] = &[
    "GET a",
    "GET x",
    "SET a 1",
    "SET a 1 GET",
    "SET x 1 GET",
    "SET a 1 NX",
    "SET a 1 XX",
    "MGET a b x a",
    "MSET a 1 x 2",
    "MSETNX a 1 x 2",
    "MSETNX x 1 y 2",
    "APPEND a 1",
    "APPEND x 1",
    "STRLEN a",
    "STRLEN x",
    "GETRANGE a 0 1",
    "GETRANGE x 0 1",
    "SUBSTR a 0 1",
    "SETRANGE a 0 x",
    "SETRANGE x 0 x",
    "INCR a",
    "DECRBY x 1",
    "INCRBYFLOAT a 1",
    "INCRBYFLOAT x 1",
    "LCS a b",
    "LCS a x",
    "LCS x y LEN",
    "SETBIT a 0 1",
    "SETBIT x 0 1",
    "GETBIT a 0",
    "GETBIT x 0",
    "BITCOUNT a",
    "BITCOUNT x 0 1",
    "BITPOS a 1",
    "BITPOS x 1",
    "BITOP AND c a b",
    "BITOP OR c a x",
    "BITOP NOT c x",
    "BITFIELD a GET u8 0",
    "BITFIELD x GET u8 0",
    "BITFIELD a SET u8 0 1",
    "BITFIELD x INCRBY u8 0 1",
    "BITFIELD_RO a GET u8 0",
    "BITFIELD_RO x",
    "GETSET a 1",
    "GETSET x 1",
    "SETNX a 1",
    "SETNX x 1",
    "SETEX a 10 1",
    "GETDEL a",
    "GETDEL x",
    "GETEX a",
    "GETEX a EX 10",
    "GETEX e PERSIST",
    "GETEX x PXAT 1",
    "DEL a x",
    "UNLINK a x",
    "EXISTS a x a",
    "TOUCH a x b",
    "DUMP a",
    "DUMP x",
    "RESTORE a 0 x",
    "RESTORE x 0 x",
    "TYPE a",
    "TYPE x",
    "RENAME a c",
    "RENAME x c",
    "RENAME a b",
    "RENAMENX a b",
    "RENAMENX a c",
    "COPY a c",
    "COPY x c",
    "COPY a b",
    "COPY a b REPLACE",
    "MOVE a 1",
    "MOVE x 1",
    "EXPIRE a 10",
    "EXPIRE x 10",
    "PEXPIREAT a 1",
    "PERSIST e",
    "PERSIST a",
    "TTL e",
    "TTL x",
    "PTTL a",
    "EXPIRETIME a",
    "PEXPIRETIME x",
    "OBJECT ENCODING a",
    "OBJECT ENCODING x",
    "OBJECT IDLETIME a",
    "OBJECT FREQ a",
    "OBJECT REFCOUNT x",
    "MEMORY USAGE a",
    "MEMORY USAGE x",
    "KEYS *",
    "RANDOMKEY",
    "SCAN 0 COUNT 100",
    "SCAN 0 COUNT 100 TYPE string",
    "SCAN 0 COUNT 100 TYPE list MATCH a",
    "DBSIZE",
];

#[test]
fn hits_and_misses_count_as_redis_does() {
    let servers = [Launch::basalt().shards(1).start(), Launch::redis().start()];
    let mut clients = servers.each_ref().map(|server| server.client());
    for command in COMMANDS {
        let [ours, theirs] = clients.each_mut().map(|client| counts(client, command));
        assert_eq!(ours, theirs, "hits and misses of {command}");
    }
}

/// By how much a command raises hits and misses.
fn counts(client: &mut Client, command: &str) -> [u64; 2] {
    for line in PREPARATION {
        assert!(!client.ask(line).is_error(), "{line}");
    }
    let before = totals(client);
    client.ask(command);
    let after = totals(client);
    [after[0] - before[0], after[1] - before[1]]
}

fn totals(client: &mut Client) -> [u64; 2] {
    let text = client.ask("INFO stats").string();
    ["keyspace_hits:", "keyspace_misses:"].map(|name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.expect("INFO has the field").trim().parse().expect("a number")
    })
}
