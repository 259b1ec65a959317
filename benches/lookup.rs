//! Times one shard's table without a server around it.
//!
//! `cargo bench --bench lookup` does so for a million keys and for ten; `-- 3000000` for another number. Each figure is the
//! least of several rounds, in nanoseconds of CPU time per operation.

mod common;

use std::env;
use std::hint::black_box;
use std::process::Command;

use basalt::cluster::slot::slot_of;
use basalt::keyspace::{Cause, Deadline, Hasher, Key, Keyspace, Recency, Value};
use common::{NOW_MS, Random, cpu_ns, name};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ROUNDS: usize = 5;
const BATCH: usize = 16;

fn main() {
    let keys: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [keys] = &keys[..] {
        return speed(keys.parse().expect("the number of keys is a number"));
    }
    // Each size in a process of its own, so that none inherits another's heap.
    let program = env::current_exe().expect("a running program has a path");
    for keys in ["1000000", "10000000"] {
        let status = Command::new(&program).arg(keys).status().expect("the program starts again");
        assert!(status.success());
    }
}

fn key<'a>(hasher: &Hasher, name: &'a [u8]) -> Key<'a> {
    hasher.key(name, slot_of(name))
}

fn set(keyspace: &mut Keyspace, key: &Key<'_>, value: Value<'_>) {
    keyspace.set(0, key, value, Deadline::Clear, Cause::Set, NOW_MS);
}

/// Loads keys in random order of their numbers.
fn load(count: usize) -> (Keyspace, Hasher) {
    let hasher = Hasher::seeded(11);
    let mut keyspace = Keyspace::new(1, hasher.clone(), Recency::Lru);
    // An odd factor visits every number of a power of two once, in no order of addresses.
    let rounded = count.next_power_of_two();
    for step in 0..rounded {
        let number = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) & (rounded - 1);
        if number < count {
            let name = name(number);
            set(&mut keyspace, &key(&hasher, &name), Value::Text(&[b'v'; 64]));
        }
    }
    (keyspace, hasher)
}

fn report(what: &str, count: usize, per: usize, mut round: impl FnMut()) {
    let least = (0..ROUNDS)
        .map(|_| {
            let start = cpu_ns();
            round();
            cpu_ns() - start
        })
        .min()
        .expect("there is a round");
    println!("{what:<44} {count:>9} keys {:>8.1} ns", least as f64 / per as f64);
}

fn speed(count: usize) {
    let (mut keyspace, hasher) = load(count);
    let operations = 1_000_000;
    let mut random = Random(5);
    let names: Vec<[u8; 16]> = (0..operations).map(|_| name(random.below(count))).collect();
    let absent: Vec<[u8; 16]> = (0..operations).map(|_| name(count + random.below(count))).collect();

    report("slot and hash of a key", count, operations, || {
        for name in &names {
            black_box(key(&hasher, name));
        }
    });
    report("GET hit, each key depends on the last value", count, operations, || {
        let mut last = 0usize;
        for name in &names {
            let mut name = *name;
            name[0] ^= last as u8;
            let key = key(&hasher, &name);
            last = keyspace.find(0, &key, NOW_MS).map_or(1, |entry| usize::from(entry.key()[0] ^ b'k'));
        }
        assert_eq!(last, 0);
    });
    for (what, names) in [("hit", &names), ("miss", &absent)] {
        report(&format!("GET {what}, batches of 16, no prefetch"), count, operations, || {
            for name in names {
                black_box(read(&mut keyspace, &key(&hasher, name)));
            }
        });
        report(&format!("GET {what}, batches of 16, prefetched"), count, operations, || {
            in_batches(&mut keyspace, &hasher, names, |keyspace, key| {
                black_box(read(keyspace, key));
            });
        });
    }
    report("SET of the same size, batches, prefetched", count, operations, || {
        in_batches(&mut keyspace, &hasher, &names, |keyspace, key| {
            set(keyspace, key, Value::Bytes(&[b'w'; 64]))
        });
    });
    report("SET of another size, batches, prefetched", count, operations, || {
        let mut length = 56;
        in_batches(&mut keyspace, &hasher, &names, |keyspace, key| {
            length = if length == 56 { 72 } else { 56 };
            set(keyspace, key, Value::Bytes(&[b'w'; 72][..length]));
        });
    });
    report("DEL and SET again, batches, prefetched", count, operations, || {
        in_batches(&mut keyspace, &hasher, &names, |keyspace, key| {
            keyspace.remove(0, key, Cause::Delete, NOW_MS);
            set(keyspace, key, Value::Bytes(&[b'w'; 64]));
        });
    });
    let start = cpu_ns();
    let mut removed = 0;
    in_batches(&mut keyspace, &hasher, &names, |keyspace, key| {
        removed += usize::from(keyspace.remove(0, key, Cause::Delete, NOW_MS));
    });
    let spent = (cpu_ns() - start) as f64 / operations as f64;
    println!("{:<44} {count:>9} keys {spent:>8.1} ns", "DEL, batches, prefetched, one round");
    assert!(removed > 0);
}

/// What a GET does with what it finds.
fn read(keyspace: &mut Keyspace, key: &Key<'_>) -> u64 {
    let Some(entry) = keyspace.find(0, key, NOW_MS) else {
        return 0;
    };
    match entry.value() {
        basalt::keyspace::ValueRef::Bytes(bytes) => u64::from(bytes[0]) + u64::from(bytes[bytes.len() - 1]),
        _ => 1,
    }
}

fn in_batches(
    keyspace: &mut Keyspace,
    hasher: &Hasher,
    names: &[[u8; 16]],
    mut each: impl FnMut(&mut Keyspace, &Key<'_>),
) {
    let mut keys = [Key { bytes: &[], hash: 0, slot: 0 }; BATCH];
    for batch in names.chunks_exact(BATCH) {
        for (place, name) in keys.iter_mut().zip(batch) {
            *place = key(hasher, name);
            keyspace.prefetch_group(0, place);
        }
        for key in &keys {
            keyspace.prefetch_entry(0, key);
        }
        for key in &keys {
            each(keyspace, key);
        }
    }
}
