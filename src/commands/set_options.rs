//! What stands behind the value of SET and behind the key of GETEX: conditions, GET, and how long the value lives.

use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::keyspace::DEADLINE_MS_MAX;
use crate::protocol::Args;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetOptions<'a> {
    condition: Condition,
    pub expiry: Expiry<'a>,
    /// Whether the reply is the value that was there before.
    pub replies_with_former: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    Always,
    IfAbsent,
    IfPresent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry<'a> {
    #[default]
    Clear,
    Keep,
    At(Time<'a>),
}

/// A time as the client gave it. Its number is read only when all words are in order, as in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time<'a> {
    unit: TimeUnit,
    digits: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    Seconds,
    Milliseconds,
    UnixSeconds,
    UnixMilliseconds,
}

/// Whose words they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Set,
    GetEx,
}

/// The words read so far.
struct Words<'a> {
    command: Command,
    condition: Condition,
    replies_with_former: bool,
    /// KEEPTTL of SET, PERSIST of GETEX: neither goes with a time.
    is_timeless: bool,
    time: Option<Time<'a>>,
}

impl<'a> SetOptions<'a> {
    /// Reads the options of `SET key value option ...`.
    pub fn parse(args: &Args<'a>) -> Result<Self, CommandError> {
        let words = Words::read(Command::Set, args, 3)?;
        let expiry = match words.time {
            Some(time) => Expiry::At(time),
            None if words.is_timeless => Expiry::Keep,
            None => Expiry::Clear,
        };
        let Words { condition, replies_with_former, .. } = words;
        Ok(SetOptions { condition, expiry, replies_with_former })
    }

    /// Whether the value may be written; asks whether the key is there only if that matters.
    #[inline]
    pub fn allow(&self, is_there: impl FnOnce() -> bool) -> bool {
        match self.condition {
            Condition::Always => true,
            Condition::IfAbsent => !is_there(),
            Condition::IfPresent => is_there(),
        }
    }
}

impl<'a> Expiry<'a> {
    /// Reads the options of `GETEX key option ...`.
    pub fn parse_getex(args: &Args<'a>) -> Result<Self, CommandError> {
        let words = Words::read(Command::GetEx, args, 2)?;
        Ok(match words.time {
            Some(time) => Expiry::At(time),
            None if words.is_timeless => Expiry::Clear,
            None => Expiry::Keep,
        })
    }
}

impl<'a> Words<'a> {
    fn read(command: Command, args: &Args<'a>, first: usize) -> Result<Self, CommandError> {
        let mut words = Words {
            command,
            condition: Condition::Always,
            replies_with_former: false,
            is_timeless: false,
            time: None,
        };
        let mut index = first;
        while index < args.len() {
            index = words.take(args, index).ok_or(CommandError::Syntax)?;
        }
        Ok(words)
    }

    /// Takes the option at `index` and gives the index behind it; `None` if it does not fit those before.
    fn take(&mut self, args: &Args<'a>, index: usize) -> Option<usize> {
        let word = args.at(index);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let of_set = |name: &str| self.command == Command::Set && is(name);
        let timeless = if self.command == Command::Set { "KEEPTTL" } else { "PERSIST" };
        if of_set("NX") && self.condition != Condition::IfPresent {
            self.condition = Condition::IfAbsent;
        } else if of_set("XX") && self.condition != Condition::IfAbsent {
            self.condition = Condition::IfPresent;
        } else if of_set("GET") {
            self.replies_with_former = true;
        } else if is(timeless) && self.time.is_none() {
            self.is_timeless = true;
        } else {
            let unit = TimeUnit::named(word)?;
            // The same unit may be given again, and the last one counts.
            let fits = !self.is_timeless && self.time.is_none_or(|other| other.unit == unit);
            if !fits || index + 1 == args.len() {
                return None;
            }
            self.time = Some(Time { unit, digits: args.at(index + 1) });
            return Some(index + 2);
        }
        Some(index + 1)
    }
}

impl TimeUnit {
    fn named(word: &[u8]) -> Option<Self> {
        let options = [
            ("EX", Self::Seconds),
            ("PX", Self::Milliseconds),
            ("EXAT", Self::UnixSeconds),
            ("PXAT", Self::UnixMilliseconds),
        ];
        options.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, option)| *option)
    }

    /// A positive number of this unit in milliseconds since the Unix epoch; `None` if it is out of range.
    fn deadline_ms(self, number: i64, now_ms: u64) -> Option<u64> {
        let milliseconds = match self {
            Self::Seconds | Self::UnixSeconds => number.checked_mul(1000)?,
            Self::Milliseconds | Self::UnixMilliseconds => number,
        };
        let deadline_ms = match self {
            Self::Seconds | Self::Milliseconds => milliseconds.checked_add_unsigned(now_ms)?,
            Self::UnixSeconds | Self::UnixMilliseconds => milliseconds,
        };
        Some(deadline_ms.unsigned_abs())
    }
}

impl<'a> Time<'a> {
    pub fn new(unit: TimeUnit, digits: &'a [u8]) -> Self {
        Time { unit, digits }
    }

    /// Whether it is not counted from now.
    pub fn is_absolute(self) -> bool {
        matches!(self.unit, TimeUnit::UnixSeconds | TimeUnit::UnixMilliseconds)
    }

    /// The time in milliseconds since the Unix epoch, for the command of this name.
    pub fn deadline_ms(self, now_ms: u64, command: &'static str) -> Result<u64, CommandError> {
        let number = numbers::long(self.digits)?;
        let deadline_ms = (number > 0).then(|| self.unit.deadline_ms(number, now_ms)).flatten();
        // Later than the table can say is later than anybody will wait.
        Ok(deadline_ms.ok_or(CommandError::InvalidExpireTime(command))?.min(DEADLINE_MS_MAX))
    }
}
