//! Pipelines: replies come in the order sent, and commands on a key take effect in the order sent.

use std::collections::HashMap;

use super::common::random::Random;
use super::common::{Launch, Value, request, shown, words};

#[test]
fn ten_thousand_commands_in_one_write_are_answered_in_order() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let mut sent = Vec::new();
    for index in 0..10_000 {
        sent.extend(request(&["ECHO", &index.to_string()]));
    }
    client.send(&sent);
    for index in 0..10_000 {
        assert_eq!(client.read().string(), index.to_string());
    }
}

#[test]
fn inline_and_other_requests_share_a_pipeline() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let sent: Vec<u8> = (0..3000).flat_map(|_| [b"PING\r\n".to_vec(), words("ECHO a")].concat()).collect();
    client.send(&sent);
    for _ in 0..3000 {
        assert_eq!(client.read(), Value::Simple(b"PONG".to_vec()));
        assert_eq!(client.read(), Value::Bulk(b"a".to_vec()));
    }
}

/// One key-value map: what a server without shards would say.
#[derive(Default)]
struct Model {
    values: HashMap<String, Vec<u8>>,
}

impl Model {
    fn answer(&mut self, arguments: &[String]) -> Value {
        let key = arguments.get(1).cloned().unwrap_or_default();
        match arguments[0].as_str() {
            "PING" => Value::Simple(b"PONG".to_vec()),
            "SET" => {
                self.values.insert(key, arguments[2].clone().into_bytes());
                Value::Simple(b"OK".to_vec())
            }
            "GET" => self.values.get(&key).map_or(Value::NullBulk, |value| Value::Bulk(value.clone())),
            "DEL" => {
                let gone = arguments[1..].iter().filter(|key| self.values.remove(*key).is_some()).count();
                Value::Integer(gone as i64)
            }
            "EXISTS" => {
                let found = arguments[1..].iter().filter(|key| self.values.contains_key(*key)).count();
                Value::Integer(found as i64)
            }
            "DBSIZE" => Value::Integer(self.values.len() as i64),
            "FLUSHALL" => {
                self.values.clear();
                Value::Simple(b"OK".to_vec())
            }
            other => panic!("the model does not know {other}"),
        }
    }
}

fn mixed_command(random: &mut Random) -> Vec<String> {
    let key = |random: &mut Random| format!("mixed:{}", random.below(24));
    let name = match random.below(40) {
        0..14 => "SET",
        14..28 => "GET",
        28..32 => "DEL",
        32..36 => "EXISTS",
        36..38 => "PING",
        38 => "DBSIZE",
        _ => "FLUSHALL",
    };
    let mut arguments = vec![name.to_owned()];
    match name {
        "SET" => {
            arguments.push(key(random));
            // Now and then a value that has a block of its own.
            let bytes = if random.once_in(20) { 20_000 } else { 1 + random.below(40) };
            arguments.push(format!("{:0bytes$}", random.below(1_000_000_000)));
        }
        "GET" => arguments.push(key(random)),
        "DEL" | "EXISTS" => (0..1 + random.below(4)).for_each(|_| arguments.push(key(random))),
        _ => {}
    }
    arguments
}

/// Pipelines of random length over keys of all shards, on one connection, against the model.
fn check_mixed_pipelines(shards: usize) {
    let server = Launch::basalt().shards(shards).start();
    let (mut random, seed) = Random::printed();
    let (mut client, mut model) = (server.client(), Model::default());
    for round in 0..150 {
        let commands: Vec<_> = (0..1 + random.below(200)).map(|_| mixed_command(&mut random)).collect();
        client.send(&commands.iter().flat_map(|arguments| request(arguments)).collect::<Vec<u8>>());
        for (index, arguments) in commands.iter().enumerate() {
            let reply = client.read();
            let expected = model.answer(arguments);
            assert!(
                reply == expected,
                "seed {seed}, round {round}, command {index}, {}: {reply:?} and not {expected:?}",
                shown(&request(arguments))
            );
        }
    }
}

#[test]
fn replies_of_mixed_pipelines_come_in_order_from_one_shard() {
    check_mixed_pipelines(1);
}

#[test]
fn replies_of_mixed_pipelines_come_in_order_from_two_shards() {
    check_mixed_pipelines(2);
}

#[test]
fn replies_of_mixed_pipelines_come_in_order_from_four_shards() {
    check_mixed_pipelines(4);
}

#[test]
fn many_clients_with_pipelines_each_get_their_own_replies() {
    let server = Launch::basalt().shards(2).start();
    let mut clients: Vec<_> = (0..50).map(|_| server.client()).collect();
    for round in 0..20 {
        for (number, client) in clients.iter_mut().enumerate() {
            let text = format!("{number}:{round}");
            let key = format!("own:{number}");
            let sent = [request(&["SET", &key, &text]), request(&["GET", &key]), request(&["ECHO", &text])];
            client.send(&sent.concat());
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let text = format!("{number}:{round}");
            assert_eq!(client.read(), Value::Simple(b"OK".to_vec()));
            assert_eq!(client.read().string(), text);
            assert_eq!(client.read().string(), text);
        }
    }
}
