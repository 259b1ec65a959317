//! Publishers and subscribers at a real server.

mod support;

use support::redis::Redis;
use support::{Answer, Results, program, serve, texts};

#[test]
fn every_message_reaches_every_subscriber_of_its_channel() {
    let redis = Redis::start(&[]);
    let port = redis.port.to_string();
    for more in [
        &["--resp", "2"][..],
        &["--resp", "3", "--pipeline", "4"],
        &["--rate", "500"],
        // More threads than publishers; the last have subscribers only.
        &["--cpus", "0,0,0,0", "--pipeline", "4"],
        &["--cpus", "0,0,0", "--rate", "500"],
    ] {
        let results = Results::new();
        let load = ["pubsub", "--port", &port, "--publishers", "2", "--subscribers", "7", "--channels", "3"];
        let rest = ["--seconds", "0.5", "--json", &results.path()];
        let output = program().args(load).args(rest).args(more).output().unwrap();
        let (table, errors) = texts(&output);
        assert!(output.status.success() && errors.is_empty(), "{errors}{table}");
        let document = results.document();
        let count = |name: &str| document[name].as_f64().unwrap();
        assert!(count("published") > 50.0 && count("missing") == 0.0, "{document}");
        // Channels have three, two and two subscribers.
        let each = count("delivered") / count("published");
        assert!((2.2..2.5).contains(&each), "{document}");
        assert!(document["latency_us"]["p50"].as_f64().unwrap() > 0.0, "{document}");
        if more.contains(&"--rate") {
            assert!((200.0..=260.0).contains(&count("published")), "{document}");
        }
    }
}

#[test]
fn a_server_that_does_not_publish_is_explained() {
    let (port, _) = serve(Answer::Error);
    let output = program().args(["pubsub", "--port", &port.to_string()]).output().unwrap();
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors.contains("cannot subscribe (0 of 50") && errors.contains(": ERR no such thing"),
        "{errors}"
    );
}
