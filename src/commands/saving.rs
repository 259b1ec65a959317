//! Putting all keys on the disk: BGREWRITEAOF, LASTSAVE.

use crate::commands::call::{Ask, Next, Saving, SessionCall};
use crate::commands::docs::saving as docs;
use crate::commands::error::CommandError;
use crate::commands::row::{Categories, Command, Flags, session};

/// Not while the data set is being replaced.
const OPERATOR: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING);

pub const COMMANDS: &[Command] = &[
    session("BGREWRITEAOF", 1, compact, &docs::BGREWRITEAOF).flags(OPERATOR),
    session("LASTSAVE", 1, last_save, &docs::LASTSAVE)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::ADMIN.and(Categories::DANGEROUS)),
];

fn compact(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Save(Saving::Log)))
}

/// Nothing is saved yet: as a server of Redis that has not saved, the time at which it was started.
fn last_save(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.reply.integer((call.turn.process.started_at_us / 1_000_000) as i64);
    Ok(Next::Done)
}
