//! Workloads against a real server: presets, protocols, sockets, transactions and passwords.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use support::redis::Redis;
use support::{Results, program, run, texts};

fn ask(port: u16, line: &str, end: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut block = [0; 4096];
        let length = stream.read(&mut block).unwrap();
        assert!(length > 0, "{text}");
        text += std::str::from_utf8(&block[..length]).unwrap();
    }
    text
}

/// Runs without an error; gives the results.
fn succeed(port: u16, arguments: &[&str]) -> serde_json::Value {
    let results = Results::new();
    let output = run(port, &[arguments, &["--json", &results.path()]].concat());
    let (table, errors) = texts(&output);
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {errors}{table}");
    results.document()
}

#[test]
fn every_preset_runs_without_errors() {
    let redis = Redis::start(&[]);
    for preset in [
        "ycsb-a",
        "ycsb-b",
        "ycsb-c",
        "ycsb-d",
        "ycsb-e",
        "ycsb-f",
        "cache",
        "session",
        "queue",
        "leaderboard",
    ] {
        ask(redis.port, "FLUSHALL", "\r\n");
        let load = ["--preset", preset, "--key-space", "500", "--requests", "4000", "--connections", "5"];
        let document = succeed(redis.port, &load);
        assert_eq!(document["requests"], 4000, "{preset}");
        let commands = document["commands"].as_array().unwrap();
        assert!(commands.iter().all(|command| command["requests"].as_u64().unwrap() > 0), "{document}");
        let again = ["--preset", preset, "--key-space", "500", "--requests", "2000", "--resp", "3"];
        assert_eq!(succeed(redis.port, &again)["requests"], 2000, "{preset} by RESP3");
    }
}

#[test]
fn a_transaction_is_one_request() {
    let redis = Redis::start(&[]);
    let transaction = "MULTI ; INCR n ; INCR n ; EXEC";
    let load = ["--command", transaction, "--requests", "300", "--connections", "4", "--pipeline", "3"];
    assert_eq!(succeed(redis.port, &load)["requests"], 300);
    assert_eq!(ask(redis.port, "GET n", "\r\n"), "$3\r\n600\r\n");
}

#[test]
fn sequential_keys_fill_the_key_space_evenly() {
    let redis = Redis::start(&[]);
    let load =
        ["--command", "INCR n:{key}", "--keys", "sequential", "--key-space", "100", "--key-digits", "2"];
    let more = ["--requests", "700", "--threads", "2", "--connections", "2"];
    succeed(redis.port, &[&load[..], &more].concat());
    for key in ["n:00", "n:42", "n:99"] {
        assert_eq!(ask(redis.port, &format!("GET {key}"), "7\r\n"), "$1\r\n7\r\n");
    }
}

#[test]
fn passwords_databases_and_unix_sockets_lead_to_the_server() {
    let folder = Results::new();
    let socket = folder.0.join("socket").display().to_string();
    let redis = Redis::start(&["--requirepass", "secret", "--unixsocket", &socket]);
    let load = ["run", "--unix", &socket, "--command", "SET {key} {value}", "--requests", "100"];
    let refused = program().args(load).output().unwrap();
    let (_, errors) = texts(&refused);
    assert!(!refused.status.success() && errors.contains("100 of 100 replies are errors"), "{errors}");
    let entry = ["--password", "secret", "--database", "2", "--resp", "3", "--user", "default"];
    let entered = program().args(load).args(entry).output().unwrap();
    assert!(entered.status.success(), "{entered:?}");
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port)).unwrap();
    stream.write_all(b"AUTH secret\r\nSELECT 2\r\nDBSIZE\r\nQUIT\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("+OK\r\n+OK\r\n:") && !text.contains(":0\r\n"), "{text}");
}

#[test]
fn a_workload_file_says_what_a_preset_says() {
    let redis = Redis::start(&[]);
    let folder = Results::new();
    let path = folder.0.join("mine.toml").display().to_string();
    let text = "keys = \"hot:10,90\"\nkey-space = 200\nvalue-size = \"uniform:10-20\"\nttl = \"50-60\"\n\
                preload = [\"SET a:{key} {value} EX {ttl}\"]\n\
                [[command]]\nweight = 3\nline = \"MGET {keys:10}\"\n\
                [[command]]\nline = \"MSET a:{pairs:5}\"\n";
    std::fs::write(&path, text).unwrap();
    let document = succeed(redis.port, &["--workload", &path, "--requests", "2000"]);
    let commands = document["commands"].as_array().unwrap();
    let count = |index: usize| commands[index]["requests"].as_f64().unwrap();
    assert!((2.0..4.5).contains(&(count(0) / count(1))), "{document}");
    assert_eq!(ask(redis.port, "DBSIZE", "\r\n"), ":200\r\n");
}

#[test]
fn a_server_that_is_killed_midway_leaves_its_counts() {
    let redis = Redis::start(&[]);
    let results = Results::new();
    let arguments = ["run", "--port", &redis.port.to_string(), "--command", "PING", "--seconds", "30"];
    let child = program().args(arguments).args(["--json", &results.path()]).spawn().unwrap();
    support::wait_until(|| ask(redis.port, "INFO clients", "\r\n").contains("connected_clients:51"));
    drop(redis);
    let output = child.wait_with_output().unwrap();
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("requests were answered on 50 connections"), "{errors}");
    assert_eq!(results.document()["ended"], "failed");
}
