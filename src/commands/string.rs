//! Commands on strings.

use crate::commands::call::Call;
use crate::commands::docs::string as docs;
use crate::commands::error::CommandError;
use crate::commands::row::{Access, Categories, Command, Flags, Keys::At, read, write};
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
];

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
    let value = match call.args.block_at(2) {
        Some(block) => Value::Large(block),
        None => Value::Bytes(call.args.at(2)),
    };
    let now_ms = call.turn.now_ms();
    call.keyspace.set(call.database.into(), &call.key, value, deadline, Cause::Set, now_ms);
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
