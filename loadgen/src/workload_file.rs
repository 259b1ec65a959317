//! A workload as a small TOML file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

/// What a file may hold; whatever is left out has the default of the command line, which also wins over it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WorkloadFile {
    /// For people.
    pub about: Option<String>,
    pub keys: Option<String>,
    pub key_space: Option<u64>,
    pub key_digits: Option<u64>,
    pub value_size: Option<SizeText>,
    pub ttl: Option<String>,
    #[serde(default)]
    pub preload: Vec<String>,
    #[serde(default)]
    pub command: Vec<CommandEntry>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CommandEntry {
    #[serde(default = "one")]
    pub weight: u64,
    pub line: String,
}

/// A plain number needs no quotes.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum SizeText {
    Bytes(u64),
    Text(String),
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadFileError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    Toml { path: PathBuf, source: Box<toml::de::Error> },
}

fn one() -> u64 {
    1
}

impl WorkloadFile {
    pub fn read(path: &Path) -> Result<WorkloadFile, WorkloadFileError> {
        let path = || path.to_owned();
        let text =
            fs::read_to_string(path()).map_err(|source| WorkloadFileError::Read { path: path(), source })?;
        text.parse().map_err(|source| WorkloadFileError::Toml { path: path(), source: Box::new(source) })
    }
}

impl FromStr for WorkloadFile {
    type Err = toml::de::Error;

    fn from_str(text: &str) -> Result<WorkloadFile, toml::de::Error> {
        toml::from_str(text)
    }
}

impl SizeText {
    pub fn text(&self) -> String {
        match self {
            SizeText::Bytes(bytes) => bytes.to_string(),
            SizeText::Text(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SizeText, WorkloadFile};

    #[test]
    fn files_hold_commands_with_weights() {
        let text =
            "value-size = 12\n[[command]]\nweight = 3\nline = \"GET {key}\"\n[[command]]\nline = \"PING\"\n";
        let file: WorkloadFile = text.parse().unwrap();
        let commands: Vec<(u64, &str)> =
            file.command.iter().map(|entry| (entry.weight, &*entry.line)).collect();
        assert_eq!(commands, [(3, "GET {key}"), (1, "PING")]);
        assert_eq!(file.value_size, Some(SizeText::Bytes(12)));
    }

    #[test]
    fn a_misspelt_name_is_refused_with_its_line() {
        let error = "keys = \"zipf\"\nkey_spaces = 1\n".parse::<WorkloadFile>().unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("key_spaces"), "{error}");
    }
}
