//! The state machines of shards and sessions with simulated cores, queues and clients, all from one seed. What clients
//! were told must be what a store could have said that does one thing after the other.
//!
//! `BASALT_SEED` replays one run, `BASALT_SEEDS` says how many runs there are. `docs/testing.md` says more.

#[allow(unused_imports, reason = "there is no server here")]
#[path = "../common/mod.rs"]
mod common;

mod check;
mod connection;
mod core;
mod dispatch;
mod errands;
mod generate;
mod histories;
mod history;
mod mesh;
mod model;
mod remote;
mod script;
mod shape;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::random::Random;
use shape::Shape;
use world::World;

/// Less than a minute on two cores.
const SEEDS_DEFAULT: u64 = 1000;

#[test]
fn what_clients_are_told_could_have_happened_one_after_the_other() {
    let (_, first) = Random::printed();
    let is_replay = std::env::var("BASALT_SEED").is_ok();
    let count = match std::env::var("BASALT_SEEDS") {
        Ok(text) => text.parse().expect("BASALT_SEEDS is a number"),
        Err(_) if is_replay => 1,
        Err(_) => SEEDS_DEFAULT,
    };
    let mut requests = 0;
    for seed in (0..count).map(|index| first.wrapping_add(index)) {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(seed)));
        requests += outcome.unwrap_or_else(|_| panic!("replay with BASALT_SEED={seed}"));
    }
    println!("{count} runs of {requests} requests");
}

/// Runs a seed; gives the number of requests.
fn run(seed: u64) -> usize {
    let mut random = Random::from_seed(seed);
    let shape = Shape::draw(&mut random);
    let history = World::new(shape, random).run();
    if let Err(reason) = check::check(&history) {
        let all: Vec<String> = history.operations.iter().map(|operation| operation.to_string()).collect();
        panic!("{}\n\n{shape:?}\n{reason}", all.join("\n"));
    }
    history.operations.len()
}
