//! CLIENT and its subcommands.

use crate::commands::call::{Ask, ClientFilter, KillStyle, Next, Pause, ReplyMode, SessionCall};
use crate::commands::caller::Caller;
use crate::commands::docs::client as docs;
use crate::commands::error::CommandError;
use crate::commands::help;
use crate::commands::row::{Categories, Command, Docs, Flags, session};
use crate::protocol::request::integer;

type Handler = fn(&mut SessionCall) -> Result<Next, CommandError>;

pub const SUBCOMMANDS: &[Command] = &[
    plain("ID", 2, id, &docs::CLIENT_ID),
    plain("INFO", 2, info, &docs::CLIENT_INFO),
    admin("LIST", -2, list, &docs::CLIENT_LIST),
    admin("KILL", -3, kill, &docs::CLIENT_KILL),
    plain("GETNAME", 2, name, &docs::CLIENT_GETNAME),
    plain("SETNAME", 3, rename, &docs::CLIENT_SETNAME),
    plain("SETINFO", 4, set_info, &docs::CLIENT_SETINFO),
    plain("REPLY", 3, reply, &docs::CLIENT_REPLY),
    plain("GETREDIR", 2, redirection, &docs::CLIENT_GETREDIR),
    plain("TRACKINGINFO", 2, tracking_info, &docs::CLIENT_TRACKINGINFO),
    admin("PAUSE", -3, pause, &docs::CLIENT_PAUSE),
    admin("UNPAUSE", 2, unpause, &docs::CLIENT_UNPAUSE),
    admin("UNBLOCK", -3, unblock, &docs::CLIENT_UNBLOCK),
    admin("NO-EVICT", 3, no_evict, &docs::CLIENT_NO_EVICT),
    plain("NO-TOUCH", 3, no_touch, &docs::CLIENT_NO_TOUCH),
    sub("HELP", 2, help, &docs::CLIENT_HELP),
];

const fn sub(name: &'static str, arity: i16, run: Handler, docs: &'static Docs) -> Command {
    session(name, arity, run, docs)
        .within("CLIENT")
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
}

/// A subcommand that scripts may not call.
const fn plain(name: &'static str, arity: i16, run: Handler, docs: &'static Docs) -> Command {
    sub(name, arity, run, docs).flags(Flags::NOSCRIPT)
}

/// A subcommand about the clients of others.
const fn admin(name: &'static str, arity: i16, run: Handler, docs: &'static Docs) -> Command {
    plain(name, arity, run, docs).flags(Flags::ADMIN)
}

fn id(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.reply.integer(call.caller.id as i64);
    Ok(Next::Done)
}

fn info(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::ClientInfo))
}

fn list(call: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::ClientList(ClientFilter::of_list(&call.args)?)))
}

fn kill(call: &mut SessionCall) -> Result<Next, CommandError> {
    let (filter, style) = match call.args.len() {
        3 => (ClientFilter::at_address(call.args.at(2)), KillStyle::ByAddress),
        _ => (ClientFilter::of_kill(&call.args)?, KillStyle::ByFilter),
    };
    Ok(Next::Ask(Ask::ClientKill { filter, style }))
}

/// The command itself is answered only when it lets replies through.
fn reply(call: &mut SessionCall) -> Result<Next, CommandError> {
    let modes = [("ON", ReplyMode::On), ("OFF", ReplyMode::Off), ("SKIP", ReplyMode::Skip)];
    let word = call.args.at(2);
    let mode = modes.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    mode.map(|(_, mode)| Next::Mute(*mode)).ok_or(CommandError::Syntax)
}

/// What Redis answers while a client does not track its keys, which cannot be done yet.
fn redirection(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.reply.integer(-1);
    Ok(Next::Done)
}

fn tracking_info(call: &mut SessionCall) -> Result<Next, CommandError> {
    let reply = &mut call.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.bulk(b"off");
    reply.bulk(b"redirect");
    reply.integer(-1);
    reply.bulk(b"prefixes");
    reply.array(0);
    Ok(Next::Done)
}

fn pause(call: &mut SessionCall) -> Result<Next, CommandError> {
    let writes_only = match call.args.len() {
        3 => false,
        4 if call.args.at(3).eq_ignore_ascii_case(b"WRITE") => true,
        4 if call.args.at(3).eq_ignore_ascii_case(b"ALL") => false,
        4 => return Err(CommandError::Text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => {
            return Err(CommandError::quoting(
                "ERR unknown subcommand or wrong number of arguments for '",
                call.args.at(1),
                "'. Try CLIENT HELP.",
            ));
        }
    };
    let no_integer = CommandError::Text("ERR timeout is not an integer or out of range");
    let for_ms = integer(call.args.at(2)).ok_or(no_integer)?;
    let for_ms = u64::try_from(for_ms).map_err(|_| CommandError::Text("ERR timeout is negative"))?;
    Ok(Next::Ask(Ask::Pause(Pause { for_ms, writes_only })))
}

fn unpause(_: &mut SessionCall) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Unpause))
}

/// No command blocks yet, so there is nobody to unblock. A client that CLIENT PAUSE stops is not blocked.
fn unblock(call: &mut SessionCall) -> Result<Next, CommandError> {
    let is = |name: &str| call.args.at(3).eq_ignore_ascii_case(name.as_bytes());
    if call.args.len() > 4 {
        return Err(CommandError::quoting(
            "ERR unknown subcommand or wrong number of arguments for '",
            call.args.at(1),
            "'. Try CLIENT HELP.",
        ));
    }
    if call.args.len() == 4 && !is("TIMEOUT") && !is("ERROR") {
        return Err(CommandError::Text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
    }
    integer(call.args.at(2)).ok_or(CommandError::NotInteger)?;
    call.reply.integer(0);
    Ok(Next::Done)
}

fn name(call: &mut SessionCall) -> Result<Next, CommandError> {
    match &call.caller.labels {
        Some(labels) if !labels.name.is_empty() => call.reply.bulk(&labels.name),
        _ => call.reply.null(),
    }
    Ok(Next::Done)
}

fn rename(call: &mut SessionCall) -> Result<Next, CommandError> {
    set_name(call.caller, call.args.at(2))?;
    call.reply.ok();
    Ok(Next::Done)
}

/// Names a client; an empty name is no name.
pub fn set_name(caller: &mut Caller, name: &[u8]) -> Result<(), CommandError> {
    if !is_plain_word(name) {
        return Err(CommandError::Text(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ));
    }
    caller.labels_mut().name = name.into();
    Ok(())
}

/// Whether a name can stand in a line of CLIENT LIST without breaking it.
fn is_plain_word(name: &[u8]) -> bool {
    name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// As Redis 7.2 answers it; 7.0 does not know it, but today's client libraries send it.
fn set_info(call: &mut SessionCall) -> Result<Next, CommandError> {
    let (attribute, text) = (call.args.at(2), call.args.at(3));
    let is_name = attribute.eq_ignore_ascii_case(b"LIB-NAME");
    if !is_name && !attribute.eq_ignore_ascii_case(b"LIB-VER") {
        return Err(CommandError::quoting("ERR Unrecognized option '", attribute, "'"));
    }
    if !is_plain_word(text) {
        let why = " cannot contain spaces, newlines or special characters.";
        return Err(CommandError::quoting("ERR ", attribute, why));
    }
    let labels = call.caller.labels_mut();
    match is_name {
        true => labels.library_name = text.into(),
        false => labels.library_version = text.into(),
    }
    call.reply.ok();
    Ok(Next::Done)
}

fn no_evict(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.caller.no_evict = on_or_off(call.args.at(2))?;
    call.reply.ok();
    Ok(Next::Done)
}

fn no_touch(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.caller.no_touch = on_or_off(call.args.at(2))?;
    call.reply.ok();
    Ok(Next::Done)
}

fn on_or_off(word: &[u8]) -> Result<bool, CommandError> {
    match word {
        _ if word.eq_ignore_ascii_case(b"ON") => Ok(true),
        _ if word.eq_ignore_ascii_case(b"OFF") => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

fn help(call: &mut SessionCall) -> Result<Next, CommandError> {
    help::write(&mut call.reply, "CLIENT", HELP);
    Ok(Next::Done)
}

const HELP: help::Lines = &[
    ("GETNAME", &["Gives the name of this connection."]),
    ("ID", &["Gives the ID of this connection."]),
    ("INFO", &["Describes this connection."]),
    ("KILL <ip:port>", &["Closes the connection that was made from <ip:port>."]),
    (
        "KILL <option> <value> [<option> <value> [...]]",
        &[
            "Closes the connections that meet all of:",
            "* ID <client-id>",
            "  The connection with this ID.",
            "* ADDR (<ip:port>|<unixsocket>:0)",
            "  Connections made from this address.",
            "* LADDR (<ip:port>|<unixsocket>:0)",
            "  Connections made to this address.",
            "* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
            "  Connections of this kind.",
            "* USER <username>",
            "  Connections logged in as this user.",
            "* SKIPME (YES|NO)",
            "  Whether to leave this connection alone (default: yes).",
        ],
    ),
    (
        "LIST [options ...]",
        &[
            "Describes connections, one on each line. Options:",
            "* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
            "  Only connections of this kind.",
            "* ID <client-id> [<client-id> ...]",
            "  Only the connections with these IDs.",
        ],
    ),
    (
        "GETREDIR",
        &["Gives the ID of the connection that is told of changed keys in place of this one, or -1."],
    ),
    (
        "REPLY (ON|OFF|SKIP)",
        &["Says whether this connection wants replies: all, none, or none to the next request."],
    ),
    ("TRACKINGINFO", &["Tells which changes of keys this connection is told of."]),
    ("SETNAME <name>", &["Gives this connection a name."]),
    ("SETINFO (LIB-NAME <name>|LIB-VER <version>)", &["Says which client library uses this connection."]),
    (
        "PAUSE <timeout> [WRITE|ALL]",
        &["Lets requests of all clients, or only those that write, wait for <timeout> milliseconds."],
    ),
    ("UNPAUSE", &["Ends a pause."]),
    (
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        &["Ends the wait of a client in a blocking command, as if its time were over or with an error."],
    ),
    ("NO-EVICT (ON|OFF)", &["Keeps this connection from being closed to save memory."]),
    ("NO-TOUCH (ON|OFF)", &["Lets reads on this connection leave the idle times of keys alone."]),
];
