//! Integers among the bits of a string: BITFIELD, BITFIELD_RO.

use std::ops::Range;

use crate::commands::bitmap::{OFFSET_ERROR, is_reachable};
use crate::commands::call::{Call, Turn};
use crate::commands::docs::bitmap as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::Keys::At;
use crate::commands::row::{Access, Categories, Command, Flags, read, write};
use crate::commands::string::string;
use crate::keyspace::{Cause, ValueRef};
use crate::protocol::Args;
use crate::protocol::request::integer;
use crate::types::bits::{Field, Overflow};

pub const COMMANDS: &[Command] = &[
    write("BITFIELD", -2, At(1), bitfield, &docs::BITFIELD)
        .flags(Flags::DENYOOM)
        .categories(Categories::BITMAP)
        .access(MAY_CHANGE.and(Access::VARIABLE))
        .access_by_arguments(bitfield_access),
    read("BITFIELD_RO", -2, At(1), bitfield_ro, &docs::BITFIELD_RO)
        .flags(Flags::FAST)
        .categories(Categories::BITMAP),
];

const MAY_CHANGE: Access = Access::READ_WRITE.and(Access::ACCESS).and(Access::UPDATE);

/// What BITFIELD does to its key, by its words alone: it changes it, unless it is made of complete GETs.
fn bitfield_access(args: &Args) -> Access {
    let words: Vec<&[u8]> = args.iter().skip(2).collect();
    let mut rest = &words[..];
    while let [word, behind @ ..] = rest {
        let taken = match () {
            () if word.eq_ignore_ascii_case(b"GET") => 2,
            () if word.eq_ignore_ascii_case(b"OVERFLOW") => 1,
            () => return MAY_CHANGE,
        };
        if behind.len() < taken {
            return MAY_CHANGE;
        }
        rest = &behind[taken..];
    }
    Access::READ_ONLY.and(Access::ACCESS)
}

fn bitfield(call: &mut Call) -> Result<(), CommandError> {
    let plan = Plan::of(&Operations::new(&call.args, call.turn))?;
    match plan.writes {
        Some(writes) => change(call, plan.count, writes),
        None => look(call, plan.count),
    }
}

fn bitfield_ro(call: &mut Call) -> Result<(), CommandError> {
    let plan = Plan::of(&Operations::new(&call.args, call.turn))?;
    match plan.writes {
        Some(_) => Err(CommandError::Text("ERR BITFIELD_RO only supports the GET subcommand")),
        None => look(call, plan.count),
    }
}

/// Replies to operations that only read.
fn look(call: &mut Call, count: usize) -> Result<(), CommandError> {
    let operations = Operations::new(&call.args, call.turn);
    let (entry, reply) = call.read();
    let value = match entry {
        Some(entry) => string(entry)?,
        None => ValueRef::Bytes(&[]),
    };
    reply.array(count);
    value.with_bytes(|bytes| {
        for operation in operations.flatten() {
            reply.integer(operation.field.read(bytes, operation.offset));
        }
    });
    Ok(())
}

/// Runs operations of which some write, all of them within the bytes `writes`.
fn change(call: &mut Call, count: usize, writes: Range<usize>) -> Result<(), CommandError> {
    let operations = Operations::new(&call.args, call.turn);
    let (place, reply) = call.place();
    let former_bytes = place.entry().map_or(Ok(0), |entry| string(entry).map(ValueRef::len))?;
    let length = former_bytes.max(writes.end);
    reply.array(count);
    place.edit_bytes(length, writes, Cause::SetBit, |bytes| {
        // A write that finds what it was to store counts if it has made the string longer.
        let (is_longer, mut differs) = (length != former_bytes, false);
        for operation in operations.clone().flatten() {
            let Outcome { reply: number, wrote } = operation.run(bytes);
            differs |= wrote == Some(Wrote::Other) || wrote.is_some() && is_longer;
            match number {
                Some(number) => reply.integer(number),
                None => reply.null(),
            }
        }
        differs
    });
    Ok(())
}

/// What there is to do, once all words are understood.
struct Plan {
    count: usize,
    /// From the first byte that may be written to the last, if any may be.
    writes: Option<Range<usize>>,
}

impl Plan {
    fn of(operations: &Operations) -> Result<Self, CommandError> {
        let mut plan = Plan { count: 0, writes: None };
        for operation in operations.clone() {
            let operation = operation?;
            plan.count += 1;
            if operation.action != Action::Get {
                let written = operation.bytes();
                let former = plan.writes.unwrap_or(written.clone());
                plan.writes = Some(former.start.min(written.start)..former.end.max(written.end));
            }
        }
        Ok(plan)
    }
}

/// One operation on one field.
#[derive(Clone, Copy)]
struct Operation {
    action: Action,
    field: Field,
    offset: u64,
    overflow: Overflow,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

/// What came of an operation.
struct Outcome {
    /// None if the number would not fit and that is a failure.
    reply: Option<i64>,
    wrote: Option<Wrote>,
}

/// What a field holds after a write, compared with before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrote {
    Same,
    Other,
}

impl Operation {
    /// The bytes that the field lies in.
    fn bytes(&self) -> Range<usize> {
        let end = self.offset + u64::from(self.field.width());
        (self.offset / 8) as usize..end.div_ceil(8) as usize
    }

    fn run(&self, bytes: &mut [u8]) -> Outcome {
        let former = self.field.read(bytes, self.offset);
        let number = match self.action {
            Action::Get => return Outcome { reply: Some(former), wrote: None },
            Action::Set(number) => self.field.accept(number, self.overflow),
            Action::Add(increment) => self.field.add(former, increment, self.overflow),
        };
        let Some(number) = number else {
            return Outcome { reply: None, wrote: None };
        };
        self.field.write(bytes, self.offset, number);
        let reply = if matches!(self.action, Action::Set(_)) { former } else { number };
        let wrote = if number == former { Wrote::Same } else { Wrote::Other };
        Outcome { reply: Some(reply), wrote: Some(wrote) }
    }
}

/// The operations of a request in their order, read from its words each time.
#[derive(Clone)]
struct Operations<'a> {
    args: Args<'a>,
    next: usize,
    overflow: Overflow,
    turn: &'a Turn,
}

impl<'a> Operations<'a> {
    fn new(args: &Args<'a>, turn: &'a Turn) -> Self {
        Operations { args: *args, next: 2, overflow: Overflow::default(), turn }
    }

    fn read_next(&mut self) -> Result<Operation, CommandError> {
        let words = self.args.tail(self.next);
        let is = |name: &[u8]| words.at(0).eq_ignore_ascii_case(name);
        let (length, acts): (usize, fn(i64) -> Action) = match () {
            () if is(b"GET") => (3, |_| Action::Get),
            () if is(b"SET") => (4, Action::Set),
            () if is(b"INCRBY") => (4, Action::Add),
            () => return Err(CommandError::Syntax),
        };
        if words.len() < length {
            return Err(CommandError::Syntax);
        }
        let field = field(words.at(1))?;
        let offset = self.offset(words.at(2), field)?;
        let number = if length == 4 { numbers::long(words.at(3))? } else { 0 };
        self.next += length;
        Ok(Operation { action: acts(number), field, offset, overflow: self.overflow })
    }

    /// Whether the next words were OVERFLOW and what to do then.
    fn takes_overflow(&mut self) -> Result<bool, CommandError> {
        let words = self.args.tail(self.next);
        if words.len() < 2 || !words.at(0).eq_ignore_ascii_case(b"OVERFLOW") {
            return Ok(false);
        }
        self.overflow = match () {
            () if words.at(1).eq_ignore_ascii_case(b"WRAP") => Overflow::Wrap,
            () if words.at(1).eq_ignore_ascii_case(b"SAT") => Overflow::Saturate,
            () if words.at(1).eq_ignore_ascii_case(b"FAIL") => Overflow::Fail,
            () => return Err(CommandError::Text("ERR Invalid OVERFLOW type specified")),
        };
        self.next += 2;
        Ok(true)
    }

    /// Where a field begins: at a bit, or as the how manieth of its kind if there is a `#`.
    fn offset(&self, word: &[u8], field: Field) -> Result<u64, CommandError> {
        let (digits, unit) = match word {
            [b'#', digits @ ..] => (digits, i64::from(field.width())),
            digits => (digits, 1),
        };
        let offset = integer(digits).and_then(|number| number.checked_mul(unit));
        let offset = offset.and_then(|offset| u64::try_from(offset).ok());
        offset.filter(|&offset| is_reachable(offset, self.turn)).ok_or(OFFSET_ERROR)
    }
}

impl Iterator for Operations<'_> {
    type Item = Result<Operation, CommandError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.args.len() {
            match self.takes_overflow() {
                Ok(true) => {}
                Ok(false) => return Some(self.read_next()),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

/// `i8`, `u63`.
fn field(word: &[u8]) -> Result<Field, CommandError> {
    let field = match word {
        [b'i', width @ ..] => width_of(width).and_then(|width| Field::new(true, width)),
        [b'u', width @ ..] => width_of(width).and_then(|width| Field::new(false, width)),
        _ => None,
    };
    field.ok_or(CommandError::Text(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
    ))
}

fn width_of(digits: &[u8]) -> Option<u32> {
    integer(digits).and_then(|width| u32::try_from(width).ok())
}
