//! Transactions: pairs of keys on two shards that are only ever written together, and read together they are equal.

use super::common::random::Random;
use super::common::{Client, Value, words};
use super::field::{Field, count};

const PAIRS: usize = 8;
const PROTOCOL: usize = 2;

pub fn run(field: &Field, index: usize, mut random: Random) {
    let mut client = field.connect(PROTOCOL);
    let mut number = 0;
    while field.is_open() {
        let pair = random.below(PAIRS);
        number += 1;
        let went_on = match random.below(4) {
            0 => write(field, &mut client, pair, &format!("{index}.{number}")),
            1 => compare_and_write(field, &mut client, pair, &format!("{index}.{number}")),
            2 => read(field, &mut client, &format!("MGET pair:{pair}:a pair:{pair}:b")),
            _ => leave_midway(field, &mut client, pair, &mut random),
        };
        if went_on.is_none() {
            count(&field.totals.lost, 1);
            client = field.connect(PROTOCOL);
        }
    }
}

fn lines(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| words(line)).collect()
}

fn ok() -> Value {
    Value::Simple(b"OK".to_vec())
}

fn write(field: &Field, client: &mut Client, pair: usize, value: &str) -> Option<()> {
    let sets = ["a", "b"].map(|side| format!("SET pair:{pair}:{side} {value}"));
    let replies = field.ask(client, &lines(&["MULTI", &sets[0], &sets[1], "EXEC"]), 4)?;
    assert_eq!(replies[3], Value::Array(vec![ok(); 2]));
    Some(())
}

/// The same only if nobody else writes in between.
fn compare_and_write(field: &Field, client: &mut Client, pair: usize, value: &str) -> Option<()> {
    let [first, second] = ["a", "b"].map(|side| format!("pair:{pair}:{side}"));
    field.ask(client, &lines(&[&format!("WATCH {first} {second}")]), 1)?;
    let sides = field.ask(client, &words(&format!("MGET {second} {first}")), 1)?[0].items();
    assert!(sides[0] == sides[1], "a pair was seen halfway: {sides:?}");
    let sets = [&first, &second].map(|key| format!("SET {key} {value}"));
    let reply = field.ask(client, &lines(&["MULTI", &sets[0], &sets[1], "EXEC"]), 4)?.pop()?;
    assert!(reply == Value::NullArray || reply == Value::Array(vec![ok(); 2]), "{reply:?}");
    Some(())
}

fn read(field: &Field, client: &mut Client, line: &str) -> Option<()> {
    let reply = field.ask(client, &lines(&["MULTI", line, "EXEC"]), 3)?.pop()?;
    let sides = reply.items()[0].items();
    assert!(sides[0] == sides[1], "a pair was seen halfway: {sides:?}");
    Some(())
}

/// What was queued must not happen, and what was watched must not stay so.
fn leave_midway(field: &Field, client: &mut Client, pair: usize, random: &mut Random) -> Option<()> {
    let mut own = field.connect_quietly();
    let key = format!("pair:{pair}:a");
    let all =
        [format!("WATCH {key} elsewhere"), "MULTI".into(), format!("SET {key} halfway"), "GET x".into()];
    let sent: Vec<u8> = all[..1 + random.below(4)].iter().flat_map(|line| words(line)).collect();
    own.send(&sent[..1 + random.below(sent.len())]);
    count(&field.totals.left_midway, 1);
    drop(own);
    read(field, client, &format!("MGET {key} pair:{pair}:b"))
}
