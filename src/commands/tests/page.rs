//! The reference page of the commands, made from the rows.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use crate::commands::{COMMANDS, Command};

const OPENING: &str = "\
# Commands

This page is made from the rows in `src/commands/`; a test fails when the two differ.

*Arity* counts the words of a request with the name; a negative one is the least that must be there. *Since* is the
version of Redis that brought the command. The arguments are those of Redis 7.0.15; `COMMAND DOCS` lists them.
What answers differently than Redis does, and why, is in [differences.md](differences.md).
";

/// Groups by the names that Redis has for them.
const GROUPS: &[(&str, &str)] = &[
    ("string", "Strings"),
    ("bitmap", "Bitmaps"),
    ("generic", "Keys"),
    ("transactions", "Transactions"),
    ("connection", "Connections"),
    ("server", "Server"),
    ("cluster", "Cluster"),
];

fn page() -> String {
    let mut page = OPENING.to_owned();
    for (group, title) in GROUPS {
        write!(page, "\n## {title}\n\n| command | arity | since | cost | |\n|---|---|---|---|---|\n")
            .unwrap();
        let mut rows: Vec<_> = rows().filter(|row| row.docs.group == *group).collect();
        rows.sort_by_key(|row| row.full_name());
        rows.into_iter().for_each(|row| write_row(row, &mut page));
    }
    page
}

fn rows() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().flat_map(|row| [row].into_iter().chain(row.subcommands))
}

fn write_row(row: &Command, page: &mut String) {
    let container = row.container.map_or(String::new(), |container| format!("{container} "));
    let (name, arity, docs) = (row.name, row.arity, row.docs);
    let (since, cost, summary) = (docs.since, docs.complexity, docs.summary);
    writeln!(page, "| `{container}{name}` | {arity} | {since} | {cost} | {summary} |").unwrap();
}

/// To write the page anew: `BASALT_WRITE_DOCS=1 cargo test command_page`.
#[test]
fn the_checked_in_command_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    if env::var_os("BASALT_WRITE_DOCS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == page(), "{} differs from the rows; run with BASALT_WRITE_DOCS=1", path.display());
}

#[test]
fn every_row_is_in_a_group() {
    assert!(rows().all(|row| GROUPS.iter().any(|(group, _)| row.docs.group == *group)));
}
