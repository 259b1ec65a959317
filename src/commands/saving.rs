//! Putting all keys on the disk: SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF.

use crate::commands::call::{Ask, Next, Saving, SessionCall};
use crate::commands::docs::saving as docs;
use crate::commands::error::CommandError;
use crate::commands::row::{Categories, Command, Flags, session};

/// Not while the data set is being replaced.
const OPERATOR: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING);

pub const COMMANDS: &[Command] = &[
    session("SAVE", 1, save, &docs::SAVE).flags(OPERATOR.and(Flags::NO_MULTI)).alone(),
    session("BGSAVE", -1, save_in_background, &docs::BGSAVE).flags(OPERATOR).alone(),
    session("BGREWRITEAOF", 1, compact, &docs::BGREWRITEAOF).flags(OPERATOR),
    session("LASTSAVE", 1, last_save, &docs::LASTSAVE)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::ADMIN.and(Categories::DANGEROUS)),
];

fn compact(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Save(Saving::Log)))
}

fn save(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Save(Saving::Now)))
}

fn save_in_background(call: &mut SessionCall) -> Result<Next, CommandError> {
    match call.args.len() {
        1 => {}
        // It waits for a log that is being compacted; that is no hindrance here.
        2 if call.args.at(1).eq_ignore_ascii_case(b"SCHEDULE") => {}
        _ => return Err(CommandError::Syntax),
    }
    Ok(Next::Ask(Ask::Save(Saving::InBackground)))
}

fn last_save(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Save(Saving::LastTime)))
}
