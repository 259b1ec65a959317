//! Syncs in the background, and how far what was written may be told.

use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::config::Fsync;
use crate::data_plane::core::Core;
use crate::data_plane::log::append::error_of;
use crate::data_plane::log::{Log, OF_BASE, OF_GROUP, OF_SYNC, OpenSegment};
use crate::sys::ring::{Completion, Operation, Token, Wait};

/// What was written is synced so often under `everysec`.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// While a sync takes longer than this, nothing that is written behind it is acknowledged.
const SYNC_PATIENCE: Duration = Duration::from_secs(2);
/// A core that ends waits no longer than this for its log.
const FINISH_PATIENCE: Duration = Duration::from_secs(10);
const FINISH_STEP: Duration = Duration::from_millis(10);

/// Files that are being synced.
pub(super) struct Sync {
    /// What is synced when all of them are.
    to: u64,
    since: Instant,
    files_left: usize,
    error: Option<io::Error>,
    /// Full segments among them, which stay open until then.
    _full: Vec<OpenSegment>,
}

impl Log {
    /// When the next sync is due, or the one under way takes too long.
    pub(super) fn next_sync(&self, written: u64, policy: Fsync) -> Option<Instant> {
        match &self.sync {
            Some(sync) => Some(sync.since + SYNC_PATIENCE).filter(|at| *at > Instant::now()),
            None if policy == Fsync::EverySec && written > self.synced && !self.is_lost => {
                Some(self.sync_begun + SYNC_INTERVAL)
            }
            None => None,
        }
    }
}

impl Core {
    /// When something has to be done for the log although nothing happens.
    pub fn next_log_deadline(&self) -> Option<Instant> {
        let log = self.log.as_ref()?;
        log.next_deadline(self.shard.journal.position(), self.settings.log.fsync)
    }

    /// Begins a sync when one is due.
    pub(super) fn begin_sync(&mut self) {
        let Some(log) = &mut self.log else { return };
        let written = self.shard.journal.position();
        let is_due = match self.settings.log.fsync {
            Fsync::EverySec => log.sync_begun.elapsed() >= SYNC_INTERVAL,
            // What was written inline before the policy became this one.
            Fsync::Always => log.group.is_none(),
            // Another shard's base may cover transactions that wrote here.
            Fsync::No => self.bridge.is_sync_wanted(self.shard.index, log.synced),
        };
        if !is_due || written <= log.synced || log.sync.is_some() || log.group.is_some() || log.is_lost {
            return;
        }
        let now = Instant::now();
        log.sync_begun = now;
        let full = std::mem::take(&mut log.unsynced);
        let token = Token::new(Operation::SyncFile, OF_SYNC, 0);
        for segment in full.iter().chain([&log.segment]) {
            self.ring.sync_file(segment.kept.file.as_raw_fd(), token);
        }
        log.sync =
            Some(Sync { to: written, since: now, files_left: full.len() + 1, error: None, _full: full });
    }

    /// A sync of one file has ended.
    pub fn synced_file(&mut self, completion: &Completion) {
        match completion.token.generation {
            OF_GROUP => return self.synced_group(completion.result),
            OF_BASE => return self.synced_base(completion.result),
            _ => {}
        }
        let Some(log) = &mut self.log else { return };
        let mut sync = log.sync.take().expect("a sync lives until all its files are synced");
        sync.files_left -= 1;
        if completion.result < 0 {
            sync.error.get_or_insert(error_of(completion.result));
        }
        if sync.files_left > 0 {
            log.sync = Some(sync);
            return;
        }
        match sync.error {
            None => log.synced = sync.to,
            Some(error) => self.lose_trust(&error),
        }
    }

    /// Tells INFO of the log.
    pub fn publish_log(&self) {
        let Some(log) = &self.log else { return };
        let counters = self.counters();
        counters.log_bytes.set(self.shard.journal.position() - log.base_position);
        counters.log_base_bytes.set(log.base_bytes);
        counters.log_waiting_bytes.set(self.shard.journal.records(&self.shard.keyspace).len() as u64);
        counters.log_syncing.set(u64::from(log.sync.is_some() || log.group.is_some()));
        counters.log_failing.set(u64::from(log.failure.is_some()));
        counters.log_compacting.set(u64::from(log.is_compacting()));
    }

    /// Finds out how far the log may be told.
    pub(super) fn acknowledge(&mut self) {
        let Some(log) = &mut self.log else { return };
        let is_patient = log.sync.as_ref().is_none_or(|sync| sync.since.elapsed() < SYNC_PATIENCE);
        let position = match self.settings.log.fsync {
            // Writers are to be no faster than their old values are saved.
            _ if log.is_flooded() => log.acknowledged,
            Fsync::Always => log.synced,
            // Its end is not written yet.
            _ if log.group.is_some() => log.acknowledged.max(log.synced),
            Fsync::EverySec if !is_patient => log.acknowledged,
            // A record of which only a part was written may be lost.
            _ if !self.shard.journal.is_appended() => log.acknowledged,
            Fsync::EverySec | Fsync::No => self.shard.journal.position(),
        };
        if !is_patient && !log.is_delaying {
            self.bridge.counters[usize::from(self.shard.index)].log_delays.add(1);
        }
        log.is_delaying = !is_patient;
        // What was told stays told when the policy changes.
        log.acknowledged = log.acknowledged.max(position);
        let counters = &self.bridge.counters[usize::from(self.shard.index)];
        counters.log_written.set(self.shard.journal.position().max(counters.log_written.read()));
        counters.log_synced.set(log.synced);
        self.follow_failures();
    }

    /// Brings everything to the disk before the core ends.
    pub fn finish_log(&mut self) {
        let deadline = Instant::now() + FINISH_PATIENCE;
        self.hurry_log();
        while (self.has_unwritten() || self.log.as_ref().is_some_and(|log| log.sync.is_some()))
            && self.log.as_ref().is_some_and(|log| !log.is_lost)
            && Instant::now() < deadline
        {
            self.send_replies(Wait::Until(FINISH_STEP));
            while let Some(completion) = self.backlog.pop_front() {
                match completion.token.operation {
                    Operation::WriteFile => self.wrote_file(completion),
                    Operation::SyncFile => self.synced_file(&completion),
                    // Nobody is served any more.
                    _ => {}
                }
            }
            self.hurry_log();
        }
        let Some(log) = &mut self.log else { return };
        for segment in log.unsynced.iter().chain([&log.segment]) {
            if let Err(error) = segment.kept.file.sync_data() {
                tracing::error!("Cannot sync the log {}: {error}", segment.kept.name);
            }
        }
        self.mesh.flush();
    }

    /// A sync has failed: what was written before may be lost although later syncs succeed (fsync(2), "Notes" on errors), so
    /// nothing is written or acknowledged any more.
    pub(super) fn lose_trust(&mut self, error: &io::Error) {
        let Some(log) = &mut self.log else { return };
        tracing::error!(
            "Cannot sync the log {}: {error}. Writes are refused from now on: mend the disk and restart the server",
            log.segment.kept.name
        );
        log.fail(error);
        log.is_lost = true;
    }
}
