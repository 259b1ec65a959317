//! Transactions of one client that no comparison with Redis shows: several shards, disconnects, bounds, moving slots.

use std::time::Duration;

use super::common::{Client, Launch, Server, Value, request, words};

fn ok() -> Value {
    Value::Simple(b"OK".to_vec())
}

fn server(shards: usize) -> Server {
    Launch::basalt().shards(shards).with("enable-debug-command", "yes").start()
}

/// What INFO says of keys in database 0.
fn key_count(server: &Server) -> i64 {
    match server.client().ask("DBSIZE") {
        Value::Integer(count) => count,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_watches_is_forgotten_with_the_connection() {
    let server = server(4);
    for _ in 0..200 {
        let mut client = server.client();
        assert_eq!(client.ask("WATCH a b c d e f"), ok());
        assert_eq!(client.ask("MULTI"), ok());
        client.ask("SET a 1");
    }
    let mut client = server.client();
    assert_eq!(client.ask("WATCH a"), ok());
    assert_eq!(client.ask("MULTI"), ok());
    client.ask("SET a 2");
    assert_eq!(client.ask("EXEC"), Value::Array(vec![ok()]));
    assert_eq!(client.ask("GET a"), Value::Bulk(b"2".to_vec()));
}

#[test]
fn a_transaction_runs_although_its_client_has_gone() {
    let server = server(4);
    for round in 0..50 {
        let mut client = server.client();
        let queued = ["MULTI", "SET a 1", "SELECT 1", "SET b 1", "SELECT 0", "RENAME a c", "SET d 1", "EXEC"];
        let sent: Vec<u8> = queued.iter().flat_map(|line| words(line)).collect();
        client.send(&sent);
        // It may have been sent and never read: that it arrived at all shows in another client's reply.
        drop(client);
        let mut other = server.client();
        let found = |client: &mut super::common::Client| {
            (client.ask("EXISTS c"), client.ask("EXISTS d"), client.ask("EXISTS a"))
        };
        let whole = (Value::Integer(1), Value::Integer(1), Value::Integer(0));
        let seen = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            found(&mut other) == whole
        });
        assert!(seen, "round {round}: {:?}", found(&mut other));
        assert_eq!(other.ask("FLUSHALL"), ok());
    }
}

#[test]
fn an_exec_of_more_commands_than_there_are_places_is_answered_whole() {
    let server = server(3);
    let mut client = server.client();
    let count = 5000;
    let mut sent = words("MULTI");
    (0..count).for_each(|index| sent.extend(words(&format!("SET key:{index} {index}"))));
    sent.extend(words("EXEC"));
    client.send(&sent);
    assert_eq!(client.read(), ok());
    (0..count).for_each(|_| assert_eq!(client.read(), Value::Simple(b"QUEUED".to_vec())));
    assert_eq!(client.read(), Value::Array(vec![ok(); count]));
    assert_eq!(key_count(&server), count as i64);
}

/// Arguments of this size are kept where they were received, and count all the same.
#[test]
fn large_arguments_that_are_queued_are_bounded_too() {
    let server = Launch::basalt().shards(2).with("client-query-buffer-limit", "1mb").start();
    let mut client = server.client();
    client.ask("MULTI");
    let value = vec![b'x'; 300_000];
    let is_queued = |client: &mut Client| {
        client.try_send(&request(&[&b"SET"[..], b"k", &value])).is_ok() && client.try_read().is_ok()
    };
    let queued = (0..10).take_while(|_| is_queued(&mut client)).count();
    assert_eq!(queued, 3, "the fourth one is beyond the limit");
    assert_eq!(server.client().ask("EXISTS k"), Value::Integer(0));
}

#[test]
fn what_is_queued_is_bounded_by_the_limit_of_a_request() {
    let server = Launch::basalt().shards(2).with("client-query-buffer-limit", "1mb").start();
    let mut client = server.client();
    assert_eq!(client.ask("MULTI"), ok());
    let value = "x".repeat(10_000);
    let closed = (0..200)
        .any(|_| client.try_send(&words(&format!("SET k {value}"))).is_err() || client.try_read().is_err());
    assert!(closed, "a client that queues without end is closed");
    assert_eq!(server.client().ask("EXISTS k"), Value::Integer(0));
}

#[test]
fn a_pipeline_of_transactions_is_answered_in_order() {
    let server = server(4);
    let mut client = server.client();
    let mut sent = Vec::new();
    for index in 0..500 {
        for line in [
            format!("MSET a {index} b {index} c {index}"),
            "MGET a b c".to_owned(),
            "GET a".to_owned(),
            "MULTI".to_owned(),
            "GET b".to_owned(),
            "INCR n".to_owned(),
            "EXEC".to_owned(),
            "RENAME a z".to_owned(),
            "GET z".to_owned(),
        ] {
            sent.extend(words(&line));
        }
    }
    client.send(&sent);
    for index in 0..500 {
        let value = Value::Bulk(index.to_string().into_bytes());
        let queued = Value::Simple(b"QUEUED".to_vec());
        for expected in [
            ok(),
            Value::Array(vec![value.clone(); 3]),
            value.clone(),
            ok(),
            queued.clone(),
            queued,
            Value::Array(vec![value.clone(), Value::Integer(index + 1)]),
            ok(),
            value.clone(),
        ] {
            assert_eq!(client.read(), expected, "round {index}");
        }
    }
}

#[test]
fn slots_move_while_clients_are_served() {
    let server = server(4);
    let mut mover = server.client();
    let mut client = server.client();
    for index in 0..2000 {
        client.ask(&format!("SET key:{index} {index}"));
    }
    std::thread::scope(|scope| {
        let readers = (0..3).map(|reader| {
            let mut client = server.client();
            scope.spawn(move || {
                for index in 0..4000 {
                    let key = (index * 7 + reader * 13) % 2000;
                    let value = Value::Bulk(key.to_string().into_bytes());
                    match index % 3 {
                        0 => assert_eq!(client.ask(&format!("GET key:{key}")), value),
                        1 => {
                            let other = (key + 1) % 2000;
                            let others = Value::Bulk(other.to_string().into_bytes());
                            let both = client.ask(&format!("MGET key:{key} key:{other}"));
                            assert_eq!(both, Value::Array(vec![value, others]));
                        }
                        _ => assert_eq!(client.ask(&format!("SET key:{key} {key}")), ok()),
                    }
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for round in 0..1500 {
            let (slot, shard) = ((round * 11) % 16_384, round % 4);
            assert_eq!(mover.ask(&format!("DEBUG MOVE-SLOT {slot} {shard}")), ok());
        }
        readers.into_iter().for_each(|reader| reader.join().expect("every value is there"));
    });
    assert_eq!(key_count(&server), 2000);
}

#[test]
fn a_scan_sees_what_is_there_throughout_while_keys_change_and_slots_move() {
    let server = server(4);
    let (mut scanner, mut changer) = (server.client(), server.client());
    for index in 0..1500 {
        scanner.ask(&format!("SET stays:{index} {index}"));
    }
    for round in 0..3 {
        let (mut cursor, mut seen, mut step) = ("0".to_owned(), std::collections::HashSet::new(), 0);
        loop {
            let Value::Array(reply) = scanner.ask(&format!("SCAN {cursor} COUNT 50 MATCH stays:*")) else {
                panic!("SCAN answers an array");
            };
            cursor = reply[0].string();
            assert!(cursor.parse::<u64>().is_ok_and(|cursor| cursor < 1 << 53), "{cursor}");
            seen.extend(reply[1].items().iter().map(Value::string));
            if cursor == "0" {
                break;
            }
            step += 1;
            for index in 0..5 {
                changer.ask(&format!("SET comes:{round}:{step}:{index} 1"));
                changer.ask(&format!("DEL comes:{round}:{}:{index}", step / 2));
            }
            let slot = (step * 997 + round * 31) % 16_384;
            assert_eq!(changer.ask(&format!("DEBUG MOVE-SLOT {slot} {}", step % 4)), ok());
        }
        assert_eq!(seen.len(), 1500, "round {round}");
    }
}

#[test]
fn a_pipeline_keeps_its_order_while_its_slot_moves() {
    let server = server(4);
    let (mut mover, mut client) = (server.client(), server.client());
    // `foo` has slot 12182.
    for round in 0..300 {
        let mut sent = words("DEL foo");
        (0..50).for_each(|index| sent.extend(words(&format!("APPEND foo {}", index % 10))));
        sent.extend(words("DEL bar foo{x}y"));
        sent.extend(words("GET foo"));
        client.send(&sent);
        assert_eq!(mover.ask(&format!("DEBUG MOVE-SLOT 12182 {}", round % 4)), ok());
        client.read();
        for index in 0..50 {
            assert_eq!(client.read(), Value::Integer(index + 1), "round {round}");
        }
        client.read();
        assert_eq!(client.read().string(), "0123456789".repeat(5), "round {round}");
    }
}

#[test]
fn moving_a_slot_needs_a_slot_a_shard_and_no_transaction() {
    let server = server(2);
    let mut client = server.client();
    for line in
        ["DEBUG MOVE-SLOT 16384 0", "DEBUG MOVE-SLOT x 0", "DEBUG MOVE-SLOT 1 2", "DEBUG MOVE-SLOT 1 -1"]
    {
        assert!(client.ask(line).is_error(), "{line}");
    }
    client.ask("MULTI");
    client.ask("DEBUG MOVE-SLOT 1 1");
    client.ask("SET k v");
    let Value::Array(replies) = client.ask("EXEC") else {
        panic!("EXEC answers");
    };
    assert!(replies[0].is_error() && replies[1] == ok(), "{replies:?}");
}

#[test]
fn a_slot_is_moved_behind_requests_that_are_under_way() {
    let server = server(4);
    let mut client = server.client();
    for slot in 0..200 {
        let lines = [format!("SET k{slot} 1"), format!("DEBUG MOVE-SLOT {slot} {}", slot % 4), "PING".into()];
        client.send(&lines.iter().flat_map(|line| words(line)).collect::<Vec<_>>());
        assert_eq!(lines.each_ref().map(|_| client.read().string()), ["OK", "OK", "PONG"]);
    }
}
