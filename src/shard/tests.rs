//! The execute path: replies, errors in place of replies, ownership. And who gets locks, beside a naive model.

use std::collections::VecDeque;

use proptest::prelude::*;

use crate::cluster::{SlotMap, slot_of};
use crate::codec::rdb::Compression;
use crate::commands::call::{DebugAccess, Process};
use crate::commands::{Turn, resolve};
use crate::keyspace::{Hasher, Keyspace, Recency};
use crate::protocol::{Args, Out, Resp, Span};
use crate::shard::jobs::{Jobs, Matter, tidy};
use crate::shard::locks::{Mode, WHOLE, Want, key_lock};
use crate::shard::visit::{Agreed, Step, Task, TaskKind, Then, Ticket, Visit};
use crate::shard::{Answer, Lane, Request, Shard};

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

fn turn() -> Turn {
    Turn {
        now_us: 1_700_000_000_000_000,
        databases: 16,
        string_bytes_max: 512 << 20,
        compression: Compression::On,
        password: None,
        process: Process { started_at_us: 0, shards: 1, debug_access: DebugAccess::Nobody },
    }
}

fn check(shard: &mut Shard, line: &str, expected: &str) {
    let turn = turn();
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

/// The clock of another shard, by which the transaction runs, is ahead of this one's.
#[test]
fn what_a_transaction_has_seen_expire_stays_so() {
    let mut shard = shard(0, 1);
    check(&mut shard, "SET k v PX 1000", "+OK\r\n");
    let lock = key_lock(shard.keyspace.hasher().hash(b"k"));
    let ticket = Ticket { home: 0, number: 1 };
    let wants = vec![(WHOLE, Mode::IntentWrite), (lock, Mode::Exclusive)];
    shard.take(Step::Hold(Box::new(Visit { wants, ..Visit::new(ticket, 0) })), &turn());
    let lane = Lane { core: 0, connection: 0, generation: 0 };
    with_request(&shard_view(&shard), "GET k", |request| shard.wait(request, lane, 0, 1));
    let now_us = turn().now_us + 2_000_000;
    let mut visit = Visit { now_us, then: Then::Release, ..Visit::new(ticket, 0) };
    with_request(&shard_view(&shard), "EXISTS k", |request| {
        visit.work.push(request, Task { place: 0, kind: TaskKind::Run });
    });
    shard.answers.clear();
    shard.take(Step::Run(Box::new(visit)), &turn());
    let replies: Vec<_> = shard
        .answers
        .iter()
        .map(|answer| match answer {
            Answer::Visited(visit) => visit.replies.bytes.clone(),
            Answer::Reply { reply, .. } => reply.bytes.clone(),
            Answer::Moved { .. } => unreachable!("no slot has moved"),
        })
        .collect();
    assert_eq!(replies, [&b":0\r\n"[..], b"$-1\r\n"]);
}

/// Another shard has run its part, or is about to.
#[test]
fn a_part_is_not_refused_once_its_shard_has_agreed() {
    let mut shard = shard(0, 1);
    let lock = key_lock(shard.keyspace.hasher().hash(b"k"));
    let wants = vec![(WHOLE, Mode::IntentWrite), (lock, Mode::Exclusive)];
    let hold = |number| {
        let ticket = Ticket { home: 0, number };
        Step::Hold(Box::new(Visit { wants: wants.clone(), ..Visit::new(ticket, 0) }))
    };
    shard.take(hold(1), &turn());
    shard.write_refusal = Some(b"-MISCONF\r\n"[..].into());
    let mut visit = Visit { then: Then::Release, ..Visit::new(Ticket { home: 0, number: 1 }, 0) };
    with_request(&shard_view(&shard), "SET k v", |request| {
        visit.work.push(request, Task { place: 0, kind: TaskKind::Run });
    });
    shard.take(Step::Run(Box::new(visit)), &turn());
    shard.take(hold(2), &turn());
    let said: Vec<_> = shard
        .answers
        .iter()
        .map(|answer| match answer {
            Answer::Visited(visit) => (visit.agreed, visit.replies.bytes.clone()),
            _ => unreachable!("only visits were made"),
        })
        .collect();
    let refusal = b"-MISCONF\r\n".to_vec();
    let expected =
        [(Agreed::Yes, Vec::new()), (Agreed::Yes, b"+OK\r\n".to_vec()), (Agreed::Refused, refusal)];
    assert_eq!(said, expected);
    check(&mut shard, "SET k w", "-MISCONF\r\n");
    check(&mut shard, "GET k", "$1\r\nv\r\n");
}

const LOCKS: u64 = 4;

/// The table of docs/consistency.md.
fn agree(one: Mode, other: Mode) -> bool {
    use Mode::{IntentRead, IntentWrite, Shared};
    matches!(
        (one, other),
        (IntentRead, IntentRead | IntentWrite | Shared)
            | (IntentWrite, IntentRead | IntentWrite)
            | (Shared, IntentRead | Shared)
    )
}

fn wants() -> impl Strategy<Value = Vec<Want>> {
    let mode = prop::sample::select(vec![Mode::IntentRead, Mode::IntentWrite, Mode::Shared, Mode::Exclusive]);
    prop::collection::vec((0..LOCKS, mode), 1..4).prop_map(|mut wants| {
        tidy(&mut wants);
        wants
    })
}

fn visit(number: u64) -> Matter {
    Matter::Visit(Box::new(Visit::new(Ticket { home: 0, number }, 0)))
}

proptest! {
    /// Each step lets a job come, or one that runs end. Whoever runs gets along with all others that run, jobs that
    /// want the same run in the order in which they came if they exclude each other, and all run in the end.
    #[test]
    fn jobs_run_when_those_before_them_let_them(
        steps in prop::collection::vec((wants(), any::<bool>(), 0usize..8), 1..60),
    ) {
        let (mut jobs, mut running) = (Jobs::default(), Vec::<(u64, Vec<Want>)>::new());
        let mut waiting = VecDeque::<(u64, Vec<Want>)>::new();
        let conflict = |one: &[Want], other: &[Want]| {
            one.iter().any(|(lock, mode)| other.iter().any(|other| other.0 == *lock && !agree(*mode, other.1)))
        };
        let mut steps = steps.into_iter();
        for number in 0.. {
            match (steps.next(), running.is_empty()) {
                (None, true) => break,
                (Some((wants, false, _)), _) | (Some((wants, _, _)), true) => {
                    let is_free = !running.iter().chain(&waiting).any(|other| conflict(&wants, &other.1));
                    prop_assert!(!is_free || waiting.iter().any(|other| shares(&wants, &other.1)) || jobs.are_free(&wants));
                    waiting.push_back((number, wants.clone()));
                    jobs.add(wants, visit(number));
                }
                (step, _) => {
                    let which = step.map_or(0, |(_, _, which)| which) % running.len();
                    let (_, wants) = running.remove(which);
                    jobs.release(&wants);
                }
            }
            while let Some(job) = jobs.next_ready() {
                let Matter::Visit(visit) = job.matter else { unreachable!("only visits were added") };
                let index = waiting.iter().position(|(number, _)| *number == visit.ticket.number).expect("it waits");
                let (number, wants) = waiting.remove(index).expect("it is there");
                prop_assert!(!running.iter().any(|other| conflict(&wants, &other.1)), "all that run get along");
                let overtaken = waiting.iter().find(|other| other.0 < number && other.1 == wants);
                prop_assert!(overtaken.is_none_or(|other| !conflict(&wants, &other.1)), "nobody is overtaken");
                running.push((number, wants));
            }
            prop_assert!(!running.is_empty() || waiting.is_empty(), "somebody runs");
        }
        prop_assert!(jobs.are_idle());
    }
}

fn shares(one: &[Want], other: &[Want]) -> bool {
    one.iter().any(|(lock, _)| other.iter().any(|other| other.0 == *lock))
}
