//! Logs that are compacted while the server serves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::common::{Client, Launch, Server};

/// A compaction takes no longer than this; a second or two are usual, because the logs of all shards have to be synced.
const PATIENCE: Duration = Duration::from_secs(60);

fn launch(fsync: &str, shards: usize) -> Launch {
    Launch::basalt()
        .shards(shards)
        .with("appendonly", "yes")
        .with("appendfsync", fsync)
        .with("auto-aof-rewrite-percentage", "0")
        .with("enable-debug-command", "yes")
}

fn field(client: &mut Client, name: &str) -> String {
    let info = client.ask("INFO persistence").string();
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("{name} in {info}")).to_owned()
}

fn wait_for_compaction(client: &mut Client) {
    let begun = Instant::now();
    while field(client, "aof_rewrite_in_progress") == "1" {
        assert!(begun.elapsed() < PATIENCE, "{}", client.ask("INFO persistence").string());
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn log_bytes(server: &Server) -> u64 {
    let files = std::fs::read_dir(server.folder.join("appendonlydir")).expect("readable");
    // One may be removed while they are looked at.
    files.filter_map(|file| file.ok()?.metadata().ok()).map(|data| data.len()).sum()
}

#[test]
fn keys_are_kept_by_a_base_and_what_follows_it() {
    for fsync in ["everysec", "always", "no"] {
        let launch = launch(fsync, 2);
        let mut server = launch.start();
        let mut client = server.client();
        client.ask("DEBUG POPULATE 50000 key 100");
        client.ask("SELECT 3");
        client.ask("MSET a 1 b 2 c 3");
        client.ask("EXPIRE a 1000");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut client = server.client();
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let line = match number % 4 {
                        0 => format!("SET key:{} {number}", number * 7919 % 60_000),
                        1 => format!("DEL key:{}", number * 7907 % 60_000),
                        2 => format!("APPEND key:{} {number}", number * 7901 % 60_000),
                        _ => format!("MSET one:{number} 1 other:{number} 2 third 3"),
                    };
                    assert!(!client.ask(&line).is_error());
                }
            });
            for round in 1..=2 {
                let reply = client.ask("BGREWRITEAOF");
                assert_eq!(reply.string(), "Background append only file rewriting started");
                wait_for_compaction(&mut client);
                assert_eq!(field(&mut client, "aof_rewrites"), round.to_string());
                assert_eq!(field(&mut client, "aof_last_bgrewrite_status"), "ok");
            }
            stop.store(true, Ordering::Relaxed);
            writer.join().expect("no panic");
        });
        assert!(field(&mut client, "aof_base_size").parse::<u64>().expect("a number") > 50_000 * 100);
        let digest = client.ask("DEBUG DIGEST");
        let bases = std::fs::read_dir(server.folder.join("appendonlydir")).expect("readable");
        let bases = bases.filter(|file| {
            file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|end| end == "base"))
        });
        assert_eq!(bases.count(), 2, "one for each shard");
        server.kill_and_restart(&launch);
        assert_eq!(server.client().ask("DEBUG DIGEST"), digest, "{fsync}");
    }
}

#[test]
fn what_becomes_of_whole_databases_and_slots_meanwhile_is_kept() {
    let launch = launch("everysec", 2);
    let mut server = launch.start();
    let mut client = server.client();
    for database in 0..4 {
        client.ask(&format!("SELECT {database}"));
        client.ask(&format!("DEBUG POPULATE 40000 base:{database} 50"));
    }
    for lines in [
        &["SWAPDB 0 3", "SWAPDB 1 2"][..],
        &["SELECT 1", "FLUSHDB", "SET after 1", "SWAPDB 1 0"],
        &["DEBUG MOVE-SLOT 16000 0", "DEBUG MOVE-SLOT 3 1", "SELECT 3", "SET base:0:7 other"],
        &["FLUSHALL", "SET only 1"],
    ] {
        client.ask("BGREWRITEAOF");
        for line in lines {
            assert!(!client.ask(line).is_error(), "{line}");
        }
        wait_for_compaction(&mut client);
        let digest = client.ask("DEBUG DIGEST");
        server.kill_and_restart(&launch);
        client = server.client();
        assert_eq!(client.ask("DEBUG DIGEST"), digest, "{lines:?}");
    }
}

#[test]
fn a_log_that_grows_is_compacted_by_itself() {
    let server = launch("everysec", 2)
        .with("auto-aof-rewrite-min-size", "200kb")
        .with("auto-aof-rewrite-percentage", "100")
        .start();
    let mut client = server.client();
    let begun = Instant::now();
    let mut number = 0;
    while field(&mut client, "aof_rewrites").parse::<u64>().expect("a number") < 2 {
        assert!(begun.elapsed() < PATIENCE);
        for _ in 0..200 {
            number += 1;
            client.ask(&format!("SET key:{} {}", number % 10, "x".repeat(100)));
        }
    }
    wait_for_compaction(&mut client);
    assert!(log_bytes(&server) < 400_000, "{} bytes", log_bytes(&server));
}

#[test]
fn without_a_log_there_is_nothing_to_compact() {
    let server = Launch::basalt().start();
    let reply = server.client().ask("BGREWRITEAOF");
    assert!(reply.is_error() && reply.string().contains("appendonly no"), "{reply:?}");
}
