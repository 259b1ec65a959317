//! Effects: what became of a key or of a database, as the bytes that records hold.
//!
//! ```text
//! kind 1 | database 1 | slot 2 | rest          little-endian; a length is a varint; a deadline is 6 bytes
//!
//! kind 1 string        key length | key | value length | value
//! kind 2 string, more  flags 1 | [deadline] | key length | key | integer 8, or value length | value
//! kind 3 deadline      flags 1 | [deadline] | key length | key
//! kind 4 removed       key length | key
//! kind 5 patch         key length | key | length | offset | count | bytes
//! kind 6 flushed
//! kind 7 swapped       other database 1
//! kind 8 slot gone
//! ```
//!
//! What is decoded borrows from the bytes, and nothing is set aside by a length that they claim. Each effect has one form,
//! so that encoding again what was decoded gives the same bytes.

use crate::codec::varint;

/// The latest deadline, in milliseconds since 1970.
pub const DEADLINE_MS_MAX: u64 = (1 << 48) - 1;
/// The longest string that a patch may ask for: those of Redis are shorter.
pub const STRING_BYTES_MAX: u64 = u32::MAX as u64;

const SLOT_COUNT: u16 = 16_384;
const DEADLINE_BYTES: usize = 6;

const STRING: u8 = 1;
const STRING_WITH_MORE: u8 = 2;
const DEADLINE: u8 = 3;
const REMOVED: u8 = 4;
const PATCH: u8 = 5;
const FLUSHED: u8 = 6;
const SWAPPED: u8 = 7;
const SLOT_GONE: u8 = 8;

const HAS_DEADLINE: u8 = 1;
const IS_RAW: u8 = 2;
const IS_INTEGER: u8 = 4;
const IS_TEXT: u8 = 8;

/// The database and the slot that an effect is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub database: u8,
    pub slot: u16,
}

/// A string with the encoding it is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// As SET would keep it: as an integer if it is the decimal form of one.
    Plain(&'a [u8]),
    /// As bytes although it looks like a number.
    Text(&'a [u8]),
    /// As bytes whose encoding is `raw` however short.
    Raw(&'a [u8]),
    Int(i64),
}

/// One effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    Key { spot: Spot, key: &'a [u8], change: KeyChange<'a> },
    Database { database: u8, change: DatabaseChange },
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange<'a> {
    /// It holds this string, whatever was there, and expires then.
    Stored {
        value: Value<'a>,
        deadline_ms: Option<u64>,
    },
    /// It expires then, or never.
    Deadline(Option<u64>),
    Removed,
    /// Its string has at least `length` bytes, with zeroes where there were none, is `raw`, and has `bytes` at `offset`.
    Patched {
        length: u64,
        offset: u64,
        bytes: &'a [u8],
    },
}

/// What became of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseChange {
    Flushed,
    /// It has changed places with this one.
    Swapped(u8),
    /// All keys of this slot have left for another shard.
    SlotGone(u16),
}

/// Why bytes are no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("an effect of kind {0} is unknown")]
    UnknownKind(u8),
    #[error("an effect of kind {0} has not the shape of its kind")]
    Shape(u8),
    #[error("an effect ends before its slot")]
    Short,
}

impl Spot {
    #[inline]
    fn write(self, buffer: &mut Vec<u8>, kind: u8) {
        let [low, high] = self.slot.to_le_bytes();
        buffer.extend_from_slice(&[kind, self.database, low, high]);
    }
}

/// Appends the effect that a key holds a string.
#[inline]
pub fn write_stored(
    buffer: &mut Vec<u8>,
    spot: Spot,
    key: &[u8],
    value: Value<'_>,
    deadline_ms: Option<u64>,
) {
    let (flag, bytes) = match value {
        Value::Plain(bytes) => (0, bytes),
        Value::Text(bytes) => (IS_TEXT, bytes),
        Value::Raw(bytes) => (IS_RAW, bytes),
        Value::Int(_) => (IS_INTEGER, &[][..]),
    };
    if flag == 0 && deadline_ms.is_none() {
        spot.write(buffer, STRING);
        write_bytes(buffer, key);
        write_bytes(buffer, bytes);
        return;
    }
    spot.write(buffer, STRING_WITH_MORE);
    write_deadline(buffer, flag, deadline_ms);
    write_bytes(buffer, key);
    match value {
        Value::Int(number) => buffer.extend_from_slice(&number.to_le_bytes()),
        Value::Plain(_) | Value::Text(_) | Value::Raw(_) => write_bytes(buffer, bytes),
    }
}

/// Appends the effect that a key expires then, or never.
pub fn write_deadline_change(buffer: &mut Vec<u8>, spot: Spot, key: &[u8], deadline_ms: Option<u64>) {
    spot.write(buffer, DEADLINE);
    write_deadline(buffer, 0, deadline_ms);
    write_bytes(buffer, key);
}

/// Appends the effect that a key is gone.
pub fn write_removed(buffer: &mut Vec<u8>, spot: Spot, key: &[u8]) {
    spot.write(buffer, REMOVED);
    write_bytes(buffer, key);
}

/// Appends the effect that a string has `bytes` at `offset`, and at least `length` bytes.
pub fn write_patched(buffer: &mut Vec<u8>, spot: Spot, key: &[u8], length: u64, offset: u64, bytes: &[u8]) {
    assert!(offset + bytes.len() as u64 <= length && length <= STRING_BYTES_MAX);
    spot.write(buffer, PATCH);
    write_bytes(buffer, key);
    varint::write(buffer, length);
    varint::write(buffer, offset);
    write_bytes(buffer, bytes);
}

/// Appends what became of a database.
pub fn write_database(buffer: &mut Vec<u8>, database: u8, change: DatabaseChange) {
    match change {
        DatabaseChange::Flushed => Spot { database, slot: 0 }.write(buffer, FLUSHED),
        DatabaseChange::Swapped(other) => {
            Spot { database, slot: 0 }.write(buffer, SWAPPED);
            buffer.push(other);
        }
        DatabaseChange::SlotGone(slot) => Spot { database, slot }.write(buffer, SLOT_GONE),
    }
}

#[inline]
fn write_bytes(buffer: &mut Vec<u8>, bytes: &[u8]) {
    varint::write(buffer, bytes.len() as u64);
    buffer.extend_from_slice(bytes);
}

#[inline]
fn write_deadline(buffer: &mut Vec<u8>, flags: u8, deadline_ms: Option<u64>) {
    let Some(deadline_ms) = deadline_ms else {
        return buffer.push(flags);
    };
    debug_assert!(deadline_ms <= DEADLINE_MS_MAX);
    buffer.push(flags | HAS_DEADLINE);
    buffer.extend_from_slice(&deadline_ms.to_le_bytes()[..DEADLINE_BYTES]);
}

/// The effects that `bytes` hold, one after the other, up to the first that is not valid.
pub fn decode(bytes: &[u8]) -> Effects<'_> {
    Effects { rest: bytes }
}

/// See `decode`.
#[derive(Clone, Debug)]
pub struct Effects<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Effects<'a> {
    type Item = Result<Effect<'a>, Invalid>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let mut pieces = Pieces(std::mem::take(&mut self.rest));
        let effect = pieces.effect();
        if effect.is_ok() {
            self.rest = pieces.0;
        }
        Some(effect)
    }
}

/// Takes one piece after the other from the front of the bytes.
struct Pieces<'a>(&'a [u8]);

impl<'a> Pieces<'a> {
    #[inline]
    fn effect(&mut self) -> Result<Effect<'a>, Invalid> {
        let [kind, database, low, high] = self.array().ok_or(Invalid::Short)?;
        let slot = u16::from_le_bytes([low, high]);
        if !(STRING..=SLOT_GONE).contains(&kind) {
            return Err(Invalid::UnknownKind(kind));
        }
        if slot >= SLOT_COUNT {
            return Err(Invalid::Shape(kind));
        }
        let effect = match kind {
            FLUSHED | SWAPPED | SLOT_GONE => self.database_change(kind, slot),
            _ => self.key_change(kind, Spot { database, slot }),
        };
        match effect {
            Some(Effect::Database { change, .. }) => Ok(Effect::Database { database, change }),
            other => other.ok_or(Invalid::Shape(kind)),
        }
    }

    fn database_change(&mut self, kind: u8, slot: u16) -> Option<Effect<'a>> {
        let change = match kind {
            SLOT_GONE => DatabaseChange::SlotGone(slot),
            FLUSHED if slot == 0 => DatabaseChange::Flushed,
            SWAPPED if slot == 0 => DatabaseChange::Swapped(self.byte()?),
            _ => return None,
        };
        Some(Effect::Database { database: 0, change })
    }

    #[inline]
    fn key_change(&mut self, kind: u8, spot: Spot) -> Option<Effect<'a>> {
        let (key, change) = match kind {
            STRING => {
                let key = self.bytes()?;
                (key, KeyChange::Stored { value: Value::Plain(self.bytes()?), deadline_ms: None })
            }
            STRING_WITH_MORE => self.string_with_more()?,
            DEADLINE => {
                let flags = self.byte()?;
                let deadline_ms = self.deadline(flags)?;
                (flags <= HAS_DEADLINE).then_some((self.bytes()?, KeyChange::Deadline(deadline_ms)))?
            }
            REMOVED => (self.bytes()?, KeyChange::Removed),
            _ => (self.bytes()?, self.patch()?),
        };
        Some(Effect::Key { spot, key, change })
    }

    #[inline]
    fn string_with_more(&mut self) -> Option<(&'a [u8], KeyChange<'a>)> {
        let flags = self.byte()?;
        let deadline_ms = self.deadline(flags)?;
        let key = self.bytes()?;
        let value = match flags & !HAS_DEADLINE {
            // Without a deadline this would be kind 1.
            0 if deadline_ms.is_some() => Value::Plain(self.bytes()?),
            IS_RAW => Value::Raw(self.bytes()?),
            IS_INTEGER => Value::Int(i64::from_le_bytes(self.array()?)),
            IS_TEXT => Value::Text(self.bytes()?),
            _ => return None,
        };
        Some((key, KeyChange::Stored { value, deadline_ms }))
    }

    fn patch(&mut self) -> Option<KeyChange<'a>> {
        let (length, offset, bytes) = (self.number()?, self.number()?, self.bytes()?);
        let fits = length <= STRING_BYTES_MAX && offset.checked_add(bytes.len() as u64)? <= length;
        fits.then_some(KeyChange::Patched { length, offset, bytes })
    }

    #[inline]
    fn array<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    #[inline]
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = varint::read(self.0)?;
        self.0 = rest;
        Some(number)
    }

    /// A length and so many bytes.
    #[inline]
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The deadline, if the flags say that there is one.
    #[inline]
    fn deadline(&mut self, flags: u8) -> Option<Option<u64>> {
        if flags & HAS_DEADLINE == 0 {
            return Some(None);
        }
        let bytes: [u8; DEADLINE_BYTES] = self.array()?;
        let mut wide = [0; 8];
        wide[..DEADLINE_BYTES].copy_from_slice(&bytes);
        Some(Some(u64::from_le_bytes(wide)))
    }
}

impl Effect<'_> {
    /// Appends the effect as it would be encoded.
    pub fn write(self, buffer: &mut Vec<u8>) {
        match self {
            Effect::Key { spot, key, change } => match change {
                KeyChange::Stored { value, deadline_ms } => {
                    write_stored(buffer, spot, key, value, deadline_ms);
                }
                KeyChange::Deadline(deadline_ms) => write_deadline_change(buffer, spot, key, deadline_ms),
                KeyChange::Removed => write_removed(buffer, spot, key),
                KeyChange::Patched { length, offset, bytes } => {
                    write_patched(buffer, spot, key, length, offset, bytes);
                }
            },
            Effect::Database { database, change } => write_database(buffer, database, change),
        }
    }
}

#[cfg(test)]
mod tests;
