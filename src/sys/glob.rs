//! Glob patterns as Redis matches them: `*`, `?`, `[a-z]`, `[^a]` and `\` to take a byte literally.
//!
//! Every part of a pattern but `*` matches exactly one byte. So when a match fails it is enough to let the
//! latest `*` take one byte more, and no earlier one has to be tried again: the time is at most pattern times
//! text, also for `a*a*a*a*b`.

#[cfg(test)]
mod tests;

/// Whether ASCII letters of different case are the same byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Sensitive,
    Insensitive,
}

/// Where to go on when a match fails: after the latest `*`, with it covering the text up to `text_index`.
struct Retry {
    pattern_index: usize,
    text_index: usize,
}

/// Whether all of `text` matches all of `pattern`.
///
/// A class that is never closed ends with the pattern, a range may be given backwards, and a `\` at the very
/// end stands for itself, as in Redis.
pub fn glob_match(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let mut pattern_index = 0;
    let mut text_index = 0;
    let mut retry: Option<Retry> = None;
    while text_index < text.len() {
        if pattern.get(pattern_index) == Some(&b'*') {
            pattern_index += 1;
            retry = Some(Retry { pattern_index, text_index });
            continue;
        }
        if let Some(next_index) = match_one(pattern, pattern_index, text[text_index], case) {
            pattern_index = next_index;
            text_index += 1;
            continue;
        }
        let Some(star) = &mut retry else { return false };
        star.text_index += 1;
        pattern_index = star.pattern_index;
        text_index = star.text_index;
    }
    pattern[pattern_index..].iter().all(|&byte| byte == b'*')
}

/// Matches one byte with the part of the pattern at `index`, and says where the next part begins.
fn match_one(pattern: &[u8], index: usize, byte: u8, case: Case) -> Option<usize> {
    let literal = |at: usize| same(pattern[at], byte, case).then_some(at + 1);
    match pattern.get(index)? {
        b'?' => Some(index + 1),
        b'[' => match_class(pattern, index + 1, byte, case),
        b'\\' if index + 1 < pattern.len() => literal(index + 1),
        _ => literal(index),
    }
}

/// Matches one byte with the class whose first byte after `[` is at `index`.
fn match_class(pattern: &[u8], mut index: usize, byte: u8, case: Case) -> Option<usize> {
    let negated = pattern.get(index) == Some(&b'^');
    if negated {
        index += 1;
    }
    let mut found = false;
    loop {
        match pattern.get(index..).unwrap_or_default() {
            [] => break,
            [b']', ..] => {
                index += 1;
                break;
            }
            [b'\\', escaped, ..] => {
                // Redis compares an escaped member exactly even when case is to be ignored.
                found |= *escaped == byte;
                index += 2;
            }
            [first, b'-', last, ..] => {
                found |= in_range(*first, *last, byte, case);
                index += 3;
            }
            [member, ..] => {
                found |= same(*member, byte, case);
                index += 1;
            }
        }
    }
    (found != negated).then_some(index)
}

fn same(left: u8, right: u8, case: Case) -> bool {
    fold(left, case) == fold(right, case)
}

fn in_range(first: u8, last: u8, byte: u8, case: Case) -> bool {
    let (first, last, byte) = (fold(first, case), fold(last, case), fold(byte, case));
    (first.min(last)..=first.max(last)).contains(&byte)
}

fn fold(byte: u8, case: Case) -> u8 {
    match case {
        Case::Sensitive => byte,
        Case::Insensitive => byte.to_ascii_lowercase(),
    }
}
