//! DEBUG RELOAD and LOADAOF: the disk has what the memory had.

use std::sync::atomic::{AtomicBool, Ordering};

use super::common::{Client, Launch, Value};

fn fill(client: &mut Client) {
    for line in [
        "DEBUG POPULATE 5000 key 40",
        "SET int 12345",
        "SET soon 1 EX 1000",
        "APPEND raw ab",
        "APPEND raw cd",
        "MSET a 1 b 2 c 3",
        "SELECT 3",
        "SET other 1 PX 10000000",
        "SELECT 0",
    ] {
        assert!(!client.ask(line).is_error(), "{line}");
    }
}

fn ok() -> Value {
    Value::Simple(b"OK".to_vec())
}

#[test]
fn a_snapshot_is_read_again() {
    let server = Launch::basalt().shards(2).with("enable-debug-command", "yes").start();
    let mut client = server.client();
    fill(&mut client);
    let digest = client.ask("DEBUG DIGEST");
    assert_eq!(client.ask("DEBUG RELOAD"), ok());
    assert_eq!(client.ask("DEBUG DIGEST"), digest);
    let info = client.ask("INFO persistence").string();
    assert!(info.contains("rdb_changes_since_last_save:0\r\n"), "{info}");
    client.ask("SET more 1");
    assert_eq!(client.ask("DEBUG RELOAD NOSAVE NOFLUSH MERGE"), ok());
    assert_eq!(client.ask("GET more").string(), "1");
    assert_eq!(client.ask("DEBUG RELOAD NOSAVE"), ok());
    assert_eq!(client.ask("DEBUG DIGEST"), digest);
    let refused = client.ask("DEBUG RELOAD other").string();
    assert_eq!(refused, "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
    std::fs::remove_file(server.folder.join("dump.rdb")).expect("it was saved");
    assert_eq!(client.ask("DEBUG RELOAD NOSAVE").string(), "ERR Error trying to load the RDB dump");
    assert_eq!(
        client.ask("DEBUG LOADAOF").string(),
        "ERR Error trying to load the AOF files, check server logs."
    );
}

#[test]
fn a_log_is_read_again() {
    for fsync in ["everysec", "always", "no"] {
        let launch = Launch::basalt()
            .shards(2)
            .with("enable-debug-command", "yes")
            .with("appendonly", "yes")
            .with("appendfsync", fsync);
        let mut server = launch.start();
        let mut client = server.client();
        for round in 0..3 {
            fill(&mut client);
            client.ask("DEL key:7");
            client.ask("DEBUG MOVE-SLOT 12182 0");
            client.ask(&format!("SET foo {round}"));
            if round == 1 {
                client.ask("BGREWRITEAOF");
                while client.ask("INFO persistence").string().contains("aof_rewrite_in_progress:1") {}
            }
            let digest = client.ask("DEBUG DIGEST");
            assert_eq!(client.ask("DEBUG LOADAOF"), ok());
            assert_eq!(client.ask("DEBUG DIGEST"), digest, "{fsync}");
            assert_eq!(client.ask("DEBUG RELOAD"), ok());
            assert_eq!(client.ask("DEBUG DIGEST"), digest, "{fsync}");
        }
        client.ask("SET last 1");
        let digest = client.ask("DEBUG DIGEST");
        server.kill_and_restart(&launch);
        assert_eq!(server.client().ask("DEBUG DIGEST"), digest, "{fsync}");
    }
}

#[test]
fn a_log_that_is_read_again_has_what_others_were_told() {
    let server = Launch::basalt()
        .shards(1)
        .with("enable-debug-command", "yes")
        .with("appendonly", "yes")
        .with("appendfsync", "always")
        .start();
    let stop = AtomicBool::new(false);
    let told: i64 = std::thread::scope(|scope| {
        let count = || {
            let mut client = server.client();
            let mut told = 0;
            while !stop.load(Ordering::Relaxed) {
                client.ask("INCR counter");
                told += 1;
            }
            told
        };
        let writers: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
        let mut client = server.client();
        for _ in 0..20 {
            assert_eq!(client.ask("DEBUG LOADAOF"), ok());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().expect("no panic")).sum()
    });
    assert_eq!(server.client().ask("GET counter").string(), told.to_string());
}
