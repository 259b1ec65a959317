//! The command line: `basalt [FILE] [--name value ...] [-]`, read as redis-server reads its own.
//!
//! All values after `--name` belong to it up to the next `--`, and the first may not be missing: in `--a --b
//! 1` the value of `a` is `--b`. Only `--save` without a value means none. `-` as the first or last argument
//! reads further lines from standard input, which come after the file and before the arguments.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::words::{quote, split_words};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    Version,
    Help,
    Serve {
        file: Option<PathBuf>,
        reads_input: bool,
        /// The options as lines of a configuration file.
        lines: Vec<u8>,
    },
}

impl Arguments {
    /// `arguments` does not contain the name of the program.
    pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Arguments {
        let mut arguments: Vec<Vec<u8>> = arguments.map(OsString::into_encoded_bytes).collect();
        match arguments.first().map(Vec::as_slice) {
            Some(b"-v" | b"--version") => return Arguments::Version,
            Some(b"-h" | b"--help") => return Arguments::Help,
            _ => {}
        }
        let mut reads_input = false;
        let mut file = None;
        if let Some(first) = arguments.first().filter(|first| !first.starts_with(b"-")) {
            file = Some(path_of(first));
            arguments.remove(0);
        }
        // The first of all arguments or the last.
        if arguments.last().is_some_and(|last| last == b"-") {
            reads_input = true;
            arguments.pop();
        }
        if file.is_none() && arguments.first().is_some_and(|first| first == b"-") {
            reads_input = true;
            arguments.remove(0);
        }
        Arguments::Serve { file, reads_input, lines: option_lines(&arguments) }
    }
}

fn path_of(argument: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(argument.to_vec()))
}

fn option_lines(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    // Whether the last name has its first value, so that `--` begins a name again.
    let mut has_value = true;
    for (index, argument) in arguments.iter().enumerate() {
        match argument.strip_prefix(b"--").filter(|_| has_value) {
            Some(name) => {
                // `--port 6380` as one argument holds its value already.
                has_value = split_words(argument).is_none_or(|words| words.len() != 1);
                lines.push(name.to_vec());
                let next_is_name = arguments.get(index + 1).is_none_or(|next| next.starts_with(b"--"));
                if next_is_name && may_stand_alone(argument) {
                    has_value = true;
                    append(&mut lines, b"\"\"");
                }
            }
            None => {
                has_value = true;
                append(&mut lines, quote(argument).as_bytes());
            }
        }
    }
    lines.join(&b'\n')
}

fn may_stand_alone(argument: &[u8]) -> bool {
    argument.eq_ignore_ascii_case(b"--save") || argument.eq_ignore_ascii_case(b"--sentinel")
}

fn append(lines: &mut Vec<Vec<u8>>, word: &[u8]) {
    match lines.last_mut() {
        Some(line) if !line.is_empty() => {
            line.push(b' ');
            line.extend_from_slice(word);
        }
        _ => lines.push(word.to_vec()),
    }
}
