//! Histories whose verdict is known: each anomaly is found under its name, and what is fine passes.

use super::check::{Anomaly, judge};
use super::history::parse;

const GOOD: &[(&str, &str)] = &[
    ("nothing", ""),
    (
        "one after the other",
        "a 1 2 ok append x 1 @0
         a 3 4 ok append x 2 @1; read x 1,2; append y 3 @0
         b 5 6 ok read x 1,2; read y 3",
    ),
    (
        "what overlaps may come in any order",
        "a 1 9 ok append x 1 @1; read y 2
         b 2 8 ok append x 3 @0; append y 2 @0
         c 3 7 ok read x 3; read y 2",
    ),
    (
        "nothing of an aborted transaction, something or nothing of an unknown one",
        "a 1 2 aborted append x 1; write q 5
         b 1 0 unknown append x 2; append y 3; write q 6
         c 1 0 unknown append x 4; append y 5; write q 7
         d 3 4 ok read x 2; read y 3; see q 6",
    ),
    (
        "an unknown one may take effect late",
        "a 1 0 unknown append x 1; write q 5
         b 2 3 ok read x -; see q -
         b 4 5 ok read x 1; see q 5",
    ),
    (
        "an unknown one on its own",
        "a 1 0 unknown append x 1
         a 1 0 unknown append x 2
         b 4 5 ok read x 2",
    ),
    (
        "registers written, renamed, seen",
        "a 1 2 ok write p 1
         a 3 4 ok write p -; write q 1
         b 5 6 ok see p -; see q 1; write q 2; see q 2
         c 7 8 ok see p -; see q 2",
    ),
    (
        "a register that was absent twice",
        "a 1 2 ok write p 1
         a 3 6 ok write p -; write q 1
         b 4 5 ok see p 1; see q -
         b 7 8 ok see p -; see q 1",
    ),
    (
        "an append of which the answer never came, between others",
        "a 1 2 ok append x 1 @0
         b 1 0 unknown append x 2
         a 3 4 ok append x 3 @2
         c 5 6 ok read x 1,2,3",
    ),
    (
        "requests under way together on different keys",
        "a 1 9 ok append x 1 @0
         a 1 9 ok append y 2 @0
         b 2 3 ok read x -
         b 4 5 ok read y 2
         b 6 7 ok read x -
         b 8 9 ok read x 1",
    ),
];

const BAD: &[(&str, Anomaly, &str)] = &[
    (
        "G0: two transactions in two orders",
        Anomaly::DirtyWrite,
        "a 1 9 ok append x 1; append y 2
         b 1 9 ok append x 3; append y 4
         c 10 11 ok read x 1,3
         c 12 13 ok read y 4,2",
    ),
    (
        "G0: one within the other",
        Anomaly::DirtyWrite,
        "a 1 9 ok append x 1; append x 2
         b 1 9 ok append x 3
         c 10 11 ok read x 1,3,2",
    ),
    (
        "G1a: an aborted append is read",
        Anomaly::AbortedRead,
        "a 1 2 aborted append x 1
         b 3 4 ok read x 1",
    ),
    (
        "G1a: an aborted write is seen",
        Anomaly::AbortedRead,
        "a 1 2 aborted write q 1
         b 3 4 ok see q 1",
    ),
    (
        "G1b: half of what was appended",
        Anomaly::IntermediateRead,
        "a 1 9 ok append x 1; append x 2
         b 1 9 ok read x 1
         c 10 11 ok read x 1,2",
    ),
    (
        "G1b: a register between two writes",
        Anomaly::IntermediateRead,
        "a 1 9 ok write q 1; write q 2
         b 1 9 ok see q 1",
    ),
    (
        "G1b: a register before it is renamed in the same transaction",
        Anomaly::IntermediateRead,
        "a 1 9 ok write p 1; write p -; write q 1
         b 1 9 ok see p 1; see q -",
    ),
    (
        "G1c: each has read the other",
        Anomaly::CircularFlow,
        "a 1 9 ok append x 1; read y 2
         b 1 9 ok append y 2; read x 1",
    ),
    (
        "G1c: by registers",
        Anomaly::CircularFlow,
        "a 1 9 ok write p 1; see q 2
         b 1 9 ok write q 2; see p 1",
    ),
    (
        "G1c: read by one that was written over",
        Anomaly::CircularFlow,
        "a 1 9 ok append x 1; append y 2
         b 1 9 ok append x 3; read y -; append z 4
         c 1 9 ok read z 4; append x 5; append w 6
         d 10 11 ok read x 5,3,1",
    ),
    (
        "G-single: one append of two is read",
        Anomaly::ReadSkew,
        "a 1 9 ok append x 1; append y 2
         b 1 9 ok read x 1; read y -
         c 10 11 ok read x 1; read y 2",
    ),
    (
        "G-single: the append that is missing is never read",
        Anomaly::ReadSkew,
        "a 1 9 ok append x 1; append y 2
         b 1 9 ok read x 1; read y -",
    ),
    (
        "G-single: by a third one",
        Anomaly::ReadSkew,
        "a 1 9 ok append x 1
         b 1 9 ok read x 1; append y 2
         c 1 9 ok read y 2; read x -",
    ),
    (
        "G-single: an unknown one took effect by half",
        Anomaly::ReadSkew,
        "a 1 0 unknown append x 1; append y 2
         b 3 4 ok read x 1; read y -",
    ),
    (
        "lost update: two appends after one read",
        Anomaly::ReadSkew,
        "a 1 9 ok read x -; append x 1
         b 1 9 ok read x -; append x 2
         c 10 11 ok read x 1,2",
    ),
    (
        "lost update: two writes after one sight",
        Anomaly::WriteSkew,
        "a 1 2 ok write q 1
         b 3 9 ok see q 1; write q 2
         c 3 9 ok see q 1; write q 3",
    ),
    (
        "lost update: two writes of what was absent",
        Anomaly::WriteSkew,
        "a 1 9 ok see q -; write q 1
         b 1 9 ok see q -; write q 2",
    ),
    (
        "G2: write skew",
        Anomaly::WriteSkew,
        "a 1 9 ok read x -; append y 1
         b 1 9 ok read y -; append x 2
         c 10 11 ok read x 2; read y 1",
    ),
    (
        "G2: write skew of three, never read",
        Anomaly::WriteSkew,
        "a 1 9 ok read x -; append y 1
         b 1 9 ok read y -; append z 2
         c 1 9 ok read z -; append x 3",
    ),
    (
        "G2: long fork, two readers with two orders",
        Anomaly::WriteSkew,
        "a 1 9 ok append x 1
         b 1 9 ok append y 2
         c 1 9 ok read x 1; read y -
         d 1 9 ok read x -; read y 2",
    ),
    (
        "G2: by registers",
        Anomaly::WriteSkew,
        "a 1 9 ok see p -; write q 1
         b 1 9 ok see q -; write p 2",
    ),
    (
        "real time: a stale read",
        Anomaly::OutOfRealTime,
        "a 1 2 ok append x 1
         b 3 4 ok read x -
         b 5 6 ok append x 2
         c 7 8 ok read x 2,1",
    ),
    (
        "real time: a stale sight",
        Anomaly::OutOfRealTime,
        "a 1 2 ok write q 1
         a 3 4 ok write q 2
         b 5 6 ok see q 1",
    ),
    (
        "real time: absent after it was written",
        Anomaly::OutOfRealTime,
        "a 1 2 ok write q 1
         b 3 4 ok see q -",
    ),
    (
        "real time: appends in the wrong order",
        Anomaly::OutOfRealTime,
        "a 1 2 ok append x 1
         b 3 4 ok append x 2
         c 5 6 ok read x 2,1",
    ),
    (
        "real time: a read goes back",
        Anomaly::OutOfRealTime,
        "a 1 9 ok append x 1
         b 2 3 ok read x 1
         c 4 5 ok read x -",
    ),
    (
        "real time: by an unrelated one in between",
        Anomaly::OutOfRealTime,
        "a 1 9 ok append x 1
         b 2 3 ok read x 1
         c 4 5 ok append z 7
         d 6 7 ok read x -",
    ),
    (
        "session: requests on one key change places",
        Anomaly::OutOfSessionOrder,
        "a 1 9 ok append x 1
         a 1 9 ok append x 2
         b 10 11 ok read x 2,1",
    ),
    (
        "session: a read before a write that was sent first",
        Anomaly::OutOfSessionOrder,
        "a 1 9 ok append x 1
         a 1 9 ok read x -
         b 10 11 ok read x 1",
    ),
    (
        "session: a transaction overtakes a request on another key",
        Anomaly::OutOfSessionOrder,
        "a 1 9 ok append x 1
         a 1 9 ok append y 2; append z 3
         b 1 9 ok read y 2; read x -",
    ),
    (
        "lost: answered and not there",
        Anomaly::Lost,
        "a 1 2 ok append x 1
         b 3 4 ok read x -",
    ),
    (
        "lost: written over by another",
        Anomaly::Lost,
        "a 1 2 ok append x 1
         b 3 4 ok append x 2
         c 5 6 ok read x 2",
    ),
    (
        "doubled: an append ran twice",
        Anomaly::Doubled,
        "a 1 2 ok append x 1
         b 3 4 ok read x 1,1",
    ),
    (
        "forked: no beginning of the longest",
        Anomaly::Forked,
        "a 1 9 ok append x 1
         b 1 9 ok append x 2
         c 1 9 ok read x 2
         d 10 11 ok read x 1,2",
    ),
    (
        "invented: a token that nobody appended",
        Anomaly::Invented,
        "a 1 2 ok append x 1
         b 3 4 ok read x 1,7",
    ),
    (
        "invented: a token of another list",
        Anomaly::Invented,
        "a 1 2 ok append x 1
         b 3 4 ok read y 1",
    ),
    (
        "invented: a value that nobody wrote",
        Anomaly::Invented,
        "a 1 2 ok write q 1
         b 3 4 ok see q 7",
    ),
    (
        "torn: half of one MSET and half of another",
        Anomaly::Torn,
        "a 1 9 ok write p 1; write q 1
         b 1 9 ok write p 2; write q 2
         c 1 9 ok see p 1; see q 2",
    ),
    (
        "torn: half of the first MSET",
        Anomaly::ReadSkew,
        "a 1 9 ok write p 1; write q 1
         b 1 9 ok see p 1; see q -",
    ),
    (
        "torn: RENAME shows the value twice",
        Anomaly::ReadSkew,
        "a 1 1 ok write p 1
         a 2 9 ok write p -; write q 1
         b 3 4 ok see p 1; see q 1",
    ),
    (
        "torn: RENAME shows the value nowhere",
        Anomaly::ReadSkew,
        "a 1 2 ok write p 1
         a 3 9 ok write p -; write q 1
         b 4 5 ok see p -; see q -",
    ),
    (
        "internal: its own append is missing",
        Anomaly::Internal,
        "a 1 2 ok append x 1; read x -
         b 3 4 ok read x 1",
    ),
    (
        "internal: others come in between",
        Anomaly::Internal,
        "a 1 9 ok read x -; append y 7; read x 1
         b 1 9 ok append x 1",
    ),
    (
        "internal: another value than its own",
        Anomaly::Internal,
        "a 1 9 ok write q 1; see q 2
         b 1 9 ok write q 2",
    ),
    (
        "internal: two sights of one register",
        Anomaly::Internal,
        "a 1 2 ok write q 1
         b 1 9 ok see q -; see q 1",
    ),
    (
        "misplaced: APPEND told another length",
        Anomaly::Misplaced,
        "a 1 2 ok append x 1 @1
         b 3 4 ok read x 1",
    ),
    (
        "misplaced: a length that was read over",
        Anomaly::Misplaced,
        "a 1 9 ok append x 1 @0
         b 1 9 ok append x 2 @0
         c 1 9 ok read x 2",
    ),
];

#[test]
fn good_histories_are_accepted() {
    for (name, text) in GOOD {
        if let Err(violation) = judge(&parse(text)) {
            panic!("{name}: {:?}\n{}", violation.anomaly, violation.story);
        }
    }
}

#[test]
fn bad_histories_are_rejected_for_what_they_are() {
    for (name, anomaly, text) in BAD {
        let violation = judge(&parse(text)).expect_err(name);
        assert_eq!(violation.anomaly, *anomaly, "{name}:\n{}", violation.story);
    }
}

#[test]
fn lines_are_printed_as_they_are_read() {
    let lines: Vec<_> = BAD.iter().flat_map(|(_, _, text)| text.lines().map(str::trim)).collect();
    for (line, transaction) in lines.iter().zip(parse(&lines.join("\n"))) {
        assert_eq!(*line, transaction.to_string());
    }
}
