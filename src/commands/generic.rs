//! Commands on keys of any type.

use crate::commands::call::Call;
use crate::commands::docs::generic as docs;
use crate::commands::error::CommandError;
use crate::commands::row::Keys::{AllFrom, At};
use crate::commands::row::{Access, Categories, Command, Flags, Merge, read, write};
use crate::keyspace::Cause;

pub const COMMANDS: &[Command] = &[
    write("DEL", -2, AllFrom(1), del, &docs::DEL)
        .split(Merge::Sum)
        .categories(Categories::KEYSPACE)
        .access(Access::REMOVE.and(Access::DELETE)),
    write("UNLINK", -2, AllFrom(1), del, &docs::UNLINK)
        .split(Merge::Sum)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE)
        .access(Access::REMOVE.and(Access::DELETE)),
    read("EXISTS", -2, AllFrom(1), exists, &docs::EXISTS)
        .split(Merge::Sum)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE)
        .access(Access::READ_ONLY),
    read("TOUCH", -2, AllFrom(1), touch, &docs::TOUCH)
        .split(Merge::Sum)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE)
        .access(Access::READ_ONLY),
    read("TYPE", 2, At(1), kind, &docs::TYPE)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE)
        .access(Access::READ_ONLY),
];

fn del(call: &mut Call) -> Result<(), CommandError> {
    let now_ms = call.turn.now_ms();
    reply_with_count(call, |call| {
        call.keyspace.remove(call.database.into(), &call.key, Cause::Delete, now_ms)
    })
}

/// Counts a key as often as it is named. Redis does not take this for a use of the key.
fn exists(call: &mut Call) -> Result<(), CommandError> {
    reply_with_count(call, |call| call.peek().0.is_some())
}

/// A use of the keys, also for a client that said NO-TOUCH.
fn touch(call: &mut Call) -> Result<(), CommandError> {
    call.no_touch = false;
    reply_with_count(call, |call| call.read().0.is_some())
}

/// Redis does not take this for a use of the key.
fn kind(call: &mut Call) -> Result<(), CommandError> {
    let (entry, reply) = call.peek();
    reply.simple(entry.map_or("none", |entry| entry.kind().name()));
    Ok(())
}

/// Replies with the number of keys for which `counts` is true.
fn reply_with_count(call: &mut Call, mut counts: impl FnMut(&mut Call) -> bool) -> Result<(), CommandError> {
    let mut count = 0;
    call.each_key(1, |call, _| count += i64::from(counts(call)));
    call.reply.integer(count);
    Ok(())
}
