//! Writes a snapshot: entries one by one into bytes that the caller takes away as often as it likes.

use super::VERSION;
use super::length;
use super::opcode;
use super::reader::{Checksum, Entry, Used};
use super::shape::STRING;
use super::state::MAGIC;
use super::text::{Compression, StringValue, TextWriter};
use crate::codec::crc64::Running;

/// What is said about the file at its beginning, as Redis says it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The version of Redis whose format this is.
    pub redis_version: &'a str,
    /// Seconds since 1970.
    pub created_s: u64,
    pub used_memory_bytes: u64,
    /// Where replicas go on from here, if there is such a place.
    pub replication: Option<Replication<'a>>,
    /// Whether a log goes on behind the snapshot.
    pub is_log_base: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Replication<'a> {
    pub database: u64,
    pub id: &'a str,
    pub offset: u64,
}

/// Encodes what a snapshot has of databases and keys. Several of these may work at once, each for a part of the file.
pub struct EntryWriter {
    text: TextWriter,
}

impl EntryWriter {
    pub fn new(compression: Compression) -> Self {
        EntryWriter { text: TextWriter::new(compression) }
    }

    /// The entries behind this are in a database, which has about so many keys, so many of them with a deadline. It may be
    /// said of one database more than once.
    pub fn database(&mut self, index: u64, keys: u64, expiring: u64, out: &mut Vec<u8>) {
        self.select(index, out);
        out.push(opcode::RESIZE);
        length::write(keys, out);
        length::write(expiring, out);
    }

    /// The entries behind this are in a database.
    pub fn select(&mut self, index: u64, out: &mut Vec<u8>) {
        out.push(opcode::SELECT);
        length::write(index, out);
    }

    /// A key. Its use is written if it is given: Redis does so if the eviction policy asks for it.
    #[inline]
    pub fn entry(&mut self, entry: &Entry, out: &mut Vec<u8>) {
        if let Some(expire_ms) = entry.expire_ms {
            out.push(opcode::EXPIRE_MS);
            out.extend_from_slice(&expire_ms.to_le_bytes());
        }
        match entry.used {
            None => {}
            Some(Used::Idle(seconds)) => {
                out.push(opcode::IDLE);
                length::write(seconds, out);
            }
            Some(Used::Frequency(counter)) => out.extend_from_slice(&[opcode::FREQUENCY, counter]),
        }
        out.push(STRING);
        self.text.bytes(entry.key, out);
        self.text.value(entry.value, out);
    }

    fn aux(&mut self, name: &str, value: StringValue, out: &mut Vec<u8>) {
        out.push(opcode::AUX);
        self.text.bytes(name.as_bytes(), out);
        self.text.value(value, out);
    }
}

/// A whole file: its beginning, the entries in between, its end. What was written waits in `pending` to be taken.
pub struct Writer {
    entries: EntryWriter,
    checksum: Checksum,
    running: Running,
    out: Vec<u8>,
    /// Bytes of `out` that the checksum covers.
    counted: usize,
}

impl Writer {
    /// A file with its beginning written.
    pub fn new(compression: Compression, checksum: Checksum, facts: &Facts) -> Self {
        let mut writer = Writer {
            entries: EntryWriter::new(compression),
            checksum,
            running: Running::new(),
            out: Vec::new(),
            counted: 0,
        };
        writer.header(facts);
        writer
    }

    fn header(&mut self, facts: &Facts) {
        let Writer { entries, out, .. } = self;
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(format!("{VERSION:04}").as_bytes());
        let text = |text: &'static str| StringValue::Bytes(text.as_bytes());
        let number = |number: u64| StringValue::Int(number as i64);
        entries.aux("redis-ver", StringValue::Bytes(facts.redis_version.as_bytes()), out);
        entries.aux("redis-bits", text("64"), out);
        entries.aux("ctime", number(facts.created_s), out);
        entries.aux("used-mem", number(facts.used_memory_bytes), out);
        if let Some(replication) = facts.replication {
            entries.aux("repl-stream-db", number(replication.database), out);
            entries.aux("repl-id", StringValue::Bytes(replication.id.as_bytes()), out);
            entries.aux("repl-offset", number(replication.offset), out);
        }
        entries.aux("aof-base", number(facts.is_log_base.into()), out);
    }

    /// See [`EntryWriter::database`].
    pub fn database(&mut self, index: u64, keys: u64, expiring: u64) {
        self.entries.database(index, keys, expiring, &mut self.out);
    }

    /// See [`EntryWriter::entry`].
    #[inline]
    pub fn entry(&mut self, entry: &Entry) {
        self.entries.entry(entry, &mut self.out);
    }

    /// Adds what an `EntryWriter` has encoded: whole databases and entries.
    pub fn section(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// How much waits to be taken. It grows by an entry at a time, so a caller that looks after each holds no more than its
    /// own bound and one entry.
    pub fn pending_bytes(&self) -> usize {
        self.out.len()
    }

    /// Takes what waits, in exchange for an empty buffer that is used from now on.
    pub fn take_into(&mut self, empty: &mut Vec<u8>) {
        assert!(empty.is_empty(), "what is in it would be lost");
        self.count();
        self.counted = 0;
        std::mem::swap(&mut self.out, empty);
    }

    fn count(&mut self) {
        if self.checksum == Checksum::Verify {
            self.running.add(&self.out[self.counted..]);
        }
        self.counted = self.out.len();
    }

    /// Ends the file and gives what was not taken.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(opcode::END);
        self.count();
        let sum = match self.checksum {
            Checksum::Verify => self.running.sum(),
            // Readers take this for none.
            Checksum::Ignore => 0,
        };
        self.out.extend_from_slice(&sum.to_le_bytes());
        self.out
    }
}
