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
        assert!(!client.ask("MULTI").is_error());
        assert_eq!(client.ask("SET probe 1").string(), expected);
        assert_eq!(
            client.ask("EXEC").string(),
            "EXECABORT Transaction discarded because of previous errors."
        );
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

#[test]
fn a_full_disk_is_got_over_under_another_policy_and_read_by_all_cores() {
    let Some(disk) = LoopDisk::new("ext4", 200) else { return };
    let folder = disk.folder("data");
    let launch = Launch::basalt()
        .shards(2)
        .with("appendonly", "yes")
        .with("appendfsync", "always")
        .with("auto-aof-rewrite-percentage", "0")
        .with("enable-debug-command", "yes")
        .with("dir", folder.display());
    let mut server = launch.start();
    let mut client = server.client();
    (0..20).for_each(|key| drop(client.ask(&format!("SET small:{key} {key}"))));
    let ballast = disk.mount.join("ballast");
    // Segments are there with all their bytes: only what follows them needs room.
    let is_full = AtomicBool::new(false);
    let port = server.port;
    std::thread::scope(|scope| {
        std::fs::File::create(&ballast)
            .and_then(|mut file| {
                loop {
                    std::io::Write::write_all(&mut file, &[7; 1 << 16])?;
                }
            })
            .map(|_: std::convert::Infallible| ())
            .expect_err("the disk is full in the end");
        let writers = [scope.spawn(|| fill(port, &is_full)), scope.spawn(|| fill(port, &is_full))];
        let is_failing = |info: &Value| info.string().contains("aof_last_write_status:err");
        until(|| Some(client.ask("INFO persistence")).filter(is_failing));
        is_full.store(true, Ordering::Relaxed);
        for key in 0..20 {
            assert_eq!(client.ask(&format!("GET small:{key}")).string(), key.to_string(), "reads go on");
        }
        assert_eq!(client.ask("CONFIG SET appendfsync everysec").string(), "OK");
        std::fs::remove_file(&ballast).expect("it is there");
        until(|| Some(client.ask("MSET small:1 1 small:2 2 small:3 3")).filter(|reply| !reply.is_error()));
        for writer in writers {
            writer.join().expect("no panic");
        }
    });
    let digest = client.ask("DEBUG DIGEST");
    // New segments that are filled with zeroes would find no room beside the old ones.
    server.kill_and_restart(&launch.with("appendfsync", "everysec"));
    assert_eq!(server.client().ask("DEBUG DIGEST"), digest);
    drop(server);
}

#[test]
fn a_base_that_finds_no_room_is_given_up() {
    let Some(disk) = LoopDisk::new("ext4", 64) else { return };
    let folder = disk.folder("data");
    let launch = Launch::basalt()
        .shards(1)
        .with("appendonly", "yes")
        .with("auto-aof-rewrite-percentage", "0")
        .with("enable-debug-command", "yes")
        .with("dir", folder.display());
    let mut server = launch.start();
    let mut client = server.client();
    client.ask("DEBUG POPULATE 20000 key 1000");
    let ballast = disk.mount.join("ballast");
    std::fs::write(&ballast, vec![7; 24 << 20]).expect("there is room");
    for _ in 0..3 {
        client.ask("BGREWRITEAOF");
        let failed = |info: &Value| info.string().contains("aof_rewrite_in_progress:0");
        let info = until(|| Some(client.ask("INFO persistence")).filter(failed)).string();
        assert!(info.contains("aof_last_bgrewrite_status:err"), "{info}");
    }
    std::fs::remove_file(&ballast).expect("it is there");
    client.ask("SET more 1");
    client.ask("BGREWRITEAOF");
    let succeeded = |info: &Value| info.string().contains("aof_rewrites:1");
    let info = until(|| Some(client.ask("INFO persistence")).filter(succeeded)).string();
    assert!(info.contains("aof_last_bgrewrite_status:ok"), "{info}");
    let digest = client.ask("DEBUG DIGEST");
    server.kill_and_restart(&launch);
    assert_eq!(server.client().ask("DEBUG DIGEST"), digest);
    drop(server);
}

#[test]
fn a_power_cut_after_the_policy_became_always_loses_nothing_told_since() {
    let Some(disk) = LoopDisk::new("xfs", 512) else { return };
    let folder = disk.folder("data");
    let launch = Launch::basalt()
        .shards(1)
        .with("appendonly", "yes")
        .with("auto-aof-rewrite-percentage", "0")
        .with("dir", folder.display());
    let mut server = launch.start();
    let mut client = server.client();
    let value = "x".repeat(VALUE_BYTES);
    // More than a segment, of which the end is not synced yet.
    (0..720).for_each(|key| drop(client.command(&["SET", &format!("key:{key}"), &value])));
    client.send(b"CONFIG SET appendfsync always\r\nSET told:0 0\r\nSET told:1 1\r\n");
    (0..3).for_each(|_| assert!(!client.read().is_error()));
    (2..20).for_each(|key| assert!(!client.ask(&format!("SET told:{key} {key}")).is_error()));
    disk.cut_power();
    server.signal("KILL");
    server.wait_for_end();
    std::thread::sleep(Duration::from_millis(500));
    disk.mount_again();
    server.restart(&launch);
    let mut client = server.client();
    for key in 0..20 {
        assert_eq!(client.ask(&format!("GET told:{key}")).string(), key.to_string());
    }
    assert_eq!(client.ask("STRLEN key:719").integer(), VALUE_BYTES as i64);
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
