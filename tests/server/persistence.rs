//! What was acknowledged is there after the process was killed, whatever it was doing, and no command is there in part.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::common::random::Random;
use super::common::{Client, Launch, Server, Value};

/// Kills in one test; BASALT_KILLS asks for more.
const KILLS: usize = 6;
pub const WRITERS: usize = 8;
/// Keys that one writer writes together; they lie on all shards.
const GROUP: usize = 4;

fn launch(fsync: &str, shards: usize) -> Launch {
    Launch::basalt()
        .shards(shards)
        .with("appendonly", "yes")
        .with("appendfsync", fsync)
        .with("enable-debug-command", "yes")
}

/// What one writer knows: the last number it was told was written, and the last it asked for.
#[derive(Clone, Copy, Default)]
pub struct Known {
    pub acknowledged: i64,
    pub asked: i64,
}

/// Writes rising numbers until the server is gone: as a single key, as a group by MSET, and as a group by EXEC.
pub fn write(port: u16, writer: usize, mut known: Known, stop: &AtomicBool) -> Known {
    let Ok(mut client) = Client::tcp("127.0.0.1", port) else { return known };
    while !stop.load(Ordering::Relaxed) {
        let number = known.asked + 1;
        known.asked = number;
        let group = |kind: &str| -> Vec<String> {
            (0..GROUP).map(|index| format!("{kind}:{writer}:{index}")).collect()
        };
        let mut sent = format!("SET single:{writer} {number}\r\nMSET");
        group("mset").iter().for_each(|key| sent += &format!(" {key} {number}"));
        sent += "\r\nMULTI\r\n";
        group("exec").iter().for_each(|key| sent += &format!("SET {key} {number}\r\n"));
        sent += &format!("RENAME move:{writer}:{} move:{writer}:{number}\r\nEXEC\r\n", number - 1);
        if client.try_send(sent.as_bytes()).is_err() {
            return known;
        }
        for _ in 0..GROUP + 5 {
            match client.try_read() {
                // The disk is gone.
                Ok(reply) if reply.is_error() && reply.string().contains("MISCONF") => return known,
                Ok(reply) => assert!(!reply.is_error(), "{reply:?}"),
                Err(_) => return known,
            }
        }
        known.acknowledged = number;
    }
    known
}

fn number(client: &mut Client, key: &str) -> i64 {
    let reply = client.ask(&format!("GET {key}"));
    // It was killed before the first one.
    reply.text().map_or(0, |_| reply.string().parse().expect("a number"))
}

pub fn check(server: &Server, writer: usize, known: Known, round: usize) -> i64 {
    let mut client = server.client();
    let single = number(&mut client, &format!("single:{writer}"));
    let is_known = |found: i64| (known.acknowledged..=known.asked).contains(&found);
    assert!(
        is_known(single),
        "round {round}, writer {writer}: {single}, {}..={}",
        known.acknowledged,
        known.asked
    );
    for kind in ["mset", "exec"] {
        let found: Vec<_> =
            (0..GROUP).map(|index| number(&mut client, &format!("{kind}:{writer}:{index}"))).collect();
        assert!(
            found.iter().all(|one| *one == found[0]),
            "round {round}, writer {writer}, {kind} in part: {found:?}"
        );
        assert!(
            is_known(found[0]),
            "round {round}, writer {writer}, {kind}: {found:?}, {}",
            known.acknowledged
        );
    }
    // The key that is renamed is there once, under the name of the last group.
    let last = number(&mut client, &format!("exec:{writer}:0"));
    let there: Vec<_> = (known.acknowledged..=known.asked)
        .filter(|at| client.ask(&format!("EXISTS move:{writer}:{at}")) == Value::Integer(1))
        .collect();
    assert_eq!(there, [last], "round {round}, writer {writer}: a rename is in part");
    known.asked
}

fn compact(port: u16, stop: &AtomicBool) {
    let Ok(mut client) = Client::tcp("127.0.0.1", port) else { return };
    while !stop.load(Ordering::Relaxed) {
        if client.try_send(b"BGREWRITEAOF\r\n").is_err() || client.try_read().is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// While logs are compacted again and again, if that is wanted.
fn kill_under_load(fsync: &str, shards: usize, compacts: bool) {
    let kills = std::env::var("BASALT_KILLS").map_or(KILLS, |count| count.parse().expect("a number"));
    let launch = launch(fsync, shards);
    let mut server = launch.start();
    let (mut random, seed) = Random::printed();
    let mut known = [Known::default(); WRITERS];
    let mut client = server.client();
    for writer in 0..WRITERS {
        client.ask(&format!("SET move:{writer}:0 here"));
    }
    for round in 0..kills {
        let stop = AtomicBool::new(false);
        let pause = Duration::from_millis(random.below(300) as u64);
        let port = server.port;
        known = std::thread::scope(|scope| {
            let begin = |writer| {
                let (known, stop) = (known[writer], &stop);
                scope.spawn(move || write(port, writer, known, stop))
            };
            let writers: Vec<_> = (0..WRITERS).map(begin).collect();
            if compacts {
                scope.spawn(|| compact(port, &stop));
            }
            std::thread::sleep(pause);
            server.kill_and_restart(&launch);
            stop.store(true, Ordering::Relaxed);
            let ended: Vec<_> = writers.into_iter().map(|writer| writer.join().expect("no panic")).collect();
            ended.try_into().unwrap_or_else(|_| unreachable!("as many end as began"))
        });
        for (writer, known) in known.iter_mut().enumerate() {
            // What was asked for last may be there or not: the next number is a new one.
            let asked = check(&server, writer, *known, round);
            let found = number(&mut server.client(), &format!("exec:{writer}:0"));
            let mut client = server.client();
            if found != asked {
                client.ask(&format!("RENAME move:{writer}:{found} move:{writer}:{asked}"));
            }
            *known = Known { acknowledged: 0, asked };
            for key in ["single", "mset", "exec"] {
                let names = if key == "single" {
                    vec![format!("single:{writer}")]
                } else {
                    (0..GROUP).map(|index| format!("{key}:{writer}:{index}")).collect()
                };
                for name in names {
                    client.ask(&format!("SET {name} {asked}"));
                }
            }
            known.acknowledged = asked;
        }
    }
    println!("{kills} kills under load with {fsync} on {shards} shards, compaction {compacts}, seed {seed}");
}

#[test]
fn a_kill_loses_nothing_acknowledged_under_everysec() {
    kill_under_load("everysec", 2, false);
}

#[test]
fn a_kill_loses_nothing_acknowledged_under_always() {
    kill_under_load("always", 2, false);
}

#[test]
fn a_kill_loses_nothing_acknowledged_by_one_shard() {
    kill_under_load("no", 1, false);
}

#[test]
fn a_kill_during_a_compaction_loses_nothing() {
    for fsync in ["everysec", "always", "no"] {
        kill_under_load(fsync, 2, true);
    }
}

/// Whichever core a client is at: what was synced is noted in the log behind the last write, and nobody waits for that.
#[test]
fn what_has_only_read_waits_for_no_write_under_always() {
    let server = launch("always", 2).start();
    for keys in 1..=8 {
        let mut client = server.client();
        client.ask(&format!("SET key:{keys} value"));
        assert_eq!(client.ask("DBSIZE"), Value::Integer(keys));
        assert_eq!(client.ask("KEYS *").items().len() as i64, keys);
    }
}

#[test]
fn every_kind_of_change_is_replayed() {
    let launch = launch("everysec", 3);
    let mut server = launch.start();
    let mut client = server.client();
    let large = "x".repeat(40_000);
    for line in [
        "SET int 12345",
        "SET text hello",
        "SET float 1",
        "INCRBYFLOAT float 0.5",
        "APPEND raw ab",
        "APPEND raw cd",
        "SETRANGE range 10 tail",
        "SETBIT bits 1000 1",
        "BITFIELD field SET u8 #3 200",
        "SET gone 1",
        "DEL gone",
        "SET soon 1 PX 1",
        "SET later 1 EX 1000",
        "SET kept 1 EX 1000",
        "PERSIST kept",
        "SET moved 1",
        "MOVE moved 3",
        "RENAME text renamed",
        "COPY int copied",
        "MSET a 1 b 2 c 3 d 4",
        "SELECT 2",
        "SET x 1",
        "SET y 2",
        "FLUSHDB",
        "SET z 3",
        "SELECT 4",
        "SET other 4",
        "SWAPDB 2 4",
        "SELECT 0",
        "GETDEL copied",
        "GETEX later EX 500",
        &format!("SET large {large}"),
        "APPEND large y",
        "SETRANGE large 5 abc",
        "DEBUG MOVE-SLOT 0 1",
        "DEBUG MOVE-SLOT 12182 0",
        "SET foo 1",
        "DEBUG MOVE-SLOT 12182 1",
        "INCR foo",
    ] {
        let reply = client.ask(line);
        assert!(!reply.is_error(), "{}: {reply:?}", &line[..line.len().min(40)]);
    }
    std::thread::sleep(Duration::from_millis(20));
    let look = |server: &Server| -> Vec<Value> {
        let mut client = server.client();
        let mut seen = vec![client.ask("DEBUG DIGEST")];
        for line in [
            "GET soon",
            "PEXPIRETIME later",
            "PEXPIRETIME kept",
            "OBJECT ENCODING raw",
            "OBJECT ENCODING int",
            "OBJECT ENCODING float",
            "DBSIZE",
            "STRLEN large",
            "GET float",
        ] {
            seen.push(client.ask(line));
        }
        for database in [2, 3, 4] {
            client.ask(&format!("SELECT {database}"));
            seen.push(client.ask("DBSIZE"));
        }
        seen
    };
    let before = look(&server);
    for _ in 0..3 {
        server.kill_and_restart(&launch);
        assert_eq!(look(&server), before);
    }
    server.signal("TERM");
    server.wait_for_end();
    server.restart(&launch);
    assert_eq!(look(&server), before);
}

#[test]
fn a_log_that_has_grown_over_its_base_is_compacted_at_the_start() {
    let mut server = launch("everysec", 2).with("auto-aof-rewrite-percentage", "0").start();
    let launch = launch("everysec", 2).with("auto-aof-rewrite-min-size", "100kb");
    let mut client = server.client();
    for round in 0..10 {
        (0..1000).for_each(|key| drop(client.ask(&format!("SET key:{key} {round}"))));
    }
    let digest = client.ask("DEBUG DIGEST");
    let logs = |server: &Server| {
        let files = std::fs::read_dir(server.folder.join("appendonlydir")).expect("readable");
        let sizes = files.map(|file| file.expect("readable").metadata().expect("known").len());
        sizes.sum::<u64>()
    };
    let before = logs(&server);
    for _ in 0..2 {
        server.kill_and_restart(&launch);
        assert_eq!(server.client().ask("DEBUG DIGEST"), digest);
        assert!(logs(&server) < before / 3, "{} of {before} bytes", logs(&server));
    }
}

#[test]
fn the_number_of_shards_may_change() {
    let mut server = launch("everysec", 1).start();
    let mut client = server.client();
    for index in 0..1000 {
        client.ask(&format!("SET key:{index} value:{index} EX {}", 10_000 + index));
    }
    let digest = client.ask("DEBUG DIGEST");
    for shards in [3, 2, 1, 4] {
        server.kill_and_restart(&launch("everysec", shards));
        assert_eq!(server.client().ask("DEBUG DIGEST"), digest, "{shards} shards");
        assert_eq!(server.client().ask("DBSIZE"), Value::Integer(1000));
    }
}

#[test]
fn info_tells_of_the_log_and_check_of_its_files() {
    let launch = launch("everysec", 2);
    let mut server = launch.start();
    let mut client = server.client();
    (0..100).for_each(|index| drop(client.ask(&format!("SET key:{index} value"))));
    let info = client.ask("INFO persistence").string();
    assert!(info.contains("aof_enabled:1") && info.contains("aof_last_write_status:ok"), "{info}");
    let bytes = info.lines().find_map(|line| line.strip_prefix("aof_current_size:")).expect("it is told");
    assert!(bytes.parse::<u64>().expect("a number") > 100 * 10, "{info}");
    let check = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_basalt"))
            .arg("check")
            .args(arguments)
            .output()
            .expect("it runs");
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let folder = server.folder.join("appendonlydir");
    let (code, text) = check(&[folder.to_str().expect("a plain path")]);
    assert!(code == Some(2) && text.contains("a server is using this folder"), "{text}");
    server.signal("TERM");
    server.wait_for_end();
    for path in [&folder, &server.folder] {
        let (code, text) = check(&[path.to_str().expect("a plain path")]);
        assert!(code == Some(0) && text.contains("everything is well"), "{text}");
    }
    // A byte in the middle of what was synced: the start stops and says where, and a fix loses what follows.
    let segment = std::fs::read_dir(&folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
        .find(|path| path.extension().is_some_and(|end| end == "log"))
        .expect("a segment");
    let mut bytes = std::fs::read(&segment).expect("readable");
    bytes[4096 + 100] ^= 1;
    std::fs::write(&segment, &bytes).expect("writable");
    let (_, text) = check(&[folder.to_str().expect("a plain path")]);
    assert!(text.contains("torn") || text.contains("damaged"), "{text}");
    let (code, text) = check(&["--fix", folder.to_str().expect("a plain path")]);
    assert!(code == Some(0) && text.contains("cut"), "{text}");
    server.restart(&launch);
    assert!(server.client().ask("DBSIZE").integer() < 100);
}

#[test]
fn a_log_that_was_mended_is_started_with() {
    let launch = launch("everysec", 2);
    let mut server = launch.start();
    let mut client = server.client();
    for round in 0..3 {
        (0..500).for_each(|key| drop(client.ask(&format!("SET key:{round}:{key} value"))));
        std::thread::sleep(Duration::from_millis(1200));
    }
    client.ask("SET last 1");
    server.signal("TERM");
    server.wait_for_end();
    let folder = server.folder.join("appendonlydir");
    let check = |fix: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_basalt"));
        let output = command.arg("check").args(fix).arg(&folder).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let segments = std::fs::read_dir(&folder).expect("readable").map(|entry| entry.expect("readable").path());
    for segment in segments.filter(|path| path.extension().is_some_and(|end| end == "log")) {
        let mut bytes = std::fs::read(&segment).expect("readable");
        bytes[4096 + 2000] ^= 1;
        std::fs::write(&segment, &bytes).expect("writable");
    }
    let (code, text) = check(&[]);
    assert!(code == Some(1) && text.contains("damaged"), "{text}");
    let (code, text) = check(&["--fix"]);
    assert!(code == Some(0) && text.contains("cut"), "{text}");
    let (code, text) = check(&[]);
    assert!(code == Some(0) && text.contains("everything is well"), "{text}");
    server.restart(&launch);
    let keys = server.client().ask("DBSIZE").integer();
    assert!((1..1500).contains(&keys), "{keys}");
    server.kill_and_restart(&launch);
    assert_eq!(server.client().ask("DBSIZE").integer(), keys);
}

#[test]
fn a_folder_belongs_to_one_server_and_files_need_their_manifest() {
    let launch = launch("everysec", 1);
    let mut server = launch.start();
    let folder = server.folder.clone();
    let other = launch.clone().with("dir", folder.display()).run_to_end();
    assert!(!other.status.success() && other.output.contains("in use by another server"), "{}", other.output);
    server.client().ask("SET a 1");
    server.signal("TERM");
    server.wait_for_end();
    let manifest = folder.join("appendonlydir/basalt.manifest");
    let text = std::fs::read(&manifest).expect("readable");
    std::fs::remove_file(&manifest).expect("it is there");
    let without = launch.clone().with("dir", folder.display()).run_to_end();
    assert!(!without.status.success() && without.output.contains("no basalt.manifest"), "{}", without.output);
    std::fs::write(&manifest, text).expect("writable");
    server.restart(&launch);
    assert_eq!(server.client().ask("GET a"), Value::Bulk(b"1".to_vec()));
}
