//! The checker, checked: histories that no correct store has, each beside the one that comes closest and is right.
//!
//! A line is `client sent-answered request -> answer`. Points are not given: every order of them that lies between
//! requests and answers is tried. A bad history is rejected in all of them, a good one is accepted in at least one.

use super::check::check;
use super::common::Value;
use super::history::{History, Operation, Part, Point};

/// The time at which everything runs.
const NOW_MS: u64 = 1_700_000_000_000;

fn is_possible(lines: &str) -> bool {
    let mut orders = Vec::new();
    let operations: Vec<_> = lines.trim().lines().map(|line| parse(line.trim())).collect();
    extend_order(&operations, &mut Vec::new(), &mut orders);
    assert!(!orders.is_empty(), "the history has an order at all");
    orders.into_iter().any(|order| {
        let mut operations: Vec<_> = lines.trim().lines().map(|line| parse(line.trim())).collect();
        for (index, moment) in order {
            let part = match operations[index].name() {
                "WATCH" => Part::Watch(operations[index].words[1..].to_vec()),
                _ => Part::Whole,
            };
            operations[index].points = vec![Point { moment, now_ms: NOW_MS, part }];
        }
        check(&History { operations, ..History::default() }).is_ok()
    })
}

/// Adds to `orders` all that begin with `order`: an index and a moment for each operation.
fn extend_order(
    operations: &[Operation],
    order: &mut Vec<(usize, u64)>,
    orders: &mut Vec<Vec<(usize, u64)>>,
) {
    if order.len() == operations.len() {
        return orders.push(order.clone());
    }
    let last = order.last().map_or(0, |(_, moment)| *moment);
    for (index, operation) in operations.iter().enumerate() {
        let until = operation.answer.as_ref().map_or(u64::MAX, |(moment, _)| *moment);
        let moment = last.max(operation.sent) + 1;
        if order.iter().all(|(other, _)| *other != index) && moment < until {
            order.push((index, moment));
            extend_order(operations, order, orders);
            order.pop();
        }
    }
}

/// Moments are given in hundreds, so that all points find room between two of them.
fn parse(line: &str) -> Operation {
    let (request, answer) = line.split_once(" -> ").expect("a request and its answer");
    let mut words = request.split_whitespace();
    let client = words.next().expect("a client").parse().expect("its number");
    let (sent, answered) = words.next().and_then(|word| word.split_once('-')).expect("when it was sent");
    let moment = |word: &str| word.parse::<u64>().expect("a moment") * 100;
    let answer = (answer != "nothing").then(|| (moment(answered), value(answer)));
    let words = words.map(str::to_string).collect();
    Operation { client, words, sent: moment(sent), answer, ..Operation::default() }
}

/// `[OK 1 "a" nil]`, its elements alone, `null` for no array, `ERR` for any error.
fn value(text: &str) -> Value {
    if let Some(items) = text.strip_prefix('[') {
        return Value::Array(items.trim_end_matches(']').split_whitespace().map(value).collect());
    }
    match text {
        "nil" => Value::NullBulk,
        "null" => Value::NullArray,
        "ERR" => Value::Error(b"ERR".to_vec()),
        _ if text.starts_with('"') => Value::Bulk(text.trim_matches('"').into()),
        _ => text.parse().map_or_else(|_| Value::Simple(text.into()), Value::Integer),
    }
}

/// The first is possible, the second is not.
fn check_pair(good: &str, bad: &str) {
    assert!(is_possible(good), "rejected, and should not be: {good}");
    assert!(!is_possible(bad), "accepted, and should not be: {bad}");
}

#[test]
fn an_update_is_not_lost() {
    check_pair(
        r#"1 1-4 APPEND a x -> 1
           2 2-5 APPEND a y -> 2
           3 6-7 GET a -> "xy""#,
        r#"1 1-4 APPEND a x -> 1
           2 2-5 APPEND a y -> 1
           3 6-7 GET a -> "y""#,
    );
}

#[test]
fn a_completed_write_is_seen_by_later_reads() {
    check_pair(
        r#"1 1-5 SET a new -> OK
           2 2-3 GET a -> nil
           3 6-7 GET a -> "new""#,
        r#"1 1-2 SET a new -> OK
           2 3-4 GET a -> nil"#,
    );
}

#[test]
fn what_was_seen_stays_seen() {
    check_pair(
        r#"1 1-9 SET a new -> OK
           2 2-3 GET a -> nil
           3 4-5 GET a -> "new""#,
        r#"1 1-9 SET a new -> OK
           2 2-3 GET a -> "new"
           3 4-5 GET a -> nil"#,
    );
}

#[test]
fn mset_is_seen_wholly_or_not_at_all() {
    check_pair(
        r#"1 1-9 MSET a x h x -> OK
           2 2-3 MGET a h -> [nil nil]
           2 4-5 MGET a h -> ["x" "x"]"#,
        r#"1 1-9 MSET a x h x -> OK
           2 2-3 MGET a h -> ["x" nil]"#,
    );
}

#[test]
fn two_readers_agree_on_the_order_of_two_writes() {
    check_pair(
        r#"1 1-9 SET a x -> OK
           2 1-9 SET h x -> OK
           3 2-3 MGET a h -> ["x" nil]
           4 4-5 MGET a h -> ["x" "x"]"#,
        r#"1 1-9 SET a x -> OK
           2 1-9 SET h x -> OK
           3 2-8 MGET a h -> ["x" nil]
           4 2-8 MGET a h -> [nil "x"]"#,
    );
}

#[test]
fn exec_takes_effect_wholly_or_not_at_all() {
    check_pair(
        r#"1 1-2 MULTI -> OK
           1 1-2 SET a x -> QUEUED
           1 1-2 SET h x -> QUEUED
           1 3-9 EXEC -> [OK OK]
           2 4-5 MGET a h -> ["x" "x"]"#,
        r#"1 1-2 MULTI -> OK
           1 1-2 SET a x -> QUEUED
           1 1-2 SET h x -> QUEUED
           1 3-9 EXEC -> [OK OK]
           2 4-5 GET a -> "x"
           2 6-7 GET h -> nil"#,
    );
}

#[test]
fn exec_is_not_half_applied_after_a_disconnect() {
    check_pair(
        r#"1 1-2 MULTI -> OK
           1 1-2 SET a x -> QUEUED
           1 1-2 SET h x -> QUEUED
           1 3-9 EXEC -> nothing
           2 10-11 MGET a h -> ["x" "x"]"#,
        r#"1 1-2 MULTI -> OK
           1 1-2 SET a x -> QUEUED
           1 1-2 SET h x -> QUEUED
           1 3-9 EXEC -> nothing
           2 10-11 MGET a h -> [nil "x"]"#,
    );
}

/// Each of two transactions reads what the other one writes, on another shard.
#[test]
fn writes_are_not_skewed() {
    let history = |answer: &str| {
        format!(
            r#"1 1-2 MULTI -> OK
               1 1-2 EXISTS h -> QUEUED
               1 1-2 SET a x -> QUEUED
               2 1-2 MULTI -> OK
               2 1-2 EXISTS a -> QUEUED
               2 1-2 SET h x -> QUEUED
               1 3-9 EXEC -> [0 OK]
               2 3-9 EXEC -> {answer}"#
        )
    };
    check_pair(&history("[1 OK]"), &history("[0 OK]"));
}

#[test]
fn answers_keep_the_order_of_requests() {
    check_pair(
        r#"1 1-5 ECHO one -> "one"
           1 2-6 ECHO two -> "two""#,
        r#"1 1-5 ECHO one -> "two"
           1 2-6 ECHO two -> "one""#,
    );
    check_pair(
        r#"1 1-5 SET a x -> OK
           1 2-6 GET a -> "x""#,
        r#"1 1-6 SET a x -> OK
           1 2-5 GET a -> "x""#,
    );
}

#[test]
fn one_connection_is_not_overtaken_by_itself() {
    check_pair(
        r#"1 1-5 SET a x -> OK
           1 2-6 GET a -> "x""#,
        r#"1 1-5 SET a x -> OK
           1 2-6 GET a -> nil"#,
    );
}

#[test]
fn exec_answers_null_when_a_watched_key_has_changed() {
    let history = |answer: &str| {
        format!(
            r#"1 1-2 WATCH a -> OK
               2 3-4 SET a x -> OK
               1 5-6 MULTI -> OK
               1 7-8 EXEC -> {answer}"#
        )
    };
    check_pair(&history("null"), &history("[]"));
}

#[test]
fn exec_does_not_answer_null_when_no_watched_key_has_changed() {
    let history = |answer: &str| {
        format!(
            r#"1 1-2 WATCH a -> OK
               2 3-4 SET h x -> OK
               1 5-6 MULTI -> OK
               1 7-8 EXEC -> {answer}"#
        )
    };
    check_pair(&history("[]"), &history("null"));
}

/// Even if it is changed back, and by the client itself.
#[test]
fn a_watched_key_that_looks_the_same_has_changed() {
    let history = |answer: &str| {
        format!(
            r#"1 1-2 WATCH a -> OK
               1 3-4 SET a x -> OK
               1 5-6 DEL a -> 1
               1 5-6 MULTI -> OK
               1 7-8 EXEC -> {answer}"#
        )
    };
    check_pair(&history("null"), &history("[]"));
}

#[test]
fn msetnx_and_rename_do_not_happen_twice_or_halfway() {
    check_pair(
        r#"1 1-5 MSETNX a x h x -> 1
           2 1-5 MSETNX h y d y -> 0
           3 6-7 MGET a h d -> ["x" "x" nil]"#,
        r#"1 1-5 MSETNX a x h x -> 1
           2 1-5 MSETNX h y d y -> 1"#,
    );
    check_pair(
        r#"1 1-2 SET a x -> OK
           1 3-9 RENAME a h -> OK
           2 4-5 EXISTS a h -> 1"#,
        r#"1 1-2 SET a x -> OK
           1 3-9 RENAME a h -> OK
           2 4-5 EXISTS a h -> 2"#,
    );
}

#[test]
fn what_was_answered_has_run_and_what_was_refused_has_not() {
    check_pair(
        r#"1 1-2 MULTI -> OK
           1 3-4 NOSUCH -> ERR
           1 3-4 SET a x -> QUEUED
           1 5-6 EXEC -> ERR
           2 7-8 GET a -> nil"#,
        r#"1 1-2 MULTI -> OK
           1 3-4 NOSUCH -> ERR
           1 3-4 SET a x -> QUEUED
           1 5-6 EXEC -> [OK]
           2 7-8 GET a -> "x""#,
    );
}
