//! Everything about settings: one table of rows, and what reads it: the command line, configuration files,
//! CONFIG, the help and the reference page.

mod arguments;
mod file;
mod flag;
mod flags;
mod help;
mod include;
mod lists;
mod nearest;
mod page;
mod problem;
mod rewrite;
mod set;
mod settings;
mod value;
mod words;

#[cfg(test)]
mod tests;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::sys::glob::{Case, glob_match};

use self::arguments::Arguments;
use self::file::Loader;

pub use self::flag::{Change, Flag, Kind, Status};
pub use self::flags::{SECTIONS, Section};
pub use self::help::help;
pub use self::page::reference_page;
pub use self::problem::{ConfigError, Line, Place, Problem, Reason};
pub use self::rewrite::RewriteError;
pub use self::set::{SetError, SetFailure};
pub use self::settings::{
    Access, BindAddress, Fsync, Lfu, LogFormat, LogLevel, LogSettings, OutputLimits, Settings, ShutdownHow,
    SnapshotSettings,
};
pub use self::value::{OutputLimit, Value, ValueError};

/// Settings that no log shows.
const SECRETS: &[&str] = &["requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass"];

/// The values of all settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// By index of the row.
    values: Vec<Value>,
    /// The file to which CONFIG REWRITE writes.
    file: Option<PathBuf>,
    /// Relative paths of a configuration file are meant from here.
    started_in: PathBuf,
}

/// What the command line asks the server to do.
#[derive(Debug)]
pub enum Start {
    Serve(Box<Config>),
    Version,
    Help,
}

impl Config {
    /// Reads the command line without the program's name, the file it names, and standard input if it says
    /// `-`.
    ///
    /// # Errors
    /// A file that cannot be read, or all lines and arguments that cannot be used.
    pub fn from_args(arguments: impl Iterator<Item = OsString>) -> Result<Start, ConfigError> {
        let started_in = env::current_dir()
            .map_err(|source| ConfigError::Unreadable { path: PathBuf::from("."), source })?;
        Config::from_args_in(started_in, arguments, &mut io::stdin())
    }

    /// As `from_args`, in a directory and with an input of the caller's choice.
    pub fn from_args_in(
        started_in: PathBuf,
        arguments: impl Iterator<Item = OsString>,
        input: &mut dyn Read,
    ) -> Result<Start, ConfigError> {
        let (file, reads_input, lines) = match Arguments::parse(arguments) {
            Arguments::Version => return Ok(Start::Version),
            Arguments::Help => return Ok(Start::Help),
            Arguments::Serve { file, reads_input, lines } => (file, reads_input, lines),
        };
        let mut config = Config::with_defaults(started_in);
        config.file = file.map(|path| config.started_in.join(path));
        let file = config.file.clone();
        let mut loader = Loader::new(config);
        if let Some(path) = file {
            let text =
                fs::read(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
            loader.load_file_text(&path, &text);
        }
        if reads_input {
            let mut text = Vec::new();
            input.read_to_end(&mut text).map_err(ConfigError::Input)?;
            loader.load(&text, |line| Place::Input { line });
        }
        loader.load(&lines, |_| Place::CommandLine);
        loader.finish().map(|config| Start::Serve(Box::new(config))).map_err(ConfigError::Problems)
    }

    /// The defaults, for a server started in this directory without a file.
    pub fn with_defaults(started_in: PathBuf) -> Config {
        let mut config =
            Config { values: flags::all().map(Flag::default_value).collect(), file: None, started_in };
        let directory = config.started_in.as_os_str().as_bytes().to_vec();
        config.values[index_of("dir")] = Value::Text(directory);
        config
    }

    /// The configuration file, if the server was started with one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The names and values that CONFIG GET answers for these patterns, in any letter case: each name once,
    /// in the order of the patterns and then of the table. A name without wildcards is given back as it was
    /// asked for.
    pub fn matching(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for pattern in patterns {
            let has_wildcard = pattern.iter().any(|byte| b"*?[".contains(byte));
            for (flag, value) in flags::all().zip(&self.values) {
                for name in flag.names() {
                    let name = name.as_bytes();
                    let is_match = if has_wildcard {
                        glob_match(pattern, name, Case::Insensitive)
                    } else {
                        name.eq_ignore_ascii_case(pattern)
                    };
                    if is_match && !found.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                        let shown_name = if has_wildcard { name } else { pattern };
                        found.push((shown_name.to_vec(), flag.show(value)));
                    }
                }
            }
        }
        found
    }

    /// Names and values of the settings that are not as by default, for people: passwords are left out.
    pub fn unlike_defaults(&self) -> Vec<(&'static str, String)> {
        let defaults = Config::with_defaults(self.started_in.clone());
        let found = flags::all().zip(&self.values).zip(&defaults.values);
        found
            .filter(|((_, value), default)| value != default)
            .map(|((flag, value), _)| match SECRETS.contains(&flag.name) {
                true => (flag.name, "(hidden)".to_owned()),
                false => (flag.name, String::from_utf8_lossy(&flag.show(value)).into_owned()),
            })
            .collect()
    }

    fn value(&self, name: &str) -> &Value {
        &self.values[index_of(name)]
    }

    fn text(&self, name: &str) -> &[u8] {
        let Value::Text(text) = self.value(name) else { unreachable!("{name} is a text") };
        text
    }

    /// A path, unless it is empty.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name);
        (!text.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(text)))
    }
}

fn index_of(name: &str) -> usize {
    let (index, ..) = flags::find(name.as_bytes()).unwrap_or_else(|| panic!("there is no row {name}"));
    index
}
