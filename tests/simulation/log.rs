//! One shard's log at its core: what becomes of what has changed, and what waits for it. Follows `data_plane/log/`.

use std::collections::VecDeque;

use basalt::codec::record::{Seed, Ticket};
use basalt::config::Fsync;
use basalt::persist::disk::Disk;
use basalt::persist::effects::ENCODER;
use basalt::persist::name::FileName;
use basalt::persist::segment::{BLOCK_BYTES, HEADER_BYTES, Header};
use basalt::shard::{Answer, Shard};

use super::common::random::Random;
use super::compaction::Cut;
use super::flaw::Flaw;
use super::machine::Machine;
use super::mesh::Batch;
use super::shape::Durability;

/// When a write has failed it is tried again so often.
const RETRY_US: u64 = 2_000;

/// Something that tells of a change.
pub enum Parked {
    Answer(Answer),
    Replies(u16, Box<Batch>),
}

/// What the kernel is asked for in the background.
enum Io {
    /// A group, which is synced when it is written.
    Group {
        file: FileName,
        offset: u64,
        block: Vec<u8>,
        is_written: bool,
    },
    Sync(FileName),
}

/// What the kernel has done.
enum Done {
    Group { result: Result<(), Vec<u8>> },
    SyncedGroup { is_ok: bool },
    Synced { is_ok: bool },
}

pub struct Log {
    files: Machine,
    folder: u64,
    durability: Durability,
    /// Where what a recovery has dropped is written down.
    voids_to: u64,
    segment: OpenSegment,
    next: Option<FileName>,
    has_asked_for_next: bool,
    /// To be made by the keeper.
    pub wants_segment: bool,
    /// What the keeper has made.
    pub gifts: VecDeque<FileName>,
    unsynced: Vec<FileName>,
    /// The next segment is to begin at a moment at which nothing is held.
    pub wants_cut: bool,
    pub cut: Option<Cut>,
    /// A base waits for a sync.
    pub wants_sync: bool,
    pub acknowledged: u64,
    pub synced: u64,
    noted: u64,
    sync: Option<Sync>,
    sync_begun_us: u64,
    group: Option<Group>,
    mark_bytes: usize,
    is_padded: bool,
    retry_at_us: Option<u64>,
    pub is_lost: bool,
    pub parked: VecDeque<(u64, Parked)>,
    pub gated: VecDeque<(u64, u32, u32)>,
    asked: Vec<Io>,
    done: VecDeque<Done>,
    random: Random,
    /// Positions that were written completely, each with the moment and the time.
    pub appended: Vec<Appended>,
    longest_sync_us: u64,
}

#[derive(Clone, Copy)]
pub struct Appended {
    pub position: u64,
    pub moment: u64,
    pub at_us: u64,
}

struct OpenSegment {
    name: FileName,
    start: u64,
    has_header: bool,
}

struct Sync {
    to: u64,
    since_us: u64,
    files_left: usize,
    has_failed: bool,
}

struct Group {
    end: u64,
    offset: u64,
    is_written: bool,
    block: Option<Vec<u8>>,
    since_us: u64,
}

/// What a log goes on with.
pub struct LogParts {
    pub files: Machine,
    pub folder: u64,
    pub durability: Durability,
    pub segment: FileName,
    pub position: u64,
    pub voids: Vec<Ticket>,
    pub random: Random,
}

impl Log {
    pub fn begin(parts: LogParts, shard: &mut Shard, now_us: u64) -> Self {
        let LogParts { files, folder, durability, segment, position, voids, random } = parts;
        let seed = Seed::new(folder, shard.index);
        shard.journal.begin(&mut shard.keyspace, ENCODER, seed, position);
        if files.flaw != Some(Flaw::NoVoids) {
            voids.into_iter().for_each(|ticket| shard.journal.put_void(&mut shard.keyspace, ticket));
        }
        let voids_to = shard.journal.end_position(&shard.keyspace);
        Log {
            files,
            voids_to,
            folder,
            durability,
            segment: OpenSegment { name: segment, start: position, has_header: false },
            next: None,
            has_asked_for_next: false,
            wants_segment: false,
            gifts: VecDeque::new(),
            unsynced: Vec::new(),
            wants_cut: false,
            cut: None,
            wants_sync: false,
            acknowledged: position,
            synced: position,
            noted: position,
            sync: None,
            sync_begun_us: now_us,
            group: None,
            mark_bytes: 0,
            is_padded: false,
            retry_at_us: None,
            is_lost: false,
            parked: VecDeque::new(),
            gated: VecDeque::new(),
            asked: Vec::new(),
            done: VecDeque::new(),
            random,
            appended: Vec::new(),
            longest_sync_us: 0,
        }
    }

    pub fn describe(&self, shard: &Shard) -> String {
        format!(
            "at {}, to {} with what is not written, acknowledged {}, synced {}; {} parked, {} gated, {} asked, {} done; \
             group {}, sync {}, failing {}, lost {}, padded {}, next segment {:?}, wants one {}, wants cut {}",
            shard.journal.position(),
            shard.journal.end_position(&shard.keyspace),
            self.acknowledged,
            self.synced,
            self.parked.len(),
            self.gated.len(),
            self.asked.len(),
            self.done.len(),
            self.group.is_some(),
            self.sync.is_some(),
            self.is_failing(),
            self.is_lost,
            self.is_padded,
            self.next,
            self.wants_segment,
            self.wants_cut,
        )
    }

    pub fn has_flaw(&self, flaw: Flaw) -> bool {
        self.files.flaw == Some(flaw)
    }

    pub fn is_always(&self) -> bool {
        self.durability.fsync == Fsync::Always
    }

    /// Whether replies are sent in the middle of this turn.
    pub fn sends_early(&mut self) -> bool {
        self.random.once_in(8)
    }

    pub fn is_failing(&self) -> bool {
        self.retry_at_us.is_some()
    }

    /// Nothing waits for the log, and nothing is under way.
    pub fn is_quiet(&self) -> bool {
        self.parked.is_empty() && self.asked.is_empty() && self.done.is_empty() && !self.is_failing()
    }

    /// Whether there is something to do although nothing happens.
    pub fn is_due(&self, written: u64, now_us: u64) -> bool {
        let begins = self.acknowledged < self.voids_to;
        let retries = !self.is_lost && self.retry_at_us.is_some_and(|at| at <= now_us);
        let syncs = !self.has_flaw(Flaw::NeverSyncs)
            && self.durability.fsync == Fsync::EverySec
            && self.sync.is_none()
            && !self.is_lost
            && written > self.synced
            && now_us >= self.sync_begun_us + self.durability.interval_us;
        let is_wanted = self.wants_cut || self.wants_sync && written > self.synced && self.sync.is_none();
        !self.done.is_empty() || !self.gifts.is_empty() || begins || retries || syncs || is_wanted
    }

    fn may_try(&self, now_us: u64) -> bool {
        !self.is_lost && self.retry_at_us.is_none_or(|at| at <= now_us)
    }

    fn fail(&mut self, now_us: u64) {
        self.retry_at_us = Some(now_us + RETRY_US);
    }

    /// What was written before may be lost although later syncs succeed.
    fn lose_trust(&mut self, now_us: u64) {
        self.fail(now_us);
        self.is_lost = true;
    }

    fn ensure_header(&mut self) -> std::io::Result<()> {
        if !self.segment.has_header {
            let mut bytes = Vec::with_capacity(HEADER_BYTES);
            let OpenSegment { name, start, .. } = self.segment;
            Header { name, start, term: 0 }.write(self.folder, &mut bytes);
            self.files.write_at(&name.to_string(), 0, &bytes)?;
            self.segment.has_header = true;
        }
        Ok(())
    }

    fn offset_of(&self, position: u64) -> u64 {
        HEADER_BYTES as u64 + position - self.segment.start
    }

    /// Lets the kernel do one of the things it was asked for.
    pub fn let_kernel_work(&mut self, random: &mut Random) {
        if self.asked.is_empty() {
            return;
        }
        let which = random.below(self.asked.len());
        match &mut self.asked[which] {
            Io::Group { file, offset, block, is_written: false } => {
                let result = self.files.write_at(&file.to_string(), *offset, block);
                let block = std::mem::take(block);
                match result {
                    Ok(()) => {
                        if let Io::Group { is_written, .. } = &mut self.asked[which] {
                            *is_written = true;
                        }
                        self.done.push_back(Done::Group { result: Ok(()) });
                    }
                    Err(_) => {
                        // What is linked to it is cancelled.
                        self.asked.swap_remove(which);
                        self.done.push_back(Done::Group { result: Err(block) });
                        self.done.push_back(Done::SyncedGroup { is_ok: false });
                    }
                }
            }
            Io::Group { file, is_written: true, .. } => {
                let is_ok = self.files.sync_open(&file.to_string());
                self.asked.swap_remove(which);
                self.done.push_back(Done::SyncedGroup { is_ok });
            }
            Io::Sync(file) => {
                let is_ok = self.files.sync_open(&file.to_string());
                self.asked.swap_remove(which);
                self.done.push_back(Done::Synced { is_ok });
            }
        }
    }

    /// Takes what the kernel has done.
    pub fn take_done(&mut self, moment: u64, now_us: u64) {
        while let Some(done) = self.done.pop_front() {
            match done {
                Done::Group { result } => {
                    let group = self.group.as_mut().expect("a group lives until it is synced");
                    group.is_written = result.is_ok();
                    if let Err(block) = result {
                        group.block = Some(block);
                        self.fail(now_us);
                    }
                }
                Done::SyncedGroup { is_ok } => self.take_synced_group(is_ok, moment, now_us),
                Done::Synced { is_ok } => self.take_synced(is_ok, now_us),
            }
        }
    }

    fn take_synced_group(&mut self, is_ok: bool, moment: u64, now_us: u64) {
        let group = self.group.take().expect("a group lives until it is synced");
        if !group.is_written {
            self.group = Some(group);
            return;
        }
        if !is_ok {
            return self.lose_trust(now_us);
        }
        self.synced = group.end;
        self.appended.push(Appended { position: group.end, moment, at_us: now_us });
        self.longest_sync_us = self.longest_sync_us.max(now_us - group.since_us);
        self.retry_at_us = None;
    }

    fn take_synced(&mut self, is_ok: bool, now_us: u64) {
        let sync = self.sync.as_mut().expect("a sync lives until all its files are synced");
        sync.files_left -= 1;
        sync.has_failed |= !is_ok;
        if sync.files_left > 0 {
            return;
        }
        let Sync { to, since_us, has_failed, .. } = self.sync.take().expect("it is there");
        self.longest_sync_us = self.longest_sync_us.max(now_us - since_us);
        match has_failed {
            true => self.lose_trust(now_us),
            false => self.synced = to,
        }
    }

    /// One round of appending; the shard's records are sealed.
    pub fn append(&mut self, shard: &mut Shard, moment: u64, now_us: u64) {
        self.next = self.gifts.pop_front().or(self.next.take());
        self.change_segment(shard);
        match self.durability.fsync {
            Fsync::Always => self.begin_group(shard, now_us),
            Fsync::EverySec | Fsync::No => self.write_records(shard, moment, now_us),
        }
        self.begin_sync(shard, now_us);
        self.acknowledge(shard, now_us);
    }

    fn write_records(&mut self, shard: &mut Shard, moment: u64, now_us: u64) {
        let (journal, keyspace) = (&mut shard.journal, &mut shard.keyspace);
        if journal.records(keyspace).is_empty() || self.group.is_some() || !self.may_try(now_us) {
            return;
        }
        if self.synced > self.noted {
            self.noted = self.synced;
            journal.put_synced(keyspace, self.synced);
        }
        if self.ensure_header().is_err() {
            return self.fail(now_us);
        }
        while !journal.records(keyspace).is_empty() {
            let offset = self.offset_of(journal.position());
            let all = journal.records(keyspace);
            // Now and then less is written than there is.
            let count = if self.random.once_in(6) { 1 + self.random.below(all.len()) } else { all.len() };
            if self.files.write_at(&self.segment.name.to_string(), offset, &all[..count]).is_err() {
                return self.fail(now_us);
            }
            journal.appended(keyspace, count);
        }
        self.mark_bytes = 0;
        self.is_padded = false;
        self.retry_at_us = None;
        self.appended.push(Appended { position: journal.position(), moment, at_us: now_us });
    }

    fn begin_group(&mut self, shard: &mut Shard, now_us: u64) {
        let (journal, keyspace) = (&mut shard.journal, &mut shard.keyspace);
        if self.sync.is_some() || !self.may_try(now_us) {
            return;
        }
        if let Some(group) = &mut self.group {
            // One that has failed is tried again, in its place.
            if let Some(block) = group.block.take() {
                let (file, offset) = (self.segment.name, group.offset);
                self.asked.push(Io::Group { file, offset, block, is_written: false });
            }
            return;
        }
        let (start, records) = (journal.position(), journal.records(keyspace));
        if records.len() <= self.mark_bytes {
            return;
        }
        if self.ensure_header().is_err() {
            return self.fail(now_us);
        }
        let offset = self.offset_of(start);
        let before = (offset % BLOCK_BYTES) as usize;
        let length = (before + records.len()).next_multiple_of(BLOCK_BYTES as usize);
        let mut block = vec![0; length];
        let name = self.segment.name.to_string();
        if self.files.read_at(&name, offset - before as u64, &mut block[..before]).is_err() {
            return self.fail(now_us);
        }
        block[before..before + records.len()].copy_from_slice(records);
        let records_end = start + records.len() as u64;
        let is_full = records_end - self.segment.start > self.durability.segment_bytes;
        let is_last = (is_full || self.wants_cut) && self.next.is_some();
        let end = if is_last { records_end } else { start + (length - before) as u64 };
        journal.skip_to(keyspace, end);
        self.is_padded = !is_last;
        self.mark_bytes = 0;
        if self.is_padded {
            journal.put_synced(keyspace, end);
            self.noted = end;
            self.mark_bytes = journal.records(keyspace).len();
        }
        let offset = offset - before as u64;
        self.asked.push(Io::Group { file: self.segment.name, offset, block, is_written: false });
        self.group = Some(Group { end, offset, is_written: false, block: None, since_us: now_us });
    }

    fn begin_sync(&mut self, shard: &Shard, now_us: u64) {
        let written = shard.journal.position();
        let is_due = match self.durability.fsync {
            Fsync::EverySec => now_us >= self.sync_begun_us + self.durability.interval_us,
            Fsync::Always => self.group.is_none(),
            Fsync::No => self.wants_sync,
        };
        let is_busy = self.sync.is_some() || self.group.is_some() || self.is_lost;
        if !is_due || written <= self.synced || is_busy || self.has_flaw(Flaw::NeverSyncs) {
            return;
        }
        self.sync_begun_us = now_us;
        self.wants_sync = false;
        let mut files = std::mem::take(&mut self.unsynced);
        if self.files.flaw == Some(Flaw::FormerSegmentsUnsynced) {
            files.clear();
        }
        files.push(self.segment.name);
        self.sync = Some(Sync { to: written, since_us: now_us, files_left: files.len(), has_failed: false });
        self.asked.extend(files.into_iter().map(Io::Sync));
    }

    fn acknowledge(&mut self, shard: &mut Shard, now_us: u64) {
        let patience_us = 2 * self.durability.interval_us;
        let is_patient = self.sync.as_ref().is_none_or(|sync| now_us - sync.since_us < patience_us);
        let written = shard.journal.position();
        let is_written = shard.journal.records(&shard.keyspace).is_empty();
        let position = match (self.durability.fsync, self.files.flaw) {
            (_, Some(Flaw::AcknowledgedUnwritten)) => shard.journal.end_position(&shard.keyspace),
            (Fsync::Always, Some(Flaw::AcknowledgedUnsynced)) => written,
            (Fsync::Always, _) => self.synced,
            (Fsync::EverySec, _) if !is_patient => self.acknowledged,
            _ if !is_written => self.acknowledged,
            (Fsync::EverySec | Fsync::No, _) => written,
        };
        self.acknowledged = self.acknowledged.max(position);
        if self.is_failing() != shard.write_refusal.is_some() {
            let refusal = b"-MISCONF Errors writing to the AOF file: the disk has failed\r\n";
            shard.write_refusal = self.is_failing().then(|| refusal.to_vec().into());
            shard.guard_expiry();
        }
    }

    /// Goes on in the next segment when this one is full, and has it made in time.
    fn change_segment(&mut self, shard: &Shard) {
        let position = shard.journal.position();
        let bytes = position - self.segment.start;
        let cuts = self.wants_cut
            && shard.journal.records(&shard.keyspace).is_empty()
            && (shard.is_idle() || self.has_flaw(Flaw::CutWhileHeld));
        let wants_next = bytes > self.durability.segment_bytes / 2 || self.wants_cut;
        if wants_next && self.next.is_none() && !self.has_asked_for_next {
            self.has_asked_for_next = true;
            self.wants_segment = true;
        }
        if (bytes > self.durability.segment_bytes || cuts)
            && !self.is_failing()
            && self.group.is_none()
            && !self.is_padded
            && let Some(next) = self.next.take()
        {
            let next = OpenSegment { name: next, start: position, has_header: false };
            let full = std::mem::replace(&mut self.segment, next);
            self.has_asked_for_next = false;
            if self.synced < position {
                self.unsynced.push(full.name);
            }
            if cuts {
                self.wants_cut = false;
                self.cut = Some(Cut::new(shard, self.segment.name, position));
            }
        }
    }

    /// What must be synced so that all transactions up to now are durable here, or known to be dropped.
    pub fn settled_to(&self, shard: &Shard) -> u64 {
        shard.journal.position().max(self.voids_to)
    }

    /// When what was first written and is not known to be synced was written.
    pub fn first_unsynced(&self) -> Option<Appended> {
        self.appended.iter().find(|appended| appended.position > self.synced).copied()
    }

    /// How long a sync has taken at most, the one under way included.
    pub fn longest_sync_us(&self, now_us: u64) -> u64 {
        let under_way = self.sync.as_ref().map_or(0, |sync| now_us - sync.since_us);
        self.longest_sync_us.max(under_way)
    }

    /// When everything up to a position was written.
    pub fn appended_at(&self, position: u64) -> Option<u64> {
        let index = self.appended.partition_point(|appended| appended.position < position);
        self.appended.get(index).map(|appended| appended.moment)
    }

    pub fn next_acknowledged(&mut self) -> Option<Parked> {
        let is_due = self.parked.front().is_some_and(|(position, _)| *position <= self.acknowledged);
        is_due.then(|| self.parked.pop_front().expect("there is a first").1)
    }

    pub fn next_ungated(&mut self) -> Option<(u32, u32)> {
        let is_due = self.gated.front().is_some_and(|(position, ..)| *position <= self.acknowledged);
        is_due.then(|| self.gated.pop_front()).flatten().map(|(_, generation, index)| (generation, index))
    }
}
