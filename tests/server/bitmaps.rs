//! The longest strings as bitmaps: made of zero pages, changed in place, combined while the other core goes on serving.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use basalt::cluster::{SlotMap, slot_of};

use super::common::{Client, Launch, Server, Value};

const SHARDS: usize = 2;
const LONGEST_BYTES: i64 = 512 << 20;
const LAST_BIT: &str = "4294967295";

/// A key of a shard.
fn key_of(shard: u16, salt: &str) -> String {
    let map = SlotMap::even(SHARDS as u16);
    let keys = (0..).map(|number| format!("{salt}:{number}"));
    keys.into_iter().find(|key| map.owner(slot_of(key.as_bytes())) == shard).expect("each shard owns some")
}

/// A client that a core serves.
fn client_of(server: &Server, shard: u16) -> Client {
    let is_there = |client: &mut Client| {
        let line = client.ask("CLIENT INFO").string();
        line.split_whitespace().any(|field| field == format!("shard={shard}"))
    };
    (0..100)
        .map(|_| server.client())
        .find_map(|mut client| is_there(&mut client).then_some(client))
        .expect("one")
}

fn resident_bytes(client: &mut Client) -> u64 {
    let text = client.ask("INFO memory").string();
    let line = text.lines().find_map(|line| line.strip_prefix("used_memory_rss:"));
    line.expect("INFO has the field").trim().parse().expect("a number")
}

#[test]
fn the_longest_string_costs_what_is_written_to_it() {
    const MIB: u64 = 1 << 20;
    let server = Launch::basalt().shards(SHARDS).start();
    let mut client = server.client();
    let before = resident_bytes(&mut client);
    assert_eq!(client.ask(&format!("SETBIT bits {LAST_BIT} 1")), Value::Integer(0));
    assert_eq!(client.ask("SETBIT bits 0 1"), Value::Integer(0));
    assert_eq!(client.ask(&format!("SETBIT bits {LAST_BIT} 1")), Value::Integer(1));
    assert_eq!(client.ask("STRLEN bits"), Value::Integer(LONGEST_BYTES));
    assert_eq!(client.ask("SET text hello").string(), "OK");
    assert_eq!(client.ask(&format!("SETRANGE text {} x", LONGEST_BYTES - 1)), Value::Integer(LONGEST_BYTES));
    assert_eq!(client.ask("BITFIELD bits GET u8 4294967288 INCRBY u8 16 3").items()[0], Value::Integer(1));
    // Two strings that were copied once, or filled with zeroes by hand, would take 1 GiB.
    let grown = resident_bytes(&mut client).saturating_sub(before);
    assert!(grown < 200 * MIB, "{} MiB for a few bits", grown / MIB);

    assert_eq!(client.ask(&format!("GETBIT bits {LAST_BIT}")), Value::Integer(1));
    assert_eq!(client.ask("GETRANGE text 0 5").string(), "hello\0");
    assert_eq!(client.ask("GETRANGE text -2 -1").string(), "\0x");
    let too_long = client.ask(&format!("SETRANGE text {LONGEST_BYTES} x"));
    assert!(too_long.is_error() && too_long.string().contains("exceeds maximum"), "{too_long:?}");
    assert!(client.ask("SETBIT bits 4294967296 1").is_error());
}

#[test]
fn a_core_serves_while_the_other_works_on_the_longest_strings() {
    let server = Launch::basalt().shards(SHARDS).start();
    let (mut worker, mut other) = (client_of(&server, 0), client_of(&server, 1));
    let [one, two, sum] = ["one", "two", "sum"].map(|salt| key_of(0, salt));
    let near = key_of(1, "near");
    assert_eq!(other.command(&["SET", &near, "1"]).string(), "OK");
    for (key, bit) in [(&one, LAST_BIT), (&two, "0")] {
        assert_eq!(worker.command(&["SETBIT", key, bit, "1"]), Value::Integer(0));
    }

    // How many requests of the worker have begun and ended: odd while one is under way.
    let progress = AtomicU64::new(0);
    let requests = [
        (vec!["BITOP", "OR", &sum, &one, &two], LONGEST_BYTES),
        (vec!["BITCOUNT", &sum], 2),
        (vec!["BITPOS", &sum, "1", "1"], 4_294_967_295),
        (vec!["BITOP", "NOT", &sum, &sum], LONGEST_BYTES),
        (vec!["BITPOS", &sum, "0", "1"], 4_294_967_295),
    ];
    let last = 2 * requests.len() as u64;
    let mut answered = vec![0; requests.len()];
    thread::scope(|scope| {
        scope.spawn(|| {
            for (words, expected) in &requests {
                progress.fetch_add(1, Ordering::SeqCst);
                let reply = worker.command(words);
                progress.fetch_add(1, Ordering::SeqCst);
                assert_eq!(reply, Value::Integer(*expected), "{words:?}");
            }
        });
        while progress.load(Ordering::SeqCst) < last {
            let before = progress.load(Ordering::SeqCst);
            assert_eq!(other.command(&["GET", &near]).string(), "1");
            let is_within = before % 2 == 1 && progress.load(Ordering::SeqCst) == before;
            answered[(before / 2) as usize % requests.len()] += u64::from(is_within);
        }
    });
    // One or two could be answered before the core has begun with the worker's request, but not so many.
    let busiest = answered.iter().max().expect("there are requests");
    assert!(*busiest >= 20, "answers during each request of the other: {answered:?}");
}
