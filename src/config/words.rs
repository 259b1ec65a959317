//! The words of a line of configuration, and their quoting: `a "b c\n" 'd\'s'`.

use crate::sys::quoted::write_quoted;

/// Splits a line into words. `None` when a quote is not closed, or is followed by something other than a
/// space.
///
/// In double quotes `\n \r \t \b \a \xHH` and `\` before any other byte are escapes; in single quotes only
/// `\'` is.
pub(super) fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    // A zero byte ends a line, as it does in C.
    let mut rest = line.split(|&byte| byte == 0).next().unwrap_or_default().trim_ascii_start();
    while !rest.is_empty() {
        let (word, after) = take_word(rest)?;
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Some(words)
}

fn take_word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        rest = match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t' | 0x0c, ..] => return Some((word, rest)),
            [b'"', inside @ ..] => {
                let after = take_double_quoted(inside, &mut word)?;
                return ends_word(after).then_some((word, after));
            }
            [b'\'', inside @ ..] => {
                let after = take_single_quoted(inside, &mut word)?;
                return ends_word(after).then_some((word, after));
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        };
    }
}

fn ends_word(rest: &[u8]) -> bool {
    rest.first().is_none_or(u8::is_ascii_whitespace)
}

/// Takes up to the closing quote, and returns what follows it.
fn take_double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [] => return None,
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_digit(*high) << 4 | hex_digit(*low), after)
            }
            [b'\\', escaped, after @ ..] => (unescape(*escaped), after),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

fn take_single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [] => return None,
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.to_ascii_lowercase() - b'a' + 10,
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The word in double quotes, such that `split_words` gives it back.
pub(super) fn quote(word: &[u8]) -> String {
    let mut quoted = Vec::new();
    write_quoted(word, &mut quoted);
    String::from_utf8(quoted).expect("it is printable ASCII")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{quote, split_words};

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn quoted_words_are_split_into_what_they_were(words: Vec<Vec<u8>>) {
            let line = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split_words(line.as_bytes()), Some(words));
        }

        #[test]
        fn any_line_is_safe(line: Vec<u8>) {
            split_words(&line);
        }
    }
}
