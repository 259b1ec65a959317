//! A command line with placeholders, made into request bytes of which only the digits of keys ever change.
//!
//! `{key}` becomes a zero-padded number, `{value}` a fixed text. All requests of a template have one
//! length, so that a batch of them is one block and a part of a batch is a prefix of it.

use crate::random::Random;
use crate::words::{self, WordsError};

/// Most bytes of one connection's batch: a bound against a slip of the finger, not a measured limit.
pub const BATCH_BYTES_MAX: usize = 64 << 20;

/// The widest `{key}` that makes sense: every `u64` fits.
pub const KEY_DIGITS_MAX: usize = 20;

/// Why a command cannot be made into requests.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum TemplateError {
    #[error("cannot read command {line:?}: {source}")]
    Words { line: String, source: WordsError },
    #[error("a key space of {key_space} needs keys of {needed} digits, but they have {digits}")]
    NarrowKey { key_space: u64, needed: usize, digits: usize },
    #[error("a batch of {pipeline} requests of {request_bytes} bytes is more than {BATCH_BYTES_MAX} bytes")]
    LargeBatch { pipeline: u32, request_bytes: usize },
}

/// What the placeholders stand for.
#[derive(Clone, Copy, Debug)]
pub struct Placeholders {
    /// Keys are numbers in `0..key_space`.
    pub key_space: u64,
    /// Digits that a key is padded to with zeros.
    pub key_digits: usize,
    /// Bytes of `{value}`.
    pub value_bytes: usize,
}

/// One request as bytes, and where the keys stand in it.
#[derive(Debug)]
pub struct Template {
    request: Vec<u8>,
    /// Where each key's changing digits begin: those above the key space stay zero.
    key_positions: Vec<usize>,
    changing_digits: usize,
    key_space: u64,
}

impl Template {
    /// Reads a command line such as `SET key:{key} {value}`.
    pub fn parse(line: &str, placeholders: Placeholders) -> Result<Template, TemplateError> {
        let Placeholders { key_space, key_digits, value_bytes } = placeholders;
        let needed = decimal_digits(key_space.saturating_sub(1));
        if needed > key_digits {
            return Err(TemplateError::NarrowKey { key_space, needed, digits: key_digits });
        }
        let words =
            words::split(line).map_err(|source| TemplateError::Words { line: line.to_owned(), source })?;
        let value = value_of(value_bytes);
        let zeros = "0".repeat(key_digits);
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        let mut key_positions = Vec::new();
        for word in &words {
            // The value first: should it ever hold "{key}", that is not a placeholder.
            let pieces: Vec<&str> = word.split("{key}").collect();
            let pieces: Vec<String> = pieces.iter().map(|piece| piece.replace("{value}", &value)).collect();
            let bytes = pieces.iter().map(String::len).sum::<usize>() + key_digits * (pieces.len() - 1);
            request.extend_from_slice(format!("${bytes}\r\n").as_bytes());
            for (index, piece) in pieces.iter().enumerate() {
                if index > 0 {
                    key_positions.push(request.len() + key_digits - needed);
                    request.extend_from_slice(zeros.as_bytes());
                }
                request.extend_from_slice(piece.as_bytes());
            }
            request.extend_from_slice(b"\r\n");
        }
        Ok(Template { request, key_positions, changing_digits: needed, key_space })
    }

    pub fn request_bytes(&self) -> usize {
        self.request.len()
    }

    /// A block of `pipeline` requests, their keys all zero.
    pub fn batch(&self, pipeline: u32) -> Result<Vec<u8>, TemplateError> {
        let request_bytes = self.request.len();
        match request_bytes.checked_mul(pipeline as usize) {
            Some(bytes) if bytes <= BATCH_BYTES_MAX => Ok(self.request.repeat(pipeline as usize)),
            _ => Err(TemplateError::LargeBatch { pipeline, request_bytes }),
        }
    }

    /// Gives every key in a block of requests a number of its own, uniform over the key space.
    pub fn draw_keys(&self, batch: &mut [u8], random: &mut Random) {
        debug_assert!(batch.len().is_multiple_of(self.request.len()));
        for request in batch.chunks_exact_mut(self.request.len()) {
            for &position in &self.key_positions {
                let digits = &mut request[position..position + self.changing_digits];
                write_decimal(digits, random.below(self.key_space));
            }
        }
    }

    /// Appends one request in which every key is `key`.
    pub fn append_with_key(&self, key: u64, requests: &mut Vec<u8>) {
        let start = requests.len();
        requests.extend_from_slice(&self.request);
        for &position in &self.key_positions {
            let first = start + position;
            write_decimal(&mut requests[first..first + self.changing_digits], key);
        }
    }
}

fn decimal_digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Fills `digits` with the number, zeros in front; higher digits of the number are dropped.
fn write_decimal(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Letters and digits that do not compress, the same in every run.
fn value_of(value_bytes: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = Random::new(1);
    (0..value_bytes).map(|_| char::from(LETTERS[random.below(64) as usize])).collect()
}

#[cfg(test)]
mod tests;
