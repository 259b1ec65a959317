//! Pipelines: replies come in the order sent, and commands on a key take effect in the order sent.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

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

/// Clients whose replies are made on all cores at once get their own, each once.
#[test]
fn many_clients_get_their_own_replies_from_all_shards() {
    let (mut random, _) = Random::printed();
    for shards in [2, 3, 4] {
        let server = Launch::basalt().shards(shards).start();
        let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
        let value = |key: usize| format!("{key}_").repeat(1 + key % 40);
        for key in 0..200 {
            assert_eq!(clients[0].command(&["SET", &format!("k{key}"), &value(key)]).string(), "OK");
        }
        for _ in 0..40 {
            let plans: Vec<Vec<usize>> =
                clients.iter().map(|_| (0..8).map(|_| random.below(200)).collect()).collect();
            for (client, plan) in clients.iter_mut().zip(&plans) {
                let sent: Vec<u8> =
                    plan.iter().flat_map(|key| request(&["GET", &format!("k{key}")])).collect();
                client.send(&sent);
            }
            for (client, plan) in clients.iter_mut().zip(&plans) {
                for key in plan {
                    assert_eq!(client.read().string(), value(*key), "{shards} shards");
                }
            }
        }
        for client in &mut clients {
            // A reply that was sent twice would come first.
            assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()));
        }
    }
}

#[test]
fn what_was_sent_before_the_end_is_run_and_answered() {
    for shards in [1, 3] {
        let server = Launch::basalt().shards(shards).start();
        for (sent, replies) in [
            ("DBSIZE\r\nPING\r\n".to_owned(), 2),
            ("FLUSHALL\r\nSET a 1\r\nGET a\r\n".to_owned(), 3),
            ((0..20_000).map(|index| format!("EXISTS x{index}\r\n")).collect(), 20_000),
            ("PING\r\nGET".to_owned(), 1),
        ] {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("the server accepts");
            let reader = stream.try_clone().expect("a second handle");
            let writer = std::thread::spawn(move || {
                stream.write_all(sent.as_bytes()).expect("the server reads");
                stream.shutdown(Shutdown::Write).expect("still open");
            });
            let lines = BufReader::new(reader).lines().map(|line| line.expect("a line"));
            let answers = lines.filter(|line| !line.starts_with('$') && line != "1").count();
            let bulks = usize::from(replies == 3);
            assert_eq!(answers + bulks, replies, "{shards} shards");
            writer.join().expect("the writer does not panic");
        }
    }
}

/// A connection that breaks while many replies are made for it, and for others in the same turn.
#[test]
fn a_broken_connection_takes_nobody_with_it() {
    for shards in [1, 3] {
        let server = Launch::basalt().shards(shards).start();
        let mut observer = server.client();
        assert_eq!(observer.command(&["SET", "k", &"x".repeat(16_000)]).string(), "OK");
        let busy = [&b"EXISTS"[..], &b" k".repeat(30_000), b"\r\n"].concat();
        for _ in 0..20 {
            let mut other = server.client();
            other.send(&busy);
            let socket = TcpStream::connect(("127.0.0.1", server.port)).expect("the server accepts");
            let socket = socket2::Socket::from(socket);
            // Closing then resets the connection.
            socket.set_linger(Some(Duration::ZERO)).expect("a socket option");
            let mut stream = TcpStream::from(socket);
            stream.write_all(&b"GET k\r\n".repeat(95)).expect("sent");
            drop(stream);
            assert_eq!(other.read(), Value::Integer(30_000));
        }
        assert_eq!(observer.ask("PING"), Value::Simple(b"PONG".to_vec()));
    }
}
