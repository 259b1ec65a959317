//! `basalt check DIR [--fix]`: whether a server would start with the logs in a folder, and what would be lost.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::data_plane::disk::FolderDisk;
use crate::persist::check::{Fix, Report, check as examine};
use crate::persist::name::{LOCK, MANIFEST};

const USAGE: &str = "\
Usage: basalt check DIR [--fix]

Reads every file of the logs in DIR, which is `appenddirname` (by default
appendonlydir) in the server's directory, or that directory itself. Says of each
whether it is good. The server must not run.

  --fix   cut damaged and torn logs, and lose what follows there

Ends with 0 when a server starts with all of it, 1 when not, and 2 when the
folder cannot be examined.
";

/// Where the logs are by default.
const FOLDER: &str = "appendonlydir";
const EXIT_UNKNOWN: u8 = 2;

/// Examines a folder as the arguments say, and prints what it found.
pub fn check(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut fix = Fix::Nothing;
    let mut folders = Vec::new();
    for argument in arguments {
        match argument.to_str() {
            Some("--fix") => fix = Fix::Cut,
            Some("--help" | "-h") => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            Some(flag) if flag.starts_with('-') => {
                eprintln!("There is no flag {flag}.\n\n{USAGE}");
                return ExitCode::from(EXIT_UNKNOWN);
            }
            _ => folders.push(PathBuf::from(argument)),
        }
    }
    let [folder] = &folders[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(EXIT_UNKNOWN);
    };
    match examine_folder(folder, fix) {
        Ok(report) => {
            print!("{report}");
            if report.verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::from(EXIT_UNKNOWN)
        }
    }
}

fn examine_folder(folder: &Path, fix: Fix) -> Result<Report, String> {
    let inner = folder.join(FOLDER);
    let folder = if folder.join(MANIFEST).exists() || !inner.exists() { folder } else { &inner };
    if !folder.is_dir() {
        return Err("there is no such folder".to_owned());
    }
    // Where nothing was kept there is no lock, and none is left behind.
    let lock = File::open(folder.join(LOCK)).ok();
    if lock.is_some_and(|lock| lock.try_lock().is_err()) {
        return Err("a server is using this folder: stop it first".to_owned());
    }
    let disk = FolderDisk { folder: folder.to_owned() };
    examine(&disk, fix).map_err(|error| error.to_string())
}
