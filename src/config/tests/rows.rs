//! Every setting of Redis is a row with Redis' default, and the generated texts say what the rows say.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;

use super::super::flags::{DIRECTIVES, all};
use super::super::{Status, help, reference_page};
use super::{defaults, shown};

/// Name and default of each setting, as CONFIG GET shows them for a server started without arguments.
const REDIS: &str = include_str!("redis-7.0.15.txt");

/// Defaults that differ, with the reason.
const DIFFERING: &[(&str, &str)] =
    &[("dir", "the directory of the process, which the recorded list leaves out")];

const OURS: &[&str] = &["shards", "cpus", "spin-us", "gather-us", "loopback-congestion", "log-format"];

#[test]
fn every_setting_of_redis_is_a_row_with_its_default() {
    let config = defaults();
    for line in REDIS.lines() {
        let (name, default) = line.split_once(' ').unwrap_or((line, ""));
        let differs = shown(&config, name) != default;
        let is_listed = DIFFERING.iter().any(|(listed, _)| *listed == name);
        assert_eq!(differs, is_listed, "{name} is {} here and {default} in Redis", shown(&config, name));
    }
}

#[test]
fn no_row_is_invented() {
    let redis: BTreeMap<&str, ()> = REDIS.lines().map(|line| (line.split(' ').next().unwrap(), ())).collect();
    for name in all().flat_map(|flag| flag.names()) {
        assert!(
            redis.contains_key(name) || OURS.contains(&name),
            "{name} is neither Redis' nor listed as ours"
        );
    }
}

#[test]
fn names_are_unique() {
    let mut seen = BTreeSet::new();
    let directives = DIRECTIVES.iter().map(|directive| directive.name);
    for name in all().flat_map(|flag| flag.names()).chain(directives) {
        assert!(seen.insert(name), "{name} is there twice");
        assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name} is not in lower case");
    }
}

#[test]
fn defaults_are_accepted_by_their_own_rows() {
    for flag in all() {
        assert_eq!(flag.refusal(&flag.default_value()), None, "{}", flag.name);
        if let Status::LaterOnly(accepted, why) | Status::Fixed(accepted, why) = flag.status {
            assert!(accepted.contains(&flag.default), "{}", flag.name);
            assert!(!why.ends_with('.') && why.len() > 20, "{}: {why}", flag.name);
        }
        assert!(flag.help.ends_with('.'), "{}: {}", flag.name, flag.help);
    }
}

#[test]
fn settings_of_the_defaults_are_those_of_redis() {
    let settings = defaults().settings();
    assert_eq!((settings.port, settings.backlog, settings.maxclients), (6379, 511, 10_000));
    assert_eq!((settings.databases, settings.keepalive_s, settings.timeout_s), (16, 300, 0));
    assert_eq!(settings.bulk_bytes_max, 512 << 20);
    assert_eq!(settings.output_limits.pubsub.soft_s, 60);
    assert_eq!(settings.bind.len(), 2);
    assert!(settings.bind[1].is_optional && settings.bind[1].address == "::*");
    assert!(settings.protected_mode && settings.unixsocketperm.is_none() && settings.cpus.is_empty());
}

/// To write the page anew: `BASALT_WRITE_DOCS=1 cargo test reference_page`.
#[test]
fn the_checked_in_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md");
    if env::var_os("BASALT_WRITE_DOCS").is_some() {
        fs::write(&path, reference_page()).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == reference_page(),
        "{} differs from the rows; run with BASALT_WRITE_DOCS=1",
        path.display()
    );
}

#[test]
fn help_shows_what_is_built_and_only_that() {
    let help = help();
    assert!(help.contains("--port (integer 0..65535; default 6379)"));
    assert!(!help.contains("--tls-port"));
}
