//! Snapshots: redis-server loads them and finds the same keys, of one moment; when they are saved, and what a failure does.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::common::server::temporary_folder;
use super::common::{Client, Launch, Server, Value, words};

const PATIENCE: Duration = Duration::from_secs(20);

fn launch() -> Launch {
    Launch::basalt().shards(2).with("enable-debug-command", "yes")
}

/// A Redis that has loaded the snapshot in this folder.
fn redis_of(folder: &Path) -> Server {
    let copy = temporary_folder();
    fs::copy(folder.join("dump.rdb"), copy.join("dump.rdb")).expect("there is a snapshot");
    let server = Launch::redis().with("dir", copy.display()).with("enable-debug-command", "yes").start();
    fs::remove_dir_all(copy).expect("the folder is ours");
    server
}

fn field(client: &mut Client, name: &str) -> String {
    let info = client.ask("INFO persistence").string();
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("{name} in {info}")).to_owned()
}

fn wait_for(client: &mut Client, name: &str, value: &str) {
    let begun = Instant::now();
    while field(client, name) != value {
        assert!(begun.elapsed() < PATIENCE, "{name}: {}", client.ask("INFO persistence").string());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn redis_finds_the_same_keys() {
    for (compression, checksum) in [("yes", "yes"), ("no", "no")] {
        let server = launch().with("rdbcompression", compression).with("rdbchecksum", checksum).start();
        let mut client = server.client();
        client.ask("DEBUG POPULATE 20000 key 30");
        let (text, random) = ("abc".repeat(20_000), "x7f".repeat(7));
        for line in [
            "SET int 12345",
            "SET negative -1",
            "SET large 9223372036854775807",
            "SET no_int 007",
            "SET empty ''",
            &format!("SET text {text}"),
            &format!("SET short {random} EX 1000"),
            "SETBIT bits 100000 1",
            "SELECT 3",
            "SET other 1 PX 10000000",
            "SELECT 15",
            "MSET a 1 b 2 c 3",
        ] {
            assert!(!client.ask(line).is_error(), "{}", &line[..line.len().min(40)]);
        }
        assert_ne!(field(&mut client, "rdb_changes_since_last_save"), "0");
        assert_eq!(client.ask("SAVE"), Value::Simple(b"OK".to_vec()));
        assert_eq!(field(&mut client, "rdb_changes_since_last_save"), "0");
        assert_eq!(field(&mut client, "rdb_saves"), "1");
        let redis = redis_of(&server.folder);
        let mut oracle = redis.client();
        assert_eq!(client.ask("DEBUG DIGEST"), oracle.ask("DEBUG DIGEST"), "compression {compression}");
        for database in [0, 3, 15] {
            client.ask(&format!("SELECT {database}"));
            oracle.ask(&format!("SELECT {database}"));
            for line in ["DBSIZE", "PEXPIRETIME short", "PEXPIRETIME other", "OBJECT ENCODING int"] {
                assert_eq!(client.ask(line), oracle.ask(line), "{line}");
            }
        }
        let saved_at = client.ask("LASTSAVE").integer();
        assert_eq!(saved_at.to_string(), field(&mut client, "rdb_last_save_time"));
    }
}

#[test]
fn a_snapshot_is_of_one_moment() {
    let server = launch().start();
    let mut client = server.client();
    client.ask("DEBUG POPULATE 100000 key 50");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (server, stop) = (&server, &stop);
            scope.spawn(move || {
                let mut client = server.client();
                let mut number = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    // They lie on both shards, and the second is never ahead of the first.
                    client.ask(&format!("MSET pair:{writer}:a {number} pair:{writer}:b {number}"));
                    client.ask(&format!("SET first:{writer} {number}"));
                    client.ask(&format!("SET second:{writer} {number}"));
                    client.ask(&format!("DEL key:{}", number * 7919 % 100_000));
                }
            });
        }
        for round in 1..=4 {
            assert_eq!(client.ask("BGSAVE").string(), "Background saving started");
            wait_for(&mut client, "rdb_bgsave_in_progress", "0");
            assert_eq!(field(&mut client, "rdb_saves"), round.to_string());
            let redis = redis_of(&server.folder);
            let mut oracle = redis.client();
            let mut number = |key: String| {
                let reply = oracle.ask(&format!("GET {key}"));
                // A writer may not have begun.
                reply.text().map_or(0, |_| reply.string().parse().expect("a number"))
            };
            for writer in 0..3 {
                let pair = ["a", "b"].map(|half| -> i64 { number(format!("pair:{writer}:{half}")) });
                assert_eq!(pair[0], pair[1], "a command is there in part");
                let order = ["first", "second"].map(|name| -> i64 { number(format!("{name}:{writer}")) });
                assert!(order[0] == order[1] || order[0] == order[1] + 1, "{order:?}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn one_is_saved_at_a_time() {
    let server = launch().start();
    let mut client = server.client();
    client.ask("DEBUG POPULATE 300000 key 50");
    client.send(b"BGSAVE\r\nBGSAVE\r\nSAVE\r\nBGSAVE SCHEDULE\r\nBGSAVE other\r\n");
    let replies: Vec<_> = (0..5).map(|_| client.read().string()).collect();
    let already = "ERR Background save already in progress";
    let expected = ["Background saving started", already, already, already, "ERR syntax error"];
    assert_eq!(replies, expected);
    wait_for(&mut client, "rdb_saves", "1");
    client.ask("MULTI");
    assert_eq!(client.ask("SAVE").string(), "ERR Command not allowed inside a transaction");
    client.ask("DISCARD");
    client.ask("MULTI");
    client.ask("BGSAVE");
    assert_eq!(client.ask("EXEC").items().len(), 1);
    wait_for(&mut client, "rdb_saves", "2");
}

#[test]
fn save_points_save() {
    let server = launch().with("save", "1 5").start();
    let mut client = server.client();
    client.ask("MSET a 1 b 2 c 3 d 4");
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!server.folder.join("dump.rdb").exists(), "four changes are too few");
    client.ask("SET e 5");
    wait_for(&mut client, "rdb_saves", "1");
    assert_eq!(field(&mut client, "rdb_changes_since_last_save"), "0");
    assert!(server.folder.join("dump.rdb").exists());
}

#[test]
fn the_last_snapshot_has_everything() {
    for end in ["SHUTDOWN SAVE", "SHUTDOWN", "TERM", "INT"] {
        let points = if end == "SHUTDOWN SAVE" { "" } else { "3600 1" };
        let mut server = launch().with("save", points).start();
        let mut client = server.client();
        client.ask("DEBUG POPULATE 100000 key 50");
        let mut writer = server.client();
        std::thread::scope(|scope| {
            let written = scope.spawn(move || {
                let mut number = 0;
                while writer.try_send(format!("SET last {}\r\n", number + 1).as_bytes()).is_ok()
                    && writer.try_read().is_ok_and(|reply| !reply.is_error())
                {
                    number += 1;
                }
                number
            });
            std::thread::sleep(Duration::from_millis(50));
            match end.contains("SHUTDOWN") {
                true => client.send(&words(end)),
                false => server.signal(end),
            }
            assert_eq!(server.wait_for_end().code(), Some(0), "{}", server.log());
            let written: i64 = written.join().expect("no panic");
            let redis = redis_of(&server.folder);
            let mut oracle = redis.client();
            assert_eq!(oracle.ask("DBSIZE").integer(), 100_001, "{end}");
            let saved: i64 = oracle.ask("GET last").string().parse().expect("a number");
            // One may have been written and not acknowledged.
            assert!(saved == written || saved == written + 1, "{end}: {saved} of {written}");
        });
        assert!(
            !fs::read_dir(&server.folder)
                .expect("readable")
                .any(|file| { file.expect("readable").file_name().to_string_lossy().starts_with("temp-") })
        );
    }
}

#[test]
fn shutdown_nosave_saves_nothing() {
    let mut server = launch().with("save", "3600 1").start();
    let mut client = server.client();
    client.ask("SET a 1");
    client.send(&words("SHUTDOWN NOSAVE"));
    server.wait_for_end();
    assert!(!server.folder.join("dump.rdb").exists());
}

#[test]
fn a_server_that_cannot_end_goes_on_however_often_it_is_asked() {
    let server = launch().start();
    let obstacle = server.folder.join("dump.rdb");
    fs::create_dir_all(obstacle.join("inside")).expect("the folder is ours");
    for _ in 0..5 {
        let mut clients: Vec<_> = (0..3).map(|_| server.client()).collect();
        for client in &mut clients {
            client.send(&words("SHUTDOWN SAVE"));
            std::thread::sleep(Duration::from_millis(2));
        }
        for client in &mut clients {
            assert_eq!(client.read().string(), "ERR Errors trying to SHUTDOWN. Check logs.");
        }
        let mut client = server.client();
        assert_eq!(client.ask("MSET a 1 b 2 c 3 d 4"), Value::Simple(b"OK".to_vec()));
    }
}

#[test]
fn a_failed_snapshot_refuses_writes_and_the_end() {
    let mut server = launch().with("save", "3600 1").start();
    let mut client = server.client();
    client.ask("SET a 1");
    // Nothing can take the place of a folder that is not empty.
    let obstacle = server.folder.join("dump.rdb");
    fs::create_dir_all(obstacle.join("inside")).expect("the folder is ours");
    assert_eq!(client.ask("SAVE"), Value::Error(b"ERR".to_vec()));
    assert_eq!(field(&mut client, "rdb_last_bgsave_status"), "err");
    let refused = client.ask("SET a 2").string();
    assert!(refused.starts_with("MISCONF Redis is configured to save RDB snapshots"), "{refused}");
    assert_eq!(client.ask("GET a").string(), "1");
    client.ask("MULTI");
    assert_eq!(client.ask("SET a 2").string(), refused);
    assert_eq!(client.ask("GET a").string(), "QUEUED");
    let aborted = client.ask("EXEC").string();
    assert_eq!(aborted, "EXECABORT Transaction discarded because of previous errors.");
    assert_eq!(client.ask("SHUTDOWN").string(), "ERR Errors trying to SHUTDOWN. Check logs.");
    server.signal("TERM");
    client.ask("CONFIG SET stop-writes-on-bgsave-error no");
    std::thread::sleep(Duration::from_millis(500));
    assert!(server.is_running());
    // Nothing is held any more.
    assert!(!client.ask("SET a 2").is_error());
    assert!(!client.ask("MSET a 3 b 3").is_error());
    client.ask("CONFIG SET stop-writes-on-bgsave-error yes");
    assert!(client.ask("SET a 4").is_error());
    fs::remove_dir_all(&obstacle).expect("the folder is ours");
    assert!(!client.ask("SAVE").is_error());
    assert!(!client.ask("SET a 5").is_error());
    fs::remove_file(&obstacle).expect("a file");
    fs::create_dir_all(obstacle.join("inside")).expect("the folder is ours");
    client.send(&words("SHUTDOWN FORCE"));
    assert_eq!(server.wait_for_end().code(), Some(0));
}
