//! The parts of a template, and building them from words.

use std::ops::Range;

use super::{Placeholders, Template, TemplateError, WORDS_MAX, append_header, decimal_digits, value_text};
use crate::sizes::ValueSizes;

/// What can stand in braces, as it is shown to whoever wrote something else.
const PLACEHOLDERS: [&str; 9] =
    ["key", "same-key", "new-key", "keys:N", "pairs:N", "value", "random:N", "number:LOW-HIGH", "ttl"];

/// A part of a request.
#[derive(Debug)]
pub enum Piece {
    /// Bytes that stay, but for some digits.
    Bytes { bytes: Vec<u8>, patches: Vec<Patch> },
    /// The header of a word with a value whose size is drawn now; `others` are the word's other bytes.
    Length { others: usize },
    /// The value whose size was drawn last.
    Value,
    /// A whole word.
    Number { low: u64, high: u64 },
}

/// Digits that are written anew for each request.
#[derive(Debug)]
pub struct Patch {
    /// Within the piece.
    pub position: usize,
    pub digits: usize,
    pub what: Drawn,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drawn {
    Key,
    SameKey,
    NewKey,
    Between { low: u64, high: u64 },
}

/// A part of a word.
enum Token {
    Text(String),
    Digits { what: Drawn, digits: usize },
    Value,
}

/// A template in the making.
pub struct Builder<'a> {
    line: &'a str,
    placeholders: &'a Placeholders,
    /// The value, when all have the same size.
    fixed_value: Option<String>,
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
    patches: Vec<Patch>,
    request_bytes_max: usize,
    first_key_word: Option<Range<usize>>,
    /// Whether a word with a key has been passed, though it may not be at a fixed place.
    has_key: bool,
    words: usize,
}

impl<'a> Builder<'a> {
    pub fn new(line: &'a str, placeholders: &'a Placeholders) -> Builder<'a> {
        let fixed_value = match placeholders.values {
            ValueSizes::Fixed(bytes) => Some(value_text(bytes)),
            _ => None,
        };
        Builder {
            line,
            placeholders,
            fixed_value,
            pieces: Vec::new(),
            bytes: Vec::new(),
            patches: Vec::new(),
            request_bytes_max: 0,
            first_key_word: None,
            has_key: false,
            words: 0,
        }
    }

    pub fn command(&mut self, words: &[String]) -> Result<(), TemplateError> {
        let mut expanded = Vec::new();
        for word in words {
            self.expand(word, &mut expanded)?;
        }
        self.words += expanded.len();
        if self.words > WORDS_MAX {
            return Err(TemplateError::ManyWords { line: self.line.to_owned() });
        }
        self.bytes.extend_from_slice(format!("*{}\r\n", expanded.len()).as_bytes());
        expanded.iter().try_for_each(|word| self.word(word))
    }

    /// Writes out the words that `{keys:N}` and `{pairs:N}` stand for.
    fn expand(&self, word: &str, words: &mut Vec<String>) -> Result<(), TemplateError> {
        for (start, pair) in [("{keys:", false), ("{pairs:", true)] {
            let Some((before, rest)) = word.split_once(start) else {
                continue;
            };
            let (count, after) = rest.split_once('}').unwrap_or((rest, ""));
            let reason = "it is followed by a number from 1 to 100000 and a brace";
            let count = count.parse().ok().filter(|count| (1..=WORDS_MAX).contains(count));
            let count = count.ok_or_else(|| self.wrong(word, reason))?;
            for _ in 0..count {
                words.push(format!("{before}{{key}}{after}"));
                words.extend(pair.then(|| "{value}".to_owned()));
            }
            return Ok(());
        }
        words.push(word.to_owned());
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), TemplateError> {
        if let Some((low, high)) = self.number(word)? {
            self.finish_bytes();
            self.request_bytes_max += 2 * decimal_digits(high) + 5;
            self.pieces.push(Piece::Number { low, high });
            return Ok(());
        }
        let tokens = self.tokens(word)?;
        let varying = tokens.iter().filter(|token| matches!(token, Token::Value)).count();
        let others: usize = tokens.iter().map(Token::bytes).sum();
        match varying {
            0 => append_header(&mut self.bytes, others),
            1 => {
                self.finish_bytes();
                self.pieces.push(Piece::Length { others });
                let most = others + self.placeholders.values.most();
                self.request_bytes_max += 3 + decimal_digits(most as u64) + most - others;
            }
            _ => return Err(TemplateError::TwoValues { line: self.line.to_owned() }),
        }
        let begin = self.bytes.len();
        let is_key = |token: &Token| matches!(token, Token::Digits { what: Drawn::Key | Drawn::NewKey, .. });
        let holds_key = tokens.iter().any(is_key);
        tokens.into_iter().for_each(|token| self.token(token));
        if holds_key && !self.has_key {
            self.has_key = true;
            self.first_key_word = self.pieces.is_empty().then_some(begin..self.bytes.len());
        }
        self.bytes.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Bounds, when the word is a number that is drawn.
    fn number(&self, word: &str) -> Result<Option<(u64, u64)>, TemplateError> {
        if word == "{ttl}" {
            let line = self.line.to_owned();
            return self.placeholders.ttl.map(Some).ok_or(TemplateError::NoTtl { line });
        }
        let Some(range) = word.strip_prefix("{number:").and_then(|rest| rest.strip_suffix('}')) else {
            return Ok(None);
        };
        let wrong = || self.wrong(word, "it is a range such as 1-100, of at most 18 digits");
        parse_range(range).map(Some).ok_or_else(wrong)
    }

    fn tokens(&self, word: &str) -> Result<Vec<Token>, TemplateError> {
        let mut tokens = Vec::new();
        let mut text = String::new();
        let mut rest = word;
        while let Some(letter) = rest.chars().next() {
            let name = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')).map(|(name, _)| name);
            match name.map(|name| self.placeholder(word, name)).transpose()?.flatten() {
                Some(Token::Text(value)) => text.push_str(&value),
                Some(token) => {
                    tokens.push(Token::Text(std::mem::take(&mut text)));
                    tokens.push(token);
                }
                None => {
                    text.push(letter);
                    rest = &rest[letter.len_utf8()..];
                    continue;
                }
            }
            rest = &rest[name.map_or(0, str::len) + 2..];
        }
        tokens.push(Token::Text(text));
        Ok(tokens)
    }

    /// What a name in braces stands for, if it is one of ours.
    fn placeholder(&self, word: &str, name: &str) -> Result<Option<Token>, TemplateError> {
        let key = |what| Token::Digits { what, digits: self.placeholders.key_digits };
        Ok(Some(match name {
            "key" => key(Drawn::Key),
            "same-key" => key(Drawn::SameKey),
            "new-key" => key(Drawn::NewKey),
            "value" => match &self.fixed_value {
                Some(value) => Token::Text(value.clone()),
                None => Token::Value,
            },
            "ttl" => return Err(self.wrong(word, "it must be a word of its own")),
            _ if name.starts_with("number:") => {
                return Err(self.wrong(word, "it must be a word of its own"));
            }
            _ => match name.strip_prefix("random:") {
                Some(digits) => {
                    let digits = digits.parse::<u32>().ok().filter(|digits| (1..=18).contains(digits));
                    let digits = digits.ok_or_else(|| self.wrong(word, "digits are 1 to 18"))?;
                    // A zero in front would not be read as a number.
                    let low = if digits == 1 { 0 } else { 10u64.pow(digits - 1) };
                    let what = Drawn::Between { low, high: 10u64.pow(digits) - 1 };
                    Token::Digits { what, digits: digits as usize }
                }
                None => match name.strip_prefix('=') {
                    Some(text) => Token::Text(format!("{{{text}}}")),
                    None if looks_like_placeholder(name) => return Err(self.unknown(name)),
                    None => return Ok(None),
                },
            },
        }))
    }

    fn token(&mut self, token: Token) {
        match token {
            Token::Text(text) => self.bytes.extend_from_slice(text.as_bytes()),
            Token::Digits { what, digits } => {
                self.patches.push(Patch { position: self.bytes.len(), digits, what });
                self.bytes.resize(self.bytes.len() + digits, b'0');
            }
            Token::Value => {
                self.finish_bytes();
                self.pieces.push(Piece::Value);
            }
        }
    }

    fn finish_bytes(&mut self) {
        let (bytes, patches) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.patches));
        if !bytes.is_empty() {
            self.request_bytes_max += bytes.len();
            self.pieces.push(Piece::Bytes { bytes, patches });
        }
    }

    pub fn into_template(mut self, commands: u32) -> Template {
        self.finish_bytes();
        Template {
            line: self.line.to_owned(),
            pieces: self.pieces,
            commands,
            request_bytes_max: self.request_bytes_max,
            first_key_word: self.first_key_word,
        }
    }

    fn unknown(&self, name: &str) -> TemplateError {
        let bare = |name: &str| name.split(':').next().unwrap_or_default().to_lowercase();
        let distance = |known: &&str| strsim::damerau_levenshtein(&bare(known), &bare(name));
        let nearest = PLACEHOLDERS.iter().copied().min_by_key(distance).expect("there are some");
        TemplateError::Unknown { line: self.line.to_owned(), name: name.to_owned(), nearest }
    }

    fn wrong(&self, placeholder: &str, reason: &'static str) -> TemplateError {
        TemplateError::Placeholder { line: self.line.to_owned(), placeholder: placeholder.to_owned(), reason }
    }
}

impl Token {
    /// Without those of a value whose size varies.
    fn bytes(&self) -> usize {
        match self {
            Token::Text(text) => text.len(),
            Token::Digits { digits, .. } => *digits,
            Token::Value => 0,
        }
    }
}

/// Whether whoever wrote a name in braces must have meant a placeholder; numbers, JSON and braces within braces are text.
fn looks_like_placeholder(name: &str) -> bool {
    let fits = |letter: char| letter.is_alphanumeric() || "-_:.".contains(letter);
    name.starts_with(char::is_alphabetic) && name.chars().all(fits)
}

/// Reads `LOW-HIGH`, or one number for both.
pub fn parse_range(text: &str) -> Option<(u64, u64)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high): (u64, u64) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high && high < 10u64.pow(18)).then_some((low, high))
}
