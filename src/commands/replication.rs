//! What a server without replicas answers about replication, and a server that is no cluster about clusters.

use crate::commands::call::{Ask, Next, SessionCall};
use crate::commands::docs::replication as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::{Categories, Command, Docs, Flags, session};
use crate::protocol::request::integer;

const ANY_TIME: Flags = Flags::LOADING.and(Flags::STALE);
const FOLLOWING: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::STALE).and(Flags::NO_ASYNC_LOADING);

pub const COMMANDS: &[Command] = &[
    session("ROLE", 1, role, &docs::ROLE)
        .flags(ANY_TIME.and(Flags::NOSCRIPT).and(Flags::FAST))
        .categories(Categories::ADMIN.and(Categories::DANGEROUS)),
    session("REPLICAOF", 3, follow, &docs::REPLICAOF).flags(FOLLOWING),
    session("SLAVEOF", 3, follow, &docs::SLAVEOF).flags(FOLLOWING),
    session("WAIT", 3, wait, &docs::WAIT).flags(Flags::NOSCRIPT).categories(Categories::CONNECTION),
    cluster("READONLY", ANY_TIME, &docs::READONLY),
    cluster("READWRITE", ANY_TIME, &docs::READWRITE),
    cluster("ASKING", Flags::NONE, &docs::ASKING),
];

const fn cluster(name: &'static str, flags: Flags, docs: &'static Docs) -> Command {
    session(name, 1, no_cluster, docs).flags(flags.and(Flags::FAST)).categories(Categories::CONNECTION)
}

fn role(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.reply.array(3);
    call.reply.bulk(b"master");
    call.reply.integer(0);
    call.reply.array(0);
    Ok(Next::Done)
}

/// A server that follows nobody may be told to follow nobody.
fn follow(call: &mut SessionCall) -> Result<Next, CommandError> {
    let is = |index: usize, name: &str| call.args.at(index).eq_ignore_ascii_case(name.as_bytes());
    if is(1, "NO") && is(2, "ONE") {
        call.reply.ok();
        return Ok(Next::Done);
    }
    match integer(call.args.at(2)) {
        Some(0..=65_535) => Err(CommandError::Text("ERR following another server is not built yet")),
        _ => Err(CommandError::Text("ERR Invalid master port")),
    }
}

fn wait(call: &mut SessionCall) -> Result<Next, CommandError> {
    let wanted = numbers::long(call.args.at(1))?;
    let no_integer = CommandError::Text("ERR timeout is not an integer or out of range");
    let for_ms = integer(call.args.at(2)).ok_or(no_integer)?;
    let for_ms = u64::try_from(for_ms).map_err(|_| CommandError::Text("ERR timeout is negative"))?;
    Ok(Next::Ask(Ask::Replicas { wanted, for_ms }))
}

fn no_cluster(_: &mut SessionCall) -> Result<Next, CommandError> {
    Err(CommandError::Text("ERR This instance has cluster support disabled"))
}
