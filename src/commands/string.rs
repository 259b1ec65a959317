//! Commands on strings.

use crate::commands::call::Call;
use crate::commands::docs::string as docs;
use crate::commands::error::CommandError;
use crate::commands::row::Keys::{AllFrom, At, PairsFrom};
use crate::commands::row::{Access, Categories, Command, Flags, Merge, read, write};
use crate::commands::set_options::{Expiry, SetOptions, Time, TimeUnit};
use crate::keyspace::{Cause, Deadline, EntryRef, Kind, Value, ValueRef};
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
    write("SETNX", 3, At(1), setnx, &docs::SETNX)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .categories(Categories::STRING)
        .access(Access::OVERWRITE.and(Access::INSERT)),
    write("SETEX", 4, At(1), setex, &docs::SETEX)
        .flags(Flags::DENYOOM)
        .categories(Categories::STRING)
        .access(Access::OVERWRITE.and(Access::UPDATE)),
    write("PSETEX", 4, At(1), psetex, &docs::PSETEX)
        .flags(Flags::DENYOOM)
        .categories(Categories::STRING)
        .access(Access::OVERWRITE.and(Access::UPDATE)),
    write("GETSET", 3, At(1), getset, &docs::GETSET)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .categories(Categories::STRING)
        .access(Access::READ_WRITE.and(Access::ACCESS).and(Access::UPDATE)),
    write("GETDEL", 2, At(1), getdel, &docs::GETDEL)
        .flags(Flags::FAST)
        .categories(Categories::STRING)
        .access(Access::READ_WRITE.and(Access::ACCESS).and(Access::DELETE)),
    write("GETEX", -2, At(1), getex, &docs::GETEX)
        .flags(Flags::FAST)
        .categories(Categories::STRING)
        .access(Access::READ_WRITE.and(Access::ACCESS).and(Access::UPDATE)),
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
    let deadline = match options.expiry {
        Expiry::Clear => Deadline::Clear,
        Expiry::Keep => Deadline::Keep,
        Expiry::At(time) => Deadline::At(time.deadline_ms(call.turn.now_ms(), "set")?),
    };
    if options.replies_with_former {
        reply_with_value(call)?;
    }
    if !options.allow(|| call.find().0.is_some()) {
        if !options.replies_with_former {
            call.reply.null();
        }
        return Ok(());
    }
    store(call, 2, deadline, Cause::Set);
    if !options.replies_with_former {
        call.reply.ok();
    }
    Ok(())
}

/// What SET does to its key: with GET it reads it as well. Redis looks for the word among all arguments.
fn set_access(args: &Args) -> Access {
    match args.iter().skip(3).any(|word| word.eq_ignore_ascii_case(b"GET")) {
        true => Access::READ_WRITE.and(Access::ACCESS).and(Access::UPDATE),
        false => Access::OVERWRITE.and(Access::UPDATE),
    }
}

fn setnx(call: &mut Call) -> Result<(), CommandError> {
    let is_there = call.find().0.is_some();
    if !is_there {
        store(call, 2, Deadline::Clear, Cause::Set);
    }
    call.reply.integer((!is_there).into());
    Ok(())
}

fn setex(call: &mut Call) -> Result<(), CommandError> {
    store_until(call, TimeUnit::Seconds, "setex")
}

fn psetex(call: &mut Call) -> Result<(), CommandError> {
    store_until(call, TimeUnit::Milliseconds, "psetex")
}

fn store_until(call: &mut Call, unit: TimeUnit, name: &'static str) -> Result<(), CommandError> {
    let deadline_ms = Time::new(unit, call.args.at(2)).deadline_ms(call.turn.now_ms(), name)?;
    store(call, 3, Deadline::At(deadline_ms), Cause::Set);
    call.reply.ok();
    Ok(())
}

fn getset(call: &mut Call) -> Result<(), CommandError> {
    reply_with_value(call)?;
    store(call, 2, Deadline::Clear, Cause::Set);
    Ok(())
}

fn getdel(call: &mut Call) -> Result<(), CommandError> {
    reply_with_value(call)?;
    call.keyspace.remove(call.database.into(), &call.key, Cause::Delete, call.turn.now_ms());
    Ok(())
}

/// A time that is no number, or out of range, does not matter when the key is absent.
fn getex(call: &mut Call) -> Result<(), CommandError> {
    let expiry = Expiry::parse_getex(&call.args)?;
    let now_ms = call.turn.now_ms();
    let (entry, reply) = call.read();
    let Some(entry) = entry else {
        reply.null();
        return Ok(());
    };
    let has_deadline = entry.has_deadline();
    write_value(string(entry)?, reply);
    let (database, key) = (call.database.into(), &call.key);
    match expiry {
        Expiry::At(time) => match time.deadline_ms(now_ms, "getex")? {
            deadline_ms if time.is_absolute() && deadline_ms <= now_ms => {
                call.keyspace.remove(database, key, Cause::Delete, now_ms);
            }
            deadline_ms => {
                call.keyspace.set_deadline(database, key, Some(deadline_ms), now_ms);
            }
        },
        Expiry::Clear if has_deadline => {
            call.keyspace.set_deadline(database, key, None, now_ms);
        }
        Expiry::Clear | Expiry::Keep => {}
    }
    Ok(())
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
pub fn store(call: &mut Call, index: usize, deadline: Deadline, cause: Cause) {
    let value = value_at(&call.args, index);
    let cause = if matches!(deadline, Deadline::At(_)) { Cause::SetExpiring } else { cause };
    let now_ms = call.turn.now_ms();
    call.keyspace.set(call.database.into(), &call.key, value, deadline, cause, now_ms);
}

/// The argument at an index, to be stored.
#[inline]
pub fn value_at<'a>(args: &Args<'a>, index: usize) -> Value<'a> {
    match args.block_at(index) {
        Some(block) => Value::Large(block),
        None => Value::Bytes(args.at(index)),
    }
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
pub fn string(entry: EntryRef<'_>) -> Result<ValueRef<'_>, CommandError> {
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
