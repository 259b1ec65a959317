//! Clients that would take all memory: bounds have names, and this is what happens at them.

use std::thread::sleep;
use std::time::Duration;

use super::common::{Client, Launch, Value, request, words};

const MIB: u64 = 1024 * 1024;

#[test]
fn a_client_that_never_reads_is_closed_at_the_output_limit() {
    let server = Launch::basalt().shards(2).with("client-output-buffer-limit", "normal 8mb 0 0").start();
    let mut client = server.client();
    let value = vec![b'v'; 10_000];
    client.command(&[&b"SET"[..], b"big", &value]);
    let before = server.resident_bytes();
    // 400 MB of replies are asked for; the kernel's buffers take a few.
    let mut reader = server.client();
    reader.write_timeout(Duration::from_secs(5));
    let gets: Vec<u8> = (0..1000).flat_map(|_| words("GET big")).collect();
    let mut peak = before;
    for _ in 0..40 {
        if reader.try_send(&gets).is_err() {
            break;
        }
        sleep(Duration::from_millis(20));
        peak = peak.max(server.resident_bytes());
    }
    assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()), "others are served");
    let list = client.ask("CLIENT LIST").string();
    assert_eq!(list.lines().count(), 1, "the reader was closed: {list}");
    assert!(peak < before + 48 * MIB, "{} MiB more at the peak", (peak - before) / MIB);
}

#[test]
fn a_soft_output_limit_counts_after_its_seconds() {
    let server = Launch::basalt().shards(2).with("client-output-buffer-limit", "normal 0 1mb 1").start();
    let mut client = server.client();
    client.command(&[&b"SET"[..], b"big", &vec![b'v'; 100_000]]);
    let mut reader = server.client();
    reader.ask("PING");
    reader.send(&(0..200).flat_map(|_| words("GET big")).collect::<Vec<u8>>());
    let is_gone = |client: &mut Client| client.ask("CLIENT LIST").string().lines().count() == 1;
    assert!(!is_gone(&mut client), "not before its second is over");
    let gone = (0..100).any(|_| {
        sleep(Duration::from_millis(100));
        is_gone(&mut client)
    });
    assert!(gone, "gone some time after it");
}

#[test]
fn without_a_limit_a_slow_reader_gets_everything() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let value = vec![b'v'; 100_000];
    client.command(&[&b"SET"[..], b"big", &value]);
    client.send(&(0..300).flat_map(|_| words("GET big")).collect::<Vec<u8>>());
    sleep(Duration::from_millis(500));
    for index in 0..300 {
        assert!(client.read().text() == Some(&value[..]), "reply {index}");
    }
}

#[test]
fn announcing_a_large_bulk_takes_no_memory() {
    let server = Launch::basalt().shards(2).start();
    server.client().ask("PING");
    let before = server.resident_bytes();
    let mut clients: Vec<Client> = (0..100).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n");
        client.send(&[b'v'; 4096]);
    }
    sleep(Duration::from_millis(500));
    let grown = server.resident_bytes().saturating_sub(before);
    // What was sent, 16 KiB for each connection, and what one server gains from being used at all.
    let allowed = 100 * (4096 + 16 * 1024) + 2 * MIB;
    assert!(grown < allowed, "{grown} bytes for 100 announcements of 512 MB, {allowed} are allowed");
    assert_eq!(server.client().ask("EXISTS a"), Value::Integer(0));
}

#[test]
fn announcing_many_arguments_takes_no_memory() {
    let server = Launch::basalt().shards(2).start();
    server.client().ask("PING");
    let before = server.resident_bytes();
    let mut clients: Vec<Client> = (0..100).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(b"*2147483647\r\n$3\r\nDEL\r\n$1\r\na\r\n");
    }
    sleep(Duration::from_millis(500));
    let grown = server.resident_bytes().saturating_sub(before);
    let allowed = 100 * 16 * 1024 + 2 * MIB;
    assert!(grown < allowed, "{grown} bytes for 100 announcements, {allowed} are allowed");
    assert_eq!(server.client().ask("PING"), Value::Simple(b"PONG".to_vec()));
}

#[test]
fn a_request_beyond_the_query_buffer_limit_closes_its_client() {
    let server = Launch::basalt().shards(2).with("client-query-buffer-limit", "1mb").start();
    // One value that is too large, and many small ones that never become a whole request.
    let large = request(&[&b"SET"[..], b"a", &vec![b'v'; 4 * MIB as usize]]);
    let many = [b"*1000000\r\n".to_vec(), b"$4\r\nabcd\r\n".repeat(400_000)].concat();
    for sent in [large, many] {
        let mut client = server.client();
        client.write_timeout(Duration::from_secs(5));
        // The server hangs up before it has taken everything.
        let _ = client.try_send(&sent);
        assert!(client.is_closed_within(Duration::from_secs(5)), "{} bytes", sent.len());
    }
    assert_eq!(server.client().ask("EXISTS a"), Value::Integer(0));
}

#[test]
fn the_largest_bulk_is_a_setting() {
    let server = Launch::basalt().shards(2).with("proto-max-bulk-len", "1mb").start();
    let value = vec![b'v'; MIB as usize];
    let mut client = server.client();
    assert_eq!(client.command(&[&b"SET"[..], b"a", &value]), Value::Simple(b"OK".to_vec()));
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1048577\r\n");
    let heard = client.listen(Duration::from_secs(5));
    assert_eq!(heard.bytes, b"-ERR Protocol error: invalid bulk length\r\n");
    assert!(heard.closed);
}

#[test]
fn requests_of_many_keys_are_answered() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let mut arguments = vec!["DEL".to_owned()];
    for index in 0..50_000 {
        arguments.push(format!("many:{index}"));
    }
    let sets: Vec<u8> =
        arguments[1..].iter().step_by(10).flat_map(|key| request(&["SET", key, "1"])).collect();
    client.send(&sets);
    for _ in 0..5000 {
        assert_eq!(client.read(), Value::Simple(b"OK".to_vec()));
    }
    assert_eq!(client.command(&arguments), Value::Integer(5000));
    assert_eq!(client.ask("DBSIZE"), Value::Integer(0));
}
