//! Data that Redis has left: snapshots and logs, read once and made into what is ours. They are never changed.
//!
//! ```text
//! source: which files count ─┬─ snapshot ──────────────────────────────> bases, or without a log key spaces (fill)
//!                            └─ log: scan, then run (executor) ─ key space ─> bases
//! ```

mod executor;
mod fill;
mod log;
mod missing;
mod snapshot;
mod source;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::bridge::loading::Loading;
use crate::cluster::SlotMap;
use crate::codec::aof::AofError;
use crate::codec::rdb::{Problem, RdbError};
use crate::data_plane::disk::FolderDisk;
use crate::data_plane::restore::bases::Bases;
use crate::data_plane::restore::redis::executor::Executor;
use crate::data_plane::restore::redis::fill::Filling;
use crate::data_plane::restore::redis::missing::Missing;
use crate::keyspace::{Keyspace, SLOT_COUNT};
use crate::persist::disk::{Disk, DiskError};
use crate::persist::load;
use crate::persist::manifest::Manifest;
use crate::persist::name::IMPORTING;

pub use snapshot::{Figures, Sink, Terms, store};
pub use source::{at, find};

/// Files that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    pub kind: Kind,
    /// What to call them all.
    pub name: PathBuf,
    /// In the order in which they are read.
    pub parts: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Snapshot,
    Log,
}

/// Why the files of Redis cannot be read, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot read {}: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{} is damaged {error}. {}", file.display(), advice(error))]
    Snapshot { file: PathBuf, error: RdbError },
    #[error(
        "{} has keys of database {index}, and there are {databases} databases: start with more (`databases`)",
        file.display()
    )]
    Database { file: PathBuf, index: u64, databases: u16 },
    #[error(
        "{} holds what is not built yet, and is left as it is: {missing}. Keep it with Redis until then, or remove that \
         there and save again",
        file.display()
    )]
    Missing { file: PathBuf, missing: Missing },
    #[error(
        "{} is damaged at byte {offset}: {error}. Restore it from a copy, or mend a copy by redis-check-aof --fix",
        file.display()
    )]
    Format { file: PathBuf, offset: u64, error: AofError },
    #[error(
        "{} ends in the middle of a request or of a transaction, which begins at byte {offset}. {}",
        file.display(),
        torn_advice(*is_last)
    )]
    Torn { file: PathBuf, offset: u64, is_last: bool },
    #[error(
        "{}: {command} at byte {offset} was answered by {reply}. Nothing that Redis has logged should be; the file is left \
         as it is",
        file.display()
    )]
    Request { file: PathBuf, offset: u64, command: String, reply: String },
    #[error("{}: line {line} names no part of a log", file.display())]
    Manifest { file: PathBuf, line: usize },
    #[error(
        "{} has {count} manifests of Redis: name the one that counts, or the file that is to be read",
        folder.display()
    )]
    NoManifest { folder: PathBuf, count: usize },
    #[error(transparent)]
    Disk(#[from] DiskError),
}

fn advice(error: &RdbError) -> &'static str {
    match error.problem {
        Problem::Checksum { .. } => {
            "Restore it from a copy; `rdbchecksum no` loads it although some of its bytes are wrong"
        }
        Problem::Version(_) | Problem::OldFunction => "Save it again with a version of Redis up to 7.2",
        Problem::StringTooLong(_) => "Raise `proto-max-bulk-len` if there are such strings",
        _ => "Restore it from a copy, or move it away to begin with nothing",
    }
}

fn torn_advice(is_last: bool) -> &'static str {
    match is_last {
        true => "`aof-load-truncated yes` starts without what comes behind",
        false => {
            "Other parts follow it, so this is damage: restore it from a copy, or mend a copy by redis-check-aof --fix"
        }
    }
}

/// What is read, by what, and for whom.
pub struct Import<'i> {
    pub files: &'i Files,
    pub terms: Terms,
    pub slots: &'i SlotMap,
    pub progress: &'i Loading,
}

impl Import<'_> {
    /// Reads a snapshot into key spaces, one for each shard.
    pub fn load_snapshot(
        &self,
        empty: impl Fn() -> Keyspace + Sync,
    ) -> Result<(Vec<Keyspace>, Figures), ImportError> {
        self.begin_files();
        std::thread::scope(|scope| {
            let mut filling = Filling::begin(scope, self.slots, &empty, self.terms.now_ms);
            let figures = self.read_snapshot(&mut |found| {
                filling.add(&found);
                Ok(())
            })?;
            Ok((filling.end(), figures))
        })
    }

    /// Makes the files into bases at `position`, one for each shard, and the manifest that names them, which counts from the
    /// moment it is written. What is begun and not ended is marked, so that it can be cleaned up.
    pub fn make_bases(
        &self,
        disk: &FolderDisk,
        mut manifest: Manifest,
        position: u64,
        empty: impl FnOnce() -> Keyspace,
    ) -> Result<(Manifest, Figures), ImportError> {
        let begun = Instant::now();
        self.begin_files();
        begin(disk)?;
        let before = manifest.clone();
        let figures = self.fill_bases(disk, &mut manifest, position, empty).inspect_err(|_| {
            // If it cannot be removed now, the next start does.
            let _ = load::remove_leftovers(disk, &before).and_then(|()| end(disk));
        })?;
        manifest.replace(disk)?;
        end(disk)?;
        tracing::info!(
            keys = figures.keys,
            expired = figures.expired,
            seconds = begun.elapsed().as_secs_f64(),
            "{} of Redis was read, and is not needed any more",
            self.files.name.display()
        );
        Ok((manifest, figures))
    }

    fn fill_bases(
        &self,
        disk: &FolderDisk,
        manifest: &mut Manifest,
        position: u64,
        empty: impl FnOnce() -> Keyspace,
    ) -> Result<Figures, ImportError> {
        let mut bases = Bases::create(disk, manifest, self.slots, position)?;
        let figures = match self.files.kind {
            Kind::Snapshot => self.copy_snapshot(&mut bases)?,
            Kind::Log => self.copy_log(empty(), &mut bases)?,
        };
        manifest.shards = bases.finish()?;
        Ok(figures)
    }

    fn begin_files(&self) {
        let lengths = self.files.parts.iter().filter_map(|path| path.metadata().ok());
        self.progress.begin_files(lengths.map(|data| data.len()).sum());
    }

    fn copy_snapshot(&self, bases: &mut Bases<'_>) -> Result<Figures, ImportError> {
        self.read_snapshot(&mut |found| {
            let (value, deadline_ms) = snapshot::stored(&found.entry);
            Ok(bases.add(found.database, found.entry.key, value, deadline_ms)?)
        })
    }

    fn read_snapshot(&self, sink: &mut Sink<'_>) -> Result<Figures, ImportError> {
        let figures = read_whole_snapshot(&self.files.parts[0], &self.terms, self.progress, sink)?;
        self.progress.note_keys(figures.keys, figures.expired);
        Ok(figures)
    }

    fn copy_log(&self, empty: Keyspace, bases: &mut Bases<'_>) -> Result<Figures, ImportError> {
        let mut executor = Executor::new(empty, &self.terms);
        log::read(self.files, &self.terms, &mut executor, self.progress)?;
        let keyspace = executor.into_keyspace();
        let databases = 0..keyspace.database_count();
        let all: usize = databases.clone().map(|database| keyspace.len(database)).sum();
        for database in databases {
            for slot in 0..SLOT_COUNT as u16 {
                bases.of_slot(slot).add_slot(&keyspace, database, slot, self.terms.now_ms)?;
            }
        }
        let keys = bases.key_count();
        Ok(Figures { keys, expired: all as u64 - keys, ..Figures::default() })
    }
}

/// Reads a snapshot of which everything is built.
pub fn read_whole_snapshot(
    path: &Path,
    terms: &Terms,
    progress: &Loading,
    sink: &mut Sink<'_>,
) -> Result<Figures, ImportError> {
    let mut missing = Missing::default();
    let figures = snapshot::read(path, terms, &mut missing, progress, sink)?;
    match missing.is_empty() {
        true => Ok(figures),
        false => Err(ImportError::Missing { file: path.to_owned(), missing }),
    }
}

/// Says that what comes is not complete.
fn begin(disk: &FolderDisk) -> Result<(), DiskError> {
    if !is_begun(disk)? {
        disk.create(IMPORTING).map_err(DiskError::of("create", IMPORTING))?;
    }
    disk.sync_folder().map_err(DiskError::of("sync the folder of", IMPORTING))
}

/// Whether an import has begun here, and none has ended.
pub fn is_begun(disk: &FolderDisk) -> Result<bool, DiskError> {
    let names = disk.list().map_err(DiskError::of("list", "the folder"))?;
    Ok(names.iter().any(|name| name == IMPORTING))
}

/// A manifest names what was made.
pub fn end(disk: &FolderDisk) -> Result<(), DiskError> {
    match is_begun(disk)? {
        true => disk.remove(IMPORTING).map_err(DiskError::of("remove", IMPORTING)),
        false => Ok(()),
    }
}
