//! Times the reading and writing of snapshots: a million small keys, long strings, and strings that are compressed.

use basalt::codec::rdb::{
    Checksum, Compression, Entry, Event, Facts, PIECE_BYTES, Reader, Step, StringValue, Writer,
};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

fn main() {
    divan::main();
}

const FACTS: Facts = Facts {
    redis_version: "7.0.15",
    created_s: 1_700_000_000,
    used_memory_bytes: 0,
    replication: None,
    is_log_base: false,
};

const STRING_BYTES_MAX: u64 = 512 << 20;

/// How many keys, and how long their values are.
#[derive(Clone, Copy, Debug)]
struct Shape {
    keys: usize,
    value_bytes: usize,
    compression: Compression,
}

const SMALL: Shape = Shape { keys: 1_000_000, value_bytes: 8, compression: Compression::On };
const MEDIUM: Shape = Shape { keys: 200_000, value_bytes: 100, compression: Compression::Off };
const PACKED: Shape = Shape { keys: 200_000, value_bytes: 100, compression: Compression::On };
const LONG: Shape = Shape { keys: 200, value_bytes: 1 << 20, compression: Compression::Off };
const SHAPES: [Shape; 4] = [SMALL, MEDIUM, PACKED, LONG];

/// What is written: values of letters, a quarter of them again and again.
fn file(shape: Shape) -> Vec<u8> {
    let mut writer = Writer::new(shape.compression, Checksum::Verify, &FACTS);
    writer.database(0, shape.keys as u64, 0);
    let mut value = vec![0; shape.value_bytes];
    for number in 0..shape.keys {
        let key = format!("key:{number:012}");
        let mut state = number as u64 + 1;
        for (at, byte) in value.iter_mut().enumerate() {
            state = state.wrapping_mul(0xd129_42f2_fb36_2a2d).wrapping_add(0x9e37_79b9);
            *byte = if at % 4 == 0 { b'a' + (state >> 60) as u8 } else { b'.' };
        }
        let expire_ms = number.is_multiple_of(4).then_some(1_800_000_000_000);
        let value = StringValue::Bytes(&value);
        writer.entry(&Entry { key: key.as_bytes(), value, expire_ms, used: None });
    }
    writer.finish()
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn read(bencher: Bencher, shape: Shape) {
    let file = file(shape);
    let counters = (ItemsCount::new(shape.keys), BytesCount::new(file.len()));
    bencher.counter(counters.0).counter(counters.1).bench_local(|| {
        let mut reader = Reader::new(Checksum::Verify, STRING_BYTES_MAX);
        let mut pieces = file.chunks(PIECE_BYTES);
        let mut keys = 0;
        loop {
            match reader.step().expect("the file is whole") {
                Step::Event(Event::Entry(entry)) => keys += divan::black_box(entry).key.len().min(1),
                Step::Event(_) => {}
                Step::More => reader.feed(pieces.next().expect("there is more")),
                Step::End => break,
            }
        }
        assert_eq!(keys, shape.keys);
    });
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn write(bencher: Bencher, shape: Shape) {
    let file = file(shape);
    let mut entries = Vec::new();
    let mut reader = Reader::new(Checksum::Verify, STRING_BYTES_MAX);
    reader.feed(&file);
    loop {
        match reader.step().expect("the file is whole") {
            Step::Event(Event::Entry(Entry { key, value: StringValue::Bytes(value), expire_ms, .. })) => {
                entries.push((key.to_vec(), value.to_vec(), expire_ms));
            }
            Step::End => break,
            _ => {}
        }
    }
    let mut piece = Vec::new();
    bencher.counter(ItemsCount::new(shape.keys)).counter(BytesCount::new(file.len())).bench_local(|| {
        let mut writer = Writer::new(shape.compression, Checksum::Verify, &FACTS);
        writer.database(0, shape.keys as u64, 0);
        for (key, value, expire_ms) in &entries {
            let value = StringValue::Bytes(value);
            writer.entry(&Entry { key, value, expire_ms: *expire_ms, used: None });
            if writer.pending_bytes() >= PIECE_BYTES {
                writer.take_into(&mut piece);
                divan::black_box(&piece);
                piece.clear();
            }
        }
        divan::black_box(writer.finish());
    });
}
