//! A live server under clients of every kind of behaviour, for as long as `BASALT_MINUTES` says. Values carry tags, so that
//! a wrong one is seen; in the end everybody leaves, and nothing may be left of them.
//!
//! `BASALT_SEED` chooses what clients do (not how they meet), `BASALT_SHARDS` the server, and `BASALT_RATE` bounds the
//! requests of a second, for a machine that has other work.

#[path = "../common/mod.rs"]
mod common;
#[path = "../conformance/compare.rs"]
#[allow(dead_code, reason = "nothing is compared here")]
mod compare;
#[path = "../conformance/comparers.rs"]
#[allow(dead_code, reason = "nothing is compared here")]
mod comparers;
#[path = "../conformance/generate.rs"]
#[allow(dead_code, reason = "failures are not told by keys here")]
mod generate;
#[path = "../conformance/introspection.rs"]
#[allow(dead_code, reason = "nothing is compared here")]
mod introspection;
#[path = "../conformance/mutate.rs"]
mod mutate;
#[path = "../conformance/samples.rs"]
#[allow(dead_code, reason = "nothing is compared here")]
mod samples;

mod anything;
mod disturber;
mod field;
mod observer;
mod rude;
mod tagged;
mod transfers;
mod worker;

use std::thread::{Scope, sleep};
use std::time::Duration;

use common::Launch;
use common::random::Random;
use field::{Field, Guard};
use observer::Observer;

/// What `cargo test` has time for.
const MINUTES_DEFAULT: f64 = 0.3;
const SHARDS_DEFAULT: usize = 3;

const WORKERS: usize = 4;
const LOOK_EVERY: Duration = Duration::from_millis(250);

fn setting(name: &str) -> Option<f64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn nothing_is_left_of_clients_of_every_kind() {
    let (_, seed) = Random::printed();
    let time = Duration::from_secs_f64(60.0 * setting("BASALT_MINUTES").unwrap_or(MINUTES_DEFAULT));
    let shards = setting("BASALT_SHARDS").map_or(SHARDS_DEFAULT, |count| count as usize);
    // Bits and ranges can be set far behind the end of a string: not so far that a few of them fill the memory.
    let server = Launch::basalt()
        .shards(shards)
        .with("enable-debug-command", "yes")
        .with("proto-max-bulk-len", "12mb")
        .start();
    let field = Field::new(server.port, shards, setting("BASALT_RATE"));
    let mut observer = Observer::start(&server, &field);
    // What a server keeps of the short part for later use, it must not need again for the long one.
    for (part, share) in [(0, 0.2), (1, 0.8)] {
        field.open(time.mul_f64(share));
        fill(&field, &mut observer, seed.wrapping_add(part << 32));
        observer.rest();
    }
    observer.check();
}

/// Clients come, and all leave when the field closes.
fn fill(field: &Field, observer: &mut Observer, seed: u64) {
    std::thread::scope(|scope| {
        start_clients(scope, field, seed);
        let _guard = Guard(field);
        while field.is_open() {
            sleep(LOOK_EVERY);
            observer.look();
        }
    });
}

fn start_clients<'scope>(scope: &'scope Scope<'scope, '_>, field: &'scope Field, seed: u64) {
    let mut count = 0;
    let mut start = |run: fn(&Field, usize, Random)| {
        count += 1;
        let (index, random) = (count, Random::from_seed(seed.wrapping_add(count as u64)));
        scope.spawn(move || {
            let _guard = Guard(field);
            run(field, index, random);
        });
    };
    (0..WORKERS).for_each(|_| start(worker::run));
    (0..2).for_each(|_| start(transfers::run));
    (0..2).for_each(|_| start(anything::run));
    (0..2).for_each(|_| start(rude::run));
    start(disturber::run);
}
