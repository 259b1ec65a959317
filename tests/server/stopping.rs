//! Stopping: signals, SHUTDOWN, and what is left behind.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::common::server::temporary_folder;
use super::common::{Client, Launch, Server, Value, words};

/// The server must be gone soon, with this code.
fn check_ends(mut server: Server, code: i32) {
    let started = Instant::now();
    let status = server.wait_for_end();
    assert_eq!(status.code(), Some(code), "{}", server.log());
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(server.log().contains("ready to exit, bye bye..."), "{}", server.log());
}

#[test]
fn sigterm_ends_the_server_with_code_0() {
    let server = Launch::basalt().shards(2).start();
    let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
    clients[0].ask("SET a 1");
    server.signal("TERM");
    for client in &mut clients {
        assert!(client.is_closed_within(Duration::from_secs(5)));
    }
    check_ends(server, 0);
}

#[test]
fn sigint_ends_the_server_with_code_0() {
    let server = Launch::basalt().shards(2).start();
    server.client().ask("PING");
    server.signal("INT");
    check_ends(server, 0);
}

#[test]
fn a_hangup_does_not_end_the_server() {
    let mut server = Launch::basalt().shards(2).start();
    server.signal("HUP");
    server.signal("PIPE");
    std::thread::sleep(Duration::from_millis(200));
    assert!(server.is_running());
    assert_eq!(server.client().ask("PING"), Value::Simple(b"PONG".to_vec()));
}

#[test]
fn shutdown_ends_the_server_without_a_reply() {
    for line in ["SHUTDOWN", "SHUTDOWN NOSAVE", "shutdown nosave now", "SHUTDOWN NOW FORCE"] {
        let server = Launch::basalt().shards(2).start();
        let mut client = server.client();
        client.send(&words(line));
        let end = client.try_read().expect_err("no reply");
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof, "{line}");
        check_ends(server, 0);
    }
}

#[test]
fn shutdown_is_answered_as_redis_does() {
    // What does not end the server; `SHUTDOWN SAVE` differs on purpose and stands in docs/differences.md.
    for line in ["SHUTDOWN ABORT", "SHUTDOWN nosuch", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN NOSAVE ABORT"] {
        let replies = [Launch::basalt(), Launch::redis()].map(|launch| launch.start().client().ask(line));
        assert_eq!(replies[0], replies[1], "{line}");
    }
}

#[test]
fn a_server_starts_again_at_once_on_the_same_port() {
    let mut server = Launch::basalt().shards(2).start();
    let port = server.port;
    for round in 0..5 {
        let mut client = Client::tcp("127.0.0.1", port).expect("the server accepts");
        assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()), "round {round}");
        server.signal("TERM");
        server.wait_for_end();
        server = Launch::basalt()
            .shards(2)
            .with("port", port)
            .start_when(temporary_folder(), || Client::tcp("127.0.0.1", port).is_ok());
    }
}
