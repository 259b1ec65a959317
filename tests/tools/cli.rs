//! redis-cli for people and scripts: what it prints, walks over all keys, and mass insertion.

use std::collections::BTreeSet;

use super::common::{Launch, Server, request};
use super::watching::servers_with;
use super::{run, text};

const PIPED: usize = 1_000_000;

/// Arguments, and what is typed.
const SESSIONS: &[(&[&str], &str)] = &[
    (&["PING"], ""),
    (&["SET", "k", "a value"], ""),
    (&["GET", "k"], ""),
    (&["--raw", "GET", "k"], ""),
    (&["--no-raw", "GET", "k"], ""),
    (&["--no-raw", "GET", "nothing"], ""),
    (&["--no-raw", "MGET", "k", "nothing", "k"], ""),
    (&["--csv", "MGET", "k", "nothing", "k"], ""),
    (&["--json", "MGET", "k", "nothing", "k"], ""),
    (&["--quoted-json", "MGET", "k", "nothing"], ""),
    (&["-2", "--json", "CONFIG", "GET", "databases"], ""),
    (&["-3", "--json", "CONFIG", "GET", "databases"], ""),
    (&["-3", "--no-raw", "CONFIG", "GET", "maxclients"], ""),
    (&["-3", "--no-raw", "GET", "nothing"], ""),
    (&["-d", ";", "MGET", "k", "k"], ""),
    (&["--quoted-input", "SET", "\"\\x00\\xff\"", "\"\\r\\n\""], ""),
    (&["--quoted-input", "--no-raw", "GET", "\"\\x00\\xff\""], ""),
    (&["-x", "SET", "typed"], "bytes\0of\r\nstandard input"),
    (&["--no-raw", "GET", "typed"], ""),
    (&["-X", "tag", "SET", "tag", "v"], "a key"),
    (&["-n", "3", "SET", "elsewhere", "1"], ""),
    (&["-n", "3", "DBSIZE"], ""),
    (&["DBSIZE"], ""),
    (&["-r", "5", "-i", "0.01", "INCR", "count"], ""),
    (&["-e", "NOSUCH", "x"], ""),
    (&["NOSUCH", "x"], ""),
    (&["-e", "GET"], ""),
    (&["INCR", "k"], ""),
    (
        &[],
        "SET typed 1\nINCR typed\n3 INCR typed\nSELECT 4\nSET here 1\nDBSIZE\nNOSUCH\n\"unbalanced\nPING\n",
    ),
    (&["--no-raw"], "MULTI\nSET a 1\nINCR a\nNOSUCH\nEXEC\nMULTI\nSET a 1\nGET a\nEXEC\n"),
    (&["-3", "--no-raw"], "GET nothing\nHELLO 3 NOSUCH\nDISCARD\n"),
    (&["--pipe"], "*1\r\n$4\r\nPING\r\n*1\r\n$6\r\nNOSUCH\r\nSET inline 1\r\n"),
];

#[test]
fn redis_cli_prints_as_redis_does() {
    let redis = Launch::redis().start();
    let sessions = |server: &Server| -> Vec<[String; 3]> {
        let run = |(arguments, input): &(&[&str], &str)| {
            let output = run("redis-cli", server, arguments, input.as_bytes());
            [output.status.to_string(), text(&output.stdout), text(&output.stderr)]
        };
        SESSIONS.iter().map(run).collect()
    };
    let theirs = sessions(&redis);
    for shards in [1, 4] {
        let ours = sessions(&Launch::basalt().shards(shards).start());
        for ((session, ours), theirs) in SESSIONS.iter().zip(&ours).zip(&theirs) {
            assert_eq!(ours, theirs, "{session:?} on {shards} shards");
        }
    }
}

/// Some keys, and one that is larger than all others.
fn fill(server: &Server) {
    let mut client = server.client();
    let lines: String = (0..5000).map(|number| format!("SET key:{number} v{number}\r\n")).collect();
    client.send(lines.as_bytes());
    (0..5000).for_each(|_| assert!(!client.read().is_error()));
    client.command(&[&b"SET"[..], b"large", &[b'v'; 30_000]]);
}

#[test]
fn redis_cli_finds_big_keys_as_redis_does() {
    let summary = |server: Server| {
        fill(&server);
        let output = text(&run("redis-cli", &server, &["--bigkeys"], b"").stdout);
        output.split("-------- summary -------").nth(1).expect("a summary").to_owned()
    };
    let theirs = summary(Launch::redis().start());
    assert!(theirs.contains("Sampled 5001 keys"), "{theirs}");
    for shards in [1, 4] {
        assert_eq!(summary(Launch::basalt().shards(shards).start()), theirs);
    }
}

#[test]
fn redis_cli_finds_keys_that_take_memory_as_redis_does() {
    for server in servers_with("MEMORY") {
        fill(&server);
        let said = text(&run("redis-cli", &server, &["--memkeys"], b"").stdout);
        assert!(said.contains("Sampled 5001 keys"), "{said}");
        let line = said.lines().find(|line| line.starts_with("Biggest string found '"));
        let bytes = line.and_then(|line| line.strip_prefix("Biggest string found '\"large\"' has "));
        let bytes = bytes.and_then(|rest| rest.split(' ').next()).and_then(|count| count.parse::<u64>().ok());
        assert!(bytes.is_some_and(|bytes| (30_000..70_000).contains(&bytes)), "{said}");
    }
}

#[test]
fn redis_cli_lists_keys_as_redis_does() {
    let list = |server: &Server, pattern: &[&str]| -> BTreeSet<String> {
        let output = text(&run("redis-cli", server, &[&["--scan"], pattern].concat(), b"").stdout);
        output.lines().map(str::to_owned).collect()
    };
    let redis = Launch::redis().start();
    fill(&redis);
    for shards in [1, 4] {
        let basalt = Launch::basalt().shards(shards).start();
        fill(&basalt);
        for pattern in [&[][..], &["--pattern", "key:1?"], &["--quoted-pattern", "\"*\\x61r*\""]] {
            let ours = list(&basalt, pattern);
            assert!(!ours.is_empty(), "{pattern:?}");
            assert_eq!(ours, list(&redis, pattern), "{pattern:?}");
        }
    }
}

#[test]
fn redis_cli_pipes_a_million_requests_in_as_redis_asks_for() {
    let input: Vec<u8> =
        (0..PIPED).flat_map(|number| request(&["SET", &format!("piped:{number}"), "v"])).collect();
    for shards in [1, 4] {
        let server = Launch::basalt().shards(shards).start();
        let output = run("redis-cli", &server, &["--pipe"], &input);
        let said = text(&output.stdout);
        assert!(output.status.success() && said.contains("errors: 0, replies: 1000000"), "{said}");
        assert_eq!(server.client().ask("DBSIZE").integer(), PIPED as i64);
    }
}

#[test]
fn redis_cli_counts_the_errors_of_a_pipe_as_redis_asks_for() {
    let server = Launch::basalt().shards(2).start();
    let input = [request(&["SET", "k", "word"]), request(&["INCR", "k"]), request(&["NOSUCH"])].concat();
    let output = run("redis-cli", &server, &["--pipe"], &input);
    let said = text(&output.stdout);
    assert!(!output.status.success() && said.contains("errors: 2, replies: 3"), "{said}");
}
