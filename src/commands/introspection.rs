//! COMMAND and its subcommands: what clients can learn about the commands, all of it read from the rows.

use crate::commands::call::{Next, SessionCall};
use crate::commands::describe::{describe, names};
use crate::commands::docs::introspection as docs;
use crate::commands::document::document;
use crate::commands::error::CommandError;
use crate::commands::help;
use crate::commands::resolve::{Refusal, resolve};
use crate::commands::row::{Categories, Command, Docs, Flags, Keys, session};
use crate::commands::table::{COMMANDS as TABLE, all_rows, find_full};
use crate::protocol::Args;
use crate::sys::glob::{Case, glob_match};

const ANY_TIME: Flags = Flags::LOADING.and(Flags::STALE);

pub const COMMANDS: &[Command] = &[session("COMMAND", -1, command, &docs::COMMAND)
    .flags(ANY_TIME)
    .categories(Categories::CONNECTION)
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    sub("COUNT", 2, count, &docs::COMMAND_COUNT),
    sub("DOCS", -2, document_named, &docs::COMMAND_DOCS),
    sub("GETKEYS", -4, keys, &docs::COMMAND_GETKEYS),
    sub("GETKEYSANDFLAGS", -4, keys_and_flags, &docs::COMMAND_GETKEYSANDFLAGS),
    sub("HELP", 2, help, &docs::COMMAND_HELP),
    sub("INFO", -2, describe_named, &docs::COMMAND_INFO),
    sub("LIST", -2, list, &docs::COMMAND_LIST),
];

const fn sub(
    name: &'static str,
    arity: i16,
    run: fn(&mut SessionCall) -> Result<Next, CommandError>,
    docs: &'static Docs,
) -> Command {
    session(name, arity, run, docs).within("COMMAND").flags(ANY_TIME).categories(Categories::CONNECTION)
}

fn command(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.reply.array(TABLE.len());
    for row in &TABLE {
        describe(row, &mut call.reply);
    }
    Ok(Next::Done)
}

fn count(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.reply.integer(TABLE.len() as i64);
    Ok(Next::Done)
}

fn describe_named(call: &mut SessionCall) -> Result<Next, CommandError> {
    if call.args.len() == 2 {
        return command(call);
    }
    call.reply.array(call.args.len() - 2);
    for name in call.args.iter().skip(2) {
        match find_full(name) {
            Some(row) => describe(row, &mut call.reply),
            None => call.reply.null(),
        }
    }
    Ok(Next::Done)
}

/// Unknown names are left out.
fn document_named(call: &mut SessionCall) -> Result<Next, CommandError> {
    let rows: Vec<&Command> = match call.args.len() {
        2 => TABLE.iter().collect(),
        _ => call.args.iter().skip(2).filter_map(find_full).collect(),
    };
    call.reply.map(rows.len());
    for row in rows {
        document(row, &mut call.reply);
    }
    Ok(Next::Done)
}

fn list(call: &mut SessionCall) -> Result<Next, CommandError> {
    let rows: Vec<&Command> = match call.args.len() {
        2 => all_rows().collect(),
        5 if call.args.at(2).eq_ignore_ascii_case(b"FILTERBY") => {
            filtered(call.args.at(3), call.args.at(4)).ok_or(CommandError::Syntax)?
        }
        _ => return Err(CommandError::Syntax),
    };
    names(&rows, &mut call.reply);
    Ok(Next::Done)
}

/// The rows that a filter of COMMAND LIST lets through; `None` when there is no such filter.
fn filtered(filter: &[u8], value: &[u8]) -> Option<Vec<&'static Command>> {
    Some(match filter {
        // There are no modules.
        _ if filter.eq_ignore_ascii_case(b"MODULE") => Vec::new(),
        _ if filter.eq_ignore_ascii_case(b"ACLCAT") => {
            let named = |name: &str| name.as_bytes().eq_ignore_ascii_case(value);
            all_rows().filter(|row| row.all_categories().names().any(named)).collect()
        }
        _ if filter.eq_ignore_ascii_case(b"PATTERN") => {
            let matches = |row: &&Command| glob_match(value, &row.full_name(), Case::Insensitive);
            all_rows().filter(matches).collect()
        }
        _ => return None,
    })
}

fn keys(call: &mut SessionCall) -> Result<Next, CommandError> {
    let request = call.args.tail(2);
    let command = command_with_keys(&request)?;
    let indices = command.key_indices(request.len());
    call.reply.array(indices.len());
    for index in indices {
        call.reply.bulk(request.at(index));
    }
    Ok(Next::Done)
}

fn keys_and_flags(call: &mut SessionCall) -> Result<Next, CommandError> {
    let request = call.args.tail(2);
    let command = command_with_keys(&request)?;
    let indices = command.key_indices(request.len());
    call.reply.array(indices.len());
    for index in indices {
        let access = command.access_of(&request, index).names();
        call.reply.array(2);
        call.reply.bulk(request.at(index));
        call.reply.set(access.clone().count());
        access.for_each(|name| call.reply.simple(name));
    }
    Ok(Next::Done)
}

/// The row of a request that has keys.
fn command_with_keys(request: &Args) -> Result<&'static Command, CommandError> {
    let command = match resolve(request) {
        Ok(command) | Err(Refusal::WrongArity(command)) => command,
        Err(_) => return Err(CommandError::Text("ERR Invalid command specified")),
    };
    if command.keys == Keys::None {
        return Err(CommandError::Text("ERR The command has no key arguments"));
    }
    match command.accepts(request.len()) {
        true => Ok(command),
        false => Err(CommandError::Text("ERR Invalid number of arguments specified for command")),
    }
}

fn help(call: &mut SessionCall) -> Result<Next, CommandError> {
    help::write(&mut call.reply, "COMMAND", HELP);
    Ok(Next::Done)
}

const HELP: help::Lines = &[
    ("(no subcommand)", &["Describes all commands."]),
    ("COUNT", &["Counts the commands of this server."]),
    ("LIST", &["Lists the names of all commands of this server."]),
    (
        "INFO [<command-name> ...]",
        &[
            "Describes the named commands: arity, flags, places of keys.",
            "Without names it describes all commands.",
        ],
    ),
    (
        "DOCS [<command-name> ...]",
        &[
            "Documents the named commands: history, cost, arguments.",
            "Without names it documents all commands.",
        ],
    ),
    ("GETKEYS <full-command>", &["Lists the keys in a whole command."]),
    ("GETKEYSANDFLAGS <full-command>", &["Lists the keys in a whole command, each with what is done to it."]),
];
