//! Servers that are late, slow, wrong, silent or gone: what the program measures and says must be the truth.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use support::{Answer, Results, run, serve, texts};

fn microseconds(document: &Value, name: &str) -> f64 {
    document["latency_us"][name].as_f64().unwrap()
}

#[test]
fn a_late_server_has_the_latency_it_has() {
    let (port, _) = serve(Answer::Late(Duration::from_millis(20)));
    let results = Results::new();
    let load = ["--command", "PING", "--connections", "4", "--requests", "100", "--json", &results.path()];
    assert!(run(port, &load).status.success());
    let document = results.document();
    assert_eq!(document["requests"], 100);
    let (p50, max) = (microseconds(&document, "p50"), microseconds(&document, "max"));
    assert!((20_000.0..120_000.0).contains(&p50) && max >= p50, "{document}");
}

#[test]
fn replies_in_pieces_count_once() {
    let (port, seen) = serve(Answer::Pieces);
    let results = Results::new();
    let load = ["--command", "GET {key}", "--connections", "3", "--pipeline", "5", "--requests", "600"];
    let output = run(port, &[&load[..], &["--json", &results.path()]].concat());
    assert!(output.status.success(), "{output:?}");
    assert_eq!((results.document()["requests"].as_u64(), seen.load(Ordering::Relaxed)), (Some(600), 600));
}

/// The open loop against a server that pauses for a tenth of the time: a tenth of the requests are late, evenly up to
/// the length of the pause, however few the connections on which they wait.
#[test]
fn an_open_loop_shows_a_pause_that_a_closed_loop_hides() {
    let behaviour = Answer::Pausing { after: Duration::from_millis(800), pause: Duration::from_millis(200) };
    let mut measured = Vec::new();
    for rate in [&["--rate", "1000"][..], &["--rate", "1000", "--arrivals", "poisson"], &[]] {
        let (port, _) = serve(behaviour);
        let results = Results::new();
        let load = ["--command", "PING", "--connections", "5", "--seconds", "2", "--json", &results.path()];
        let output = run(port, &[&load[..], rate].concat());
        assert!(output.status.success(), "{output:?}");
        measured.push(results.document());
    }
    for document in &measured[..2] {
        let requests = document["requests"].as_f64().unwrap() + document["unanswered"].as_f64().unwrap();
        assert!((1850.0..2150.0).contains(&requests), "{document}");
        let p99 = microseconds(document, "p99");
        // 1 % of all, a tenth of those that wait: 180 ms, and more when this machine adds a pause of its own.
        assert!((165_000.0..400_000.0).contains(&p99), "{document}");
        assert!(
            (microseconds(document, "max") - p99) < 400_000.0 && microseconds(document, "p50") < 50_000.0
        );
    }
    // Five of many thousands wait: the closed loop asks nothing meanwhile.
    assert!(microseconds(&measured[2], "p99") < 100_000.0 && microseconds(&measured[2], "max") > 190_000.0);
}

/// The same at full length: of 10 s at 1000/s the server stands still for one.
#[test]
fn a_second_of_ten_without_answers_shows_as_a_p99_near_a_second() {
    let (port, _) = serve(Answer::Pausing { after: Duration::from_secs(4), pause: Duration::from_secs(1) });
    let results = Results::new();
    let load = ["--command", "PING", "--rate", "1000", "--seconds", "10", "--json", &results.path()];
    let output = run(port, &load);
    assert!(output.status.success(), "{output:?}");
    let document = results.document();
    let requests = document["requests"].as_f64().unwrap() + document["unanswered"].as_f64().unwrap();
    assert!((9800.0..10_200.0).contains(&requests), "{document}");
    // A tenth of all wait, evenly up to a second; 1 % of all are the tenth of those that waits longest.
    let p99 = microseconds(&document, "p99");
    assert!((870_000.0..1_100_000.0).contains(&p99), "{document}");
    assert!((980_000.0..1_300_000.0).contains(&microseconds(&document, "max")), "{document}");
    assert!(microseconds(&document, "p50") < 20_000.0, "{document}");
}

#[test]
fn a_server_that_never_answers_is_said_to() {
    for rate in [&[][..], &["--rate", "100"]] {
        let (port, _) = serve(Answer::Silent);
        let results = Results::new();
        let load = ["--command", "PING", "--connections", "3", "--reply-timeout", "0.3"];
        let output = run(port, &[&load[..], &["--json", &results.path()], rate].concat());
        let (_, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(errors.contains("has not answered for 0.3 s (0 requests were answered"), "{errors}");
        let document = results.document();
        assert_eq!((&document["requests"], &document["ended"]), (&0.into(), &"failed".into()));
        assert!(document["unanswered"].as_u64().unwrap() >= 3, "{document}");
        if !rate.is_empty() {
            assert!(microseconds(&document, "max") >= 250_000.0, "{document}");
        }
    }
}

#[test]
fn a_run_that_ends_before_any_answer_is_no_success() {
    let (port, _) = serve(Answer::Silent);
    let output = run(port, &["--command", "PING", "--seconds", "0.2"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("answered no request at all"), "{errors}");
}

#[test]
fn more_replies_than_requests_are_noticed() {
    let (port, _) = serve(Answer::TooMuch);
    let output = run(port, &["--command", "PING", "--connections", "1"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("more than it was asked"), "{errors}");
}

#[test]
fn a_refused_password_is_explained() {
    let (port, _) = serve(Answer::NoEntry);
    let output = run(port, &["--command", "PING", "--user", "anna", "--password", "wrong"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("refuses AUTH: WRONGPASS") && errors.contains("0 of 50 connections"), "{errors}");
}

#[test]
fn the_whole_distribution_is_written_on_demand() {
    let (port, _) = serve(Answer::Value);
    let results = Results::new();
    let file = results.0.join("latencies.hgrm").display().to_string();
    let output = run(port, &["--command", "PING", "--requests", "500", "--hgrm", &file]);
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("Percentile") && text.contains("Total count    =          500"), "{text}");
}
