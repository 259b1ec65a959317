//! The execute path: replies, errors in place of replies, ownership.

use crate::cluster::{SlotMap, slot_of};
use crate::commands::call::{DebugAccess, Process};
use crate::commands::{Turn, resolve};
use crate::keyspace::{Hasher, Keyspace, Recency};
use crate::protocol::{Args, Out, Resp, Span};
use crate::shard::{Request, Shard};

fn shard(index: u16, shards: u16) -> Shard {
    Shard::new(index, Keyspace::new(16, Hasher::seeded(1), Recency::Lru), SlotMap::even(shards))
}

/// Lays the words out as received bytes and hands the request to `run`.
fn with_request<T>(shard: &Shard, line: &str, run: impl FnOnce(&Request) -> T) -> T {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for word in line.split(' ') {
        spans.push(Span::new(bytes.len(), word.len()));
        bytes.extend_from_slice(word.as_bytes());
    }
    let args = Args::new(&bytes, &spans, &[]);
    let command = resolve(&args).ok().expect("a known command");
    let first = command.key_indices(args.len()).next().map_or(&[][..], |index| args.at(index));
    let key = shard.keyspace.hasher().key(first, slot_of(first));
    run(&Request { command, args, key, database: 0, resp: Resp::Two, no_touch: false })
}

fn check(shard: &mut Shard, line: &str, expected: &str) {
    let turn = Turn {
        now_us: 1_700_000_000_000_000,
        databases: 16,
        string_bytes_max: 512 << 20,
        process: Process { started_at_us: 0, shards: 1, debug_access: DebugAccess::Nobody },
    };
    let mut out = Out { bytes: b"before ".to_vec(), shared: Vec::new() };
    let reply = with_request(&shard_view(shard), line, |request| {
        shard.execute(request, &turn, &mut out);
        String::from_utf8(out.bytes.split_off(7)).expect("text")
    });
    assert_eq!(out.bytes, b"before ", "what others were told stays");
    assert_eq!(reply, expected, "{line}");
}

/// A shard that only lends its hasher and map, while the real one runs.
fn shard_view(shard: &Shard) -> Shard {
    Shard::new(
        shard.index,
        Keyspace::new(1, shard.keyspace.hasher().clone(), Recency::Lru),
        shard.slots.clone(),
    )
}

#[test]
fn a_command_runs_and_replies() {
    let mut shard = shard(0, 1);
    check(&mut shard, "SET k v", "+OK\r\n");
    check(&mut shard, "GET k", "$1\r\nv\r\n");
    check(&mut shard, "EXISTS k k nothing", ":2\r\n");
    check(&mut shard, "DEL k", ":1\r\n");
    check(&mut shard, "GET k", "$-1\r\n");
}

#[test]
fn an_error_replaces_the_reply() {
    let mut shard = shard(0, 1);
    check(&mut shard, "SET k v EX nothing", "-ERR value is not an integer or out of range\r\n");
    check(&mut shard, "SET k v NX XX", "-ERR syntax error\r\n");
    check(&mut shard, "EXISTS k", ":0\r\n");
}
