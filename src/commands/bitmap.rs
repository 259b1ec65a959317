//! Strings as arrays of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP.

use std::ops::Range;

use bytes::Bytes;

use crate::commands::call::{Call, Turn};
use crate::commands::docs::bitmap as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::Keys::{AllFrom, At};
use crate::commands::row::{
    Access, Across, Categories, Command, Fetched, Flags, Stored, across, read, write,
};
use crate::commands::string::string;
use crate::keyspace::{Cause, Copied, Deadline, Kind, LARGE_BYTES_MIN, Value, ValueRef};
use crate::protocol::Args;
use crate::types::bits::{self, Combination};

pub const COMMANDS: &[Command] = &[
    write("SETBIT", 4, At(1), setbit, &docs::SETBIT)
        .flags(Flags::DENYOOM)
        .categories(Categories::BITMAP)
        .access(Access::READ_WRITE.and(Access::ACCESS).and(Access::UPDATE)),
    read("GETBIT", 3, At(1), getbit, &docs::GETBIT).flags(Flags::FAST).categories(Categories::BITMAP),
    read("BITCOUNT", -2, At(1), bitcount, &docs::BITCOUNT).categories(Categories::BITMAP),
    read("BITPOS", -3, At(1), bitpos, &docs::BITPOS).categories(Categories::BITMAP),
    across("BITOP", -4, AllFrom(2), &BITOP, &docs::BITOP)
        .flags(Flags::DENYOOM)
        .categories(Categories::BITMAP)
        .access(Access::OVERWRITE.and(Access::UPDATE))
        .access_behind(Access::READ_ONLY.and(Access::ACCESS)),
];

const BITOP: Across = Across { destination: 2, fetch: fetch_source, store: store_combined, finish: None };

pub const OFFSET_ERROR: CommandError = CommandError::Text("ERR bit offset is not an integer or out of range");

/// Where a bit is: within the longest string that may be made.
pub fn bit_offset(word: &[u8], turn: &Turn) -> Result<u64, CommandError> {
    let offset = numbers::long(word).ok().and_then(|offset| u64::try_from(offset).ok());
    offset.filter(|&offset| is_reachable(offset, turn)).ok_or(OFFSET_ERROR)
}

/// Whether the string of a bit may be so long.
pub fn is_reachable(offset: u64, turn: &Turn) -> bool {
    offset / 8 < turn.string_bytes_max
}

fn setbit(call: &mut Call) -> Result<(), CommandError> {
    let offset = bit_offset(call.args.at(2), call.turn)?;
    let is_set = match numbers::long(call.args.at(3)) {
        Ok(bit @ (0 | 1)) => bit == 1,
        _ => return Err(CommandError::Text("ERR bit is not an integer or out of range")),
    };
    let (place, reply) = call.place();
    let former_bytes = place.entry().map_or(Ok(0), |entry| string(entry).map(ValueRef::len))?;
    let index = (offset / 8) as usize;
    let length = former_bytes.max(index + 1);
    let mut former = false;
    place.edit_bytes(length, index..index + 1, Cause::SetBit, |bytes| {
        former = bits::replace_bit(bytes, offset, is_set);
        former != is_set || length != former_bytes
    });
    reply.integer(former.into());
    Ok(())
}

fn getbit(call: &mut Call) -> Result<(), CommandError> {
    let offset = bit_offset(call.args.at(2), call.turn)?;
    let (entry, reply) = call.read();
    let bit = match entry {
        Some(entry) => string(entry)?.with_bytes(|bytes| bits::bit(bytes, offset)),
        None => false,
    };
    reply.integer(bit.into());
    Ok(())
}

/// An absent key has no bits, whatever else the request says.
fn bitcount(call: &mut Call) -> Result<(), CommandError> {
    let args = call.args;
    let (entry, reply) = call.read();
    let count = match entry {
        Some(entry) => string(entry)?.with_bytes(|bytes| match args.len() {
            2 => Ok(bits::count(bytes)),
            4 | 5 => count_part(&args, bytes),
            _ => Err(CommandError::Syntax),
        })?,
        None => 0,
    };
    reply.integer(count as i64);
    Ok(())
}

fn count_part(args: &Args, bytes: &[u8]) -> Result<u64, CommandError> {
    let (first, last) = (numbers::long(args.at(2))?, numbers::long(args.at(3))?);
    if first < 0 && last < 0 && first > last {
        return Ok(0);
    }
    let unit = if args.len() == 5 { Unit::parse(args.at(4))? } else { Unit::Byte };
    Ok(bits::count_in(bytes, unit.bits(bytes, first, last)))
}

/// An absent key is an endless row of zeroes.
fn bitpos(call: &mut Call) -> Result<(), CommandError> {
    let args = call.args;
    let wanted = match numbers::long(args.at(2))? {
        bit @ (0 | 1) => bit == 1,
        _ => return Err(CommandError::Text("ERR The bit argument must be 1 or 0.")),
    };
    let (entry, reply) = call.read();
    let position = match entry {
        Some(entry) => string(entry)?.with_bytes(|bytes| find_bit(&args, bytes, wanted))?,
        None => (!wanted).then_some(0),
    };
    reply.integer(position.map_or(-1, |position| position as i64));
    Ok(())
}

fn find_bit(args: &Args, bytes: &[u8], wanted: bool) -> Result<Option<u64>, CommandError> {
    if args.len() > 6 {
        return Err(CommandError::Syntax);
    }
    let first = if args.len() > 3 { numbers::long(args.at(3))? } else { 0 };
    let unit = if args.len() == 6 { Unit::parse(args.at(5))? } else { Unit::Byte };
    let last = if args.len() > 4 { numbers::long(args.at(4))? } else { -1 };
    let range = unit.bits(bytes, first, last);
    let found = bits::position(bytes, wanted, range.clone());
    // Without an end the zeroes behind the string count as well.
    let goes_on = args.len() <= 4 && !wanted && !range.is_empty();
    Ok(found.or(goes_on.then_some(range.end)))
}

/// What the places of a range count.
#[derive(Clone, Copy)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    fn parse(word: &[u8]) -> Result<Self, CommandError> {
        match () {
            () if word.eq_ignore_ascii_case(b"BYTE") => Ok(Unit::Byte),
            () if word.eq_ignore_ascii_case(b"BIT") => Ok(Unit::Bit),
            () => Err(CommandError::Syntax),
        }
    }

    /// The bits from one place to another, both included; negative ones count from the end.
    fn bits(self, bytes: &[u8], first: i64, last: i64) -> Range<u64> {
        let unit_bits = match self {
            Unit::Byte => 8,
            Unit::Bit => 1,
        };
        let count = bytes.len() as u64 * 8 / unit_bits;
        let place = |place: i64| match u64::try_from(place) {
            Ok(place) => place,
            Err(_) => count.saturating_sub(place.unsigned_abs()),
        };
        let (start, end) = (place(first), place(last).saturating_add(1).min(count));
        if start >= end { 0..0 } else { start * unit_bits..end * unit_bits }
    }
}

fn combination(args: &Args) -> Result<Combination, CommandError> {
    const NAMES: [(&[u8], Combination); 4] = [
        (b"AND", Combination::And),
        (b"OR", Combination::Or),
        (b"XOR", Combination::Xor),
        (b"NOT", Combination::Not),
    ];
    let named = NAMES.iter().find(|(name, _)| args.at(1).eq_ignore_ascii_case(name));
    let (_, combination) = named.ok_or(CommandError::Syntax)?;
    match combination {
        Combination::Not if args.len() > 4 => {
            Err(CommandError::Text("ERR BITOP NOT must be called with a single source key."))
        }
        combination => Ok(*combination),
    }
}

fn fetch_source(call: &mut Call) -> Result<Fetched, CommandError> {
    combination(&call.args)?;
    fetch_string(call, CommandError::WrongType)
}

/// A copy of the string at the key; `refusal` if it is no string.
pub fn fetch_string(call: &mut Call, refusal: CommandError) -> Result<Fetched, CommandError> {
    match call.read().0 {
        Some(entry) if entry.kind() == Kind::String => Ok(Some(Copied::of(entry))),
        Some(_) => Err(refusal),
        None => Ok(None),
    }
}

/// Without a byte there is no key.
fn store_combined(call: &mut Call, fetched: Vec<Fetched>) -> Result<Stored, CommandError> {
    let fetched: Vec<_> =
        fetched.iter().map(|copied| copied.as_ref().map(|copied| copied.value().to_bytes())).collect();
    let sources: Vec<&[u8]> = fetched.iter().map(|bytes| bytes.as_deref().unwrap_or_default()).collect();
    let combined = bits::combine(combination(&call.args)?, &sources);
    let (database, now_ms, length) = (call.database.into(), call.turn.now_ms(), combined.len());
    if combined.is_empty() {
        call.keyspace.remove(database, &call.key, Cause::Delete, now_ms);
    } else {
        let combined = Bytes::from(combined);
        let value = match length >= LARGE_BYTES_MIN {
            true => Value::Large(combined.clone()),
            false => Value::Raw(&combined),
        };
        call.keyspace.set(database, &call.key, value, Deadline::Clear, Cause::Set, now_ms);
    }
    call.reply.integer(length as i64);
    Ok(Stored::Yes)
}
