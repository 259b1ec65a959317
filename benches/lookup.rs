//! Times one shard's table without a server around it, and weighs its memory.
//!
//! `cargo bench --bench lookup` runs everything; `-- speed`, `-- growth`, `-- expiry` or `-- memory` a part, and a number of keys
//! after it another size. Each figure is the least of several rounds, in nanoseconds of CPU time per operation.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use basalt::cluster::slot::slot_of;
use basalt::keyspace::{Cause, Deadline, Hasher, Key, Keyspace, Recency, Value};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const NOW_MS: u64 = 1_700_000_000_000;
const ROUNDS: usize = 5;
const BATCH: usize = 16;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["speed", keys] => speed(number(keys)),
        ["growth", keys] => growth(number(keys)),
        ["expiry", keys] => expiry(number(keys)),
        ["memory", shape, keys] => memory(shape, number(keys)),
        _ => everything(words.first().copied()),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("the number of keys is a number")
}

/// Each part in a process of its own, so that none inherits another's heap.
fn everything(part: Option<&str>) {
    let parts = [
        "speed 1000000",
        "speed 10000000",
        "growth 10000000",
        "expiry 20000000",
        "memory 16+64 100000",
        "memory 16+64 1000000",
        "memory 16+64 4000000",
        "memory 16+64 8000000",
        "memory 8+8 100000",
        "memory 8+8 1000000",
        "memory 8+8 4000000",
        "memory 8+8 8000000",
        "memory 16+64-one-tag 4000000",
        "memory 8+8-one-tag 4000000",
        "memory mixed 4000000",
    ];
    let program = env::current_exe().expect("a running program has a path");
    for line in parts.iter().filter(|line| part.is_none_or(|part| line.starts_with(part))) {
        // Free pages that the allocator keeps are not what keys cost: `memory` gives them back at once. `growth` never does,
        // because giving back the pages of its first go would count as long inserts of its second.
        let settings = match line.split(' ').next() {
            Some("memory") => "dirty_decay_ms:0,muzzy_decay_ms:0",
            Some("growth") => "dirty_decay_ms:-1,muzzy_decay_ms:-1",
            _ => "",
        };
        let mut command = Command::new(&program);
        let status = command
            .args(line.split(' '))
            .env("_RJEM_MALLOC_CONF", settings)
            .status()
            .expect("the program starts again");
        assert!(status.success());
    }
}

/// Calling thread's CPU time in nanoseconds.
fn cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and the structure is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn resident_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("Linux tells memory in /proc");
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("statm has pages");
    pages * 4096
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0xd129_42f2_fb36_2a2d).wrapping_add(0x9e37_79b9);
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }
}

/// A key of 16 bytes.
fn name(number: usize) -> [u8; 16] {
    let mut name = *b"key:000000000000";
    let mut rest = number;
    for digit in name[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    name
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

/// Inserts keys and tells the mean, and in a second go, which reads the clock at each, the longest single insert.
fn growth(count: usize) {
    for tag in ["", "one tag"] {
        let hasher = Hasher::seeded(11);
        let insert = |keyspace: &mut Keyspace, number: usize| {
            let name = name(number);
            let slot = if tag.is_empty() { slot_of(&name) } else { 5 };
            set(keyspace, &hasher.key(&name, slot), Value::Text(&[b'v'; 64]));
        };
        let mut keyspace = Keyspace::new(1, hasher.clone(), Recency::Lru);
        let start = cpu_ns();
        (0..count).for_each(|number| insert(&mut keyspace, number));
        let mean = (cpu_ns() - start) as f64 / count as f64;

        keyspace = Keyspace::new(1, hasher.clone(), Recency::Lru);
        let (mut longest, mut over) = (0, 0);
        let mut last = cpu_ns();
        for number in 0..count {
            insert(&mut keyspace, number);
            let now = cpu_ns();
            longest = longest.max(now - last);
            over += usize::from(now - last > 100_000);
            last = now;
        }
        println!(
            "insert {tag:<37} {count:>9} keys {mean:>8.1} ns, longest {} us, {over} above 100 us",
            longest / 1000
        );
    }
}

/// Keys that live an hour and are renewed as they expire: what a ticker spends on them, in parts of a core.
fn expiry(count: usize) {
    const HOUR_MS: u64 = 3_600_000;
    const TICK_MS: u64 = 10;
    let hasher = Hasher::seeded(11);
    let mut keyspace = Keyspace::new(1, hasher.clone(), Recency::Lru);
    let insert = |keyspace: &mut Keyspace, number: usize, now_ms: u64, deadline_ms: u64| {
        let name = name(number);
        keyspace.set(0, &key(&hasher, &name), Value::Int(1), Deadline::At(deadline_ms), Cause::Set, now_ms);
    };
    let deadline_of = |number: usize| NOW_MS + HOUR_MS * (number as u64 + 1) / count as u64;
    (0..count).for_each(|number| insert(&mut keyspace, number, NOW_MS, deadline_of(number)));
    let (mut spent, mut longest, mut renewed, mut removed) = (0, 0, 0, 0);
    let minutes = 10;
    for tick in 1..=minutes * 60_000 / TICK_MS {
        let now_ms = NOW_MS + tick * TICK_MS;
        let start = cpu_ns();
        keyspace.expire_due(now_ms, 10_000);
        let slice = cpu_ns() - start;
        spent += slice;
        longest = longest.max(slice);
        removed += keyspace.changes().notes().count();
        keyspace.changes_mut().forget_notes();
        // As many new keys as deadlines passed, so that the number of keys stays.
        while renewed < count && deadline_of(renewed) <= now_ms {
            insert(&mut keyspace, count + renewed, now_ms, now_ms + HOUR_MS);
            renewed += 1;
        }
    }
    println!(
        "expiry, an hour to live, {minutes} minutes {count:>19} keys {:>8.2} % of a core, longest slice {} us, \
         {removed} removed, {:.2} % due and there",
        spent as f64 / (minutes as f64 * 60e9) * 100.0,
        longest / 1000,
        (renewed - removed) as f64 / count as f64 * 100.0,
    );
    let due = count.min(1_000_000);
    keyspace.flush(0);
    while !keyspace.free_some(100_000) {}
    (0..due).for_each(|number| insert(&mut keyspace, number, NOW_MS, NOW_MS + number as u64 % 1000));
    let (mut slices, mut longest) = (0, 0);
    let start = cpu_ns();
    while !keyspace.is_empty(0) {
        let begin = cpu_ns();
        keyspace.expire_due(NOW_MS + 1001, 10_000);
        longest = longest.max(cpu_ns() - begin);
        slices += 1;
        keyspace.changes_mut().forget_notes();
    }
    println!(
        "expiry, due in one second {due:>28} keys {:>8.1} ns a key, {slices} slices, longest {} us",
        (cpu_ns() - start) as f64 / due as f64,
        longest / 1000
    );
}

fn memory(shape: &str, count: usize) {
    let hasher = Hasher::seeded(11);
    let mut keyspace = Keyspace::new(1, hasher.clone(), Recency::Lru);
    let before = resident_bytes();
    let mut random = Random(9);
    let mut user_bytes = 0;
    for number in 0..count {
        let name = name(number);
        let value = [b'v'; 256];
        let (name, value): (&[u8], &[u8]) = match shape {
            "16+64" | "16+64-one-tag" => (&name, &value[..64]),
            "8+8" | "8+8-one-tag" => (&name[8..], &value[..8]),
            "mixed" => (&name[random.below(8)..], &value[..16 + random.below(240)]),
            other => panic!("no shape {other}"),
        };
        user_bytes += name.len() + value.len();
        let slot = if shape.ends_with("one-tag") { 5 } else { slot_of(name) };
        set(&mut keyspace, &hasher.key(name, slot), Value::Text(value));
    }
    let per_key = |bytes: usize| bytes as f64 / keyspace.len(0) as f64;
    println!(
        "memory {shape:<16} {:>9} keys: {:>6.1} bytes resident, {:>6.1} counted, {:>6.1} of the user's",
        keyspace.len(0),
        per_key(resident_bytes() - before),
        per_key(keyspace.memory_bytes()),
        user_bytes as f64 / count as f64,
    );
}
