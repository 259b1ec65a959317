//! MULTI, EXEC and WATCH: two clients of each server take turns, and what they are told must agree.

use super::common::Launch;
use super::common::random::Random;
use super::comparers::{Comparer, comparer_of};
use super::generate::{self, Leaf, Request, leaves};
use super::introspection;
use super::pair::{Outcome, Pair};
use super::{compare, samples, state};

const REQUESTS_DEFAULT: usize = 30_000;
const STATE_EVERY: usize = 3000;

/// Commands whose place in a test of transactions would be another one.
const LEFT_OUT: &[&str] =
    &["QUIT", "RESET", "CONFIG|SET", "CONFIG|REWRITE", "CLIENT|KILL", "COMMAND", "DEBUG"];

#[test]
fn transactions_are_answered_as_redis_does() {
    check_transactions(1);
}

#[test]
fn transactions_over_shards_are_answered_as_redis_does() {
    check_transactions(3);
}

fn check_transactions(shards: usize) {
    let (mut random, seed) = Random::printed();
    let (basalt, redis) = (Launch::basalt().shards(shards).start(), Launch::redis().start());
    let redis_alone = introspection::names_of_redis_alone(&mut redis.client());
    let mut clients: Vec<_> = ["HELLO 2", "HELLO 3", "HELLO 2"]
        .map(|hello| Turn { pair: Pair::connect(&basalt, &redis, hello), is_queueing: false })
        .into();
    let mut leaves = leaves();
    leaves.retain(|leaf| {
        matches!(comparer_of(&leaf.path()), Some(Comparer::Exact)) && !LEFT_OUT.contains(&&*leaf.path())
    });
    let mut history: Vec<(usize, Request)> = Vec::new();
    while history.len() < REQUESTS_DEFAULT {
        let which = random.below(clients.len());
        let count = 1 + random.below(4);
        let batch: Vec<Request> = (0..count)
            .flat_map(|_| {
                let request =
                    clients[which].request(&mut random, |random| any(&leaves, &redis_alone, random));
                // What has expired is looked at, and so removed by both.
                let look = samples::look_at_key(&request.arguments);
                let look = look.map(|arguments| Request { path: "EXISTS".into(), arguments });
                std::iter::once(request).chain(look)
            })
            .collect();
        clients[which].pair.send(&batch);
        for request in batch {
            history.push((which, request));
            let Outcome::Replies(ours, theirs) = clients[which].pair.read() else {
                panic!("no reply: {:?}; replay with BASALT_SEED={seed}", last(&history));
            };
            if let Err(reason) = compare::equal(&ours, &theirs) {
                panic!("{reason}: {:#?}; replay with BASALT_SEED={seed}", last(&history));
            }
        }
        if history.len() % STATE_EVERY < 2 * count
            && let Err((keys, difference)) = state::compare(&basalt, &redis)
        {
            panic!("{keys:?} {difference}: {:#?}; replay with BASALT_SEED={seed}", last(&history));
        }
    }
}

fn last(history: &[(usize, Request)]) -> &[(usize, Request)] {
    &history[history.len().saturating_sub(25)..]
}

/// Any command whose reply is compared exactly, in its form or broken.
fn any(leaves: &[Leaf], redis_alone: &std::collections::BTreeSet<String>, random: &mut Random) -> Request {
    loop {
        let request = generate::request(leaves, redis_alone, random);
        let is_exact = matches!(comparer_of(&request.path), Some(Comparer::Exact));
        if is_exact && !LEFT_OUT.contains(&&*request.path) {
            return request;
        }
    }
}

/// One client, at both servers.
struct Turn {
    pair: Pair,
    is_queueing: bool,
}

impl Turn {
    /// What it sends next: transactions come to their end, mostly.
    fn request(&mut self, random: &mut Random, any: impl Fn(&mut Random) -> Request) -> Request {
        let word = match (self.is_queueing, random.below(20)) {
            (true, 0..4) => "EXEC",
            (true, 4) => "DISCARD",
            (true, 5) => "MULTI",
            (false, 0..5) => "MULTI",
            (false, 5) => "EXEC",
            (false, 6) => "DISCARD",
            (_, 7..9) => "WATCH",
            _ => return any(random),
        };
        match word {
            "MULTI" => self.is_queueing = true,
            "EXEC" | "DISCARD" => self.is_queueing = false,
            _ => {}
        }
        let mut arguments = vec![word.as_bytes().to_vec()];
        if word == "WATCH" {
            let count = 1 + random.below(2);
            arguments.extend((0..count).map(|_| random.pick(samples::KEYS).to_vec()));
        }
        // Now and then with an argument too many.
        if word != "WATCH" && random.once_in(30) {
            arguments.push(b"x".to_vec());
            self.is_queueing = word == "EXEC" || word == "DISCARD";
        }
        Request { path: word.into(), arguments }
    }
}
