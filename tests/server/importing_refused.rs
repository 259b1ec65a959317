//! What cannot be read of Redis' files stops the start with a message that says what to do, and nothing is changed;
//! `basalt import`, which makes a data folder of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::common::server::{free_port, temporary_folder};
use super::common::{Launch, Server, Value};
use super::importing::{basalt, end, files, fill, found_by_redis, look, redis, rewrite, snapshot};

/// A folder with these files, which is removed again.
struct Folder(std::path::PathBuf);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = temporary_folder();
        for (name, bytes) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is ours");
            fs::write(path, bytes).expect("the folder is ours");
        }
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder is ours");
    }
}

/// A server does not start in this folder, says all of this, and leaves the files alone.
fn check_refused(launch: &Launch, folder: &Path, says: &[&str]) {
    let before = files(folder);
    // It says the same again: nothing of the first attempt is in its way.
    for _ in 0..2 {
        let ended = launch.clone().with("dir", folder.display()).with("port", free_port()).run_to_end();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
        for text in says {
            assert!(ended.output.contains(text), "{text:?} is not in {}", ended.output);
        }
        assert_eq!(files(folder), before);
        assert!(!folder.join("appendonlydir/basalt.manifest").exists());
        assert!(!folder.join("appendonlydir/basalt.importing").exists());
    }
}

const KEY: &[u8] = b"\x00\x01a\x01v";

#[test]
fn snapshots_that_cannot_be_read_stop_the_start() {
    let good = snapshot(9, KEY);
    let mut wrong_sum = good.clone();
    *wrong_sum.last_mut().expect("a sum") ^= 1;
    let half = &good[..good.len() - 10];
    let others = snapshot(
        10,
        &[KEY, b"\x01\x04list\x01\x01x\x04\x02h1\x01\x01f\x01v\x04\x02h2\x01\x01f\x01v", KEY].concat(),
    );
    let cases: &[(&[u8], &[&str])] = &[
        (b"", &["dump.rdb is damaged at byte 0: it ends in the middle", "Restore it from a copy"]),
        (b"hello, world", &["dump.rdb", "this is no RDB file"]),
        (&snapshot(12, KEY), &["RDB version 12", "up to 7.2"]),
        (half, &["it ends in the middle"]),
        (&wrong_sum, &["at byte 15: the checksum", "`rdbchecksum no`"]),
        (&snapshot(9, b"\xc8\x01a"), &["at byte 9: 200 is neither an opcode nor a type"]),
        (&snapshot(9, b"\xfe\x3f\x00\x01a\x01v"), &["database 63", "`databases`"]),
        (
            &others,
            &[r#"keys of type hash: 2 ("h1", "h2")"#, r#"keys of type list: 1 ("list")"#, "is left as it is"],
        ),
        (&snapshot(10, b"\xf5\x0a#!lua name"), &["libraries of functions: 1"]),
    ];
    for (bytes, says) in cases {
        let folder = Folder::with(&[("dump.rdb", bytes)]);
        for appendonly in ["no", "yes"] {
            check_refused(&basalt(appendonly), &folder.0, says);
        }
    }
    for (bytes, launch) in [
        (wrong_sum, basalt("no").with("rdbchecksum", "no")),
        ([&good[..], b"what stands behind"].concat(), basalt("yes")),
    ] {
        let folder = Folder::with(&[("dump.rdb", &bytes)]);
        let server = launch.with("dir", folder.0.display()).start();
        assert_eq!(server.client().ask("GET a"), Value::Bulk(b"v".to_vec()));
    }
}

const SELECT: &str = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
const SET: &str = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";

#[test]
fn logs_that_cannot_be_read_stop_the_start() {
    let parts = "file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
    let unknown = "*2\r\n$4\r\nSADD\r\n$1\r\ns\r\n*2\r\n$4\r\nsadd\r\n$1\r\nt\r\n*3\r\n$4\r\nEVAL\r\n$1\r\nx\r\n$1\r\n0\r\n";
    let failing = "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nx\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n";
    let cases: &[(&str, &str, &str, &[&str])] = &[
        (
            parts,
            "*1\r\n$3",
            SET,
            &["1.incr.aof ends in the middle", "begins at byte 23", "Other parts follow it"],
        ),
        (parts, SET, "hello", &["2.incr.aof ends in the middle"]),
        (parts, SET, "hello\r\n", &["2.incr.aof is damaged at byte 0", "redis-check-aof --fix"]),
        (parts, &format!("{SET}*1\r\n$4\r\nPINGPING\r\n"), SET, &["1.incr.aof is damaged at byte 50"]),
        (parts, SET, "*1\r\n$3\r\nSET\r\n", &["2.incr.aof is damaged at byte 0"]),
        (parts, SET, unknown, &[r#"calls of SADD: 2 ("s", "t")"#, "calls of EVAL: 1", "is left as it is"]),
        (parts, failing, SET, &["INCR at byte 71", "not an integer"]),
        (parts, SET, "*2\r\n$6\r\nSELECT\r\n$2\r\n99\r\n", &["SELECT at byte 0", "`databases`"]),
        (
            "file appendonly.aof.3.incr.aof seq 3 type i\n",
            SET,
            SET,
            &["cannot read", "3.incr.aof", "No such file"],
        ),
        ("file appendonly.aof.1.incr.aof seq 1\n", SET, SET, &["line 1 names no part of a log"]),
    ];
    for (manifest, first, second, says) in cases {
        let folder = Folder::with(&[
            ("appendonlydir/appendonly.aof.manifest", manifest.as_bytes()),
            ("appendonlydir/appendonly.aof.1.incr.aof", format!("{SELECT}{first}").as_bytes()),
            ("appendonlydir/appendonly.aof.2.incr.aof", second.as_bytes()),
        ]);
        let launch = basalt("yes").with("aof-load-truncated", if second == &"hello" { "no" } else { "yes" });
        check_refused(&launch, &folder.0, says);
    }
}

#[test]
fn values_of_other_types_in_a_log_stop_the_start() {
    let mut server = redis().with("appendonly", "yes").start();
    let mut client = server.client();
    for line in ["SET a 1", "HSET h f v", "RPUSH l a b"] {
        client.ask(line);
    }
    rewrite(&mut server);
    client.ask("SADD s 1");
    end(&mut server);
    let says =
        [r#"keys of type hash: 1 ("h")"#, r#"keys of type list: 1 ("l")"#, r#"calls of SADD: 1 ("s")"#];
    check_refused(&basalt("yes"), &server.folder, &says);
    // They are removed there, and nothing is in the way any more.
    server.restart(&redis().with("appendonly", "yes"));
    server.client().ask("DEL h l s");
    rewrite(&mut server);
    end(&mut server);
    server.restart(&basalt("yes"));
    assert_eq!(server.client().ask("DBSIZE"), Value::Integer(1));
}

#[test]
fn an_import_that_was_interrupted_is_begun_anew() {
    let file = snapshot(9, KEY);
    let leftovers: &[(&str, &[u8])] = &[
        ("dump.rdb", &file),
        ("appendonlydir/basalt.importing", b""),
        ("appendonlydir/0-1.base", b"half of it"),
        ("appendonlydir/7-8.base", b""),
    ];
    let folder = Folder::with(leftovers);
    let server = basalt("yes").with("dir", folder.0.display()).start();
    assert_eq!(server.client().ask("GET a").string(), "v");
    assert!(!folder.0.join("appendonlydir/basalt.importing").exists());
    assert!(!folder.0.join("appendonlydir/7-8.base").exists());
    drop(server);
    // Without the mark they may be all that is left of somebody's data.
    let without: Vec<_> =
        leftovers.iter().filter(|(name, _)| !name.ends_with("importing")).copied().collect();
    let folder = Folder::with(&without);
    check_refused(&basalt("yes"), &folder.0, &["no basalt.manifest to say which of them count"]);
    assert!(folder.0.join("appendonlydir/7-8.base").exists());
}

/// Runs `basalt import`; gives how it ended and what it said.
fn import(arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_basalt")).arg("import").args(arguments).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[test]
fn a_folder_is_made_of_what_redis_has_left() {
    let mut server: Server = redis().with("appendonly", "yes").start();
    fill(&mut server.client(), "k");
    server.client().ask("SAVE");
    end(&mut server);
    let there = found_by_redis(&mut server, "yes");
    let in_snapshot = found_by_redis(&mut server, "no");
    let inner = server.folder.join("appendonlydir");
    // As Redis before 7.0 wrote it: a snapshot says of itself that requests follow.
    let parts = ["base.rdb", "incr.aof"].map(|name| inner.join(format!("appendonly.aof.1.{name}")));
    let whole = parts.map(|part| fs::read(part).expect("readable")).concat();
    fs::write(server.folder.join("whole.aof"), whole).expect("the folder is ours");
    for file in ["dump.rdb", "appendonlydir", "appendonlydir/appendonly.aof.manifest", "whole.aof"] {
        let before = files(&server.folder);
        let folder = Folder::with(&[]);
        let dir = folder.0.display().to_string();
        let (code, text) = import(&[&path(&server.folder, file), "--dir", &dir, "--shards", "2"]);
        assert!(code == Some(0) && text.contains(&format!("{} keys are in", there.len())), "{text}");
        assert_eq!(files(&server.folder), before);
        let started = basalt("yes").with("dir", &dir).start();
        let expected = if file == "dump.rdb" { &in_snapshot } else { &there };
        assert!(look(&started) == *expected, "{file}");
        let (code, text) = import(&[&path(&server.folder, file), "--dir", &dir]);
        assert!(code == Some(1) && text.contains("in use by another server"), "{text}");
        drop(started);
        let (code, text) = import(&[&path(&server.folder, file), "--dir", &dir]);
        assert!(code == Some(1) && text.contains("holds") && text.contains("keys already"), "{text}");
    }
    // A part by itself, and a folder that was used and holds nothing.
    let folder = Folder::with(&[]);
    let dir = folder.0.display().to_string();
    let mut started = basalt("yes").with("dir", &dir).start();
    ["SET a 1", "DEL a"].iter().for_each(|line| drop(started.client().ask(line)));
    end(&mut started);
    let (code, text) = import(&[&path(&inner, "appendonly.aof.1.incr.aof"), "--dir", &dir]);
    assert!(code == Some(0), "{text}");
    started.restart(&basalt("yes").with("dir", &dir));
    assert!(look(&started) == there);
}

#[test]
fn what_cannot_be_imported_is_said() {
    let folder =
        Folder::with(&[("dump.rdb", b"hello"), ("empty/nothing", b""), ("torn.aof", b"*1\r\n$4\r\nPI")]);
    let dir = folder.0.display().to_string();
    let at = |name: &str| path(&folder.0, name);
    for (arguments, expected, says) in [
        (vec![], 2, "Usage"),
        (vec!["--help"], 0, "Usage"),
        (vec!["x.rdb", "--no-such-flag", "1"], 2, "no-such-flag"),
        (vec!["/no/such/file"], 1, "cannot read /no/such/file"),
        (vec![&*at("dump.rdb"), "--dir", &dir], 1, "this is no RDB file"),
        (vec![&*at("empty"), "--dir", &dir], 1, "0 manifests of Redis"),
        (vec![&*at("torn.aof"), "--dir", &dir, "--aof-load-truncated", "no"], 1, "ends in the middle"),
        (vec![&*at("torn.aof"), "--dir", &dir], 0, "0 keys are in"),
    ] {
        let (code, text) = import(&arguments);
        assert!(code == Some(expected) && text.contains(says), "{arguments:?}: {code:?} {text}");
    }
}
