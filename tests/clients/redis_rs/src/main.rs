//! What users of redis-rs do, against the server on the port that is given.

mod asynchronous;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use redis::{Client, Commands, Connection, Pipeline, RedisResult};

const WAIT: Duration = Duration::from_secs(20);

fn client(port: &str, protocol: &str, database: u8) -> Client {
    let url = format!("redis://127.0.0.1:{port}/{database}?protocol={protocol}");
    Client::open(url).expect("a good address")
}

fn connect(client: &Client) -> Connection {
    let connection = client.get_connection().expect("the server accepts");
    connection.set_read_timeout(Some(WAIT)).expect("a timeout above 0");
    connection
}

fn main() -> RedisResult<()> {
    let port = std::env::args().nth(1).expect("a port");
    for protocol in ["resp2", "resp3"] {
        let client = client(&port, protocol, 0);
        let connection = &mut connect(&client);
        flush(connection)?;
        strings(connection)?;
        bytes(connection)?;
        pipelines(connection)?;
        errors(connection)?;
        transactions(&client)?;
        scans(connection)?;
        expiry(connection)?;
        databases(&port, protocol)?;
        pool(&client)?;
        asynchronous::check(&client)?;
    }
    println!("ok");
    Ok(())
}

pub fn flush(connection: &mut Connection) -> RedisResult<()> {
    redis::cmd("FLUSHALL").exec(connection)
}

fn strings(connection: &mut Connection) -> RedisResult<()> {
    assert_eq!(redis::cmd("PING").query::<String>(connection)?, "PONG");
    connection.set::<_, _, ()>("text", "value")?;
    assert_eq!(connection.get::<_, Option<String>>("text")?.as_deref(), Some("value"));
    assert_eq!(connection.get::<_, Option<String>>("nothing")?, None);
    assert!(!connection.set_nx::<_, _, bool>("text", "other")?);
    assert_eq!(connection.append::<_, _, i64>("text", "!")?, 6);
    let many: Vec<_> = (0..100).map(|number| (format!("many:{number}"), number)).collect();
    connection.mset::<_, _, ()>(&many)?;
    let values: Vec<Option<i64>> = connection.mget(&["many:7", "nothing", "many:99"])?;
    assert_eq!(values, [Some(7), None, Some(99)]);
    assert_eq!(connection.incr::<_, _, i64>("number", 5)?, 5);
    connection.rename::<_, _, ()>("text", "renamed")?;
    let names: Vec<_> = many.into_iter().map(|(name, _)| name).collect();
    assert_eq!(connection.del::<_, i64>(&names)?, 100);
    flush(connection)
}

fn bytes(connection: &mut Connection) -> RedisResult<()> {
    let key = b"\x00\r\n\xff";
    for size in [0, 1, 16_384, 16_385, 12_000_000] {
        let value: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        connection.set::<_, _, ()>(key, &value)?;
        assert!(connection.get::<_, Vec<u8>>(key)? == value, "{size} bytes come back");
    }
    assert_eq!(connection.getrange::<_, Vec<u8>>(key, 250, 252)?, [250, 0, 1]);
    flush(connection)
}

fn pipelines(connection: &mut Connection) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for number in 0..2000 {
        pipe.set(format!("pipe:{number}"), number).ignore().get(format!("pipe:{number}"));
    }
    let values: Vec<i64> = pipe.query(connection)?;
    assert_eq!(values, (0..2000).collect::<Vec<_>>());
    flush(connection)
}

fn errors(connection: &mut Connection) -> RedisResult<()> {
    connection.set::<_, _, ()>("word", "x")?;
    let error = connection.incr::<_, _, i64>("word", 1).expect_err("a word is no number");
    assert!(error.to_string().contains("not an integer"), "{error}");
    let error = redis::cmd("NOSUCH").query::<()>(connection).expect_err("no such command");
    assert!(error.to_string().contains("unknown command"), "{error}");
    let mut refused = redis::pipe();
    refused.atomic().set("word", "y").cmd("GET");
    let error = refused.query::<()>(connection).expect_err("a command of it was refused");
    assert!(error.to_string().contains("EXECABORT") || error.to_string().contains("wrong number"), "{error}");
    assert_eq!(connection.get::<_, String>("word")?, "x");
    flush(connection)
}

/// Two counters go up together, by optimistic retries of several threads.
fn transactions(client: &Client) -> RedisResult<()> {
    const THREADS: i64 = 4;
    const ROUNDS: i64 = 40;
    let connection = &mut connect(client);
    connection.mset::<_, _, ()>(&[("up", 0), ("down", 0)])?;
    let run = || {
        let own = &mut connect(client);
        for _ in 0..ROUNDS {
            let change = |own: &mut Connection, pipe: &mut Pipeline| {
                let (up, down): (i64, i64) = own.mget(&["up", "down"])?;
                assert_eq!(up, -down);
                pipe.set("up", up + 1).ignore().set("down", down - 1).ignore().query::<Option<()>>(own)
            };
            redis::transaction(own, &["up", "down"], change).expect("it is repeated until it is done");
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(run))));
    let counters: (i64, i64) = connection.mget(&["up", "down"])?;
    assert_eq!(counters, (THREADS * ROUNDS, -THREADS * ROUNDS));
    flush(connection)
}

fn scans(connection: &mut Connection) -> RedisResult<()> {
    let all: Vec<_> = (0..1500).map(|number| (format!("scan:{number}"), 1)).collect();
    connection.mset::<_, _, ()>(&all)?;
    connection.set::<_, _, ()>("noise", 1)?;
    let expected: BTreeSet<String> = all.into_iter().map(|(name, _)| name).collect();
    let seen = connection.scan_match::<_, String>("scan:*")?.collect::<RedisResult<BTreeSet<_>>>()?;
    assert_eq!(seen, expected);
    assert_eq!(connection.scan::<String>()?.collect::<RedisResult<BTreeSet<_>>>()?.len(), 1501);
    flush(connection)
}

fn expiry(connection: &mut Connection) -> RedisResult<()> {
    connection.set_ex::<_, _, ()>("later", 1, 100)?;
    connection.pset_ex::<_, _, ()>("soon", 1, 30)?;
    assert!((98..=100).contains(&connection.ttl::<_, i64>("later")?));
    assert!(connection.persist::<_, bool>("later")?);
    assert_eq!(connection.ttl::<_, i64>("later")?, -1);
    while connection.exists("soon")? {
        thread::sleep(Duration::from_millis(2));
    }
    flush(connection)
}

fn databases(port: &str, protocol: &str) -> RedisResult<()> {
    let [first, second] = [1, 2].map(|database| client(port, protocol, database));
    let (first, second) = (&mut connect(&first), &mut connect(&second));
    first.set::<_, _, ()>("here", 1)?;
    assert!(!second.exists::<_, bool>("here")?);
    flush(first)
}

/// Threads share connections; each gets the replies to its own requests.
fn pool(client: &Client) -> RedisResult<()> {
    let pool = r2d2::Pool::builder().max_size(3).build(client.clone()).expect("the server accepts");
    let run = &|thread: usize| {
        for turn in 0..60 {
            let connection = &mut *pool.get().expect("somebody gives one back");
            let key = format!("pool:{thread}:{turn}");
            let (value,): (String,) = redis::pipe()
                .set(&key, &key)
                .ignore()
                .get(&key)
                .query(connection)
                .expect("both are answered");
            assert_eq!(value, key);
        }
    };
    thread::scope(|scope| (0..8).for_each(|thread| drop(scope.spawn(move || run(thread)))));
    flush(&mut connect(client))
}
