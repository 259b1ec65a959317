//! OBJECT: how keys are stored and how often they are used. None of this is a use of the key.

use crate::commands::call::{Call, Next, SessionCall};
use crate::commands::docs::generic as docs;
use crate::commands::error::CommandError;
use crate::commands::help;
use crate::commands::row::{Access, Categories, Command, Docs, Flags, Keys::At, container, read, session};
use crate::keyspace::{EntryRef, Kind, Recency, ValueRef};
use crate::protocol::Reply;

pub const COMMANDS: &[Command] = &[container("OBJECT", -2, OBJECT, &docs::OBJECT)];

const OBJECT: &[Command] = &[
    about_key("ENCODING", encoding, &docs::OBJECT_ENCODING),
    about_key("FREQ", frequency, &docs::OBJECT_FREQ),
    about_key("IDLETIME", idle_time, &docs::OBJECT_IDLETIME),
    about_key("REFCOUNT", reference_count, &docs::OBJECT_REFCOUNT),
    session("HELP", 2, help, &docs::OBJECT_HELP)
        .within("OBJECT")
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::KEYSPACE),
];

const fn about_key(
    name: &'static str,
    handler: fn(&mut Call) -> Result<(), CommandError>,
    docs: &'static Docs,
) -> Command {
    read(name, 3, At(2), handler, docs)
        .within("OBJECT")
        .categories(Categories::KEYSPACE)
        .access(Access::READ_ONLY)
}

fn encoding(call: &mut Call) -> Result<(), CommandError> {
    reply_about(call, |entry, reply| {
        reply.bulk(entry.encoding().name().as_bytes());
        Ok(())
    })
}

fn frequency(call: &mut Call) -> Result<(), CommandError> {
    let (recency, now_ms) = (call.keyspace.recency(), call.turn.now_ms());
    reply_about(call, |entry, reply| match recency {
        Recency::Lfu { .. } => {
            reply.integer(recency.frequency(entry.recency(), now_ms).into());
            Ok(())
        }
        Recency::Lru => Err(CommandError::Text(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        )),
    })
}

fn idle_time(call: &mut Call) -> Result<(), CommandError> {
    let (recency, now_ms) = (call.keyspace.recency(), call.turn.now_ms());
    reply_about(call, |entry, reply| match recency {
        Recency::Lru => {
            reply.integer((recency.idle_ms(entry.recency(), now_ms) / 1000) as i64);
            Ok(())
        }
        Recency::Lfu { .. } => Err(CommandError::Text(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
             policies at runtime LRU and LFU data will take some time to adjust.",
        )),
    })
}

fn reference_count(call: &mut Call) -> Result<(), CommandError> {
    reply_about(call, |entry, reply| {
        reply.integer(references(entry));
        Ok(())
    })
}

/// Redis has one object for each small integer, and does not count who refers to it.
pub fn references(entry: EntryRef<'_>) -> i64 {
    const SHARED: i64 = i32::MAX as i64;
    match entry.kind() {
        Kind::String if matches!(entry.value(), ValueRef::Int(0..10_000)) => SHARED,
        _ => 1,
    }
}

/// Replies with something about the entry of the key, or null if there is none.
fn reply_about(
    call: &mut Call,
    tell: impl FnOnce(EntryRef<'_>, &mut Reply) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let (entry, reply) = call.peek();
    match entry {
        Some(entry) => tell(entry, reply),
        None => {
            reply.null();
            Ok(())
        }
    }
}

fn help(call: &mut SessionCall) -> Result<Next, CommandError> {
    help::write(&mut call.reply, "OBJECT", HELP);
    Ok(Next::Done)
}

const HELP: help::Lines = &[
    ("ENCODING <key>", &["Names the way in which the value of <key> is stored."]),
    ("FREQ <key>", &["Tells how often <key> is used, on a logarithmic scale."]),
    ("IDLETIME <key>", &["Tells how many seconds ago <key> was used last."]),
    ("REFCOUNT <key>", &["Tells how often the value of <key> is referred to."]),
];
