//! Holds one shard's keys against their limits: the longest pause, memory per key, and what expiry costs.
//!
//! `cargo bench --bench limits` takes everything and says of each figure what is required and what is aimed at; `-- pause`,
//! `-- memory`, `-- burst`, `-- hour` or `-- flush` takes a part. The allocator is set as in the server. Times are the thread's CPU
//! time; a pause is the smallest maximum of three runs, because a virtual machine adds pauses of its own.

mod common;

use std::env;
use std::fs;
use std::process::{Command, ExitCode};

use basalt::cluster::slot::slot_of;
use basalt::data_plane::housekeeping::in_slice;
use basalt::keyspace::{Cause, Deadline, Hasher, Keyspace, Recency, Value};
use basalt::sys::memory::ALLOCATOR_SETTINGS;
use common::{NOW_MS, Random, cpu_ns, name};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[unsafe(export_name = "_rjem_malloc_conf")]
pub static ALLOCATOR_CONFIGURATION: &[u8; ALLOCATOR_SETTINGS.len()] = ALLOCATOR_SETTINGS;

const RUNS: usize = 3;
const HOUR_MS: u64 = 3_600_000;
/// How many inserts of a load share a millisecond.
const INSERTS_PER_MS: usize = 1000;

/// One measurement, which a process of its own takes, and the limits of its worst figure.
struct Limit {
    arguments: &'static str,
    unit: &'static str,
    runs: usize,
    required: f64,
    aim: f64,
}

const fn limit(arguments: &'static str, unit: &'static str, runs: usize, required: f64, aim: f64) -> Limit {
    Limit { arguments, unit, runs, required, aim }
}

const LIMITS: &[Limit] = &[
    limit("pause spread 20000000", "us, longest insert and slice", RUNS, 2000.0, 500.0),
    limit("pause one-tag 20000000", "us, longest insert and slice", RUNS, 2000.0, 500.0),
    limit("memory 16+64 spread", "bytes a key at 4 to 8 M keys", 1, 112.0, 100.0),
    limit("memory 16+64 one-tag", "bytes a key at 4 to 8 M keys", 1, 112.0 * 1.05, 105.0),
    limit("memory 8+8 spread", "bytes a key at 4 to 8 M keys", 1, 49.0, 40.0),
    limit("memory 8+8 one-tag", "bytes a key at 4 to 8 M keys", 1, 49.0 * 1.05, 42.0),
    limit("burst alone 1000000", "s of CPU until all are gone", 1, 10.0, 1.0),
    limit("burst among-others 1000000", "s until all are gone", 1, 10.0, 10.0),
    limit("hour 20000000", "% of a core", 1, 2.0, 1.0),
    limit("flush 2000000", "us, longest slice of freeing", RUNS, 500.0, 300.0),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let figures = match words[..] {
        ["pause", spread, keys] => pause(spread, number(keys)),
        ["memory", shape, spread] => memory(shape, spread),
        ["burst", company, keys] => burst(company, number(keys)),
        ["hour", keys] => hour(number(keys)),
        ["flush", keys] => flush(number(keys)),
        _ => return judge(words.first().copied()),
    };
    println!("{}", figures.iter().map(|figure| format!("{figure:.2} ")).collect::<String>());
    ExitCode::SUCCESS
}

fn number(text: &str) -> usize {
    text.parse().expect("the number of keys is a number")
}

/// Takes all measurements, or those of one part, and fails if one exceeds what is required.
fn judge(part: Option<&str>) -> ExitCode {
    let mut exit = ExitCode::SUCCESS;
    for limit in LIMITS.iter().filter(|limit| part.is_none_or(|part| limit.arguments.starts_with(part))) {
        let runs: Vec<Vec<f64>> = (0..limit.runs).map(|_| measure(limit.arguments)).collect();
        let worst = runs.iter().map(|figures| figures.iter().copied().fold(0.0, f64::max));
        let worst = worst.fold(f64::INFINITY, f64::min);
        let verdict = match worst {
            worst if worst <= limit.aim => "as aimed at",
            worst if worst <= limit.required => "enough",
            _ => {
                exit = ExitCode::FAILURE;
                "TOO MUCH"
            }
        };
        let Limit { arguments, unit, required, aim, .. } = limit;
        println!(
            "{arguments:<28} {worst:>8.2} {unit:<30} required {required:.0}, aim {aim:.0}: {verdict}  {runs:?}"
        );
    }
    exit
}

fn measure(arguments: &str) -> Vec<f64> {
    let program = env::current_exe().expect("a running program has a path");
    let output = Command::new(program).args(arguments.split(' ')).output().expect("the program starts again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().map(|figure| figure.parse().expect("a figure is a number")).collect()
}

/// A key space and how keys get into it.
struct Load {
    keyspace: Keyspace,
    hasher: Hasher,
    one_tag: bool,
}

impl Load {
    fn new(spread: &str) -> Self {
        let hasher = Hasher::seeded(11);
        let keyspace = Keyspace::new(1, hasher.clone(), Recency::Lru);
        Load { keyspace, hasher, one_tag: spread == "one-tag" }
    }

    fn set(&mut self, name: &[u8], value: &[u8], deadline: Deadline, now_ms: u64) {
        let slot = if self.one_tag { 5 } else { slot_of(name) };
        let key = self.hasher.key(name, slot);
        self.keyspace.set(0, &key, Value::Text(value), deadline, Cause::Set, now_ms);
    }

    /// A slice of expiry as the server takes it. Gives its CPU time in microseconds.
    fn expire_slice(&mut self, now_ms: u64) -> f64 {
        let start = cpu_ns();
        in_slice(|budget| self.keyspace.expire_due(now_ms, budget) < budget);
        us_since(start)
    }

    /// How many keys expired since this was asked.
    fn expired(&mut self) -> usize {
        let expired = self.keyspace.changes().notes().count();
        self.keyspace.changes_mut().forget_notes();
        expired
    }
}

fn us_since(start: u64) -> f64 {
    (cpu_ns() - start) as f64 / 1000.0
}

/// The longest insert and the longest slice of expiry while keys load. Half of them have a deadline, of which a
/// sixteenth comes during the load.
fn pause(spread: &str, count: usize) -> Vec<f64> {
    let mut load = Load::new(spread);
    let mut random = Random(3);
    let (mut longest_insert, mut longest_slice) = (0.0f64, 0.0f64);
    for number in 0..count {
        let now_ms = NOW_MS + (number / INSERTS_PER_MS) as u64;
        let name = name(number);
        let deadline = match number % 32 {
            1 => Deadline::At(now_ms + random.below(count / INSERTS_PER_MS / 2) as u64),
            odd if odd % 2 == 1 => Deadline::At(now_ms + HOUR_MS),
            _ => Deadline::Clear,
        };
        let start = cpu_ns();
        load.set(&name, &[b'v'; 64], deadline, now_ms);
        longest_insert = longest_insert.max(us_since(start));
        if number % (INSERTS_PER_MS * 10) == 0 {
            longest_slice = longest_slice.max(load.expire_slice(now_ms));
            load.expired();
        }
    }
    vec![longest_insert, longest_slice]
}

/// Resident bytes per key at 4, 5, 6, 7 and 8 million keys, at once after they were loaded.
fn memory(shape: &str, spread: &str) -> Vec<f64> {
    let mut load = Load::new(spread);
    let before = resident_bytes();
    let mut figures = Vec::new();
    for million in 0..8 {
        for number in million * 1_000_000..(million + 1) * 1_000_000 {
            let name = name(number);
            match shape {
                "16+64" => load.set(&name, &[b'v'; 64], Deadline::Clear, NOW_MS),
                "8+8" => load.set(&name[8..], &[b'v'; 8], Deadline::Clear, NOW_MS),
                other => panic!("no shape {other}"),
            }
        }
        if million >= 3 {
            figures.push((resident_bytes() - before) as f64 / load.keyspace.len(0) as f64);
        }
    }
    figures
}

fn resident_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("Linux tells memory in /proc");
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("statm has pages");
    pages * 4096
}

/// Seconds until keys whose deadlines all lie within one second are gone. Alone it is CPU time, without a break; among ten
/// times as many keys with an hour to live it is the time of the clock, with a slice every tenth of a second.
fn burst(company: &str, count: usize) -> Vec<f64> {
    let mut load = Load::new("spread");
    let others = if company == "alone" { 0 } else { 10 * count };
    for number in 0..others {
        let deadline_ms = NOW_MS + HOUR_MS + number as u64 * HOUR_MS / others as u64;
        load.set(&name(number), b"1", Deadline::At(deadline_ms), NOW_MS);
    }
    for number in others..others + count {
        load.set(&name(number), b"1", Deadline::At(NOW_MS + 5000 + number as u64 % 1000), NOW_MS);
    }
    let mut now_ms = NOW_MS + 6000;
    let start = cpu_ns();
    while load.keyspace.len(0) > others {
        while !in_slice(|budget| load.keyspace.expire_due(now_ms, budget) < budget) {
            load.expired();
        }
        now_ms += 100;
    }
    vec![if others > 0 { (now_ms - NOW_MS - 6000) as f64 / 1e3 } else { us_since(start) / 1e6 }]
}

/// What expiry takes of a core while keys that live an hour are renewed as they expire.
fn hour(count: usize) -> Vec<f64> {
    const TICK_MS: u64 = 100;
    const MINUTES: u64 = 10;
    let mut load = Load::new("spread");
    let deadline_of = |number: usize| NOW_MS + HOUR_MS * (number as u64 + 1) / count as u64;
    (0..count).for_each(|number| load.set(&name(number), b"1", Deadline::At(deadline_of(number)), NOW_MS));
    let (mut spent_us, mut renewed, mut expired) = (0.0, 0, 0);
    for tick in 1..=MINUTES * 60_000 / TICK_MS {
        let now_ms = NOW_MS + tick * TICK_MS;
        loop {
            let start = cpu_ns();
            let is_done = in_slice(|budget| load.keyspace.expire_due(now_ms, budget) < budget);
            spent_us += us_since(start);
            expired += load.expired();
            if is_done {
                break;
            }
        }
        while renewed < count && deadline_of(renewed) <= now_ms {
            load.set(&name(count + renewed), b"1", Deadline::At(now_ms + HOUR_MS), now_ms);
            renewed += 1;
        }
    }
    let late = (renewed - expired) as f64 / count as f64;
    assert!(late < 0.05, "{late} of the keys are due and there");
    vec![spent_us / (MINUTES as f64 * 60e6) * 100.0]
}

/// The longest slice of freeing what was flushed. Every twentieth value is a block of its own.
fn flush(count: usize) -> Vec<f64> {
    let mut load = Load::new("spread");
    for number in 0..count {
        let length = if number % 20 == 0 { 16 << 10 } else { 64 };
        load.set(&name(number), &vec![b'v'; length], Deadline::Clear, NOW_MS);
    }
    load.keyspace.flush(0);
    let mut longest = 0.0f64;
    let mut is_done = false;
    while !is_done {
        let start = cpu_ns();
        is_done = in_slice(|budget| load.keyspace.free_some(budget));
        longest = longest.max(us_since(start));
    }
    vec![longest]
}
