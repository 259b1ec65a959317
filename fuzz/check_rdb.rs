//! What must hold for the reader of snapshots and of DUMP's payloads, whatever the bytes.

use basalt::codec::crc64::crc64;
use basalt::codec::dump;
use basalt::codec::rdb::{Checksum, Compression, Event, RdbError, Reader, Step, StringValue, Used};

/// The longest string that is read: short, so that the bound is met.
pub const STRING_BYTES_MAX: u64 = 1 << 20;

/// An event that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Aux(Vec<u8>, Vec<u8>),
    Database(u64),
    Size(u64, u64),
    Entry(Key),
    Other(Vec<u8>, &'static str),
    Function(Vec<u8>),
    ModuleAux,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    pub name: Vec<u8>,
    /// Integers in decimal.
    pub value: Vec<u8>,
    pub expire_ms: Option<u64>,
    pub used: Option<Used>,
}

/// Where reading ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// At the end of the snapshot, with so many bytes behind it.
    Clean {
        rest: usize,
    },
    Error(RdbError),
}

/// A snapshot says the same whether it comes at once, in two pieces or byte by byte.
pub fn snapshots_are_the_same_in_pieces(bytes: &[u8]) {
    let cut =
        1 + bytes.iter().fold(0usize, |sum, &byte| sum.wrapping_mul(31) + byte as usize) % bytes.len().max(1);
    for checksum in [Checksum::Ignore, Checksum::Verify] {
        let whole = read(bytes, bytes.len().max(1), checksum);
        assert_eq!(whole, read(bytes, cut, checksum), "in pieces of {cut} bytes");
        if bytes.len() <= 512 {
            assert_eq!(whole, read(bytes, 1, checksum), "one byte at a time");
        }
    }
}

/// All that a snapshot says, read in pieces of `piece` bytes.
pub fn read(bytes: &[u8], piece: usize, checksum: Checksum) -> (Vec<Told>, End) {
    let mut reader = Reader::new(checksum, STRING_BYTES_MAX);
    let mut pieces = bytes.chunks(piece);
    let mut fed = 0;
    let mut told = Vec::new();
    let end = loop {
        match reader.step() {
            Ok(Step::Event(event)) => told.push(owned(event)),
            Ok(Step::End) => break End::Clean { rest: bytes.len() - fed + reader.rest().len() },
            Err(error) => break End::Error(error),
            Ok(Step::More) => match pieces.next() {
                Some(piece) => {
                    fed += piece.len();
                    reader.feed(piece);
                }
                None => break End::Error(reader.ended()),
            },
        }
        assert!(reader.position() <= fed as u64, "the reader stays in its bytes");
    };
    (told, end)
}

fn owned(event: Event) -> Told {
    match event {
        Event::Aux { name, value } => Told::Aux(name.to_vec(), value.to_vec()),
        Event::Database(index) => Told::Database(index),
        Event::Size { keys, expiring } => Told::Size(keys, expiring),
        Event::Entry(entry) => Told::Entry(Key {
            name: entry.key.to_vec(),
            value: decimal(entry.value),
            expire_ms: entry.expire_ms,
            used: entry.used,
        }),
        Event::Other { key, type_name } => Told::Other(key.to_vec(), type_name),
        Event::Function(code) => Told::Function(code.to_vec()),
        Event::ModuleAux => Told::ModuleAux,
    }
}

pub fn decimal(value: StringValue) -> Vec<u8> {
    match value {
        StringValue::Int(number) => number.to_string().into_bytes(),
        StringValue::Bytes(bytes) => bytes.to_vec(),
    }
}

/// Whatever stands in a payload, what is read from it can be written and read again.
pub fn payloads_are_read_as_they_are_written(body: &[u8]) {
    // As it is, and as nobody may take it for damaged.
    read_payload(body);
    read_payload(&sealed(body, 10));
}

fn read_payload(payload: &[u8]) {
    let mut scratch = Vec::new();
    let Ok(value) = dump::read(payload, STRING_BYTES_MAX, &mut scratch) else {
        return;
    };
    for compression in [Compression::Off, Compression::On] {
        let (mut again, mut scratch) = (Vec::new(), Vec::new());
        dump::write(value, compression, &mut again);
        let read = dump::read(&again, STRING_BYTES_MAX, &mut scratch).map(decimal);
        assert_eq!(read, Ok(decimal(value)));
    }
}

/// A body with the footer that makes a payload of it.
pub fn sealed(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = [body, &version.to_le_bytes()].concat();
    payload.extend(crc64(&payload).to_le_bytes());
    payload
}
