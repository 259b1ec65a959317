//! Bases on their way to the disk: one for each shard, filled key by key.

use crate::cluster::{SlotMap, slot_of};
use crate::codec::effect::{Spot, Value, write_stored};
use crate::data_plane::disk::FolderDisk;
use crate::keyspace::Keyspace;
use crate::persist::base::{BaseWriter, RECORD_BYTES};
use crate::persist::disk::{Disk, DiskError};
use crate::persist::effects::write_entry;
use crate::persist::manifest::{Base, Manifest, ShardFiles};
use crate::persist::name::FileName;

/// A base that is being written.
pub struct BaseFile<'d> {
    disk: &'d FolderDisk,
    name: String,
    writer: BaseWriter,
    /// Of the record to come.
    effects: Vec<u8>,
    /// What is not in the file yet.
    out: Vec<u8>,
    /// Where it goes.
    offset: u64,
    key_count: u64,
}

impl<'d> BaseFile<'d> {
    /// Makes the file of a base at `position`.
    pub fn create(
        disk: &'d FolderDisk,
        name: FileName,
        folder: u64,
        position: u64,
    ) -> Result<Self, DiskError> {
        let mut out = Vec::new();
        let writer = BaseWriter::new(folder, name, position, &mut out);
        let name = name.to_string();
        disk.create(&name).map_err(DiskError::of("create", &name))?;
        Ok(BaseFile { disk, name, writer, effects: Vec::new(), out, offset: 0, key_count: 0 })
    }

    /// Adds the keys of a slot that are alive at `now_ms`; all of them at 0.
    pub fn add_slot(
        &mut self,
        keyspace: &Keyspace,
        database: usize,
        slot: u16,
        now_ms: u64,
    ) -> Result<(), DiskError> {
        let mut outcome = Ok(());
        keyspace.visit_slot(database, slot, usize::MAX, now_ms, |entry| {
            if outcome.is_ok() {
                write_entry(&mut self.effects, database, slot, entry);
                self.key_count += 1;
                outcome = self.write_if_many();
            }
        });
        outcome
    }

    /// Writes the effects as a record if there are many of them.
    fn write_if_many(&mut self) -> Result<(), DiskError> {
        if self.effects.len() < RECORD_BYTES {
            return Ok(());
        }
        self.writer.effects(&self.effects, &mut self.out);
        self.effects.clear();
        // One large value is not to keep its room.
        self.effects.shrink_to(2 * RECORD_BYTES);
        self.flush()
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.disk.write_at(&self.name, self.offset, &self.out).map_err(DiskError::of("write", &self.name))?;
        self.offset += self.out.len() as u64;
        self.out.clear();
        self.out.shrink_to(2 * RECORD_BYTES);
        Ok(())
    }

    /// Ends the base and has it on the disk.
    pub fn finish(mut self) -> Result<(), DiskError> {
        if !self.effects.is_empty() {
            self.writer.effects(&self.effects, &mut self.out);
        }
        let BaseFile { disk, name, writer, mut out, offset, key_count, .. } = self;
        writer.finish(key_count, &mut out);
        disk.write_at(&name, offset, &out).map_err(DiskError::of("write", &name))?;
        disk.sync(&name).map_err(DiskError::of("sync", &name))
    }
}

/// The bases of all shards.
pub struct Bases<'d> {
    slots: &'d SlotMap,
    files: Vec<(u64, BaseFile<'d>)>,
    position: u64,
}

impl<'d> Bases<'d> {
    /// Makes a base at `position` for each shard of `slots`. The manifest is told the numbers, and nothing else.
    pub fn create(
        disk: &'d FolderDisk,
        manifest: &mut Manifest,
        slots: &'d SlotMap,
        position: u64,
    ) -> Result<Self, DiskError> {
        let mut files = Vec::new();
        for shard in 0..slots.shards {
            let number = manifest.take_number();
            let name = FileName::base(shard, number);
            files.push((number, BaseFile::create(disk, name, manifest.folder, position)?));
        }
        Ok(Bases { slots, files, position })
    }

    /// Adds a key to the base of its shard.
    pub fn add(
        &mut self,
        database: u8,
        key: &[u8],
        value: Value<'_>,
        deadline_ms: Option<u64>,
    ) -> Result<(), DiskError> {
        let slot = slot_of(key);
        let base = self.of_slot(slot);
        write_stored(&mut base.effects, Spot { database, slot }, key, value, deadline_ms);
        base.key_count += 1;
        base.write_if_many()
    }

    /// The base that a slot belongs into.
    pub fn of_slot(&mut self, slot: u16) -> &mut BaseFile<'d> {
        &mut self.files[usize::from(self.slots.owner(slot))].1
    }

    /// How many keys there are in all.
    pub fn key_count(&self) -> u64 {
        self.files.iter().map(|(_, base)| base.key_count).sum()
    }

    /// Ends all bases; gives what a manifest is to say of them.
    pub fn finish(self) -> Result<Vec<ShardFiles>, DiskError> {
        let position = self.position;
        let finish = |(number, file): (u64, BaseFile<'_>)| {
            file.finish()?;
            Ok(ShardFiles { base: Some(Base { number, position }), segments: Vec::new() })
        };
        self.files.into_iter().map(finish).collect()
    }
}
