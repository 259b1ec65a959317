//! Data that a real redis-server has left is there afterwards, to the last key, deadline and encoding, and its files are as
//! they were.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use basalt::codec::crc64::crc64;

use super::common::server::temporary_folder;
use super::common::{Client, Launch, Server, Value};

/// What is known of a key: value, deadline, encoding.
type Known = (Vec<u8>, i64, String);
/// By database and name.
pub type Data = BTreeMap<(usize, Vec<u8>), Known>;

const DATABASES: usize = 16;

pub fn redis() -> Launch {
    Launch::redis()
}

pub fn basalt(appendonly: &str) -> Launch {
    Launch::basalt().shards(3).with("appendonly", appendonly).with("enable-debug-command", "yes")
}

/// Many seconds from now on.
const LATER_MS: u64 = 4_102_444_800_123;

/// Writes all that strings can be, by all commands that a log has them from.
pub fn fill(client: &mut Client, tag: &str) {
    let long = "some words that come again ".repeat(40);
    let huge = "x".repeat(40_000);
    let odd: Vec<u8> = (0..300u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 9) as u8).collect();
    for database in [0, 3, 15] {
        client.ask(&format!("SELECT {database}"));
        for number in [0, 1, -1, 127, 128, -129, 32_768, 1 << 31, i64::MAX, i64::MIN] {
            client.command(&["SET", &format!("{tag}:int:{number}"), &number.to_string()]);
        }
        for text in ["", "007", "1.5", " 1", "hello", &"a".repeat(44), &"a".repeat(45), &long, &huge] {
            client.command(&["SET", &format!("{tag}:text:{}", text.len()), text]);
            let deadline = (LATER_MS + text.len() as u64).to_string();
            client.command(&["SET", &format!("{tag}:late:{}", text.len()), text, "PXAT", &deadline]);
        }
        client.command(&[&b"SET"[..], &odd, &odd]);
        (0..200).for_each(|index| {
            drop(client.ask(&format!("SET {tag}:{{tag{index}}}:k value:{index} EX 10000")))
        });
        for line in [
            "SETEX TAG:setex 1000 v",
            "APPEND TAG:raw ab",
            "APPEND TAG:raw cd",
            "SETRANGE TAG:range 10 tail",
            "SETBIT TAG:bits 1000 1",
            "BITFIELD TAG:field SET u8 #3 200",
            "INCRBYFLOAT TAG:float 0.5",
            "INCR TAG:counter",
            "SET TAG:gone 1",
            "DEL TAG:gone",
            "MSET TAG:a 1 TAG:b 2",
            "MSETNX TAG:c 3 TAG:d 4",
            "RENAME TAG:a TAG:renamed",
            "COPY TAG:b TAG:copied",
            "COPY TAG:b TAG:copied DB 7",
            "SET TAG:moved 1",
            "MOVE TAG:moved 9",
            "EXPIRE TAG:b 5000",
            "GETEX TAG:c PERSIST",
            "SET TAG:kept 1 EX 100",
            "PERSIST TAG:kept",
            "GETDEL TAG:d",
            "BITOP NOT TAG:not TAG:raw",
            "MULTI",
            "SET TAG:multi 1",
            "INCR TAG:multi",
            "EXEC",
        ] {
            let reply = client.ask(&line.replace("TAG", tag));
            assert!(!reply.is_error(), "{line}: {reply:?}");
        }
    }
    for line in ["SELECT 5", "SET x 1", "FLUSHDB", "SET y 1", "SWAPDB 5 6", "SELECT 0"] {
        assert!(!client.ask(line).is_error(), "{line}");
    }
}

/// Everything that clients can see of all keys.
pub fn look(server: &Server) -> Data {
    let mut client = server.client();
    let mut data = Data::new();
    for database in 0..DATABASES {
        client.ask(&format!("SELECT {database}"));
        for key in client.ask("KEYS *").items() {
            let key = key.text().expect("a name").to_vec();
            let mut ask = |command: &[&str]| {
                let words: Vec<&[u8]> =
                    command.iter().map(|word| word.as_bytes()).chain([&key[..]]).collect();
                client.command(&words)
            };
            let value = ask(&["GET"]).text().expect("a string").to_vec();
            let known = (value, ask(&["PEXPIRETIME"]).integer(), ask(&["OBJECT", "ENCODING"]).string());
            data.insert((database, key), known);
        }
    }
    data
}

fn assert_same(here: &Data, there: &Data) {
    for (key, known) in there {
        assert_eq!(here.get(key), Some(known), "{key:?}");
    }
    assert_eq!(here.len(), there.len());
}

/// All files below a folder with what they hold, but ours and the server's output.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains(".aof") || name == "dump.rdb")
        {
            found.insert(path.clone(), fs::read(&path).expect("readable"));
        }
    }
    found
}

/// Ends a server as an operator does.
pub fn end(server: &mut Server) {
    server.signal("TERM");
    server.wait_for_end();
}

/// What Redis itself finds when it starts again in the folder of a server that has ended; then that has ended as well.
pub fn found_by_redis(server: &mut Server, appendonly: &str) -> Data {
    server.restart(&redis().with("appendonly", appendonly));
    let data = look(server);
    end(server);
    data
}

/// Redis ends, and Basalt starts in its folder, kills included: all must be there, also without the files of Redis.
fn move_over(mut server: Server, redis_appendonly: &str, appendonly: &str) {
    end(&mut server);
    // Some encodings change by its start.
    let there = found_by_redis(&mut server, redis_appendonly);
    assert!(there.len() > 500, "{} keys", there.len());
    let before = files(&server.folder);
    assert!(!before.is_empty());
    let launch = basalt(appendonly);
    server.restart(&launch);
    assert_same(&look(&server), &there);
    assert_eq!(files(&server.folder), before, "files of Redis are left as they are");
    if appendonly == "no" {
        return;
    }
    server.client().ask("SET new 1");
    for path in before.keys() {
        fs::remove_file(path).expect("it is there");
    }
    for _ in 0..2 {
        server.kill_and_restart(&launch);
        let mut here = look(&server);
        assert!(here.remove(&(0, b"new".to_vec())).is_some());
        assert_same(&here, &there);
    }
}

#[test]
fn a_snapshot_is_loaded_at_the_start_as_redis_does() {
    for compression in ["yes", "no"] {
        let server = redis().with("rdbcompression", compression).start();
        fill(&mut server.client(), "k");
        server.client().ask("SAVE");
        move_over(server, "no", "no");
    }
}

#[test]
fn a_snapshot_becomes_the_log_where_there_is_none() {
    for checksum in ["yes", "no"] {
        let server = redis().with("rdbchecksum", checksum).start();
        fill(&mut server.client(), "k");
        server.client().ask("SAVE");
        move_over(server, "no", "yes");
    }
}

pub fn rewrite(server: &mut Server) {
    server.client().ask("BGREWRITEAOF");
    let is_done = |port| {
        let info = Client::tcp("127.0.0.1", port).expect("it runs").ask("INFO persistence").string();
        ["aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0", "aof_rewrites:1"]
            .iter()
            .all(|line| info.contains(line))
    };
    let port = server.port;
    assert!(server.wait_until(|| is_done(port)), "the log is rewritten");
}

#[test]
fn a_log_in_parts_is_read_as_redis_does() {
    for (preamble, timestamps) in [("yes", "no"), ("no", "yes")] {
        for rewrites in [false, true] {
            let mut server = redis()
                .with("appendonly", "yes")
                .with("aof-use-rdb-preamble", preamble)
                .with("aof-timestamp-enabled", timestamps)
                .start();
            fill(&mut server.client(), "before");
            if rewrites {
                rewrite(&mut server);
                fill(&mut server.client(), "behind");
            }
            move_over(server, "yes", "yes");
        }
    }
}

#[test]
fn a_log_in_one_file_is_read_as_redis_does() {
    for preamble in ["yes", "no"] {
        let mut server = redis().with("appendonly", "yes").with("aof-use-rdb-preamble", preamble).start();
        fill(&mut server.client(), "before");
        rewrite(&mut server);
        fill(&mut server.client(), "behind");
        end(&mut server);
        let there = found_by_redis(&mut server, "yes");
        // Before 7.0 all stood in one file.
        let inner = server.folder.join("appendonlydir");
        let end_of = if preamble == "yes" { "rdb" } else { "aof" };
        let read = |name: String| fs::read(inner.join(name)).expect("readable");
        let parts =
            [read(format!("appendonly.aof.2.base.{end_of}")), read("appendonly.aof.2.incr.aof".into())];
        fs::remove_dir_all(&inner).expect("it is there");
        fs::write(server.folder.join("appendonly.aof"), parts.concat()).expect("writable");
        server.restart(&basalt("yes"));
        assert_same(&look(&server), &there);
    }
}

/// A file of a version, with the checksum that it has since version 5.
pub fn snapshot(version: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = [format!("REDIS{version:04}").as_bytes(), body, b"\xff"].concat();
    if version >= 5 {
        bytes.extend(crc64(&bytes).to_le_bytes());
    }
    bytes
}

#[test]
fn snapshots_of_all_versions_are_loaded() {
    for version in [1, 2, 4, 5, 6, 7, 8, 9, 10, 11] {
        let folder = temporary_folder();
        let body = [
            &b"\xfe\x00\x00\x01a\x01v\xfd\x00\x36\x6e\x7c\x00\x01b\xc1\x39\x30"[..],
            b"\xfc\x00\xe0\xaa\x9a\x3b\x03\x00\x00\x00\x01c\xc3\x06\x15\x01aa\xe0\x0a\x00\xfe\x02\x00\x01d\x00",
        ]
        .concat();
        fs::write(folder.join("dump.rdb"), snapshot(version, &body)).expect("the folder is ours");
        let mut server = basalt("no").with("dir", folder.display()).start();
        let info = server.client().ask("INFO keyspace").string();
        assert!(info.contains("db0:keys=3,expires=2") && info.contains("db2:keys=1,expires=0"), "{info}");
        let mut client = server.client();
        assert_eq!(client.ask("GET a").string(), "v");
        assert_eq!(client.ask("GET b").string(), "12345");
        assert_eq!(client.ask("EXPIRETIME b").integer(), 0x7c6e_3600);
        assert_eq!(client.ask("GET c").string(), "a".repeat(21));
        end(&mut server);
        fs::remove_dir_all(folder).expect("the folder is ours");
    }
}

#[test]
fn expired_keys_are_left_out_as_redis_does() {
    let mut server = redis().with("enable-debug-command", "yes").start();
    let mut client = server.client();
    client.ask("DEBUG SET-ACTIVE-EXPIRE 0");
    for line in ["SET a 1 PX 1", "SET b 1 EX 1000", "SET c 1"] {
        client.ask(line);
    }
    client.ask("SAVE");
    end(&mut server);
    let path = server.folder.join("dump.rdb");
    let file = fs::read(&path).expect("readable");
    for appendonly in ["no", "yes"] {
        fs::write(&path, &file).expect("writable");
        server.restart(&basalt(appendonly));
        assert_eq!(server.client().ask("DBSIZE"), Value::Integer(2));
        assert!(server.log().contains("expired=1"), "{}", server.log());
        end(&mut server);
    }
}

#[test]
fn the_use_of_keys_is_remembered_from_a_snapshot() {
    const KEYS: usize = 5000;
    let folder = temporary_folder();
    let key = |number: usize| {
        let (idle, name) =
            ([b"\xf8\x43\xe8", &b"\xf8\x80\x00\x00\x75\x30"[..]][number % 2], format!("{number:05}"));
        [idle, b"\x00\x05", name.as_bytes(), b"\x40\x40", &[b'v'; 64]].concat()
    };
    let body: Vec<u8> = (0..KEYS).flat_map(key).collect();
    fs::write(folder.join("dump.rdb"), snapshot(9, &body)).expect("the folder is ours");
    let server = basalt("no").with("dir", folder.display()).start();
    let mut client = server.client();
    assert_eq!(client.ask("DBSIZE"), Value::Integer(KEYS as i64));
    for number in (0..KEYS).step_by(501) {
        let idle = client.ask(&format!("OBJECT IDLETIME {number:05}")).integer();
        let expected = [1000, 30_000][number % 2];
        assert!((expected..expected + 100).contains(&idle), "{number}: {idle}");
    }
    drop(server);
    fs::remove_dir_all(folder).expect("the folder is ours");
}

/// Cuts the end of a log off, at each of its last bytes, and lets both servers read it.
#[test]
fn a_log_that_is_cut_short_is_read_up_to_there_as_redis_does() {
    let whole = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n12\r\n#TS:1700000000\r\n\
        *1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n1\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n\
        *2\r\n$3\r\nDEL\r\n$1\r\nb\r\n";
    for cut in (0..whole.len()).step_by(7) {
        let there = read_log(&redis(), &whole[..cut]);
        assert_eq!(read_log(&basalt("yes"), &whole[..cut]), there, "cut at {cut}");
    }
}

/// What a server has that starts with this log.
fn read_log(launch: &Launch, log: &str) -> Data {
    let folder = temporary_folder();
    fs::create_dir(folder.join("appendonlydir")).expect("the folder is ours");
    let inner = folder.join("appendonlydir");
    fs::write(inner.join("appendonly.aof.1.incr.aof"), log).expect("the folder is ours");
    let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    fs::write(inner.join("appendonly.aof.manifest"), manifest).expect("the folder is ours");
    let server = launch.clone().with("appendonly", "yes").with("dir", folder.display()).start();
    let data = look(&server);
    drop(server);
    fs::remove_dir_all(folder).expect("the folder is ours");
    data
}

#[test]
fn requests_about_keys_that_have_expired_since_are_read_as_redis_does() {
    let request = |words: &[&str]| {
        words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect::<String>()
    };
    let lines: &[&[&str]] = &[
        &["SELECT", "0"],
        &["SET", "a", "1", "PXAT", "1000"],
        &["INCR", "a"],
        &["PERSIST", "a"],
        &["SET", "b", "1", "PXAT", "1000"],
        &["RENAME", "b", "c"],
        &["SET", "d", "1"],
        &["PEXPIREAT", "d", "1000"],
        &["APPEND", "d", "2"],
        &["PEXPIREAT", "d", "4102444800123"],
        &["SET", "e", "1", "EX", "1000"],
        &["EXPIRETIME", "e"],
    ];
    let log: String = lines.iter().map(|words| format!("*{}\r\n{}", words.len(), request(words))).collect();
    let forget = |data: Data| -> Vec<_> {
        // What counts from now on differs by the time of the start.
        let near = |deadline: i64| if deadline > 4_000_000_000_000 { deadline } else { deadline.signum() };
        data.into_iter()
            .map(|(key, (value, deadline, encoding))| (key, value, near(deadline), encoding))
            .collect()
    };
    let here = forget(read_log(&basalt("yes"), &log));
    assert_eq!(here, forget(read_log(&redis(), &log)));
    assert_eq!(here.len(), 3, "{here:?}");
}
