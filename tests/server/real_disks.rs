//! Disks that fill up, and disks whose power is cut.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::common::{Client, Launch, Value};
use super::loop_disk::LoopDisk;
use super::persistence::{Known, WRITERS, check, write};

const VALUE_BYTES: usize = 100_000;
const WAIT: Duration = Duration::from_secs(20);

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let Some(disk) = LoopDisk::new("ext4", 24) else { return };
    let folder = disk.folder("data");
    let ballast = disk.mount.join("ballast");
    std::fs::write(&ballast, vec![7; 12 << 20]).expect("there is room");
    let launch = Launch::basalt().shards(1).with("appendonly", "yes").with("dir", folder.display());
    let mut server = launch.start();
    let mut client = server.client();
    client.ask("SET key:first here");
    let (is_full, port) = (AtomicBool::new(false), server.port);
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| fill(port, &is_full));
        let is_failing = |info: &Value| info.string().contains("aof_last_write_status:err");
        until(|| Some(client.ask("INFO persistence")).filter(is_failing));
        let refusal = client.ask("SET probe 1").string();
        is_full.store(true, Ordering::Relaxed);
        let expected = "MISCONF Errors writing to the AOF file: No space left on device";
        assert_eq!(refusal, expected);
        let mset = format!("MSET {}", (0..20).map(|key| format!("other:{key} 1 ")).collect::<String>());
        assert_eq!(client.ask(&mset).string(), expected);
        assert_eq!(client.ask("GET key:first"), Value::Bulk(b"here".to_vec()), "reads go on");
        for line in ["MULTI", "SET probe 1"] {
            assert!(!client.ask(line).is_error());
        }
        assert!(client.ask("EXEC").items().iter().all(Value::is_error));
        std::fs::remove_file(&ballast).expect("it is there");
        until(|| Some(client.ask("SET again 1")).filter(|reply| !reply.is_error()));
        writer.join().expect("no panic")
    });
    assert!(client.ask("INFO persistence").string().contains("aof_last_write_status:ok"));
    server.kill_and_restart(&launch);
    let mut client = server.client();
    for key in 0..written {
        assert_eq!(
            client.ask(&format!("STRLEN key:{key}")),
            Value::Integer(100_000),
            "key {key} of {written}"
        );
    }
    assert_eq!(client.ask("GET again"), Value::Bulk(b"1".to_vec()));
    drop(server);
}

/// Writes large values until the disk is full. The write that finds no room is answered when there is some again. Gives the
/// number of those that were answered well.
fn fill(port: u16, is_full: &AtomicBool) -> usize {
    let mut client = Client::tcp("127.0.0.1", port).expect("the server accepts");
    let value = "x".repeat(VALUE_BYTES);
    let mut written = 0;
    while !is_full.load(Ordering::Relaxed) {
        if client.command(&["SET", &format!("key:{written}"), &value]).is_error() {
            break;
        }
        written += 1;
    }
    written
}

/// Asks again and again until there is an answer.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WAIT;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Cuts the power under load, and looks at what is there when it is back.
fn cut_power(fsync: &str, check_known: bool) {
    let Some(disk) = LoopDisk::new("xfs", 512) else { return };
    let folder = disk.folder("data");
    let launch = Launch::basalt()
        .shards(2)
        .with("appendonly", "yes")
        .with("appendfsync", fsync)
        .with("dir", folder.display());
    let mut server = launch.start();
    let mut client = server.client();
    (0..WRITERS).for_each(|writer| drop(client.ask(&format!("SET move:{writer}:0 here"))));
    std::thread::sleep(Duration::from_millis(1500));
    let (stop, port) = (AtomicBool::new(false), server.port);
    let known: Vec<Known> = std::thread::scope(|scope| {
        let begin = |writer| {
            let stop = &stop;
            scope.spawn(move || write(port, writer, Known::default(), stop))
        };
        let writers: Vec<_> = (0..WRITERS).map(begin).collect();
        std::thread::sleep(Duration::from_millis(2500));
        disk.cut_power();
        server.signal("KILL");
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().expect("no panic")).collect()
    });
    server.wait_for_end();
    // The kernel lets go of the files a little later.
    std::thread::sleep(Duration::from_millis(500));
    disk.mount_again();
    server.restart(&launch);
    for (writer, known) in known.iter().enumerate() {
        assert!(known.acknowledged > 0, "writer {writer} wrote something");
        let acknowledged = if check_known { known.acknowledged } else { 0 };
        check(&server, writer, Known { acknowledged, ..*known }, 0);
    }
    drop(server);
}

#[test]
fn a_power_cut_loses_nothing_acknowledged_under_always() {
    cut_power("always", true);
}

#[test]
fn a_power_cut_leaves_nothing_in_part_under_everysec() {
    cut_power("everysec", false);
}
