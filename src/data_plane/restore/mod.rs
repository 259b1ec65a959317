//! What the server starts with: the logs of the last run, what Redis has left, or nothing.
//!
//! ```text
//! lock the folder -> read the manifest, or make bases of the files of Redis and one that names them
//!   -> scan, decide, replay (a thread for each shard)
//!   -> hand slots to their owners, if they have others than before -> a manifest with new segments
//! ```

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::bridge::loading::Loading;
use crate::cluster::SlotMap;
use crate::codec::record::Ticket;
use crate::config::{Fsync, LogSettings, Settings};
use crate::data_plane::disk::FolderDisk;
use crate::data_plane::keeper::{KeptFile, make_file};
use crate::data_plane::restore::bases::BaseFile;
use crate::data_plane::restore::redis::{Files, Import, ImportError, Kind, Terms};
use crate::data_plane::restore::slots::{are_at_home, bring_home};
use crate::keyspace::{Keyspace, SLOT_COUNT};
use crate::persist::disk::{Disk, DiskError};
use crate::persist::load::{self, LoadError, Log, OnTorn};
use crate::persist::manifest::{Base, FindError, Manifest, Segment, ShardFiles, find};
use crate::persist::name::{Content, FileName, LOCK};
use crate::persist::recovery::Verdict;
use crate::sys::host::random_seeds;

mod again;
mod bases;
mod check;
mod import;
mod redis;
mod slots;

pub use again::{read_shard, read_snapshot};
pub use check::check;
pub use import::import;

/// Numbers of transactions count up from the number of the run, shifted by this.
const RUN_SHIFT: u32 = 40;

/// Why the data of the last run cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("cannot use the folder {}: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error(
        "the folder {} is in use by another server: it has locked {LOCK} there. Stop it, or choose another `dir` or `appenddirname`",
        folder.display()
    )]
    Locked { folder: PathBuf },
    #[error(
        "the folder {} has files of a log, such as {file}, but no basalt.manifest to say which of them count. \
         Restore it from a copy, or move the files away to begin with nothing",
        folder.display()
    )]
    NoManifest { folder: PathBuf, file: String },
    #[error("cannot read the manifest: {0}")]
    Manifest(#[from] FindError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// What the cores begin with.
pub struct Restored {
    /// By shard.
    pub shards: Vec<RestoredShard>,
    pub disk: FolderDisk,
    pub manifest: Manifest,
    /// Held until the end.
    pub lock: File,
}

/// What one core begins with.
pub struct RestoredShard {
    pub keyspace: Keyspace,
    pub segment: KeptFile,
    /// Where its log goes on.
    pub position: u64,
    /// To be written first: transactions that were found incomplete.
    pub voids: Vec<Ticket>,
    /// Where its base is, and how long.
    pub base_position: u64,
    pub base_bytes: u64,
}

impl Restored {
    /// The first number of a transaction in this run.
    pub fn first_transaction(&self) -> u64 {
        self.manifest.run << RUN_SHIFT
    }
}

/// The folder of the logs, which nobody else uses while it is locked.
struct Locked {
    disk: FolderDisk,
    lock: File,
}

impl Locked {
    fn open(folder: &Path) -> Result<Self, RestoreError> {
        let failed = |source| RestoreError::Folder { folder: folder.to_owned(), source };
        let disk = FolderDisk::open(folder).map_err(failed)?;
        let lock = File::create(disk.path(LOCK)).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => RestoreError::Locked { folder: folder.to_owned() },
            TryLockError::Error(source) => failed(source),
        })?;
        Ok(Locked { disk, lock })
    }
}

/// Reads the snapshot of a server without a log into key spaces, one for each shard of `slots`.
pub fn load_snapshot(
    settings: &Settings,
    slots: &SlotMap,
    empty: impl Fn() -> Keyspace + Sync,
    now_ms: u64,
    progress: &Loading,
) -> Result<Vec<Keyspace>, RestoreError> {
    let begun = Instant::now();
    let Some(file) = settings.snapshot.file.as_ref().filter(|file| file.exists()) else {
        return Ok((0..slots.shards).map(|_| empty()).collect());
    };
    let files = Files { kind: Kind::Snapshot, name: file.clone(), parts: vec![file.clone()] };
    let terms = Terms::of(settings, now_ms);
    let (keyspaces, figures) = Import { files: &files, terms, slots, progress }.load_snapshot(empty)?;
    tracing::info!(
        keys = figures.keys,
        expired = figures.expired,
        seconds = begun.elapsed().as_secs_f64(),
        "DB loaded from disk"
    );
    Ok(keyspaces)
}

/// Reads what the folder has into key spaces, one for each shard of `slots`.
pub fn restore(
    server: &Settings,
    slots: &SlotMap,
    empty: impl Fn() -> Keyspace + Sync,
    now_ms: u64,
    progress: &Loading,
) -> Result<Restored, RestoreError> {
    let settings = &server.log;
    let folder = &settings.folder;
    let failed = |source| RestoreError::Folder { folder: folder.clone(), source };
    let Locked { disk, lock } = Locked::open(folder)?;
    let count = usize::from(slots.shards);
    let (old, is_new) = match find(&disk)? {
        Some(manifest) => {
            redis::end(&disk)?;
            (manifest, false)
        }
        None => begin_folder(&disk, server, slots, &empty, now_ms, progress)?,
    };
    let mut read = match is_new {
        true => Read::nothing(&old, count, &empty),
        false => Read::all(&disk, &old, settings, &empty, now_ms, progress)?,
    };
    // A file that a crash has left may have the next number.
    load::remove_leftovers(&disk, &old)?;
    let mut manifest = read.manifest.clone();
    manifest.run += 1;
    let are_moved = old.shards.len() != count || !are_at_home(&read.keyspaces, slots);
    if are_moved || has_grown(&disk, &read, settings) {
        match are_moved {
            true => tracing::info!("Keys are handed from {} shards to {count}", old.shards.len()),
            false => tracing::info!("The log has grown over its bases: new ones are written"),
        }
        let position = read.ends.iter().copied().max().unwrap_or_default();
        bring_home(&mut read.keyspaces, slots, &empty);
        read.voids = vec![Vec::new(); count];
        read.ends = vec![position; count];
        manifest.shards = write_bases(&disk, &mut manifest, &read.keyspaces, position)?;
    }
    let mut segments = Vec::new();
    for shard in 0..slots.shards {
        let number = manifest.take_number();
        manifest.shards[usize::from(shard)].segments.push(Segment { number, end: None });
        let zeroed = settings.fsync == Fsync::Always;
        segments.push(make_file(&disk, FileName::log(shard, number), zeroed).map_err(failed)?);
    }
    manifest.replace(&disk)?;
    load::remove_leftovers(&disk, &manifest)?;
    let parts = read.keyspaces.into_iter().zip(segments).zip(read.ends).zip(read.voids).enumerate();
    let shards = parts.map(|(shard, (((keyspace, segment), position), voids))| {
        let files = &manifest.shards[shard];
        let base_bytes = base_length(&disk, shard, files);
        let base_position = files.base.map_or(0, |base| base.position);
        RestoredShard { keyspace, segment, position, voids, base_position, base_bytes }
    });
    Ok(Restored { shards: shards.collect(), disk, manifest, lock })
}

/// The manifest of a folder that has none yet, and whether it names nothing.
fn begin_folder(
    disk: &FolderDisk,
    settings: &Settings,
    slots: &SlotMap,
    empty: impl Fn() -> Keyspace,
    now_ms: u64,
    progress: &Loading,
) -> Result<(Manifest, bool), RestoreError> {
    let manifest = first_manifest(disk, slots.shards.into())?;
    let Some(files) = redis::find(settings)? else {
        manifest.replace(disk)?;
        redis::end(disk)?;
        return Ok((manifest, true));
    };
    tracing::info!("There is no log of ours yet: {} of Redis is read", files.name.display());
    let terms = Terms::of(settings, now_ms);
    let import = Import { files: &files, terms, slots, progress };
    let (manifest, _) = import.make_bases(disk, manifest, 0, empty)?;
    Ok((manifest, false))
}

/// A manifest for a folder that has none, and so no file that it could name but for those of an import that was interrupted.
fn first_manifest(disk: &FolderDisk, count: usize) -> Result<Manifest, RestoreError> {
    let manifest = Manifest::new(random_seeds()[0], count);
    if redis::is_begun(disk)? {
        load::remove_leftovers(disk, &manifest)?;
    }
    match load::leftovers(disk, &manifest)?.first() {
        Some(file) => Err(RestoreError::NoManifest { folder: disk.folder.clone(), file: file.to_string() }),
        None => Ok(manifest),
    }
}

/// Whether the logs are so much longer than their bases that new bases are worth their while.
fn has_grown(disk: &FolderDisk, read: &Read, settings: &LogSettings) -> bool {
    let (mut log_bytes, mut base_bytes) = (0, 0);
    for (shard, files) in read.manifest.shards.iter().enumerate() {
        log_bytes += read.ends[shard] - files.base.map_or(0, |base| base.position);
        base_bytes += base_length(disk, shard, files);
    }
    let growth = u128::from(log_bytes) * 100;
    settings.compaction_percentage > 0
        && log_bytes >= settings.compaction_bytes_min
        && growth >= u128::from(base_bytes) * u128::from(settings.compaction_percentage)
}

fn base_length(disk: &FolderDisk, shard: usize, files: &ShardFiles) -> u64 {
    let name = files.base.map(|base| FileName::base(shard as u16, base.number).to_string());
    name.and_then(|name| disk.length(&name).ok()).unwrap_or_default()
}

/// What was read of the folder.
struct Read {
    keyspaces: Vec<Keyspace>,
    /// Where each log ends.
    ends: Vec<u64>,
    voids: Vec<Vec<Ticket>>,
    /// The manifest that says so.
    manifest: Manifest,
}

impl Read {
    fn nothing(manifest: &Manifest, count: usize, empty: impl Fn() -> Keyspace) -> Self {
        Read {
            keyspaces: (0..count).map(|_| empty()).collect(),
            ends: vec![0; count],
            voids: vec![Vec::new(); count],
            manifest: manifest.clone(),
        }
    }

    fn all(
        disk: &FolderDisk,
        manifest: &Manifest,
        settings: &LogSettings,
        empty: &(impl Fn() -> Keyspace + Sync),
        now_ms: u64,
        progress: &Loading,
    ) -> Result<Self, RestoreError> {
        let begun = Instant::now();
        progress.begin_files(bytes_to_read(disk, manifest));
        let tell = |bytes: u64| progress.add_bytes(bytes);
        let scan = |shard: usize, files: &ShardFiles| {
            load::scan(disk, manifest.folder, shard as u16, files, &mut &tell)
        };
        let logs = in_parallel(&manifest.shards, scan)?;
        let on_torn = if settings.cuts_torn_end { OnTorn::Cut } else { OnTorn::Stop };
        let verdicts = load::decide(&logs, on_torn)?;
        for (log, verdict) in logs.iter().zip(&verdicts) {
            warn_of_losses(log, verdict);
        }
        let work: Vec<_> = logs.iter().zip(&manifest.shards).zip(&verdicts).collect();
        let replay = |_: usize, ((log, files), verdict): &((&Log<'_>, &ShardFiles), &Verdict)| {
            let mut keyspace = empty();
            load::replay(log, files, verdict, &mut keyspace, now_ms, &mut &tell)?;
            Ok(keyspace)
        };
        let keyspaces: Vec<Keyspace> = in_parallel(&work, replay)?;
        let read = Read {
            keyspaces,
            ends: verdicts.iter().map(|verdict| verdict.end).collect(),
            voids: verdicts.iter().map(|verdict| verdict.dropped.clone()).collect(),
            manifest: load::settle(disk, manifest, &logs, &verdicts)?,
        };
        tracing::info!(
            keys = read.key_count(),
            seconds = begun.elapsed().as_secs_f64(),
            "DB loaded from append only file"
        );
        Ok(read)
    }

    fn key_count(&self) -> usize {
        let databases = self.keyspaces.iter().flat_map(|it| (0..it.database_count()).map(|at| it.len(at)));
        databases.sum()
    }
}

/// Segments are scanned and then replayed, bases are replayed.
fn bytes_to_read(disk: &FolderDisk, manifest: &Manifest) -> u64 {
    let length = |file: FileName| disk.length(&file.to_string()).unwrap_or_default();
    let times = |file: FileName| if file.content == Content::Log { 2 } else { 1 };
    manifest.files().map(|file| times(file) * length(file)).sum()
}

fn warn_of_losses(log: &Log<'_>, verdict: &Verdict) {
    if let load::Tail::Torn(torn) = &log.tail {
        tracing::warn!("{torn}: what follows was not synced before a crash, and is cut off");
    }
    if !verdict.dropped.is_empty() {
        tracing::warn!("{} transactions that a crash has interrupted are dropped", verdict.dropped.len());
    }
}

/// Does the same for each of `items`, each in a thread of its own; gives the results in their order.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    act: impl Fn(usize, &T) -> Result<R, LoadError> + Sync,
) -> Result<Vec<R>, LoadError> {
    std::thread::scope(|scope| {
        let act = &act;
        let threads: Vec<_> =
            items.iter().enumerate().map(|(index, item)| scope.spawn(move || act(index, item))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a reader does not panic")).collect()
    })
}

/// Writes the keys of all shards as bases at `position`.
fn write_bases(
    disk: &FolderDisk,
    manifest: &mut Manifest,
    keyspaces: &[Keyspace],
    position: u64,
) -> Result<Vec<ShardFiles>, DiskError> {
    let mut shards = Vec::new();
    for (shard, keyspace) in keyspaces.iter().enumerate() {
        let number = manifest.take_number();
        write_base(disk, FileName::base(shard as u16, number), manifest.folder, keyspace, position)?;
        shards.push(ShardFiles { base: Some(Base { number, position }), segments: Vec::new() });
    }
    Ok(shards)
}

fn write_base(
    disk: &FolderDisk,
    name: FileName,
    folder: u64,
    keyspace: &Keyspace,
    position: u64,
) -> Result<(), DiskError> {
    let mut base = BaseFile::create(disk, name, folder, position)?;
    for database in 0..keyspace.database_count() {
        for slot in 0..SLOT_COUNT as u16 {
            base.add_slot(keyspace, database, slot, 0)?;
        }
    }
    base.finish()
}
