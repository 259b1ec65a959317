//! INFO and HELLO: fields that clients and exporters look for.

use std::collections::HashMap;

use super::common::{Client, Launch, Value, words};

/// Fields that monitoring reads and that hold from the first day.
const FIELDS: &[&str] = &[
    "redis_version",
    "basalt_version",
    "redis_mode",
    "os",
    "arch_bits",
    "process_id",
    "run_id",
    "tcp_port",
    "uptime_in_seconds",
    "uptime_in_days",
    "executable",
    "config_file",
    "connected_clients",
    "maxclients",
    "used_memory",
    "used_memory_human",
    "used_memory_rss",
    "used_memory_overhead",
    "used_memory_startup",
    "used_memory_dataset",
    "mem_clients_normal",
    "lazyfree_pending_objects",
    "expire_cycle_cpu_milliseconds",
    "redis_build_id",
    "maxmemory",
    "maxmemory_policy",
    "loading",
    "aof_enabled",
    "total_connections_received",
    "total_commands_processed",
    "total_net_input_bytes",
    "total_net_output_bytes",
    "rejected_connections",
    "expired_keys",
    "evicted_keys",
    "keyspace_hits",
    "keyspace_misses",
    "role",
    "connected_slaves",
    "used_cpu_sys",
    "used_cpu_user",
    "cluster_enabled",
];

fn info(client: &mut Client, section: &str) -> HashMap<String, String> {
    let text = client.ask(&format!("INFO {section}")).string();
    let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_fields_that_monitoring_reads_are_there() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let fields = info(&mut client, "");
    let missing: Vec<_> = FIELDS.iter().filter(|name| !fields.contains_key(**name)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    assert_eq!(fields["redis_version"], "7.0.15");
    assert_eq!(fields["tcp_port"], server.port.to_string());
    assert_eq!(fields["process_id"], server.process_id().to_string());
    assert_eq!((fields["role"].as_str(), fields["redis_mode"].as_str()), ("master", "standalone"));
}

#[test]
fn counters_of_all_cores_are_added() {
    let server = Launch::basalt().shards(2).start();
    let mut clients: Vec<_> = (0..8).map(|_| server.client()).collect();
    for index in 0..100 {
        let client = &mut clients[index % 8];
        client.ask(&format!("SET k{index} v"));
        client.ask(&format!("GET k{index}"));
        client.ask(&format!("GET missing{index}"));
    }
    clients[0].ask("SET temporary v EX 1000");
    clients[1].ask("SELECT 3");
    clients[1].ask("SET other v");
    let fields = info(&mut clients[2], "");
    assert_eq!((fields["keyspace_hits"].as_str(), fields["keyspace_misses"].as_str()), ("100", "100"));
    assert!(fields["total_commands_processed"].parse::<u64>().expect("a number") >= 302);
    // The server was pinged once to see it ready, so there was one connection more.
    assert_eq!(
        (fields["total_connections_received"].as_str(), fields["connected_clients"].as_str()),
        ("9", "8")
    );
    assert!(fields["db0"].starts_with("keys=101,expires=1,avg_ttl="), "{}", fields["db0"]);
    assert!(fields["db3"].starts_with("keys=1,expires=0,avg_ttl=0"), "{}", fields["db3"]);
}

#[test]
fn memory_is_that_of_keys_on_all_cores() {
    const KEYS: i64 = 100;
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let value = "v".repeat(500);
    let mut usage = 0;
    for index in 0..KEYS {
        client.ask(&format!("SET k{index} {value}"));
        usage += client.ask(&format!("MEMORY USAGE k{index} SAMPLES 0")).integer();
    }
    assert!((500 * KEYS..600 * KEYS).contains(&usage), "{usage}");
    let figures = client.ask("MEMORY STATS").items();
    let figure = |name: &str| {
        let at = figures.iter().position(|field| field.text() == Some(name.as_bytes()));
        figures[at.expect("the field is there") + 1].integer()
    };
    assert_eq!((figure("keys.count"), figure("dataset.bytes")), (KEYS, usage));
    assert_eq!(figure("keys.bytes-per-key"), usage / KEYS);
    assert!(client.ask("MEMORY MALLOC-STATS").string().contains("jemalloc"));
    assert_eq!(client.ask("MEMORY PURGE").string(), "OK");
}

#[test]
fn sections_are_chosen_by_name() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let headers = |client: &mut Client, section: &str| -> Vec<String> {
        let text = client.ask(&format!("INFO {section}")).string();
        text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_end().to_owned()).collect()
    };
    assert_eq!(headers(&mut client, "server"), ["# Server"]);
    assert_eq!(headers(&mut client, "CPU memory"), ["# Memory", "# CPU"]);
    assert_eq!(headers(&mut client, "nosuch"), [""; 0]);
    let default = headers(&mut client, "");
    assert_eq!(default.first().map(String::as_str), Some("# Server"));
    assert_eq!(default.last().map(String::as_str), Some("# Keyspace"));
}

#[test]
fn hello_tells_who_answers() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let Value::Map(pairs) = client.ask("HELLO 3") else { panic!("a map") };
    let names: Vec<_> = pairs.iter().map(|(name, _)| name.string()).collect();
    assert_eq!(names, ["server", "version", "proto", "id", "mode", "role", "modules"]);
    assert_eq!(pairs[0].1.string(), "redis");
    assert_eq!(pairs[1].1.string(), "7.0.15");
    assert_eq!(pairs[2].1, Value::Integer(3));
    assert_eq!(client.ask("GET nothing"), Value::Null);
    assert!(matches!(client.ask("INFO server"), Value::Verbatim(text) if text.starts_with(b"txt:")));
    assert_eq!(client.ask("HELLO 2").items().len(), 14);
    assert_eq!(client.ask("GET nothing"), Value::NullBulk);
}

#[test]
fn what_newer_client_libraries_say_is_understood() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let ok = Value::Simple(b"OK".to_vec());
    for line in [
        "CLIENT SETINFO LIB-NAME redis-py",
        "client setinfo lib-ver 5.0.1",
        "CLIENT NO-TOUCH ON",
        "CLIENT NO-TOUCH off",
    ] {
        assert_eq!(client.ask(line), ok, "{line}");
    }
    let line = client.ask("CLIENT INFO").string();
    assert!(line.contains(" lib-name=redis-py lib-ver=5.0.1"), "{line}");
    for (arguments, refusal) in [
        (["CLIENT", "SETINFO", "nosuch", "x"], "ERR Unrecognized option 'nosuch'"),
        (
            ["CLIENT", "SETINFO", "lib-name", "a b"],
            "ERR lib-name cannot contain spaces, newlines or special characters.",
        ),
    ] {
        assert_eq!(client.command(&arguments), Value::Error(refusal.as_bytes().to_vec()));
    }
    assert_eq!(client.ask("CLIENT NO-TOUCH maybe"), Value::Error(b"ERR syntax error".to_vec()));
}

/// Flushed keys are counted when they go, and as pending until their memory is free.
#[test]
fn flushed_and_expired_keys_are_counted() {
    let mut server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let requests: Vec<u8> = (0..500).flat_map(|number| words(&format!("SET k{number} v"))).collect();
    client.send(&requests);
    (0..500).for_each(|_| drop(client.read()));
    assert!(
        info(&mut client, "memory")["used_memory_dataset"].parse::<u64>().is_ok_and(|bytes| bytes > 5_000)
    );
    client.ask("FLUSHALL");
    let port = server.port;
    let is_free = || {
        let mut other = Client::tcp("127.0.0.1", port).expect("it accepts");
        let fields = info(&mut other, "memory");
        (&*fields["lazyfree_pending_objects"], &*fields["lazyfreed_objects"]) == ("0", "500")
    };
    assert!(server.wait_until(is_free));
}
