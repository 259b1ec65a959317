//! While what an earlier run has left is being read, clients are told so: a pipe in place of the snapshot lets the tests say
//! how far that is.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use super::common::server::{free_port, temporary_folder};
use super::common::{Client, Launch, Server, Value};
use super::importing::{basalt, snapshot};

const LOADING: &str = "LOADING Redis is loading the dataset in memory";

/// A server that reads a snapshot from a pipe.
struct Reading {
    server: Server,
    port: u16,
    pipe: Option<File>,
    folder: PathBuf,
    launch: Launch,
}

impl Reading {
    fn begin(launch: &Launch) -> Self {
        let (folder, port) = (temporary_folder(), free_port());
        let path = folder.join("dump.rdb");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
        // Opened for reading as well it does not wait for the server.
        let pipe = OpenOptions::new().read(true).write(true).open(&path).expect("a pipe");
        let launch = launch.clone().with("dir", folder.display());
        let server = launch.clone().with("port", port).start_when(temporary_folder(), || {
            Client::tcp("127.0.0.1", port).is_ok_and(|mut it| is_loading(&mut it))
        });
        Reading { server, port, pipe: Some(pipe), folder, launch }
    }

    fn client(&self) -> Client {
        Client::tcp("127.0.0.1", self.port).expect("the server accepts")
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.pipe.as_mut().expect("it is open").write_all(bytes).expect("the pipe takes it");
    }

    fn is_ready(&mut self) -> bool {
        let port = self.port;
        self.server.wait_until(|| {
            Client::tcp("127.0.0.1", port).is_ok_and(|mut client| client.ask("PING").string() == "PONG")
        })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).expect("the folder is ours");
    }
}

fn is_loading(client: &mut Client) -> bool {
    client.try_send(b"PING\r\n").is_ok() && client.try_read().is_ok_and(|reply| reply.is_error())
}

/// Without the two bytes and the checksum at the end.
fn half(file: &[u8]) -> (&[u8], &[u8]) {
    file.split_at(file.len() - 9)
}

const KEYS: &[u8] = b"\xfa\x08used-mem\x0512345\xfe\x00\x00\x01a\x01v\x00\x01b\x01w\xfe\x03\x00\x01c\x01x";

#[test]
fn clients_are_told_and_served_when_all_is_read() {
    let file = snapshot(10, KEYS);
    let (front, rest) = half(&file);
    let mut reading = Reading::begin(&basalt("no"));
    let mut early = reading.client();
    assert_eq!(early.ask("GET a").string(), LOADING);
    assert_eq!(early.ask("SELECT 3").string(), "OK");
    assert_eq!(early.ask("WATCH c").string(), "OK");
    let mut queueing = reading.client();
    for (line, expected) in [("MULTI", "OK"), ("TIME", "QUEUED"), ("GET a", LOADING)] {
        assert_eq!(queueing.ask(line).string(), expected);
    }
    reading.feed(front);
    let info = |client: &mut Client| client.ask("INFO persistence").string();
    let port = reading.port;
    let says =
        |text: String| move || info(&mut Client::tcp("127.0.0.1", port).expect("accepts")).contains(&text);
    assert!(reading.server.wait_until(says(format!("loading_loaded_bytes:{}\r\n", front.len()))));
    let text = info(&mut early);
    for line in [
        "loading:1",
        "async_loading:0",
        "loading_total_bytes:0",
        "loading_rdb_used_mem:12345",
        "loading_eta_seconds:",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    let errors = early.ask("INFO errorstats").string();
    assert!(errors.contains("errorstat_LOADING:count="), "{errors}");
    reading.feed(rest);
    assert!(reading.is_ready());
    // What they had begun goes on.
    assert_eq!(early.ask("GET c").string(), "x");
    for (line, expected) in [("MULTI", "OK"), ("GET c", "QUEUED")] {
        assert_eq!(early.ask(line).string(), expected);
    }
    assert_eq!(early.ask("EXEC"), Value::Array(vec![Value::Bulk(b"x".to_vec())]));
    assert!(queueing.ask("EXEC").string().starts_with("EXECABORT"));
    assert_eq!(
        queueing.ask("MGET a b"),
        Value::Array(vec![Value::Bulk(b"v".to_vec()), Value::Bulk(b"w".to_vec())])
    );
    let text = info(&mut early);
    for line in ["loading:0", "rdb_last_load_keys_loaded:3", "rdb_last_load_keys_expired:0"] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("loading_"), "{text}");
    let log = reading.server.log();
    assert!(log.contains("DB loaded from disk") && log.contains("Ready to accept connections"), "{log}");
}

#[test]
fn what_becomes_the_log_while_clients_wait_is_there_after_a_kill() {
    let file = snapshot(10, KEYS);
    let mut reading = Reading::begin(&basalt("yes"));
    let mut early = reading.client();
    assert_eq!(early.ask("SET x 1").string(), LOADING);
    reading.feed(&file);
    assert!(reading.is_ready());
    for index in 0..100 {
        early.ask(&format!("SET key:{index} {index}"));
    }
    early.ask("MSET {1}a 1 {2}b 2 {3}c 3");
    let digest = early.ask("DEBUG DIGEST");
    reading.server.signal("KILL");
    reading.server.wait_for_end();
    let again = reading.launch.clone().start();
    assert_eq!(again.client().ask("DEBUG DIGEST"), digest);
    assert_eq!(again.client().ask("GET a").string(), "v");
}

/// Counts a key of its own up, as soon as it may, and keys on all shards together; gives what was acknowledged.
fn count_up(port: u16, writer: usize, stop: &AtomicBool) -> i64 {
    let mut client = Client::tcp("127.0.0.1", port).expect("the server accepts");
    let mut acknowledged = 0;
    while !stop.load(Ordering::Relaxed) {
        let next = acknowledged + 1;
        let keys = ["{a}", "{b}", "{c}"].map(|tag| format!("{tag}:{writer} {next}")).join(" ");
        if client.try_send(format!("INCR count:{writer}\r\nMSET {keys}\r\n").as_bytes()).is_err() {
            break;
        }
        let (Ok(counted), Ok(stored)) = (client.try_read(), client.try_read()) else { break };
        if counted.is_error() {
            assert_eq!(counted.string(), LOADING);
            assert!(acknowledged == 0, "it was served before");
            // The data may have come in between.
            assert!(!stored.is_error() || stored.string() == LOADING, "{stored:?}");
            continue;
        }
        assert_eq!((counted, stored), (Value::Integer(next), Value::Simple(b"OK".to_vec())));
        acknowledged = next;
    }
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_of_what_clients_write_as_soon_as_they_may() {
    const WRITERS: usize = 6;
    const ENOUGH: i64 = 200;
    for _ in 0..3 {
        let mut reading = Reading::begin(&basalt("yes"));
        let (port, stop) = (reading.port, AtomicBool::new(false));
        let acknowledged: Vec<i64> = std::thread::scope(|scope| {
            let begin = |writer| {
                let stop = &stop;
                scope.spawn(move || count_up(port, writer, stop))
            };
            let writers: Vec<_> = (0..WRITERS).map(begin).collect();
            reading.feed(&snapshot(10, KEYS));
            let is_enough = || {
                let mut client = Client::tcp("127.0.0.1", port).expect("the server accepts");
                (0..WRITERS).all(|writer| {
                    let count = client.ask(&format!("GET count:{writer}"));
                    count.text().is_some() && count.string().parse().is_ok_and(|count: i64| count > ENOUGH)
                })
            };
            assert!(reading.server.wait_until(is_enough), "{}", reading.server.log());
            reading.server.signal("KILL");
            reading.server.wait_for_end();
            stop.store(true, Ordering::Relaxed);
            writers.into_iter().map(|writer| writer.join().expect("no panic")).collect()
        });
        let again = reading.launch.clone().start();
        let mut client = again.client();
        for (writer, acknowledged) in acknowledged.into_iter().enumerate() {
            let number = |reply: Value| reply.string().parse::<i64>().expect("a number");
            let count = number(client.ask(&format!("GET count:{writer}")));
            assert!(count - acknowledged <= 1 && count >= acknowledged, "{count}, {acknowledged}");
            let together =
                ["{a}", "{b}", "{c}"].map(|tag| number(client.ask(&format!("GET {tag}:{writer}"))));
            assert!(together.iter().all(|one| *one == together[0]), "{together:?}");
            assert!((acknowledged..=acknowledged + 1).contains(&together[0]), "{together:?}, {acknowledged}");
        }
        assert_eq!(client.ask("GET a").string(), "v");
    }
}

fn manifest_of(folder: &Path) -> PathBuf {
    folder.join("appendonlydir/basalt.manifest")
}

#[test]
fn a_server_that_ends_while_it_reads_changes_nothing() {
    for appendonly in ["no", "yes"] {
        for way in ["TERM", "INT", "KILL", "SHUTDOWN", "SHUTDOWN SAVE"] {
            let mut reading = Reading::begin(&basalt(appendonly));
            reading.feed(&snapshot(10, KEYS)[..30]);
            match way {
                "TERM" | "INT" | "KILL" => reading.server.signal(way),
                command => reading.client().send(format!("{command}\r\n").as_bytes()),
            }
            let status = reading.server.wait_for_end();
            let expected = if way == "KILL" { None } else { Some(0) };
            assert_eq!(status.code(), expected, "{way}: {}", reading.server.log());
            assert!(!manifest_of(&reading.folder).exists());
            // A file in place of the pipe is read by the next one.
            let path = reading.folder.join("dump.rdb");
            fs::remove_file(&path).expect("the pipe is there");
            fs::write(&path, snapshot(10, KEYS)).expect("the folder is ours");
            let again = reading.launch.clone().start();
            assert_eq!(again.client().ask("MGET a b").items().len(), 2);
            assert_eq!(again.client().ask("GET a").string(), "v");
        }
    }
}

#[test]
fn a_server_whose_data_cannot_be_read_ends() {
    for appendonly in ["no", "yes"] {
        let mut reading = Reading::begin(&basalt(appendonly));
        let mut early = reading.client();
        assert_eq!(early.ask("GET a").string(), LOADING);
        reading.feed(b"REDIS0010\xfe\x00\xc8");
        let status = reading.server.wait_for_end();
        let log = reading.server.log();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("dump.rdb is damaged at byte 11: 200 is neither"), "{log}");
        assert!(!log.contains("User requested shutdown") && !log.contains("Ready to accept"), "{log}");
        assert!(!manifest_of(&reading.folder).exists());
    }
}

#[test]
fn what_would_be_lost_is_refused_while_data_is_read() {
    let reading = Reading::begin(&basalt("no"));
    let mut client = reading.client();
    for line in ["DEBUG POPULATE 10", "DEBUG MOVE-SLOT 0 1", "FLUSHALL", "RESTORE a 0 x", "SWAPDB 0 1"] {
        assert_eq!(client.ask(line).string(), LOADING, "{line}");
    }
    // A password goes first, as in Redis.
    client.ask("CONFIG SET requirepass secret");
    let mut stranger = reading.client();
    assert!(stranger.ask("GET a").string().starts_with("NOAUTH"));
    assert_eq!(stranger.ask("AUTH secret").string(), "OK");
    assert_eq!(stranger.ask("GET a").string(), LOADING);
}

/// Requests of which the replies are compared: whole errors, and of others that they are none.
const REQUESTS: &[&str] = &[
    "PING",
    "GET a",
    "GET",
    "SET a 1",
    "NOSUCH",
    "SELECT 1",
    "SELECT 99",
    "DBSIZE",
    "EXEC",
    "DISCARD",
    "WATCH a",
    "UNWATCH",
    "CONFIG GET port",
    "CONFIG RESETSTAT",
    "CLIENT LIST",
    "CLIENT ID",
    "CLIENT GETNAME",
    "CLIENT SETNAME x",
    "CLIENT NO-EVICT ON",
    "CLIENT KILL ID 77",
    "CLIENT UNPAUSE",
    "ECHO x",
    "TIME",
    "COMMAND COUNT",
    "COMMAND INFO get",
    "AUTH x",
    "KEYS *",
    "ROLE",
    "LASTSAVE",
    "SLOWLOG LEN",
    "LATENCY LATEST",
    "MEMORY STATS",
    "MEMORY DOCTOR",
    "MEMORY USAGE a",
    "OBJECT ENCODING a",
    "OBJECT HELP",
    "LOLWUT",
    "WAIT 0 0",
    "RESET",
    "ACL WHOAMI",
    "SWAPDB 0 1",
    "FLUSHALL",
    "READONLY",
    "READWRITE",
    "ASKING",
    "REPLICAOF NO ONE",
    "DEBUG SLEEP 0",
    "DEBUG HELP",
    "SHUTDOWN ABORT",
    "RANDOMKEY",
    "SCAN 0",
    "EXISTS a",
    "RESTORE a 0 x",
    "HELLO 3",
    "MGET a b",
    "BITOP NOT a b",
    "MULTI",
    "TIME",
    "GET a",
    "EXEC",
    "MULTI",
    "SET a",
    "EXEC",
    "MULTI",
    "TIME",
    "EXEC",
    "PING",
];

fn answers(client: &mut Client) -> Vec<String> {
    let answer = |line: &&str| match client.ask(line) {
        reply if reply.is_error() => format!("{line}: {}", reply.string()),
        Value::Array(items) if *line == "EXEC" => format!("{line}: {} replies", items.len()),
        _ => format!("{line}: no error"),
    };
    REQUESTS.iter().map(answer).collect()
}

#[test]
fn requests_are_answered_while_data_is_read_as_redis_does() {
    let folder = temporary_folder();
    let keys: Vec<u8> = (0..50_000)
        .flat_map(|number: i32| {
            let mut key = b"\x00\x05".to_vec();
            key.extend(format!("{number:05}").bytes());
            key.extend(b"\x01v");
            key
        })
        .collect();
    fs::write(folder.join("dump.rdb"), snapshot(10, &keys)).expect("the folder is ours");
    let port = free_port();
    // It waits 1 ms for each key, and looks at its clients after each KiB.
    let redis = Launch::redis()
        .with("dir", folder.display())
        .with("port", port)
        .with("key-load-delay", 1000)
        .with("loading-process-events-interval-bytes", 1024)
        .with("enable-debug-command", "yes")
        .start_when(temporary_folder(), || {
            Client::tcp("127.0.0.1", port).is_ok_and(|mut it| is_loading(&mut it))
        });
    let there = answers(&mut Client::tcp("127.0.0.1", port).expect("it accepts"));
    drop(redis);
    fs::remove_dir_all(folder).expect("the folder is ours");
    let reading = Reading::begin(&basalt("no"));
    let here = answers(&mut reading.client());
    let unlike: Vec<_> = here.iter().zip(&there).filter(|(here, there)| here != there).collect();
    assert!(unlike.is_empty(), "{unlike:#?}");
    assert!(here.iter().filter(|answer| answer.ends_with(LOADING)).count() > 15, "{here:#?}");
}
