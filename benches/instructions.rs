//! Counts instructions by callgrind, which no other work on the machine changes: `cargo bench --bench instructions`.
//!
//! The program starts itself under valgrind, for each operation with two counts of them; the difference leaves out
//! what comes before and after. `-- NAME ...` counts only operations whose names hold one of these words, `--json FILE`
//! writes the figures to a file as well.

mod requests;

use std::env;
use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use basalt::cluster::{SlotMap, slot_of};
use basalt::codec::rdb::Compression;
use basalt::commands::call::{DebugAccess, Process};
use basalt::commands::{Turn, resolve};
use basalt::keyspace::{Cause, Deadline, Hasher, Keyspace, Recency, Value};
use basalt::protocol::{Args, Limits, Out, Parse, Progress, Resp, Span, request};
use basalt::shard::parcel::Parcel;
use basalt::shard::{Request, Shard};
use requests::{GET, INCR, KEYS, Kind, MISS, MSET_10, SET_1K, SET_64, key, pipeline, words_of};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How often an operation runs at the least; the other run does it twice as often.
const OPERATIONS: usize = 20_000;
/// Requests that are made before and run again and again.
const REQUESTS: usize = 1000;
const PIPELINE: usize = 16;
const NOW_MS: u64 = 1_700_000_000_000;
/// jemalloc without what it does by the clock, so that two counts are the same to the instruction.
const NO_CLOCK: &str = "dirty_decay_ms:-1,muzzy_decay_ms:-1,experimental_tcache_gc:false";
/// The first word of a program that is counted.
const COUNTED: &str = "--counted";

struct Operation {
    name: &'static str,
    run: fn(usize),
}

/// A row with its figure.
struct Counted {
    operation: &'static str,
    instructions: f64,
}

const ROWS: &[Operation] = &[
    Operation { name: "parse GET", run: |count| parse(GET, count) },
    Operation { name: "parse SET 64 B", run: |count| parse(SET_64, count) },
    Operation { name: "parse SET 1 KiB", run: |count| parse(SET_1K, count) },
    Operation { name: "parse MSET of 10", run: |count| parse(MSET_10, count) },
    Operation { name: "slot of a key", run: slot },
    Operation { name: "hash of a key", run: hash },
    Operation { name: "lookup, hit", run: |count| lookup(key, count) },
    Operation { name: "lookup, miss", run: |count| lookup(absent, count) },
    Operation { name: "insert 64 B, the table growing", run: insert },
    Operation { name: "overwrite 64 B", run: overwrite },
    Operation { name: "execute GET", run: |count| execute(GET, count) },
    Operation { name: "execute GET of no key", run: |count| execute(MISS, count) },
    Operation { name: "execute SET 64 B", run: |count| execute(SET_64, count) },
    Operation { name: "execute INCR", run: |count| execute(INCR, count) },
    Operation { name: "execute MSET of 10", run: |count| execute(MSET_10, count) },
    Operation { name: "mesh copy GET", run: |count| copy(GET, count) },
    Operation { name: "mesh copy SET 64 B", run: |count| copy(SET_64, count) },
    Operation { name: "mesh copy SET 1 KiB", run: |count| copy(SET_1K, count) },
];

fn main() -> ExitCode {
    let mut words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [first, name, count] = &words[..]
        && first == COUNTED
    {
        let row = ROWS.iter().find(|row| row.name == name).expect("the program names its own operations");
        (row.run)(count.parse().expect("the count is a number"));
        return ExitCode::SUCCESS;
    }
    let json = words.iter().position(|word| word == "--json").map(|at| words.drain(at..).nth(1));
    match table(&words).and_then(|rows| write_json(json.flatten(), &rows)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn table(wanted: &[String]) -> io::Result<Vec<Counted>> {
    println!("| operation | instructions |\n|---|---:|");
    let mut rows = Vec::new();
    for row in ROWS {
        if !wanted.is_empty() && !wanted.iter().any(|word| row.name.contains(word)) {
            continue;
        }
        let (less, more) = (total(row.name, OPERATIONS)?, total(row.name, 2 * OPERATIONS)?);
        let instructions = more.saturating_sub(less) as f64 / OPERATIONS as f64;
        println!("| {} | {instructions:.1} |", row.name);
        rows.push(Counted { operation: row.name, instructions });
    }
    Ok(rows)
}

fn write_json(path: Option<String>, rows: &[Counted]) -> io::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let row =
        |row: &Counted| serde_json::json!({ "operation": row.operation, "instructions": row.instructions });
    let document: serde_json::Value = rows.iter().map(row).collect();
    fs::write(path, serde_json::to_string_pretty(&document)? + "\n")
}

/// All instructions of a program that runs an operation so often.
fn total(name: &str, count: usize) -> io::Result<u64> {
    let file = env::temp_dir().join(format!("basalt-instructions-{}", std::process::id()));
    let outcome = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", &format!("--callgrind-out-file={}", file.display())])
        .arg(env::current_exe()?)
        .args([COUNTED, name, &count.to_string()])
        // Each variable would lie on the stack and in the count.
        .env_clear()
        .envs(env::var_os("PATH").map(|path| ("PATH", path)))
        .env("_RJEM_MALLOC_CONF", NO_CLOCK)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            io::Error::other(format!("cannot start valgrind (Debian's package valgrind): {error}"))
        })?;
    if !outcome.status.success() {
        let text = String::from_utf8_lossy(&outcome.stderr).into_owned();
        return Err(io::Error::other(format!("{name}: {} under valgrind: {text}", outcome.status)));
    }
    let total = read_total(&file);
    fs::remove_file(&file)?;
    total
}

/// The sum that callgrind writes at the end of its file.
fn read_total(file: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(file)?;
    let sum = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    sum("totals:")
        .or_else(|| sum("summary:"))
        .ok_or_else(|| io::Error::other("callgrind has written no total"))
}

fn parse(kind: Kind, count: usize) {
    let bytes = pipeline(kind, PIPELINE);
    let (mut spans, mut scratch): (Vec<Span>, Vec<u8>) = (Vec::new(), Vec::new());
    let limits = Limits::default();
    for _ in 0..count / PIPELINE {
        let mut progress = Progress::default();
        for _ in 0..PIPELINE {
            let parsed = request::parse(black_box(&bytes), &mut progress, &limits, &mut spans, &mut scratch);
            assert!(matches!(parsed, Parse::Request | Parse::Decoded));
        }
        spans.clear();
        scratch.clear();
    }
}

fn absent(number: usize) -> Vec<u8> {
    format!("no:{number:013}").into_bytes()
}

fn names(name: fn(usize) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..REQUESTS).map(name).collect()
}

fn slot(count: usize) {
    let names = names(key);
    for number in 0..count {
        black_box(slot_of(black_box(&names[number % REQUESTS])));
    }
}

fn hash(count: usize) {
    let (names, hasher) = (names(key), Hasher::seeded(1));
    for number in 0..count {
        black_box(hasher.hash(black_box(&names[number % REQUESTS])));
    }
}

fn keyspace(keys: usize) -> Keyspace {
    let mut keyspace = Keyspace::new(1, Hasher::seeded(1), Recency::Lru);
    (0..keys).for_each(|number| set(&mut keyspace, &key(number)));
    keyspace
}

fn set(keyspace: &mut Keyspace, name: &[u8]) {
    let key = keyspace.hasher().key(name, slot_of(name));
    keyspace.set(0, &key, Value::Bytes(&[b'x'; 64]), Deadline::Clear, Cause::Set, NOW_MS);
}

fn lookup(name: fn(usize) -> Vec<u8>, count: usize) {
    let (mut keyspace, names) = (keyspace(REQUESTS), names(name));
    let hasher = keyspace.hasher().clone();
    for number in 0..count {
        let name = &names[number % REQUESTS];
        black_box(keyspace.find(0, &hasher.key(name, slot_of(name)), NOW_MS).is_some());
    }
}

/// As many names are made whatever the count, so that they cancel out; the growth of the table does not.
fn insert(count: usize) {
    let mut keyspace = Keyspace::new(1, Hasher::seeded(1), Recency::Lru);
    let names: Vec<Vec<u8>> = (0..2 * OPERATIONS).map(key).collect();
    names[..count].iter().for_each(|name| set(&mut keyspace, name));
}

fn overwrite(count: usize) {
    let (mut keyspace, names) = (keyspace(REQUESTS), names(key));
    (0..count).for_each(|number| set(&mut keyspace, &names[number % REQUESTS]));
}

/// A request as bytes and spans, as a receive buffer has it.
fn arrived(kind: Kind, number: usize) -> (Vec<u8>, Vec<Span>) {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for word in words_of(kind, number) {
        spans.push(Span::new(bytes.len(), word.len()));
        bytes.extend(word);
    }
    (bytes, spans)
}

fn push(hasher: &Hasher, (bytes, spans): &(Vec<u8>, Vec<Span>), parcel: &mut Parcel<()>) {
    let args = Args::new(black_box(bytes), spans, &[]);
    let command = resolve(&args).ok().expect("a known command");
    let first = command.first_key(args);
    let key = hasher.key(first, slot_of(first));
    parcel.push(&Request { command, args, key, database: 0, resp: Resp::Two, no_touch: false }, ());
}

fn execute(kind: Kind, count: usize) {
    let mut shard = Shard::new(0, keyspace(KEYS / 10), SlotMap::even(1));
    let turn = Turn {
        now_us: NOW_MS * 1000,
        databases: 1,
        password: None,
        string_bytes_max: 512 << 20,
        compression: Compression::On,
        process: Process { started_at_us: 0, shards: 1, debug_access: DebugAccess::Nobody },
    };
    let (mut parcel, mut out) = (Parcel::default(), Out::default());
    let hasher = shard.keyspace.hasher().clone();
    (0..REQUESTS).for_each(|number| push(&hasher, &arrived(kind, number), &mut parcel));
    let mut round = |count: usize| {
        for index in 0..count {
            shard.execute(&parcel.request(index % REQUESTS), &turn, &mut out);
            if index % 32 == 31 {
                out.clear();
                shard.tally.clear();
            }
        }
    };
    // The first requests insert.
    round(REQUESTS);
    round(count);
}

fn copy(kind: Kind, count: usize) {
    let hasher = Hasher::seeded(1);
    let requests: Vec<_> = (0..PIPELINE).map(|number| arrived(kind, number)).collect();
    let mut parcel = Parcel::default();
    for _ in 0..count / PIPELINE {
        requests.iter().for_each(|request| push(&hasher, request, &mut parcel));
        parcel.clear();
    }
}
