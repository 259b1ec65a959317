//! Strings that are counters: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.

use crate::commands::call::Call;
use crate::commands::docs::string as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::{Access, Categories, Command, Docs, Flags, Keys::At, write};
use crate::commands::string::string;
use crate::keyspace::{Cause, Deadline, Value, ValueRef};
use crate::types::float::Extended;

pub const COMMANDS: &[Command] = &[
    counter("INCR", 2, |call| add(call, 1), &docs::INCR),
    counter("DECR", 2, |call| add(call, -1), &docs::DECR),
    counter("INCRBY", 3, incrby, &docs::INCRBY),
    counter("DECRBY", 3, decrby, &docs::DECRBY),
    counter("INCRBYFLOAT", 3, incrbyfloat, &docs::INCRBYFLOAT),
];

const fn counter(
    name: &'static str,
    arity: i16,
    handler: fn(&mut Call) -> Result<(), CommandError>,
    docs: &'static Docs,
) -> Command {
    write(name, arity, At(1), handler, docs)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .categories(Categories::STRING)
        .access(Access::READ_WRITE.and(Access::ACCESS).and(Access::UPDATE))
}

fn incrby(call: &mut Call) -> Result<(), CommandError> {
    add(call, numbers::long(call.args.at(2))?)
}

fn decrby(call: &mut Call) -> Result<(), CommandError> {
    let number = numbers::long(call.args.at(2))?;
    add(call, number.checked_neg().ok_or(CommandError::Text("ERR decrement would overflow"))?)
}

/// An absent key counts from 0. The deadline stays.
fn add(call: &mut Call, increment: i64) -> Result<(), CommandError> {
    let (place, reply) = call.place();
    let former = match place.entry().map(string).transpose()? {
        None => 0,
        Some(ValueRef::Int(number)) => number,
        Some(ValueRef::Bytes(digits)) => numbers::long(digits)?,
        Some(ValueRef::Large(_)) => return Err(CommandError::NotInteger),
    };
    let sum = former
        .checked_add(increment)
        .ok_or(CommandError::Text("ERR increment or decrement would overflow"))?;
    place.set(Value::Int(sum), Deadline::Keep, Cause::IncrBy);
    reply.integer(sum);
    Ok(())
}

/// The sum is stored as text, even if it is an integer.
fn incrbyfloat(call: &mut Call) -> Result<(), CommandError> {
    let increment = call.args.at(2);
    let (place, reply) = call.place();
    let former = match place.entry().map(string).transpose()? {
        None => Extended::from_integer(0),
        Some(ValueRef::Int(number)) => Extended::from_integer(number),
        Some(text) => text.with_bytes(numbers::extended)?,
    };
    let sum = former
        .plus(numbers::extended(increment)?)
        .ok_or(CommandError::Text("ERR increment would produce NaN or Infinity"))?
        .to_text();
    place.set(Value::Text(sum.as_bytes()), Deadline::Keep, Cause::IncrByFloat);
    reply.bulk(sum.as_bytes());
    Ok(())
}
