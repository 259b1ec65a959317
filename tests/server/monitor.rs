//! MONITOR: the lines that it shows, beside redis-server, and who is shown them.

use std::time::Duration;

use super::common::{Client, Launch, Server, Value, shown, words};

const REQUESTS: &[&str] = &[
    "SET a \"x\\x00\\n\\\"y\"",
    "get a",
    "GET",
    "nosuch",
    "MSET a 1 b 2 c 3 d 4",
    "MULTI",
    "SET b 1",
    "CONFIG GET port",
    "INCR c",
    "EXEC",
    "CONFIG GET port",
    "CLIENT ID",
    "CLIENT LIST",
    "HELLO 2 AUTH default foo SETNAME x",
    "SELECT 3",
    "GET a",
    "PING",
    "COMMAND COUNT",
    "DBSIZE",
    "WATCH a",
    "MULTI",
    "INCR a",
    "DISCARD",
    "MULTI",
    "nosuch",
    "EXEC",
    "SLOWLOG LEN",
    "GET last",
];

/// The lines shown while the requests run, one after the other, without times and ports.
fn lines(server: &Server) -> Vec<String> {
    let (mut monitor, mut client) = (server.client(), server.client());
    monitor.ask("MONITOR");
    for line in REQUESTS {
        // As written, for a server reads its quotes.
        client.send(format!("{line}\r\n").as_bytes());
        client.read();
    }
    let mut lines: Vec<String> = Vec::new();
    while !lines.last().is_some_and(|line| line.contains("\"last\"")) {
        lines.push(without_time(&monitor.read().string()));
    }
    lines
}

fn without_time(line: &str) -> String {
    let (time, rest) = line.split_once(" [").expect("a time, then the client");
    let (seconds, micros) = time.split_once('.').expect("a fraction");
    assert!(
        seconds.parse::<u64>().is_ok_and(|seconds| seconds > 1_700_000_000) && micros.len() == 6,
        "{line}"
    );
    let (database, rest) = rest.split_once(' ').expect("a database");
    let (_, command) = rest.split_once("] ").expect("an address");
    format!("{database} {command}")
}

#[test]
fn requests_are_shown_as_redis_shows_them() {
    let expected = lines(&Launch::redis().start());
    for shards in [1, 3] {
        assert_eq!(lines(&Launch::basalt().shards(shards).start()), expected, "{shards} shards");
    }
}

/// The lines that came until the other clients' last request.
fn read_to_end(client: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains("the-end")) {
        lines.push(client.read().string());
    }
    lines
}

#[test]
fn clients_of_all_cores_are_shown_to_clients_of_all_cores() {
    let server = Launch::basalt().shards(4).start();
    let mut monitors: Vec<Client> = (0..8).map(|_| server.client()).collect();
    monitors.iter_mut().for_each(|monitor| drop(monitor.ask("MONITOR")));
    let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let requests: Vec<u8> =
            (0..100).flat_map(|index| words(&format!("SET key:{number}:{index} v"))).collect();
        client.send(&requests);
        (0..100).for_each(|_| drop(client.read()));
    }
    // Behind everything that other cores have sent on the way.
    std::thread::sleep(Duration::from_millis(50));
    clients[0].ask("ECHO the-end");
    for monitor in &mut monitors {
        let mut shown: Vec<String> = read_to_end(monitor)
            .iter()
            .filter_map(|line| line.split('"').nth(3).map(str::to_owned))
            .collect();
        assert_eq!(shown.pop().as_deref(), Some("the-end"));
        for number in 0..8 {
            let of_client: Vec<_> =
                shown.iter().filter(|key| key.starts_with(&format!("key:{number}:"))).collect();
            let expected: Vec<String> = (0..100).map(|index| format!("key:{number}:{index}")).collect();
            assert_eq!(of_client.len(), expected.len());
            assert!(of_client.iter().zip(&expected).all(|(shown, sent)| *shown == sent), "in the order sent");
        }
    }
}

#[test]
fn nobody_is_shown_anything_after_reset_or_the_end() {
    let server = Launch::basalt().shards(2).start();
    let (mut monitor, mut gone, mut client) = (server.client(), server.client(), server.client());
    gone.ask("MONITOR");
    monitor.ask("MONITOR");
    assert!(client.ask("CLIENT LIST").string().contains("flags=O "));
    drop(gone);
    monitor.send(&words("RESET"));
    loop {
        // Its own request is shown to it before it is answered, or not at all.
        if shown(monitor.read().text().unwrap_or_default()) == "RESET" {
            break;
        }
    }
    client.ask("SET k v");
    assert_eq!(monitor.ask("ECHO quiet").string(), "quiet");
    assert!(!client.ask("CLIENT LIST").string().contains("flags=O "));
}

/// What a client that is shown requests sends, and what becomes of it.
const FROM_A_MONITOR: &[&str] = &[
    "GET a",
    "SET a 1",
    "MGET a b c d",
    "DBSIZE",
    "KEYS *",
    "FLUSHALL",
    "TYPE a",
    "EXISTS",
    "RANDOMKEY",
    "SCAN 0",
    "OBJECT ENCODING a",
    "MEMORY USAGE a",
    "nosuch",
    "GET",
    "PING",
    "ECHO x",
    "SELECT 1",
    "WATCH a",
    "UNWATCH",
    "TIME x",
    "MULTI",
    "PING",
    "EXEC",
    "MULTI",
    "GET a",
    "SET a 2",
    "PING",
    "EXEC",
    "MULTI",
    "INCR a",
    "DISCARD",
    "RESET",
    "GET a",
    "SET a 1",
    "INFO commandstats",
];

/// The replies, without what is shown between them, and how often which command was refused.
fn replies_to_a_monitor(server: &Server, hello: &str) -> Vec<String> {
    let mut monitor = server.client();
    monitor.ask(hello);
    monitor.ask("MONITOR");
    let mut replies = Vec::new();
    for line in FROM_A_MONITOR {
        monitor.send(&words(line));
        let reply = loop {
            match monitor.read() {
                // A line of its own or of others begins with a time.
                Value::Simple(text) if text.first().is_some_and(u8::is_ascii_digit) => {}
                reply => break reply,
            }
        };
        match reply.text() {
            Some(text) if line.starts_with("INFO") => replies.extend(refused(&String::from_utf8_lossy(text))),
            _ => replies.push(format!("{line}: {reply:?}")),
        }
    }
    replies
}

fn refused(info: &str) -> Vec<String> {
    let count = |line: &str| {
        let (name, fields) = line.split_once(":calls=")?;
        let rejected = fields.split(',').find(|field| field.starts_with("rejected_calls="))?;
        (rejected != "rejected_calls=0").then(|| format!("{name} {rejected}"))
    };
    let mut counts: Vec<_> = info.lines().filter_map(count).collect();
    counts.sort();
    counts
}

#[test]
fn who_is_shown_requests_may_touch_no_key_as_in_redis() {
    for hello in ["HELLO 2", "HELLO 3"] {
        let expected = replies_to_a_monitor(&Launch::redis().start(), hello);
        for shards in [1, 3] {
            let found = replies_to_a_monitor(&Launch::basalt().shards(shards).start(), hello);
            assert_eq!(found, expected, "{shards} shards, {hello}");
        }
    }
}

/// Somebody who does not read what he is shown is cut off, and nobody else notices.
#[test]
fn a_slow_reader_is_cut_off() {
    let mut server = Launch::basalt().shards(2).with("client-output-buffer-limit", "pubsub 1mb 0 0").start();
    let (mut monitor, mut client) = (server.client(), server.client());
    monitor.ask("MONITOR");
    let value = vec![b'x'; 10_000];
    let shows_monitor = |server: &Server| server.client().ask("CLIENT LIST").string().contains("flags=O ");
    for _ in 0..100 {
        for _ in 0..100 {
            client.command(&[&b"SET"[..], b"k", &value]);
        }
        if !shows_monitor(&server) {
            break;
        }
    }
    assert!(!shows_monitor(&server), "the bound is far below what was shown");
    assert!(server.is_running());
}
