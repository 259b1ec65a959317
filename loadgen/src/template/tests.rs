//! Requests made from templates.

use std::collections::HashSet;

use super::{Draws, Placeholders, Template, TemplateError, value_text, write_decimal};
use crate::keys::{KeyDistribution, KeySampler, Part};
use crate::words::WordsError;

const ALONE: Part = Part { index: 0, count: 1 };

fn placeholders(values: &str) -> Placeholders {
    Placeholders { key_space: 1000, key_digits: 12, values: values.parse().unwrap(), ttl: Some((60, 60)) }
}

fn parse(line: &str) -> Template {
    Template::parse(line, &placeholders("3")).unwrap()
}

/// A request in which every key is the given one.
fn fill(line: &str, key: u64) -> String {
    let placeholders = placeholders("3");
    let text = value_text(3);
    let mut keys = KeySampler::given();
    keys.give(key);
    let mut request = Vec::new();
    let mut draws = Draws::new(keys, 1, &placeholders.values, text.as_bytes());
    Template::parse(line, &placeholders).unwrap().append(&mut draws, &mut request);
    String::from_utf8(request).unwrap()
}

/// Many requests, keys uniform.
fn draw(line: &str, values: &str, count: usize) -> Vec<String> {
    let placeholders = placeholders(values);
    let template = Template::parse(line, &placeholders).unwrap();
    let text = value_text(placeholders.values.most());
    let keys = KeySampler::new(KeyDistribution::Uniform, 1000, ALONE);
    let mut draws = Draws::new(keys, 3, &placeholders.values, text.as_bytes());
    let draw_one = |_| {
        let mut request = Vec::new();
        template.append(&mut draws, &mut request);
        assert!(request.len() <= template.check_batch(1).unwrap());
        String::from_utf8(request).unwrap()
    };
    (0..count).map(draw_one).collect()
}

/// The words of one command, whose lengths must be right.
fn words(request: &str) -> Vec<String> {
    let mut parts = request.split("\r\n");
    let count: usize = parts.next().unwrap().strip_prefix('*').unwrap().parse().unwrap();
    let words = (0..count).map(|_| {
        let bytes: usize = parts.next().unwrap().strip_prefix('$').unwrap().parse().unwrap();
        let word = parts.next().unwrap();
        assert_eq!(word.len(), bytes, "{request:?}");
        word.to_owned()
    });
    let words = words.collect();
    assert_eq!(parts.collect::<Vec<_>>(), [""], "{request:?}");
    words
}

#[test]
fn commands_become_arrays_of_bulks() {
    let value = value_text(3);
    let check = |line: &str, key, expected: &str| assert_eq!(fill(line, key), expected, "{line}");
    check("PING", 5, "*1\r\n$4\r\nPING\r\n");
    check("GET key:{key}", 42, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n");
    check("SET {key}x{key} {value}!", 7, &{
        format!("*3\r\n$3\r\nSET\r\n$25\r\n000000000007x000000000007\r\n$4\r\n{value}!\r\n")
    });
    check("SET k ''", 0, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
    check("GET a{=tag}", 0, "*2\r\n$3\r\nGET\r\n$6\r\na{tag}\r\n");
    check("GET {=key}", 0, "*2\r\n$3\r\nGET\r\n$5\r\n{key}\r\n");
    check("GET {1}{}}{", 0, "*2\r\n$3\r\nGET\r\n$7\r\n{1}{}}{\r\n");
    check("ECHO '{\"a\":1}'", 0, "*2\r\n$4\r\nECHO\r\n$7\r\n{\"a\":1}\r\n");
    check("GET {{key}}", 1, "*2\r\n$3\r\nGET\r\n$14\r\n{000000000001}\r\n");
    check("EXPIRE k {ttl}", 1, "*3\r\n$6\r\nEXPIRE\r\n$1\r\nk\r\n$2\r\n60\r\n");
    check("MULTI ; EXEC", 0, "*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n");
}

#[test]
fn keys_are_drawn_over_the_key_space_and_nothing_else_changes() {
    let mut seen = HashSet::new();
    for request in draw("MSET {key} a {key} b", "3", 16_000) {
        let words = words(&request);
        assert_eq!((&*words[0], &*words[2], &*words[4]), ("MSET", "a", "b"));
        seen.extend([&words[1], &words[3]].map(|key| key.parse::<u64>().unwrap()));
        assert!(words[1].len() == 12 && words[3].len() == 12);
    }
    assert_eq!((seen.len(), *seen.iter().max().unwrap()), (1000, 999));
}

#[test]
fn numbers_are_written_over_zeros() {
    for number in [0, 7, 10, 99, 100, 905, 12_345, 999_999, 1_000_000, u64::MAX] {
        for digits in 0..=24 {
            let mut zeros = vec![b'0'; digits];
            write_decimal(&mut zeros, number);
            let all = format!("{number:024}");
            assert_eq!(String::from_utf8(zeros).unwrap(), all[24 - digits..], "{number} in {digits}");
        }
    }
}

#[test]
fn one_placeholder_can_stand_for_many_words() {
    let request = &draw("MGET a:{keys:10}", "3", 1)[0];
    let keys: HashSet<String> = words(request)[1..].iter().cloned().collect();
    assert!(words(request).len() == 11 && keys.len() > 5 && keys.iter().all(|key| key.starts_with("a:")));
    let pairs = words(&draw("MSET {pairs:3}", "3", 1)[0]);
    assert_eq!(pairs.len(), 7);
    assert_eq!((&pairs[2], &pairs[6]), (&value_text(3), &value_text(3)));
}

#[test]
fn values_change_their_length_and_the_header_with_it() {
    let mut lengths = HashSet::new();
    for request in draw("SET a:{key} <{value}> EX {number:9-11}", "uniform:0-20", 2000) {
        let words = words(&request);
        assert!(words[2].starts_with('<') && words[2].ends_with('>'), "{words:?}");
        lengths.insert(words[2].len());
        assert!((9..=11).contains(&words[4].parse::<u64>().unwrap()));
    }
    assert_eq!(lengths.len(), 21);
}

#[test]
fn random_numbers_have_the_digits_asked_for() {
    for request in draw("INCRBY k {random:3}", "3", 500) {
        assert!((100..1000).contains(&words(&request)[2].parse::<u64>().unwrap()));
    }
    let digits: HashSet<String> =
        draw("ECHO {random:1}", "3", 500).iter().map(|r| words(r)[1].clone()).collect();
    assert_eq!(digits.len(), 10);
}

#[test]
fn the_same_key_is_the_last_one_and_a_new_one_is_new() {
    for request in draw("MSET {key} {same-key} x{same-key} 1", "3", 100) {
        let words = words(&request);
        assert!(words[1] == words[2] && words[3] == format!("x{}", words[1]));
    }
    let created: Vec<String> = draw("GET {new-key}", "3", 3).iter().map(|r| words(r)[1].clone()).collect();
    assert_eq!(created, ["000000001000", "000000001001", "000000001002"]);
}

#[test]
fn the_first_word_with_a_key_is_known() {
    let line = "MSET plain 1 a:{key} {value}";
    let request = fill(line, 5);
    assert_eq!(parse(line).first_key_word(request.as_bytes()), Some(&b"a:000000000005"[..]));
    assert_eq!(parse("PING").first_key_word(b""), None);
}

#[test]
fn the_width_of_a_key_is_an_option() {
    let with = |key_digits| Placeholders { key_digits, ..placeholders("3") };
    let template = Template::parse("GET {key}", &with(3)).unwrap();
    assert_eq!(template.check_batch(1), Ok("*2\r\n$3\r\nGET\r\n$3\r\n999\r\n".len()));
    let refused = Template::parse("GET {key}", &with(2));
    assert_eq!(refused.unwrap_err(), TemplateError::NarrowKey { key_space: 1000, needed: 3, digits: 2 });
}

#[test]
fn misspelt_placeholders_are_refused_with_the_one_that_was_meant() {
    for (wrong, meant) in [
        ("kye", "key"),
        ("Key", "key"),
        ("key:5", "key"),
        ("keys", "keys:N"),
        ("pair:3", "pairs:N"),
        ("samekey", "same-key"),
        ("new_key", "new-key"),
        ("vlaue", "value"),
        ("TTL", "ttl"),
        ("rand:3", "random:N"),
        ("number", "number:LOW-HIGH"),
    ] {
        let line = format!("SET a{{{wrong}}} {{key}}");
        let refused = Template::parse(&line, &placeholders("3")).unwrap_err();
        let expected = TemplateError::Unknown { line, name: wrong.to_owned(), nearest: meant };
        assert_eq!(refused, expected);
        let text = refused.to_string();
        assert!(text.contains(&format!("{{{wrong}}}")) && text.contains(&format!("{{{meant}}}")), "{text}");
        assert_eq!(fill(&format!("ECHO {{={wrong}}}"), 0).lines().last().unwrap(), format!("{{{wrong}}}"));
    }
}

#[test]
fn broken_commands_and_huge_batches_are_refused() {
    let refused = |line: &str, values: &str| Template::parse(line, &placeholders(values)).unwrap_err();
    let expected = TemplateError::Words { line: "GET 'x".into(), source: WordsError::OpenQuote('\'') };
    assert_eq!(refused("GET 'x", "3"), expected);
    for line in ["MGET {keys:0}", "MGET {keys:x}", "SET k {random:19}", "SET k x{ttl}", "SET k {number:5-4}"]
    {
        assert!(matches!(refused(line, "3"), TemplateError::Placeholder { .. }), "{line}");
    }
    assert!(matches!(refused("SET k {value}{value}", "uniform:1-2"), TemplateError::TwoValues { .. }));
    assert!(matches!(refused("MULTI ; ; EXEC", "3"), TemplateError::EmptyCommand { .. }));
    assert!(matches!(refused("MSET {pairs:90000}", "3"), TemplateError::ManyWords { .. }));
    let without = Placeholders { ttl: None, ..placeholders("3") };
    let refused = Template::parse("EXPIRE k {ttl}", &without).unwrap_err();
    assert!(matches!(refused, TemplateError::NoTtl { .. }));
    assert!(matches!(parse("PING").check_batch(u32::MAX), Err(TemplateError::LargeBatch { .. })));
}
