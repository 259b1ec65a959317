//! What is counted of a load, exactly.

use super::{Failure, Load, Loop};
use crate::arrivals::{Arrivals, Spacing};
use crate::keys::Part;
use crate::mix::Composed;
use crate::ring::Event;

const STALL_NS: u64 = 10_000_000_000;
const PLAIN: Composed = Composed { kind: 0, replies: 1 };

fn send(load: &mut Load, wanted: u64, at_ns: u64, composed: Composed) -> Option<(usize, u64)> {
    let (connection, requests) = load.take_ready(wanted)?;
    (0..requests).for_each(|_| load.note_request(connection, at_ns, composed));
    Some((connection, requests))
}

/// A load of one connection that has sent its first batch at 0.
fn sent_batch(pipeline: u32, quota: Option<u64>) -> Load {
    let mut load = Load::new(1, Loop::Closed, pipeline, 2, STALL_NS);
    load.begin_measuring(quota);
    assert_eq!(send(&mut load, u64::MAX, 0, PLAIN).map(|(connection, _)| connection), Some(0));
    load
}

fn receive(load: &mut Load, bytes: &[u8], now_ns: u64) {
    load.on_event(Event::Received { connection: 0, bytes }, now_ns);
}

fn sent(load: &mut Load) {
    load.on_event(Event::Sent { connection: 0 }, 0);
}

#[test]
fn the_next_batch_waits_for_all_replies_and_for_the_send() {
    let mut load = sent_batch(2, None);
    receive(&mut load, b"+OK\r\n+O", 10_000);
    assert_eq!(load.take_ready(u64::MAX), None);
    receive(&mut load, b"K\r\n", 20_000);
    assert_eq!(load.take_ready(u64::MAX), None);
    sent(&mut load);
    assert_eq!(load.take_ready(u64::MAX), Some((0, 2)));
    let summary = load.counts.latencies().summary();
    assert!(load.counts.requests == 2 && summary.p50 < 10.1 && summary.max > 19.9, "{summary:?}");
}

#[test]
fn a_quota_is_met_exactly() {
    let mut load = sent_batch(4, Some(6));
    sent(&mut load);
    receive(&mut load, b":1\r\n:2\r\n:3\r\n:4\r\n", 1);
    assert_eq!(send(&mut load, u64::MAX, 1, PLAIN), Some((0, 2)));
    sent(&mut load);
    assert!(!load.is_finished());
    receive(&mut load, b":1\r\n:2\r\n", 1);
    assert!(load.is_finished() && load.take_ready(u64::MAX).is_none() && load.counts.requests == 6);
}

#[test]
fn measuring_forgets_what_went_before_but_not_what_is_awaited() {
    let mut load = sent_batch(2, None);
    sent(&mut load);
    receive(&mut load, b"-ERR x\r\n", 1);
    load.begin_measuring(Some(1));
    assert_eq!((load.counts.requests, load.counts.errors), (0, 0));
    receive(&mut load, b"+OK\r\n", 1);
    assert!(load.is_finished() && load.counts.requests == 1);
}

#[test]
fn a_request_of_several_commands_ends_with_its_last_reply() {
    let mut load = Load::new(1, Loop::Closed, 2, 2, STALL_NS);
    assert!(send(&mut load, u64::MAX, 0, Composed { kind: 1, replies: 3 }).is_some());
    sent(&mut load);
    receive(&mut load, b"+OK\r\n+QUEUED\r\n", 5_000);
    assert_eq!(load.counts.requests, 0);
    receive(&mut load, b"*1\r\n:1\r\n+OK\r\n", 10_000);
    assert_eq!((load.counts.requests, load.ready_count()), (1, 0));
    receive(&mut load, b"+QUEUED\r\n*1\r\n:1\r\n", 20_000);
    assert_eq!((load.counts.requests, load.ready_count()), (2, 1));
    let kinds: Vec<u64> = load.counts.kinds.iter().map(|kind| kind.count()).collect();
    assert_eq!(kinds, [0, 2]);
    assert!(load.counts.kinds[1].summary().p50 > 9.9);
}

#[test]
fn an_open_loop_sends_while_the_pipeline_has_room() {
    let mut load = Load::new(1, Loop::Open, 3, 1, STALL_NS);
    assert_eq!(send(&mut load, 2, 1_000, PLAIN), Some((0, 2)));
    assert_eq!(load.take_ready(1), None);
    sent(&mut load);
    assert_eq!(send(&mut load, 5, 2_000, PLAIN), Some((0, 1)));
    sent(&mut load);
    assert_eq!(load.take_ready(1), None);
    receive(&mut load, b"+OK\r\n", 11_000);
    assert_eq!(load.take_ready(5), Some((0, 1)));
    assert!((load.counts.latencies().summary().max - 10.0).abs() < 0.1);
}

#[test]
fn what_is_unanswered_or_unsent_counts_with_its_age_in_an_open_loop() {
    let mut arrivals = Arrivals::new(1000.0, Spacing::Fixed, Part { index: 0, count: 1 }, 1);
    let mut load = Load::new(1, Loop::Open, 1, 1, STALL_NS);
    let due = arrivals.take();
    send(&mut load, 1, due, PLAIN);
    load.finish(Some(&mut arrivals), 10_000_000);
    // Sent at 0 and without a reply; due at 1, 2, ... 10 ms and not sent.
    assert_eq!((load.counts.unanswered, load.counts.requests), (11, 0));
    let summary = load.counts.latencies().summary();
    assert!((summary.max / 10_000.0 - 1.0).abs() < 0.01 && (summary.p50 / 5000.0 - 1.0).abs() < 0.01);
    let mut flooded = Load::new(1, Loop::Open, 1, 1, STALL_NS);
    let mut many = Arrivals::new(1e9, Spacing::Fixed, Part { index: 0, count: 1 }, 1);
    flooded.finish(Some(&mut many), 10_000_000_000);
    assert!(flooded.counts.unanswered.abs_diff(10_000_000_000) < 1000, "{}", flooded.counts.unanswered);
    assert!((flooded.counts.latencies().summary().p50 / 5e6 - 1.0).abs() < 0.01);
    let mut closed = sent_batch(2, None);
    closed.finish(None, 5_000);
    assert_eq!((closed.counts.unanswered, closed.counts.latencies().count()), (2, 0));
}

#[test]
fn different_errors_are_shown_once_each() {
    let mut load = sent_batch(6, None);
    receive(&mut load, b"-ERR a\r\n-ERR b\r\n-ERR a\r\n-ERR c\r\n-ERR d\r\n+OK\r\n", 1);
    assert_eq!((load.counts.requests, load.counts.errors), (6, 5));
    assert_eq!(load.counts.error_examples, ["ERR a", "ERR b", "ERR c"]);
}

#[test]
fn a_server_that_misbehaves_ends_the_run() {
    let mut load = sent_batch(1, None);
    receive(&mut load, b"+OK\r\n+OK\r\n", 1);
    assert!(matches!(load.failure, Some(Failure::TooManyReplies)));
    let mut load = sent_batch(1, None);
    receive(&mut load, b"HTTP/1.1 400\r\n", 1);
    assert!(matches!(load.failure, Some(Failure::Malformed(_))));
    let mut load = sent_batch(1, None);
    load.on_event(Event::Lost { error: None }, 1);
    assert!(matches!(load.failure, Some(Failure::Closed)));
    let mut load = sent_batch(1, None);
    load.on_event(Event::Tick, STALL_NS - 1);
    assert!(load.failure.is_none());
    load.on_event(Event::Tick, STALL_NS + 1);
    assert!(matches!(load.failure, Some(Failure::Stalled { .. })));
}

#[test]
fn a_request_sent_after_a_long_pause_is_not_late() {
    let mut load = Load::new(1, Loop::Open, 1, 1, STALL_NS);
    load.on_event(Event::Tick, 3 * STALL_NS);
    send(&mut load, 1, 3 * STALL_NS, PLAIN);
    load.on_event(Event::Tick, 3 * STALL_NS + 1);
    assert!(load.failure.is_none());
}
