//! CLIENT LIST and CLIENT KILL beside redis-server: whom each filter means, alone and with others.

use std::time::Duration;

use super::common::{Client, Launch, Server, Value};

/// The clients of a scenario; the last one asks, and the one before it is a monitor.
const NAMES: [&str; 5] = ["ann", "bob", "cid", "monitor", "asker"];

/// `id:bob`, `addr:bob` and `laddr:bob` stand for what the server knows of him.
const LISTS: &[&str] = &[
    "CLIENT LIST",
    "CLIENT LIST ID id:ann",
    "CLIENT LIST ID id:ann id:cid id:asker",
    "CLIENT LIST ID id:cid id:ann id:cid",
    "CLIENT LIST id 0 -1 999999 id:bob",
    "CLIENT LIST ID",
    "CLIENT LIST ID id:ann x",
    "CLIENT LIST ID id:ann TYPE normal",
    "CLIENT LIST TYPE normal",
    "CLIENT LIST type NORMAL",
    "CLIENT LIST TYPE master",
    "CLIENT LIST TYPE replica",
    "CLIENT LIST TYPE slave",
    "CLIENT LIST TYPE pubsub",
    "CLIENT LIST TYPE monitor",
    "CLIENT LIST TYPE",
    "CLIENT LIST TYPE normal ID id:ann",
    "CLIENT LIST ADDR addr:ann",
];

const KILLS: &[&str] = &[
    "CLIENT KILL addr:bob",
    "CLIENT KILL addr:asker",
    "CLIENT KILL addr:monitor",
    "CLIENT KILL laddr:bob",
    "CLIENT KILL nobody",
    "CLIENT KILL ID id:bob",
    "CLIENT KILL ID id:asker",
    "CLIENT KILL ID id:asker SKIPME no",
    "CLIENT KILL ID id:asker SKIPME yes",
    "CLIENT KILL ID id:monitor",
    "CLIENT KILL ID 999999",
    "CLIENT KILL ID id:ann ID id:bob",
    "CLIENT KILL ID id:ann id:bob",
    "CLIENT KILL ADDR addr:cid",
    "CLIENT KILL ADDR addr:asker",
    "CLIENT KILL ADDR addr:asker SKIPME no",
    "CLIENT KILL ADDR addr:cid ADDR addr:ann",
    "CLIENT KILL LADDR laddr:cid",
    "CLIENT KILL LADDR laddr:cid SKIPME no",
    "CLIENT KILL LADDR 1.2.3.4:5",
    "CLIENT KILL TYPE normal",
    "CLIENT KILL TYPE normal SKIPME no",
    "CLIENT KILL TYPE master",
    "CLIENT KILL TYPE replica",
    "CLIENT KILL TYPE slave",
    "CLIENT KILL TYPE pubsub",
    "CLIENT KILL TYPE nosuch",
    "CLIENT KILL USER default",
    "CLIENT KILL USER default SKIPME no",
    "CLIENT KILL USER nosuch",
    "CLIENT KILL USER default ID id:ann",
    "CLIENT KILL SKIPME yes",
    "CLIENT KILL SKIPME no",
    "CLIENT KILL SKIPME maybe",
    "CLIENT KILL ID id:ann ADDR addr:ann LADDR laddr:ann TYPE normal USER default SKIPME no",
    "CLIENT KILL ID id:ann ADDR addr:bob",
    "CLIENT KILL ID id:ann TYPE pubsub",
    "CLIENT KILL skipme YES id id:bob",
    "CLIENT KILL SKIPME no SKIPME yes",
    "CLIENT KILL ID id:ann nosuch",
    "CLIENT KILL nosuch x",
    "CLIENT KILL ID",
    "CLIENT KILL ID id:ann SKIPME",
];

/// What a request did.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    request: &'static str,
    reply: String,
    closed: Vec<&'static str>,
}

struct Scene {
    clients: Vec<Client>,
    ids: Vec<i64>,
}

impl Scene {
    fn set(server: &Server) -> Self {
        let (mut clients, mut ids) = (Vec::new(), Vec::new());
        // One after the other: cores that accept at the same time give out ids as it happens.
        for name in NAMES {
            let mut client = server.client();
            client.ask(&format!("CLIENT SETNAME {name}"));
            ids.push(client.ask("CLIENT ID").integer());
            clients.push(client);
        }
        // The scene before this one is over when nobody else is left.
        while names(&clients[4].ask("CLIENT LIST").string()).len() > NAMES.len() {
            std::thread::sleep(Duration::from_millis(5));
        }
        clients[3].ask("MONITOR");
        Scene { clients, ids }
    }

    fn word(&self, word: &str, port: u16) -> String {
        let Some((what, name)) = word.split_once(':') else {
            return word.to_owned();
        };
        let Some(index) = NAMES.iter().position(|known| *known == name) else {
            return word.to_owned();
        };
        match what {
            "id" => self.ids[index].to_string(),
            "addr" => self.clients[index].local_address(),
            _ => format!("127.0.0.1:{port}"),
        }
    }

    fn run(mut self, request: &'static str, server: &Server) -> Outcome {
        let words: Vec<_> = request.split(' ').map(|word| self.word(word, server.port)).collect();
        let reply = match self.clients[4].ask(&words.join(" ")) {
            Value::Bulk(text) => names(&String::from_utf8(text).expect("text")).join(" "),
            reply => format!("{reply:?}"),
        };
        let asker = &mut self.clients[4];
        let is_closed = asker.try_send(b"PING\r\n").is_err() || asker.try_read().is_err();
        let left = server.client().ask("CLIENT LIST").string();
        let mut closed = NAMES[..4].to_vec();
        closed.retain(|name| !names(&left).contains(name));
        closed.extend(is_closed.then_some(NAMES[4]));
        Outcome { request, reply, closed }
    }
}

/// The names of CLIENT LIST in its order.
fn names(list: &str) -> Vec<&str> {
    let fields = list.lines().map(|line| line.split(' ').find_map(|field| field.strip_prefix("name=")));
    fields.map(|name| name.expect("each line has a name")).collect()
}

fn outcomes(launch: &Launch) -> Vec<Outcome> {
    let server = launch.start();
    let run = |request: &&'static str| Scene::set(&server).run(request, &server);
    LISTS.iter().chain(KILLS).map(run).collect()
}

#[test]
fn each_filter_means_the_clients_that_it_means_to_redis() {
    let expected = outcomes(&Launch::redis());
    let killed: usize = expected.iter().map(|outcome| outcome.closed.len()).sum();
    assert!(killed > 30, "{killed} clients were killed");
    for shards in [1, 3] {
        let found = outcomes(&Launch::basalt().shards(shards));
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{shards} shards");
        }
    }
}

fn field(line: &str, name: &str) -> u64 {
    let found = line.split([' ', '\n']).find_map(|field| field.strip_prefix(&format!("{name}=")));
    found.expect("the field is there").parse().expect("a number")
}

/// A client's memory is what it makes the server keep: the start of a request, a queue, replies that it does not read.
#[test]
fn the_memory_of_a_client_holds_its_queue_and_its_unfinished_request() {
    const BYTES: u64 = 50_000;
    let server = Launch::basalt().shards(2).start();
    let (mut client, mut observer) = (server.client(), server.client());
    let id = client.ask("CLIENT ID").integer();
    let mut line = || observer.ask(&format!("CLIENT LIST ID {id}")).string();
    let idle = field(&line(), "tot-mem");
    assert!(idle < BYTES, "{idle}");
    client.ask("MULTI");
    client.command(&[&b"SET"[..], b"k", &vec![b'x'; BYTES as usize]]);
    let queueing = line();
    assert!(
        field(&queueing, "multi-mem") >= BYTES && field(&queueing, "tot-mem") >= idle + BYTES,
        "{queueing}"
    );
    client.ask("DISCARD");
    assert_eq!(field(&line(), "tot-mem"), idle);
    client.send(&[&b"*2\r\n$4\r\nECHO\r\n$60000\r\n"[..], &vec![b'x'; BYTES as usize]].concat());
    let is_kept = (0..1000).any(|_| {
        let line = line();
        std::thread::sleep(Duration::from_millis(5));
        field(&line, "qbuf") >= BYTES && field(&line, "tot-mem") >= idle + BYTES
    });
    assert!(is_kept, "{}", line());
}
