//! What stands behind the value of SET: conditions, GET, and how long the value lives.

use crate::commands::error::CommandError;
use crate::protocol::Args;
use crate::protocol::request::integer;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetOptions {
    condition: Condition,
    pub expiry: Expiry,
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

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    #[default]
    Clear,
    Keep,
    At(Time),
}

/// A time as the client gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    option: TimeOption,
    number: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeOption {
    Seconds,
    Milliseconds,
    UnixSeconds,
    UnixMilliseconds,
}

/// The options as words; numbers are read only when all words are in order, as in Redis.
#[derive(Default)]
struct Words<'a> {
    options: SetOptions,
    time: Option<(TimeOption, &'a [u8])>,
}

impl SetOptions {
    /// Reads the options of `SET key value option ...`.
    pub fn parse(args: &Args) -> Result<Self, CommandError> {
        let mut words = Words::default();
        let mut index = 3;
        while index < args.len() {
            index = words.take(args, index).ok_or(CommandError::Syntax)?;
        }
        let mut options = words.options;
        if let Some((option, digits)) = words.time {
            let number = integer(digits).ok_or(CommandError::NotInteger)?;
            options.expiry = Expiry::At(Time { option, number });
        }
        Ok(options)
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

impl<'a> Words<'a> {
    /// Takes the option at `index` and gives the index behind it; `None` if it does not fit those before.
    fn take(&mut self, args: &Args<'a>, index: usize) -> Option<usize> {
        let word = args.at(index);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("NX") && self.options.condition != Condition::IfPresent {
            self.options.condition = Condition::IfAbsent;
        } else if is("XX") && self.options.condition != Condition::IfAbsent {
            self.options.condition = Condition::IfPresent;
        } else if is("GET") {
            self.options.replies_with_former = true;
        } else if is("KEEPTTL") && self.time.is_none() {
            self.options.expiry = Expiry::Keep;
        } else {
            let option = TimeOption::named(word)?;
            // The same unit may be given again, and the last one counts.
            let fits =
                self.options.expiry != Expiry::Keep && self.time.is_none_or(|(other, _)| other == option);
            if !fits || index + 1 == args.len() {
                return None;
            }
            self.time = Some((option, args.at(index + 1)));
            return Some(index + 2);
        }
        Some(index + 1)
    }
}

impl TimeOption {
    fn named(word: &[u8]) -> Option<Self> {
        let options = [
            ("EX", Self::Seconds),
            ("PX", Self::Milliseconds),
            ("EXAT", Self::UnixSeconds),
            ("PXAT", Self::UnixMilliseconds),
        ];
        options.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, option)| *option)
    }
}

impl Time {
    /// The time in milliseconds since the Unix epoch; `None` when it is not positive or out of range.
    pub fn deadline_ms(self, now_ms: u64) -> Option<u64> {
        if self.number <= 0 {
            return None;
        }
        let milliseconds = match self.option {
            TimeOption::Seconds | TimeOption::UnixSeconds => self.number.checked_mul(1000)?,
            TimeOption::Milliseconds | TimeOption::UnixMilliseconds => self.number,
        };
        let deadline_ms = match self.option {
            TimeOption::Seconds | TimeOption::Milliseconds => milliseconds.checked_add_unsigned(now_ms)?,
            TimeOption::UnixSeconds | TimeOption::UnixMilliseconds => milliseconds,
        };
        Some(deadline_ms.unsigned_abs())
    }
}
