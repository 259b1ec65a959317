//! One shard's log at its core: docs/persistence.md.
//!
//! What the shard has changed is appended before anything of the turn leaves the core. Replies and answers that tell of a
//! change are kept until the log is *acknowledged* that far: written, or under `always` synced.

mod append;
mod compact;
mod gather;
mod parked;
mod sync;

pub use parked::Parked;

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use crate::bridge::counters::Counters;
use crate::codec::record::{Seed, Ticket};
use crate::config::Fsync;
use crate::data_plane::keeper::{Desk, KeptFile};
use crate::data_plane::log::compact::Compaction;
use crate::data_plane::log::gather::Gathering;
use crate::data_plane::log::sync::Sync;
use crate::persist::effects::ENCODER;
use crate::persist::segment::{HEADER_BYTES, Header};
use crate::shard::Shard;
use crate::sys::block::Block;

/// A segment that has more bytes than this is followed by the next one.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// When a write has failed it is tried again so often.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// What a completion of the ring is about.
const OF_GROUP: u32 = 0;
const OF_SYNC: u32 = 1;
const OF_BASE: u32 = 2;

/// The log of one core's shard.
pub struct Log {
    /// The random number of the folder, which is part of all checksums.
    folder: u64,
    desk: Desk,
    segment: OpenSegment,
    /// What follows it, once the keeper has made it.
    next: Option<KeptFile>,
    has_asked_for_next: bool,
    /// Earlier segments that have something to be synced.
    unsynced: Vec<OpenSegment>,
    /// The position and the size of the base.
    base_position: u64,
    base_bytes: u64,
    compaction: Compaction,
    /// The number of the segment that begins at the last cut, and the length of the base that was written there.
    cut_segment: u64,
    compaction_bytes: u64,
    /// Replies wait because a sync takes long.
    is_delaying: bool,
    /// Everything before it may be told.
    pub acknowledged: u64,
    pub synced: u64,
    /// The last position of which the log itself says that it was synced.
    noted: u64,
    sync: Option<Sync>,
    sync_begun: Instant,
    /// What is being written and synced, under `always`.
    group: Option<Group>,
    gathering: Gathering,
    /// Bytes at the front of the buffer that only say what was synced, and are not worth a group.
    mark_bytes: usize,
    /// Padding lies between the last group and what is appended next.
    is_padded: bool,
    failure: Option<Failure>,
    /// A sync has failed.
    is_lost: bool,
    /// What waits to be acknowledged, with the position.
    parked: VecDeque<(u64, Parked)>,
    /// Connections, by generation and index, whose replies wait.
    gated: VecDeque<(u64, u32, u32)>,
}

/// What a log goes on with: everything before `position` is on the disk, and the segment is new.
pub struct LogParts {
    pub folder: u64,
    pub desk: Desk,
    pub segment: KeptFile,
    pub position: u64,
    /// Transactions that were found incomplete.
    pub voids: Vec<Ticket>,
    /// What the log is measured by.
    pub base_position: u64,
    pub base_bytes: u64,
}

struct OpenSegment {
    kept: KeptFile,
    /// The position of its first record.
    start: u64,
    has_header: bool,
}

struct Group {
    /// The position behind it.
    end: u64,
    offset: u64,
    begun: Instant,
    is_written: bool,
    /// After an error: what has to be written again.
    block: Option<Block>,
    /// Split submissions of the ring when it was submitted.
    splits: u64,
}

struct Failure {
    text: String,
    retry_at: Instant,
}

impl Log {
    /// Records what happens to a shard from now on.
    pub fn begin(parts: LogParts, shard: &mut Shard, counters: &Counters) -> Self {
        let LogParts { folder, desk, segment, position, voids, base_position, base_bytes } = parts;
        let seed = Seed::new(folder, shard.index);
        shard.journal.begin(&mut shard.keyspace, ENCODER, seed, position);
        for ticket in voids {
            shard.journal.put_void(&mut shard.keyspace, ticket);
        }
        // A base elsewhere may cover a transaction of which only a void here says that it was dropped.
        counters.log_written.set(shard.journal.end_position(&shard.keyspace));
        Log {
            folder,
            desk,
            segment: OpenSegment { kept: segment, start: position, has_header: false },
            next: None,
            has_asked_for_next: false,
            unsynced: Vec::new(),
            base_position,
            base_bytes,
            compaction: Compaction::default(),
            cut_segment: 0,
            compaction_bytes: 0,
            is_delaying: false,
            acknowledged: position,
            synced: position,
            noted: position,
            sync: None,
            sync_begun: Instant::now(),
            group: None,
            gathering: Gathering::default(),
            mark_bytes: 0,
            is_padded: false,
            failure: None,
            is_lost: false,
            parked: VecDeque::new(),
            gated: VecDeque::new(),
        }
    }

    /// When something has to be done although nothing happens. Everything before `written` is in the file.
    pub fn next_deadline(&self, written: u64, policy: Fsync) -> Option<Instant> {
        let retry = self.failure.as_ref().map(|failure| failure.retry_at).filter(|_| !self.is_lost);
        retry
            .into_iter()
            .chain(self.next_sync(written, policy))
            .chain(self.next_compaction())
            .chain(self.gathering.deadline())
            .min()
    }

    /// Whether something is on its way to the file.
    pub fn is_writing(&self) -> bool {
        self.group.is_some() && !self.is_lost
    }

    /// The error by which writes are refused while nothing can be written.
    pub fn refusal(&self) -> Option<Vec<u8>> {
        let failure = self.failure.as_ref()?;
        Some(format!("-MISCONF Errors writing to the AOF file: {}\r\n", failure.text).into_bytes())
    }

    /// Whether a write may be tried.
    fn may_try(&self) -> bool {
        !self.is_lost && self.failure.as_ref().is_none_or(|failure| failure.retry_at <= Instant::now())
    }

    fn fail(&mut self, error: &io::Error) {
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or_default().to_owned();
        if self.failure.is_none() {
            tracing::error!(
                "Error writing to the log {}: {text}. Writes are refused; it is tried again",
                self.segment.kept.name
            );
        }
        self.failure = Some(Failure { text, retry_at: Instant::now() + RETRY_INTERVAL });
    }

    fn succeed(&mut self) {
        if self.failure.take().is_some() {
            tracing::warn!(
                "Writing to the log {} succeeds again: writes are accepted",
                self.segment.kept.name
            );
        }
    }
}

impl OpenSegment {
    /// Where a position is in the file.
    fn offset_of(&self, position: u64) -> u64 {
        HEADER_BYTES as u64 + position - self.start
    }

    /// Writes what says which file this is, before its first record.
    fn ensure_header(&mut self, folder: u64) -> io::Result<()> {
        if !self.has_header {
            let mut bytes = Vec::with_capacity(HEADER_BYTES);
            Header { name: self.kept.name, start: self.start, term: 0 }.write(folder, &mut bytes);
            self.kept.file.write_all_at(&bytes, 0)?;
            self.has_header = true;
        }
        Ok(())
    }
}
