//! The state machines of shards and sessions with simulated cores, queues and clients, all from one seed. What clients
//! were told must be what a store could have said that does one thing after the other.
//!
//! `BASALT_SEED` replays one run, `BASALT_SEEDS` says how many runs there are. `docs/testing.md` says more.

#[allow(unused_imports, reason = "there is no server here")]
#[path = "../common/mod.rs"]
mod common;

#[allow(dead_code, reason = "other tests need the rest")]
#[path = "../../src/persist/tests/disk.rs"]
mod disk;

mod appending;
mod check;
mod compaction;
mod connection;
mod core;
mod dispatch;
mod errands;
mod flaw;
mod flaws;
mod generate;
mod histories;
mod history;
mod keeper;
mod lives;
mod log;
mod machine;
mod mesh;
mod model;
mod remote;
mod restore;
mod script;
mod shape;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

// Where the disk, which the tests of `persist` use as well, finds the seam that it has.
use basalt::persist;

use common::random::Random;
use flaw::Flaw;
use shape::{Durability, Shape};
use world::World;

/// Less than a minute on two cores.
const SEEDS_DEFAULT: u64 = 1000;
const MORTAL_SEEDS_DEFAULT: u64 = 10_000;
/// The same ones each time: docs/testing.md names what new ones find.
const MORTAL_SEED_FIRST: u64 = 900_000;

#[test]
fn what_clients_are_told_could_have_happened_one_after_the_other() {
    run_all(SEEDS_DEFAULT, run);
}

#[test]
fn what_clients_were_told_is_there_when_the_server_has_died() {
    let run = |seed| run_mortal(seed, None).unwrap_or_else(|reason| panic!("{reason}"));
    let is_default = ["BASALT_SEED", "BASALT_SEEDS"].iter().all(|name| std::env::var(name).is_err());
    match is_default {
        true => run_from(MORTAL_SEED_FIRST, MORTAL_SEEDS_DEFAULT, run),
        false => run_all(MORTAL_SEEDS_DEFAULT, run),
    }
}

/// Runs as many seeds as are wanted; `run` gives the number of requests.
fn run_all(seeds_default: u64, run: impl Fn(u64) -> usize) {
    let (_, first) = Random::printed();
    let is_replay = std::env::var("BASALT_SEED").is_ok();
    let count = match std::env::var("BASALT_SEEDS") {
        Ok(text) => text.parse().expect("BASALT_SEEDS is a number"),
        Err(_) if is_replay => 1,
        Err(_) => seeds_default,
    };
    run_from(first, count, run);
}

fn run_from(first: u64, count: u64, run: impl Fn(u64) -> usize) {
    let mut requests = 0;
    for seed in (0..count).map(|index| first.wrapping_add(index)) {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(seed)));
        requests += outcome.unwrap_or_else(|_| panic!("replay with BASALT_SEED={seed}"));
    }
    println!("{count} runs of {requests} requests");
}

fn run(seed: u64) -> usize {
    let mut random = Random::from_seed(seed);
    let shape = Shape::draw(&mut random);
    run_shape(shape, random).unwrap_or_else(|reason| panic!("{reason}"))
}

/// A run with logs, and with servers that die.
fn run_mortal(seed: u64, flaw: Option<Flaw>) -> Result<usize, String> {
    let mut random = Random::from_seed(seed);
    let shape = Shape::draw(&mut random);
    let shape = Shape { durability: Some(Durability::draw(&mut random, flaw)), ..shape };
    run_shape(shape, random)
}

fn run_shape(shape: Shape, random: Random) -> Result<usize, String> {
    let history = World::new(shape, random).run().map_err(|reason| format!("{shape:?}\n{reason}"))?;
    match check::check(&history) {
        Ok(()) => Ok(history.operations.len()),
        Err(reason) => {
            let all: Vec<String> = history.operations.iter().map(|operation| operation.to_string()).collect();
            Err(format!("{}\n\ndeaths at {:?}\n{shape:?}\n{reason}", all.join("\n"), history.deaths))
        }
    }
}
