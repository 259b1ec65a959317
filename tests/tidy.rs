//! The plan of the house, checked: which room imports which, what pure rooms never touch, where `unsafe` may stand.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and what it may import (docs/architecture.md).
const ROOMS: &[(&str, &[&str])] = &[
    ("sys", &[]),
    ("protocol", &["sys"]),
    ("types", &["sys"]),
    ("keyspace", &["types", "sys"]),
    ("codec", &["types", "sys"]),
    ("cluster", &["sys"]),
    ("commands", &["sys", "protocol", "types", "codec", "keyspace", "cluster"]),
    ("shard", &["sys", "protocol", "types", "keyspace", "codec", "cluster", "commands"]),
    ("session", &["protocol", "commands", "cluster", "shard"]),
    ("persist", &["codec", "types", "keyspace", "sys"]),
    ("config", &["sys"]),
    ("bridge", &["cluster", "config", "sys"]),
    ("control_plane", &["bridge", "config", "cluster", "sys"]),
    ("data_plane", DATA_PLANE),
    ("doctor", &["config", "sys"]),
];

const DATA_PLANE: &[&str] = &[
    "sys", "protocol", "types", "keyspace", "codec", "cluster", "commands", "shard", "session", "persist",
    "config", "bridge",
];

/// Rooms without clock, chance, threads, files and waiting.
const PURE: &[&str] =
    &["protocol", "types", "keyspace", "codec", "commands", "cluster", "shard", "session", "persist"];

const IMPURE_WORDS: &[&str] = &[
    "Instant",
    "SystemTime",
    "std::thread",
    "thread::",
    "thread_local",
    "std::fs",
    "std::env",
    "std::process",
    "fs::",
    "File::",
    "TcpStream",
    "UdpSocket",
    "rand::",
    "getrandom",
    "RandomState::new()",
    "async ",
    ".await",
    "Mutex",
];

/// A library and the only places that know it.
const LIBRARIES: &[(&str, &[&str])] =
    &[("glommio", &["data_plane"]), ("tokio", &["control_plane", "bridge"])];

/// Where `unsafe` may stand.
const UNSAFE_FOLDERS: &[&str] =
    &["src/sys/", "src/keyspace/entry", "src/keyspace/table", "loadgen/src/ring", "benches/"];

const LINES_MAX: usize = 600;

struct Source {
    /// Relative to the project.
    path: String,
    text: String,
}

impl Source {
    fn room(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split_once('/').map(|(room, _)| room)
    }

    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs") || self.path.starts_with("tests/")
    }

    /// Lines without comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.map(|(number, line)| (number, line.split("//").next().unwrap_or("").trim()))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> =
        ["src", "tests", "benches", "loadgen", "fuzz"].map(|name| root.join(name)).into();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.expect("readable").path()) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("readable");
                let path = path.strip_prefix(root).expect("below").display().to_string();
                sources.push(Source { path, text });
            }
        }
    }
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "the sources are found");
    sources
}

/// Fails with all places that `complaint` finds.
fn check(complaint: impl Fn(&Source, &str) -> Option<String>) {
    let mut found = String::new();
    for source in &sources() {
        for (number, line) in source.code() {
            if let Some(text) = complaint(source, line) {
                found += &format!("\n{}:{number}: {text}", source.path);
            }
        }
    }
    assert!(found.is_empty(), "{found}");
}

fn has_word(line: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(is_name))
}

#[test]
fn rooms_import_only_what_the_plan_allows() {
    check(|source, line| {
        let room = source.room()?;
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            return Some(format!("{room} is not a room of the plan"));
        };
        let (_, path) = line.split_once("use crate::")?;
        let imported =
            path.split(|character: char| !character.is_alphanumeric() && character != '_').next()?;
        let fits = imported == room || allowed.contains(&imported);
        (!fits).then(|| format!("{room} must not import {imported:?}"))
    });
}

#[test]
fn paths_from_the_root_stand_only_in_imports() {
    check(|source, line| {
        source.room()?;
        let is_import = ["use ", "pub use ", "pub(super) use "].iter().any(|start| line.starts_with(start));
        let is_inline = has_word(line, "crate::") && !line.contains("$crate::") && !is_import;
        is_inline.then(|| "write `use crate::...` at the top of the file".into())
    });
}

#[test]
fn pure_rooms_have_no_clock_chance_threads_or_files() {
    check(|source, line| {
        let is_pure = PURE.contains(&source.room()?) && !source.is_test();
        let word = IMPURE_WORDS.iter().find(|word| is_pure && has_word(line, word))?;
        Some(format!("{word:?} in a pure room"))
    });
}

#[test]
fn the_planes_keep_their_libraries_to_themselves() {
    check(|source, line| {
        let room = source.room()?;
        let (library, _) = LIBRARIES
            .iter()
            .find(|(library, rooms)| !rooms.contains(&room) && has_word(line, &format!("{library}::")))?;
        Some(format!("{room} must not know {library}"))
    });
}

#[test]
fn unsafe_code_stands_only_where_it_may() {
    check(|source, line| {
        let is_unsafe =
            ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| has_word(line, word));
        let may = UNSAFE_FOLDERS.iter().any(|folder| source.path.starts_with(folder))
            || source.path == "tests/tidy.rs";
        (is_unsafe && !may).then(|| "unsafe".into())
    });
}

#[test]
fn files_say_their_idea_first_and_stay_short() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines: look for the seam", source.path);
        assert!(source.text.starts_with("//!"), "{} does not begin with `//!`", source.path);
    }
}
