//! Inline requests: a line of words, for people with telnet. Quotes and escapes as `sdssplitargs` of Redis.

use memchr::memchr;

use crate::protocol::request::{LINE_BYTES_MAX, Parse, Progress, ProtocolError, Span, find_line_end};

pub(super) fn parse(
    bytes: &[u8],
    progress: &mut Progress,
    spans: &mut Vec<Span>,
    scratch: &mut Vec<u8>,
) -> Parse {
    let rest = &bytes[progress.position..];
    let Some(end) = find_line_end(rest, b'\n') else {
        return match rest.len() > LINE_BYTES_MAX {
            true => Parse::Error(ProtocolError::TooBigInline),
            false => Parse::Incomplete,
        };
    };
    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    let first_span = spans.len();
    let (start, decoded) = (progress.position, line.iter().any(|&b| matches!(b, b'"' | b'\'')));
    if !decoded {
        plain_words(line, start, spans);
    } else if split_words(line, scratch, spans).is_none() {
        spans.truncate(first_span);
        return Parse::Error(ProtocolError::UnbalancedQuotes);
    }
    progress.position += end + 1;
    match (spans.len() > first_span, decoded) {
        (false, _) => Parse::Nothing,
        (true, false) => Parse::Request,
        (true, true) => Parse::Decoded,
    }
}

/// What `isspace` of C takes for white space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// What ends a word: Redis takes vertical tab and form feed for a part of it, though not for its first letter.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn plain_words(line: &[u8], start: usize, spans: &mut Vec<Span>) {
    let mut word = None;
    for (index, &byte) in line.iter().enumerate() {
        match word {
            None if !is_space(byte) => word = Some(index),
            Some(begin) if ends_word(byte) => {
                spans.push(Span::new(start + begin, index - begin));
                word = None;
            }
            _ => {}
        }
    }
    if let Some(begin) = word {
        spans.push(Span::new(start + begin, line.len() - begin));
    }
}

/// Appends the decoded words of `line` to `scratch` and their spans to `spans`; `None` when quotes do not
/// balance or a closing quote is not followed by a space.
pub fn split_words(line: &[u8], scratch: &mut Vec<u8>, spans: &mut Vec<Span>) -> Option<()> {
    // C strings end at the first NUL, and so does the line for Redis.
    let line = &line[..memchr(0, line).unwrap_or(line.len())];
    let mut at = 0;
    loop {
        while line.get(at).is_some_and(|&byte| is_space(byte)) {
            at += 1;
        }
        if at == line.len() {
            return Some(());
        }
        let begin = scratch.len();
        at = word(line, at, scratch)?;
        spans.push(Span::new(begin, scratch.len() - begin));
    }
}

/// Decodes the word at `at` into `scratch`; gives the position behind it.
fn word(line: &[u8], mut at: usize, scratch: &mut Vec<u8>) -> Option<usize> {
    while let Some(&byte) = line.get(at) {
        at = match byte {
            b'"' => double_quoted(line, at + 1, scratch)?,
            b'\'' => single_quoted(line, at + 1, scratch)?,
            _ if ends_word(byte) => return Some(at),
            _ => {
                scratch.push(byte);
                at + 1
            }
        };
        if matches!(byte, b'"' | b'\'') {
            // A closing quote ends the word, and must be followed by a space or nothing at all.
            return line.get(at).is_none_or(|&next| is_space(next)).then_some(at);
        }
    }
    Some(at)
}

fn double_quoted(line: &[u8], mut at: usize, scratch: &mut Vec<u8>) -> Option<usize> {
    loop {
        match line[at..] {
            [] => return None,
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                scratch.push(hex_digit(high) << 4 | hex_digit(low));
                at += 4;
            }
            [b'\\', escaped, ..] => {
                scratch.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => other,
                });
                at += 2;
            }
            [b'"', ..] => return Some(at + 1),
            [byte, ..] => {
                scratch.push(byte);
                at += 1;
            }
        }
    }
}

fn single_quoted(line: &[u8], mut at: usize, scratch: &mut Vec<u8>) -> Option<usize> {
    loop {
        match line[at..] {
            [] => return None,
            [b'\\', b'\'', ..] => {
                scratch.push(b'\'');
                at += 2;
            }
            [b'\'', ..] => return Some(at + 1),
            [byte, ..] => {
                scratch.push(byte);
                at += 1;
            }
        }
    }
}

fn hex_digit(digit: u8) -> u8 {
    (digit as char).to_digit(16).expect("checked to be a hexadecimal digit") as u8
}
