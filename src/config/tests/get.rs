//! CONFIG GET by names and patterns.

use super::defaults;

#[track_caller]
fn check(patterns: &[&str], expected: &[&str]) {
    let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
    let found = defaults().matching(&patterns);
    let words: Vec<String> = found
        .into_iter()
        .flat_map(|(name, value)| [name, value])
        .map(|word| String::from_utf8(word).unwrap())
        .collect();
    assert_eq!(words, expected);
}

#[test]
fn answers_are_those_of_redis() {
    check(&["port"], &["port", "6379"]);
    check(&["PORT"], &["PORT", "6379"]);
    check(&["PORT", "port"], &["PORT", "6379"]);
    check(&["port", "por*", "PORT"], &["port", "6379"]);
    check(&["P?RT"], &["port", "6379"]);
    check(&["po[q-r]t"], &["port", "6379"]);
    check(&["[p]or\\t"], &["port", "6379"]);
    check(&["por\\t"], &[]);
    check(&["[\\P]ort"], &[]);
    check(&["[^a-z]*"], &[]);
    check(&["nope"], &[]);
    check(&["user", "include"], &[]);
    check(&["slave-priority"], &["slave-priority", "100"]);
}

#[test]
fn patterns_are_answered_in_order() {
    check(&["save", "appendonly", "nope"], &["save", "3600 1 300 100 60 10000", "appendonly", "no"]);
    check(&["appendonly", "save"], &["appendonly", "no", "save", "3600 1 300 100 60 10000"]);
}

#[test]
fn an_alias_is_a_name_of_its_own() {
    check(&["replicaof", "slaveof"], &["replicaof", "", "slaveof", ""]);
    check(&["hash-max-*-entries"], &["hash-max-listpack-entries", "512", "hash-max-ziplist-entries", "512"]);
}

#[test]
fn a_star_finds_all_names_of_redis_and_ours() {
    let names = include_str!("redis-7.0.15.txt").lines().count();
    assert_eq!(defaults().matching(&[b"*"]).len(), names + 6);
}

#[test]
fn reports_show_what_differs_from_the_defaults_without_passwords() {
    let mut config = defaults();
    assert_eq!(config.unlike_defaults(), []);
    config.set(&[(b"requirepass", b"sesame"), (b"timeout", b"7"), (b"tls-key-file-pass", b"")]).unwrap();
    let expected = [("timeout", "7".to_owned()), ("requirepass", "(hidden)".to_owned())];
    assert_eq!(config.unlike_defaults(), expected);
}
