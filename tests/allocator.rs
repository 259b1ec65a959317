//! What the allocator says: memory that was freed is given back, and the logical count of memory is near the truth.

#[path = "common/mod.rs"]
mod common;

use common::{Launch, Server};

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
