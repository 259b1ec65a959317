//! MONITOR: the lines that it shows, beside redis-server, and who is shown them.

use std::time::Duration;

use super::common::{Client, Launch, Server, shown, words};

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
