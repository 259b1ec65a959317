//! Sessions on a real server, and what they were told, judged. `BASALT_SEED` chooses the requests, `BASALT_OPERATIONS` and
//! `BASALT_SHARDS` the size; how the threads meet is up to the machine.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Instant;

use super::check::judge;
use super::common::random::Random;
use super::common::{Launch, Server};
use super::history::{Outcome, Time, Token, Transaction};
use super::plan::{Command, Form, Plan};
use super::session::Session;

const OPERATIONS_DEFAULT: usize = 12_000;
const SESSIONS: usize = 6;

/// Registers that everybody writes.
pub const SHARED_REGISTERS: usize = 4;

/// Lists at a time. After so many operations there are new ones, so that reading them stays cheap.
const LISTS: usize = 6;
const OPERATIONS_PER_LISTS: usize = 500;

/// What the sessions of one run share.
pub struct Field<'a> {
    pub server: &'a Server,
    pub shards: usize,
    /// How often each thread has connected: the name of its session.
    pub connections: Vec<AtomicU32>,
    begin: Instant,
    tokens: AtomicU32,
    operations: AtomicUsize,
    operations_max: usize,
}

impl<'a> Field<'a> {
    fn new(server: &'a Server, shards: usize, operations_max: usize) -> Self {
        Field {
            server,
            shards,
            connections: (0..SESSIONS).map(|_| AtomicU32::new(0)).collect(),
            begin: Instant::now(),
            tokens: AtomicU32::new(0),
            operations: AtomicUsize::new(0),
            operations_max,
        }
    }

    pub fn now(&self) -> Time {
        self.begin.elapsed().as_nanos() as Time
    }

    pub fn has_operations(&self) -> bool {
        self.operations.fetch_add(1, Ordering::Relaxed) < self.operations_max
    }

    pub fn token(&self) -> Token {
        self.tokens.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn list(&self, number: u64) -> String {
        let generation = self.operations.load(Ordering::Relaxed) / OPERATIONS_PER_LISTS;
        format!("l{generation}.{}", number % LISTS as u64)
    }

    /// All lists there have been, and the shared registers, read by one transaction after everything.
    fn last_look(&self) -> Transaction {
        let invoked = self.now();
        let generations = 0..=self.operations.load(Ordering::Relaxed) / OPERATIONS_PER_LISTS;
        let lists =
            generations.flat_map(|generation| (0..LISTS).map(move |which| format!("l{generation}.{which}")));
        let registers = (0..SHARED_REGISTERS).map(|which| format!("q{which}")).collect();
        let commands = vec![Command::Mget { keys: lists.collect() }, Command::See { keys: registers }];
        let plan = Plan { form: Form::Exec, commands };
        let mut client = self.server.client();
        client.send(&plan.requests());
        let replies: Vec<_> = (0..plan.reply_count()).map(|_| client.read()).collect();
        let (outcome, steps) = plan.outcome(&replies);
        let completed = self.now();
        Transaction { session: "last".into(), invoked, completed, outcome, is_gated: true, steps }
    }
}

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn run(shards: usize, seed: u64, operations: usize) -> Vec<Transaction> {
    let server = Launch::basalt().shards(shards).with("enable-debug-command", "yes").start();
    let field = Field::new(&server, shards, operations);
    let mut history: Vec<Transaction> = std::thread::scope(|scope| {
        let sessions = (0..SESSIONS).map(|thread| Session::new(&field, thread, seed));
        let running: Vec<_> = sessions.map(|session| scope.spawn(|| session.run())).collect();
        let ended = running.into_iter().map(|thread| thread.join());
        ended
            .flat_map(|history| history.unwrap_or_else(|_| panic!("replay with BASALT_SEED={seed}")))
            .collect()
    });
    history.push(field.last_look());
    history
}

fn check(shards: usize) {
    let (_, seed) = Random::printed();
    let shards = setting("BASALT_SHARDS").unwrap_or(shards);
    let history = run(shards, seed, setting("BASALT_OPERATIONS").unwrap_or(OPERATIONS_DEFAULT));
    let count = |outcome| history.iter().filter(|each| each.outcome == outcome).count();
    let counts = [Outcome::Committed, Outcome::Aborted, Outcome::Unknown].map(count);
    println!("{shards} shards: {} committed, {} aborted, {} unknown", counts[0], counts[1], counts[2]);
    assert!(counts[0] > history.len() / 2, "most transactions are answered: {counts:?} of {}", history.len());
    if let Err(violation) = judge(&history) {
        panic!("{:?}, replay with BASALT_SEED={seed}\n{}", violation.anomaly, violation.story);
    }
}

#[test]
fn sessions_on_one_shard_are_strictly_serializable() {
    check(1);
}

#[test]
fn sessions_on_four_shards_are_strictly_serializable() {
    check(4);
}
