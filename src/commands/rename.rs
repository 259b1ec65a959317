//! Keys under another name or in another database: RENAME, RENAMENX, COPY, MOVE.

use crate::commands::call::{Call, Turn};
use crate::commands::docs::generic as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::Keys::{At, Between};
use crate::commands::row::{Access, Across, Categories, Command, Fetched, Flags, Stored, across, write};
use crate::keyspace::Cause;
use crate::protocol::Args;

pub const COMMANDS: &[Command] = &[
    across("RENAME", 3, Between(1, 2), &RENAME, &docs::RENAME)
        .categories(Categories::KEYSPACE)
        .access(LEAVES)
        .access_behind(Access::OVERWRITE.and(Access::UPDATE)),
    across("RENAMENX", 3, Between(1, 2), &RENAMENX, &docs::RENAMENX)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE)
        .access(LEAVES)
        .access_behind(Access::OVERWRITE.and(Access::INSERT)),
    across("COPY", -3, Between(1, 2), &COPY, &docs::COPY)
        .flags(Flags::DENYOOM)
        .categories(Categories::KEYSPACE)
        .access(Access::READ_ONLY.and(Access::ACCESS))
        .access_behind(Access::OVERWRITE.and(Access::UPDATE)),
    write("MOVE", 3, At(1), move_key, &docs::MOVE)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE)
        .access(Access::READ_WRITE.and(Access::ACCESS).and(Access::UPDATE)),
];

const LEAVES: Access = Access::READ_WRITE.and(Access::ACCESS).and(Access::DELETE);

const RENAME: Across = Across { destination: 2, fetch: lift, store: rename, finish: Some(leave) };
const RENAMENX: Across = Across { destination: 2, fetch: lift, store: rename_if_absent, finish: Some(leave) };
const COPY: Across = Across { destination: 2, fetch: fetch_copy, store: store_copy, finish: None };

fn lift(call: &mut Call) -> Result<Fetched, CommandError> {
    let lifted = call.keyspace.lift(call.database.into(), &call.key, call.turn.now_ms());
    lifted.ok_or(CommandError::NoSuchKey).map(Some)
}

fn rename(call: &mut Call, fetched: Vec<Fetched>) -> Result<Stored, CommandError> {
    call.reply.ok();
    Ok(match is_same_key(&call.args) {
        true => Stored::No,
        false => paste(call, call.database, &fetched, Cause::RenameTo),
    })
}

/// A key that is to keep its name is there already.
fn rename_if_absent(call: &mut Call, fetched: Vec<Fetched>) -> Result<Stored, CommandError> {
    let is_taken = call.find().0.is_some();
    call.reply.integer((!is_taken).into());
    Ok(match is_taken {
        true => Stored::No,
        false => paste(call, call.database, &fetched, Cause::RenameTo),
    })
}

fn leave(call: &mut Call) {
    call.keyspace.remove(call.database.into(), &call.key, Cause::RenameFrom, call.turn.now_ms());
}

fn fetch_copy(call: &mut Call) -> Result<Fetched, CommandError> {
    let options = CopyOptions::parse(&call.args, call.database, call.turn)?;
    if options.database == call.database && is_same_key(&call.args) {
        return Err(CommandError::SameObject);
    }
    if call.read().0.is_none() {
        return Ok(None);
    }
    Ok(call.keyspace.copy(call.database.into(), &call.key, call.turn.now_ms()))
}

fn store_copy(call: &mut Call, fetched: Vec<Fetched>) -> Result<Stored, CommandError> {
    let options = CopyOptions::parse(&call.args, call.database, call.turn)?;
    let (database, now_ms) = (options.database, call.turn.now_ms());
    let is_there = fetched.iter().all(Option::is_some);
    let may =
        is_there && (options.replace || call.keyspace.peek(database.into(), &call.key, now_ms).is_none());
    call.reply.integer(may.into());
    Ok(match may {
        true => paste(call, database, &fetched, Cause::CopyTo),
        false => Stored::No,
    })
}

fn move_key(call: &mut Call) -> Result<(), CommandError> {
    let database = numbers::database(numbers::int(call.args.at(2))?, call.turn)?;
    if database == call.database {
        return Err(CommandError::SameObject);
    }
    let moved = call.keyspace.move_key(call.database.into(), database.into(), &call.key, call.turn.now_ms());
    call.reply.integer(moved.into());
    Ok(())
}

/// Stores what was fetched, whatever the key held.
fn paste(call: &mut Call, database: u8, fetched: &[Fetched], cause: Cause) -> Stored {
    let now_ms = call.turn.now_ms();
    for copied in fetched.iter().flatten() {
        call.keyspace.paste(database.into(), &call.key, copied, cause, now_ms);
    }
    Stored::Yes
}

fn is_same_key(args: &Args) -> bool {
    args.at(1) == args.at(2)
}

/// What stands behind the keys of COPY.
struct CopyOptions {
    database: u8,
    replace: bool,
}

impl CopyOptions {
    fn parse(args: &Args, database: u8, turn: &Turn) -> Result<Self, CommandError> {
        let mut options = CopyOptions { database, replace: false };
        let mut words = args.iter().skip(3);
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"REPLACE") {
                options.replace = true;
            } else if word.eq_ignore_ascii_case(b"DB") {
                let index = numbers::int(words.next().ok_or(CommandError::Syntax)?)?;
                options.database = numbers::database(index, turn)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}
