//! What an operator does at the worst moment: kills and pauses clients, moves slots, flushes, swaps databases.

use std::thread::sleep;
use std::time::Duration;

use super::common::random::Random;
use super::common::{Client, Value};
use super::field::{Field, VICTIM, count};

const SLOTS: usize = 16_384;
const MOVES_MAX: usize = 40;
const BREATH_MS_MAX: usize = 60;

pub fn run(field: &Field, _: usize, mut random: Random) {
    let mut client = field.connect_quietly();
    while field.is_open() {
        match random.below(300) {
            0..60 => kill(field, &mut client, &mut random),
            60..80 => pause(field, &mut client, &mut random),
            80..84 => {
                let line = *random.pick(&["FLUSHALL", "FLUSHALL ASYNC", "FLUSHDB", "FLUSHALL SYNC"]);
                tell(&mut client, line);
                count(&field.totals.flushes, 1);
            }
            84..88 => tell(&mut client, "SWAPDB 0 1"),
            _ => move_slots(field, &mut client, &mut random),
        }
        field.pace(1);
        sleep(Duration::from_millis(random.below(BREATH_MS_MAX) as u64));
    }
}

fn tell(client: &mut Client, line: &str) {
    let reply = client.ask(line);
    assert!(reply == Value::Simple(b"OK".to_vec()), "{line}: {reply:?}");
}

/// One of those that expect it.
fn kill(field: &Field, client: &mut Client, random: &mut Random) {
    let list = client.ask("CLIENT LIST").string();
    let name = format!(" name={VICTIM} ");
    let victims: Vec<_> = list.lines().filter(|line| line.contains(&name)).collect();
    if victims.is_empty() {
        return;
    }
    let id = random.pick(&victims).strip_prefix("id=").and_then(|rest| rest.split(' ').next());
    // Counted before: whoever is killed may see it first.
    count(&field.totals.kills, 1);
    let killed = client.ask(&format!("CLIENT KILL ID {}", id.expect("a line begins with the id")));
    assert!((0..=1).contains(&killed.integer()), "{killed:?}");
}

fn pause(field: &Field, client: &mut Client, random: &mut Random) {
    let kind = *random.pick(&["WRITE", "ALL"]);
    tell(client, &format!("CLIENT PAUSE {} {kind}", 1 + random.below(80)));
    count(&field.totals.pauses, 1);
    if random.once_in(2) {
        tell(client, "CLIENT UNPAUSE");
    }
}

fn move_slots(field: &Field, client: &mut Client, random: &mut Random) {
    for _ in 0..random.below(MOVES_MAX) {
        let (slot, shard) = (random.below(SLOTS), random.below(field.shards));
        tell(client, &format!("DEBUG MOVE-SLOT {slot} {shard}"));
        count(&field.totals.moves, 1);
    }
}
