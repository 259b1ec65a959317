//! The thread that makes files and replaces the manifest, as `data_plane/keeper.rs` does, a piece at a time.

use basalt::config::Fsync;
use basalt::persist::manifest::{Base, Manifest, Segment};
use basalt::persist::name::FileName;
use basalt::persist::segment::{BLOCK_BYTES, HEADER_BYTES};

use super::core::Core;
use super::flaw::Flaw;
use super::machine::Machine;
use super::shape::Durability;

pub struct Keeper {
    files: Machine,
    manifest: Manifest,
    durability: Durability,
    making: Option<Making>,
}

/// A segment on its way.
struct Making {
    shard: usize,
    file: FileName,
    manifest: Manifest,
    is_made: bool,
    is_listed: bool,
}

/// How many zeroes a new segment is filled with, if it is.
pub fn zeroes(durability: &Durability) -> Option<usize> {
    let bytes = (durability.segment_bytes + 2 * BLOCK_BYTES).next_multiple_of(BLOCK_BYTES) as usize;
    (durability.fsync == Fsync::Always).then_some(HEADER_BYTES + bytes)
}

impl Keeper {
    pub fn new(files: Machine, manifest: Manifest, durability: Durability) -> Self {
        Keeper { files, manifest, durability, making: None }
    }

    pub fn is_idle(&self, cores: &[Core]) -> bool {
        let wants = |core: &Core| core.log.as_ref().is_some_and(|log| log.wants_segment);
        self.making.is_none() && !cores.iter().any(wants)
    }

    pub fn has_flaw(&self, flaw: Flaw) -> bool {
        self.files.flaw == Some(flaw)
    }

    /// The number of the next file, and that of the folder, unless a segment is being made.
    pub fn take_number(&mut self) -> Option<(u64, u64)> {
        let may = self.making.is_none();
        may.then(|| (self.manifest.take_number(), self.manifest.folder))
    }

    /// Lists a base in place of what it covers, which lies before the segment `first`. Gives the files that are listed no
    /// more, or nothing if this has to be tried again.
    pub fn publish(&mut self, shard: usize, base: Base, first: u64) -> Option<Vec<FileName>> {
        if self.making.is_some() {
            return None;
        }
        let mut manifest = self.manifest.clone();
        let listed = &mut manifest.shards[shard];
        listed.base = Some(base);
        let first = listed.segments.iter().position(|segment| segment.number == first);
        listed.segments.drain(..first.expect("it was listed before it was used"));
        let files: Vec<FileName> = self.manifest.files().collect();
        let old = files.into_iter().filter(|file| !manifest.files().any(|kept| kept == *file)).collect();
        manifest.replace(&self.files).ok()?;
        self.manifest = manifest;
        Some(old)
    }

    /// Does the next thing. One that fails is begun anew.
    pub fn work(&mut self, cores: &mut [Core]) {
        let Some(mut making) = self.making.take().or_else(|| self.begin(cores)) else {
            return;
        };
        let lists_first = self.files.flaw == Some(Flaw::ListedTooEarly);
        match (making.is_made, making.is_listed) {
            (false, is_listed) if is_listed == lists_first => {
                let made = self.files.make_file(&making.file.to_string(), zeroes(&self.durability));
                making.is_made = made.is_ok();
            }
            (is_made, false) => {
                let listed = self.files.flaw == Some(Flaw::UsedUnlisted)
                    || making.manifest.replace(&self.files).is_ok();
                (making.is_made, making.is_listed) = (is_made && listed, listed);
            }
            _ => unreachable!("what is made and listed is given"),
        }
        if making.is_made && making.is_listed {
            self.manifest = making.manifest;
            let log = cores[making.shard].log.as_mut().expect("who asked has a log");
            return log.gifts.push_back(making.file);
        }
        self.making = Some(making);
    }

    fn begin(&mut self, cores: &mut [Core]) -> Option<Making> {
        let wants = |core: &&mut Core| core.log.as_ref().is_some_and(|log| log.wants_segment);
        let core = cores.iter_mut().find(wants)?;
        core.log.as_mut().expect("it has asked").wants_segment = false;
        let shard = core.shard.index;
        let mut manifest = self.manifest.clone();
        let number = manifest.take_number();
        manifest.shards[usize::from(shard)].segments.push(Segment { number, end: None });
        let file = FileName::log(shard, number);
        Some(Making { shard: shard.into(), file, manifest, is_made: false, is_listed: false })
    }
}
