//! One file of records: its header, and a reader that walks it in windows, so that memory is bounded by the largest record.
//!
//! ```text
//! 0      magic "BSLTLOG1" or "BSLTBAS1" 8 | shard 2 | zero 6 | number 8 | start 8 | term 8 | CRC-32C 4 | zeroes up to 4096
//! 4096   record, record, record ...
//! ```
//!
//! The checksum covers the folder and the 40 bytes before it. Where fewer than four bytes of zeroes, or a length of zero,
//! stand instead of a record, nothing more follows in this block of 4096 bytes of the file. The file goes on at the next
//! block only if that begins with a `Synced` record that says that all before it was on the disk: so that a page which a
//! power cut has lost, and which now reads as zeroes, is not passed over.

use std::io;
use std::ops::ControlFlow;

use crc32c::{crc32c, crc32c_append};

use crate::codec::record::{self, Invalid, Record, SYNCED_BYTES, SYNCED_MARK, SYNCED_MARK_AT, Seed};
use crate::persist::disk::{Disk, DiskError};
use crate::persist::name::{Content, FileName};

/// The bytes before the first record.
pub const HEADER_BYTES: usize = 4096;
/// Padding reaches up to a multiple of this.
pub const BLOCK_BYTES: u64 = 4096;
/// How much of a file is read at once, unless a record is longer.
pub const WINDOW_BYTES: usize = 1 << 20;
/// How many records are handed out together.
pub const BATCH_RECORDS: usize = 64;

const LOG_MAGIC: &[u8; 8] = b"BSLTLOG1";
const BASE_MAGIC: &[u8; 8] = b"BSLTBAS1";
const CHECKED_BYTES: usize = 40;

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: FileName,
    /// The position of the first record.
    pub start: u64,
    /// 0 until there is replication.
    pub term: u64,
}

impl Header {
    /// Appends the header as the first `HEADER_BYTES` of a file.
    pub fn write(&self, folder: u64, buffer: &mut Vec<u8>) {
        let from = buffer.len();
        buffer.extend_from_slice(match self.name.content {
            Content::Log => LOG_MAGIC,
            Content::Base => BASE_MAGIC,
        });
        buffer.extend_from_slice(&u64::from(self.name.shard).to_le_bytes());
        for number in [self.name.number, self.start, self.term] {
            buffer.extend_from_slice(&number.to_le_bytes());
        }
        let checksum = header_checksum(folder, &buffer[from..]);
        buffer.extend_from_slice(&checksum.to_le_bytes());
        buffer.resize(from + HEADER_BYTES, 0);
    }

    /// The header that `bytes` begin with, if they are that of the file of this name in this folder.
    pub fn read(bytes: &[u8], name: FileName, folder: u64) -> Option<Header> {
        let (checked, rest) = bytes.split_first_chunk::<CHECKED_BYTES>()?;
        let number = |index: usize| {
            let bytes = checked[8 * index..].first_chunk().expect("forty bytes are five numbers");
            u64::from_le_bytes(*bytes)
        };
        let header = Header { name, start: number(3), term: number(4) };
        let mut expected = Vec::with_capacity(HEADER_BYTES);
        header.write(folder, &mut expected);
        let is_same =
            expected[..CHECKED_BYTES] == checked[..] && rest.starts_with(&expected[CHECKED_BYTES..][..4]);
        is_same.then_some(header)
    }
}

fn header_checksum(folder: u64, checked: &[u8]) -> u32 {
    crc32c_append(crc32c(&folder.to_le_bytes()), checked)
}

/// Why a file cannot be read on, although it is neither at its end nor torn.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{file}: at offset {offset} {reason}; a later version may have written it")]
    Foreign { file: String, offset: u64, reason: Invalid },
}

/// A record and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    pub position: u64,
    /// The position behind it.
    pub end: u64,
    pub record: Record<'a>,
}

/// Where the valid records of a file end, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub position: u64,
    /// In the file.
    pub offset: u64,
    pub is: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At the end of the file, at the given end, or at zeroes.
    Clean,
    /// At bytes that are no record.
    Torn,
}

/// The records of one file.
pub struct Reader<'d> {
    disk: &'d dyn Disk,
    file: String,
    seed: Seed,
    start: u64,
    /// Where the file ends, or is to be taken to end.
    length: u64,
    window: Vec<u8>,
    /// The offset of the window in the file.
    window_at: u64,
    /// The offset of the next record.
    next: u64,
}

/// What is at an offset of a file, as far as a window shows.
enum Found<'w> {
    Record(Record<'w>, u64),
    /// Nothing more in this block; the next one goes on.
    Gap(u64),
    Stop(Stop),
}

/// Why no more records can be taken from a window.
#[derive(Clone, Copy)]
enum Stop {
    /// So many bytes from the offset on are needed to tell.
    More(u64),
    End(Ending),
    Foreign(Invalid),
}

impl<'d> Reader<'d> {
    /// A reader of the records of `file`, the first of which is at position `start`, up to position `end` if there is one.
    pub fn open(
        disk: &'d dyn Disk,
        file: FileName,
        seed: Seed,
        start: u64,
        end: Option<u64>,
    ) -> Result<Self, DiskError> {
        let file = file.to_string();
        let length = disk.length(&file).map_err(DiskError::of("measure", &file))?;
        let limit = end.map_or(u64::MAX, |end| HEADER_BYTES as u64 + end.saturating_sub(start));
        Ok(Reader {
            disk,
            file,
            seed,
            start,
            length: length.min(limit),
            window: Vec::new(),
            window_at: 0,
            next: HEADER_BYTES as u64,
        })
    }

    /// Goes on at the record at this position.
    pub fn seek(&mut self, position: u64) {
        self.next = HEADER_BYTES as u64 + (position - self.start);
    }

    /// The position of an offset.
    fn position(&self, offset: u64) -> u64 {
        self.start + offset - HEADER_BYTES as u64
    }

    /// Hands out all records, some at a time, until `each` has enough. Tells where the records end, or where it stopped.
    pub fn read<E: From<ReadError>>(
        &mut self,
        mut each: impl FnMut(&[Placed<'_>]) -> Result<ControlFlow<()>, E>,
    ) -> Result<End, E> {
        loop {
            let mut batch = Vec::with_capacity(BATCH_RECORDS);
            let (next, stop) = self.gather(&mut batch);
            if !batch.is_empty() {
                let flow = each(&batch)?;
                self.next = next;
                if flow.is_break() {
                    return Ok(self.end(Ending::Clean));
                }
                continue;
            }
            self.next = next;
            match stop {
                Stop::More(bytes) => self.fill(bytes).map_err(ReadError::from)?,
                Stop::End(is) => return Ok(self.end(is)),
                Stop::Foreign(reason) => {
                    let file = self.file.clone();
                    return Err(ReadError::Foreign { file, offset: self.next, reason }.into());
                }
            }
        }
    }

    fn end(&self, is: Ending) -> End {
        End { position: self.position(self.next), offset: self.next, is }
    }

    /// Gathers records of the window; gives the offset behind them and what stopped it.
    fn gather<'w>(&'w self, batch: &mut Vec<Placed<'w>>) -> (u64, Stop) {
        let mut next = self.next;
        loop {
            match self.find(next) {
                Found::Gap(block) => next = block,
                Found::Record(record, bytes) => {
                    let position = self.position(next);
                    next += bytes;
                    batch.push(Placed { position, end: position + bytes, record });
                    if batch.len() == BATCH_RECORDS {
                        return (next, Stop::More(0));
                    }
                }
                Found::Stop(stop) => return (next, stop),
            }
        }
    }

    /// The bytes of the window from `offset` on.
    fn rest(&self, offset: u64) -> &[u8] {
        let at = offset.checked_sub(self.window_at).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.window.get(at..)).unwrap_or(&[])
    }

    fn find(&self, offset: u64) -> Found<'_> {
        if offset >= self.length {
            return Found::Stop(Stop::End(Ending::Clean));
        }
        let rest = self.rest(offset);
        let block_end = (offset / BLOCK_BYTES + 1) * BLOCK_BYTES;
        // What could be a length, up to the end of the block and of the file.
        let lead_bytes = 4.min(block_end - offset).min(self.length - offset);
        let Some(lead) = rest.get(..lead_bytes as usize) else {
            return Found::Stop(Stop::More(lead_bytes));
        };
        if lead.iter().any(|&byte| byte != 0) {
            return self.find_record(offset, rest);
        }
        if !offset.is_multiple_of(BLOCK_BYTES) && block_end + SYNCED_BYTES as u64 <= self.length {
            let needed = block_end - offset + SYNCED_BYTES as u64;
            if (rest.len() as u64) < needed {
                return Found::Stop(Stop::More(needed));
            }
            let position = self.position(block_end);
            let next = record::read(&rest[(block_end - offset) as usize..], position, self.seed);
            if matches!(next, Ok(Some((Record::Synced(synced), _))) if synced == position) {
                return Found::Gap(block_end);
            }
        }
        if lead_bytes == 4 || offset + 4 > self.length {
            return Found::Stop(Stop::End(Ending::Clean));
        }
        // A long record that happens to begin with zeroes at the end of a block.
        match self.find_record(offset, rest) {
            Found::Stop(Stop::End(Ending::Torn)) => Found::Stop(Stop::End(Ending::Clean)),
            other => other,
        }
    }

    fn find_record<'w>(&self, offset: u64, rest: &'w [u8]) -> Found<'w> {
        Found::Stop(match record::read(rest, self.position(offset), self.seed) {
            Ok(Some((record, bytes))) if offset + bytes as u64 <= self.length => {
                return Found::Record(record, bytes as u64);
            }
            Ok(None) => Stop::End(Ending::Clean),
            Err(Invalid::Short { record_bytes }) if record_bytes <= self.length - offset => {
                Stop::More(record_bytes)
            }
            Ok(Some(_)) | Err(Invalid::Short { .. } | Invalid::Checksum) => Stop::End(Ending::Torn),
            Err(reason) => Stop::Foreign(reason),
        })
    }

    /// Reads the window anew, so that it begins with the next record and has at least `bytes` if the file has.
    fn fill(&mut self, bytes: u64) -> Result<(), DiskError> {
        let wanted = bytes.max(WINDOW_BYTES as u64).min(self.length - self.next);
        self.window.resize(wanted as usize, 0);
        let read = self.disk.read_at(&self.file, self.next, &mut self.window);
        let read = read.map_err(DiskError::of("read", &self.file))?;
        if read < self.window.len() {
            // The file is shorter than it was.
            self.window.truncate(read);
            self.length = self.next + read as u64;
        }
        self.window_at = self.next;
        Ok(())
    }
}

/// A `Synced` record that says that something which is not there was on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    pub offset: u64,
    /// All before this was on the disk.
    pub synced: u64,
}

/// Looks in a file, from `offset` on, for a valid `Synced` record that says that more was on the disk than what lies
/// before the position `lost`.
pub fn find_proof(
    disk: &dyn Disk,
    file: FileName,
    seed: Seed,
    start: u64,
    offset: u64,
    lost: u64,
) -> Result<Option<Proof>, DiskError> {
    let file = file.to_string();
    let mut at = offset.max(HEADER_BYTES as u64);
    let mut window = vec![0; WINDOW_BYTES];
    let finder = memchr::memmem::Finder::new(SYNCED_MARK);
    loop {
        let read = read_fully(disk, &file, at, &mut window).map_err(DiskError::of("read", &file))?;
        for mark in finder.find_iter(&window[..read]) {
            let Some(begin) = mark.checked_sub(SYNCED_MARK_AT) else { continue };
            let position = start + (at + begin as u64 - HEADER_BYTES as u64);
            if let Ok(Some((Record::Synced(synced), _))) = record::read(&window[begin..read], position, seed)
                && synced > lost
            {
                return Ok(Some(Proof { offset: at + begin as u64, synced }));
            }
        }
        if read < window.len() {
            return Ok(None);
        }
        // A record that the window cuts is whole in the next one.
        at += (read - SYNCED_BYTES) as u64;
    }
}

/// Reads until `into` is full or the file ends.
pub fn read_fully(disk: &dyn Disk, file: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match disk.read_at(file, offset + done as u64, &mut into[done..])? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}
