//! What was written is read.

use basalt::codec::rdb::{
    Checksum, Compression, Entry, EntryWriter, Facts, Replication, StringValue, Used, Writer,
};
use proptest::prelude::*;

use super::check::{End, Key, Told, read, snapshots_are_the_same_in_pieces};
use super::{FACTS, writer};

fn aux(name: &str, value: &str) -> Told {
    Told::Aux(name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

/// What `FACTS` become.
fn facts() -> Vec<Told> {
    vec![
        aux("redis-ver", "7.0.15"),
        aux("redis-bits", "64"),
        aux("ctime", "1700000000"),
        aux("used-mem", "8589934592"),
        aux("aof-base", "0"),
    ]
}

fn write(keys: &[Key], compression: Compression) -> Vec<u8> {
    let mut writer = writer(compression);
    writer.database(3, keys.len() as u64, 1);
    for key in keys {
        writer.entry(&entry(key));
    }
    writer.finish()
}

fn entry(key: &Key) -> Entry<'_> {
    let Key { name, value, expire_ms, used } = key;
    Entry { key: name, value: StringValue::Bytes(value), expire_ms: *expire_ms, used: *used }
}

fn expected(keys: &[Key]) -> Vec<Told> {
    let mut told = facts();
    told.extend([Told::Database(3), Told::Size(keys.len() as u64, 1)]);
    told.extend(keys.iter().cloned().map(Told::Entry));
    told
}

#[test]
fn an_empty_file_has_the_facts_of_redis_in_their_order() {
    let bytes = writer(Compression::On).finish();
    assert_eq!(read(&bytes, 7, Checksum::Verify), (facts(), End::Clean { rest: 0 }));
    let replication =
        Some(Replication { database: 2, id: "8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb", offset: 1 << 40 });
    let facts = Facts { replication, is_log_base: true, ..FACTS };
    let bytes = Writer::new(Compression::Off, Checksum::Ignore, &facts).finish();
    let told = read(&bytes, bytes.len(), Checksum::Verify).0;
    let behind = [
        aux("repl-stream-db", "2"),
        aux("repl-id", "8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb"),
        aux("repl-offset", "1099511627776"),
        aux("aof-base", "1"),
    ];
    assert_eq!(told[4..], behind);
}

#[test]
fn what_stands_behind_a_snapshot_is_left_alone() {
    let bytes = [write(&[], Compression::On), b"*1\r\n$4\r\nPING\r\n".to_vec()].concat();
    for piece in [1, 10, 1000] {
        assert_eq!(read(&bytes, piece, Checksum::Verify).1, End::Clean { rest: 14 });
    }
}

#[test]
fn sections_written_apart_make_one_file() {
    let keys: Vec<_> = (0..100).map(|number| Key { name: vec![b'k', number], ..Key::default() }).collect();
    let mut file = writer(Compression::On);
    for half in keys.chunks(50) {
        let (mut section, mut entries) = (Vec::new(), EntryWriter::new(Compression::On));
        entries.database(0, 50, 0, &mut section);
        half.iter().for_each(|key| entries.entry(&entry(key), &mut section));
        file.section(&section);
    }
    let (told, end) = read(&file.finish(), 100, Checksum::Verify);
    assert_eq!(end, End::Clean { rest: 0 });
    let names: Vec<_> = told
        .into_iter()
        .filter_map(|told| if let Told::Entry(key) = told { Some(key) } else { None })
        .collect();
    assert_eq!(names, keys);
}

#[test]
fn a_writer_holds_only_what_was_not_taken() {
    const BOUND: usize = 1000;
    let mut writer = writer(Compression::Off);
    let (mut file, mut piece) = (Vec::new(), Vec::new());
    for number in 0..10_000 {
        let value = StringValue::Int(number << 40);
        writer.entry(&Entry { key: b"key", value, expire_ms: None, used: None });
        assert!(writer.pending_bytes() < BOUND + 40);
        if writer.pending_bytes() >= BOUND {
            writer.take_into(&mut piece);
            assert_eq!(writer.pending_bytes(), 0);
            file.append(&mut piece);
        }
    }
    file.extend(writer.finish());
    let (told, end) = read(&file, file.len(), Checksum::Verify);
    assert_eq!((told.len(), end), (10_005, End::Clean { rest: 0 }));
}

#[test]
fn strings_longer_than_a_piece_are_read() {
    let value: Vec<u8> =
        (0..700_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let keys = [Key { name: b"large".to_vec(), value, ..Key::default() }, Key::default()];
    for compression in [Compression::Off, Compression::On] {
        let bytes = write(&keys, compression);
        for piece in [1000, 65_536, bytes.len()] {
            assert_eq!(read(&bytes, piece, Checksum::Verify), (expected(&keys), End::Clean { rest: 0 }));
        }
    }
}

fn strings() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..70),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        any::<i16>().prop_map(|number| number.to_string().into_bytes()),
        any::<i32>().prop_map(|number| format!("0{number}").into_bytes()),
        (any::<u8>(), 0usize..20_000).prop_map(|(byte, count)| vec![byte; count]),
    ]
}

fn keys() -> impl Strategy<Value = Key> {
    let used = prop_oneof![
        any::<u32>().prop_map(|idle| Used::Idle(idle.into())),
        any::<u8>().prop_map(Used::Frequency)
    ];
    let expire_ms = prop::option::of(0u64..1 << 60);
    (strings(), strings(), expire_ms, prop::option::of(used)).prop_map(|(name, value, expire_ms, used)| Key {
        name,
        value,
        expire_ms,
        used,
    })
}

proptest! {
    #[test]
    fn any_entries_come_back(keys in prop::collection::vec(keys(), 0..20), piece in 1usize..5000) {
        for compression in [Compression::Off, Compression::On] {
            let bytes = write(&keys, compression);
            prop_assert_eq!(read(&bytes, piece, Checksum::Verify), (expected(&keys), End::Clean { rest: 0 }));
            snapshots_are_the_same_in_pieces(&bytes);
        }
    }
}
