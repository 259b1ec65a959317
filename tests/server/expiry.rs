//! Deadlines on the real clock; what each option of SET does to them is compared in `tests/conformance`.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::common::{Launch, Value};

/// Expiry is late by a turn of the core, not by more than a busy machine explains.
const LATE_MAX: Duration = Duration::from_millis(500);

#[test]
fn a_key_is_there_until_its_deadline_and_not_after() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    for round in 0..8 {
        let key = format!("round:{round}");
        let set_at = Instant::now();
        client.command(&["SET", &key, "v", "PX", "200"]);
        loop {
            let asked_at = set_at.elapsed();
            match client.command(&["GET", &key]) {
                Value::NullBulk => {
                    break assert!(set_at.elapsed() >= Duration::from_millis(200), "not early");
                }
                _ => assert!(asked_at < Duration::from_millis(200) + LATE_MAX, "not late"),
            }
            sleep(Duration::from_millis(5));
        }
        assert_eq!(client.command(&["EXISTS", &key]), Value::Integer(0));
        assert_eq!(client.command(&["SET", &key, "v", "XX"]), Value::NullBulk);
        assert_eq!(client.command(&["SET", &key, "v", "NX"]), Value::Simple(b"OK".to_vec()));
    }
}

#[test]
fn keys_that_nobody_reads_go_as_well() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    for index in 0..20_000 {
        client.send(format!("SET gone:{index} v PX 300\r\n").as_bytes());
    }
    for _ in 0..20_000 {
        assert_eq!(client.read(), Value::Simple(b"OK".to_vec()));
    }
    client.ask("SET stays v PX 1000000");
    let is_done = |count: &Value| *count == Value::Integer(1);
    let done = (0..500).any(|_| {
        sleep(Duration::from_millis(10));
        is_done(&client.ask("DBSIZE"))
    });
    assert!(done, "{:?} keys are left", client.ask("DBSIZE"));
    let stats = client.ask("INFO stats").string();
    assert!(stats.contains("expired_keys:20000"), "{stats}");
}
