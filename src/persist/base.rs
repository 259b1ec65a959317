//! Writes a base: the keys of a shard as they were at one position of its log.

use crate::codec::record::{self, Kind, Seed};
use crate::persist::name::FileName;
use crate::persist::segment::Header;

/// A record is closed when it has so many bytes.
pub const RECORD_BYTES: usize = 64 * 1024;

/// A base that is being written. The caller takes the bytes as they come and appends them to the file.
pub struct BaseWriter {
    seed: Seed,
    /// The position of the next record.
    position: u64,
}

impl BaseWriter {
    /// Appends the header of a base at `start` of the log.
    pub fn new(folder: u64, name: FileName, start: u64, out: &mut Vec<u8>) -> Self {
        Header { name, start, term: 0 }.write(folder, out);
        BaseWriter { seed: Seed::new(folder, name.shard), position: 0 }
    }

    /// Appends a record of these effects, each of which stores a key.
    pub fn effects(&mut self, effects: &[u8], out: &mut Vec<u8>) {
        let start = record::begin(out, Kind::Effects);
        out.extend_from_slice(effects);
        record::finish(out, start, self.position, self.seed);
        self.position += (out.len() - start) as u64;
    }

    /// Appends the record without which a base is none.
    pub fn finish(self, key_count: u64, out: &mut Vec<u8>) {
        record::write_end(out, key_count, self.position, self.seed);
    }
}
