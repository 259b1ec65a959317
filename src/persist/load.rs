//! A folder read again: each shard's log is scanned, what counts is decided, and each shard is replayed.
//!
//! ```text
//! scan      shard by shard, in parallel if the caller likes: checksums, parts, voids, where the log ends and why
//! decide    once, over all shards
//! replay    shard by shard: the base, then what counts of the segments
//! settled   the manifest that says what was cut
//! ```

use std::cell::RefCell;
use std::ops::ControlFlow;

use ahash::AHashSet;

use crate::codec::effect::{self, decode};
use crate::codec::record::{Record, Seed, Ticket};
use crate::keyspace::Keyspace;
use crate::persist::disk::{Disk, DiskError};
use crate::persist::manifest::{Manifest, Segment, ShardFiles};
use crate::persist::name::FileName;
use crate::persist::recovery::{self, Found, Logs, Verdict, Visitor};
use crate::persist::replay::{Problem, Replay};
use crate::persist::segment::{
    BLOCK_BYTES, End, Ending, HEADER_BYTES, Header, Placed, ReadError, Reader, find_proof, read_fully,
};

/// Why a folder cannot be loaded, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{file}: the record at offset {offset}: {problem}")]
    Effect { file: String, offset: u64, problem: Problem },
    #[error("{file}: a record at offset {offset} does not belong into this kind of file")]
    Misplaced { file: String, offset: u64 },
    #[error("{0}")]
    Damaged(Damage),
    #[error(
        "{0}: what follows was not synced when the power went; `aof-load-truncated yes` cuts it, `basalt check --fix` as well"
    )]
    Torn(Torn),
    #[error("{file}: the base is damaged at offset {offset}; restore it from a copy: nothing can replace it")]
    Base { file: String, offset: u64 },
}

/// Something that was on the disk is not there any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file} is damaged at offset {offset}: {proof}; restore the file from a copy, or let `basalt check --fix` cut the log there"
)]
pub struct Damage {
    pub file: String,
    pub offset: u64,
    pub proof: Proof,
}

/// How it is known that it was there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Proof {
    #[error("{file} says at offset {offset} that what was written there had reached the disk")]
    Synced { file: String, offset: u64 },
    #[error("the manifest says that it goes on up to position {0}")]
    Manifest(u64),
}

/// What was cut off a log because a power cut tore it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} is torn at offset {offset}")]
pub struct Torn {
    pub file: String,
    pub offset: u64,
}

/// What is behind the last valid record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    Clean,
    Torn(Torn),
    Damaged(Damage),
}

/// A segment that was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned {
    pub file: FileName,
    /// `None` if it has no header: nothing was ever written to it, or nothing reached the disk.
    pub start: Option<u64>,
    /// Where the records end that count; the same as `start` if there are none.
    pub end: u64,
    pub record_count: u64,
}

/// The log of a shard as it was found.
pub struct Log<'d> {
    disk: &'d dyn Disk,
    shard: u16,
    seed: Seed,
    folder: u64,
    pub found: Found,
    pub segments: Vec<Scanned>,
    pub tail: Tail,
    voids: AHashSet<Ticket>,
    /// Segments without a header.
    headless: Vec<FileName>,
    /// Segments of which the manifest says where they end: what lies behind that was cut, and proves nothing.
    ended: Vec<FileName>,
}

/// Scans the log of a shard; `progress` is told of bytes.
pub fn scan<'d>(
    disk: &'d dyn Disk,
    folder: u64,
    shard: u16,
    files: &ShardFiles,
    progress: &mut dyn FnMut(u64),
) -> Result<Log<'d>, LoadError> {
    let base_position = files.base.map_or(0, |base| base.position);
    let mut log = Log {
        disk,
        shard,
        seed: Seed::new(folder, shard),
        folder,
        found: Found::new(base_position),
        segments: Vec::new(),
        tail: Tail::Clean,
        voids: AHashSet::new(),
        headless: Vec::new(),
        ended: Vec::new(),
    };
    // Where the log must go on.
    let mut last = None;
    let mut end = End { position: base_position, offset: 0, is: Ending::Clean };
    for (index, segment) in files.segments.iter().enumerate() {
        let file = FileName::log(shard, segment.number);
        let Some(header) = log.header(file)? else {
            log.headless.push(file);
            log.segments.push(Scanned { file, start: None, end: log.found.end, record_count: 0 });
            match segment.end {
                None => continue,
                promised => {
                    log.judge(last, &end, &files.segments[index + 1..], promised)?;
                    return Ok(log);
                }
            }
        };
        let fits = match last {
            None => header.start == base_position,
            // Exactly: even a gap that could be padding may be a page that a power cut has lost.
            Some(_) => header.start == end.position,
        };
        if !fits {
            log.judge(last, &end, &files.segments[index..], None)?;
            return Ok(log);
        }
        if segment.end.is_some() {
            log.ended.push(file);
        }
        end = log.scan_segment(file, header.start, segment.end, progress)?;
        last = Some(file);
        let promised = segment.end.filter(|&promised| end.position < promised);
        if promised.is_some() || end.is == Ending::Torn {
            log.judge(last, &end, &files.segments[index + 1..], promised)?;
            return Ok(log);
        }
    }
    log.judge(last, &end, &[], None)?;
    Ok(log)
}

impl<'d> Log<'d> {
    /// Parts that an earlier recovery has dropped.
    pub fn is_void(&self, ticket: Ticket) -> bool {
        self.voids.contains(&ticket)
    }

    fn header(&self, file: FileName) -> Result<Option<Header>, DiskError> {
        let name = file.to_string();
        let mut bytes = [0; HEADER_BYTES];
        let read = read_fully(self.disk, &name, 0, &mut bytes).map_err(DiskError::of("read", &name))?;
        Ok(Header::read(&bytes[..read], file, self.folder))
    }

    fn scan_segment(
        &mut self,
        file: FileName,
        start: u64,
        given_end: Option<u64>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<End, LoadError> {
        let mut reader = Reader::open(self.disk, file, self.seed, start, given_end)?;
        let mut record_count = 0;
        let end = reader.read(|batch| {
            for placed in batch {
                self.take(file, start, placed)?;
            }
            record_count += batch.len() as u64;
            progress(batch[batch.len() - 1].end - batch[0].position);
            Ok::<_, LoadError>(ControlFlow::Continue(()))
        })?;
        self.segments.push(Scanned { file, start: Some(start), end: end.position, record_count });
        self.found.end = end.position;
        Ok(end)
    }

    fn take(&mut self, file: FileName, start: u64, placed: &Placed<'_>) -> Result<(), LoadError> {
        let offset = || placed.position - start + HEADER_BYTES as u64;
        match placed.record {
            Record::Part(part) => {
                self.found.add_part(placed.position, part.ticket, part.participants.iter());
            }
            Record::Void(ticket) => {
                self.found.forget_part(ticket);
                self.voids.insert(ticket);
            }
            Record::End(_) => {
                return Err(LoadError::Misplaced { file: file.to_string(), offset: offset() });
            }
            Record::Effects(_) | Record::Synced(_) => {}
        }
        let invalid = decode(placed.record.effects()).find_map(Result::err);
        invalid.map_or(Ok(()), |invalid: effect::Invalid| {
            let problem = Problem::Invalid(invalid);
            Err(LoadError::Effect { file: file.to_string(), offset: offset(), problem })
        })
    }

    /// Decides what the end of the log is: `last` is the segment with the last record, `later` come behind.
    fn judge(
        &mut self,
        last: Option<FileName>,
        end: &End,
        later: &[Segment],
        promised: Option<u64>,
    ) -> Result<(), DiskError> {
        let later: Vec<_> = later.iter().map(|segment| FileName::log(self.shard, segment.number)).collect();
        let Some(file) = last.or(self.headless.first().copied()).or(later.first().copied()) else {
            return Ok(());
        };
        let (file_name, offset) = (file.to_string(), end.offset);
        let proof = match promised {
            Some(promised) => Some(Proof::Manifest(promised)),
            None => self.proof(last, end, &later)?,
        };
        if let Some(proof) = proof {
            self.tail = Tail::Damaged(Damage { file: file_name, offset, proof });
        } else if end.is == Ending::Torn || !later.is_empty() {
            self.tail = Tail::Torn(Torn { file: file_name, offset });
        }
        Ok(())
    }

    /// Looks for a record that says that what is behind the end was on the disk, in the same segment and in later ones.
    fn proof(
        &self,
        last: Option<FileName>,
        end: &End,
        later: &[FileName],
    ) -> Result<Option<Proof>, DiskError> {
        // Zeroes up to the end of a block may be padding.
        let padding = end.offset.next_multiple_of(BLOCK_BYTES) - end.offset;
        let padded = end.position + padding;
        let lost = if end.is == Ending::Clean { padded } else { end.position };
        let own = self.segments.iter().find(|scanned| Some(scanned.file) == last);
        let own = own.filter(|scanned| !self.ended.contains(&scanned.file));
        let own = own.and_then(|scanned| Some((scanned.file, scanned.start?, end.offset)));
        let mut places: Vec<_> = own.into_iter().collect();
        for &file in self.headless.iter().chain(later) {
            match self.header(file)? {
                Some(header) => places.push((file, header.start, 0)),
                // It can only have begun where the log ended.
                None => places.push((file, end.position, 0)),
            }
        }
        for (file, start, offset) in places {
            if let Some(proof) = find_proof(self.disk, file, self.seed, start, offset, lost)? {
                return Ok(Some(Proof::Synced { file: file.to_string(), offset: proof.offset }));
            }
        }
        Ok(None)
    }

    /// The scanned segments that hold records at or behind `from`, with where they start.
    fn readable(&self, from: u64) -> impl Iterator<Item = (Scanned, u64)> {
        self.segments.iter().filter_map(move |segment| {
            let start = segment.start?;
            (segment.end > start && segment.end > from).then_some((*segment, start))
        })
    }

    fn visit(&self, from: u64, until: u64, each: &mut Visitor<'_>) -> Result<(), LoadError> {
        for (segment, start) in self.readable(from) {
            let end = Some(segment.end.min(until).max(start));
            let mut reader = Reader::open(self.disk, segment.file, self.seed, start, end)?;
            reader.seek(from.max(start));
            let mut is_over = false;
            reader.read(|batch| {
                for placed in batch {
                    let flow = match placed.record {
                        Record::Effects(effects) => each(placed.position, None, effects),
                        Record::Part(part) => each(placed.position, Some(part.ticket), part.effects),
                        Record::Synced(_) | Record::Void(_) | Record::End(_) => continue,
                    };
                    if flow.is_break() {
                        is_over = true;
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Ok::<_, LoadError>(ControlFlow::Continue(()))
            })?;
            if is_over {
                break;
            }
        }
        Ok(())
    }
}

/// What to do about logs that a power cut has torn: `aof-load-truncated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTorn {
    Cut,
    Stop,
}

/// Decides what of all logs counts, unless one is damaged.
pub fn decide(logs: &[Log<'_>], on_torn: OnTorn) -> Result<Vec<Verdict>, LoadError> {
    for log in logs {
        match &log.tail {
            Tail::Damaged(damage) => return Err(LoadError::Damaged(damage.clone())),
            Tail::Torn(torn) if on_torn == OnTorn::Stop => return Err(LoadError::Torn(torn.clone())),
            Tail::Clean | Tail::Torn(_) => {}
        }
    }
    decide_anyway(logs)
}

/// Decides what of all logs counts; damaged ones end at their damage.
pub fn decide_anyway(logs: &[Log<'_>]) -> Result<Vec<Verdict>, LoadError> {
    struct All<'a, 'd>(&'a [Log<'d>]);
    impl Logs for All<'_, '_> {
        type Error = LoadError;

        fn visit(
            &self,
            shard: usize,
            from: u64,
            until: u64,
            each: &mut Visitor<'_>,
        ) -> Result<(), LoadError> {
            self.0[shard].visit(from, until, each)
        }
    }
    let found: Vec<Found> = logs.iter().map(|log| log.found.clone()).collect();
    recovery::resolve(&found, &All(logs))
}

/// What a shard was filled with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Keys of the base.
    pub base_keys: u64,
    pub effects: u64,
}

/// Fills the keys of a shard with its base and what counts of its log; keys count as used at `used_at_ms`.
pub fn replay(
    log: &Log<'_>,
    files: &ShardFiles,
    verdict: &Verdict,
    keyspace: &mut Keyspace,
    used_at_ms: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Figures, LoadError> {
    let mut replay = Replay::new(keyspace, used_at_ms);
    let mut base_keys = 0;
    if let Some(base) = files.base {
        let file = FileName::base(log.shard, base.number);
        base_keys = read_base(log.disk, file, log.folder, |batch| {
            progress(batch[batch.len() - 1].end - batch[0].position);
            apply(&mut replay, file, 0, batch, |_| true)
        })?;
    }
    let dropped: AHashSet<Ticket> = verdict.dropped.iter().copied().collect();
    let counts = |ticket: Ticket| !dropped.contains(&ticket) && !log.voids.contains(&ticket);
    for (segment, start) in log.readable(0).filter(|(_, start)| *start < verdict.end) {
        let end = Some(segment.end.min(verdict.end));
        let mut reader = Reader::open(log.disk, segment.file, log.seed, start, end)?;
        reader.read(|batch| {
            progress(batch[batch.len() - 1].end - batch[0].position);
            apply(&mut replay, segment.file, start, batch, counts)?;
            Ok::<_, LoadError>(ControlFlow::Continue(()))
        })?;
    }
    Ok(Figures { base_keys, effects: replay.effect_count() })
}

fn apply(
    replay: &mut Replay<'_>,
    file: FileName,
    start: u64,
    batch: &[Placed<'_>],
    counts: impl Fn(Ticket) -> bool,
) -> Result<(), LoadError> {
    let effects = batch.iter().map(|placed| match placed.record {
        Record::Part(part) if !counts(part.ticket) => &[],
        record => record.effects(),
    });
    replay.apply(effects).map_err(|(index, problem)| {
        let offset = batch[index].position - start + HEADER_BYTES as u64;
        LoadError::Effect { file: file.to_string(), offset, problem }
    })
}

/// Reads a base to its end, which must be there; gives the number of its keys.
pub fn read_base(
    disk: &dyn Disk,
    file: FileName,
    folder: u64,
    mut each: impl FnMut(&[Placed<'_>]) -> Result<(), LoadError>,
) -> Result<u64, LoadError> {
    let name = file.to_string();
    let damaged = |offset| LoadError::Base { file: name.clone(), offset };
    let mut bytes = [0; HEADER_BYTES];
    let read = read_fully(disk, &name, 0, &mut bytes).map_err(DiskError::of("read", &name))?;
    Header::read(&bytes[..read], file, folder).ok_or_else(|| damaged(0))?;
    let key_count = RefCell::new(None);
    let mut reader = Reader::open(disk, file, Seed::new(folder, file.shard), 0, None)?;
    let end = reader.read(|batch| {
        for placed in batch {
            let offset = placed.position + HEADER_BYTES as u64;
            match placed.record {
                Record::Effects(_) if key_count.borrow().is_none() => {}
                Record::End(count) if key_count.borrow().is_none() => {
                    *key_count.borrow_mut() = Some(count);
                }
                _ => return Err(LoadError::Misplaced { file: name.clone(), offset }),
            }
        }
        each(batch)?;
        Ok::<_, LoadError>(ControlFlow::Continue(()))
    })?;
    key_count.take().ok_or_else(|| damaged(end.offset))
}

/// The manifest after a recovery: it says where logs end, and forgets segments of which nothing counts. What it relies on is
/// synced first, as from now on it is known to have been on the disk.
pub fn settle(
    disk: &dyn Disk,
    manifest: &Manifest,
    logs: &[Log<'_>],
    verdicts: &[Verdict],
) -> Result<Manifest, DiskError> {
    let mut settled = manifest.clone();
    for ((files, log), verdict) in settled.shards.iter_mut().zip(logs).zip(verdicts) {
        let kept: Vec<(Scanned, u64)> = log.readable(0).filter(|(_, start)| *start < verdict.end).collect();
        files.segments = kept
            .iter()
            .map(|(segment, _)| Segment {
                number: segment.file.number,
                end: Some(segment.end.min(verdict.end)),
            })
            .collect();
        for (segment, _) in &kept {
            let name = segment.file.to_string();
            disk.sync(&name).map_err(DiskError::of("sync", &name))?;
        }
    }
    Ok(settled)
}

/// Files of the folder that look like ours and do not count: leftovers of a crash.
pub fn leftovers(disk: &dyn Disk, manifest: &Manifest) -> Result<Vec<FileName>, DiskError> {
    let listed: AHashSet<FileName> = manifest.files().collect();
    let names = disk.list().map_err(DiskError::of("list", "the folder"))?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).filter(|file| !listed.contains(file)).collect())
}

/// Removes the leftovers, before numbers of files are given anew.
pub fn remove_leftovers(disk: &dyn Disk, manifest: &Manifest) -> Result<(), DiskError> {
    // The manifest that was found may itself not be certain yet, and the one before it may name what is removed.
    disk.sync_folder().map_err(DiskError::of("sync", "the folder"))?;
    for file in leftovers(disk, manifest)? {
        let name = file.to_string();
        disk.remove(&name).map_err(DiskError::of("remove", &name))?;
    }
    Ok(())
}
