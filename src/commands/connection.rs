//! Commands on the connection itself.

use crate::commands::call::{Next, SessionCall};
use crate::commands::client;
use crate::commands::docs::{client as client_docs, connection as docs};
use crate::commands::error::CommandError;
use crate::commands::hello::hello;
use crate::commands::login::auth;
use crate::commands::numbers;
use crate::commands::row::{Categories, Command, Flags, container, session};
use crate::protocol::Resp;

/// Answered at any time: while data is loaded, by a stale replica.
const ANY_TIME: Flags = Flags::LOADING.and(Flags::STALE);
const QUICK: Flags = ANY_TIME.and(Flags::FAST);
/// What a client may send before it has logged in.
const BEFORE_LOGIN: Flags = QUICK.and(Flags::NOSCRIPT).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY);

pub const COMMANDS: &[Command] = &[
    session("PING", -1, ping, &docs::PING).flags(Flags::FAST).categories(Categories::CONNECTION),
    session("ECHO", 2, echo, &docs::ECHO).flags(QUICK).categories(Categories::CONNECTION),
    session("HELLO", -1, hello, &docs::HELLO).flags(BEFORE_LOGIN).categories(Categories::CONNECTION),
    session("SELECT", 2, select, &docs::SELECT).flags(QUICK).categories(Categories::CONNECTION),
    session("AUTH", -2, auth, &docs::AUTH).flags(BEFORE_LOGIN).categories(Categories::CONNECTION),
    session("QUIT", -1, quit, &docs::QUIT).flags(BEFORE_LOGIN).categories(Categories::CONNECTION).at_once(),
    session("RESET", 1, reset, &docs::RESET)
        .flags(BEFORE_LOGIN)
        .categories(Categories::CONNECTION)
        .at_once()
        .alone(),
    container("CLIENT", -2, client::SUBCOMMANDS, &client_docs::CLIENT),
];

fn ping(call: &mut SessionCall) -> Result<Next, CommandError> {
    match call.args.len() {
        1 => call.reply.simple("PONG"),
        2 => call.reply.bulk(call.args.at(1)),
        _ => return Err(CommandError::WrongArity("ping")),
    }
    Ok(Next::Done)
}

fn echo(call: &mut SessionCall) -> Result<Next, CommandError> {
    match call.args.block_at(1) {
        Some(block) => call.reply.shared_bulk(&block),
        None => call.reply.bulk(call.args.at(1)),
    }
    Ok(Next::Done)
}

fn select(call: &mut SessionCall) -> Result<Next, CommandError> {
    let index = numbers::int(call.args.at(1))?;
    call.caller.database = numbers::database(index, call.turn)?;
    call.reply.ok();
    Ok(Next::Done)
}

fn quit(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.reply.ok();
    Ok(Next::Close)
}

fn reset(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.caller.reset(call.turn.password);
    call.reply.resp = Resp::Two;
    call.reply.simple("RESET");
    Ok(Next::Forget)
}
