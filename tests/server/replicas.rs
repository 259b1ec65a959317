//! What a server without replicas says about them.

use std::time::{Duration, Instant};

use super::common::{Launch, Value, request, words};
use super::wire::{case, compare};

#[test]
fn questions_about_replicas_are_answered_as_redis_does() {
    let lines = [
        "ROLE",
        "REPLICAOF NO ONE",
        "slaveof no one",
        "REPLICAOF NO",
        "REPLICAOF no one x",
        "REPLICAOF x y",
        "SLAVEOF no x",
        "REPLICAOF host 65536",
        "WAIT 0 0",
        "WAIT 0 10",
        "WAIT -1 0",
        "WAIT 1 10",
        "WAIT x 0",
        "WAIT 0 x",
        "WAIT 0 -1",
        "WAIT 1",
        "READONLY",
        "READWRITE",
        "ASKING",
        "READONLY x",
    ];
    let mut cases: Vec<_> = lines.iter().map(|line| case("a line", words(line))).collect();
    cases.push(case("in a transaction", [words("MULTI"), words("WAIT 1 0"), words("EXEC")].concat()));
    cases.push(case(
        "a pipeline",
        [words("PING"), words("WAIT 3 100"), words("ECHO a"), words("GET b")].concat(),
    ));
    compare(&cases);
}

#[test]
fn waiting_for_replicas_stops_nobody_else() {
    let server = Launch::basalt().shards(2).start();
    let mut waiting: Vec<_> = (0..20).map(|_| server.client()).collect();
    for (index, client) in waiting.iter_mut().enumerate() {
        client.send(&words(if index % 2 == 0 { "WAIT 1 400" } else { "WAIT 1 0" }));
        client.send(&words("PING"));
    }
    let started = Instant::now();
    let mut others: Vec<_> = (0..20).map(|_| server.client()).collect();
    for client in &mut others {
        assert_eq!(client.ask("SET a 1"), Value::Simple(b"OK".to_vec()));
    }
    for client in waiting.iter_mut().step_by(2) {
        assert_eq!(client.read(), Value::Integer(0));
        assert_eq!(client.read(), Value::Simple(b"PONG".to_vec()));
    }
    assert!(started.elapsed() >= Duration::from_millis(300), "not before its time is over");
    // Those that wait for ever are gone as soon as they leave.
    drop(waiting);
    let alone = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        others[0].ask("CLIENT LIST").string().lines().count() == others.len()
    });
    assert!(alone, "{}", others[0].ask("CLIENT LIST").string());
}

#[test]
fn the_time_and_other_facts_have_the_form_that_redis_gives_them() {
    for launch in [Launch::basalt().shards(2), Launch::redis()] {
        let server = launch.start();
        let mut client = server.client();
        let time = client.ask("TIME").items();
        let now_s = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
        let [seconds, micros] = &time[..] else { panic!("{time:?}") };
        let number = |value: &Value| value.string().parse::<u64>().expect("a number");
        assert!(number(seconds).abs_diff(now_s) < 60 && number(micros) < 1_000_000, "{time:?}");
        let last = client.ask("LASTSAVE").integer();
        assert!(last.unsigned_abs().abs_diff(now_s) < 60, "{last}");
        for (bits, digits) in [("", 64), (" 1", 1), (" 5", 2), (" 4096", 1024)] {
            let password = client.ask(&format!("ACL GENPASS{bits}")).string();
            assert!(
                password.len() == digits && password.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{password}"
            );
        }
        assert_ne!(client.ask("ACL GENPASS").string(), client.ask("ACL GENPASS").string());
        for line in
            ["LOLWUT", "LOLWUT VERSION 5", "LOLWUT VERSION 6 10", "LOLWUT VERSION 5 3 10 2", "LOLWUT 1 2"]
        {
            let art = client.ask(line).string();
            assert!(art.ends_with("Redis ver. 7.0.15\n"), "{line}: {art}");
        }
    }
    let lines = [
        "ACL",
        "ACL nosuch",
        "ACL CAT nosuch",
        "ACL CAT a b",
        "ACL GENPASS 0",
        "ACL GENPASS 4097",
        "ACL GENPASS x",
        "ACL GENPASS 1 2",
        "ACL CAT",
        "ACL WHOAMI",
        "ACL WHOAMI x",
        "LOLWUT VERSION x",
        "LOLWUT VERSION 5 x",
        "LOLWUT",
        "CLIENT GETREDIR",
        "CLIENT TRACKINGINFO",
        "CLIENT GETREDIR x",
    ];
    compare(&lines.map(|line| case("a line", words(line))));
    let third = |line: &str| {
        case("a line", [words("HELLO 3 nosuch"), request(&["HELLO", "x"]), words(line)].concat())
    };
    compare(&[third("CLIENT TRACKINGINFO"), third("LOLWUT"), third("ROLE")]);
}
