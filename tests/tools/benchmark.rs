//! redis-benchmark: it runs to its end, and what it says it has sent is what the server has run.

use super::common::{Launch, Server};
use super::{run, text};

const REQUESTS: usize = 2000;

/// The tests that need strings alone, and how many lines they give.
const SUITE: &str = "ping_inline,ping_mbulk,set,get,incr,mset";

/// Options, and commands in place of the suite.
const RUNS: &[(&[&str], &[&str])] = &[
    (&["-t", SUITE], &[]),
    (&["-t", SUITE, "-P", "16"], &[]),
    (&["-t", SUITE, "--threads", "2"], &[]),
    (&["-t", SUITE, "-c", "200"], &[]),
    (&["-t", SUITE, "-r", "100000", "-d", "1024"], &[]),
    (&["-t", SUITE, "-k", "0", "-c", "20"], &[]),
    (&["-t", SUITE, "-3", "-P", "4"], &[]),
    (&["-t", SUITE, "--dbnum", "9"], &[]),
    (&["-t", "set,get", "-d", "200000", "-P", "4"], &[]),
    (&["-P", "8"], &["APPEND", "appended", "xyz"]),
    (&["-r", "1000"], &["SET", "key:__rand_int__", "v", "EX", "100"]),
    (&["-r", "1000", "-P", "50"], &["MGET", "key:__rand_int__", "key:__rand_int__", "key:__rand_int__"]),
    (&["-r", "1000"], &["GETRANGE", "key:__rand_int__", "0", "-1"]),
    (&["-r", "100", "-3"], &["RENAME", "key:000000000001", "key:000000000001"]),
    (&[], &["SCAN", "0", "COUNT", "100"]),
];

fn run_all(server: &Server) {
    server.client().ask("SET key:000000000001 v");
    for (options, command) in RUNS {
        let count = REQUESTS.to_string();
        let arguments = [&["--csv", "-n", &count], *options, *command].concat();
        let before = commands_run(server);
        let output = run("redis-benchmark", server, &arguments, b"");
        let (said, complaint) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}{complaint}");
        let is_advice =
            |line: &str| line.starts_with("WARNING: Keepalive disabled") || line.trim().is_empty();
        let is_calm = complaint.lines().all(is_advice) && !said.to_lowercase().contains("error");
        assert!(is_calm, "{arguments:?}: {said}{complaint}");
        let tests = said.lines().count() - 1;
        let expected = if command.is_empty() { options[1].split(',').count() } else { 1 };
        assert_eq!(tests, expected, "{said}");
        let ran = commands_run(server) - before;
        assert!(ran >= (tests * REQUESTS) as u64, "{arguments:?}: {ran} commands were run");
    }
}

fn commands_run(server: &Server) -> u64 {
    let text = server.client().ask("INFO stats").string();
    let number = text.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
    number.expect("INFO has the field").trim().parse().expect("a number")
}

#[test]
fn redis_benchmark_runs_on_one_shard_as_redis_does() {
    run_all(&Launch::basalt().shards(1).start());
}

#[test]
fn redis_benchmark_runs_on_four_shards_as_redis_does() {
    run_all(&Launch::basalt().shards(4).start());
}

#[test]
fn redis_benchmark_counts_every_append_as_redis_does() {
    let server = Launch::basalt().shards(2).start();
    let output =
        run("redis-benchmark", &server, &["-q", "-n", "3200", "-P", "16", "APPEND", "k", "xyz"], b"");
    assert!(output.status.success() && text(&output.stdout).contains("requests per second"));
    assert_eq!(server.client().ask("STRLEN k").integer(), 9600);
}
