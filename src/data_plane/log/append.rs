//! From the buffer of a shard to its segment: one write a turn, or groups that are written and synced one after the other.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use crate::config::Fsync;
use crate::data_plane::core::Core;
use crate::data_plane::keeper::{Gift, KeptFile, Wish};
use crate::data_plane::log::{Group, Log, OF_BASE, OF_GROUP, OpenSegment, SEGMENT_BYTES};
use crate::sys::block::{BLOCK_BYTES, Block};
use crate::sys::ring::{Completion, Operation, Owned, Ring, Token};

impl Core {
    /// Appends what has changed, and lets go what that acknowledges. Nothing that tells of a change may leave the core
    /// before this.
    #[inline]
    pub fn append_log(&mut self) {
        if self.log.is_some() {
            self.append_changes();
        }
    }

    fn append_changes(&mut self) {
        loop {
            self.shard.journal.seal(&mut self.shard.keyspace);
            self.take_gifts();
            self.change_segment();
            match self.settings.log.fsync {
                Fsync::Always => self.begin_group(),
                // One that was begun before the policy changed is ended first.
                _ if self.log.as_ref().is_some_and(|log| log.group.is_some()) => self.begin_group(),
                Fsync::EverySec | Fsync::No => self.write_records(),
            }
            if self.has_come_to_cut() {
                continue;
            }
            self.begin_sync();
            self.acknowledge();
            // What is let go may change more.
            if !self.let_go() {
                return;
            }
        }
    }

    /// Whether something is left to be written that is worth it, or on its way.
    pub(super) fn has_unwritten(&self) -> bool {
        let records = self.shard.journal.records(&self.shard.keyspace).len();
        self.log.as_ref().is_some_and(|log| log.group.is_some() || records > log.mark_bytes)
    }

    /// Whether waiting brings more of it to the file.
    pub fn is_log_behind(&self) -> bool {
        self.has_unwritten() && self.log.as_ref().is_some_and(|log| log.failure.is_none())
    }

    /// Appends what there is, without waiting for more.
    pub fn hurry_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.gathering.stop();
        }
        self.append_log();
    }

    /// Writes all records, inline.
    fn write_records(&mut self) {
        let Some(log) = &mut self.log else { return };
        log.gathering.stop();
        let (journal, keyspace) = (&mut self.shard.journal, &mut self.shard.keyspace);
        if journal.records(keyspace).is_empty() || log.group.is_some() || !log.may_try() {
            return;
        }
        if log.synced > log.noted {
            log.noted = log.synced;
            journal.put_synced(keyspace, log.synced);
        }
        if let Err(error) = log.segment.ensure_header(log.folder) {
            return log.fail(&error);
        }
        while !journal.records(keyspace).is_empty() {
            let offset = log.segment.offset_of(journal.position());
            match log.segment.kept.file.write_at(journal.records(keyspace), offset) {
                Ok(0) => return log.fail(&io::ErrorKind::WriteZero.into()),
                Ok(count) => journal.appended(keyspace, count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return log.fail(&error),
            }
        }
        log.mark_bytes = 0;
        log.is_padded = false;
        log.succeed();
    }

    /// Begins to write and sync what there is, unless that is still being done with what was there before.
    fn begin_group(&mut self) {
        let Some(log) = &mut self.log else { return };
        let (journal, keyspace) = (&mut self.shard.journal, &mut self.shard.keyspace);
        // A group syncs its own file only, and says that all before it is on the disk.
        if log.sync.is_some() || !log.unsynced.is_empty() || !log.may_try() {
            return;
        }
        if let Some(mut group) = log.group.take() {
            // One that has failed is tried again, in its place.
            if let Some(block) = group.block.take() {
                submit(&mut self.ring, &log.segment, &mut group, block);
            }
            log.group = Some(group);
            return;
        }
        let (start, records) = (journal.position(), journal.records(keyspace));
        // What lies before a cut is written, be it worth it or not.
        if records.len() <= log.mark_bytes && (journal.barrier().is_none() || records.is_empty()) {
            return;
        }
        let changes = keyspace.changes().count();
        if journal.barrier().is_none() && log.gathering.waits(changes) {
            return;
        }
        log.gathering.begin_group(changes);
        if let Err(error) = log.segment.ensure_header(log.folder) {
            return log.fail(&error);
        }
        // A group fills its blocks, so only one that follows an inline write begins within one.
        let offset = log.segment.offset_of(start);
        let before = (offset % BLOCK_BYTES as u64) as usize;
        let mut block = Block::zeroed(before + records.len());
        if let Err(error) = log.segment.kept.file.read_exact_at(&mut block[..before], offset - before as u64)
        {
            return log.fail(&error);
        }
        block[before..before + records.len()].copy_from_slice(records);
        // A segment begins where the records of the one before end, so the last group of one is not padded.
        let records_end = start + records.len() as u64;
        let is_full = records_end - log.segment.start > SEGMENT_BYTES && log.next.is_some();
        let is_last = is_full && !log.is_cutting() || journal.barrier() == Some(records_end);
        let end = if is_last { records_end } else { start + (block.len() - before) as u64 };
        match is_last {
            true => journal.appended(keyspace, records.len()),
            false => journal.skip_to(keyspace, end),
        }
        log.is_padded = !is_last;
        log.mark_bytes = 0;
        if log.is_padded {
            // The next group is not begun before this one is synced; padding is only passed over if this record follows.
            journal.put_synced(keyspace, end);
            log.noted = end;
            log.mark_bytes = journal.records(keyspace).len();
        }
        let (offset, begun) = (offset - before as u64, Instant::now());
        let mut group = Group { end, offset, begun, is_written: false, block: None, splits: 0 };
        submit(&mut self.ring, &log.segment, &mut group, block);
        log.group = Some(group);
    }

    /// A block was written, or was not.
    pub fn wrote_file(&mut self, completion: Completion) {
        if completion.token.generation == OF_BASE {
            return self.wrote_base(completion);
        }
        let (Some(log), Some(Owned::Aligned(block))) = (&mut self.log, completion.owned) else {
            return;
        };
        let group = log.group.as_mut().expect("a group lives until it is synced");
        group.is_written = completion.result as usize == block.len();
        if !group.is_written {
            group.block = Some(block);
            log.fail(&error_of(completion.result));
        }
    }

    /// The sync behind a group has ended.
    pub(super) fn synced_group(&mut self, result: i32) {
        let Some(log) = &mut self.log else { return };
        let group = log.group.take().expect("a group lives until it is synced");
        if !group.is_written {
            log.group = Some(group);
            return;
        }
        if result < 0 {
            return self.lose_trust(&error_of(result));
        }
        if group.splits != self.ring.split_submissions() {
            // It may have been begun before the write had ended.
            let token = Token::new(Operation::SyncFile, OF_GROUP, 0);
            let splits = self.ring.split_submissions();
            self.ring.sync_file(log.segment.kept.file.as_raw_fd(), token);
            log.group = Some(Group { splits, ..group });
            return;
        }
        log.synced = group.end;
        log.gathering.end_group(self.shard.keyspace.changes().count(), group.begun.elapsed());
        log.succeed();
    }

    /// Takes what the keeper has made.
    fn take_gifts(&mut self) {
        while let Some(gift) = self.log.as_ref().and_then(|log| log.desk.gifts.try_recv().ok()) {
            let log = self.log.as_mut().expect("it has just been looked at");
            match gift {
                Gift::Segment(file) => log.next = Some(file),
                Gift::Base(file) => log.take_base(file),
                Gift::Published => self.published_base(),
            }
        }
    }

    /// Goes on in the next segment when this one is full, and has it made in time.
    fn change_segment(&mut self) {
        let Some(log) = &mut self.log else { return };
        let (position, index) = (self.shard.journal.position(), self.shard.index);
        let bytes = position - log.segment.start;
        if bytes > SEGMENT_BYTES / 2 && log.next.is_none() && !log.has_asked_for_next {
            log.has_asked_for_next = true;
            log.ask_for_segment(index, self.settings.log.fsync);
        }
        // At a cut nothing of what lies before it is left to be written; until then its segment is not used for anything else.
        let is_cut = self.shard.journal.barrier() == Some(position);
        // After an error the segment may end within a record, whose rest has to follow there.
        let is_full = bytes > SEGMENT_BYTES && !log.is_cutting() && log.failure.is_none();
        if (is_cut || is_full)
            && log.group.is_none()
            && !log.is_padded
            && let Some(next) = log.next.take()
        {
            log.enter(next, position);
            if is_cut {
                log.cut_segment = log.segment.kept.name.number;
                self.shard.journal.lift_barrier();
                let others = self.written_everywhere();
                self.log.as_mut().expect("it is there").begin_base(position, others);
            }
        }
    }

    /// Whether what lies before a cut is written, so that the next segment is to be entered.
    fn has_come_to_cut(&self) -> bool {
        let is_there = self.shard.journal.barrier() == Some(self.shard.journal.position());
        is_there
            && self
                .log
                .as_ref()
                .is_some_and(|log| log.group.is_none() && !log.is_padded && log.next.is_some())
    }
}

impl Log {
    pub(super) fn ask_for_segment(&self, shard: u16, fsync: Fsync) {
        self.wish(Wish::Segment { shard, zeroed: fsync == Fsync::Always });
    }

    /// Goes on in a new segment, at `position`.
    fn enter(&mut self, next: KeptFile, position: u64) {
        let next = OpenSegment { kept: next, start: position, has_header: false };
        let full = std::mem::replace(&mut self.segment, next);
        self.has_asked_for_next = false;
        if self.synced < position {
            self.unsynced.push(full);
        }
    }
}

fn submit(ring: &mut Ring, segment: &OpenSegment, group: &mut Group, block: Block) {
    group.splits = ring.split_submissions();
    let file = segment.kept.direct.as_ref().unwrap_or(&segment.kept.file).as_raw_fd();
    let token = |operation| Token::new(operation, OF_GROUP, 0);
    let (write, sync) = (token(Operation::WriteFile), token(Operation::SyncFile));
    ring.write_and_sync_file(file, write, sync, block, group.offset);
}

/// The error that a completion tells of.
pub(super) fn error_of(result: i32) -> io::Error {
    match result {
        ..0 => io::Error::from_raw_os_error(-result),
        // Less was written than there was; the next attempt says why.
        _ => io::ErrorKind::WriteZero.into(),
    }
}
