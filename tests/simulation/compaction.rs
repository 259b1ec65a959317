//! A base that is written while the server lives, by the plan of docs/persistence.md: cut, write, settle, publish. The keys
//! are taken all at once, at the cut, so the walk is not simulated.

use basalt::persist::base::BaseWriter;
use basalt::persist::disk::Disk;
use basalt::persist::effects::write_entry;
use basalt::persist::manifest::Base;
use basalt::persist::name::FileName;
use basalt::shard::Shard;

use super::flaw::Flaw;
use super::generate::{self, DATABASES};
use super::world::World;

/// How many bytes are written at once.
const CHUNK_BYTES: usize = 3000;

/// The keys of a shard at a position of its log, where a segment begins.
pub struct Cut {
    pub position: u64,
    pub segment: FileName,
    effects: Vec<Vec<u8>>,
    key_count: u64,
}

impl Cut {
    pub fn new(shard: &Shard, segment: FileName, position: u64) -> Self {
        let mut cut = Cut { position, segment, effects: Vec::new(), key_count: 0 };
        for database in 0..DATABASES.into() {
            for slot in generate::slots() {
                let mut effects = Vec::new();
                shard.keyspace.visit_slot(database, slot, usize::MAX, 0, |entry| {
                    write_entry(&mut effects, database, slot, entry);
                    cut.key_count += 1;
                });
                if !effects.is_empty() {
                    cut.effects.push(effects);
                }
            }
        }
        cut
    }

    /// The bytes of the base.
    fn write(&self, folder: u64, name: FileName) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = BaseWriter::new(folder, name, self.position, &mut bytes);
        self.effects.iter().for_each(|effects| writer.effects(effects, &mut bytes));
        writer.finish(self.key_count, &mut bytes);
        bytes
    }
}

/// How far a compaction has come.
pub enum Compaction {
    /// The shard waits for a moment at which nothing is held.
    Wanted(usize),
    Writing {
        cut: Cut,
        name: FileName,
        bytes: Vec<u8>,
        written: usize,
    },
    /// The base is on the disk, and what it covers is not yet everywhere.
    Settling {
        cut: Cut,
        name: FileName,
        until: Vec<u64>,
    },
    /// It is listed, and these are not.
    Removing(Vec<FileName>),
}

impl World {
    /// Begins a compaction, or goes on with it.
    pub fn let_compaction_work(&mut self) {
        self.compaction = match self.compaction.take() {
            None => self.want_compaction(),
            Some(Compaction::Wanted(which)) => self.begin_base(which),
            Some(Compaction::Writing { cut, name, bytes, written }) => {
                self.write_base(cut, name, bytes, written)
            }
            Some(Compaction::Settling { cut, name, until }) => self.publish(cut, name, until),
            Some(Compaction::Removing(files)) => self.remove(files),
        };
    }

    fn want_compaction(&mut self) -> Option<Compaction> {
        let which = self.random.below(self.cores.len());
        self.cores[which].log.as_mut().expect("there are logs").wants_cut = true;
        Some(Compaction::Wanted(which))
    }

    fn begin_base(&mut self, which: usize) -> Option<Compaction> {
        let log = self.cores[which].log.as_mut().expect("there are logs");
        let Some(cut) = log.cut.take() else {
            return Some(Compaction::Wanted(which));
        };
        let Some((number, folder)) = self.keeper.as_mut().and_then(|keeper| keeper.take_number()) else {
            log.cut = Some(cut);
            return Some(Compaction::Wanted(which));
        };
        let name = FileName::base(which as u16, number);
        let bytes = cut.write(folder, name);
        let machine = self.machine.as_ref().expect("there are logs");
        // What fails is given up; the next start removes what is left.
        machine.create(&name.to_string()).ok()?;
        Some(Compaction::Writing { cut, name, bytes, written: 0 })
    }

    fn write_base(&self, cut: Cut, name: FileName, bytes: Vec<u8>, written: usize) -> Option<Compaction> {
        let machine = self.machine.as_ref().expect("there are logs");
        let end = bytes.len().min(written + CHUNK_BYTES);
        if written < end {
            machine.write_at(&name.to_string(), written as u64, &bytes[written..end]).ok()?;
            return Some(Compaction::Writing { cut, name, bytes, written: end });
        }
        machine.sync(&name.to_string()).ok()?;
        let logs = self.cores.iter().filter_map(|core| Some((core.log.as_ref()?, &core.shard)));
        let until = logs.map(|(log, shard)| log.settled_to(shard)).collect();
        Some(Compaction::Settling { cut, name, until })
    }

    fn publish(&mut self, cut: Cut, name: FileName, until: Vec<u64>) -> Option<Compaction> {
        let mut is_settled = true;
        for (core, until) in self.cores.iter_mut().zip(&until) {
            let log = core.log.as_mut().expect("there are logs");
            log.wants_sync |= log.synced < *until;
            is_settled &= log.synced >= *until;
        }
        let keeper = self.keeper.as_mut().expect("there are logs");
        if !is_settled && !keeper.has_flaw(Flaw::PublishedUnsettled) {
            return Some(Compaction::Settling { cut, name, until });
        }
        let base = Base { number: name.number, position: cut.position };
        match keeper.publish(name.shard.into(), base, cut.segment.number) {
            Some(files) => Some(Compaction::Removing(files)),
            None => Some(Compaction::Settling { cut, name, until }),
        }
    }

    fn remove(&self, mut files: Vec<FileName>) -> Option<Compaction> {
        let file = files.pop()?;
        // What stays is a leftover.
        let _ = self.machine.as_ref().expect("there are logs").remove(&file.to_string());
        Some(Compaction::Removing(files))
    }
}
