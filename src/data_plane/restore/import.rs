//! `basalt import FILE [CONFIG] [--name value ...]`: files of Redis become the data folder of a server that does not run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::bridge::loading::Loading;
use crate::cluster::SlotMap;
use crate::config::{Config, Settings, Start};
use crate::data_plane::core::now_us;
use crate::data_plane::launch::{LaunchError, placement, recency};
use crate::data_plane::restore::redis::{self, Figures, Import, Terms};
use crate::data_plane::restore::{Locked, Read, RestoreError, first_manifest};
use crate::keyspace::{Hasher, Keyspace};
use crate::persist::manifest::find;
use crate::sys::host::random_seeds;

const USAGE: &str = "\
Usage: basalt import FILE [CONFIG] [--name value ...]

Makes the folder `appenddirname` in `dir` of a server that is started with the
same configuration and `appendonly yes`. The server must not run, and its folder
must hold no keys. FILE is left as it is:

  dump.rdb        a snapshot, as SAVE and BGSAVE of Redis 2.6 to 7.2 write it
  appendonly.aof  a log of Redis before 7.0
  appendonlydir   a log of Redis since 7.0, or its manifest in there

Ends with 0 when all keys are there, 1 when none is, and 2 when the arguments
are wrong.
";

const EXIT_USAGE: u8 = 2;

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot use the directory {}: {source}", dir.display())]
    Dir { dir: PathBuf, source: std::io::Error },
    #[error(
        "the folder {} holds {keys} keys already: move it away, or choose another `dir` or `appenddirname`",
        folder.display()
    )]
    Full { folder: PathBuf, keys: usize },
    #[error(transparent)]
    Placement(#[from] LaunchError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// Imports what the arguments say, and prints what came of it.
pub fn import(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.peekable();
    let file = arguments.next_if(|first| !first.as_encoded_bytes().starts_with(b"-"));
    let Some(file) = file else {
        let wants_help = arguments.next().is_some_and(|word| word == "--help" || word == "-h");
        return match wants_help {
            true => {
                print!("{USAGE}");
                ExitCode::SUCCESS
            }
            false => {
                eprint!("{USAGE}");
                ExitCode::from(EXIT_USAGE)
            }
        };
    };
    let settings = match Config::from_args(arguments) {
        Ok(Start::Serve(config)) => config.settings(),
        Ok(Start::Help | Start::Version) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match import_into(Path::new(&file), &settings) {
        Ok(Figures { keys, expired, .. }) => {
            let folder = settings.dir.join(&settings.log.folder);
            println!("{keys} keys are in {} now; {expired} had expired.", folder.display());
            println!("Start the server with `appendonly yes` and this `dir`.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn import_into(file: &Path, settings: &Settings) -> Result<Figures, Failure> {
    let failed = |source| Failure::Dir { dir: settings.dir.clone(), source };
    let file = std::path::absolute(file).map_err(failed)?;
    std::env::set_current_dir(&settings.dir).map_err(failed)?;
    let slots = SlotMap::even(placement(settings)?.len() as u16);
    let hasher = Hasher::with_seeds(random_seeds());
    let empty = || Keyspace::new(settings.databases.into(), hasher.clone(), recency(settings));
    let now_ms = now_us() / 1000;
    let (terms, progress) = (Terms::of(settings, now_ms), Loading::default());
    let files = redis::at(&file, &terms).map_err(RestoreError::from)?;
    let Locked { disk, lock } = Locked::open(&settings.log.folder)?;
    let (manifest, position) = match find(&disk).map_err(RestoreError::from)? {
        None => (first_manifest(&disk, slots.shards.into())?, 0),
        Some(manifest) => {
            let read = Read::all(&disk, &manifest, &settings.log, &empty, now_ms, &progress)?;
            let keys = read.key_count();
            if keys > 0 {
                return Err(Failure::Full { folder: settings.log.folder.clone(), keys });
            }
            // Whoever has numbered positions goes on from there.
            (manifest, read.ends.iter().copied().max().unwrap_or_default())
        }
    };
    let import = Import { files: &files, terms, slots: &slots, progress: &progress };
    let (_, figures) = import.make_bases(&disk, manifest, position, empty).map_err(RestoreError::from)?;
    drop(lock);
    Ok(figures)
}
