//! Commands on strings.

use crate::commands::call::Call;
use crate::commands::docs::string as docs;
use crate::commands::error::CommandError;
use crate::commands::row::Keys::{AllFrom, At, PairsFrom};
use crate::commands::row::{Access, Categories, Command, Flags, Merge, read, write};
use crate::commands::set_options::{Expiry, SetOptions};
use crate::keyspace::{Cause, DEADLINE_MS_MAX, Deadline, EntryRef, Kind, Value, ValueRef};
use crate::protocol::{Args, Reply};

pub const COMMANDS: &[Command] = &[
    read("GET", 2, At(1), get, &docs::GET).flags(Flags::FAST).categories(Categories::STRING),
    write("SET", -3, At(1), set, &docs::SET)
        .flags(Flags::DENYOOM)
        .categories(Categories::STRING)
        .access(Access::READ_WRITE.and(Access::ACCESS).and(Access::UPDATE).and(Access::VARIABLE))
        .access_by_arguments(set_access),
    read("MGET", -2, AllFrom(1), mget, &docs::MGET)
        .split(Merge::InKeyOrder)
        .flags(Flags::FAST)
        .categories(Categories::STRING),
    write("MSET", -3, PairsFrom(1), mset, &docs::MSET)
        .split(Merge::Same)
        .flags(Flags::DENYOOM)
        .categories(Categories::STRING)
        .access(Access::OVERWRITE.and(Access::UPDATE)),
    write("MSETNX", -3, PairsFrom(1), msetnx, &docs::MSETNX)
        .split(Merge::Same)
        .only_if(none_exists)
        .flags(Flags::DENYOOM)
        .categories(Categories::STRING)
        .access(Access::OVERWRITE.and(Access::INSERT)),
    write("APPEND", 3, At(1), append, &docs::APPEND)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .categories(Categories::STRING)
        .access(Access::READ_WRITE.and(Access::INSERT)),
];

/// From a key to the next one where each has a value behind it.
const PAIR: usize = 2;

fn get(call: &mut Call) -> Result<(), CommandError> {
    reply_with_value(call)
}

fn set(call: &mut Call) -> Result<(), CommandError> {
    let options = match call.args.len() {
        3 => SetOptions::default(),
        _ => SetOptions::parse(&call.args)?,
    };
    let deadline = deadline(&options, call.turn.now_ms())?;
    if options.replies_with_former {
        reply_with_value(call)?;
    }
    if !options.allow(|| call.find().0.is_some()) {
        if !options.replies_with_former {
            call.reply.null();
        }
        return Ok(());
    }
    let cause = if matches!(deadline, Deadline::At(_)) { Cause::SetExpiring } else { Cause::Set };
    store(call, 2, deadline, cause);
    if !options.replies_with_former {
        call.reply.ok();
    }
    Ok(())
}

fn deadline(options: &SetOptions, now_ms: u64) -> Result<Deadline, CommandError> {
    Ok(match &options.expiry {
        Expiry::Clear => Deadline::Clear,
        Expiry::Keep => Deadline::Keep,
        Expiry::At(time) => {
            let deadline_ms = time.deadline_ms(now_ms).ok_or(CommandError::InvalidExpireTime("set"))?;
            // Later than the table can say is later than anybody will wait.
            Deadline::At(deadline_ms.min(DEADLINE_MS_MAX))
        }
    })
}

/// What SET does to its key: with GET it reads it as well. Redis looks for the word among all arguments.
fn set_access(args: &Args) -> Access {
    match args.iter().skip(3).any(|word| word.eq_ignore_ascii_case(b"GET")) {
        true => Access::READ_WRITE.and(Access::ACCESS).and(Access::UPDATE),
        false => Access::OVERWRITE.and(Access::UPDATE),
    }
}

/// Keys that hold something else are given as absent.
fn mget(call: &mut Call) -> Result<(), CommandError> {
    call.reply.array(call.args.len() - 1);
    call.each_key(1, |call, _| {
        let (entry, reply) = call.read();
        match entry.and_then(|entry| string(entry).ok()) {
            Some(value) => write_value(value, reply),
            None => reply.null(),
        }
    });
    Ok(())
}

fn mset(call: &mut Call) -> Result<(), CommandError> {
    check_pairs(call, "mset")?;
    store_pairs(call);
    call.reply.ok();
    Ok(())
}

fn msetnx(call: &mut Call) -> Result<(), CommandError> {
    check_pairs(call, "msetnx")?;
    let may = none_exists(call);
    if may {
        store_pairs(call);
    }
    call.reply.integer(may.into());
    Ok(())
}

fn check_pairs(call: &Call, name: &'static str) -> Result<(), CommandError> {
    match call.args.len().is_multiple_of(2) {
        true => Err(CommandError::WrongArity(name)),
        false => Ok(()),
    }
}

fn none_exists(call: &mut Call) -> bool {
    let mut none = true;
    call.each_key(PAIR, |call, _| none &= call.find().0.is_none());
    none
}

fn store_pairs(call: &mut Call) {
    call.each_key(PAIR, |call, index| store(call, index + 1, Deadline::Clear, Cause::Set));
}

/// Stores the argument at an index under the key.
#[inline]
fn store(call: &mut Call, index: usize, deadline: Deadline, cause: Cause) {
    let value = match call.args.block_at(index) {
        Some(block) => Value::Large(block),
        None => Value::Bytes(call.args.at(index)),
    };
    let now_ms = call.turn.now_ms();
    call.keyspace.set(call.database.into(), &call.key, value, deadline, cause, now_ms);
}

/// An absent key is stored as by SET, a present one becomes raw, even when nothing is appended.
fn append(call: &mut Call) -> Result<(), CommandError> {
    let appended = call.args.at(2);
    let former_bytes = match call.find().0 {
        Some(entry) => string(entry)?.len(),
        None => {
            store(call, 2, Deadline::Clear, Cause::Append);
            call.reply.integer(appended.len() as i64);
            return Ok(());
        }
    };
    let length = former_bytes + appended.len();
    if length as u64 > call.turn.string_bytes_max {
        return Err(CommandError::StringTooLong);
    }
    let now_ms = call.turn.now_ms();
    let write = |bytes: &mut [u8]| bytes[former_bytes..].copy_from_slice(appended);
    call.keyspace.edit_bytes(call.database.into(), &call.key, length, Cause::Append, now_ms, write);
    call.reply.integer(length as i64);
    Ok(())
}

/// Replies with the string at the key, or null.
#[inline]
fn reply_with_value(call: &mut Call) -> Result<(), CommandError> {
    let (entry, reply) = call.read();
    match entry {
        Some(entry) => write_value(string(entry)?, reply),
        None => reply.null(),
    }
    Ok(())
}

#[inline]
fn string(entry: EntryRef<'_>) -> Result<ValueRef<'_>, CommandError> {
    match entry.kind() {
        Kind::String => Ok(entry.value()),
        _ => Err(CommandError::WrongType),
    }
}

#[inline]
fn write_value(value: ValueRef, reply: &mut Reply) {
    match value {
        ValueRef::Int(number) => reply.bulk_integer(number),
        ValueRef::Bytes(bytes) => reply.bulk(bytes),
        ValueRef::Large(block) => reply.shared_bulk(block),
    }
}
