//! The configuration file, CONFIG GET, SET and REWRITE on the running server.

use std::fs;
use std::time::Duration;

use super::common::server::{free_port, temporary_folder};
use super::common::{Client, Launch, Server, Value};

fn started_with(text: &str) -> (Server, std::path::PathBuf, u16) {
    let folder = temporary_folder();
    let path = folder.join("basalt.conf");
    let port = free_port();
    fs::write(&path, format!("port {port}\n{text}")).expect("written");
    let server = Launch::basalt()
        .file(&path)
        .start_when(folder, || Client::tcp("127.0.0.1", port).is_ok_and(|mut client| pongs(&mut client)));
    (server, path, port)
}

fn pongs(client: &mut Client) -> bool {
    client.try_send(b"PING\r\n").is_ok() && client.try_read().is_ok()
}

fn config_value(client: &mut Client, name: &str) -> String {
    let items = client.command(&["CONFIG", "GET", name]).items();
    assert_eq!(items.len(), 2, "{name}: {items:?}");
    items[1].string()
}

#[test]
fn a_file_is_read_and_flags_come_after_it() {
    let (_server, _path, port) = started_with("shards 2\n\n# a comment\nmaxclients 77\ntimeout 30\n");
    let mut client = Client::tcp("127.0.0.1", port).expect("accepts");
    assert_eq!(config_value(&mut client, "maxclients"), "77");
    assert_eq!(config_value(&mut client, "TimeOut"), "30");
    assert_eq!(config_value(&mut client, "port"), port.to_string());
    let (given, flagged) =
        (Launch::basalt().with("timeout", 5), Launch::basalt().with("timeout", 5).with("timeout", 9));
    assert_eq!(config_value(&mut given.start().client(), "timeout"), "5");
    assert_eq!(config_value(&mut flagged.start().client(), "timeout"), "9", "the last one wins");
}

#[test]
fn several_settings_change_together_or_not_at_all() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    assert_eq!(client.ask("CONFIG SET timeout 11 maxclients 500"), Value::Simple(b"OK".to_vec()));
    assert_eq!(config_value(&mut client, "timeout"), "11");
    assert!(client.ask("CONFIG SET timeout 12 maxclients x").is_error());
    assert!(client.ask("CONFIG SET timeout 12 nosuch 1").is_error());
    assert!(client.ask("CONFIG SET timeout 12 databases 4").is_error());
    assert_eq!(config_value(&mut client, "timeout"), "11");
}

#[test]
fn changes_reach_clients_on_every_core() {
    let server = Launch::basalt().shards(2).start();
    let mut clients: Vec<_> = (0..8).map(|_| server.client()).collect();
    assert_eq!(clients[0].ask("CONFIG SET proto-max-bulk-len 1048576"), Value::Simple(b"OK".to_vec()));
    // Each core takes the change with its next turn.
    std::thread::sleep(Duration::from_millis(50));
    for client in &mut clients {
        assert_eq!(config_value(client, "proto-max-bulk-len"), "1048576");
        client.send(b"*2\r\n$4\r\nECHO\r\n$1048577\r\n");
        let heard = client.listen(Duration::from_secs(5));
        assert_eq!(heard.bytes, b"-ERR Protocol error: invalid bulk length\r\n");
        assert!(heard.closed);
    }
}

#[test]
fn a_rewritten_file_starts_a_server_with_the_same_settings() {
    let (mut server, path, port) = started_with("shards 2\n# kept\ntimeout 30\n");
    let mut client = Client::tcp("127.0.0.1", port).expect("accepts");
    assert_eq!(client.ask("CONFIG SET timeout 31 maxclients 600"), Value::Simple(b"OK".to_vec()));
    assert_eq!(client.ask("CONFIG REWRITE"), Value::Simple(b"OK".to_vec()));
    let text = fs::read_to_string(&path).expect("still there");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..4], [&format!("port {port}")[..], "shards 2", "# kept", "timeout 31"], "{text}");
    assert!(lines.contains(&"maxclients 600"), "{text}");
    assert_eq!(client.ask("CONFIG REWRITE"), Value::Simple(b"OK".to_vec()), "twice");
    assert_eq!(fs::read_to_string(&path).expect("still there"), text, "the second time changes nothing");
    server.signal("TERM");
    server.wait_for_end();
    let copied = temporary_folder().join("copy.conf");
    fs::write(&copied, text).expect("written");
    let again = Launch::basalt().file(&copied).start_when(copied.parent().expect("a folder").into(), || {
        Client::tcp("127.0.0.1", port).is_ok_and(|mut client| pongs(&mut client))
    });
    let mut client = Client::tcp("127.0.0.1", port).expect("accepts");
    assert_eq!(config_value(&mut client, "timeout"), "31");
    assert_eq!(config_value(&mut client, "maxclients"), "600");
    drop(again);
}

#[test]
fn settings_that_would_be_missed_are_refused_while_running() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    for line in ["tls-port 6380", "maxmemory 100mb"] {
        let reply = client.ask(&format!("CONFIG SET {line}"));
        assert!(reply.is_error() && reply.string().starts_with("ERR CONFIG SET failed"), "{line}: {reply:?}");
    }
}

#[test]
fn resetstat_starts_the_counters_again() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    for _ in 0..50 {
        client.ask("PING");
    }
    let processed = |client: &mut Client| -> u64 {
        let text = client.ask("INFO stats").string();
        let line = text.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        line.expect("INFO counts commands").trim().parse().expect("a number")
    };
    assert!(processed(&mut client) >= 50);
    assert_eq!(client.ask("CONFIG RESETSTAT"), Value::Simple(b"OK".to_vec()));
    assert!(processed(&mut client) < 10);
}

#[test]
fn the_log_can_be_json() {
    let server = Launch::basalt().with("log-format", "json").start();
    let is_ready = |log: &String| log.contains("Ready to accept connections");
    let log = (0..500)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            server.log()
        })
        .find(is_ready)
        .expect("readiness is logged");
    for line in log.lines() {
        assert!(line.starts_with("{\"timestamp\":") && line.ends_with('}'), "{line}");
    }
}

/// Whether the kernel runs a keep-alive timer for the server's end of its only connection (`proc(5)`, /proc/net/tcp).
fn is_kept_alive(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
    let local = format!(":{port:04X}");
    let established = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut ends = established.filter(|fields| fields[1].ends_with(&local) && fields[3] == "01");
    let end = ends.next().expect("the connection is listed");
    end[5].starts_with("02:")
}

#[test]
fn silent_peers_are_probed_as_tcp_keepalive_says() {
    for (seconds, expected) in [(0, false), (300, true)] {
        let server = Launch::basalt().shards(1).with("tcp-keepalive", seconds).start();
        let mut client = server.client();
        assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()));
        // The timer of the last reply's acknowledgement comes first.
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(is_kept_alive(server.port), expected, "tcp-keepalive {seconds}");
    }
}
