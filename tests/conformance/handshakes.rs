//! What client libraries send when they connect, each as the one pipeline it comes in. A step that is not built yet is left
//! out, and takes part once it has a row.

use basalt::commands::COMMANDS;

use super::common::{Client, Launch, Value, words};
use super::compare;
use super::comparers::{Comparer, comparer_of};

const HANDSHAKES: &[(&str, &[&str])] = &[
    (
        "Jedis",
        &[
            "HELLO 3",
            "CLIENT SETNAME app",
            "CLIENT SETINFO LIB-NAME jedis",
            "CLIENT SETINFO LIB-VER 5.2.0",
            "SELECT 1",
        ],
    ),
    (
        "Lettuce",
        &[
            "HELLO 3 SETNAME app",
            "CLIENT SETINFO lib-name Lettuce",
            "CLIENT SETINFO lib-ver 6.5.0.RELEASE/abcdef",
            "SELECT 2",
            "PING",
            "COMMAND",
        ],
    ),
    (
        "StackExchange.Redis",
        &[
            "CLIENT SETNAME host(SE.Redis-v2.8.16)",
            "CLIENT SETINFO lib-name SE.Redis",
            "CLIENT SETINFO lib-ver 2.8.16.12844",
            "CLIENT ID",
            "CONFIG GET timeout",
            "CONFIG GET slave-read-only",
            "CONFIG GET databases",
            "INFO replication",
            "INFO server",
            "CLUSTER NODES",
            "GET __Booksleeve_TieBreak",
            "ECHO 0123456789abcdef",
            "SUBSCRIBE __Booksleeve_MasterChanged",
        ],
    ),
    (
        "go-redis",
        &[
            "HELLO 3",
            "SELECT 3",
            "CLIENT SETNAME app",
            "READONLY",
            "CLIENT SETINFO LIB-NAME go-redis(,go1.24.0)",
            "CLIENT SETINFO LIB-VER 9.7.0",
            "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip",
        ],
    ),
    (
        "redis-py",
        &[
            "HELLO 3",
            "CLIENT SETINFO LIB-NAME redis-py",
            "CLIENT SETINFO LIB-VER 7.4.1",
            "CLIENT SETNAME app",
            "SELECT 4",
            "CLIENT GETNAME",
        ],
    ),
    (
        "Predis, phpredis, hiredis",
        &["SELECT 0", "CLIENT SETINFO LIB-NAME predis", "CLIENT SETINFO LIB-VER 3.0.0", "INFO", "PING"],
    ),
    ("redis-cli", &["SELECT 1", "COMMAND DOCS", "COMMAND", "HELLO 3", "CLIENT LIST"]),
    (
        "an exporter",
        &[
            "CLIENT SETNAME redis_exporter",
            "CONFIG GET *",
            "INFO ALL",
            "INFO everything",
            "CLIENT LIST",
            "SLOWLOG LEN",
            "SLOWLOG GET 1",
            "LATENCY LATEST",
            "DBSIZE",
        ],
    ),
    // Refusals do not stop what comes behind.
    (
        "a library of tomorrow",
        &[
            "HELLO 4",
            "HELLO 3 NOSUCH",
            "HELLO x",
            "CLIENT NOSUCH x",
            "CLIENT SETNAME",
            "SELECT 99",
            "HELLO",
            "HELLO 2",
            "PING",
        ],
    ),
];

#[test]
fn libraries_are_greeted_as_redis_does() {
    let redis = Launch::redis().start();
    for shards in [1, 4] {
        let basalt = Launch::basalt().shards(shards).start();
        for (library, lines) in HANDSHAKES {
            let steps: Vec<&str> = lines.iter().copied().filter(|line| is_built(line)).collect();
            let (ours, theirs) = (replies(basalt.client(), &steps), replies(redis.client(), &steps));
            for ((line, our), their) in steps.iter().zip(&ours).zip(&theirs) {
                check(line, our, their).unwrap_or_else(|reason| panic!("{library}: {line}: {reason}"));
            }
        }
    }
}

fn is_built(line: &str) -> bool {
    let name = line.split(' ').next().expect("a line has a word");
    COMMANDS.iter().any(|row| row.name == name)
}

fn replies(mut client: Client, steps: &[&str]) -> Vec<Value> {
    client.send(&steps.iter().flat_map(|line| words(line)).collect::<Vec<u8>>());
    steps.iter().map(|_| client.read()).collect()
}

fn check(line: &str, ours: &Value, theirs: &Value) -> Result<(), String> {
    let mut parts = line.split(' ').map(str::to_uppercase);
    let name = parts.next().expect("a line has a word");
    let path = parts.next().map(|part| format!("{name}|{part}")).filter(|path| comparer_of(path).is_some());
    match comparer_of(&path.unwrap_or(name)) {
        // What is newer than the Redis compared with succeeds.
        Some(Comparer::Skip(_)) if theirs.is_error() => compare::equal(ours, &Value::Simple(b"OK".to_vec())),
        Some(Comparer::Skip(why)) if ours.is_error() => Err(format!("{ours:?}: {why}")),
        Some(Comparer::Skip(_)) => Ok(()),
        comparer => compare::compare(comparer.unwrap_or(Comparer::Exact), ours, theirs),
    }
}
