//! Passwords: who is let in, what is refused until then, and what a stranger may announce.

use super::common::{Launch, Value, request, words};
use super::wire::{Case, case, compare, compare_with};

const PASSWORD: &[(&str, &str)] = &[("requirepass", "sesame")];

/// Requests in one write; the name is the first of them.
fn lines(lines: &[&'static str]) -> Case {
    case(lines[0], lines.iter().flat_map(|line| words(line)).collect::<Vec<_>>())
}

#[test]
fn a_stranger_is_refused_as_redis_does() {
    compare_with(
        PASSWORD,
        &[
            lines(&[
                "GET a",
                "SET a b",
                "PING",
                "ECHO a",
                "SELECT 1",
                "CLIENT ID",
                "COMMAND COUNT",
                "DBSIZE",
            ]),
            lines(&["FOO a", "GET", "CLIENT", "CLIENT FOO", "PING a b c", "RESET now", "AUTH", "PING"]),
            lines(&["MULTI", "GET a", "EXEC", "DISCARD", "WATCH a", "EXEC now"]),
            lines(&["MGET a b c d", "DEL a b c", "FLUSHALL", "KEYS *", "SCAN 0", "CONFIG GET *"]),
            lines(&["RESET", "PING", "QUIT", "PING"]),
            case("inline words", "PING\r\nAUTH sesame\r\nPING\r\n"),
            case("many inline words", "a b c d e f g h i j k l m n\r\n"),
            case("POST", "PING\r\nPOST / HTTP/1.1\r\n").in_one_piece(),
            case("POST alone", "POST / HTTP/1.1\r\n"),
        ],
    );
}

#[test]
fn passwords_are_taken_or_refused_as_redis_does() {
    compare_with(
        PASSWORD,
        &[
            lines(&[
                "AUTH sesame",
                "PING",
                "AUTH wrong",
                "PING",
                "AUTH default sesame",
                "AUTH nobody sesame",
                "PING",
            ]),
            lines(&["AUTH wrong", "PING", "AUTH default wrong", "AUTH default sesame", "PING"]),
            lines(&["AUTH a b c", "AUTH", "auth SESAME", "AUTH Default sesame", "PING"]),
            lines(&["AUTH sesame", "MULTI", "AUTH sesame", "AUTH wrong", "PING", "EXEC", "PING"]),
            lines(&["AUTH sesame", "RESET", "PING", "AUTH sesame", "PING"]),
            case("an empty password", [request(&["AUTH", ""]), words("PING")].concat()),
            case("a zero byte behind it", [request(&["AUTH", "sesame\0"]), words("PING")].concat()),
            case("a long one", [request(&["AUTH", &"x".repeat(3000)]), words("PING")].concat()),
            case(
                "the login and much behind it",
                [words("AUTH sesame"), words("MGET a b c d e f g h i j k l")].concat(),
            ),
        ],
    );
    compare(&[lines(&[
        "AUTH sesame",
        "PING",
        "AUTH default anything",
        "AUTH nobody x",
        "AUTH a b c",
        "PING",
    ])]);
}

#[test]
fn hello_logs_in_as_redis_does() {
    let refused = [
        lines(&["HELLO", "HELLO 2", "HELLO 3", "HELLO 4", "HELLO x", "GET a"]),
        lines(&["HELLO 3 AUTH default wrong", "HELLO 3 AUTH nobody sesame", "HELLO 3 AUTH default", "GET a"]),
        lines(&["HELLO 3 SETNAME bob", "AUTH sesame", "CLIENT GETNAME", "GET a"]),
        lines(&["HELLO 3 SETNAME bob AUTH default wrong", "AUTH sesame", "CLIENT GETNAME"]),
        lines(&["HELLO 3 AUTH default sesame nosuch", "GET a", "CLIENT GETNAME"]),
        lines(&["AUTH sesame", "HELLO 3 AUTH default wrong", "GET a", "HELLO 5 AUTH default wrong", "GET a"]),
    ];
    compare_with(PASSWORD, &refused);
    let server = Launch::basalt().shards(2).with("requirepass", "sesame").start();
    let mut client = server.client();
    let greeting = client.ask("HELLO 3 AUTH default sesame SETNAME bob");
    assert!(matches!(greeting, Value::Map(_)), "{greeting:?}");
    assert_eq!(client.ask("GET a"), Value::Null);
    assert_eq!(client.ask("CLIENT GETNAME").string(), "bob");
    assert_eq!(client.ask("RESET"), Value::Simple(b"RESET".to_vec()));
    assert!(client.ask("HELLO").string().starts_with("NOAUTH HELLO must be called"));
}

#[test]
fn a_stranger_may_announce_little_as_redis_does() {
    let bulk = |bytes: usize| format!("*2\r\n$4\r\nAUTH\r\n${bytes}\r\n");
    compare_with(
        PASSWORD,
        &[
            case("ten arguments", "*10\r\n$4\r\nAUTH\r\n"),
            case("eleven arguments", "*11\r\n$4\r\nAUTH\r\n"),
            case("too many arguments", "*2147483648\r\n"),
            case("a bulk of 16384", bulk(16_384)),
            case(
                "a bulk of 16384 that comes",
                [bulk(16_384).into_bytes(), vec![b'x'; 16_384], b"\r\nPING\r\n".to_vec()].concat(),
            ),
            case("a bulk of 16385", bulk(16_385)),
            case("a bulk of 512 MB", bulk(512 << 20)),
            case("a bulk over 512 MB", bulk((512 << 20) + 1)),
            case("a negative bulk", "*1\r\n$-1\r\n"),
            case(
                "a bulk of 16385 behind a login",
                [words("AUTH sesame"), bulk(16_385).into_bytes()].concat(),
            ),
            case("eleven arguments behind a login", [words("AUTH sesame"), b"*11\r\n".to_vec()].concat()),
            case(
                "eleven arguments behind RESET",
                [words("AUTH sesame"), words("RESET"), b"*11\r\n".to_vec()].concat(),
            ),
        ],
    );
    let small = [("requirepass", "sesame"), ("proto-max-bulk-len", "1mb")];
    compare_with(
        &small,
        &[case("a bulk over proto-max-bulk-len", bulk((1 << 20) + 1)), case("a smaller one", bulk(1 << 20))],
    );
}

#[test]
fn a_password_that_is_set_live_keeps_those_who_are_in() {
    for launch in [Launch::basalt().shards(2), Launch::redis()] {
        let server = launch.start();
        let mut clients: Vec<_> = (0..8).map(|_| server.client()).collect();
        assert_eq!(clients[0].ask("CONFIG SET requirepass sesame"), Value::Simple(b"OK".to_vec()));
        let mut strangers: Vec<_> = (0..8).map(|_| server.client()).collect();
        for client in &mut clients {
            assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()), "who is in stays in");
        }
        for stranger in &mut strangers {
            assert_eq!(stranger.ask("PING").string(), "NOAUTH Authentication required.");
        }
        assert_eq!(clients[1].ask("RESET"), Value::Simple(b"RESET".to_vec()));
        assert_eq!(clients[1].ask("PING").string(), "NOAUTH Authentication required.");
        let found = clients[0].ask("CONFIG GET requirepass");
        assert_eq!(found.items()[1].string(), "sesame");
        assert_eq!(clients[0].command(&["CONFIG", "SET", "requirepass", ""]), Value::Simple(b"OK".to_vec()));
        for stranger in &mut strangers {
            assert_eq!(stranger.ask("PING"), Value::Simple(b"PONG".to_vec()), "nobody needs one any more");
            assert!(stranger.ask("HELLO").string().starts_with("NOAUTH"), "though it never gave one");
        }
        assert_eq!(strangers[0].ask("MULTI"), Value::Simple(b"OK".to_vec()));
        assert_eq!(clients[0].ask("CONFIG SET requirepass other"), Value::Simple(b"OK".to_vec()));
        for stranger in &mut strangers {
            assert_eq!(stranger.ask("PING").string(), "NOAUTH Authentication required.");
        }
        let refused = "EXECABORT Transaction discarded because of: NOAUTH Authentication required.";
        assert_eq!(strangers[0].ask("EXEC").string(), refused);
        assert_eq!(strangers[0].ask("AUTH other"), Value::Simple(b"OK".to_vec()));
        assert_eq!(strangers[0].ask("EXEC").string(), "ERR EXEC without MULTI");
    }
}

#[test]
fn passwords_are_shown_nowhere() {
    let server = Launch::basalt().shards(2).with("requirepass", "sesame").with("loglevel", "debug").start();
    let mut client = server.client();
    let seen = [
        client.ask("AUTH wr0ngone").string(),
        client.ask("AUTH default sesame").string(),
        client.ask("CLIENT LIST").string(),
        client.ask("INFO everything").string(),
        client.ask("CONFIG SET requirepass an0ther nosuch 1").string(),
        server.log(),
    ];
    for text in seen {
        assert!(!["sesame", "wr0ngone", "an0ther"].iter().any(|secret| text.contains(secret)), "{text}");
    }
}
