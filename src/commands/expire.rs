//! How long keys live: EXPIRE and its kin, TTL and its kin, PERSIST.

use crate::commands::call::Call;
use crate::commands::docs::expire as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::{Access, Categories, Command, Docs, Flags, Keys::At, read, write};
use crate::keyspace::{Cause, DEADLINE_MS_MAX};
use crate::protocol::Args;

type Handler = fn(&mut Call) -> Result<(), CommandError>;

pub const COMMANDS: &[Command] = &[
    changes("EXPIRE", -3, |call| expire(call, "expire", Unit::Seconds, Since::Now), &docs::EXPIRE),
    changes("PEXPIRE", -3, |call| expire(call, "pexpire", Unit::Milliseconds, Since::Now), &docs::PEXPIRE),
    changes("EXPIREAT", -3, |call| expire(call, "expireat", Unit::Seconds, Since::Epoch), &docs::EXPIREAT),
    changes(
        "PEXPIREAT",
        -3,
        |call| expire(call, "pexpireat", Unit::Milliseconds, Since::Epoch),
        &docs::PEXPIREAT,
    ),
    tells("TTL", |call| reply_with_time(call, Unit::Seconds, Since::Now), &docs::TTL),
    tells("PTTL", |call| reply_with_time(call, Unit::Milliseconds, Since::Now), &docs::PTTL),
    tells("EXPIRETIME", |call| reply_with_time(call, Unit::Seconds, Since::Epoch), &docs::EXPIRETIME),
    tells("PEXPIRETIME", |call| reply_with_time(call, Unit::Milliseconds, Since::Epoch), &docs::PEXPIRETIME),
    changes("PERSIST", 2, persist, &docs::PERSIST),
];

const fn changes(name: &'static str, arity: i16, handler: Handler, docs: &'static Docs) -> Command {
    write(name, arity, At(1), handler, docs)
        .flags(Flags::FAST)
        .categories(Categories::KEYSPACE)
        .access(Access::READ_WRITE.and(Access::UPDATE))
}

const fn tells(name: &'static str, handler: Handler, docs: &'static Docs) -> Command {
    read(name, 2, At(1), handler, docs).flags(Flags::FAST).categories(Categories::KEYSPACE)
}

#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Milliseconds,
}

/// Where a time is counted from.
#[derive(Clone, Copy)]
enum Since {
    Now,
    Epoch,
}

fn expire(call: &mut Call, name: &'static str, unit: Unit, since: Since) -> Result<(), CommandError> {
    let conditions = Conditions::parse(&call.args)?;
    let number = numbers::long(call.args.at(2))?;
    let now_ms = call.turn.now_ms();
    let deadline_ms =
        absolute_ms(number, unit, since, now_ms).ok_or(CommandError::InvalidExpireTime(name))?;
    let may = match call.find().0 {
        Some(entry) => conditions.allow(entry.deadline_ms(), deadline_ms),
        None => false,
    };
    if may {
        let (database, key) = (call.database.into(), &call.key);
        match u64::try_from(deadline_ms).ok().filter(|deadline_ms| *deadline_ms > now_ms) {
            // Later than the table can say is later than anybody will wait.
            Some(deadline_ms) => {
                call.keyspace.set_deadline(database, key, Some(deadline_ms.min(DEADLINE_MS_MAX)), now_ms);
            }
            None => {
                call.keyspace.remove(database, key, Cause::Delete, now_ms);
            }
        }
    }
    call.reply.integer(may.into());
    Ok(())
}

/// A time in milliseconds since the Unix epoch, which may be before it; `None` if it is out of range.
fn absolute_ms(number: i64, unit: Unit, since: Since, now_ms: u64) -> Option<i64> {
    let milliseconds = match unit {
        Unit::Seconds => number.checked_mul(1000)?,
        Unit::Milliseconds => number,
    };
    match since {
        Since::Now => milliseconds.checked_add_unsigned(now_ms),
        Since::Epoch => Some(milliseconds),
    }
}

/// What must be true of the present deadline.
#[derive(Clone, Copy, Debug, Default)]
struct Conditions {
    is_none: bool,
    is_some: bool,
    is_earlier: bool,
    is_later: bool,
}

impl Conditions {
    fn parse(args: &Args) -> Result<Self, CommandError> {
        let mut conditions = Conditions::default();
        for word in args.iter().skip(3) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("NX") => conditions.is_none = true,
                () if is("XX") => conditions.is_some = true,
                () if is("GT") => conditions.is_earlier = true,
                () if is("LT") => conditions.is_later = true,
                () => return Err(CommandError::quoting("ERR Unsupported option ", word, "")),
            }
        }
        conditions.check()
    }

    fn check(self) -> Result<Self, CommandError> {
        let Conditions { is_none, is_some, is_earlier, is_later } = self;
        match () {
            () if is_none && (is_some || is_earlier || is_later) => {
                Err(CommandError::Text("ERR NX and XX, GT or LT options at the same time are not compatible"))
            }
            () if is_earlier && is_later => {
                Err(CommandError::Text("ERR GT and LT options at the same time are not compatible"))
            }
            () => Ok(self),
        }
    }

    /// Whether a deadline may take the place of the present one. None at all is later than any.
    fn allow(self, present_ms: Option<u64>, deadline_ms: i64) -> bool {
        let compared = present_ms.map(|present_ms| i128::from(deadline_ms).cmp(&i128::from(present_ms)));
        (!self.is_none || compared.is_none())
            && (!self.is_some || compared.is_some())
            && (!self.is_earlier || compared.is_some_and(|order| order.is_gt()))
            && (!self.is_later || compared.is_none_or(|order| order.is_lt()))
    }
}

/// Replies with the deadline: -1 if there is none, -2 if there is no key. Redis does not take this for a use of the key.
fn reply_with_time(call: &mut Call, unit: Unit, since: Since) -> Result<(), CommandError> {
    let now_ms = call.turn.now_ms();
    let (entry, reply) = call.peek();
    let time_ms = entry.map(|entry| {
        let deadline_ms = entry.deadline_ms()?;
        Some(match since {
            Since::Now => deadline_ms.saturating_sub(now_ms),
            Since::Epoch => deadline_ms,
        })
    });
    reply.integer(match (time_ms, unit) {
        (None, _) => -2,
        (Some(None), _) => -1,
        (Some(Some(time_ms)), Unit::Seconds) => (time_ms as i64 + 500) / 1000,
        (Some(Some(time_ms)), Unit::Milliseconds) => time_ms as i64,
    });
    Ok(())
}

fn persist(call: &mut Call) -> Result<(), CommandError> {
    let has_deadline = call.find().0.is_some_and(|entry| entry.has_deadline());
    if has_deadline {
        call.keyspace.set_deadline(call.database.into(), &call.key, None, call.turn.now_ms());
    }
    call.reply.integer(has_deadline.into());
    Ok(())
}
