//! The program as a user meets it: what it says, writes and exits with, against a small server in this process.

mod support;

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Output;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use support::redis::Redis;
use support::{Answer, Results, answer_all, interrupt, program, run, serve, texts, wait_until};

#[test]
fn a_run_answers_exactly_the_requests_asked_for() {
    let (port, seen) = serve(Answer::Value);
    let results = Results::new();
    let arguments = ["--command", "GET key:{key}", "--requests", "10007", "--connections", "7"];
    let more = ["--pipeline", "16", "--threads", "2", "--json", &results.path()];
    let output = run(port, &[&arguments[..], &more[..]].concat());
    let (table, errors) = texts(&output);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    assert!(table.contains("10,007 in"), "{table}");
    let document = results.document();
    assert_eq!(document["requests"], 10007);
    assert_eq!(seen.load(Ordering::Relaxed), 10007);
    assert_eq!((&document["errors"], &document["pipeline"]), (&0.into(), &16.into()));
    let latency = &document["latency_us"];
    let at = |name: &str| latency[name].as_f64().unwrap();
    assert!(at("p50") > 0.0 && at("p50") <= at("p99") && at("p99") <= at("max"), "{latency}");
    assert!(document["cpu_us_per_request"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_run_lasts_as_long_as_asked_and_weighs_a_server() {
    let (port, _) = serve(Answer::Value);
    let results = Results::new();
    let own = std::process::id().to_string();
    let arguments = ["--command", "PING", "--seconds", "0.3", "--warmup", "0.1", "--connections", "3"];
    let output = run(port, &[&arguments[..], &["--server-pid", &own, "--json", &results.path()]].concat());
    assert!(output.status.success(), "{output:?}");
    let document = results.document();
    let seconds = document["seconds"].as_f64().unwrap();
    assert!((0.05..10.0).contains(&seconds), "{seconds}");
    assert!(document["server"]["cpu_us_per_request"].as_f64().unwrap() > 0.0);
}

#[test]
fn keys_are_preloaded_once_each() {
    let (port, seen) = serve(Answer::Value);
    let preload = ["--preload", "SET key:{key} {value}", "--key-space", "5000", "--value-size", "10"];
    let load = ["--command", "GET key:{key}", "--requests", "100", "--connections", "2"];
    let output = run(port, &[preload, load].concat());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(seen.load(Ordering::Relaxed), 5100);
}

#[test]
fn unix_sockets_are_servers_too() {
    let results = Results::new();
    let path = results.0.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                answer_all(stream.unwrap(), Answer::Value, &AtomicU64::new(0), Instant::now())
            });
        }
    });
    let arguments =
        ["--command", "GET {key}", "--requests", "1000", "--preload", "SET {key} 1", "--key-space", "10"];
    let output = program().args(["run", "--unix"]).arg(&path).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn error_replies_are_counted_and_shown() {
    let (port, _) = serve(Answer::Error);
    let output = run(port, &["--command", "GET {key}", "--requests", "50", "--connections", "5"]);
    let (table, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(table.contains("ERR no such thing"), "{table}");
    assert!(errors.contains("50 of 50 replies are errors"), "{errors}");
}

#[test]
fn a_failing_preload_stops_the_run() {
    let (port, _) = serve(Answer::Error);
    let output = run(port, &["--command", "PING", "--preload", "SET {key} 1"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("0 of 100000 keys") && errors.contains("ERR no such thing"), "{errors}");
}

#[test]
fn a_refused_connection_is_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let output = run(port, &["--command", "PING"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("Connection refused") && errors.contains("0 of 50 connections"), "{errors}");
}

#[test]
fn a_server_that_dies_midway_ends_the_run_with_counts() {
    let (port, _) = serve(Answer::CloseAfter(100));
    let results = Results::new();
    let output = run(port, &["--command", "PING", "--connections", "4", "--json", &results.path()]);
    let (table, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("requests were answered on 4 connections"), "{errors}");
    let document = results.document();
    let requests = document["requests"].as_u64().unwrap();
    assert!((1..=400).contains(&requests) && table.contains(&format!("{requests} in")), "{table}");
    assert_eq!(document["ended"], "failed");
}

#[test]
fn a_server_of_another_protocol_is_recognised() {
    let (port, _) = serve(Answer::Garbage);
    let output = run(port, &["--command", "PING", "--connections", "1"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("not RESP"), "{errors}");
}

#[test]
fn impossible_loads_are_refused_before_connecting() {
    for (arguments, message) in [
        (&["--command", "GET 'x"][..], "quote is not closed"),
        (&["--command", "GET {key}", "--key-digits", "2"], "digits"),
        (&["--command", "GET {kye}"], "{key} is the most similar placeholder"),
        (&["--command", "PING", "--preload", "SET {kez} 1"], "{=kez} sends {kez} as it is"),
        (&["--command", "PING", "--connections", "2", "--threads", "3"], "3 threads"),
        (&["--connections", "2"], "no command"),
        (&["--workload", "/missing.toml"], "/missing.toml"),
        (&["--command", "SET a {value}", "--value-size", "60000000", "--pipeline", "9"], "batch"),
    ] {
        let output = run(1, arguments);
        let (_, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(errors.contains(message), "{arguments:?}: {errors}");
    }
}

#[test]
fn an_interrupt_shows_what_was_measured() {
    let (port, seen) = serve(Answer::Value);
    let results = Results::new();
    let arguments = ["run", "--port", &port.to_string(), "--command", "PING", "--seconds", "60"];
    let child = program().args(arguments).args(["--json", &results.path()]).spawn().unwrap();
    wait_until(|| seen.load(Ordering::Relaxed) > 1000);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let (table, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(130), "{errors}");
    assert!(table.contains("requests/s") && errors.contains("interrupted"), "{table} {errors}");
    assert!(results.document()["requests"].as_u64().unwrap() > 0);
}

/// Not a test: the server that the tests below start, through this program's own file.
#[test]
#[ignore = "runs until it is stopped"]
fn small_server() {
    let port: u16 = std::env::var("SMALL_SERVER_PORT").unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        thread::spawn(move || answer_all(stream, Answer::Value, &AtomicU64::new(0), Instant::now()));
    }
}

fn small_server_command() -> String {
    let own = std::env::current_exe().unwrap().display().to_string();
    format!("env SMALL_SERVER_PORT={{port}} '{own}' --ignored --exact small_server --nocapture")
}

/// Runs a comparison with a temporary folder of its own; gives its output, once that folder was found empty.
fn compare(results: &Results, arguments: &[&str]) -> Output {
    let folder = results.0.join("temporary");
    std::fs::create_dir(&folder).unwrap();
    let output = program().env("TMPDIR", &folder).arg("compare").args(arguments).output().unwrap();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "folders are left behind");
    output
}

#[test]
fn servers_are_compared_in_rounds_with_a_control() {
    let results = Results::new();
    let server = small_server_command();
    let (first, second) = (format!("one={server}"), format!("two={server}"));
    let servers = ["--server", &first, "--server", &second, "--control", "--rounds", "2", "--seconds", "0.2"];
    let workloads = ["--workload", "get-c2", "--workload", "ping-c3-p4", "--key-space", "100"];
    let page = results.0.join("page.html").display().to_string();
    let files = ["--json", &results.path(), "--html", &page];
    let output = compare(&results, &[&servers[..], &workloads[..], &files].concat());
    let (table, errors) = texts(&output);
    assert!(output.status.success(), "{errors}");
    assert!(table.contains("ping-c3-p4: PING (2 rounds)") && table.contains("noise: one'"), "{table}");
    let document = results.document();
    let servers = document["workloads"][0]["servers"].as_array().unwrap();
    let names: Vec<&str> = servers.iter().map(|server| server["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["one", "two", "one'"]);
    for server in servers {
        assert_eq!(server["rounds"].as_array().unwrap().len(), 2);
        assert!(server["cpu_us_per_request"]["median"].as_f64().unwrap() > 0.0, "{server}");
    }
    assert_eq!(servers[0]["cpu_ratio"]["median"], 1.0);
    let page = std::fs::read_to_string(results.0.join("page.html")).unwrap();
    assert!(page.contains("<svg") && page.contains(">two</td>") && !page.contains("<script"), "{page}");
}

/// Of two equal servers the ratio is above one as often as below, so five rounds lie on one side once in 16 times; that three
/// comparisons do so, and by more than a tenth, is no chance.
#[test]
fn a_server_beside_itself_has_a_ratio_of_one_within_its_spread() {
    let server = small_server_command();
    let (first, second) = (format!("one={server}"), format!("two={server}"));
    let mut ratios = Vec::new();
    for _ in 0..3 {
        let results = Results::new();
        let servers = ["--server", &first, "--server", &second, "--rounds", "5", "--seconds", "0.3"];
        let load = ["--workload", "get-c10-p4", "--key-space", "100", "--json", &results.path()];
        let output = compare(&results, &[&servers[..], &load].concat());
        assert!(output.status.success(), "{}", texts(&output).1);
        let ratio = results.document()["workloads"][0]["servers"][1]["cpu_ratio"].clone();
        let bound = |name: &str| ratio[name].as_f64().unwrap();
        if bound("least") < 1.1 && bound("most") > 1.0 / 1.1 {
            return;
        }
        ratios.push(ratio);
    }
    panic!("{ratios:?}");
}

#[test]
fn servers_that_run_already_are_compared_where_they_are() {
    let ((first, _), (second, seen)) = (serve(Answer::Value), serve(Answer::Value));
    let results = Results::new();
    let own = std::process::id();
    let servers = [format!("one=127.0.0.1:{first}@{own}"), format!("two=127.0.0.1:{second}")];
    let rest = ["--workload", "ping-c2", "--rounds", "1", "--seconds", "0.2", "--json", &results.path()];
    let output =
        compare(&results, &[&["--server", &servers[0], "--server", &servers[1]][..], &rest].concat());
    let (table, errors) = texts(&output);
    assert!(output.status.success() && seen.load(Ordering::Relaxed) > 100, "{errors}");
    assert!(table.contains("two: its CPU time is not known") && !table.contains("one: its CPU"), "{table}");
    let servers = &results.document()["workloads"][0]["servers"];
    assert!(servers[0]["cpu_us_per_request"]["median"].as_f64().unwrap() > 0.0, "{servers}");
    assert!(servers[1]["requests_ratio"]["median"].as_f64().unwrap() > 0.0, "{servers}");
}

#[test]
fn servers_of_a_comparison_can_want_a_password() {
    let redis = Redis::start(&["--requirepass", "open sesame"]);
    let server = format!("one=127.0.0.1:{}", redis.port);
    let load = ["--server", &server, "--workload", "get-c2", "--key-space", "100", "--rounds", "1"];
    let rest = ["--seconds", "0.2", "--resp", "3", "--database", "3"];
    for (login, code) in [
        (&["--user", "default", "--password", "open sesame"][..], 0),
        (&["--password", "wrong"], 1),
        (&[], 1),
    ] {
        let results = Results::new();
        let output = compare(&results, &[&load[..], &rest, login, &["--json", &results.path()]].concat());
        let (table, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(code), "{table}{errors}");
        let refused = errors.contains("refuses AUTH: WRONGPASS") || errors.contains("NOAUTH");
        assert_eq!(refused, code != 0, "{errors}");
        assert!(!table.contains("sesame"), "{table}");
    }
}

#[test]
fn a_server_that_cannot_start_ends_the_comparison() {
    let results = Results::new();
    let ends = "a=sh -c 'echo port {port} is ugly; exit 3'";
    let output = compare(&results, &["--server", ends, "--workload", "ping"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("a has ended") && errors.contains("is ugly"), "{errors}");
}

#[test]
fn an_interrupted_comparison_stops_its_servers() {
    let results = Results::new();
    let folder = results.0.join("temporary");
    std::fs::create_dir(&folder).unwrap();
    let server = format!("one={}", small_server_command());
    let child = program()
        .env("TMPDIR", &folder)
        .args(["compare", "--server", &server, "--workload", "ping", "--seconds", "60"])
        .spawn()
        .unwrap();
    // The generator leaves a file for its messages as soon as it is started.
    let running = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path().join("messages").exists();
    wait_until(|| std::fs::read_dir(&folder).unwrap().any(running));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let (table, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(130), "{errors}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "folders are left behind");
    assert!(table.contains("one: env SMALL_SERVER_PORT"), "{table}");
}
