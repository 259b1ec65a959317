//! The matcher against recorded answers, against a naive model, and against the pattern that hurts.

use std::time::Instant;

use proptest::prelude::*;

use super::{Case, glob_match};

mod answers;

fn matches(pattern: &str, text: &str) -> bool {
    glob_match(pattern.as_bytes(), text.as_bytes(), Case::Sensitive)
}

fn matches_any_case(pattern: &str, text: &str) -> bool {
    glob_match(pattern.as_bytes(), text.as_bytes(), Case::Insensitive)
}

/// The obvious matcher: try every length for every star. Exponential, so only for short patterns.
fn naive(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
        [b'?', rest @ ..] => !text.is_empty() && naive(rest, &text[1..]),
        [b'[', inside @ ..] if !text.is_empty() => {
            let (members, rest) = naive_class(inside);
            members[usize::from(text[0])] && naive(rest, &text[1..])
        }
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => {
            text.first() == Some(literal) && naive(rest, &text[1..])
        }
    }
}

/// The set of bytes that a class stands for, and what follows it.
fn naive_class(inside: &[u8]) -> ([bool; 256], &[u8]) {
    let mut members = [false; 256];
    let (negated, mut rest) = match inside {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    loop {
        rest = match rest {
            [] => break,
            [b']', after @ ..] => {
                rest = after;
                break;
            }
            [b'\\', member, after @ ..] => {
                members[usize::from(*member)] = true;
                after
            }
            [first, b'-', last, after @ ..] => {
                for member in *first.min(last)..=*first.max(last) {
                    members[usize::from(member)] = true;
                }
                after
            }
            [member, after @ ..] => {
                members[usize::from(*member)] = true;
                after
            }
        };
    }
    (members.map(|is_member| is_member != negated), rest)
}

#[test]
fn answers_are_those_of_redis() {
    for &(pattern, text, expected) in answers::ANSWERS {
        assert_eq!(matches(pattern, text), expected, "pattern {pattern:?}, text {text:?}");
    }
}

#[test]
fn the_naive_model_agrees_with_the_recorded_answers() {
    for &(pattern, text, expected) in answers::ANSWERS.iter().filter(|row| row.1.len() < 12) {
        assert_eq!(
            naive(pattern.as_bytes(), text.as_bytes()),
            expected,
            "pattern {pattern:?}, text {text:?}"
        );
    }
}

#[test]
fn case_is_ignored_when_asked() {
    for pattern in ["PORT*", "P[O]RT", "p[N-P]rt", "[^\\P]ort", "[P-P]ort", "\\Po[r]t", "por[T]", "POR?"] {
        assert!(matches_any_case(pattern, "port"), "{pattern}");
    }
    for pattern in ["[\\P]ort", "[^P]ort", "[^p-P]ort"] {
        assert!(!matches_any_case(pattern, "port"), "{pattern}");
    }
}

#[test]
fn many_stars_take_bounded_time() {
    let pattern = "a*".repeat(1_000) + "b";
    let text = "a".repeat(10_000);
    let started = Instant::now();
    assert!(!matches(&pattern, &text));
    assert!(started.elapsed().as_secs() < 5, "took {:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_naive_model(pattern in "[ab\\[\\]^\\\\*?-]{0,9}", text in "[ab\\[\\]^\\\\-]{0,7}") {
        prop_assert_eq!(matches(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn any_bytes_are_safe(pattern: Vec<u8>, text: Vec<u8>) {
        glob_match(&pattern, &text, Case::Insensitive);
    }
}
