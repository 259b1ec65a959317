//! What the disk has for one shard, read again while the server runs: DEBUG RELOAD and LOADAOF.

use crate::bridge::loading::Loading;
use crate::config::{LogSettings, Settings};
use crate::data_plane::disk::FolderDisk;
use crate::data_plane::restore::RestoreError;
use crate::data_plane::restore::redis::{Terms, read_whole_snapshot, store};
use crate::keyspace::Keyspace;
use crate::persist::load::{replay, scan};
use crate::persist::manifest::find;
use crate::persist::recovery::Verdict;

/// Stores the keys of the snapshot that `is_own` says yes to.
pub fn read_snapshot(
    settings: &Settings,
    keyspace: &mut Keyspace,
    is_own: impl Fn(&[u8]) -> bool,
    now_ms: u64,
) -> Result<(), RestoreError> {
    let file = settings.snapshot.file.clone().unwrap_or_default();
    read_whole_snapshot(&file, &Terms::of(settings, now_ms), &Loading::default(), &mut |found| {
        if is_own(found.entry.key) {
            store(keyspace, &found, now_ms);
        }
        Ok(())
    })?;
    Ok(())
}

/// Reads the log of a shard, all of which is written, into an empty key space.
pub fn read_shard(
    settings: &LogSettings,
    shard: u16,
    keyspace: &mut Keyspace,
    now_ms: u64,
) -> Result<(), RestoreError> {
    let failed = |source| RestoreError::Folder { folder: settings.folder.clone(), source };
    let disk = FolderDisk::open(&settings.folder).map_err(failed)?;
    let Some(manifest) = find(&disk)? else {
        return Ok(());
    };
    let files = &manifest.shards[usize::from(shard)];
    let log = scan(&disk, manifest.folder, shard, files, &mut |_| ())?;
    let verdict = Verdict { end: log.found.end, dropped: Vec::new() };
    replay(&log, files, &verdict, keyspace, now_ms, &mut |_| ())?;
    Ok(())
}
