//! Commands made from the rows, valid and broken ones, go to this server and to redis-server; the replies must agree.
//!
//! `BASALT_SEED` replays a run, `BASALT_COMMANDS` says how many commands it has, `BASALT_TABLE=1` shows what they were.
//! A failure names the seed.

#[path = "../common/mod.rs"]
mod common;

mod compare;
mod comparers;
mod coverage;
mod debug;
mod filters;
mod floats;
mod generate;
mod handshakes;
mod introspection;
mod lookups;
mod mutate;
mod pair;
mod samples;
mod state;
mod transactions;

use std::collections::{BTreeSet, VecDeque};

use common::random::Random;
use common::{Launch, Server};
use comparers::{COMPARERS, Comparer, comparer_of};
use coverage::Coverage;
use generate::{Leaf, Request, leaves};
use pair::{Outcome, Pair};

/// Less than a minute on two cores.
const COMMANDS_DEFAULT: usize = 150_000;

/// Requests sent in one write.
const PIPELINE_MAX: usize = 100;

/// Commands between two comparisons of all keys.
const STATE_EVERY: usize = 2000;

/// Requests that are kept to tell of when something differs.
const HISTORY_MAX: usize = 20_000;

#[test]
fn every_row_has_a_comparer_and_every_comparer_a_row() {
    let paths: Vec<_> = leaves().iter().map(Leaf::path).collect();
    let without: Vec<_> = paths.iter().filter(|path| comparer_of(path).is_none()).collect();
    assert!(without.is_empty(), "say in comparers.rs how the replies of these are compared: {without:?}");
    let stale: Vec<_> =
        COMPARERS.iter().map(|(path, _)| path).filter(|path| !paths.contains(&path.to_string())).collect();
    assert!(stale.is_empty(), "no row has these names: {stale:?}");
}

#[test]
fn commands_made_from_the_rows_are_answered_as_redis_does() {
    check_commands(1);
}

#[test]
fn commands_spread_over_shards_are_answered_as_redis_does() {
    check_commands(2);
}

fn check_commands(shards: usize) {
    let (random, seed) = Random::printed();
    let count = match std::env::var("BASALT_COMMANDS") {
        Ok(text) => text.parse().expect("BASALT_COMMANDS is a number"),
        Err(_) => COMMANDS_DEFAULT,
    };
    let mut run = Run::start(shards, random, seed);
    while run.sent < count {
        run.send_batch();
        if run.sent / STATE_EVERY > run.states_compared {
            run.states_compared += 1;
            run.compare_states();
        }
    }
    run.compare_states();
    if std::env::var("BASALT_TABLE").is_ok() {
        println!("{}", run.coverage.table());
    }
    // Shorter runs have no time for everything.
    if count >= COMMANDS_DEFAULT {
        run.coverage.check();
        run.kinds_seen.check();
    }
}

/// One run: both servers, a connection pair of each protocol, and what was sent so far.
struct Run {
    basalt: Server,
    redis: Server,
    pairs: Vec<Pair>,
    random: Random,
    seed: u64,
    leaves: Vec<Leaf>,
    /// Commands that are not built here, which no request may name by chance.
    redis_alone: BTreeSet<String>,
    sent: usize,
    /// Which pair sent what at last, oldest first.
    history: VecDeque<(usize, Request)>,
    states_compared: usize,
    coverage: Coverage,
    kinds_seen: state::Kinds,
}

impl Run {
    fn start(shards: usize, random: Random, seed: u64) -> Self {
        let basalt = Launch::basalt().shards(shards).start();
        let redis = Launch::redis().start();
        let redis_alone = introspection::names_of_redis_alone(&mut redis.client());
        let pairs = ["HELLO 2", "HELLO 3"].map(|hello| Pair::connect(&basalt, &redis, hello)).into();
        let mut leaves = leaves();
        leaves.retain(|leaf| match comparer_of(&leaf.path()) {
            Some(Comparer::Skip(reason)) => {
                println!("{} is not sent: {reason}", leaf.path());
                false
            }
            other => other.is_some(),
        });
        let coverage = Coverage::of(&leaves);
        let leaves = coverage::by_words(&leaves);
        Run {
            basalt,
            redis,
            pairs,
            random,
            seed,
            leaves,
            redis_alone,
            sent: 0,
            history: VecDeque::new(),
            states_compared: 0,
            coverage,
            kinds_seen: state::Kinds::default(),
        }
    }

    fn send_batch(&mut self) {
        let which = self.random.below(self.pairs.len());
        let count = 1 + self.random.below(PIPELINE_MAX);
        let mut batch = Vec::new();
        for _ in 0..count {
            let request = generate::request(&self.leaves, &self.redis_alone, &mut self.random);
            let look = samples::look_at_key(&request.arguments);
            // Whoever closes with something unread may take replies back that are on their way.
            let may_close = ["QUIT", "CLIENT|KILL"].contains(&&*request.path);
            batch.push(request);
            batch.extend(look.map(|arguments| Request { path: "EXISTS".into(), arguments }));
            if may_close {
                break;
            }
        }
        self.pairs[which].send(&batch);
        for request in batch {
            self.remember(which, &request);
            match self.pairs[which].read() {
                Outcome::Replies(ours, theirs) => {
                    self.coverage.count(&request, &theirs);
                    let comparer = comparer_of(&request.path).unwrap_or(Comparer::Exact);
                    if let Err(reason) = compare::compare(comparer, &ours, &theirs) {
                        self.fail(&request, &format!("{reason}\n  ours:  {ours:?}\n  redis: {theirs:?}"));
                    }
                }
                Outcome::BothClosed => {
                    // What came behind was dropped by both.
                    let hello = ["HELLO 2", "HELLO 3"][which];
                    self.pairs[which] = Pair::connect(&self.basalt, &self.redis, hello);
                    return;
                }
                Outcome::Apart(text) => self.fail(&request, &text),
            }
        }
    }

    fn remember(&mut self, which: usize, request: &Request) {
        self.sent += 1;
        self.history.push_back((which, request.clone()));
        if self.history.len() > HISTORY_MAX {
            self.history.pop_front();
        }
    }

    fn compare_states(&mut self) {
        match state::compare(&self.basalt, &self.redis) {
            Ok(kinds) => self.kinds_seen.add(kinds),
            Err((keys, difference)) => {
                let request = Request { path: "the state".into(), arguments: keys };
                self.fail(&request, &difference);
            }
        }
    }

    fn fail(&self, request: &Request, difference: &str) -> ! {
        let touches = |other: &Request| other.touches_keys_of(request);
        let related: Vec<_> = self.history.iter().filter(|(_, other)| touches(other)).collect();
        let mut text = format!("{}: {difference}\nlast on the same keys:\n", request.path);
        for (pair, other) in &related[related.len().saturating_sub(12)..] {
            text += &format!("  connection {pair}: {other:?}\n");
        }
        text += "last of all:\n";
        for (pair, other) in self.history.iter().skip(self.history.len().saturating_sub(6)) {
            text += &format!("  connection {pair}: {other:?}\n");
        }
        panic!("{text}after {} commands; replay with BASALT_SEED={}", self.sent, self.seed);
    }
}
