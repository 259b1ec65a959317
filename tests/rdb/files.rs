//! Files to and from redis-server 7.0.15: what one has written the other reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use basalt::codec::rdb::{Checksum, Compression, Entry, StringValue, Used};

use super::check::{End, Key, Told, read};
use super::common::server::temporary_folder;
use super::common::{Launch, Server};
use super::writer;

/// Strings at the edges of every encoding.
fn strings() -> Vec<Vec<u8>> {
    let numbers =
        [0, 1, -1, 127, 128, -128, -129, 32_767, 32_768, -32_769, 1 << 31, (1 << 31) - 1, -(1 << 31) - 1];
    let numbers = numbers.iter().chain(&[i64::MAX, i64::MIN]).map(|number| number.to_string().into_bytes());
    let lengths = [0, 1, 20, 21, 63, 64, 263, 264, 265, 8192, 8193, 16_383, 16_384, 70_000];
    let same = lengths.iter().map(|&bytes| vec![b'a'; bytes]);
    let odd =
        lengths.iter().map(|&bytes| (0..bytes).map(|at| ((at * at * 2_654_435_761) >> 9) as u8).collect());
    let words = (1..30).map(|count| b"some words that come again ".repeat(count * count));
    let texts = ["007", "-0", "+1", "1.5", " 1", "12345678901", "123456789012"].map(|text| text.into());
    numbers.chain(same).chain(odd).chain(words).chain(texts).collect()
}

/// Many seconds from now on.
const LATER_MS: u64 = 4_102_444_800_123;

/// Each string as a value, and as a key; values and deadlines by key.
fn entries() -> BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)> {
    let as_value = |(number, value): (usize, Vec<u8>)| {
        let expire_ms = number.is_multiple_of(3).then_some(LATER_MS + number as u64);
        (format!("key:{number}").into_bytes(), (value, expire_ms))
    };
    let as_key = |key: Vec<u8>| (key, (b"value".to_vec(), None));
    strings().into_iter().enumerate().map(as_value).chain(strings().into_iter().map(as_key)).collect()
}

/// A server that has loaded a file, which it will write anew when it saves.
struct Loaded {
    server: Server,
    folder: PathBuf,
}

impl Loaded {
    fn start(file: &[u8], policy: &str) -> Self {
        let folder = temporary_folder();
        fs::write(folder.join("dump.rdb"), file).expect("the folder is ours");
        let server = Launch::redis().with("dir", folder.display()).with("maxmemory-policy", policy).start();
        Loaded { server, folder }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).expect("the folder is ours");
    }
}

#[test]
fn files_written_here_are_loaded_by_redis_as_redis_does() {
    for compression in [Compression::Off, Compression::On] {
        let mut writer = writer(compression);
        for database in [0, 3] {
            let all = entries();
            let expiring = all.values().filter(|(_, expire_ms)| expire_ms.is_some()).count();
            writer.database(database, all.len() as u64, expiring as u64);
            for (key, (value, expire_ms)) in &all {
                let value = StringValue::Bytes(value);
                writer.entry(&Entry { key, value, expire_ms: *expire_ms, used: None });
            }
        }
        let loaded = Loaded::start(&writer.finish(), "noeviction");
        let mut client = loaded.server.client();
        for database in [0, 3] {
            client.ask(&format!("SELECT {database}"));
            let expected = entries();
            assert_eq!(client.ask("DBSIZE").integer(), expected.len() as i64);
            for (key, (value, expire_ms)) in expected {
                assert_eq!(client.command(&[&b"GET"[..], &key]).text(), Some(&value[..]));
                let deadline = client.command(&[&b"PEXPIRETIME"[..], &key]).integer();
                assert_eq!(deadline, expire_ms.map_or(-1, |expire_ms| expire_ms as i64));
            }
        }
    }
}

#[test]
fn the_use_of_keys_is_loaded_as_redis_does() {
    for (policy, used, question, expected) in [
        ("allkeys-lru", Used::Idle(1000), "OBJECT IDLETIME k", 1000..1100),
        ("allkeys-lfu", Used::Frequency(200), "OBJECT FREQ k", 200..201),
    ] {
        let mut writer = writer(Compression::On);
        writer.entry(&Entry {
            key: b"k",
            value: StringValue::Bytes(b"v"),
            expire_ms: None,
            used: Some(used),
        });
        let loaded = Loaded::start(&writer.finish(), policy);
        assert!(expected.contains(&loaded.server.client().ask(question).integer()), "{policy}");
        // And Redis writes them so.
        let told = saved(&loaded.server);
        let key = Told::Entry(Key { name: "k".into(), value: "v".into(), expire_ms: None, used: Some(used) });
        let is_alike = |told: &Told| match (told, used) {
            (Told::Entry(Key { used: Some(Used::Idle(seconds)), .. }), Used::Idle(_)) => {
                expected.contains(&(*seconds as i64))
            }
            (told, _) => *told == key,
        };
        assert!(told.iter().any(is_alike), "{policy}: {told:?}");
    }
}

/// What the snapshot says that a server saves now.
fn saved(server: &Server) -> Vec<Told> {
    assert!(!server.client().ask("SAVE").is_error());
    let file = newest_file(server);
    let (told, end) = read(&file, 1000, Checksum::Verify);
    assert_eq!(end, End::Clean { rest: 0 });
    assert_eq!(read(&file, file.len(), Checksum::Verify).0, told);
    told
}

fn newest_file(server: &Server) -> Vec<u8> {
    let folder = server.client().ask("CONFIG GET dir").items()[1].string();
    fs::read(format!("{folder}/dump.rdb")).expect("SAVE has written it")
}

#[test]
fn files_of_redis_are_read_here_as_redis_does() {
    let server = Launch::redis().start();
    let mut client = server.client();
    client.ask("SELECT 5");
    for (key, (value, expire_ms)) in entries() {
        client.command(&[&b"SET"[..], &key, &value]);
        if let Some(expire_ms) = expire_ms {
            client.command(&[&b"PEXPIREAT"[..], &key, expire_ms.to_string().as_bytes()]);
        }
    }
    for setting in ["rdbcompression yes", "rdbcompression no"] {
        client.ask(&format!("CONFIG SET {setting}"));
        let told = saved(&server);
        let names: Vec<_> = told
            .iter()
            .filter_map(|told| if let Told::Aux(name, _) = told { Some(name.as_slice()) } else { None })
            .collect();
        let expected: [&[u8]; 5] = [b"redis-ver", b"redis-bits", b"ctime", b"used-mem", b"aof-base"];
        assert_eq!(names, expected, "as they are written here");
        let expected: BTreeMap<_, _> = entries()
            .into_iter()
            .map(|(name, (value, expire_ms))| (name.clone(), Key { name, value, expire_ms, used: None }))
            .collect();
        let expiring = expected.values().filter(|key| key.expire_ms.is_some()).count();
        assert!(told.contains(&Told::Database(5)));
        assert!(told.contains(&Told::Size(expected.len() as u64, expiring as u64)));
        let keys: BTreeMap<_, _> = told
            .into_iter()
            .filter_map(|told| if let Told::Entry(key) = told { Some((key.name.clone(), key)) } else { None })
            .collect();
        assert!(keys == expected, "all {} keys come back", expected.len());
    }
}

/// Commands that make a key of every type in every encoding of 7.0, and how many of each.
const OTHERS: &[&str] = &[
    "RPUSH list:small a b 1 22 -333 4444444444",
    "HSET hash:small f v g 1",
    "SADD set:ints 1 2 300000 5000000000",
    "SADD set:strings a b c",
    "ZADD zset:small 1 a 2.5 b -inf c",
    "XADD stream:plain 1-1 f v",
    "XADD stream:plain 1-2 f v g w",
    "XADD stream:groups 1-1 f v",
    "XADD stream:groups 1-2 f v",
    "XADD stream:groups 2-1 other fields",
    "XDEL stream:groups 1-1",
    "XGROUP CREATE stream:groups one 0",
    "XGROUP CREATE stream:groups two $",
    "XREADGROUP GROUP one ann COUNT 1 STREAMS stream:groups >",
    "XREADGROUP GROUP one joe COUNT 1 STREAMS stream:groups >",
    "XGROUP CREATECONSUMER stream:groups two idle",
    "XGROUP CREATE stream:empty g $ MKSTREAM",
    "PFADD string:hyperloglog a b c",
    "GEOADD zset:geo 13.361389 38.115556 Palermo",
    "SET string:text hello",
];

const LARGE_COUNT: usize = 1000;

#[test]
fn values_of_all_types_are_counted_as_redis_does() {
    let server = Launch::redis().start();
    let mut client = server.client();
    for line in OTHERS {
        let reply = client.ask(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
    }
    let large = "x".repeat(100);
    for number in 0..LARGE_COUNT {
        for line in [
            format!("RPUSH list:large {large}{number}"),
            format!("HSET hash:large {number} {large}"),
            format!("SADD set:large {large}{number}"),
            format!("ZADD zset:large {number}.5 {large}{number}"),
            format!("XADD stream:large {number}-1 field {large}"),
        ] {
            assert!(!client.ask(&line).is_error(), "{line}");
        }
    }
    let huge = "y".repeat(20_000);
    client.command(&["RPUSH", "list:plain", &huge, "small", &huge]);
    let code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    assert!(!client.command(&["FUNCTION", "LOAD", code]).is_error());
    for compression in ["yes", "no"] {
        client.ask(&format!("CONFIG SET rdbcompression {compression}"));
        let told = saved(&server);
        assert!(told.contains(&Told::Function(code.into())));
        // The names say what they are.
        let mut counts = BTreeMap::new();
        for one in &told {
            let (name, type_name) = match one {
                Told::Other(name, type_name) => (name, *type_name),
                Told::Entry(key) => (&key.name, "string"),
                _ => continue,
            };
            let name = String::from_utf8_lossy(name);
            assert_eq!(name.split(':').next(), Some(type_name), "{name}");
            *counts.entry(type_name).or_insert(0) += 1;
        }
        let expected = [("hash", 2), ("list", 3), ("set", 3), ("stream", 4), ("string", 2), ("zset", 3)];
        assert_eq!(counts, BTreeMap::from(expected));
    }
}

#[test]
fn payloads_go_from_one_server_to_the_other_as_redis_does() {
    let servers = [Launch::basalt().shards(2).start(), Launch::redis().start()];
    for (from, to) in [(0, 1), (1, 0)] {
        let (mut from, mut to) = (servers[from].client(), servers[to].client());
        for value in strings() {
            from.command(&[&b"SET"[..], b"k", &value]);
            let payload = from.ask("DUMP k");
            let payload = payload.text().expect("the key is there");
            let reply = to.command(&[&b"RESTORE"[..], b"k", b"0", payload, b"REPLACE"]);
            assert_eq!(reply.string(), "OK");
            assert_eq!(to.ask("GET k").text(), Some(&value[..]));
            let encodings = [&mut from, &mut to].map(|client| client.ask("OBJECT ENCODING k"));
            assert_eq!(encodings[0], encodings[1]);
        }
    }
}

#[test]
fn compression_of_payloads_follows_its_setting_as_redis_does() {
    for server in [Launch::basalt().shards(1).start(), Launch::redis().start()] {
        let mut client = server.client();
        client.command(&["SET", "k", &"a".repeat(1000)]);
        let lengths = ["yes", "no", "yes"].map(|compression| {
            client.ask(&format!("CONFIG SET rdbcompression {compression}"));
            client.ask("DUMP k").text().expect("the key is there").len()
        });
        assert!(lengths[0] < 100 && lengths[0] == lengths[2]);
        assert_eq!(lengths[1], 1 + 2 + 1000 + 10);
    }
}
