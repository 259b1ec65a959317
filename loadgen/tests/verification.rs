//! Verification of an honest server, and of one behind somebody who changes its replies.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use support::redis::Redis;
use support::{Results, program, texts};

/// Texts are written with so many bytes.
const VALUE: &str = "$7\r\n";

#[derive(Clone, Copy)]
enum Lie {
    /// Another letter in a value.
    Letter,
    /// No value.
    Nothing,
    /// The truth, later.
    Late(Duration),
    /// The connection is closed.
    Close,
}

/// Stands before a server and lies in every so manieth block of replies; gives the port, and how often it has lied.
fn lie(server: u16, lie: Lie, every: u64) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let lies = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&lies);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            let count = Arc::clone(&count);
            thread::spawn(move || pass_on(server, client, lie, every, &count));
        }
    });
    (port, lies)
}

fn pass_on(mut server: TcpStream, mut client: TcpStream, lie: Lie, every: u64, lies: &AtomicU64) {
    let mut block = [0; 65536];
    let mut blocks = 0;
    while let Ok(length @ 1..) = server.read(&mut block) {
        let mut bytes = block[..length].to_vec();
        blocks += 1;
        if blocks % every == 0 && change(&mut bytes, lie) {
            lies.fetch_add(1, Ordering::Relaxed);
        }
        if bytes.is_empty() || client.write_all(&bytes).is_err() {
            // Both ways, so that the other thread ends as well.
            let _ = client.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

/// Whether there was something to lie about.
fn change(bytes: &mut Vec<u8>, lie: Lie) -> bool {
    let value = bytes.windows(VALUE.len()).position(|part| part == VALUE.as_bytes());
    match (lie, value) {
        (Lie::Late(time), _) => thread::sleep(time),
        (Lie::Close, _) => bytes.clear(),
        (Lie::Letter, Some(at)) => bytes[at + VALUE.len()] = b'!',
        (Lie::Nothing, Some(at)) => {
            bytes.splice(at..at + VALUE.len() + 9, *b"$-1\r\n");
        }
        (_, None) => return false,
    }
    true
}

fn verify(port: u16, results: &Results, more: &[&str]) -> Output {
    let port = port.to_string();
    let arguments =
        ["verify", "--port", &port, "--value-size", "7", "--keys", "50", "--json", &results.path()];
    program().args(arguments).args(["--connections", "4", "--seconds", "0.5"]).args(more).output().unwrap()
}

#[test]
fn an_honest_server_is_found_honest() {
    let redis = Redis::start(&[]);
    for (seed, resp, cpus) in [("1", "2", "0"), ("2", "3", "0,0,0")] {
        let results = Results::new();
        let output = verify(redis.port, &results, &["--seed", seed, "--resp", resp, "--cpus", cpus]);
        let (table, errors) = texts(&output);
        assert!(output.status.success() && errors.is_empty(), "{errors}{table}");
        let document = results.document();
        assert!(document["checked"].as_u64().unwrap() > 500, "{document}");
        assert_eq!([&document["wrong"], &document["late"], &document["unanswered"]], [0, 0, 0]);
    }
    // Once more with keys that hold something already.
    assert!(verify(redis.port, &Results::new(), &["--seed", "1"]).status.success());
}

#[test]
fn every_lie_is_counted() {
    let redis = Redis::start(&[]);
    for (seed, kind, more) in
        [("1", Lie::Letter, &[][..]), ("2", Lie::Nothing, &[]), ("3", Lie::Letter, &["--cpus", "0,0,0"])]
    {
        let (port, lies) = lie(redis.port, kind, 20);
        let results = Results::new();
        // One request at a time: what follows a lie within a batch would be judged by what the model no longer knows.
        let output = verify(port, &results, &[&["--pipeline", "1", "--seed", seed], more].concat());
        let (table, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{table}{errors}");
        let (document, lies) = (results.document(), lies.load(Ordering::Relaxed));
        assert!(lies > 0 && document["wrong"] == lies, "{lies} lies in {document}");
        let missing = if matches!(kind, Lie::Nothing) { lies } else { 0 };
        assert_eq!(document["missing"], missing, "{document}");
        assert!(errors.contains("are wrong") && table.contains("instead of"), "{errors}{table}");
    }
}

#[test]
fn late_replies_are_counted() {
    let redis = Redis::start(&[]);
    let (port, lies) = lie(redis.port, Lie::Late(Duration::from_millis(150)), 50);
    let results = Results::new();
    let output = verify(port, &results, &["--late-after", "0.1", "--pipeline", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let (document, lies) = (results.document(), lies.load(Ordering::Relaxed));
    assert!(lies > 0 && document["late"].as_u64().unwrap() >= lies && document["wrong"] == 0, "{document}");
}

#[test]
fn a_connection_that_breaks_leaves_its_counts() {
    let redis = Redis::start(&[]);
    for more in [&[][..], &["--cpus", "0,0"]] {
        let (port, _) = lie(redis.port, Lie::Close, 30);
        let results = Results::new();
        let output = verify(port, &results, more);
        let (_, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(errors.contains("the server closed a connection"), "{errors}");
        assert!(errors.contains("did not come"), "{errors}");
        assert!(results.document()["checked"].as_u64().unwrap() > 0);
    }
}
