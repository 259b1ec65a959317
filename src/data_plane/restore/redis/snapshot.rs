//! A file in the format of RDB, read from front to back in pieces.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::bridge::loading::Loading;
use crate::cluster::slot_of;
use crate::codec::effect;
use crate::codec::rdb::{Checksum, Entry, Event, Reader, Step, StringValue, Used};
use crate::config::Settings;
use crate::data_plane::restore::redis::ImportError;
use crate::data_plane::restore::redis::missing::Missing;
use crate::keyspace::{Cause, DEADLINE_MS_MAX, Keyspace, Restored, Use, Value};

/// The longest string, whatever `proto-max-bulk-len` says: lengths in entries are of 32 bits.
const STRING_BYTES_MAX: u64 = 1 << 30;

/// What a file is read by.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub databases: u16,
    pub string_bytes_max: u64,
    pub checksum: Checksum,
    /// A log may end in the middle of a request: `aof-load-truncated`.
    pub cuts_torn_end: bool,
    /// Keys that have expired by then are left out; none are at 0.
    pub now_ms: u64,
}

impl Terms {
    pub fn of(settings: &Settings, now_ms: u64) -> Self {
        let checksum = if settings.snapshot.has_checksum { Checksum::Verify } else { Checksum::Ignore };
        let string_bytes_max = settings.bulk_bytes_max.min(STRING_BYTES_MAX);
        let (databases, cuts_torn_end) = (settings.databases, settings.log.cuts_torn_end);
        Terms { databases, string_bytes_max, checksum, cuts_torn_end, now_ms }
    }
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub keys: u64,
    pub expired: u64,
    /// Where the snapshot ends.
    pub bytes: u64,
}

/// A key that was read.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub database: u8,
    pub entry: Entry<'a>,
}

/// Takes the keys.
pub type Sink<'s> = dyn FnMut(Found<'_>) -> Result<(), ImportError> + 's;

/// Reads the snapshot with which a file begins; `progress` is told of bytes. What is not built is counted, and from then on
/// no key is given to the sink any more.
pub fn read(
    path: &Path,
    terms: &Terms,
    missing: &mut Missing,
    progress: &Loading,
    sink: &mut Sink<'_>,
) -> Result<Figures, ImportError> {
    let failed = |source| ImportError::Read { file: path.to_owned(), source };
    let damaged = |error| ImportError::Snapshot { file: path.to_owned(), error };
    let mut file = File::open(path).map_err(failed)?;
    let mut reader = Reader::new(terms.checksum, terms.string_bytes_max);
    let mut figures = Figures::default();
    let mut database = 0;
    loop {
        match reader.step().map_err(damaged)? {
            Step::More => {
                let read = read_some(&mut file, reader.space()).map_err(failed)?;
                if read == 0 {
                    return Err(damaged(reader.ended()));
                }
                reader.filled(read);
                progress.add_bytes(read as u64);
            }
            Step::Event(Event::Database(index)) => database = number_of(index, terms, path)?,
            Step::Event(Event::Entry(entry)) => {
                if entry.expire_ms.is_some_and(|expire_ms| expire_ms < terms.now_ms) {
                    figures.expired += 1;
                } else if missing.is_empty() {
                    figures.keys += 1;
                    sink(Found { database, entry })?;
                }
            }
            Step::Event(event) => note(&event, missing, progress),
            Step::End => break,
        }
    }
    Ok(Figures { bytes: reader.position(), ..figures })
}

/// Reads once; nothing where the file ends.
fn read_some(file: &mut File, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn number_of(index: u64, terms: &Terms, path: &Path) -> Result<u8, ImportError> {
    match u8::try_from(index) {
        Ok(number) if index < u64::from(terms.databases) => Ok(number),
        _ => Err(ImportError::Database { file: path.to_owned(), index, databases: terms.databases }),
    }
}

/// Counts what is not built, and tells of what is worth a line.
fn note(event: &Event<'_>, missing: &mut Missing, progress: &Loading) {
    match event {
        Event::Other { key, type_name } => missing.add(&format!("keys of type {type_name}"), key),
        Event::Function(code) => missing.add("libraries of functions", first_line(code)),
        Event::ModuleAux => missing.add("data of modules", b""),
        Event::Aux { name: b"redis-ver", value } => {
            tracing::info!("Loading RDB produced by version {}", String::from_utf8_lossy(value));
        }
        Event::Aux { name: b"used-mem", value } => {
            let bytes = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            progress.note_redis_memory(bytes.unwrap_or_default());
        }
        Event::Aux { .. } | Event::Size { .. } | Event::Database(_) | Event::Entry(_) => {}
    }
}

/// It names a library.
fn first_line(code: &[u8]) -> &[u8] {
    code.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

/// Whether a file is a snapshot with which an append-only file begins: a remark at its front says so.
pub fn is_log_base(path: &Path, terms: &Terms) -> Result<bool, ImportError> {
    let failed = |source| ImportError::Read { file: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut reader = Reader::new(terms.checksum, terms.string_bytes_max);
    loop {
        match reader.step().map_err(|error| ImportError::Snapshot { file: path.to_owned(), error })? {
            Step::More => match read_some(&mut file, reader.space()).map_err(failed)? {
                0 => return Ok(false),
                read => reader.filled(read),
            },
            // Before 7.0 and since.
            Step::Event(Event::Aux { name: b"aof-preamble" | b"aof-base", value }) => {
                return Ok(value == b"1");
            }
            Step::Event(Event::Aux { .. }) => {}
            Step::Event(_) | Step::End => return Ok(false),
        }
    }
}

/// The deadline of a key, as far as there can be one.
fn deadline_ms(entry: &Entry<'_>) -> Option<u64> {
    entry.expire_ms.map(|expire_ms| expire_ms.min(DEADLINE_MS_MAX))
}

/// Stores a key in a key space, with the use it had.
pub fn store(keyspace: &mut Keyspace, found: &Found<'_>, now_ms: u64) {
    let Found { database, entry } = found;
    let value = match entry.value {
        StringValue::Int(number) => Value::Int(number),
        StringValue::Bytes(bytes) => Value::Bytes(bytes),
    };
    let before = match entry.used {
        None => Use::Now,
        Some(Used::Idle(seconds)) => Use::Idle(seconds),
        Some(Used::Frequency(counter)) => Use::Frequency(counter),
    };
    let key = keyspace.hasher().key(entry.key, slot_of(entry.key));
    let restored = Restored { value, deadline_ms: deadline_ms(entry), before };
    keyspace.restore((*database).into(), &key, restored, Cause::Restore, now_ms);
}

/// A key as a base has it.
pub fn stored<'a>(entry: &Entry<'a>) -> (effect::Value<'a>, Option<u64>) {
    let value = match entry.value {
        StringValue::Int(number) => effect::Value::Int(number),
        StringValue::Bytes(bytes) => effect::Value::Plain(bytes),
    };
    (value, deadline_ms(entry))
}
