//! What the allocator says: memory that was freed is given back, and the logical count of memory is near the truth.

#[path = "common/mod.rs"]
mod common;

use basalt::keyspace::{Cause, Deadline, Hasher, Keyspace, Recency, Value};
use common::{Launch, Server};
use tikv_jemalloc_ctl::thread;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const KEYS: usize = 300_000;
/// What a process may keep of 45 MB and more that it freed.
const KEPT_BYTES_MAX: u64 = 8 << 20;

#[test]
fn a_core_that_sleeps_gives_back_what_was_flushed() {
    let mut server: Server = Launch::basalt().shards(1).start();
    let before = server.resident_bytes();
    let mut client = server.client();
    let value = "v".repeat(100);
    for first in (0..KEYS).step_by(1000) {
        let lines: String =
            (first..first + 1000).map(|number| format!("SET key:{number} {value}\r\n")).collect();
        client.send(lines.as_bytes());
        (0..1000).for_each(|_| assert!(!client.read().is_error()));
    }
    let loaded = server.resident_bytes();
    assert!(loaded > before + KEYS as u64 * 120, "{before} {loaded}");
    assert!(!client.ask("FLUSHALL").is_error());
    // Nobody asks the server for anything from here on.
    let process = server.process_id();
    let resident = move || {
        let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).expect("the server runs");
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
        pages.expect("statm has pages") * 4096
    };
    let gives_back = server.wait_until(|| resident() < before + KEPT_BYTES_MAX);
    assert!(gives_back, "{before} before, {loaded} loaded, {} kept", resident());
}

/// What this thread has allocated and not freed. It may have freed what another gave it.
fn allocated_bytes() -> i64 {
    let given = thread::allocatedp::read().expect("jemalloc counts by thread").get();
    given.wrapping_sub(thread::deallocatedp::read().expect("jemalloc counts by thread").get()) as i64
}

/// Fills a key space with names and values of some lengths, and gives what is allocated for it over what it counts.
fn allocated_over_counted(one_tag: bool, lengths: impl Fn(usize) -> (usize, usize)) -> f64 {
    const DEADLINE_MS: u64 = 1_700_000_000_000;
    let before = allocated_bytes();
    let hasher = Hasher::seeded(3);
    let mut keyspace = Keyspace::new(1, hasher.clone(), Recency::Lru);
    for number in 0..KEYS {
        let (name_length, value_length) = lengths(number);
        let name = format!("{number:0name_length$}");
        let slot = if one_tag { 7 } else { number as u16 % 16_384 };
        let deadline = if number % 2 == 0 { Deadline::Clear } else { Deadline::At(DEADLINE_MS) };
        let value = vec![b'v'; value_length];
        keyspace.set(0, &hasher.key(name.as_bytes(), slot), Value::Text(&value), deadline, Cause::Set, 1);
    }
    let counted = keyspace.memory_bytes() as f64;
    let ratio = (allocated_bytes() - before) as f64 / counted;
    drop(keyspace);
    assert!(allocated_bytes() < before + 64 * 1024, "everything is freed, except what the thread keeps");
    ratio
}

/// The count stays within three percent of what is allocated.
#[test]
fn counted_memory_is_what_is_allocated() {
    for one_tag in [false, true] {
        for (what, ratio) in [
            ("8 + 8", allocated_over_counted(one_tag, |_| (8, 8))),
            ("16 + 64", allocated_over_counted(one_tag, |_| (16, 64))),
            ("mixed", allocated_over_counted(one_tag, |number| (8 + number % 90, number * 7 % 700))),
            (
                "large",
                allocated_over_counted(one_tag, |number| (16, if number % 50 == 0 { 20_000 } else { 90 })),
            ),
        ] {
            println!("{what}, one tag {one_tag}: {ratio:.4}");
            assert!((0.97..1.03).contains(&ratio), "{what}, one tag {one_tag}: {ratio}");
        }
    }
}
