//! Commands on the whole server.

use std::ops::Range;

use bytes::Bytes;

use crate::commands::call::{Ask, Call, Next, SessionCall, Shutdown};
use crate::commands::docs::server as docs;
use crate::commands::error::CommandError;
use crate::commands::lolwut::lolwut;
use crate::commands::row::{Categories, Command, Docs, Flags, Keys, Merge, container, read, session, write};
use crate::commands::{help, numbers};
use crate::protocol::Args;

const ANY_TIME: Flags = Flags::LOADING.and(Flags::STALE);
/// What only an operator should send.
const OPERATOR: Flags = ANY_TIME.and(Flags::ADMIN).and(Flags::NOSCRIPT);

pub const COMMANDS: &[Command] = &[
    read("DBSIZE", 1, Keys::None, dbsize, &docs::DBSIZE)
        .every(Merge::Sum)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE),
    write("FLUSHALL", -1, Keys::None, flushall, &docs::FLUSHALL)
        .every(Merge::Same)
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS)),
    write("FLUSHDB", -1, Keys::None, flushdb, &docs::FLUSHDB)
        .every(Merge::Same)
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS)),
    write("SWAPDB", 3, Keys::None, swapdb, &docs::SWAPDB)
        .every(Merge::Same)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS)),
    session("INFO", -1, info, &docs::INFO).flags(ANY_TIME).categories(Categories::DANGEROUS),
    session("SHUTDOWN", -1, shutdown, &docs::SHUTDOWN)
        .flags(OPERATOR.and(Flags::NO_MULTI).and(Flags::ALLOW_BUSY)),
    session("TIME", 1, time, &docs::TIME).flags(ANY_TIME.and(Flags::FAST)),
    session("LOLWUT", -1, lolwut, &docs::LOLWUT).flags(Flags::READONLY.and(Flags::FAST)),
    container("CONFIG", -2, CONFIG, &docs::CONFIG),
];

const CONFIG: &[Command] = &[
    config("GET", -3, OPERATOR, config_get, &docs::CONFIG_GET),
    config("SET", -4, OPERATOR, config_set, &docs::CONFIG_SET),
    config("REWRITE", 2, OPERATOR, config_rewrite, &docs::CONFIG_REWRITE),
    config("RESETSTAT", 2, OPERATOR, config_resetstat, &docs::CONFIG_RESETSTAT),
    config("HELP", 2, ANY_TIME, config_help, &docs::CONFIG_HELP),
];

const fn config(
    name: &'static str,
    arity: i16,
    flags: Flags,
    run: fn(&mut SessionCall) -> Result<Next, CommandError>,
    docs: &'static Docs,
) -> Command {
    session(name, arity, run, docs).within("CONFIG").flags(flags)
}

fn dbsize(call: &mut Call) -> Result<(), CommandError> {
    call.reply.integer(call.keyspace.len(call.database.into()) as i64);
    Ok(())
}

fn flushall(call: &mut Call) -> Result<(), CommandError> {
    flush(call, 0..call.turn.databases)
}

fn flushdb(call: &mut Call) -> Result<(), CommandError> {
    flush(call, call.database..call.database + 1)
}

/// Memory is freed later in either mode, and no mode makes the caller wait for it.
fn flush(call: &mut Call, databases: Range<u8>) -> Result<(), CommandError> {
    let is_mode = |word: &[u8]| word.eq_ignore_ascii_case(b"ASYNC") || word.eq_ignore_ascii_case(b"SYNC");
    match call.args.len() {
        1 => {}
        2 if is_mode(call.args.at(1)) => {}
        _ => return Err(CommandError::Syntax),
    }
    for database in databases {
        call.keyspace.flush(database.into());
    }
    call.reply.ok();
    Ok(())
}

/// Clients keep the number they selected, and find the keys of the other database there.
fn swapdb(call: &mut Call) -> Result<(), CommandError> {
    let first =
        numbers::int(call.args.at(1)).map_err(|_| CommandError::Text("ERR invalid first DB index"))?;
    let second =
        numbers::int(call.args.at(2)).map_err(|_| CommandError::Text("ERR invalid second DB index"))?;
    let (first, second) = (numbers::database(first, call.turn)?, numbers::database(second, call.turn)?);
    call.keyspace.swap_databases(first.into(), second.into());
    call.reply.ok();
    Ok(())
}

fn info(call: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Info(owned_from(&call.args, 1))))
}

fn shutdown(call: &mut SessionCall) -> Result<Next, CommandError> {
    let mut request = Shutdown::default();
    let (mut save, mut no_save) = (false, false);
    for word in call.args.iter().skip(1) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("SAVE") => save = true,
            () if is("NOSAVE") => no_save = true,
            () if is("NOW") => request.now = true,
            () if is("FORCE") => request.force = true,
            () if is("ABORT") => request.abort = true,
            () => return Err(CommandError::Syntax),
        }
    }
    request.save = (save || no_save).then_some(save);
    let says_how = request.save.is_some() || request.now || request.force;
    match (save && no_save) || (request.abort && says_how) {
        true => Err(CommandError::Syntax),
        false => Ok(Next::Ask(Ask::Shutdown(request))),
    }
}

fn time(call: &mut SessionCall) -> Result<Next, CommandError> {
    let now_us = call.turn.now_us;
    call.reply.array(2);
    call.reply.bulk((now_us / 1_000_000).to_string().as_bytes());
    call.reply.bulk((now_us % 1_000_000).to_string().as_bytes());
    Ok(Next::Done)
}

fn config_get(call: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::ConfigGet(owned_from(&call.args, 2))))
}

fn config_set(call: &mut SessionCall) -> Result<Next, CommandError> {
    if !call.args.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let words = owned_from(&call.args, 2);
    let pairs = words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    Ok(Next::Ask(Ask::ConfigSet(pairs)))
}

fn config_rewrite(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::ConfigRewrite))
}

fn config_resetstat(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::ConfigResetStat))
}

/// The arguments from an index on, for those who answer after the request's bytes are gone.
fn owned_from(args: &Args, first: usize) -> Vec<Bytes> {
    args.iter().skip(first).map(Bytes::copy_from_slice).collect()
}

fn config_help(call: &mut SessionCall) -> Result<Next, CommandError> {
    help::write(&mut call.reply, "CONFIG", CONFIG_HELP);
    Ok(Next::Done)
}

const CONFIG_HELP: help::Lines = &[
    ("GET <pattern>", &["Lists the parameters that match <pattern>, with their values."]),
    ("SET <directive> <value>", &["Gives <directive> the value <value>."]),
    ("RESETSTAT", &["Sets the counters of INFO back to zero."]),
    ("REWRITE", &["Brings the configuration file up to date."]),
];
