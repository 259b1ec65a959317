//! ACL: the subcommands that need no users beside the default one.

use crate::commands::call::{Ask, Next, SessionCall};
use crate::commands::docs::acl as docs;
use crate::commands::error::CommandError;
use crate::commands::login::DEFAULT_USER;
use crate::commands::row::{Categories, Command, Docs, Flags, container, session};
use crate::commands::table::all_rows;
use crate::commands::{help, numbers};

pub const COMMANDS: &[Command] = &[container("ACL", -2, SUBCOMMANDS, &docs::ACL)];

const ANY_TIME: Flags = Flags::LOADING.and(Flags::STALE);

const SUBCOMMANDS: &[Command] = &[
    sub("CAT", -2, cat, &docs::ACL_CAT).flags(Flags::NOSCRIPT),
    sub("GENPASS", -2, generate_password, &docs::ACL_GENPASS).flags(Flags::NOSCRIPT),
    sub("HELP", 2, help, &docs::ACL_HELP),
    sub("WHOAMI", 2, who_am_i, &docs::ACL_WHOAMI).flags(Flags::NOSCRIPT),
];

const fn sub(
    name: &'static str,
    arity: i16,
    run: fn(&mut SessionCall) -> Result<Next, CommandError>,
    docs: &'static Docs,
) -> Command {
    session(name, arity, run, docs).within("ACL").flags(ANY_TIME)
}

/// The length of a password that nobody asked otherwise for, and of the longest, in bits.
const PASSWORD_BITS: i64 = 256;
const PASSWORD_BITS_MAX: i64 = 4096;

/// How much of an unknown category an error repeats.
const ECHO_BYTES_MAX: usize = 128;

fn who_am_i(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.reply.bulk(DEFAULT_USER);
    Ok(Next::Done)
}

fn cat(call: &mut SessionCall) -> Result<Next, CommandError> {
    match call.args.len() {
        2 => {
            call.reply.array(Categories::NAMES.len());
            Categories::NAMES.iter().for_each(|(_, name)| call.reply.bulk(name.as_bytes()));
        }
        3 => {
            let wanted = call.args.at(2);
            let named = |(_, name): &&(Categories, &str)| wanted.eq_ignore_ascii_case(name.as_bytes());
            let shown = &wanted[..wanted.len().min(ECHO_BYTES_MAX)];
            let unknown = || CommandError::quoting("ERR Unknown category '", shown, "'");
            let (category, _) = Categories::NAMES.iter().find(named).ok_or_else(unknown)?;
            let rows: Vec<_> = all_rows().filter(|row| row.all_categories().has(*category)).collect();
            call.reply.array(rows.len());
            rows.iter().for_each(|row| call.reply.bulk(&row.full_name()));
        }
        _ => return Err(wrong_arity(call)),
    }
    Ok(Next::Done)
}

fn generate_password(call: &mut SessionCall) -> Result<Next, CommandError> {
    let bits = match call.args.len() {
        2 => PASSWORD_BITS,
        3 => numbers::long(call.args.at(2))?,
        _ => return Err(wrong_arity(call)),
    };
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(CommandError::Text(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    // Each digit is of four bits.
    Ok(Next::Ask(Ask::Password((bits as usize).div_ceil(4))))
}

fn wrong_arity(call: &SessionCall) -> CommandError {
    let before = "ERR unknown subcommand or wrong number of arguments for '";
    CommandError::quoting(before, call.args.at(1), "'. Try ACL HELP.")
}

fn help(call: &mut SessionCall) -> Result<Next, CommandError> {
    help::write(&mut call.reply, "ACL", HELP);
    Ok(Next::Done)
}

const HELP: help::Lines = &[
    ("CAT [<category>]", &["Lists the commands of <category>, or the categories that there are."]),
    ("GENPASS [<bits>]", &["Makes a password by chance, of 256 bits or as many as asked for."]),
    ("WHOAMI", &["Gives the name of the user that this connection is logged in as."]),
];
