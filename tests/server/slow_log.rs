//! SLOWLOG and LATENCY beside redis-server: which requests are kept, how they are cut, in what order.

use super::common::{Client, Launch, Value, request, words};

/// Entries of the slow log: number, arguments, name of the client. Times and addresses are checked for their shape.
fn entries(client: &mut Client) -> Vec<(i64, Value, Value)> {
    let entries = client.ask("SLOWLOG GET -1").items();
    let entry = |entry: &Value| {
        let parts = entry.items();
        assert_eq!(parts.len(), 6);
        assert!(parts[1].integer() > 1_700_000_000 && parts[2].integer() >= 0, "{parts:?}");
        assert!(parts[4].string().starts_with("127.0.0.1:"), "{parts:?}");
        (parts[0].integer(), parts[3].clone(), parts[5].clone())
    };
    entries.iter().map(entry).collect()
}

/// Runs the same on Redis and on some shards.
fn compare(check: impl Fn(&mut Client) -> Vec<Value>) {
    let redis = Launch::redis().with("enable-debug-command", "yes").start();
    let expected = check(&mut redis.client());
    for shards in [1, 3] {
        let server = Launch::basalt().shards(shards).with("enable-debug-command", "yes").start();
        assert_eq!(check(&mut server.client()), expected, "{shards} shards");
    }
}

fn text(words: &str) -> Value {
    Value::Bulk(words.as_bytes().to_vec())
}

#[test]
fn the_same_requests_are_slow_as_redis_says() {
    compare(|client| {
        client.ask("CONFIG SET slowlog-log-slower-than 0");
        client.ask("SLOWLOG RESET");
        client.ask("CLIENT SETNAME me");
        for key in ["a", "b", "c", "d"] {
            client.command(&["SET", key, "1"]);
            client.command(&["GET", key]);
        }
        client.ask("GET");
        client.ask("INCR a");
        client.ask("MSET a 1 b 2 c 3 d 4");
        client.ask("PING");
        client.ask("MULTI");
        client.ask("SET a 1");
        client.ask("GET b");
        client.ask("EXEC");
        client.ask("CONFIG SET requirepass secret");
        client.ask("CONFIG SET requirepass \"\"");
        client.command(&[&b"SET"[..], b"long", &[b'x'; 200]]);
        let many: Vec<String> = (0..40).map(|number| format!("k{number}")).collect();
        let words: Vec<&str> = ["MGET"].into_iter().chain(many.iter().map(String::as_str)).collect();
        client.command(&words);
        client.ask("DBSIZE");
        let mut all = vec![client.ask("SLOWLOG LEN")];
        for (number, arguments, name) in entries(client) {
            all.extend([Value::Integer(number), arguments, name]);
        }
        all
    });
}

#[test]
fn transactions_over_shards_are_logged_command_by_command() {
    let server = Launch::basalt().shards(3).with("slowlog-log-slower-than", "0").start();
    let mut client = server.client();
    client.ask("SLOWLOG RESET");
    let lines = ["MULTI", "SET a 1", "SET b 2", "SET c 3", "MGET a b c", "EXEC"];
    client.send(&lines.iter().flat_map(|line| words(line)).collect::<Vec<u8>>());
    lines.iter().for_each(|_| drop(client.read()));
    let logged: Vec<Value> =
        entries(&mut client).into_iter().map(|(_, arguments, _)| arguments).rev().collect();
    let words = |line: &str| Value::Array(line.split(' ').map(text).collect());
    for line in &lines[1..5] {
        assert!(logged.contains(&words(line)), "{line}: {logged:?}");
    }
}

#[test]
fn only_what_is_slow_is_logged() {
    compare(|client| {
        client.ask("SLOWLOG RESET");
        client.ask("CONFIG SET slowlog-log-slower-than 20000");
        let pipeline = [words("SET a 1"), words("DEBUG SLEEP 0.03"), words("GET a"), words("SET b 2")];
        client.send(&pipeline.concat());
        pipeline.iter().for_each(|_| drop(client.read()));
        let logged = entries(client).into_iter().map(|(_, arguments, _)| arguments).collect();
        client.ask("CONFIG SET slowlog-log-slower-than -1");
        client.ask("DEBUG SLEEP 0.03");
        vec![Value::Array(logged), client.ask("SLOWLOG LEN")]
    });
}

#[test]
fn the_slow_log_is_bounded_as_redis_bounds_it() {
    compare(|client| {
        client.ask("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 3");
        client.ask("SLOWLOG RESET");
        (0..10).for_each(|number| drop(client.command(&["SET", "k", &number.to_string()])));
        let kept = entries(client).into_iter().map(|(_, arguments, _)| arguments).collect();
        vec![
            Value::Array(kept),
            client.ask("SLOWLOG GET -2"),
            client.ask("SLOWLOG GET x"),
            client.ask("SLOWLOG GET 1 2"),
            client.ask("SLOWLOG NOSUCH"),
        ]
    });
}

#[test]
fn spikes_are_sampled_as_redis_does() {
    compare(|client| {
        client.ask("CONFIG SET latency-monitor-threshold 20");
        let before = vec![client.ask("LATENCY LATEST"), client.ask("LATENCY GRAPH command")];
        client.ask("DEBUG SLEEP 0.03");
        client.ask("GET k");
        let latest = client.ask("LATENCY LATEST").items();
        let parts = latest[0].items();
        assert!(parts[2].integer() >= 30 && parts[3].integer() >= parts[2].integer(), "{parts:?}");
        let graph = client.ask("LATENCY GRAPH command").string();
        assert!(graph.starts_with("command - high ") && graph.lines().count() == 9, "{graph}");
        assert!(client.ask("LATENCY DOCTOR").string().contains("command"));
        let history = client.ask("LATENCY HISTORY command").items();
        let rest = vec![
            Value::Integer(latest.len() as i64),
            parts[0].clone(),
            Value::Integer(history.len() as i64),
            client.ask("LATENCY HISTORY nosuch"),
            client.ask("LATENCY RESET nosuch"),
            client.ask("LATENCY RESET"),
            client.ask("LATENCY LATEST"),
        ];
        before.into_iter().chain(rest).collect()
    });
}

/// A request that another core runs is logged with the client that sent it.
#[test]
fn slow_requests_of_other_cores_are_logged_at_home() {
    let server = Launch::basalt().shards(4).with("slowlog-log-slower-than", "0").start();
    let mut client = server.client();
    client.ask("CLIENT SETNAME me");
    client.ask("SLOWLOG RESET");
    let keys: Vec<String> = (0..50).map(|number| format!("key:{number}")).collect();
    let requests: Vec<u8> = keys.iter().flat_map(|key| request(&["GET", key])).collect();
    client.send(&requests);
    keys.iter().for_each(|_| drop(client.read()));
    let logged = entries(&mut client);
    for key in &keys {
        let expected = Value::Array(vec![text("GET"), text(key)]);
        let entry = logged.iter().find(|(_, arguments, _)| *arguments == expected);
        assert_eq!(entry.expect(key).2, text("me"));
    }
}
