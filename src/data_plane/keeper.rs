//! One thread for what may wait: it makes and removes files of the logs and replaces the manifest. Cores ask it by a queue, and
//! it wakes them.
//!
//! A core asks for at most one segment and one base at a time, which bounds the queue.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::bridge::Bridge;
use crate::data_plane::disk::FolderDisk;
use crate::data_plane::log::SEGMENT_BYTES;
use crate::persist::disk::Disk;
use crate::persist::manifest::{Base, Manifest, Segment};
use crate::persist::name::FileName;

/// After an error the keeper tries again so often.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
/// Zeroes are written in pieces of this size.
const ZEROES_BYTES: usize = 1 << 20;

/// A file of a log, which the manifest names.
pub struct KeptFile {
    pub name: FileName,
    pub file: File,
    /// The same file, past the page cache, where the file system can do that.
    pub direct: Option<File>,
}

/// What a core asks for.
pub enum Wish {
    /// The next segment of a shard, filled with zeroes if it will be overwritten block by block.
    Segment { shard: u16, zeroed: bool },
    /// A file for the next base of a shard, which the manifest does not name yet.
    Base { shard: u16 },
    /// The manifest is to name this base and forget what lies before it.
    Publish { shard: u16, base: Base, first_segment: u64 },
    /// A base that could not be written.
    Discard(FileName),
}

/// What the keeper answers.
pub enum Gift {
    Segment(KeptFile),
    Base(KeptFile),
    Published,
}

/// A core's ends of the queues.
pub struct Desk {
    pub wishes: Sender<Wish>,
    pub gifts: Receiver<Gift>,
}

/// The thread and what it works on.
pub struct Keeper {
    disk: FolderDisk,
    manifest: Manifest,
    bridge: Arc<Bridge>,
    wishes: Receiver<Wish>,
    gifts: Vec<Sender<Gift>>,
    /// Something that was wished could not be done yet.
    has_failed: bool,
}

impl Keeper {
    /// Starts the thread, for as many shards as the manifest has. It ends when the last desk is gone.
    pub fn start(
        disk: FolderDisk,
        manifest: Manifest,
        bridge: Arc<Bridge>,
    ) -> io::Result<(Vec<Desk>, JoinHandle<()>)> {
        let (asks, wishes) = channel();
        let (mut desks, mut gifts) = (Vec::new(), Vec::new());
        for _ in &manifest.shards {
            let (give, take) = channel();
            gifts.push(give);
            desks.push(Desk { wishes: asks.clone(), gifts: take });
        }
        let mut keeper = Keeper { disk, manifest, bridge, wishes, gifts, has_failed: false };
        let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(move || keeper.run())?;
        Ok((desks, thread))
    }

    fn run(&mut self) {
        // What cannot be done now is tried again, behind what others wish: that may be what makes room.
        let mut pending = Vec::new();
        loop {
            let wish = match pending.is_empty() {
                true => self.wishes.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => self.wishes.recv_timeout(RETRY_INTERVAL),
            };
            match wish {
                Ok(wish) => pending.push(wish),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let left = pending.into_iter().filter_map(|wish| self.fulfil(wish).err());
            pending = left.collect();
            if pending.is_empty() && std::mem::take(&mut self.has_failed) {
                tracing::warn!("The files of the log can be changed again");
            }
        }
    }

    /// Does what was wished, or gives the wish back.
    fn fulfil(&mut self, wish: Wish) -> Result<(), Wish> {
        self.try_to(&wish).map_err(|error| {
            if !std::mem::replace(&mut self.has_failed, true) {
                tracing::warn!("Cannot change the files of the log: {error}");
            }
            wish
        })
    }

    fn try_to(&mut self, wish: &Wish) -> io::Result<()> {
        match *wish {
            Wish::Segment { shard, zeroed } => {
                let file = self.make_segment(shard, zeroed)?;
                self.give(shard, Gift::Segment(file));
            }
            Wish::Base { shard } => {
                let file = self.make_base(shard)?;
                self.give(shard, Gift::Base(file));
            }
            Wish::Publish { shard, base, first_segment } => {
                let forgotten = self.publish(shard, base, first_segment)?;
                self.give(shard, Gift::Published);
                forgotten.into_iter().for_each(|file| self.remove(file));
            }
            Wish::Discard(file) => self.remove(file),
        }
        Ok(())
    }

    fn give(&self, shard: u16, gift: Gift) {
        // A core that has stopped needs nothing any more.
        let _ = self.gifts[usize::from(shard)].send(gift);
        self.bridge.wakers[usize::from(shard)].wake();
    }

    fn make_segment(&mut self, shard: u16, zeroed: bool) -> io::Result<KeptFile> {
        let mut manifest = self.manifest.clone();
        let number = manifest.take_number();
        manifest.shards[usize::from(shard)].segments.push(Segment { number, end: None });
        let file = make_file(&self.disk, FileName::log(shard, number), zeroed)?;
        manifest.replace(&self.disk).map_err(io::Error::other)?;
        self.manifest = manifest;
        Ok(file)
    }

    fn make_base(&mut self, shard: u16) -> io::Result<KeptFile> {
        let mut manifest = self.manifest.clone();
        let name = FileName::base(shard, manifest.take_number());
        let file = make_base_file(&self.disk, name)?;
        self.manifest = manifest;
        Ok(file)
    }

    /// Lets the manifest name a base. Gives the files that it names no longer.
    fn publish(&mut self, shard: u16, base: Base, first_segment: u64) -> io::Result<Vec<FileName>> {
        let mut manifest = self.manifest.clone();
        let files = &mut manifest.shards[usize::from(shard)];
        let former = files.base.replace(base);
        let (kept, old): (Vec<Segment>, Vec<Segment>) =
            files.segments.iter().partition(|segment| segment.number >= first_segment);
        files.segments = kept;
        manifest.replace(&self.disk).map_err(io::Error::other)?;
        self.manifest = manifest;
        let bases = former.into_iter().map(|base| FileName::base(shard, base.number));
        Ok(bases.chain(old.iter().map(|segment| FileName::log(shard, segment.number))).collect())
    }

    /// Removes a file that nothing refers to. One that stays is removed at the next start.
    fn remove(&self, file: FileName) {
        if let Err(error) = self.disk.remove(&file.to_string()) {
            tracing::warn!("Cannot remove {file}: {error}");
        }
    }
}

/// Makes the file of a base.
fn make_base_file(disk: &FolderDisk, name: FileName) -> io::Result<KeptFile> {
    let mut kept = make_file(disk, name, false)?;
    kept.direct = open_direct(&disk.path(&name.to_string()));
    Ok(kept)
}

/// Opens a file past the page cache; where that cannot be done the page cache does.
fn open_direct(path: &Path) -> Option<File> {
    OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path).ok()
}

/// Makes an empty file, or one full of zeroes that are on the disk.
pub fn make_file(disk: &FolderDisk, name: FileName, zeroed: bool) -> io::Result<KeptFile> {
    let path = disk.path(&name.to_string());
    fill_file(name, &path, zeroed).inspect_err(|_| {
        // Half a file would keep room that others need.
        let _ = std::fs::remove_file(&path);
    })
}

fn fill_file(name: FileName, path: &Path, zeroed: bool) -> io::Result<KeptFile> {
    let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(path)?;
    let mut direct = None;
    if zeroed {
        let zeroes = vec![0; ZEROES_BYTES];
        for offset in (0..SEGMENT_BYTES).step_by(ZEROES_BYTES) {
            file.write_all_at(&zeroes, offset)?;
        }
        file.sync_all()?;
        direct = open_direct(path);
    }
    Ok(KeptFile { name, file, direct })
}
