//! What is counted of commands and errors, and how long they take: INFO, LATENCY HISTOGRAM, beside redis-server.

use std::collections::BTreeMap;

use super::common::{Client, Launch, Value, words};

/// One request after the other, over all ways that a request can go.
const REQUESTS: &[&str] = &[
    "SET a 1",
    "SET b 2",
    "SET c 3",
    "GET a",
    "GET b",
    "GET",
    "GET a b",
    "INCR a",
    "APPEND a x",
    "INCR a",
    "MSET a 1 b 2 c 3 d 4 e 5",
    "MSET a 1 b",
    "MGET a b c d e f",
    "MGET",
    "DEL a b c d",
    "DBSIZE",
    "KEYS *",
    "nosuch",
    "CONFIG GET port",
    "CONFIG GET",
    "CONFIG nosuch",
    "OBJECT ENCODING e",
    "OBJECT ENCODING nosuch",
    "CLIENT SETNAME x",
    "CLIENT SETNAME a\\n",
    "SELECT 99",
    "MULTI",
    "SET a 1",
    "INCR a",
    "SET b x",
    "INCR b",
    "EXEC",
    "EXEC",
    "MULTI",
    "GET",
    "EXEC",
    "MULTI",
    "DISCARD",
    "RENAME nosuch z",
    "RENAME a z",
    "PING",
    "ECHO x",
    "MSETNX a 1 b 2 c 3",
    "FLUSHALL",
    "FLUSHALL x",
    "CLIENT KILL 1.2.3.4:5",
];

type Fields = BTreeMap<String, String>;

fn fields(client: &mut Client, section: &str) -> Fields {
    let text = client.ask(&format!("INFO {section}")).string();
    let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Calls, refusals and failures of each command, without the times.
fn counts(client: &mut Client) -> Fields {
    let mut counts = fields(client, "commandstats");
    for value in counts.values_mut() {
        let parts = value.split(',').filter(|part| !part.starts_with("usec"));
        *value = parts.collect::<Vec<_>>().join(",");
    }
    counts
}

#[test]
fn commands_and_errors_are_counted_as_redis_does() {
    let server = Launch::redis().start();
    let mut redis = server.client();
    redis.ask("CONFIG RESETSTAT");
    REQUESTS.iter().for_each(|line| drop(redis.ask(line)));
    let (expected, errors) = (counts(&mut redis), fields(&mut redis, "errorstats"));
    let processed = fields(&mut redis, "stats")["total_commands_processed"].clone();
    let total = fields(&mut redis, "stats")["total_error_replies"].clone();
    for shards in [1, 3] {
        let server = Launch::basalt().shards(shards).start();
        let mut client = server.client();
        client.ask("CONFIG RESETSTAT");
        REQUESTS.iter().for_each(|line| drop(client.ask(line)));
        assert_eq!(counts(&mut client), expected, "{shards} shards");
        assert_eq!(fields(&mut client, "errorstats"), errors, "{shards} shards");
        assert_eq!(fields(&mut client, "stats")["total_commands_processed"], processed, "{shards} shards");
        assert_eq!(fields(&mut client, "stats")["total_error_replies"], total, "{shards} shards");
        client.ask("CONFIG RESETSTAT");
        assert_eq!(counts(&mut client).into_keys().collect::<Vec<_>>(), ["cmdstat_config|resetstat"]);
        assert!(fields(&mut client, "errorstats").is_empty());
    }
}

#[test]
fn pipelines_are_counted_like_single_requests() {
    for shards in [1, 3] {
        let server = Launch::basalt().shards(shards).start();
        let mut client = server.client();
        let requests: Vec<u8> = (0..1000)
            .flat_map(|number| {
                [words(&format!("SET k{number} v")), words(&format!("INCR k{number}"))].concat()
            })
            .collect();
        client.send(&requests);
        (0..2000).for_each(|_| drop(client.read()));
        let counts = counts(&mut client);
        assert_eq!(counts["cmdstat_set"], "calls=1000,rejected_calls=0,failed_calls=0");
        assert_eq!(counts["cmdstat_incr"], "calls=1000,rejected_calls=0,failed_calls=1000");
        assert_eq!(fields(&mut client, "errorstats")["errorstat_ERR"], "count=1000");
        let tracked = client.ask("LATENCY HISTOGRAM set incr nosuch").items();
        assert_eq!((tracked[0].string(), tracked[2].string()), ("set".into(), "incr".into()));
        assert_eq!(tracked[1].items()[1], Value::Integer(1000));
        assert_eq!(tracked.len(), 4);
        let bounds = tracked[1].items()[3].items();
        assert_eq!(bounds.last(), Some(&Value::Integer(1000)), "the last bound holds all calls: {bounds:?}");
    }
}

#[test]
fn percentiles_are_those_that_are_asked_for() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    client.ask("SET k v");
    let percentiles = |client: &mut Client| {
        let value = fields(client, "latencystats").remove("latency_percentiles_usec_set");
        value
            .map(|value| value.split(',').map(|one| one.split('=').next().unwrap_or("").to_owned()).collect())
    };
    assert_eq!(percentiles(&mut client), Some(vec!["p50".to_owned(), "p99".into(), "p99.9".into()]));
    client.command(&["CONFIG", "SET", "latency-tracking-info-percentiles", "0.5 100"]);
    assert_eq!(percentiles(&mut client), Some(vec!["p0.5".to_owned(), "p100".into()]));
    client.command(&["CONFIG", "SET", "latency-tracking", "no"]);
    client.ask("GETRANGE k 0 1");
    assert!(!fields(&mut client, "latencystats").contains_key("latency_percentiles_usec_getrange"));
    assert!(fields(&mut client, "commandstats").contains_key("cmdstat_getrange"));
}

/// What a command took is at least what it slept, wherever the time is shared out.
#[test]
fn time_goes_to_the_command_that_took_it() {
    let server = Launch::basalt().shards(2).with("enable-debug-command", "yes").start();
    let mut client = server.client();
    client.send(&[words("SET a 1"), words("DEBUG SLEEP 0.05"), words("GET a")].concat());
    (0..3).for_each(|_| drop(client.read()));
    let stats = fields(&mut client, "commandstats");
    let microseconds = |name: &str| -> u64 {
        let value = stats[name].split("usec=").nth(1).and_then(|rest| rest.split(',').next());
        value.and_then(|digits| digits.parse().ok()).expect("a number")
    };
    assert!(microseconds("cmdstat_debug") >= 50_000, "{stats:?}");
    assert!(microseconds("cmdstat_set") < 50_000 && microseconds("cmdstat_get") < 50_000, "{stats:?}");
}
