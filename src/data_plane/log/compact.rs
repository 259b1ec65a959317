//! Compaction: a base is written while the shard serves, and the log before it is forgotten.
//!
//! ```text
//! asked -> files made -> cut -> keys walked and written -> synced -> settled -> published
//! ```
//!
//! Each turn does a little of it; nothing here waits.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::config::Fsync;
use crate::data_plane::core::Core;
use crate::data_plane::keeper::{KeptFile, Wish};
use crate::data_plane::log::append::error_of;
use crate::data_plane::log::{Log, OF_BASE};
use crate::keyspace::Purpose;
use crate::persist::base::{BaseWriter, RECORD_BYTES};
use crate::persist::effects::write_entry;
use crate::persist::manifest::Base;
use crate::sys::block::{BLOCK_BYTES, Block};
use crate::sys::ring::{Completion, Operation, Owned, Ring, Token};

/// The walk passes about so many keys in a turn: some ten microseconds.
const WALK_KEYS: usize = 128;
/// While so much is saved and not written the walk rests.
const BASE_BACKLOG_BYTES: usize = 1 << 20;
/// Writers overwrite what the walk has not come to faster than it is saved: above this their replies wait.
const BASE_FLOOD_BYTES: usize = 16 << 20;
/// A base is written in chunks of this size, and at most so many at a time.
const BASE_CHUNK_BYTES: usize = 256 << 10;
const BASE_WRITES_MAX: usize = 2;
/// No core writes its base faster, so that the log keeps its share of the disk.
const BASE_BYTES_PER_SECOND: u64 = 128 << 20;
/// After a failure nothing is begun by itself for so long.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// How often it is looked at whether the other logs are synced.
const SETTLE_INTERVAL: Duration = Duration::from_millis(10);

const COMPACTING: &[u8] = b"+Background append only file rewriting started\r\n";
const ALREADY_COMPACTING: &[u8] = b"-ERR Background append only file rewriting already in progress\r\n";
const NO_LOG: &[u8] =
    b"-ERR there is no append only file to rewrite: the server was started with `appendonly no`\r\n";

/// What becomes of a shard's log in the background.
#[derive(Default)]
pub(super) struct Compaction {
    is_asked: bool,
    stage: Stage,
    /// A failure keeps it from beginning by itself until then.
    rests_until: Option<Instant>,
    begun: Option<Instant>,
}

#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    /// The keeper makes the file of the base.
    Preparing,
    /// The file is there, and perhaps the next segment is not.
    Prepared(KeptFile),
    /// The shard waits until nothing that writes is under way, and then for the place of the cut.
    Cutting(KeptFile),
    Writing(Box<Writing>),
    /// All is written; the file is being synced, once no write is under way.
    Syncing(Box<Writing>),
    /// The base is on the disk; the logs of others must be there up to these positions, by shard.
    Settling(Base, Vec<u64>),
    /// The keeper replaces the manifest.
    Publishing(Base),
    /// It has failed: the walk goes on to its end.
    GivingUp(Box<Writing>),
}

/// A base that is being written.
struct Writing {
    kept: KeptFile,
    /// Where the log goes on from it.
    cut: u64,
    /// Takes what was saved, until all was.
    writer: Option<BaseWriter>,
    /// Not submitted yet, but for this many bytes at its front.
    out: Vec<u8>,
    submitted: usize,
    /// Where the rest begins in the file.
    offset: u64,
    writes_under_way: usize,
    is_sync_under_way: bool,
    /// No write begins earlier.
    next_write_at: Instant,
    /// Positions that others had written at the time of the cut.
    others: Vec<u64>,
}

impl Writing {
    fn backlog(&self) -> usize {
        self.out.len() - self.submitted
    }

    /// Submits what there is, as whole blocks, as far as that may be now.
    fn submit(&mut self, ring: &mut Ring) {
        let is_complete = self.writer.is_none();
        let is_flooded = self.backlog() > BASE_FLOOD_BYTES;
        while self.writes_under_way < BASE_WRITES_MAX && (is_flooded || self.next_write_at <= Instant::now())
        {
            let bytes = match self.backlog() {
                0 => return,
                BASE_CHUNK_BYTES.. => BASE_CHUNK_BYTES,
                // The last block is filled up with zeroes, behind which nothing follows.
                bytes if is_complete => bytes,
                _ => return,
            };
            let mut block = Block::zeroed(bytes);
            block[..bytes].copy_from_slice(&self.out[self.submitted..][..bytes]);
            self.submitted += bytes;
            // Now and then, so that no chunk moves all that waits behind it.
            if self.submitted > self.out.len() / 2 {
                self.out.drain(..std::mem::take(&mut self.submitted));
            }
            let pace = Duration::from_nanos(bytes as u64 * 1_000_000_000 / BASE_BYTES_PER_SECOND);
            self.next_write_at = self.next_write_at.max(Instant::now()) + pace;
            let offset = self.offset;
            self.offset += block.len() as u64;
            self.write(ring, block, offset);
        }
    }

    fn write(&mut self, ring: &mut Ring, block: Block, offset: u64) {
        self.writes_under_way += 1;
        let file = self.kept.direct.as_ref().unwrap_or(&self.kept.file).as_raw_fd();
        // The number of the block tells which one has failed.
        let token = Token::new(Operation::WriteFile, OF_BASE, (offset / BLOCK_BYTES as u64) as u32);
        ring.write_file(file, token, block, offset);
    }

    fn is_idle(&self) -> bool {
        self.writes_under_way == 0 && !self.is_sync_under_way
    }
}

impl Log {
    pub(super) fn is_compacting(&self) -> bool {
        self.compaction.is_asked || !matches!(self.compaction.stage, Stage::Idle)
    }

    /// Whether so much is saved and not written that memory would grow.
    pub(super) fn is_flooded(&self) -> bool {
        match &self.compaction.stage {
            Stage::Writing(writing) | Stage::Syncing(writing) => writing.backlog() > BASE_FLOOD_BYTES,
            _ => false,
        }
    }

    /// Whether the next segment is kept for the cut.
    pub(super) fn is_cutting(&self) -> bool {
        matches!(self.compaction.stage, Stage::Cutting(_))
    }

    /// Whether the compaction can go on at once.
    pub fn has_compaction_to_do(&self) -> bool {
        match &self.compaction.stage {
            Stage::Writing(writing) => writing.backlog() < BASE_BACKLOG_BYTES,
            // The keeper's gifts are taken between this and the last look at it.
            Stage::Prepared(_) => self.next.is_some(),
            Stage::GivingUp(_) => true,
            _ => false,
        }
    }

    /// When to go on although nothing happens.
    pub(super) fn next_compaction(&self) -> Option<Instant> {
        match &self.compaction.stage {
            Stage::Writing(writing) | Stage::Syncing(writing)
                if writing.writes_under_way < BASE_WRITES_MAX =>
            {
                (writing.backlog() > 0).then_some(writing.next_write_at)
            }
            Stage::Settling(..) => Some(Instant::now() + SETTLE_INTERVAL),
            _ => None,
        }
    }

    /// The keeper has made the file of the base.
    pub(super) fn take_base(&mut self, kept: KeptFile) {
        self.compaction.stage = Stage::Prepared(kept);
    }

    /// The segment that begins at the cut was entered.
    pub(super) fn begin_base(&mut self, cut: u64, others: Vec<u64>) {
        let Stage::Cutting(kept) = std::mem::take(&mut self.compaction.stage) else {
            unreachable!("a cut is asked for by a compaction");
        };
        let mut out = Vec::new();
        let writer = Some(BaseWriter::new(self.folder, kept.name, cut, &mut out));
        self.compaction.stage = Stage::Writing(Box::new(Writing {
            kept,
            cut,
            writer,
            out,
            submitted: 0,
            offset: 0,
            writes_under_way: 0,
            is_sync_under_way: false,
            next_write_at: Instant::now(),
            others,
        }));
    }

    pub(super) fn wish(&self, wish: Wish) {
        // A keeper that has ended has done so because the server stops.
        let _ = self.desk.wishes.send(wish);
    }
}

impl Core {
    /// Begins a compaction, unless one is under way, and says what it did.
    pub fn ask_for_compaction(&mut self) -> &'static [u8] {
        let Some(log) = &mut self.log else { return NO_LOG };
        if log.is_compacting() {
            return ALREADY_COMPACTING;
        }
        log.compaction.is_asked = true;
        self.publish_log();
        COMPACTING
    }

    /// Does what can be done of a compaction now.
    pub fn compact(&mut self) {
        let Some(log) = &mut self.log else { return };
        match std::mem::take(&mut log.compaction.stage) {
            Stage::Idle => self.begin_compaction_if_due(),
            Stage::Prepared(kept) => self.ask_for_cut(kept),
            Stage::Writing(writing) => self.go_on_writing(writing),
            Stage::Syncing(writing) => self.go_on_syncing(writing),
            Stage::Settling(base, others) => self.settle_base(base, others),
            Stage::GivingUp(writing) => self.go_on_giving_up(writing),
            waits @ (Stage::Preparing | Stage::Cutting(_) | Stage::Publishing(_)) => {
                log.compaction.stage = waits;
            }
        }
    }

    fn begin_compaction_if_due(&mut self) {
        let fsync = self.settings.log.fsync;
        let is_due = self.has_log_grown();
        let (shard, log) = (self.shard.index, self.log.as_mut().expect("the caller has it"));
        // Not before all cores have told where their logs end.
        let is_ready = self.awaited.is_none() && log.failure.is_none();
        if !is_ready || !log.compaction.is_asked && !is_due {
            return;
        }
        log.compaction =
            Compaction { begun: Some(Instant::now()), stage: Stage::Preparing, ..Compaction::default() };
        log.wish(Wish::Base { shard });
        if log.next.is_none() && !log.has_asked_for_next {
            log.has_asked_for_next = true;
            log.ask_for_segment(shard, fsync);
        }
    }

    /// Whether the log is so much longer than its base that a new one is worth its while. Both bounds are for the server,
    /// and shared out among the shards.
    fn has_log_grown(&self) -> bool {
        let (settings, log) = (&self.settings.log, self.log.as_ref().expect("the caller has it"));
        let rests = log.compaction.rests_until.is_some_and(|until| until > Instant::now());
        let bytes = self.shard.journal.position() - log.base_position;
        let growth = u128::from(bytes) * 100;
        !rests
            && settings.compaction_percentage > 0
            && bytes >= settings.compaction_bytes_min / u64::from(self.turn.process.shards)
            && growth >= u128::from(log.base_bytes) * u128::from(settings.compaction_percentage)
    }

    fn ask_for_cut(&mut self, kept: KeptFile) {
        let log = self.log.as_mut().expect("the caller has it");
        if log.next.is_none() {
            log.compaction.stage = Stage::Prepared(kept);
            if !log.has_asked_for_next {
                log.has_asked_for_next = true;
                log.ask_for_segment(self.shard.index, self.settings.log.fsync);
            }
            return;
        }
        log.compaction.stage = Stage::Cutting(kept);
        self.shard.ask_for_cut(Box::new(write_entry));
    }

    /// Positions that the logs of all shards have reached. Whatever a transaction that has released its locks here has written
    /// elsewhere lies before them, for it was written before.
    pub(super) fn written_everywhere(&self) -> Vec<u64> {
        self.bridge.counters.iter().map(|core| core.log_written.read()).collect()
    }

    fn go_on_writing(&mut self, mut writing: Box<Writing>) {
        let keyspace = &mut self.shard.keyspace;
        let may_walk = writing.backlog() < BASE_BACKLOG_BYTES;
        let is_over = may_walk && keyspace.walk_some(Purpose::Base, WALK_KEYS);
        let walked = keyspace.walked(Purpose::Base).expect("the walk lives as long as it is written");
        let (saved, count) = (walked.saved, walked.count);
        if let Some(writer) = &mut writing.writer
            && (saved.len() >= RECORD_BYTES || is_over && !saved.is_empty())
        {
            writer.effects(saved, &mut writing.out);
            saved.clear();
            saved.shrink_to(2 * RECORD_BYTES);
        }
        if is_over {
            keyspace.end_walk(Purpose::Base);
            let writer = writing.writer.take().expect("it is taken when the walk is over");
            writer.finish(count, &mut writing.out);
        }
        writing.submit(&mut self.ring);
        let log = self.log.as_mut().expect("the caller has it");
        log.compaction.stage = match is_over {
            true => Stage::Syncing(writing),
            false => Stage::Writing(writing),
        };
    }

    fn go_on_syncing(&mut self, mut writing: Box<Writing>) {
        writing.submit(&mut self.ring);
        if writing.backlog() == 0 && writing.is_idle() {
            let token = Token::new(Operation::SyncFile, OF_BASE, 0);
            self.ring.sync_file(writing.kept.file.as_raw_fd(), token);
            writing.is_sync_under_way = true;
        }
        self.log.as_mut().expect("the caller has it").compaction.stage = Stage::Syncing(writing);
    }

    /// A chunk of a base was written, or was not.
    pub(super) fn wrote_base(&mut self, completion: Completion) {
        let (Some(log), Some(Owned::Aligned(block))) = (&mut self.log, completion.owned) else {
            return;
        };
        let (Stage::Writing(writing) | Stage::Syncing(writing) | Stage::GivingUp(writing)) =
            &mut log.compaction.stage
        else {
            return;
        };
        writing.writes_under_way -= 1;
        if completion.result as usize == block.len() {
            return;
        }
        // The file system opens files for direct I/O, and refuses it then.
        if completion.result == -libc::EINVAL && writing.kept.direct.take().is_some() {
            let offset = u64::from(completion.token.index) * BLOCK_BYTES as u64;
            return writing.write(&mut self.ring, block, offset);
        }
        self.give_up_base(&error_of(completion.result));
    }

    /// The sync of a base has ended.
    pub(super) fn synced_base(&mut self, result: i32) {
        let Some(log) = &mut self.log else { return };
        match std::mem::take(&mut log.compaction.stage) {
            Stage::Syncing(mut writing) => {
                writing.is_sync_under_way = false;
                if result < 0 {
                    log.compaction.stage = Stage::Syncing(writing);
                    return self.give_up_base(&error_of(result));
                }
                let base = Base { number: writing.kept.name.number, position: writing.cut };
                log.compaction_bytes = writing.offset;
                log.compaction.stage = Stage::Settling(base, writing.others);
            }
            Stage::GivingUp(mut writing) => {
                writing.is_sync_under_way = false;
                log.compaction.stage = Stage::GivingUp(writing);
            }
            other => log.compaction.stage = other,
        }
    }

    /// Publishes the base when every part of a transaction that it covers is on the disk elsewhere.
    fn settle_base(&mut self, base: Base, others: Vec<u64>) {
        let own = usize::from(self.shard.index);
        let late = |(shard, written): &(usize, &u64)| {
            *shard != own && self.bridge.counters[*shard].log_synced.read() < **written
        };
        let late: Vec<(usize, u64)> =
            others.iter().enumerate().filter(late).map(|(shard, written)| (shard, *written)).collect();
        for &(shard, written) in late.iter().filter(|_| self.settings.log.fsync == Fsync::No) {
            self.bridge.want_sync(shard, written);
        }
        let (shard, log) = (self.shard.index, self.log.as_mut().expect("the caller has it"));
        log.compaction.stage = match late.is_empty() {
            true => {
                log.wish(Wish::Publish { shard, base, first_segment: log.cut_segment });
                Stage::Publishing(base)
            }
            false => Stage::Settling(base, others),
        };
    }

    /// The manifest names the base.
    pub(super) fn published_base(&mut self) {
        let log = self.log.as_mut().expect("only a log asks for this");
        let Stage::Publishing(base) = std::mem::take(&mut log.compaction.stage) else {
            unreachable!("a base is published when that was asked for");
        };
        log.base_position = base.position;
        log.base_bytes = log.compaction_bytes;
        let seconds = log.compaction.begun.map_or(0, |begun| begun.elapsed().as_secs());
        log.compaction = Compaction::default();
        let counters = self.counters();
        counters.log_compactions.add(1);
        counters.log_compaction_failures.set(0);
        counters.log_compaction_seconds.set(seconds + 1);
        // The core may go to sleep now.
        self.publish_log();
        let bytes = self.log.as_ref().map_or(0, |log| log.base_bytes);
        tracing::info!(
            shard = self.shard.index,
            bytes,
            seconds,
            "Background AOF rewrite finished successfully"
        );
    }

    fn give_up_base(&mut self, error: &std::io::Error) {
        let log = self.log.as_mut().expect("only a log has a base");
        let writing = match std::mem::take(&mut log.compaction.stage) {
            Stage::Writing(writing) | Stage::Syncing(writing) => writing,
            // Another of its writes has failed before.
            other => {
                log.compaction.stage = other;
                return;
            }
        };
        tracing::warn!("Cannot write the base {}: {error}; the log stays as it is", writing.kept.name);
        log.compaction.rests_until = Some(Instant::now() + RETRY_INTERVAL);
        log.compaction.stage = Stage::GivingUp(writing);
        self.shard.keyspace.give_up_walk(Purpose::Base);
        self.counters().log_compaction_failures.add(1);
    }

    fn go_on_giving_up(&mut self, writing: Box<Writing>) {
        let is_over = self.shard.keyspace.walk_some(Purpose::Base, WALK_KEYS);
        let log = self.log.as_mut().expect("the caller has it");
        if !is_over || !writing.is_idle() {
            log.compaction.stage = Stage::GivingUp(writing);
            return;
        }
        if self.shard.keyspace.walked(Purpose::Base).is_some() {
            self.shard.keyspace.end_walk(Purpose::Base);
        }
        log.wish(Wish::Discard(writing.kept.name));
    }
}
