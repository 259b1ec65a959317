//! Commands on parts of strings: APPEND, STRLEN, GETRANGE, SETRANGE.

use std::ops::Range;

use crate::commands::call::Call;
use crate::commands::docs::string as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::{Access, Categories, Command, Flags, Keys::At, read, write};
use crate::commands::string::{string, value_at};
use crate::keyspace::{Cause, Deadline, Place, ValueRef};
use crate::protocol::Reply;
use crate::protocol::reply::SHARED_VALUE_BYTES;

pub const COMMANDS: &[Command] = &[
    write("APPEND", 3, At(1), append, &docs::APPEND)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .categories(Categories::STRING)
        .access(Access::READ_WRITE.and(Access::INSERT)),
    write("SETRANGE", 4, At(1), setrange, &docs::SETRANGE)
        .flags(Flags::DENYOOM)
        .categories(Categories::STRING)
        .access(Access::READ_WRITE.and(Access::UPDATE)),
    read("STRLEN", 2, At(1), strlen, &docs::STRLEN)
        .flags(Flags::FAST)
        .categories(Categories::STRING)
        .access(Access::READ_ONLY),
    read("GETRANGE", 4, At(1), getrange, &docs::GETRANGE).categories(Categories::STRING),
    read("SUBSTR", 4, At(1), getrange, &docs::SUBSTR).categories(Categories::STRING),
];

/// An absent key is stored as by SET, a present one becomes raw, even when nothing is appended.
fn append(call: &mut Call) -> Result<(), CommandError> {
    let (appended, length_max) = (call.args.at(2), call.turn.string_bytes_max);
    let value = value_at(&call.args, 2);
    let (place, reply) = call.place();
    let length = match former_bytes(&place)? {
        Some(former_bytes) => {
            overwrite(place, former_bytes, appended, former_bytes, length_max, Cause::Append)?
        }
        None => {
            place.set(value, Deadline::Clear, Cause::Append);
            appended.len()
        }
    };
    reply.integer(length as i64);
    Ok(())
}

/// Zeroes fill what lies between the end of the string and the part. Without a part nothing changes.
fn setrange(call: &mut Call) -> Result<(), CommandError> {
    let offset = usize::try_from(numbers::long(call.args.at(2))?)
        .map_err(|_| CommandError::Text("ERR offset is out of range"))?;
    let (part, length_max) = (call.args.at(3), call.turn.string_bytes_max);
    let (place, reply) = call.place();
    let former_bytes = former_bytes(&place)?.unwrap_or(0);
    let length = match part.is_empty() {
        true => former_bytes,
        false => overwrite(place, offset, part, former_bytes, length_max, Cause::SetRange)?,
    };
    reply.integer(length as i64);
    Ok(())
}

/// The length of the string at a place, if the key is there.
fn former_bytes(place: &Place) -> Result<Option<usize>, CommandError> {
    place.entry().map(|entry| string(entry).map(ValueRef::len)).transpose()
}

/// Puts `part` into the string at `offset`, and gives the length that it has then.
fn overwrite(
    place: Place,
    offset: usize,
    part: &[u8],
    former_bytes: usize,
    length_max: u64,
    cause: Cause,
) -> Result<usize, CommandError> {
    let end = offset + part.len();
    if end as u64 > length_max {
        return Err(CommandError::StringTooLong);
    }
    let length = end.max(former_bytes);
    place.edit_bytes(length, offset..end, cause, |bytes| {
        bytes[offset..end].copy_from_slice(part);
        true
    });
    Ok(length)
}

fn strlen(call: &mut Call) -> Result<(), CommandError> {
    let (entry, reply) = call.read();
    let length = entry.map_or(Ok(0), |entry| string(entry).map(ValueRef::len))?;
    reply.integer(length as i64);
    Ok(())
}

fn getrange(call: &mut Call) -> Result<(), CommandError> {
    let (first, last) = (numbers::long(call.args.at(2))?, numbers::long(call.args.at(3))?);
    let (entry, reply) = call.read();
    match entry {
        Some(entry) => write_part(string(entry)?, first, last, reply),
        None => reply.bulk(b""),
    }
    Ok(())
}

fn write_part(value: ValueRef, first: i64, last: i64, reply: &mut Reply) {
    let range = part(value.len(), first, last);
    match value {
        // Only what is worth it: a share of the buffer costs an allocation when it is the first.
        ValueRef::Large(block) if range.len() >= SHARED_VALUE_BYTES => reply.shared_bulk(&block.slice(range)),
        _ => value.with_bytes(|bytes| reply.bulk(&bytes[range])),
    }
}

/// The bytes from one index to another, both included; negative ones count from the end.
fn part(length: usize, first: i64, last: i64) -> Range<usize> {
    let place = |index: i64| match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => length.saturating_sub(index.unsigned_abs() as usize),
    };
    let is_backwards = first < 0 && last < 0 && first > last;
    let (start, end) = (place(first), place(last).saturating_add(1).min(length));
    if is_backwards || start >= end { 0..0 } else { start..end }
}
