//! CLIENT REPLY: requests whose replies nobody wants.

use super::common::{Launch, Value, words};
use super::wire::{Case, case, compare};

/// Requests in one write, and the name of the case.
fn lines(lines: &[&'static str]) -> Case {
    case("requests", lines.iter().flat_map(|line| words(line)).collect::<Vec<_>>())
}

#[test]
fn replies_are_given_or_dropped_as_redis_does() {
    compare(&[
        lines(&["CLIENT REPLY", "CLIENT REPLY foo", "CLIENT REPLY ON", "PING"]),
        lines(&["CLIENT REPLY OFF", "PING", "FOO", "GET", "CLIENT REPLY SKIP", "CLIENT REPLY foo"]),
        lines(&["PING", "CLIENT REPLY OFF", "PING", "CLIENT REPLY ON", "PING", "CLIENT REPLY OFF", "PING"]),
        lines(&["CLIENT REPLY SKIP", "PING", "ECHO a"]),
        lines(&["CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "ECHO a", "ECHO b"]),
        lines(&["CLIENT REPLY SKIP", "CLIENT REPLY ON", "ECHO b"]),
        lines(&["CLIENT REPLY SKIP", "FOO", "ECHO b", "CLIENT REPLY SKIP", "CLIENT REPLY foo", "ECHO c"]),
        lines(&["CLIENT REPLY OFF", "RESET", "PING"]),
        lines(&["CLIENT REPLY SKIP", "RESET", "PING"]),
        lines(&[
            "CLIENT REPLY SKIP",
            "SET a 1",
            "GET a",
            "CLIENT REPLY SKIP",
            "MSET a 1 b 2 c 3",
            "MGET a b c",
        ]),
        lines(&["CLIENT REPLY SKIP", "DBSIZE", "PING", "CLIENT REPLY SKIP", "CLIENT LIST", "PING"]),
        case("an empty request", [words("CLIENT REPLY SKIP"), b"*0\r\n".to_vec(), words("ECHO a")].concat()),
        case("an empty line", [words("CLIENT REPLY SKIP"), b"\r\n".to_vec(), words("ECHO a")].concat()),
        case(
            "one that is used up",
            [words("CLIENT REPLY SKIP"), words("PING"), b"\r\n".to_vec(), words("ECHO a")].concat(),
        ),
    ]);
}

#[test]
fn transactions_are_silenced_as_redis_does() {
    compare(&[
        lines(&["CLIENT REPLY OFF", "MULTI", "PING", "CLIENT REPLY ON", "PING", "EXEC", "PING"]),
        lines(&["CLIENT REPLY SKIP", "MULTI", "PING", "EXEC"]),
        lines(&["MULTI", "CLIENT REPLY OFF", "PING", "EXEC", "PING", "CLIENT REPLY ON", "PING"]),
        lines(&["MULTI", "CLIENT REPLY SKIP", "PING", "EXEC", "PING", "ECHO a"]),
        lines(&["MULTI", "PING", "CLIENT REPLY OFF", "PING", "CLIENT REPLY ON", "PING", "EXEC", "PING"]),
        lines(&["MULTI", "CLIENT REPLY SKIP", "EXEC", "PING", "ECHO a"]),
        // Keys of both shards.
        lines(&[
            "MULTI",
            "SET a 1",
            "SET b 2",
            "CLIENT REPLY OFF",
            "GET a",
            "GET b",
            "CLIENT REPLY ON",
            "GET a",
            "EXEC",
            "PING",
        ]),
        lines(&["MULTI", "SET a 1", "SET b 2", "SET c 3", "CLIENT REPLY SKIP", "EXEC", "GET a", "GET b"]),
        lines(&[
            "CLIENT REPLY OFF",
            "MULTI",
            "SET a 1",
            "SET b 2",
            "MSET c 1 d 2 e 3",
            "EXEC",
            "CLIENT REPLY ON",
            "MGET a b c d e",
        ]),
    ]);
}

#[test]
fn replies_of_all_cores_are_dropped_and_the_others_keep_their_order() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let mut sent = Vec::new();
    let mut expected = Vec::new();
    for index in 0..5000 {
        match index % 5 {
            0 => sent.extend(words("CLIENT REPLY SKIP")),
            1 => sent.extend(words("CLIENT REPLY OFF")),
            _ => {}
        }
        let dropped = index % 5 < 2;
        sent.extend(words(&format!("SET key:{index} {index}")));
        if index % 5 == 1 {
            sent.extend(words(&format!("MSET many:{index} 1 more:{index} 2 other:{index} 3")));
            sent.extend(words("CLIENT REPLY ON"));
            expected.push(Value::Simple(b"OK".to_vec()));
        }
        if !dropped {
            expected.push(Value::Simple(b"OK".to_vec()));
        }
        sent.extend(words(&format!("GET key:{index}")));
        expected.push(Value::Bulk(index.to_string().into_bytes()));
    }
    client.send(&sent);
    for (index, value) in expected.iter().enumerate() {
        assert_eq!(client.read(), *value, "reply {index}");
    }
}

#[test]
fn a_silent_client_may_send_for_ever_and_leave() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    client.send(&words("CLIENT REPLY OFF"));
    for round in 0..20 {
        client.send(&(0..500).flat_map(|key| words(&format!("SET key:{key} {round}"))).collect::<Vec<_>>());
    }
    client.send(&words("QUIT"));
    assert!(client.is_closed_within(std::time::Duration::from_secs(10)));
    assert_eq!(server.client().ask("GET key:499"), Value::Bulk(b"19".to_vec()));
}
