//! The value of a flag: parsed from words, shown as CONFIG GET shows it.
//!
//! Numbers, words and their error texts follow redis-server 7.0.15, down to what it refuses: `01` is no
//! integer, an empty text is zero bytes, an overflow is out of bounds.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::flag::{Emptiness, Flag, Kind};
use super::lists;

/// A value of some flag. Which variant it is follows from the flag's kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Integer(i64),
    Bytes(u64),
    Percent(u64),
    /// The index of the word in the flag's list.
    Choice(usize),
    /// A bit for each word or letter of the flag's list.
    Choices(u32),
    Text(Vec<u8>),
    Words(Vec<Vec<u8>>),
    Integers(Vec<i64>),
    Fractions(Vec<f64>),
    OutputLimits([OutputLimit; 3]),
}

/// When a client that does not read its replies is cut off. A zero means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// At once above this.
    pub hard_bytes: u64,
    /// When above this for `soft_s` on end.
    pub soft_bytes: u64,
    pub soft_s: u64,
}

/// Why some words are no value of a flag. The texts are those that clients of Redis see.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    #[error("wrong number of arguments")]
    WrongCount,
    #[error("argument must be 'yes' or 'no'")]
    NotYesNo,
    #[error("argument couldn't be parsed into an integer")]
    NotInteger,
    #[error("argument must be between {min} and {max} inclusive")]
    OutOfRange { min: i64, max: u64 },
    #[error("argument couldn't be parsed as an octal number")]
    NotOctal,
    #[error("argument must be between 0 and {max:o} inclusive")]
    OutOfOctalRange { max: i64 },
    #[error("argument must be a memory value")]
    NotMemory,
    #[error("argument must be a memory or percent value")]
    NotMemoryOrPercent,
    #[error("percentage argument must be less or equal to 100")]
    PercentAbove100,
    #[error("argument(s) must be one of the following: {}", .0.join(", "))]
    NotOneOf(&'static [&'static str]),
    #[error("shutdown options SAVE and NOSAVE can't be used simultaneously")]
    SaveAndNoSave,
    #[error("Invalid save parameters")]
    BadSavePoints,
    #[error("Wrong number of arguments in buffer limit configuration.")]
    BadLimitCount,
    #[error("Invalid client class specified in buffer limit configuration.")]
    BadLimitClass,
    #[error("Error in hard, soft or soft_seconds setting in buffer limit configuration.")]
    BadLimitNumber,
    #[error("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")]
    BadOomScore,
    #[error("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")]
    BadEvent,
    #[error("Invalid {0} parameters")]
    BadPercentile(&'static str),
    #[error("{0} parameters should sit between [0.0,100.0]")]
    PercentileOutOfRange(&'static str),
    #[error("Hostnames may only contain alphanumeric characters, hyphens or dots")]
    BadHostName,
    #[error("Hostnames must be less than 256 characters")]
    LongHostName,
    #[error("{0} can't be empty")]
    EmptyName(&'static str),
    #[error("{name} can't be a path, just a {what}")]
    NotPlainName { name: &'static str, what: &'static str },
    #[error("template format is invalid or contains unknown variables")]
    BadTitle,
    #[error("Too many bind addresses specified.")]
    TooManyAddresses,
    #[error("argument must be a list of CPUs such as 0,2-5")]
    BadCpus,
    #[error("Invalid master port")]
    BadPort,
    #[error("{}", without_number(.0))]
    Directory(io::Error),
    /// A valid value which cannot be set, and why.
    #[error("{0}")]
    Refused(&'static str),
}

/// The system's own sentence, without the number that the standard library adds.
pub(super) fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

impl Flag {
    /// Makes a value of the words that follow the name. `current` is the present value: some kinds change a
    /// part of it.
    pub fn parse(&self, words: &[Vec<u8>], current: &Value) -> Result<Value, ValueError> {
        if !self.kind.is_list() {
            return match (self.kind, words) {
                (Kind::Primary, words) => lists::parse_primary(words),
                (_, [word]) => self.parse_one(word, current),
                _ => Err(ValueError::WrongCount),
            };
        }
        match words {
            [word] => {
                let parts: Vec<&[u8]> = lists::split_spaces(word);
                self.parse_list(&parts, current)
            }
            words => self.parse_list(&words.iter().map(Vec::as_slice).collect::<Vec<_>>(), current),
        }
    }

    fn parse_one(&self, word: &[u8], current: &Value) -> Result<Value, ValueError> {
        match self.kind {
            Kind::Bool => parse_bool(word),
            Kind::Integer(min, max) => parse_integer(word, min, max),
            Kind::Clamped(min, max) => parse_clamped(word, min, max),
            Kind::Memory(min, max) => parse_memory(word, min, max),
            Kind::MemoryOrPercent => parse_memory_or_percent(word),
            Kind::Octal(max) => parse_octal(word, max),
            Kind::Choice(choices) => find_word(word, choices).map(Value::Choice),
            Kind::FileName(emptiness) => parse_file_name(self.name, word, emptiness),
            Kind::Directory => parse_directory(word, current),
            Kind::HostName => parse_host_name(word),
            Kind::Cpus => lists::parse_cpus(word),
            Kind::Title => parse_title(word),
            _ => Ok(Value::Text(word.to_vec())),
        }
    }

    fn parse_list(&self, words: &[&[u8]], current: &Value) -> Result<Value, ValueError> {
        match self.kind {
            Kind::Choices(choices) => lists::parse_choices(words, choices),
            Kind::SavePoints => lists::parse_save_points(words),
            Kind::OutputLimits => lists::parse_output_limits(words, current),
            Kind::OomScores => lists::parse_oom_scores(words),
            Kind::Events => lists::parse_events(words),
            Kind::Percentiles => lists::parse_percentiles(self.name, words),
            _ => lists::parse_addresses(words),
        }
    }

    /// The value before anything is set.
    pub fn default_value(&self) -> Value {
        match self.kind {
            Kind::Directory | Kind::Title => Value::Text(self.default.into()),
            Kind::Primary => Value::Words(Vec::new()),
            _ => self
                .parse(&[self.default.into()], &Value::OutputLimits(Default::default()))
                .expect("every row's default is a value of it, as a test checks"),
        }
    }

    /// The value as CONFIG GET shows it.
    pub fn show(&self, value: &Value) -> Vec<u8> {
        match (self.kind, value) {
            (Kind::Octal(_), Value::Integer(number)) => format!("{number:o}").into_bytes(),
            (Kind::Choice(words), Value::Choice(index)) => words[*index].into(),
            (Kind::Choices(words), Value::Choices(set)) => lists::show_choices(words, *set),
            (Kind::Events, Value::Choices(set)) => lists::show_events(*set),
            (_, Value::Bool(true)) => b"yes".to_vec(),
            (_, Value::Bool(false)) => b"no".to_vec(),
            (_, Value::Integer(number)) => number.to_string().into_bytes(),
            (_, Value::Bytes(bytes)) => bytes.to_string().into_bytes(),
            (_, Value::Percent(percent)) => format!("{percent}%").into_bytes(),
            (_, Value::Text(text)) => text.clone(),
            (_, Value::Words(words)) => words.join(&b' '),
            (_, Value::Integers(numbers)) => lists::join(numbers).into_bytes(),
            (_, Value::Fractions(numbers)) => lists::show_fractions(numbers).into_bytes(),
            (_, Value::OutputLimits(limits)) => lists::show_output_limits(limits).into_bytes(),
            (kind, value) => unreachable!("{kind:?} never has the value {value:?}"),
        }
    }
}

fn parse_bool(word: &[u8]) -> Result<Value, ValueError> {
    if word.eq_ignore_ascii_case(b"yes") {
        Ok(Value::Bool(true))
    } else if word.eq_ignore_ascii_case(b"no") {
        Ok(Value::Bool(false))
    } else {
        Err(ValueError::NotYesNo)
    }
}

fn parse_integer(word: &[u8], min: i64, max: i64) -> Result<Value, ValueError> {
    let number = strict_integer(word).ok_or(ValueError::NotInteger)?;
    if !(min..=max).contains(&number) {
        return Err(ValueError::OutOfRange { min, max: max.max(0).unsigned_abs() });
    }
    Ok(Value::Integer(number))
}

fn parse_clamped(word: &[u8], min: i64, max: i64) -> Result<Value, ValueError> {
    match parse_integer(word, 0, i64::from(i32::MAX))? {
        Value::Integer(number) => Ok(Value::Integer(number.clamp(min, max))),
        other => Ok(other),
    }
}

/// A number written the one way it would be printed: no sign but `-`, no space, no leading zero.
fn strict_integer(word: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == word).then_some(number)
}

/// A number with any sign and leading zeros, such as C's strtoll reads.
pub(super) fn loose_integer(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn parse_memory(word: &[u8], min: u64, max: u64) -> Result<Value, ValueError> {
    let bytes = memory_bytes(word).ok_or(ValueError::NotMemory)?;
    if !(min..=max).contains(&bytes) {
        let min = i64::try_from(min).expect("the rows' lower bounds are small");
        return Err(ValueError::OutOfRange { min, max });
    }
    Ok(Value::Bytes(bytes))
}

/// Digits, maybe none, and maybe a unit. What does not fit is as much as fits. As in Redis, a NUL ends the word.
pub(super) fn memory_bytes(word: &[u8]) -> Option<u64> {
    let word = word.split(|&byte| byte == 0).next().unwrap_or_default();
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unit: u64 = match word[digits..].to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let number = word[..digits]
        .iter()
        .fold(0u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(number.saturating_mul(unit))
}

fn parse_memory_or_percent(word: &[u8]) -> Result<Value, ValueError> {
    if let Some(share) = word.strip_suffix(b"%") {
        let percent = loose_integer(share).ok_or(ValueError::NotMemoryOrPercent)?;
        return match u64::try_from(percent) {
            Ok(0) => Ok(Value::Bytes(0)),
            Ok(percent @ 1..=100) => Ok(Value::Percent(percent)),
            Ok(_) => Err(ValueError::PercentAbove100),
            Err(_) => Err(ValueError::NotMemoryOrPercent),
        };
    }
    memory_bytes(word).map(Value::Bytes).ok_or(ValueError::NotMemoryOrPercent)
}

fn parse_octal(word: &[u8], max: i64) -> Result<Value, ValueError> {
    let text = std::str::from_utf8(word).map_err(|_| ValueError::NotOctal)?;
    let number = match text {
        "" => 0,
        text => i64::from_str_radix(text, 8).map_err(|_| ValueError::NotOctal)?,
    };
    match number {
        0.. if number <= max => Ok(Value::Integer(number)),
        _ => Err(ValueError::OutOfOctalRange { max }),
    }
}

pub(super) fn find_word(word: &[u8], choices: &'static [&'static str]) -> Result<usize, ValueError> {
    choices
        .iter()
        .position(|choice| word.eq_ignore_ascii_case(choice.as_bytes()))
        .ok_or(ValueError::NotOneOf(choices))
}

fn parse_file_name(name: &'static str, word: &[u8], emptiness: Emptiness) -> Result<Value, ValueError> {
    if word.is_empty() && emptiness == Emptiness::Refused {
        return Err(ValueError::EmptyName(name));
    }
    if word.contains(&b'/') {
        let what = if name.ends_with("dirname") { "dirname" } else { "filename" };
        return Err(ValueError::NotPlainName { name, what });
    }
    Ok(Value::Text(word.to_vec()))
}

/// Resolves the path against the present directory, so that it means the same whatever the process does
/// later.
fn parse_directory(word: &[u8], current: &Value) -> Result<Value, ValueError> {
    let Value::Text(current) = current else { unreachable!("a directory is a text") };
    let path = Path::new(OsStr::from_bytes(current)).join(OsStr::from_bytes(word));
    let path = path.canonicalize().map_err(ValueError::Directory)?;
    if !path.is_dir() {
        return Err(ValueError::Directory(io::ErrorKind::NotADirectory.into()));
    }
    Ok(Value::Text(path.into_os_string().into_encoded_bytes()))
}

fn parse_host_name(word: &[u8]) -> Result<Value, ValueError> {
    const NAME_BYTES_MAX: usize = 255;
    if word.len() > NAME_BYTES_MAX {
        return Err(ValueError::LongHostName);
    }
    if !word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte)) {
        return Err(ValueError::BadHostName);
    }
    Ok(Value::Text(word.to_vec()))
}

fn parse_title(word: &[u8]) -> Result<Value, ValueError> {
    const VARIABLES: [&[u8]; 7] =
        [b"title", b"listen-addr", b"server-mode", b"port", b"tls-port", b"unixsocket", b"config-file"];
    let mut variables = word.split(|&byte| byte == b'{').skip(1);
    let is_known = |part: &[u8]| {
        let end = part.iter().position(|&byte| byte == b'}');
        end.is_some_and(|end| VARIABLES.contains(&&part[..end]))
    };
    if word.is_empty() || !variables.all(is_known) {
        return Err(ValueError::BadTitle);
    }
    Ok(Value::Text(word.to_vec()))
}
