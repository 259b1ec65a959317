//! Commands on parts of strings: APPEND, STRLEN, GETRANGE, SETRANGE.

use std::ops::Range;

use crate::commands::call::Call;
use crate::commands::docs::string as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::{Access, Categories, Command, Flags, Keys::At, read, write};
use crate::commands::string::{store, string};
use crate::keyspace::{Cause, Deadline, ValueRef};
use crate::protocol::Reply;
use crate::protocol::reply::{DECIMAL_BYTES_MAX, decimal};

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
    let appended = call.args.at(2);
    match former_bytes(call)? {
        Some(length) => overwrite(call, length, appended, length, Cause::Append),
        None => {
            store(call, 2, Deadline::Clear, Cause::Append);
            call.reply.integer(appended.len() as i64);
            Ok(())
        }
    }
}

/// Zeroes fill what lies between the end of the string and the part. Without a part nothing changes.
fn setrange(call: &mut Call) -> Result<(), CommandError> {
    let offset = usize::try_from(numbers::long(call.args.at(2))?)
        .map_err(|_| CommandError::Text("ERR offset is out of range"))?;
    let part = call.args.at(3);
    let former_bytes = former_bytes(call)?.unwrap_or(0);
    if part.is_empty() {
        call.reply.integer(former_bytes as i64);
        return Ok(());
    }
    overwrite(call, offset, part, former_bytes, Cause::SetRange)
}

/// The length of the string at the key, if it is there.
fn former_bytes(call: &mut Call) -> Result<Option<usize>, CommandError> {
    call.find().0.map(|entry| string(entry).map(ValueRef::len)).transpose()
}

/// Puts `part` into the string at `offset`, and replies with the length that it has then.
fn overwrite(
    call: &mut Call,
    offset: usize,
    part: &[u8],
    former_bytes: usize,
    cause: Cause,
) -> Result<(), CommandError> {
    let end = offset + part.len();
    if end as u64 > call.turn.string_bytes_max {
        return Err(CommandError::StringTooLong);
    }
    let length = end.max(former_bytes);
    let now_ms = call.turn.now_ms();
    let write = |bytes: &mut [u8]| bytes[offset..end].copy_from_slice(part);
    call.keyspace.edit_bytes(call.database.into(), &call.key, length, cause, now_ms, write);
    call.reply.integer(length as i64);
    Ok(())
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
    match value {
        ValueRef::Int(number) => {
            let mut digits = [0; DECIMAL_BYTES_MAX];
            let digits = decimal(number, &mut digits);
            reply.bulk(&digits[part(digits.len(), first, last)]);
        }
        ValueRef::Bytes(bytes) => reply.bulk(&bytes[part(bytes.len(), first, last)]),
        ValueRef::Large(block) => reply.shared_bulk(&block.slice(part(block.len(), first, last))),
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
