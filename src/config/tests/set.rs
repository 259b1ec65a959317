//! CONFIG SET against recorded answers.

use super::super::flags::find;
use super::super::{Config, Status};
use super::{defaults, shown};

/// Lines of names and values, then after `=>` the error, or `OK` and the values that CONFIG GET then showed.
const ANSWERS: &str = include_str!("set-answers.txt");

/// Redis changes these while it runs; here they are given at start.
const IMMUTABLE_HERE: &[&str] = &["port"];

/// Where the answer differs, with the reason.
const DIFFERING: &[(&str, &str, &str)] = &[(
    "client-output-buffer-limit",
    "normal 0 0 99999999999",
    "seconds are kept as given, where Redis shows them cut to 32 bits",
)];

fn set(config: &mut Config, words: &[&str]) -> Result<Vec<&'static str>, String> {
    let pairs: Vec<(&[u8], &[u8])> =
        words.chunks(2).map(|pair| (pair[0].as_bytes(), pair[1].as_bytes())).collect();
    config.set(&pairs).map_err(|error| {
        let mut text = Vec::new();
        error.write_into(&mut text);
        String::from_utf8(text).unwrap()
    })
}

fn answer(config: &mut Config, words: &[&str]) -> String {
    if let Err(error) = set(config, words) {
        return error;
    }
    let mut values: Vec<String> = words.chunks(2).map(|pair| shown(config, pair[0])).collect();
    values.dedup();
    format!("OK {}", values.join("|"))
}

fn is_refused_on_purpose(words: &[&str], ours: &str) -> bool {
    words.chunks(2).any(|pair| {
        find(pair[0].as_bytes()).is_some_and(|(_, flag, _)| match flag.status {
            Status::LaterOnly(_, why) | Status::Fixed(_, why) => ours.ends_with(why),
            Status::Built | Status::Later => false,
        })
    })
}

#[test]
fn answers_are_those_of_redis() {
    let mut wrong = Vec::new();
    for line in ANSWERS.lines() {
        let (words, expected) = line.split_once("\t=> ").unwrap();
        let words: Vec<&str> = words.split('\t').collect();
        let ours = answer(&mut defaults(), &words);
        let is_listed =
            IMMUTABLE_HERE.contains(&words[0]) || DIFFERING.iter().any(|row| words == [row.0, row.1]);
        if ours != expected && !is_listed && !is_refused_on_purpose(&words, &ours) {
            wrong.push(format!("{words:?}: expected {expected}, found {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_is_set_or_nothing() {
    let mut config = defaults();
    set(&mut config, &["timeout", "7", "maxclients", "many"]).unwrap_err();
    assert_eq!(shown(&config, "timeout"), "0");
    set(&mut config, &["timeout", "7", "tls-port", "6380"]).unwrap_err();
    assert_eq!(shown(&config, "timeout"), "0");
}

#[test]
fn changed_rows_are_named_once_and_unchanged_ones_not() {
    let mut config = defaults();
    let words = [
        "timeout",
        "7",
        "maxclients",
        "10000",
        "hash-max-ziplist-value",
        "1",
        "hash-max-listpack-value",
        "2",
    ];
    assert_eq!(set(&mut config, &words).unwrap(), ["timeout", "hash-max-listpack-value"]);
    assert_eq!(config.settings().timeout_s, 7);
}

#[test]
fn what_would_be_missed_is_refused_with_the_reason() {
    for (name, value) in [
        ("maxmemory", "1gb"),
        ("tls-port", "6380"),
        ("min-replicas-to-write", "1"),
        ("notify-keyspace-events", "KEA"),
    ] {
        let error = set(&mut defaults(), &[name, value]).unwrap_err();
        let opening = format!("ERR CONFIG SET failed (possibly related to argument '{name}') - ");
        assert!(error.starts_with(&opening) && error.contains("not built"), "{error}");
    }
}

#[test]
fn a_name_in_an_error_stays_on_its_line() {
    let mut text = Vec::new();
    defaults().set(&[(b"a\r\nb\xff'", b"1")]).unwrap_err().write_into(&mut text);
    assert_eq!(text, b"ERR Unknown option or number of arguments for CONFIG SET - 'a  b\xff''");
    text.clear();
    defaults().set(&[(b"timeout\0", b"1")]).unwrap_err().write_into(&mut text);
    assert_eq!(text, b"ERR Unknown option or number of arguments for CONFIG SET - 'timeout'");
}
