//! What a server starts with, as `data_plane/restore/` finds it out.

use basalt::cluster::SlotMap;
use basalt::codec::record::Ticket;
use basalt::keyspace::Keyspace;
use basalt::persist::base::BaseWriter;
use basalt::persist::disk::{Disk, DiskError};
use basalt::persist::effects::write_entry;
use basalt::persist::load::{self, OnTorn};
use basalt::persist::manifest::{Base, Manifest, Segment, ShardFiles, find};
use basalt::persist::name::FileName;
use basalt::persist::recovery::Verdict;

use super::flaw::Flaw;
use super::machine::Machine;

/// What the cores begin with.
pub struct Restored {
    pub keyspaces: Vec<Keyspace>,
    pub segments: Vec<FileName>,
    pub positions: Vec<u64>,
    pub voids: Vec<Vec<Ticket>>,
    pub manifest: Manifest,
}

/// What was decided of the logs that the manifest of this run names.
pub struct Decided {
    pub run: u64,
    pub verdicts: Vec<Verdict>,
}

/// How a server is started.
pub struct Start<'a> {
    pub files: &'a Machine,
    pub slots: &'a SlotMap,
    pub empty: &'a dyn Fn() -> Keyspace,
    pub now_ms: u64,
    /// New segments are filled with so many zeroes.
    pub zeroes: Option<usize>,
    /// As if the log had grown.
    pub compacts: bool,
}

impl Start<'_> {
    /// Reads what there is. `decided` is told before anything is changed.
    pub fn restore(&self, decided: &mut Option<Decided>) -> Result<Restored, String> {
        let Start { files, slots, empty, .. } = *self;
        let count = usize::from(slots.shards);
        let old = match find(files).map_err(|error| error.to_string())? {
            Some(manifest) => manifest,
            None => first_manifest(files, count)?,
        };
        let mut read = self.read(&old, decided)?;
        load::remove_leftovers(files, &old).map_err(told)?;
        let mut manifest = read.manifest.clone();
        manifest.run += 1;
        if old.shards.len() != count || self.compacts || !are_at_home(&read.keyspaces, slots) {
            let position = read.positions.iter().copied().max().unwrap_or_default();
            bring_home(&mut read.keyspaces, slots, empty)?;
            read.voids = vec![Vec::new(); count];
            read.positions = vec![position; count];
            manifest.shards = write_bases(files, &mut manifest, &read.keyspaces, position).map_err(told)?;
        }
        let mut segments = Vec::new();
        for shard in 0..slots.shards {
            let number = manifest.take_number();
            manifest.shards[usize::from(shard)].segments.push(Segment { number, end: None });
            let file = FileName::log(shard, number);
            files.make_file(&file.to_string(), self.zeroes).map_err(|error| error.to_string())?;
            segments.push(file);
        }
        manifest.replace(files).map_err(told)?;
        load::remove_leftovers(files, &manifest).map_err(told)?;
        Ok(Restored { segments, manifest, ..read })
    }

    fn read(&self, old: &Manifest, decided: &mut Option<Decided>) -> Result<Restored, String> {
        let files = self.files;
        let mut logs = Vec::new();
        for (shard, listed) in old.shards.iter().enumerate() {
            let log = load::scan(files, old.folder, shard as u16, listed, &mut |_| ());
            logs.push(log.map_err(|error| error.to_string())?);
        }
        let mut verdicts = load::decide(&logs, OnTorn::Cut).map_err(|error| error.to_string())?;
        if files.flaw == Some(Flaw::PartsWithoutSisters) {
            let found = logs.iter().map(|log| Verdict { end: log.found.end, dropped: Vec::new() });
            verdicts = found.collect();
        }
        *decided = Some(Decided { run: old.run, verdicts: verdicts.clone() });
        let mut keyspaces = Vec::new();
        for ((log, listed), verdict) in logs.iter().zip(&old.shards).zip(&verdicts) {
            let mut keyspace = (self.empty)();
            let replayed = load::replay(log, listed, verdict, &mut keyspace, self.now_ms, &mut |_| ());
            replayed.map_err(|error| error.to_string())?;
            keyspaces.push(keyspace);
        }
        let mut manifest = load::settle(files, old, &logs, &verdicts).map_err(told)?;
        if files.flaw == Some(Flaw::NoEnds) {
            manifest.clone_from(old);
        }
        Ok(Restored {
            keyspaces,
            segments: Vec::new(),
            positions: verdicts.iter().map(|verdict| verdict.end).collect(),
            voids: verdicts.iter().map(|verdict| verdict.dropped.clone()).collect(),
            manifest,
        })
    }
}

fn told(error: DiskError) -> String {
    error.to_string()
}

fn first_manifest(files: &Machine, count: usize) -> Result<Manifest, String> {
    const FOLDER: u64 = 0x5f0c_2a9e_71b3_d48c;
    let manifest = Manifest::new(FOLDER, count);
    let leftovers = load::leftovers(files, &manifest).map_err(told)?;
    assert!(leftovers.is_empty(), "a manifest comes before all that it names");
    manifest.replace(files).map_err(told)?;
    Ok(manifest)
}

fn are_at_home(keyspaces: &[Keyspace], slots: &SlotMap) -> bool {
    let mut placed = keyspaces.iter().enumerate().flat_map(|(shard, keyspace)| filled(keyspace, shard));
    placed.all(|(shard, _, slot)| usize::from(slots.owner(slot)) == shard)
}

fn bring_home(
    keyspaces: &mut Vec<Keyspace>,
    slots: &SlotMap,
    empty: &dyn Fn() -> Keyspace,
) -> Result<(), String> {
    while keyspaces.len() < usize::from(slots.shards) {
        keyspaces.push(empty());
    }
    for shard in 0..keyspaces.len() {
        for (_, database, slot) in filled(&keyspaces[shard], shard).collect::<Vec<_>>() {
            let owner = usize::from(slots.owner(slot));
            if owner != shard && keyspaces[owner].slot_len(database, slot) > 0 {
                return Err(format!("slot {slot} of database {database} is at shards {shard} and {owner}"));
            }
            if owner != shard
                && let Some(moved) = keyspaces[shard].take_slot(database, slot)
            {
                keyspaces[owner].put_slot(database, moved);
            }
        }
    }
    keyspaces.truncate(slots.shards.into());
    Ok(())
}

/// Shard, database and slot of all that has keys.
fn filled(keyspace: &Keyspace, shard: usize) -> impl Iterator<Item = (usize, usize, u16)> {
    let databases = (0..keyspace.database_count()).filter(|database| !keyspace.is_empty(*database));
    databases.flat_map(move |database| {
        let slots = super::generate::slots().filter(move |slot| keyspace.slot_len(database, *slot) > 0);
        slots.map(move |slot| (shard, database, slot))
    })
}

fn write_bases(
    files: &Machine,
    manifest: &mut Manifest,
    keyspaces: &[Keyspace],
    position: u64,
) -> Result<Vec<ShardFiles>, DiskError> {
    let mut shards = Vec::new();
    for (shard, keyspace) in keyspaces.iter().enumerate() {
        let number = manifest.take_number();
        write_base(files, FileName::base(shard as u16, number), manifest.folder, keyspace, position)?;
        shards.push(ShardFiles { base: Some(Base { number, position }), segments: Vec::new() });
    }
    Ok(shards)
}

fn write_base(
    files: &Machine,
    name: FileName,
    folder: u64,
    keyspace: &Keyspace,
    position: u64,
) -> Result<(), DiskError> {
    let file = name.to_string();
    files.create(&file).map_err(DiskError::of("create", &file))?;
    let (mut out, mut effects) = (Vec::new(), Vec::new());
    let (mut offset, mut count) = (0, 0);
    let mut writer = BaseWriter::new(folder, name, position, &mut out);
    let mut flush = |out: &mut Vec<u8>| {
        files.write_at(&file, offset, out).map_err(DiskError::of("write", &file))?;
        offset += out.len() as u64;
        out.clear();
        Ok::<_, DiskError>(())
    };
    for database in 0..keyspace.database_count() {
        for slot in super::generate::slots() {
            keyspace.visit_slot(database, slot, usize::MAX, 0, |entry| {
                write_entry(&mut effects, database, slot, entry);
                count += 1;
            });
            if effects.len() >= RECORD_BYTES {
                writer.effects(&effects, &mut out);
                effects.clear();
                flush(&mut out)?;
            }
        }
    }
    if !effects.is_empty() {
        writer.effects(&effects, &mut out);
    }
    writer.finish(count, &mut out);
    flush(&mut out)?;
    files.sync(&file).map_err(DiskError::of("sync", &file))
}

/// Keys are few here, and a base is to have several records.
const RECORD_BYTES: usize = 64;
