//! Commands on keys of any type.

use crate::commands::call::Call;
use crate::commands::docs::generic as docs;
use crate::commands::error::CommandError;
use crate::commands::row::{Access, Categories, Command, Flags, Keys::AllFrom, Merge, read, write};
use crate::keyspace::Cause;

pub const COMMANDS: &[Command] = &[
    write("DEL", -2, AllFrom(1), del, &docs::DEL)
        .split(Merge::Sum)
        .categories(Categories::KEYSPACE)
        .access(Access::REMOVE.and(Access::DELETE)),
    read("EXISTS", -2, AllFrom(1), exists, &docs::EXISTS)
        .split(Merge::Sum)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE)
        .access(Access::READ_ONLY),
];

fn del(call: &mut Call) -> Result<(), CommandError> {
    let now_ms = call.turn.now_ms();
    let removed = (1..call.args.len())
        .filter(|&index| {
            let key = call.key_at(index);
            call.keyspace.remove(call.database.into(), &key, Cause::Delete, now_ms)
        })
        .count();
    call.reply.integer(removed as i64);
    Ok(())
}

/// Counts a key as often as it is named. Redis does not take this for a use of the key.
fn exists(call: &mut Call) -> Result<(), CommandError> {
    let now_ms = call.turn.now_ms();
    let found = (1..call.args.len())
        .filter(|&index| {
            let key = call.key_at(index);
            let is_there = call.keyspace.peek(call.database.into(), &key, now_ms).is_some();
            call.lookups.count(is_there);
            is_there
        })
        .count();
    call.reply.integer(found as i64);
    Ok(())
}
