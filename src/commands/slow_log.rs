//! SLOWLOG and MONITOR: what clients have asked of the server.

use crate::commands::call::{Ask, Next, SessionCall, SlowLogQuery};
use crate::commands::docs::diagnosis as docs;
use crate::commands::error::CommandError;
use crate::commands::help;
use crate::commands::numbers;
use crate::commands::row::{Command, Docs, Flags, container, session};

const ANY_TIME: Flags = Flags::LOADING.and(Flags::STALE);

pub const COMMANDS: &[Command] = &[
    container("SLOWLOG", -2, SUBCOMMANDS, &docs::SLOWLOG),
    session("MONITOR", 1, |_| Ok(Next::Ask(Ask::Monitor)), &docs::MONITOR)
        .flags(ANY_TIME.and(Flags::ADMIN).and(Flags::NOSCRIPT))
        .alone(),
];

const SUBCOMMANDS: &[Command] = &[
    sub("GET", -2, newest, &docs::SLOWLOG_GET).flags(Flags::ADMIN),
    sub("LEN", 2, |_| ask(SlowLogQuery::Length), &docs::SLOWLOG_LEN).flags(Flags::ADMIN),
    sub("RESET", 2, |_| ask(SlowLogQuery::Reset), &docs::SLOWLOG_RESET).flags(Flags::ADMIN),
    sub("HELP", 2, help, &docs::SLOWLOG_HELP),
];

/// How many entries are shown unless the client says how many.
const SHOWN: usize = 10;

const fn sub(
    name: &'static str,
    arity: i16,
    run: fn(&mut SessionCall) -> Result<Next, CommandError>,
    docs: &'static Docs,
) -> Command {
    session(name, arity, run, docs).within("SLOWLOG").flags(ANY_TIME)
}

fn ask(query: SlowLogQuery) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::SlowLog(query)))
}

fn newest(call: &mut SessionCall) -> Result<Next, CommandError> {
    let count = match call.args.len() {
        2 => SHOWN,
        3 => match numbers::long(call.args.at(2)) {
            Ok(-1) => usize::MAX,
            Ok(count @ 0..) => count as usize,
            _ => return Err(CommandError::Text("ERR count should be greater than or equal to -1")),
        },
        _ => {
            return Err(CommandError::quoting(
                "ERR unknown subcommand or wrong number of arguments for '",
                call.args.at(1),
                "'. Try SLOWLOG HELP.",
            ));
        }
    };
    ask(SlowLogQuery::Newest(count))
}

fn help(call: &mut SessionCall) -> Result<Next, CommandError> {
    help::write(&mut call.reply, "SLOWLOG", HELP);
    Ok(Next::Done)
}

const HELP: help::Lines = &[
    (
        "GET [<count>]",
        &[
            "Shows the newest entries, 10 unless <count> says otherwise; -1 shows all.",
            "An entry is: its number, when it ran (Unix time), how long (microseconds), the arguments, the address of the",
            "client and its name.",
        ],
    ),
    ("LEN", &["Gives the number of entries."]),
    ("RESET", &["Forgets all entries."]),
];
