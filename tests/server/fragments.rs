//! Requests in pieces: the bytes mean the same however they arrive.

use std::thread::sleep;
use std::time::Duration;

use super::common::{Client, Launch, request, words};

/// A request of each form, and the replies to all of them in order.
fn conversation() -> (Vec<u8>, Vec<u8>) {
    let sent = [
        words("SET fragment:a 1"),
        b"GET fragment:a\r\n".to_vec(),
        request(&["ECHO", ""]),
        b"*0\r\n\r\n".to_vec(),
        b"ECHO \"a b\"\n".to_vec(),
        request(&["ECHO", "0123456789ab\r\n"]),
        words("DEL fragment:a fragment:b fragment:c"),
    ];
    let replies =
        ["+OK\r\n", "$1\r\n1\r\n", "$0\r\n\r\n", "$3\r\na b\r\n", "$14\r\n0123456789ab\r\n\r\n", ":1\r\n"];
    (sent.concat(), replies.concat().into_bytes())
}

#[test]
fn bytes_that_come_one_at_a_time_are_put_together() {
    let server = Launch::basalt().shards(2).start();
    let (sent, replies) = conversation();
    let mut client = server.client();
    for byte in &sent {
        client.send(&[*byte]);
        // Long enough that most bytes are received alone.
        sleep(Duration::from_micros(200));
    }
    assert_eq!(client.read_bytes(replies.len()), replies);
}

#[test]
fn requests_may_be_cut_anywhere() {
    let server = Launch::basalt().shards(2).start();
    let (sent, replies) = conversation();
    let mut client = server.client();
    for cut in 1..sent.len() {
        client.send(&sent[..cut]);
        sleep(Duration::from_millis(1));
        client.send(&sent[cut..]);
        assert_eq!(client.read_bytes(replies.len()), replies, "cut at {cut}");
    }
}

#[test]
fn large_values_may_be_cut_near_their_ends() {
    let server = Launch::basalt().shards(2).start();
    let value = vec![b'v'; 16 * 1024];
    let sent = [request(&[&b"SET"[..], b"large", &value]), words("PING")].concat();
    let body = sent.windows(4).position(|bytes| bytes == b"vvvv").expect("the value is there");
    let end = body + value.len();
    let mut client = server.client();
    let cuts = (body - 6..body + 3).chain(end - 3..end + 5).chain([sent.len() - 1]);
    for cut in cuts {
        client.send(&sent[..cut]);
        sleep(Duration::from_millis(5));
        client.send(&sent[cut..]);
        assert_eq!(client.read_bytes(12), b"+OK\r\n+PONG\r\n", "cut at {cut}");
        assert_eq!(client.ask("GET large").text(), Some(&value[..]), "cut at {cut}");
    }
}

#[test]
fn half_a_request_is_dropped_with_its_connection() {
    let server = Launch::basalt().shards(2).start();
    let value = vec![b'v'; 100_000];
    let sent = request(&[&b"SET"[..], b"half", &value]);
    for cut in [1, 10, 30, 20_000, sent.len() - 1] {
        server.client().send(&sent[..cut]);
    }
    let mut client: Client = server.client();
    assert_eq!(client.ask("EXISTS half").integer(), 0);
}
