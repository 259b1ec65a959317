//! Requests as bytes, made once; what changes is written over, or between, the bytes that stay.
//!
//! A template is one command, or several that are answered one by one but count as one request, as in
//! `MULTI ; INCR {key} ; EXEC`. Placeholders are:
//!
//! - `{key}` a number drawn from the key space, zeros in front; `{same-key}` the one drawn last in this request;
//!   `{new-key}` one that nobody has had
//! - `{keys:N}` and `{pairs:N}` stand for N words with a `{key}` each, and for N pairs of such a word and a `{value}`
//! - `{value}` a text as long as value sizes say
//! - `{random:N}` a number of N digits; `{number:LOW-HIGH}` and `{ttl}` a number that is a word of its own
//!
//! Another name in braces is refused, as it is most likely misspelt: `{=name}` stands for the text `{name}`. Whatever is no
//! name is text.

mod piece;

use crate::keys::KeySampler;
use crate::random::Random;
use crate::sizes::ValueSizes;
use crate::words::{self, WordsError};

use piece::{Builder, Piece};

pub use piece::parse_range;

/// Most digits of a key: what a u64 can have.
pub const KEY_DIGITS_MAX: usize = 20;
/// Most bytes of a batch of requests: the generator keeps one for each connection.
pub const BATCH_BYTES_MAX: usize = 256 << 20;
/// Most words that one placeholder stands for, and most words of a template.
const WORDS_MAX: usize = 100_000;

/// Why a command cannot be sent.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum TemplateError {
    #[error("cannot read command {line:?}: {source}")]
    Words { line: String, source: WordsError },
    #[error("a key space of {key_space} needs keys of {needed} digits, but they have {digits}")]
    NarrowKey { key_space: u64, needed: usize, digits: usize },
    #[error("a batch of {pipeline} requests of {request_bytes} bytes is more than {BATCH_BYTES_MAX} bytes")]
    LargeBatch { pipeline: u32, request_bytes: usize },
    #[error("cannot read {placeholder} in command {line:?}: {reason}")]
    Placeholder { line: String, placeholder: String, reason: &'static str },
    #[error(
        "command {line:?} holds {{{name}}}, which stands for nothing: {{{nearest}}} is the most similar placeholder, and \
         {{={name}}} sends {{{name}}} as it is"
    )]
    Unknown { line: String, name: String, nearest: &'static str },
    #[error("command {line:?} holds {{value}} twice in one word, but sizes of values vary")]
    TwoValues { line: String },
    #[error("command {line:?} has more than {WORDS_MAX} words")]
    ManyWords { line: String },
    #[error("command {line:?} holds {{ttl}}, but no --ttl is given")]
    NoTtl { line: String },
    #[error("command {line:?} has nothing between two semicolons")]
    EmptyCommand { line: String },
}

/// What the placeholders stand for.
#[derive(Clone, Debug)]
pub struct Placeholders {
    /// Keys are numbers in `0..key_space`, and above it when requests create keys.
    pub key_space: u64,
    /// Digits that a key is padded to with zeros.
    pub key_digits: usize,
    pub values: ValueSizes,
    /// Bounds of `{ttl}`.
    pub ttl: Option<(u64, u64)>,
}

/// One request, and where it changes.
#[derive(Debug)]
pub struct Template {
    line: String,
    pieces: Vec<Piece>,
    commands: u32,
    request_bytes_max: usize,
    /// Where the first word with a key stands, counted from the beginning of the request; `None` when there is no
    /// such word, or something of changing length lies before it.
    first_key_word: Option<std::ops::Range<usize>>,
}

/// What a thread draws from when it fills templates in.
pub struct Draws<'a> {
    pub keys: KeySampler,
    pub random: Random,
    pub sizes: &'a ValueSizes,
    /// Text that values are cut from.
    pub text: &'a [u8],
    key: u64,
}

impl<'a> Draws<'a> {
    pub fn new(keys: KeySampler, seed: u64, sizes: &'a ValueSizes, text: &'a [u8]) -> Draws<'a> {
        Draws { keys, random: Random::new(seed), sizes, text, key: 0 }
    }
}

impl Template {
    /// Reads a command line such as `SET key:{key} {value}`.
    pub fn parse(line: &str, placeholders: &Placeholders) -> Result<Template, TemplateError> {
        let Placeholders { key_space, key_digits, .. } = *placeholders;
        let needed = decimal_digits(key_space.saturating_sub(1));
        if needed > key_digits {
            return Err(TemplateError::NarrowKey { key_space, needed, digits: key_digits });
        }
        let words =
            words::split(line).map_err(|source| TemplateError::Words { line: line.to_owned(), source })?;
        let mut builder = Builder::new(line, placeholders);
        let mut commands = 0;
        for command in words.split(|word| word == ";") {
            if command.is_empty() {
                return Err(TemplateError::EmptyCommand { line: line.to_owned() });
            }
            builder.command(command)?;
            commands += 1;
        }
        Ok(builder.into_template(commands))
    }

    pub fn line(&self) -> &str {
        &self.line
    }

    /// Replies to one request.
    pub fn commands(&self) -> u32 {
        self.commands
    }

    /// Fails when a batch of so many requests would be too large to be kept.
    pub fn check_batch(&self, pipeline: u32) -> Result<usize, TemplateError> {
        let request_bytes = self.request_bytes_max;
        match request_bytes.checked_mul(pipeline as usize) {
            Some(bytes) if bytes <= BATCH_BYTES_MAX => Ok(bytes),
            _ => Err(TemplateError::LargeBatch { pipeline, request_bytes }),
        }
    }

    /// Appends one request with everything drawn anew.
    pub fn append(&self, draws: &mut Draws<'_>, requests: &mut Vec<u8>) {
        let mut value_bytes = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Bytes { bytes, patches } => {
                    let start = requests.len();
                    requests.extend_from_slice(bytes);
                    for patch in patches {
                        let number = patch.draw(draws);
                        let first = start + patch.position;
                        write_decimal(&mut requests[first..first + patch.digits], number);
                    }
                }
                Piece::Length { others } => {
                    value_bytes = draws.sizes.draw(&mut draws.random);
                    append_header(requests, value_bytes + others);
                }
                Piece::Value => requests.extend_from_slice(&draws.text[..value_bytes]),
                Piece::Number { low, high } => append_number(requests, draws.random.between(*low, *high)),
            }
        }
    }

    /// The word that decides where in a cluster a request goes.
    pub fn first_key_word<'r>(&self, request: &'r [u8]) -> Option<&'r [u8]> {
        self.first_key_word.clone().map(|range| &request[range])
    }
}

impl piece::Patch {
    fn draw(&self, draws: &mut Draws<'_>) -> u64 {
        match self.what {
            piece::Drawn::Key => {
                draws.key = draws.keys.draw(&mut draws.random);
                draws.key
            }
            piece::Drawn::NewKey => {
                draws.key = draws.keys.create();
                draws.key
            }
            piece::Drawn::SameKey => draws.key,
            piece::Drawn::Between { low, high } => draws.random.between(low, high),
        }
    }
}

fn append_header(requests: &mut Vec<u8>, bytes: usize) {
    let mut digits = [b'0'; KEY_DIGITS_MAX];
    let count = decimal_digits(bytes as u64);
    write_decimal(&mut digits[..count], bytes as u64);
    requests.push(b'$');
    requests.extend_from_slice(&digits[..count]);
    requests.extend_from_slice(b"\r\n");
}

fn append_number(requests: &mut Vec<u8>, number: u64) {
    let mut digits = [b'0'; KEY_DIGITS_MAX];
    let count = decimal_digits(number);
    write_decimal(&mut digits[..count], number);
    append_header(requests, count);
    requests.extend_from_slice(&digits[..count]);
    requests.extend_from_slice(b"\r\n");
}

fn decimal_digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Writes a number over zeros, at the end of them; higher digits of the number than there are zeros are dropped.
fn write_decimal(zeros: &mut [u8], mut number: u64) {
    // Two digits with each division.
    let mut pairs = zeros.rchunks_exact_mut(2);
    for pair in &mut pairs {
        if number == 0 {
            return;
        }
        pair.copy_from_slice(&DIGIT_PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if let [digit] = pairs.into_remainder() {
        *digit = b'0' + (number % 10) as u8;
    }
}

/// The digits of the numbers from 00 to 99.
const DIGIT_PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Letters and digits that do not compress, the same in every run.
pub fn value_text(bytes: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = Random::new(1);
    (0..bytes).map(|_| char::from(LETTERS[random.below(64) as usize])).collect()
}

#[cfg(test)]
mod tests;
