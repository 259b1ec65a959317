//! Requests of all families as their grammar allows, and broken ones, on keys of their own: every one gets one reply.

use std::collections::BTreeSet;

use super::common::random::Random;
use super::comparers::{Comparer, comparer_of};
use super::field::{Field, next};
use super::generate::{self, Leaf, leaves};

const PIPELINE_MAX: usize = 30;

/// What others may not do to the run: it has a pace of its own for these, or needs the settings as they are.
const LEFT_OUT: &[&str] = &[
    "FLUSHALL",
    "FLUSHDB",
    "SWAPDB",
    "DEBUG",
    "CONFIG|SET",
    "CONFIG|RESETSTAT",
    "CLIENT|KILL",
    "CONFIG|REWRITE",
];

pub fn run(field: &Field, index: usize, mut random: Random) {
    let is_sent = |path: &str| {
        !LEFT_OUT.contains(&path) && !matches!(comparer_of(path), None | Some(Comparer::Skip(_)))
    };
    let mut leaves = leaves();
    leaves.retain(|leaf: &Leaf| is_sent(&leaf.path()));
    let mut client = field.connect(2 + index % 2);
    while field.is_open() {
        let count = 1 + random.below(PIPELINE_MAX);
        let requests = std::iter::repeat_with(|| generate::request(&leaves, &BTreeSet::new(), &mut random))
            .filter(|request| is_sent(&request.path));
        let bytes: Vec<u8> = requests.take(count).flat_map(|request| request.bytes()).collect();
        field.pace(count);
        // QUIT may be among them.
        let is_answered = client.try_send(&bytes).is_ok() && (0..count).all(|_| next(&mut client).is_some());
        if !is_answered || random.once_in(200) {
            client = field.connect(2 + random.below(2));
        }
    }
}
