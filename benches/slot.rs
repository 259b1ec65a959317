//! Times what routing asks of a key: its slot and its hash.

use basalt::cluster::slot::slot_of;
use basalt::keyspace::Hasher;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

const KEYS: [&str; 5] = [
    "key:1234",
    "key:000000001234",
    "user:000000000000000000000000000000000000000000000000000000001234",
    "{user:1234}:name",
    "session:{user:0000000000001234}:mail",
];

#[divan::bench(args = KEYS)]
fn slot(key: &str) -> u16 {
    slot_of(black_box(key.as_bytes()))
}

#[divan::bench(args = KEYS)]
fn hash(bencher: Bencher, key: &str) {
    let hasher = Hasher::seeded(1);
    bencher.bench_local(|| hasher.hash(black_box(key.as_bytes())));
}
