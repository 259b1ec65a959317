//! LCS: the longest sequence of bytes that two strings have in common.

use std::borrow::Cow;

use crate::commands::bitmap::fetch_string;
use crate::commands::call::Call;
use crate::commands::docs::string as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::Keys::Between;
use crate::commands::row::{Access, Across, Categories, Command, Fetched, Flags, Stored, across};
use crate::protocol::{Args, Reply};
use crate::types::subsequence::{Match, Table, length, table_bytes};

pub const COMMANDS: &[Command] = &[Command {
    flags: Flags::READONLY,
    ..across("LCS", -3, Between(1, 2), &LCS, &docs::LCS)
        .categories(Categories::STRING)
        .access(Access::READ_ONLY.and(Access::ACCESS))
}];

/// Nothing is stored: where the first key is, the second is compared with it.
const LCS: Across = Across { destination: 1, fetch: fetch_second, store: compare, finish: None };

const NO_STRING: CommandError = CommandError::Text("ERR The specified keys must contain string values");

fn fetch_second(call: &mut Call) -> Result<Fetched, CommandError> {
    fetch_string(call, NO_STRING)
}

fn compare(call: &mut Call, fetched: Vec<Fetched>) -> Result<Stored, CommandError> {
    let first = fetch_string(call, NO_STRING)?;
    let second = fetched.into_iter().next().flatten();
    let options = Options::parse(&call.args)?;
    // Borrowed: two strings of 512 MB are refused without being copied.
    let (first, second) = (bytes_of(&first), bytes_of(&second));
    if table_bytes(first.len(), second.len()) > call.turn.string_bytes_max {
        return Err(CommandError::Text(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    match options.form {
        Form::Length => call.reply.integer(length(&first, &second).into()),
        Form::Text => {
            let matches = Table::new(&first, &second).matches();
            let parts: Vec<&[u8]> = matches.iter().rev().map(|found| &first[found.first.clone()]).collect();
            call.reply.bulk(&parts.concat());
        }
        Form::Places => write_places(&Table::new(&first, &second), &options, &mut call.reply),
    }
    Ok(Stored::No)
}

/// What was read; an absent key is an empty string.
fn bytes_of(fetched: &Fetched) -> Cow<'_, [u8]> {
    fetched.as_ref().map_or(Cow::Borrowed(&[]), |copied| copied.value().to_bytes())
}

/// Matches that are long enough, from the last to the first, and the length of all together.
fn write_places(table: &Table, options: &Options, reply: &mut Reply) {
    let mut matches = table.matches();
    matches.retain(|found| found.first.len() as i64 >= options.match_bytes_min);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.len());
    for Match { first, second } in &matches {
        reply.array(if options.with_match_bytes { 3 } else { 2 });
        for range in [first, second] {
            reply.array(2);
            reply.integer(range.start as i64);
            reply.integer(range.end as i64 - 1);
        }
        if options.with_match_bytes {
            reply.integer(first.len() as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(table.length().into());
}

/// What is told of the sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Length,
    Places,
}

struct Options {
    form: Form,
    match_bytes_min: i64,
    with_match_bytes: bool,
}

impl Options {
    fn parse(args: &Args) -> Result<Self, CommandError> {
        let mut options = Options { form: Form::Text, match_bytes_min: 0, with_match_bytes: false };
        let (mut wants_length, mut wants_places) = (false, false);
        let mut words = args.iter().skip(3);
        while let Some(word) = words.next() {
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            match () {
                () if is(b"IDX") => wants_places = true,
                () if is(b"LEN") => wants_length = true,
                () if is(b"WITHMATCHLEN") => options.with_match_bytes = true,
                () if is(b"MINMATCHLEN") => {
                    options.match_bytes_min = numbers::long(words.next().ok_or(CommandError::Syntax)?)?;
                }
                () => return Err(CommandError::Syntax),
            }
        }
        options.form = match (wants_length, wants_places) {
            (true, true) => {
                return Err(CommandError::Text(
                    "ERR If you want both the length and indexes, please just use IDX.",
                ));
            }
            (true, false) => Form::Length,
            (false, true) => Form::Places,
            (false, false) => Form::Text,
        };
        Ok(options)
    }
}
