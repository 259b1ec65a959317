//! The reference page `docs/config.md`, made from the rows.

use super::flag::{Change, Flag, Status};
use super::flags::{DIRECTIVES, SECTIONS};

const OPENING: &str = "\
# Settings

This page is made from the table in `src/config/flags/`; a test fails when the two differ.

Every setting of Redis 7.0.15 is known, under its old names too, so that an existing `redis.conf` can be
read. A name that is not known stops the start, with the nearest known one. The column *state* says what a
setting does here:

- **built**: it does what is said.
- **kept**: any valid value is accepted, shown by CONFIG GET and written by CONFIG REWRITE, but nothing acts
  on it yet. No data and no protection is lost by that.
- **only** some value: another is refused, at start and by CONFIG SET, because its absence would be missed
  without a sign. The reason follows.

The last line about a setting holds, and the command line holds over the file, so `--daemonize no` takes
back a `daemonize yes`. All problems of a file are reported at once.

*Live* settings change with CONFIG SET; the others are given at start. Memory is in bytes, or with a unit:
`k` `m` `g` count in thousands, `kb` `mb` `gb` in 1024s.

What differs from Redis: `databases` is at most 16; `port` and `bind` cannot be
changed while the server runs; `dir` is shown as it was resolved at start; `hz` and
`repl-backlog-size` are kept as given, where Redis moves them into bounds of its own.
";

/// The text of the page.
pub fn reference_page() -> String {
    let mut page = OPENING.to_owned();
    for section in SECTIONS {
        page.push_str(&format!("\n## {}\n\n", section.title));
        page.push_str("| setting | values | default | live | state | |\n|---|---|---|---|---|---|\n");
        for flag in section.flags {
            page.push_str(&table_line(flag));
        }
    }
    page.push_str("\n## Lines that set no value\n\n");
    page.push_str("| line | state | |\n|---|---|---|\n");
    page.push_str(
        "| `include` | built | Reads another file, or all that match a pattern, in place of the line. |\n",
    );
    for directive in DIRECTIVES {
        let state = match directive.refusal {
            Some(why) => format!("refused: {why}"),
            None => "kept".to_owned(),
        };
        page.push_str(&format!("| `{}` | {state} | {} |\n", directive.name, directive.help));
    }
    page
}

fn table_line(flag: &Flag) -> String {
    let names: Vec<String> = flag.names().map(|name| format!("`{name}`")).collect();
    let default = if flag.default.is_empty() { String::new() } else { format!("`{}`", flag.default) };
    let live = if flag.change == Change::Live { "yes" } else { "" };
    let state = match flag.status {
        Status::Built => "**built**".to_owned(),
        Status::Later => "kept".to_owned(),
        Status::LaterOnly(accepted, why) | Status::Fixed(accepted, why) => {
            format!("only {}: {why}", quoted_values(accepted))
        }
    };
    let values = flag.kind.describe();
    format!("| {} | {values} | {default} | {live} | {state} | {} |\n", names.join(", "), flag.help)
}

fn quoted_values(values: &[&str]) -> String {
    let quote = |value: &&str| {
        if value.is_empty() { "`\"\"`".to_owned() } else { format!("`{value}`") }
    };
    values.iter().map(quote).collect::<Vec<_>>().join(", ")
}
