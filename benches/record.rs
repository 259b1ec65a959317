//! Times the bytes of the log: encoding and sealing what a SET of 16 and 64 bytes leaves, and reading it again.

#[allow(dead_code, reason = "only the names of keys are needed")]
mod common;

use basalt::codec::effect::{Spot, Value, decode, write_stored};
use basalt::codec::record::{Kind, Seed, begin, finish, read};
use basalt::keyspace::{Hasher, Keyspace, Recency};
use basalt::persist::replay::Replay;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

const RECORDS: usize = 1000;
const VALUE: [u8; 64] = [b'v'; 64];

fn main() {
    divan::main();
}

/// The records of a thousand SETs.
fn records(buffer: &mut Vec<u8>, value: &[u8], seed: Seed) {
    for number in 0..RECORDS {
        let start = begin(buffer, Kind::Effects);
        let spot = Spot { database: 0, slot: number as u16 };
        write_stored(buffer, spot, &common::name(number), Value::Plain(value), None);
        finish(buffer, start, start as u64, seed);
    }
}

/// By the length of the value.
#[divan::bench(args = [8, 64, 1024])]
fn log_record_encoding(bencher: Bencher, value_bytes: usize) {
    let seed = Seed::new(1, 2);
    let value = VALUE.repeat(16);
    let mut buffer = Vec::with_capacity(1 << 21);
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        buffer.clear();
        records(black_box(&mut buffer), black_box(&value[..value_bytes]), seed);
    });
}

#[divan::bench(args = [8, 64, 1024])]
fn log_record_decoding(bencher: Bencher, value_bytes: usize) {
    let seed = Seed::new(1, 2);
    let mut buffer = Vec::new();
    records(&mut buffer, &VALUE.repeat(16)[..value_bytes], seed);
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let mut position = 0;
        while let Some(rest) = buffer.get(position..).filter(|rest| !rest.is_empty()) {
            let (record, bytes) = read(rest, position as u64, seed).expect("valid").expect("a record");
            for effect in decode(record.effects()) {
                black_box(effect.expect("valid"));
            }
            position += bytes;
        }
    });
}

/// What a base costs: 64 KiB of effects in one record.
#[divan::bench]
fn checksum_of_a_chunk(bencher: Bencher) {
    let seed = Seed::new(1, 2);
    let mut buffer = vec![1; 64 << 10];
    bencher.counter(BytesCount::new(buffer.len())).bench_local(|| finish(black_box(&mut buffer), 0, 7, seed));
}

/// A million keys of 16 and 64 bytes from records of one effect each, 64 records at a time, into an empty key space and into
/// one that has them all.
#[divan::bench(args = ["empty", "full"], sample_count = 3, sample_size = 1)]
fn replay_of_a_million(bencher: Bencher, target: &str) {
    const KEYS: usize = 1_000_000;
    let mut effects = Vec::new();
    let ends: Vec<usize> = (0..KEYS)
        .map(|number| {
            // As a log has them: in no order of the table.
            let number = number * 611_953 % KEYS;
            let spot = Spot { database: 0, slot: (number * 7919 % 16_384) as u16 };
            write_stored(&mut effects, spot, &common::name(number), Value::Plain(&VALUE), None);
            effects.len()
        })
        .collect();
    let run = |keyspace: &mut Keyspace| {
        let mut replay = Replay::new(keyspace, common::NOW_MS);
        let mut start = 0;
        for batch in ends.chunks(64) {
            let records = batch.iter().map(|&end| &effects[std::mem::replace(&mut start, end)..end]);
            replay.apply(records).expect("valid");
        }
    };
    let fresh = || Keyspace::new(1, Hasher::seeded(1), Recency::Lru);
    bencher
        .counter(ItemsCount::new(KEYS))
        .with_inputs(|| {
            let mut keyspace = fresh();
            if target == "full" {
                run(&mut keyspace);
            }
            keyspace
        })
        .bench_local_refs(run);
}
