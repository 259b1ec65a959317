//! DEBUG: for tests and for the desperate, unless `enable-debug-command` forbids it.
//!
//! Redis knows the subcommands neither in COMMAND nor by their numbers of arguments, so they are no rows.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;

use crate::cluster::SLOT_COUNT;
use crate::commands::call::{Ask, DebugAccess, Debugging, Fault, Next, SessionCall};
use crate::commands::caller::Address;
use crate::commands::dataset::Population;
use crate::commands::docs::server as docs;
use crate::commands::error::CommandError;
use crate::commands::help;
use crate::commands::object::references;
use crate::commands::row::{Command, Flags, session};
use crate::keyspace::{Key, Keyspace, ValueRef};
use crate::protocol::request::integer;
use crate::protocol::{Reply, Resp};

const OPERATOR: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

pub const COMMANDS: &[Command] = &[session("DEBUG", -2, debug, &docs::DEBUG).flags(OPERATOR).alone()];

/// The name of a subcommand, how many words its requests have, and who answers.
type Subcommand = (&'static str, RangeInclusive<usize>, fn(&mut SessionCall) -> Result<Next, CommandError>);

const SUBCOMMANDS: &[Subcommand] = &[
    ("ASSERT", 2..=2, |_| Ok(ask(Debugging::Fault(Fault::Assertion)))),
    ("CHANGE-REPL-ID", 2..=2, |_| Ok(ask(Debugging::ChangeReplicationId))),
    ("DIGEST", 2..=2, |_| Ok(ask(Debugging::Digest))),
    ("DIGEST-VALUE", 2..=usize::MAX, key_digests),
    ("ERROR", 3..=3, error),
    ("HELP", 2..=2, help),
    ("LOADAOF", 2..=usize::MAX, |_| Ok(ask(Debugging::LoadLog))),
    ("MOVE-SLOT", 4..=4, move_slot),
    ("LOG", 3..=3, |call| Ok(ask(Debugging::Log(argument(call))))),
    ("OBJECT", 3..=3, |call| {
        Ok(ask(Debugging::Object { database: call.caller.database, key: argument(call) }))
    }),
    ("PANIC", 2..=2, |_| Ok(ask(Debugging::Fault(Fault::Panic)))),
    ("POPULATE", 3..=5, populate),
    ("PROTOCOL", 3..=3, protocol),
    ("QUICKLIST-PACKED-THRESHOLD", 3..=3, packed_threshold),
    ("RELOAD", 2..=usize::MAX, reload),
    ("SEGFAULT", 2..=2, |_| Ok(ask(Debugging::Fault(Fault::Segment)))),
    ("SET-ACTIVE-EXPIRE", 3..=3, |call| Ok(ask(Debugging::ActiveExpiry(is_nonzero(call.args.at(2)))))),
    ("SLEEP", 3..=3, |call| Ok(ask(Debugging::Sleep(seconds(call.args.at(2)))))),
];

/// How much of an unknown subcommand an error repeats.
const ECHO_BYTES_MAX: usize = 128;

fn debug(call: &mut SessionCall) -> Result<Next, CommandError> {
    if !is_allowed(call) {
        return Err(CommandError::Text(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from \
             a local connection, otherwise you need to set this option in the configuration file, and then restart \
             the server.",
        ));
    }
    let name = call.args.at(1);
    let fits = |(known, words, _): &&Subcommand| {
        words.contains(&call.args.len()) && known.as_bytes().eq_ignore_ascii_case(name)
    };
    match SUBCOMMANDS.iter().find(fits) {
        Some((_, _, run)) => run(call),
        None => Err(CommandError::quoting(
            "ERR unknown subcommand or wrong number of arguments for '",
            &name[..name.len().min(ECHO_BYTES_MAX)],
            "'. Try DEBUG HELP.",
        )),
    }
}

fn is_allowed(call: &SessionCall) -> bool {
    match (call.turn.process.debug_access, call.caller.address) {
        (DebugAccess::Everybody, _) | (DebugAccess::Local, Address::Unix) => true,
        (DebugAccess::Local, Address::Tcp { peer, .. }) => {
            peer.ip() == Ipv4Addr::LOCALHOST || peer.ip() == Ipv6Addr::LOCALHOST
        }
        (DebugAccess::Nobody, _) => false,
    }
}

/// Gives a slot to another shard: `DEBUG MOVE-SLOT slot shard`. Ours alone.
fn move_slot(call: &mut SessionCall) -> Result<Next, CommandError> {
    let number = |index: usize, count: usize| {
        let number = integer(call.args.at(index)).and_then(|number| u16::try_from(number).ok());
        number.filter(|&number| usize::from(number) < count)
    };
    let slot = number(2, SLOT_COUNT).ok_or(CommandError::Text("ERR Invalid slot"))?;
    let to = number(3, call.turn.process.shards.into()).ok_or(CommandError::Text("ERR Invalid shard"))?;
    Ok(Next::Ask(Ask::MoveSlot { slot, to }))
}

fn ask(debugging: Debugging) -> Next {
    Next::Ask(Ask::Debug(debugging))
}

fn argument(call: &SessionCall) -> Bytes {
    Bytes::copy_from_slice(call.args.at(2))
}

fn key_digests(call: &mut SessionCall) -> Result<Next, CommandError> {
    let keys = call.args.iter().skip(2).map(Bytes::copy_from_slice).collect();
    Ok(ask(Debugging::KeyDigests { database: call.caller.database, keys }))
}

/// What is there already is written over by a reload that does not flush; Redis ends there, unless it is told to MERGE.
fn reload(call: &mut SessionCall) -> Result<Next, CommandError> {
    let (mut saves, mut flushes) = (true, true);
    for word in call.args.iter().skip(2) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("MERGE") => {}
            () if is("NOFLUSH") => flushes = false,
            () if is("NOSAVE") => saves = false,
            () => {
                return Err(CommandError::Text(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }
    Ok(ask(Debugging::Reload { saves, flushes }))
}

fn populate(call: &mut SessionCall) -> Result<Next, CommandError> {
    let (database, words) = (call.caller.database, call.args.iter().skip(2));
    Population::parse(database, words, call.turn.string_bytes_max)
        .map(|population| ask(Debugging::Populate(population)))
}

/// Whether a number stands in front, and is not 0, as C's `atoi` reads it.
fn is_nonzero(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").or(word.strip_prefix(b"+")).unwrap_or(word);
    let mut digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.any(|digit| *digit != b'0')
}

/// The time that the number in front means, as C's `strtod` reads it; none if it is no time.
fn seconds(word: &[u8]) -> Duration {
    const DIGITS_MAX: usize = 64;
    let number = (1..=word.len().min(DIGITS_MAX))
        .rev()
        .find_map(|length| std::str::from_utf8(&word[..length]).ok()?.parse::<f64>().ok());
    Duration::try_from_secs_f64(number.unwrap_or(0.0)).unwrap_or_default()
}

fn error(call: &mut SessionCall) -> Result<Next, CommandError> {
    call.reply.error(call.args.at(2));
    Ok(Next::Done)
}

/// There are no quicklists: what is a number of bytes that Redis would take is taken.
fn packed_threshold(call: &mut SessionCall) -> Result<Next, CommandError> {
    const BYTES_MAX: u64 = 1 << 32;
    match memory_bytes(call.args.at(2)) {
        Some(bytes) if bytes < BYTES_MAX => {
            call.reply.ok();
            Ok(Next::Done)
        }
        _ => {
            Err(CommandError::Text("ERR argument must be a memory value bigger than 1 and smaller than 4gb"))
        }
    }
}

/// A number of bytes with a unit behind it, or none.
fn memory_bytes(word: &[u8]) -> Option<u64> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number: u64 = std::str::from_utf8(&word[..digits]).ok()?.parse().ok()?;
    let unit = match &word[digits..].to_ascii_lowercase()[..] {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// Replies with an example of a type of the protocol.
fn protocol(call: &mut SessionCall) -> Result<Next, CommandError> {
    let reply = &mut call.reply;
    let name = call.args.at(2).to_ascii_lowercase();
    match &name[..] {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12_345),
        b"double" => reply.double("3.141"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"attrib" => attribute(reply),
        b"push" => return push(reply),
        _ => {
            return Err(CommandError::Text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(Next::Done)
}

fn attribute(reply: &mut Reply) {
    if reply.resp == Resp::Three {
        reply.attribute(1);
        reply.bulk(b"key-popularity");
        reply.array(2);
        reply.bulk(b"key:123");
        reply.integer(90);
    }
    reply.bulk(b"Some real reply following the attribute");
}

fn push(reply: &mut Reply) -> Result<Next, CommandError> {
    if reply.resp == Resp::Two {
        return Err(CommandError::Text("ERR RESP2 is not supported by this command"));
    }
    reply.push(2);
    reply.bulk(b"server-cpu-usage");
    reply.integer(42);
    reply.bulk(b"Some real reply following the push reply");
    Ok(Next::Done)
}

/// Replies with what there is to tell of a key's entry, for DEBUG OBJECT.
pub fn describe_entry(keyspace: &mut Keyspace, database: u8, key: &Key, now_ms: u64, reply: &mut Reply) {
    let policy = keyspace.recency();
    let Some(entry) = keyspace.peek(database.into(), key, now_ms) else {
        return CommandError::NoSuchKey.write_into(&mut reply.out.bytes);
    };
    reply.simple(&format!(
        "Value at:{:p} refcount:{} encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        entry.key().as_ptr(),
        references(entry),
        entry.encoding().name(),
        serialized_bytes(entry.value()),
        entry.recency(),
        policy.idle_ms(entry.recency(), now_ms) / 1000,
    ));
}

/// The length of a string in a snapshot of Redis that is not compressed.
fn serialized_bytes(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Int(number) if i8::try_from(number).is_ok() => 2,
        ValueRef::Int(number) if i16::try_from(number).is_ok() => 3,
        ValueRef::Int(number) if i32::try_from(number).is_ok() => 5,
        other => match other.len() {
            length @ 0..64 => 1 + length,
            length @ 64..16_384 => 2 + length,
            length => 5 + length,
        },
    }
}

fn help(call: &mut SessionCall) -> Result<Next, CommandError> {
    help::write(&mut call.reply, "DEBUG", HELP);
    Ok(Next::Done)
}

const HELP: help::Lines = &[
    ("ASSERT", &["Ends the server by a broken assertion."]),
    ("CHANGE-REPL-ID", &["Gives the server another replication ID."]),
    ("DIGEST", &["Gives a digest of all that is stored: the same as that of Redis with the same keys."]),
    ("DIGEST-VALUE <key> [<key> ...]", &["Gives a digest of the value of each key."]),
    ("ERROR <string>", &["Answers with <string> as an error."]),
    ("LOG <message>", &["Writes <message> to the log."]),
    ("LOADAOF", &["Reads the log again in place of what is in memory."]),
    ("MOVE-SLOT <slot> <shard>", &["Gives the keys of <slot> to <shard> while both go on serving."]),
    ("OBJECT <key>", &["Tells how <key> is stored."]),
    ("PANIC", &["Ends the server by a panic."]),
    (
        "POPULATE <count> [<prefix>] [<size>]",
        &[
            "Makes string keys named <prefix>:<number>, with values of <size> bytes, unless they exist. All cores are",
            "busy with it until they are there.",
        ],
    ),
    (
        "PROTOCOL <type>",
        &[
            "Answers with an example of a type: string, integer, double, bignum, null, array, set, map,",
            "attrib, push, verbatim, true, false.",
        ],
    ),
    ("QUICKLIST-PACKED-THRESHOLD <size>", &["Accepted, without effect."]),
    (
        "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
        &["Saves a snapshot, and reads it again in place of what is in memory (NOFLUSH: beside it)."],
    ),
    ("SEGFAULT", &["Ends the server by an access to memory that is not there."]),
    ("SET-ACTIVE-EXPIRE <0|1>", &["With 0, keys that have expired are removed only when somebody looks."]),
    ("SLEEP <seconds>", &["Stops all cores for so long; decimals are allowed."]),
];

#[cfg(test)]
mod tests {
    use super::{is_nonzero, seconds};

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (word, millis) in
            [("0", 0), ("1", 1000), ("0.25", 250), (".5x", 500), ("2abc", 2000), ("1e-3", 1)]
        {
            assert_eq!(seconds(word.as_bytes()).as_millis(), millis, "{word}");
        }
        for word in ["", "x", "-1", "nan", "inf", "1e300"] {
            assert!(seconds(word.as_bytes()).is_zero(), "{word}");
        }
        for (word, expected) in
            [("1", true), ("0", false), ("00", false), ("-1x", true), ("x1", false), ("", false)]
        {
            assert_eq!(is_nonzero(word.as_bytes()), expected, "{word}");
        }
    }
}
