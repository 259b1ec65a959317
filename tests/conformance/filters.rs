//! COMMAND LIST with each of its filters, and COMMAND INFO of every row, beside redis-server.

use super::common::Launch;
use super::introspection::{SHARED, compare_info, compare_names};

const CATEGORIES: &[&str] = &[
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
    "STRING",
    "@string",
    "nosuch",
];

const PATTERNS: &[&str] = &[
    "*",
    "get*",
    "GET*",
    "client|*",
    "*|*",
    "?et",
    "[a-c]*",
    "config|[rs]et",
    "nosuch",
    "\\g*",
    "g",
    "*|help",
];

#[test]
fn every_filter_of_command_list_names_what_redis_names() {
    let servers = [Launch::basalt().shards(2), Launch::redis()].map(|launch| launch.start());
    let mut clients = servers.each_ref().map(|server| server.client());
    let filters =
        CATEGORIES.iter().map(|name| ("ACLCAT", name)).chain(PATTERNS.iter().map(|name| ("PATTERN", name)));
    let mut names_found = 0;
    for (filter, value) in filters.chain([("MODULE", &"nosuch")]) {
        let request = ["COMMAND", "LIST", "FILTERBY", filter, value];
        let [ours, theirs] = clients.each_mut().map(|client| client.command(&request));
        compare_names(&ours, &theirs)
            .unwrap_or_else(|why| panic!("{request:?}: {why}\n{ours:?}\n{theirs:?}"));
        names_found += ours.items().len();
    }
    assert!(names_found > SHARED.len() * 3, "{names_found} names");
}

#[test]
fn every_row_is_described_as_redis_describes_it() {
    let servers = [Launch::basalt().shards(2), Launch::redis()].map(|launch| launch.start());
    for hello in ["HELLO 2", "HELLO 3"] {
        let mut clients = servers.each_ref().map(|server| server.client());
        for name in SHARED.iter() {
            let [ours, theirs] = clients.each_mut().map(|client| {
                client.ask(hello);
                client.command(&["COMMAND", "INFO", name])
            });
            assert_eq!(ours.items().len(), 1, "{name}: {ours:?}");
            compare_info(&ours, &theirs).unwrap_or_else(|why| panic!("{name}: {why}\n{ours:?}\n{theirs:?}"));
        }
    }
}
