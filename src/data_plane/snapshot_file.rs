//! The thread that writes one snapshot: chunks of all shards, one behind the other, into a temporary file that takes the
//! place of the old one when it is whole and on the disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::bridge::Bridge;
use crate::bridge::counters::sum;
use crate::bridge::snapshots::{Chunk, temporary_snapshot};
use crate::codec::rdb::{Checksum, Compression, Facts, Writer};
use crate::commands::REDIS_VERSION;
use crate::config::SnapshotSettings;
use crate::data_plane::core::now_us;
use crate::sys::waker::Waker;

/// Everything that the thread works with.
pub struct SnapshotFile {
    pub bridge: Arc<Bridge>,
    pub settings: SnapshotSettings,
    pub compression: Compression,
    pub chunks: Receiver<Chunk>,
    pub databases: usize,
}

impl SnapshotFile {
    /// Starts the thread. It tells the bridge when it has ended.
    pub fn start(self) -> io::Result<()> {
        std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || self.run()).map(drop)
    }

    fn run(self) {
        let outcome = self.write();
        let saved = match outcome {
            Ok(changes) => {
                tracing::info!("DB saved on disk");
                Some(changes)
            }
            Err(error) => {
                tracing::warn!("Cannot save the snapshot {}: {error}", self.path().display());
                let _ = fs::remove_file(temporary_snapshot());
                None
            }
        };
        self.bridge.snapshots.end(saved, now_us() / 1_000_000);
        self.bridge.wakers.iter().for_each(Waker::wake);
    }

    /// Gives the number of changes that are in the file.
    fn write(&self) -> io::Result<u64> {
        let opened = File::create(temporary_snapshot());
        let mut failure = None;
        let mut file = opened.map_err(|error| failure = Some(error)).ok();
        let mut writer = self.writer();
        let (mut changes, mut shards_left) = (0, self.bridge.counters.len());
        let mut bytes = Vec::new();
        // Whatever happens to the file, the shards come to their end.
        while shards_left > 0 {
            let Ok(chunk) = self.chunks.recv() else {
                return Err(io::Error::other("the server has stopped"));
            };
            if let Some(seen) = chunk.last {
                changes += seen;
                shards_left -= 1;
            }
            if let Some(open) = &mut file {
                writer.section(&chunk.bytes);
                bytes.clear();
                writer.take_into(&mut bytes);
                if let Err(error) = open.write_all(&bytes) {
                    failure = Some(error);
                    file = None;
                }
            }
        }
        match (file, failure) {
            (Some(file), None) => self.finish(file, &writer.finish()).map(|()| changes),
            (_, failure) => Err(failure.unwrap_or_else(|| io::ErrorKind::Other.into())),
        }
    }

    /// The name that the file gets in the end.
    fn path(&self) -> &Path {
        self.settings.file.as_deref().unwrap_or(Path::new(""))
    }

    fn writer(&self) -> Writer {
        let checksum = if self.settings.has_checksum { Checksum::Verify } else { Checksum::Ignore };
        let facts = Facts {
            redis_version: REDIS_VERSION,
            created_s: now_us() / 1_000_000,
            used_memory_bytes: sum(&self.bridge.counters, |core| &core.used_memory),
            replication: None,
            is_log_base: false,
        };
        let mut writer = Writer::new(self.compression, checksum, &facts);
        // So that a reader makes room once; the sections select their databases again.
        for database in 0..self.databases {
            let keys = sum(&self.bridge.counters, |core| &core.keys[database]);
            let expiring = sum(&self.bridge.counters, |core| &core.keys_with_deadline[database]);
            if keys > 0 {
                writer.database(database as u64, keys, expiring);
            }
        }
        writer
    }

    fn finish(&self, mut file: File, end: &[u8]) -> io::Result<()> {
        file.write_all(end)?;
        file.sync_all()?;
        drop(file);
        fs::rename(temporary_snapshot(), self.path())?;
        // The name is on the disk as well.
        File::open(Path::new("."))?.sync_all()
    }
}
