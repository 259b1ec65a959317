//! `basalt doctor`: compares this host with the list of `tuning.md` and says what to change, the most worthwhile first.
//!
//! Each check is a row of `checks` and a function from `Host` to a verdict. What the host says is read through `Tree`,
//! below a folder of the caller's choice.

mod check;
mod checks;
mod cores;
mod cpu_set;
mod host;
mod interrupts;
mod json;
mod limits;
mod memory;
mod network;
mod power;
mod profiles;
mod report;
mod storage;
mod text;
mod tree;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::config::{Config, ConfigError, Settings, Start};

use self::host::{Host, Probes};
use self::report::Report;
use self::text::Paint;
use self::tree::Tree;

const USAGE: &str = "\
Usage: basalt doctor [--json] [FILE] [--name value ...]

Checks this host for a server that is started with the same file and flags, by
the same user and inside the same unit or container, and says what to change,
the most worthwhile first. Nothing is changed. tuning.md explains each setting.

  --json   one JSON document instead of text

Ends with 0 when nothing important is wrong, 1 when something is, and 2 when the
flags are wrong. Colours need a terminal and NO_COLOR to be unset.
";

/// The flags are wrong, so that nothing was checked.
const EXIT_USAGE: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

enum Request {
    Examine(Box<Settings>, Format),
    Help,
}

/// Runs `basalt doctor` with what stands after that word.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let (settings, format) = match request(arguments.collect()) {
        Ok(Request::Examine(settings, format)) => (*settings, format),
        Ok(Request::Help) => return print(USAGE, ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let probes = Probes::of_this_host(&settings);
    let host = Host { tree: Tree::at(Path::new("/")), settings, probes };
    let report = Report::of(&host);
    let text = match format {
        Format::Json => json::render(&report),
        Format::Text => text::render(&report, paint()),
    };
    print(&text, if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn request(mut arguments: Vec<OsString>) -> Result<Request, ConfigError> {
    let count = arguments.len();
    arguments.retain(|argument| argument != "--json");
    let format = if arguments.len() < count { Format::Json } else { Format::Text };
    match Config::from_args(arguments.into_iter())? {
        Start::Serve(config) => Ok(Request::Examine(Box::new(config.settings()), format)),
        Start::Help | Start::Version => Ok(Request::Help),
    }
}

fn paint() -> Paint {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if io::stdout().is_terminal() && !refused { Paint::Colours } else { Paint::Plain }
}

fn print(text: &str, code: ExitCode) -> ExitCode {
    // A reader that has seen enough and closed the pipe is no failure of the host.
    let _ = io::stdout().write_all(text.as_bytes());
    code
}
