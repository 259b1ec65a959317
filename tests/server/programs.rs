//! The programs that come with Redis work against this server as redis-server lets them.

use std::process::{Command, Output};

use super::common::{Launch, Server, oracle};

fn run(program: &str, server: &Server, arguments: &[&str]) -> Output {
    let port = server.port.to_string();
    let output = Command::new(oracle::program(program))
        .args(["-h", "127.0.0.1", "-p", &port])
        .args(arguments)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn redis_cli_prints_the_same_as_redis_lets_it() {
    let (basalt, redis) = (Launch::basalt().shards(2).start(), Launch::redis().start());
    let lines: &[&[&str]] = &[
        &["PING"],
        &["SET", "a", "hello world"],
        &["GET", "a"],
        &["--no-raw", "GET", "a"],
        &["--no-raw", "GET", "nothing"],
        &["-3", "GET", "nothing"],
        &["--json", "GET", "a"],
        &["-n", "3", "SET", "b", "1"],
        &["-n", "3", "DBSIZE"],
        &["-r", "3", "ECHO", "x"],
        &["--no-raw", "nosuch", "a"],
        &["--no-raw", "DEL", "a", "b"],
    ];
    for arguments in lines {
        let ours = run("redis-cli", &basalt, arguments);
        let theirs = run("redis-cli", &redis, arguments);
        assert_eq!(
            String::from_utf8_lossy(&ours.stdout),
            String::from_utf8_lossy(&theirs.stdout),
            "redis-cli {arguments:?}"
        );
    }
}

#[test]
fn redis_benchmark_runs_as_redis_lets_it() {
    let server = Launch::basalt().shards(2).start();
    let common = ["-q", "--csv", "-n", "20000", "-c", "50", "-r", "1000"];
    for (tests, pipeline, size) in
        [("ping,set,get", "1", "3"), ("set,get", "16", "64"), ("set,get", "4", "20000")]
    {
        let output = run(
            "redis-benchmark",
            &server,
            &[&common[..], &["-t", tests, "-P", pipeline, "-d", size]].concat(),
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!text.to_lowercase().contains("error"), "{text}");
        let rows = tests.split(',').count() + usize::from(tests.contains("ping"));
        assert_eq!(text.lines().count(), 1 + rows, "a heading and a row for each test: {text}");
    }
    let output =
        run("redis-benchmark", &server, &["-q", "-n", "20000", "-P", "8", "SET", "key:__rand_int__", "v"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("requests per second"));
}
