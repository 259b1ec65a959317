//! From the words of a request to its row: name, subcommand and number of arguments.

use crate::commands::error::{write_unknown, write_unknown_subcommand, write_wrong_arity};
use crate::commands::row::Command;
use crate::commands::table::{COMMANDS, find, find_sub};
use crate::protocol::Args;

/// Why a request has no row to run.
#[derive(Clone, Copy)]
pub enum Refusal {
    UnknownCommand,
    UnknownSubcommand(&'static Command),
    WrongArity(&'static Command),
    /// The client has to log in before it may send this.
    NotLoggedIn(&'static Command),
    /// The data of an earlier run is still being read.
    Loading(&'static Command),
    /// The client is shown all requests, and may touch no key: to Redis it is a kind of replica.
    Watching(&'static Command),
    /// A web browser was made to speak to us: it is told nothing, and the connection is closed.
    CloseSilently,
}

/// The row of a request.
#[inline]
pub fn resolve(args: &Args) -> Result<&'static Command, Refusal> {
    let Some(index) = find(args.at(0)) else {
        return Err(unknown(args));
    };
    let command = &COMMANDS[index];
    if command.subcommands.is_empty() && command.accepts(args.len()) {
        return Ok(command);
    }
    resolve_further(command, args)
}

fn resolve_further(command: &'static Command, args: &Args) -> Result<&'static Command, Refusal> {
    let command = match command.subcommands.is_empty() || args.len() == 1 {
        true => command,
        false => find_sub(command, args.at(1)).ok_or(Refusal::UnknownSubcommand(command))?,
    };
    match command.accepts(args.len()) {
        true => Ok(command),
        false => Err(Refusal::WrongArity(command)),
    }
}

/// The first words of an HTTP request: forms on foreign pages must not be able to send commands.
const HTTP_WORDS: [&[u8]; 2] = [b"POST", b"Host:"];

#[cold]
fn unknown(args: &Args) -> Refusal {
    match HTTP_WORDS.iter().any(|word| word.eq_ignore_ascii_case(args.at(0))) {
        true => Refusal::CloseSilently,
        false => Refusal::UnknownCommand,
    }
}

impl Refusal {
    /// Appends the error reply to the request with these arguments.
    #[cold]
    pub fn write_into(&self, args: &Args, out: &mut Vec<u8>) {
        match self {
            Self::UnknownCommand => write_unknown(args.at(0), args.iter().skip(1), out),
            Self::UnknownSubcommand(container) => {
                write_unknown_subcommand(container.name, args.at(1), out);
            }
            Self::WrongArity(command) => write_wrong_arity(command, out),
            Self::NotLoggedIn(_) => out.extend_from_slice(b"-NOAUTH Authentication required.\r\n"),
            Self::Loading(_) => {
                out.extend_from_slice(b"-LOADING Redis is loading the dataset in memory\r\n");
            }
            Self::Watching(_) => out.extend_from_slice(b"-ERR Replica can't interact with the keyspace\r\n"),
            Self::CloseSilently => {}
        }
    }

    /// Whether the client is to be disconnected.
    pub fn closes(&self) -> bool {
        matches!(self, Self::CloseSilently)
    }
}
