//! DEBUG: it has no grammar that requests could be made from, so they are listed.

use std::time::{Duration, Instant};

use super::common::{Client, Launch, Server, words};

/// After so long nothing more is expected.
const QUIET: Duration = Duration::from_millis(500);

const REQUESTS: &[&str] = &[
    "DEBUG",
    "DEBUG nosuch",
    "DEBUG nosuch x y",
    "DEBUG SLEEP",
    "DEBUG SLEEP 0",
    "DEBUG sleep 0.001 x",
    "DEBUG sleep x",
    "DEBUG sleep -1",
    "DEBUG SET-ACTIVE-EXPIRE",
    "DEBUG SET-ACTIVE-EXPIRE 0",
    "DEBUG SET-ACTIVE-EXPIRE 1",
    "DEBUG OBJECT",
    "DEBUG OBJECT nosuch",
    "DEBUG ERROR",
    "DEBUG ERROR OOPS",
    "DEBUG ERROR OOPS x",
    "DEBUG LOG",
    "DEBUG LOG hello",
    "DEBUG CHANGE-REPL-ID",
    "DEBUG CHANGE-REPL-ID x",
    "DEBUG QUICKLIST-PACKED-THRESHOLD",
    "DEBUG QUICKLIST-PACKED-THRESHOLD 0",
    "DEBUG QUICKLIST-PACKED-THRESHOLD 100b",
    "DEBUG QUICKLIST-PACKED-THRESHOLD 3gb",
    "DEBUG QUICKLIST-PACKED-THRESHOLD 4gb",
    "DEBUG QUICKLIST-PACKED-THRESHOLD x",
    "DEBUG HELP x",
    "DEBUG DIGEST",
    "DEBUG DIGEST x",
    "DEBUG DIGEST-VALUE",
    "DEBUG DIGEST-VALUE nosuch other",
    "DEBUG POPULATE",
    "DEBUG POPULATE x",
    "DEBUG POPULATE -1",
    "DEBUG POPULATE 0",
    "DEBUG POPULATE 2 p x",
    "DEBUG POPULATE 2 p -1",
    "DEBUG POPULATE 2 p 3 4",
    "DEBUG STRINGMATCH-LEN 10 *",
    "DEBUG PROTOCOL",
    "DEBUG PROTOCOL nosuch",
    "DEBUG PROTOCOL string",
    "DEBUG PROTOCOL integer",
    "DEBUG PROTOCOL double",
    "DEBUG PROTOCOL null",
    "DEBUG PROTOCOL array",
    "DEBUG PROTOCOL set",
    "DEBUG PROTOCOL map",
    "DEBUG PROTOCOL bignum",
    "DEBUG PROTOCOL TRUE",
    "DEBUG PROTOCOL false",
    "DEBUG PROTOCOL verbatim",
    "DEBUG PROTOCOL attrib",
    "DEBUG PROTOCOL push",
];

fn both(access: &str) -> [Server; 2] {
    [Launch::basalt().shards(2), Launch::redis()]
        .map(|launch| launch.with("enable-debug-command", access).start())
}

#[test]
fn debug_is_answered_and_refused_as_redis_does() {
    for access in ["no", "local", "yes"] {
        let servers = both(access);
        for hello in ["HELLO 2", "HELLO 3"] {
            let [ours, theirs] = servers.each_ref().map(|server| replies(server, hello));
            assert_eq!(ours, theirs, "enable-debug-command {access}, {hello}");
        }
    }
}

/// The bytes of all replies, as text.
fn replies(server: &Server, hello: &str) -> String {
    let mut client = server.client();
    client.ask(hello);
    client.send(&REQUESTS.iter().flat_map(|request| words(request)).collect::<Vec<_>>());
    String::from_utf8(client.listen(QUIET).bytes).expect("text")
}

#[test]
fn debug_object_tells_as_redis_does() {
    let servers = both("yes");
    let mut clients = servers.each_ref().map(|server| server.client());
    for value in ["1", "-129", "70000", "9999999999", "abc", "0123456789abcdefghij"] {
        for client in &mut clients {
            client.ask(&format!("SET k {value}"));
        }
        let [ours, theirs] = clients.each_mut().map(fields);
        assert_eq!(ours, theirs, "{value}");
    }
}

/// What DEBUG OBJECT says that is no matter of memory and time.
fn fields(client: &mut Client) -> Vec<String> {
    let text = client.ask("DEBUG OBJECT k").string();
    let differs = |word: &&str| !word.starts_with("at:") && !word.starts_with("lru");
    text.split(' ').filter(differs).map(str::to_owned).collect()
}

#[test]
fn debug_sleep_stops_all_cores() {
    let server = Launch::basalt().shards(2).with("enable-debug-command", "yes").start();
    let mut sleeper = server.client();
    let mut others: Vec<_> = (0..4).map(|_| server.client()).collect();
    let begin = Instant::now();
    sleeper.send(&words("DEBUG SLEEP 0.5"));
    assert!(!sleeper.read().is_error());
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(500), "{took:?}");
    // While it lasts nobody is answered.
    let begin = Instant::now();
    sleeper.send(&words("DEBUG SLEEP 0.5"));
    let is_asleep = |client: &mut Client| {
        std::thread::sleep(Duration::from_millis(50));
        client.send(&words("PING"));
        client.read();
        begin.elapsed() >= Duration::from_millis(400)
    };
    assert!(others.iter_mut().all(is_asleep));
}

/// What is stored before each look at the digests.
const STORED: &[&[&str]] = &[
    &["SET a 1"],
    &["SET b hello", "SET c 12345678901234567890"],
    &["EXPIRE a 1000"],
    &["SELECT 3", "SET a 1", "SET other x"],
    &["DEBUG POPULATE 100"],
    &["SELECT 0", "DEBUG POPULATE 50 prefix", "DEBUG POPULATE 50 short 3", "DEBUG POPULATE 50 long 5000"],
    &["SET key:7 mine", "DEBUG POPULATE 300", "DEBUG POPULATE 2 zero 0"],
    &["APPEND b x", "INCR a", "PERSIST a", "DEL c"],
    &["FLUSHDB"],
    &["FLUSHALL"],
];

const LOOKS: &[&str] = &[
    "DEBUG DIGEST",
    "DEBUG DIGEST-VALUE a b nosuch c key:7 a",
    "DEBUG DIGEST-VALUE long:49 short:1 prefix:0 zero:1",
    "DBSIZE",
    "GET short:2",
    "GET long:3",
    "STRLEN key:99",
    "OBJECT ENCODING long:1",
    "OBJECT ENCODING short:1",
];

#[test]
fn digests_and_made_up_keys_are_those_of_redis() {
    let servers = [Launch::basalt().shards(1), Launch::basalt().shards(3), Launch::redis()]
        .map(|launch| launch.with("enable-debug-command", "yes").start());
    let mut clients = servers.each_ref().map(|server| server.client());
    let mut seen = std::collections::BTreeSet::new();
    for step in STORED {
        for line in step.iter().chain(LOOKS) {
            let [one, three, theirs] = clients.each_mut().map(|client| client.ask(line));
            assert_eq!(one, theirs, "one shard: {line} after {step:?}");
            assert_eq!(three, theirs, "three shards: {line} after {step:?}");
            if *line == "DEBUG DIGEST" {
                seen.insert(theirs.string());
            }
        }
    }
    assert_eq!(seen.len(), STORED.len(), "each step changes the digest");
}
