//! CLIENT PAUSE: who waits, for how long, and what is true once it is answered.

use std::time::{Duration, Instant};

use super::common::{Launch, Value, words};

fn ok() -> Value {
    Value::Simple(b"OK".to_vec())
}

#[test]
fn writers_wait_while_readers_go_on() {
    for shards in [1, 3] {
        let server = Launch::basalt().shards(shards).start();
        let (mut pauser, mut writer, mut reader) = (server.client(), server.client(), server.client());
        writer.ask("SET k before");
        assert_eq!(writer.ask("MULTI"), ok());
        writer.ask("SET k after");
        assert_eq!(pauser.ask("CLIENT PAUSE 60000 WRITE"), ok());
        writer.send(&words("EXEC"));
        assert_eq!(reader.ask("GET k").string(), "before");
        assert_eq!(reader.ask("MGET k k"), Value::Array(vec![Value::Bulk(b"before".to_vec()); 2]));
        assert_eq!(reader.ask("CLIENT UNPAUSE"), ok());
        assert_eq!(writer.read(), Value::Array(vec![ok()]));
        assert_eq!(reader.ask("GET k").string(), "after");
    }
}

#[test]
fn all_wait_until_the_time_is_over() {
    let server = Launch::basalt().shards(2).start();
    let (mut pauser, mut client) = (server.client(), server.client());
    let begun = Instant::now();
    assert_eq!(pauser.ask("CLIENT PAUSE 300"), ok());
    client.send(&[words("SET k v"), words("GET k"), words("PING")].concat());
    assert_eq!(client.read(), ok());
    assert!(begun.elapsed() >= Duration::from_millis(300), "nothing runs during the pause");
    assert_eq!(client.read().string(), "v");
    assert_eq!(client.read(), Value::Simple(b"PONG".to_vec()));
}

#[test]
fn a_large_value_waits_as_well() {
    let server = Launch::basalt().shards(2).start();
    let (mut pauser, mut writer) = (server.client(), server.client());
    assert_eq!(pauser.ask("CLIENT PAUSE 60000 WRITE"), ok());
    let value = "x".repeat(200_000);
    writer.send(&words(&format!("SET k {value}")));
    writer.send(b"SET \"inline\" 1\r\n");
    assert_eq!(pauser.ask("EXISTS k inline"), Value::Integer(0));
    assert_eq!(pauser.ask("CLIENT UNPAUSE"), ok());
    assert_eq!(writer.read(), ok());
    assert_eq!(writer.read(), ok());
    assert_eq!(pauser.ask("GET k").string(), value);
}

#[test]
fn nothing_is_written_behind_the_answer() {
    let server = Launch::basalt().shards(4).start();
    let mut pauser = server.client();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let mut client = server.client();
                scope.spawn(move || {
                    for index in 0..2000 {
                        let (a, b) = (format!("a{writer}:{}", index % 9), format!("b{writer}:{}", index % 7));
                        assert_eq!(client.ask(&format!("MSET {a} {index} {b} {index}")), ok());
                    }
                })
            })
            .collect();
        for _ in 0..20 {
            assert_eq!(pauser.ask("CLIENT PAUSE 60000 WRITE"), ok());
            let keys: Vec<String> =
                (0..4).flat_map(|writer| (0..9).map(move |key| format!("a{writer}:{key}"))).collect();
            let line = format!("MGET {}", keys.join(" "));
            let before = pauser.ask(&line);
            std::thread::sleep(Duration::from_millis(5));
            assert_eq!(pauser.ask(&line), before);
            assert_eq!(pauser.ask("CLIENT UNPAUSE"), ok());
        }
        writers.into_iter().for_each(|writer| writer.join().expect("writers go on"));
    });
}

#[test]
fn nobody_is_blocked_so_nobody_is_unblocked() {
    let server = Launch::basalt().shards(2).start();
    let (mut pauser, mut writer) = (server.client(), server.client());
    let Value::Integer(id) = writer.ask("CLIENT ID") else {
        panic!("CLIENT ID is a number");
    };
    assert_eq!(pauser.ask("CLIENT PAUSE 60000 WRITE"), ok());
    writer.send(&words("SET k v"));
    // The request may still be on its way.
    let line = format!("CLIENT LIST ID {id}");
    let waits = (0..1000).any(|_| pauser.ask(&line).string().contains(" flags=b "));
    assert!(waits, "{}", pauser.ask(&line).string());
    assert_eq!(pauser.ask(&format!("CLIENT UNBLOCK {id}")), Value::Integer(0));
    assert_eq!(pauser.ask("CLIENT UNPAUSE"), ok());
    assert_eq!(writer.read(), ok());
}
