//! What is counted of a load, exactly.

use super::{Failure, Load};
use crate::ring::Event;

/// A load of one connection that has sent its first batch at 0.
fn sent_batch(pipeline: u32, quota: Option<u64>) -> Load {
    let mut load = Load::new(1, pipeline, 0);
    load.begin_measuring(quota);
    assert_eq!(load.take_ready().map(|(connection, _)| connection), Some(0));
    load.note_sent_at(0, 0);
    load
}

fn receive(load: &mut Load, bytes: &[u8], now_ns: u64) {
    load.on_event(Event::Received { connection: 0, bytes }, now_ns);
}

#[test]
fn the_next_batch_waits_for_all_replies_and_for_the_send() {
    let mut load = sent_batch(2, None);
    receive(&mut load, b"+OK\r\n+O", 10_000);
    assert_eq!(load.take_ready(), None);
    receive(&mut load, b"K\r\n", 20_000);
    assert_eq!(load.take_ready(), None);
    load.on_event(Event::Sent { connection: 0 }, 20_000);
    assert_eq!(load.take_ready(), Some((0, 2)));
    let summary = load.counts.latencies.summary();
    assert!(load.counts.requests == 2 && summary.p50 < 10.1 && summary.max > 19.9, "{summary:?}");
}

#[test]
fn a_quota_is_met_exactly() {
    let mut load = sent_batch(4, Some(6));
    load.on_event(Event::Sent { connection: 0 }, 0);
    receive(&mut load, b":1\r\n:2\r\n:3\r\n:4\r\n", 1);
    assert_eq!(load.take_ready(), Some((0, 2)));
    load.on_event(Event::Sent { connection: 0 }, 0);
    assert!(!load.is_finished());
    receive(&mut load, b":1\r\n:2\r\n", 1);
    assert!(load.is_finished() && load.take_ready().is_none() && load.counts.requests == 6);
}

#[test]
fn measuring_forgets_what_went_before_but_not_what_is_awaited() {
    let mut load = sent_batch(2, None);
    load.on_event(Event::Sent { connection: 0 }, 0);
    receive(&mut load, b"-ERR x\r\n", 1);
    load.begin_measuring(Some(1));
    assert_eq!((load.counts.requests, load.counts.errors), (0, 0));
    receive(&mut load, b"+OK\r\n", 1);
    assert!(load.is_finished() && load.counts.requests == 1);
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
    load.on_event(Event::Tick, 9_000_000_000);
    assert!(load.failure.is_none());
    load.on_event(Event::Tick, 11_000_000_000);
    assert!(matches!(load.failure, Some(Failure::Stalled)));
}
