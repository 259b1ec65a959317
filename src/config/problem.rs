//! What an operator is told when the configuration cannot be used: every problem at once, each with what to
//! do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::value::{ValueError, without_number};

/// Why the server cannot start with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("Fatal error, can't open config file '{}': {}", path.display(), without_number(source))]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("Fatal error, can't read the configuration from standard input: {}", without_number(.0))]
    Input(io::Error),
    /// In the order of the lines they are about.
    #[error("*** FATAL CONFIG FILE ERROR (Basalt {}) ***{}", env!("CARGO_PKG_VERSION"), List(.0))]
    Problems(Vec<Problem>),
}

/// One line that cannot be used.
#[derive(Debug)]
pub struct Problem {
    pub line: Line,
    pub reason: Reason,
}

/// A line of configuration and where it came from.
#[derive(Clone, Debug)]
pub struct Line {
    pub place: Place,
    pub text: String,
}

/// Where a line of configuration came from. Lines count from 1.
#[derive(Clone, Debug)]
pub enum Place {
    File { path: PathBuf, line: usize },
    Input { line: usize },
    CommandLine,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    #[error("Unbalanced quotes in configuration line")]
    UnbalancedQuotes,
    #[error("There is no setting '{name}'{}", suggestion(*nearest))]
    UnknownName { name: String, nearest: Option<&'static str> },
    #[error("{0}")]
    Value(ValueError),
    /// Valid, but its absence would be missed.
    #[error("'{name} {value}' is refused: {why}. Remove the line or {}", instead(name, accepted))]
    Refused { name: &'static str, value: String, why: &'static str, accepted: &'static [&'static str] },
    #[error("'{name}' is refused: {why}. Remove the line.")]
    RefusedDirective { name: &'static str, why: &'static str },
    #[error("can't open the included file '{}': {}", path.display(), without_number(source))]
    Include { path: PathBuf, source: io::Error },
    #[error("more than {0} files are included; perhaps one of them includes itself")]
    TooManyIncludes(usize),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

fn instead(name: &str, accepted: &[&str]) -> String {
    let value = match accepted.first() {
        Some(&"") | None => "\"\"",
        Some(value) => value,
    };
    format!("say '{name} {value}'.")
}

/// So many problems are shown, and so many characters of a line: the file may be none of a configuration.
const PROBLEMS_SHOWN: usize = 30;
const TEXT_SHOWN: usize = 256;

/// The front of a text, without what a terminal would take for commands.
pub(super) fn legible(text: &str, characters: usize) -> String {
    let cut = text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end]);
    let shown: String = cut.chars().map(|it| if it.is_control() { '?' } else { it }).collect();
    if cut.len() < text.len() { shown + "..." } else { shown }
}

struct List<'a>(&'a [Problem]);

impl fmt::Display for List<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Problem { line, reason } in self.0.iter().take(PROBLEMS_SHOWN) {
            write!(out, "\n{}\n>>> '{}'\n{reason}", line.place, legible(&line.text, TEXT_SHOWN))?;
        }
        match self.0.len().saturating_sub(PROBLEMS_SHOWN) {
            0 => Ok(()),
            more => write!(out, "\nand {more} more"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, line } => {
                write!(out, "Reading the configuration file {}, at line {line}", path.display())
            }
            Place::Input { line } => {
                write!(out, "Reading the configuration from standard input, at line {line}")
            }
            Place::CommandLine => write!(out, "Reading the command line"),
        }
    }
}
