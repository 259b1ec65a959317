//! A small store that writes the files as docs/persistence.md says, with all its shards in one thread: what the crash tests
//! run against. It keeps a history of what each log holds, and of what it has told.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::disk::{Random, SimulatedDisk};
use crate::codec::effect::{Spot, Value, write_removed, write_stored};
use crate::codec::record::{self, Kind, Participant, Seed, Ticket};
use crate::persist::disk::{Disk, DiskError};
use crate::persist::load::remove_leftovers;
use crate::persist::manifest::{Base, Manifest, Segment};
use crate::persist::name::FileName;
use crate::persist::segment::{BLOCK_BYTES, HEADER_BYTES, Header};

pub type Keys = BTreeMap<u8, Vec<u8>>;

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Always,
    EverySecond,
}

/// What a record changes: a key and what it holds then.
pub type Change = (u8, Option<Vec<u8>>);

/// A record of a log, as the store remembers it.
#[derive(Clone, Debug)]
pub struct Remembered {
    pub position: u64,
    pub end: u64,
    pub ticket: Option<Ticket>,
    /// Of the transaction.
    pub participant_count: usize,
    pub changes: Vec<Change>,
    pub is_acknowledged: bool,
    /// Was on the disk, at all shards, at a moment without transactions under way.
    pub is_settled: bool,
}

pub struct Shard {
    pub keys: Keys,
    /// All that was ever written and is still to count.
    pub history: Vec<Remembered>,
    file: FileName,
    start: u64,
    has_header: bool,
    pub position: u64,
    pub synced: u64,
    locked: BTreeSet<u8>,
    /// Former segments that are not synced yet.
    unsynced: Vec<FileName>,
    /// A base that is to be published: where its first segment begins, its number, and the keys.
    compaction: Option<(u64, u64, Keys)>,
}

/// A transaction under way: what is still to be written at which shard.
struct Transaction {
    ticket: Ticket,
    participants: Vec<Participant>,
    parts: Vec<(usize, Vec<Change>)>,
    written: Vec<(usize, u64)>,
    keys: Vec<(usize, u8)>,
}

pub struct Store<'d> {
    pub disk: &'d SimulatedDisk,
    pub manifest: Manifest,
    pub shards: Vec<Shard>,
    pub policy: Policy,
    transactions: Vec<Transaction>,
    /// Records that wait for their sync: shard and position behind them.
    unacknowledged: Vec<(usize, u64)>,
    next_transaction: u64,
    pub random: Random,
}

fn plain(error: DiskError) -> io::Error {
    error.source
}

impl<'d> Store<'d> {
    /// Goes on with what a recovery has found: logs that end at the positions of their shards. `voids` by shard.
    pub fn begin(
        disk: &'d SimulatedDisk,
        manifest: Manifest,
        found: Vec<(u64, Vec<Remembered>)>,
        voids: &[Vec<Ticket>],
        policy: Policy,
        random: Random,
    ) -> io::Result<Self> {
        let mut store = Store {
            disk,
            manifest,
            shards: Vec::new(),
            policy,
            transactions: Vec::new(),
            unacknowledged: Vec::new(),
            next_transaction: 0,
            random,
        };
        store.manifest.run += 1;
        for (shard, (position, history)) in found.into_iter().enumerate() {
            let number = store.manifest.take_number();
            let file = FileName::log(shard as u16, number);
            let keys = replayed(history.iter());
            store.shards.push(Shard {
                keys,
                history,
                file,
                start: position,
                has_header: false,
                position,
                synced: position,
                locked: BTreeSet::new(),
                unsynced: Vec::new(),
                compaction: None,
            });
            store.make(file)?;
            store.manifest.shards[shard].segments.push(Segment { number, end: None });
        }
        store.manifest.replace(disk).map_err(plain)?;
        for (shard, tickets) in voids.iter().enumerate() {
            for &ticket in tickets {
                let mut bytes = Vec::new();
                record::write_void(&mut bytes, ticket, store.shards[shard].position, store.seed(shard));
                store.append(shard, &bytes)?;
            }
            store.sync(shard)?;
        }
        remove_leftovers(disk, &store.manifest).map_err(plain)?;
        Ok(store)
    }

    fn seed(&self, shard: usize) -> Seed {
        Seed::new(self.manifest.folder, shard as u16)
    }

    /// Makes an empty segment; under `always` mostly one that was filled before.
    fn make(&mut self, file: FileName) -> io::Result<()> {
        let name = file.to_string();
        self.disk.create(&name)?;
        if self.policy == Policy::Always && !self.random.once_in(3) {
            self.disk.write_at(&name, 0, &[0; 8 * BLOCK_BYTES as usize])?;
        }
        self.disk.sync(&name)
    }

    /// Writes bytes at the end of a log.
    fn append(&mut self, shard: usize, bytes: &[u8]) -> io::Result<()> {
        let shard = &mut self.shards[shard];
        let mut offset = HEADER_BYTES as u64 + shard.position - shard.start;
        let mut all = Vec::new();
        if !shard.has_header {
            let header = Header { name: shard.file, start: shard.start, term: 0 };
            header.write(self.manifest.folder, &mut all);
            shard.has_header = true;
            offset = 0;
        }
        all.extend_from_slice(bytes);
        self.disk.write_at(&shard.file.to_string(), offset, &all)?;
        shard.position += bytes.len() as u64;
        Ok(())
    }

    /// Writes one record, beginning as the policy demands.
    fn write(
        &mut self,
        shard: usize,
        begin: impl FnOnce(&mut Vec<u8>) -> usize,
        transaction: Option<(Ticket, usize)>,
        changes: Vec<Change>,
    ) -> io::Result<u64> {
        let seed = self.seed(shard);
        let state = &self.shards[shard];
        let mut bytes = Vec::new();
        // A group, or a synced record now and then.
        let offset = state.position - state.start;
        if self.policy == Policy::Always
            && state.position == state.synced
            && !offset.is_multiple_of(BLOCK_BYTES)
        {
            bytes.resize((offset.next_multiple_of(BLOCK_BYTES) - offset) as usize, 0);
        }
        if self.policy == Policy::Always && state.position == state.synced {
            let place = state.position + bytes.len() as u64;
            record::write_synced(&mut bytes, place, place, seed);
        } else if self.random.once_in(3) {
            record::write_synced(&mut bytes, state.synced, state.position, seed);
        }
        let position = state.position + bytes.len() as u64;
        let start = begin(&mut bytes);
        for (key, value) in &changes {
            let spot = Spot { database: 0, slot: u16::from(*key) };
            match value {
                Some(value) => write_stored(&mut bytes, spot, &[*key], Value::Text(value), None),
                None => write_removed(&mut bytes, spot, &[*key]),
            }
        }
        record::finish(&mut bytes, start, position, seed);
        let end = state.position + bytes.len() as u64;
        // It may be on the disk even if the writing fails.
        let is_acknowledged = false;
        let (ticket, participant_count) =
            transaction.map_or((None, 1), |(ticket, count)| (Some(ticket), count));
        let remembered = Remembered {
            position,
            end,
            ticket,
            participant_count,
            changes,
            is_acknowledged,
            is_settled: false,
        };
        self.shards[shard].history.push(remembered);
        self.append(shard, &bytes)?;
        let changes = self.shards[shard].history.last().expect("just put there").changes.clone();
        apply(&mut self.shards[shard].keys, &changes);
        self.unacknowledged.push((shard, end));
        self.acknowledge();
        Ok(end)
    }

    fn sync(&mut self, shard: usize) -> io::Result<()> {
        for file in std::mem::take(&mut self.shards[shard].unsynced) {
            // A compaction may have removed it.
            if self.disk.length(&file.to_string()).is_ok() {
                self.disk.sync(&file.to_string())?;
            }
        }
        self.disk.sync(&self.shards[shard].file.to_string())?;
        self.shards[shard].synced = self.shards[shard].position;
        self.acknowledge();
        Ok(())
    }

    /// Tells of what may be told by now. A part is told of when all are.
    fn acknowledge(&mut self) {
        let (shards, policy) = (&mut self.shards, self.policy);
        self.unacknowledged.retain(|&(shard, end)| {
            let shard = &mut shards[shard];
            let is_due = policy == Policy::EverySecond || shard.synced >= end;
            let mut records = shard.history.iter_mut();
            if let Some(record) =
                records.find(|record| record.end == end && record.ticket.is_none() && is_due)
            {
                record.is_acknowledged = true;
            }
            !is_due
        });
        let finished = |transaction: &Transaction, shards: &[Shard]| {
            transaction.parts.is_empty()
                && transaction
                    .written
                    .iter()
                    .all(|&(shard, end)| policy == Policy::EverySecond || shards[shard].synced >= end)
        };
        for transaction in std::mem::take(&mut self.transactions) {
            if !finished(&transaction, shards) {
                self.transactions.push(transaction);
                continue;
            }
            for &(shard, end) in &transaction.written {
                let mut records = shards[shard].history.iter_mut();
                if let Some(record) = records.find(|record| record.end == end) {
                    record.is_acknowledged = true;
                }
            }
            for (shard, key) in transaction.keys {
                shards[shard].locked.remove(&key);
            }
        }
    }

    /// Does something by chance.
    pub fn step(&mut self) -> io::Result<()> {
        let shard = self.random.below(self.shards.len());
        match self.random.below(40) {
            0..14 => self.single(shard),
            14..20 => {
                self.start_transaction();
                Ok(())
            }
            20..32 => self.go_on(),
            32..36 => self.sync(shard),
            36 => self.change_segment(shard),
            37 => self.start_compaction(shard),
            38 => self.publish(shard),
            _ => self.settle(),
        }
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        let length = match self.random.below(10) {
            0 => return None,
            1 => self.random.below(6000),
            _ => self.random.below(60),
        };
        Some(vec![self.random.number() as u8; length])
    }

    fn free_key(&mut self, shard: usize) -> Option<u8> {
        let key = self.random.below(12) as u8;
        (!self.shards[shard].locked.contains(&key)).then_some(key)
    }

    fn single(&mut self, shard: usize) -> io::Result<()> {
        let Some(key) = self.free_key(shard) else { return Ok(()) };
        let value = self.value();
        let begin = |bytes: &mut Vec<u8>| record::begin(bytes, Kind::Effects);
        self.write(shard, begin, None, vec![(key, value)])?;
        if self.policy == Policy::Always && !self.random.once_in(3) {
            self.sync(shard)?;
        }
        Ok(())
    }

    /// Locks keys at some shards.
    fn start_transaction(&mut self) {
        let mut transaction = Transaction {
            ticket: Ticket { home: 0, number: self.manifest.run << 32 | self.next_transaction },
            participants: Vec::new(),
            parts: Vec::new(),
            written: Vec::new(),
            keys: Vec::new(),
        };
        self.next_transaction += 1;
        for shard in 0..self.shards.len() {
            if self.random.once_in(3) {
                continue;
            }
            let Some(key) = self.free_key(shard) else { continue };
            let value = self.value();
            self.shards[shard].locked.insert(key);
            transaction.keys.push((shard, key));
            // A part may have no effects.
            let changes = if self.random.once_in(6) { Vec::new() } else { vec![(key, value)] };
            let position = self.shards[shard].position;
            transaction.participants.push(Participant { shard: shard as u16, position });
            transaction.parts.push((shard, changes));
        }
        self.transactions.push(transaction);
    }

    /// Writes one more part of a transaction.
    fn go_on(&mut self) -> io::Result<()> {
        if self.transactions.is_empty() {
            return Ok(());
        }
        let index = self.random.below(self.transactions.len());
        let transaction = &mut self.transactions[index];
        if transaction.parts.is_empty() {
            self.acknowledge();
            return Ok(());
        }
        let (shard, changes) = transaction.parts.swap_remove(self.random.below(transaction.parts.len()));
        let (ticket, participants) = (transaction.ticket, transaction.participants.clone());
        // It is not finished before this part is written.
        transaction.written.push((shard, u64::MAX));
        let about = (ticket, participants.len());
        let begin = move |bytes: &mut Vec<u8>| record::begin_part(bytes, ticket, participants.into_iter());
        let held = std::mem::take(&mut self.transactions);
        let written = self.write(shard, begin, Some(about), changes);
        self.transactions = held;
        self.transactions[index].written.last_mut().expect("just put there").1 = written?;
        self.acknowledge();
        Ok(())
    }

    fn change_segment(&mut self, shard: usize) -> io::Result<()> {
        let number = self.manifest.take_number();
        let file = FileName::log(shard as u16, number);
        self.make(file)?;
        self.manifest.shards[shard].segments.push(Segment { number, end: None });
        self.manifest.replace(self.disk).map_err(plain)?;
        if self.policy == Policy::Always {
            self.sync(shard)?;
        }
        let shard = &mut self.shards[shard];
        shard.unsynced.push(shard.file);
        (shard.file, shard.start, shard.has_header) = (file, shard.position, false);
        Ok(())
    }

    /// The cut: nothing that writes is held here.
    fn start_compaction(&mut self, shard: usize) -> io::Result<()> {
        if !self.shards[shard].locked.is_empty() {
            return Ok(());
        }
        self.change_segment(shard)?;
        let shard = &mut self.shards[shard];
        shard.compaction = Some((shard.start, shard.file.number, shard.keys.clone()));
        Ok(())
    }

    /// Writes the base, waits until what it covers is synced everywhere, and lets it count.
    fn publish(&mut self, shard: usize) -> io::Result<()> {
        let Some((position, first, keys)) = self.shards[shard].compaction.take() else { return Ok(()) };
        let number = self.manifest.take_number();
        let file = FileName::base(shard as u16, number);
        let bytes = self.base_bytes(file, position, &keys);
        self.disk.create(&file.to_string())?;
        self.disk.write_at(&file.to_string(), 0, &bytes)?;
        self.disk.sync(&file.to_string())?;
        for shard in 0..self.shards.len() {
            self.sync(shard)?;
        }
        let files = &mut self.manifest.shards[shard];
        let old_base = files.base.replace(Base { number, position });
        let first = files.segments.iter().position(|segment| segment.number == first);
        let old: Vec<Segment> = files.segments.drain(..first.expect("it is listed")).collect();
        self.manifest.replace(self.disk).map_err(plain)?;
        if let Some(base) = old_base {
            self.disk.remove(&FileName::base(shard as u16, base.number).to_string())?;
        }
        for segment in old {
            self.disk.remove(&FileName::log(shard as u16, segment.number).to_string())?;
        }
        Ok(())
    }

    fn base_bytes(&self, file: FileName, start: u64, keys: &Keys) -> Vec<u8> {
        let seed = self.seed(usize::from(file.shard));
        let mut bytes = Vec::new();
        Header { name: file, start, term: 0 }.write(self.manifest.folder, &mut bytes);
        let keys: Vec<_> = keys.iter().collect();
        for chunk in keys.chunks(5) {
            let position = (bytes.len() - HEADER_BYTES) as u64;
            let start = record::begin(&mut bytes, Kind::Effects);
            for (key, value) in chunk {
                let spot = Spot { database: 0, slot: u16::from(**key) };
                write_stored(&mut bytes, spot, &[**key], Value::Text(value), None);
            }
            record::finish(&mut bytes, start, position, seed);
        }
        let position = (bytes.len() - HEADER_BYTES) as u64;
        record::write_end(&mut bytes, keys.len() as u64, position, seed);
        bytes
    }

    /// A moment at which all is on the disk and no transaction is under way.
    fn settle(&mut self) -> io::Result<()> {
        if !self.transactions.is_empty() {
            return Ok(());
        }
        for shard in 0..self.shards.len() {
            self.sync(shard)?;
        }
        let records = self.shards.iter_mut().flat_map(|shard| &mut shard.history);
        records.for_each(|record| record.is_settled = true);
        Ok(())
    }
}

fn apply(keys: &mut Keys, changes: &[Change]) {
    for (key, value) in changes {
        match value {
            Some(value) => keys.insert(*key, value.clone()),
            None => keys.remove(key),
        };
    }
}

/// What is there after these records.
pub fn replayed<'a>(records: impl Iterator<Item = &'a Remembered>) -> Keys {
    let mut keys = Keys::new();
    records.for_each(|record| apply(&mut keys, &record.changes));
    keys
}
