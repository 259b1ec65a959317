//! MULTI and what belongs to it. The commands only say what is wanted: queues and watched keys belong to the session.

use crate::commands::call::{Ask, Next, SessionCall};
use crate::commands::docs::transaction as docs;
use crate::commands::error::CommandError;
use crate::commands::row::{Access, Categories, Command, Docs, Flags, Keys, session};

const ANY_TIME: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
const QUICK: Flags = ANY_TIME.and(Flags::FAST).and(Flags::ALLOW_BUSY);

pub const COMMANDS: &[Command] = &[
    transaction("MULTI", 1, QUICK, multi, &docs::MULTI),
    transaction("EXEC", 1, ANY_TIME.and(Flags::SKIP_SLOWLOG), exec, &docs::EXEC).alone(),
    transaction("DISCARD", 1, QUICK, discard, &docs::DISCARD).alone(),
    transaction("WATCH", -2, QUICK, watch, &docs::WATCH)
        .session_keys(Keys::AllFrom(1), Access::READ_ONLY)
        .alone(),
    session("UNWATCH", 1, unwatch, &docs::UNWATCH).flags(QUICK).categories(Categories::TRANSACTION).alone(),
];

/// A command that MULTI does not queue.
const fn transaction(
    name: &'static str,
    arity: i16,
    flags: Flags,
    run: fn(&mut SessionCall) -> Result<Next, CommandError>,
    docs: &'static Docs,
) -> Command {
    session(name, arity, run, docs).flags(flags).categories(Categories::TRANSACTION).at_once()
}

/// Whether this is EXEC, to which two rules apply that no other command has: a refusal of it ends the transaction, and
/// CLIENT PAUSE WRITE stops it when what is queued writes.
pub fn is_exec(command: &Command) -> bool {
    command.name == "EXEC"
}

/// Appends the reply to an EXEC that was refused with `error`, itself an error reply.
pub fn write_refused_exec(error: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"-EXECABORT Transaction discarded because of: ");
    out.extend_from_slice(error.strip_prefix(b"-ERR ").or(error.strip_prefix(b"-")).unwrap_or(error));
}

fn multi(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Multi))
}

fn exec(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Exec))
}

fn discard(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Discard))
}

fn watch(call: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Watch(call.args.iter().skip(1).map(Box::from).collect())))
}

fn unwatch(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Unwatch))
}
