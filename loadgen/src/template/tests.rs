//! Requests made from templates.

use std::collections::HashSet;

use super::{Placeholders, Template, TemplateError, value_of};
use crate::random::Random;
use crate::words::WordsError;

const PLACEHOLDERS: Placeholders = Placeholders { key_space: 1000, key_digits: 12, value_bytes: 3 };

fn check(line: &str, key: u64, expected: &str) {
    let template = Template::parse(line, PLACEHOLDERS).unwrap();
    let mut request = Vec::new();
    template.append_with_key(key, &mut request);
    assert_eq!(String::from_utf8(request).unwrap(), expected, "{line}");
}

#[test]
fn commands_become_arrays_of_bulks() {
    let value = value_of(3);
    check("PING", 5, "*1\r\n$4\r\nPING\r\n");
    check("GET key:{key}", 42, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n");
    check("SET {key}x{key} {value}!", 7, &{
        format!("*3\r\n$3\r\nSET\r\n$25\r\n000000000007x000000000007\r\n$4\r\n{value}!\r\n")
    });
    check("SET k ''", 0, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
    check("GET a{tag}", 0, "*2\r\n$3\r\nGET\r\n$6\r\na{tag}\r\n");
}

#[test]
fn keys_are_uniform_over_the_key_space_and_nothing_else_changes() {
    let template = Template::parse("MSET {key} a {key} b", PLACEHOLDERS).unwrap();
    let mut batch = template.batch(16).unwrap();
    let mut random = Random::new(3);
    let mut seen = HashSet::new();
    for _ in 0..1000 {
        template.draw_keys(&mut batch, &mut random);
        for request in batch.chunks(template.request_bytes()) {
            let text = std::str::from_utf8(request).unwrap();
            let words: Vec<&str> = text.split("\r\n").collect();
            assert_eq!((words[0], words[2], words[6], words[10]), ("*5", "MSET", "a", "b"), "{text:?}");
            seen.extend([words[4], words[8]].map(|key| key.parse::<u64>().unwrap()));
            assert!(words[4].len() == 12 && words[8].len() == 12);
        }
    }
    assert_eq!((seen.len(), *seen.iter().max().unwrap()), (1000, 999));
}

#[test]
fn the_width_of_a_key_is_an_option() {
    let narrow = Placeholders { key_digits: 3, ..PLACEHOLDERS };
    let template = Template::parse("GET {key}", narrow).unwrap();
    let mut request = Vec::new();
    template.append_with_key(999, &mut request);
    assert_eq!(request, b"*2\r\n$3\r\nGET\r\n$3\r\n999\r\n");
    let refused = Template::parse("GET {key}", Placeholders { key_digits: 2, ..PLACEHOLDERS });
    assert_eq!(refused.unwrap_err(), TemplateError::NarrowKey { key_space: 1000, needed: 3, digits: 2 });
}

#[test]
fn broken_commands_and_huge_batches_are_refused() {
    let refused = Template::parse("GET 'x", PLACEHOLDERS).unwrap_err();
    assert_eq!(refused, TemplateError::Words { line: "GET 'x".into(), source: WordsError::OpenQuote('\'') });
    let template = Template::parse("PING", PLACEHOLDERS).unwrap();
    assert!(matches!(template.batch(u32::MAX), Err(TemplateError::LargeBatch { .. })));
}
