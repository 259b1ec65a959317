//! Settings against redis-server 7.0.15 and against their own table.

mod arguments;
mod files;
mod get;
mod rewrite;
mod rows;
mod set;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use super::{Config, ConfigError, Start};

/// A directory of its own for a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = env::temp_dir().join(format!("basalt-config-{}-{test}", process::id()));
        // It is there only if a test with this number was killed.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path.canonicalize().unwrap())
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn start(&self, arguments: &[&str], input: &str) -> Result<Start, ConfigError> {
        start_in(&self.0, arguments, input)
    }

    fn config(&self, arguments: &[&str]) -> Config {
        served(self.start(arguments, ""))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn start_in(directory: &Path, arguments: &[&str], input: &str) -> Result<Start, ConfigError> {
    let arguments = arguments.iter().map(OsString::from);
    Config::from_args_in(directory.to_owned(), arguments, &mut input.as_bytes())
}

fn served(start: Result<Start, ConfigError>) -> Config {
    match start {
        Ok(Start::Serve(config)) => *config,
        Ok(other) => panic!("expected a configuration, found {other:?}"),
        Err(error) => panic!("{error}"),
    }
}

fn defaults() -> Config {
    Config::with_defaults("/".into())
}

/// The one value that CONFIG GET shows for a name.
fn shown(config: &Config, name: &str) -> String {
    let found = config.matching(&[name.as_bytes()]);
    assert_eq!(found.len(), 1, "values of {name}");
    String::from_utf8(found[0].1.clone()).unwrap()
}
