//! Records of a log: what is written whole or not at all, with a checksum that is only right in its place.
//!
//! ```text
//! length 4 | CRC-32C 4 | kind 1 | rest         little-endian; the length counts kind and rest
//!
//! kind 1  effects
//! kind 2  home 2 | number 8 | count 2 | count × (shard 2 | position 8) | effects
//! kind 3  "SYNC.BSL" 8 | position 8
//! kind 4  home 2 | number 8
//! kind 5  count 8
//! ```
//!
//! The checksum covers the folder, the shard, the position of the record, the length, kind and rest. Folder and shard are
//! the same for all records of a log, so that their part is computed once: the `Seed`. A length of zero is no record.

use crc32c::crc32c_append;

/// Length and checksum.
pub const HEADER_BYTES: usize = 8;
/// The bytes of a whole `Synced` record.
pub const SYNCED_BYTES: usize = HEADER_BYTES + 1 + SYNCED_MARK.len() + 8;
/// What a `Synced` record is found by where nothing else is known.
pub const SYNCED_MARK: &[u8; 8] = b"SYNC.BSL";
/// Where the mark is in a `Synced` record.
pub const SYNCED_MARK_AT: usize = HEADER_BYTES + 1;
/// The most participants of a transaction.
pub const PARTICIPANTS_MAX: usize = u16::MAX as usize;

const TICKET_BYTES: usize = 10;
const PARTICIPANT_BYTES: usize = 10;

/// What checksums of one log begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u32);

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Effects = 1,
    Part = 2,
    Synced = 3,
    Void = 4,
    End = 5,
}

/// A transaction over several shards: the shard it was led from, and a number that was never used in this folder before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    pub home: u16,
    pub number: u64,
}

/// A shard that has a part of a transaction, and the position its log had when it gave its locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Participant {
    pub shard: u16,
    pub position: u64,
}

/// A record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The effects of one command, or of a transaction on this shard alone.
    Effects(&'a [u8]),
    Part(Part<'a>),
    /// All before this position was on the disk when the record was written.
    Synced(u64),
    /// The part of this transaction before this place does not count.
    Void(Ticket),
    /// A base ends here; so many keys are in it.
    End(u64),
}

/// The part that one shard has of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub ticket: Ticket,
    pub participants: Participants<'a>,
    pub effects: &'a [u8],
}

/// The participants of a transaction, as they stand in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participants<'a>(&'a [u8]);

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// More bytes might make it one, if all that follow are there.
    #[error("the bytes end before the record of {record_bytes} bytes does")]
    Short { record_bytes: u64 },
    #[error("the checksum is wrong")]
    Checksum,
    /// The checksum is right: a later version wrote this.
    #[error("the kind {0} is unknown")]
    UnknownKind(u8),
    /// The checksum is right, but not what it covers.
    #[error("the record has not the shape of its kind {0}")]
    Shape(u8),
}

impl Seed {
    pub fn new(folder: u64, shard: u16) -> Self {
        Seed(crc32c_append(crc32c_append(0, &folder.to_le_bytes()), &shard.to_le_bytes()))
    }

    /// The checksum of a record at `position`, of which `body` is kind and rest.
    #[inline]
    fn checksum(self, position: u64, body: &[u8]) -> u32 {
        let mut place = [0; 12];
        place[..8].copy_from_slice(&position.to_le_bytes());
        place[8..].copy_from_slice(&(body.len() as u32).to_le_bytes());
        crc32c_append(crc32c_append(self.0, &place), body)
    }
}

/// Begins a record at the end of `buffer`; gives the place that `finish` needs.
#[inline]
pub fn begin(buffer: &mut Vec<u8>, kind: Kind) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, kind as u8]);
    start
}

/// Begins the part of a transaction at the end of `buffer`; its effects follow.
pub fn begin_part(
    buffer: &mut Vec<u8>,
    ticket: Ticket,
    participants: impl ExactSizeIterator<Item = Participant>,
) -> usize {
    let start = begin(buffer, Kind::Part);
    write_ticket(buffer, ticket);
    let count = u16::try_from(participants.len()).expect("there are not more shards than their numbers");
    buffer.extend_from_slice(&count.to_le_bytes());
    for Participant { shard, position } in participants {
        buffer.extend_from_slice(&shard.to_le_bytes());
        buffer.extend_from_slice(&position.to_le_bytes());
    }
    start
}

/// Ends the record that began at `start` of `buffer` and will stand at `position` of its log.
#[inline]
pub fn finish(buffer: &mut [u8], start: usize, position: u64, seed: Seed) {
    let (header, body) = buffer[start..].split_at_mut(HEADER_BYTES);
    let length = u32::try_from(body.len()).expect("a record is shorter than 4 GiB");
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..].copy_from_slice(&seed.checksum(position, body).to_le_bytes());
}

/// Appends a record that says that all before `synced` was on the disk.
pub fn write_synced(buffer: &mut Vec<u8>, synced: u64, position: u64, seed: Seed) {
    let start = begin(buffer, Kind::Synced);
    buffer.extend_from_slice(SYNCED_MARK);
    buffer.extend_from_slice(&synced.to_le_bytes());
    finish(buffer, start, position, seed);
}

/// Appends a record that says that a transaction does not count.
pub fn write_void(buffer: &mut Vec<u8>, ticket: Ticket, position: u64, seed: Seed) {
    let start = begin(buffer, Kind::Void);
    write_ticket(buffer, ticket);
    finish(buffer, start, position, seed);
}

/// Appends the record that ends a base of `key_count` keys.
pub fn write_end(buffer: &mut Vec<u8>, key_count: u64, position: u64, seed: Seed) {
    let start = begin(buffer, Kind::End);
    buffer.extend_from_slice(&key_count.to_le_bytes());
    finish(buffer, start, position, seed);
}

fn write_ticket(buffer: &mut Vec<u8>, ticket: Ticket) {
    buffer.extend_from_slice(&ticket.home.to_le_bytes());
    buffer.extend_from_slice(&ticket.number.to_le_bytes());
}

/// The record that `bytes` begin with, at `position` of its log, and how many bytes it takes. `None` if its length is zero.
#[inline]
pub fn read(bytes: &[u8], position: u64, seed: Seed) -> Result<Option<(Record<'_>, usize)>, Invalid> {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Err(Invalid::Short { record_bytes: HEADER_BYTES as u64 + 1 });
    };
    let length = u32::from_le_bytes(*length);
    if length == 0 {
        return Ok(None);
    }
    let record_bytes = HEADER_BYTES as u64 + u64::from(length);
    let Some((checksum, rest)) = rest.split_first_chunk() else {
        return Err(Invalid::Short { record_bytes });
    };
    let Some(body) = rest.get(..length as usize) else {
        return Err(Invalid::Short { record_bytes });
    };
    if u32::from_le_bytes(*checksum) != seed.checksum(position, body) {
        return Err(Invalid::Checksum);
    }
    let record = decode(body[0], &body[1..])?;
    Ok(Some((record, HEADER_BYTES + body.len())))
}

#[inline]
fn decode(kind: u8, rest: &[u8]) -> Result<Record<'_>, Invalid> {
    let record = match kind {
        1 => return Ok(Record::Effects(rest)),
        2 => part(rest).map(Record::Part),
        3 => rest.strip_prefix(SYNCED_MARK).and_then(number).map(Record::Synced),
        4 => ticket(rest).and_then(|(ticket, rest)| rest.is_empty().then_some(Record::Void(ticket))),
        5 => number(rest).map(Record::End),
        _ => return Err(Invalid::UnknownKind(kind)),
    };
    record.ok_or(Invalid::Shape(kind))
}

/// A number that takes all of `bytes`.
fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

fn ticket(bytes: &[u8]) -> Option<(Ticket, &[u8])> {
    let (ticket, rest) = bytes.split_first_chunk::<TICKET_BYTES>()?;
    let (home, number) = ticket.split_first_chunk()?;
    Some((Ticket { home: u16::from_le_bytes(*home), number: self::number(number)? }, rest))
}

fn part(bytes: &[u8]) -> Option<Part<'_>> {
    let (ticket, rest) = ticket(bytes)?;
    let (count, rest) = rest.split_first_chunk()?;
    let participants_bytes = usize::from(u16::from_le_bytes(*count)) * PARTICIPANT_BYTES;
    let (participants, effects) = rest.split_at_checked(participants_bytes)?;
    Some(Part { ticket, participants: Participants(participants), effects })
}

impl<'a> Participants<'a> {
    pub fn iter(self) -> impl ExactSizeIterator<Item = Participant> + 'a {
        self.0.chunks_exact(PARTICIPANT_BYTES).map(|bytes| Participant {
            shard: u16::from_le_bytes([bytes[0], bytes[1]]),
            position: number(&bytes[2..]).expect("eight bytes follow the shard"),
        })
    }
}

impl<'a> Record<'a> {
    /// The effects that are in the record.
    pub fn effects(self) -> &'a [u8] {
        match self {
            Record::Effects(effects) | Record::Part(Part { effects, .. }) => effects,
            Record::Synced(_) | Record::Void(_) | Record::End(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests;
