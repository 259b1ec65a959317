//! A disk that loses what was not synced, tears it, fails and fills up, all from one seed.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::Mutex;

use crate::persist::disk::Disk;

const SECTOR_BYTES: usize = 512;

/// Chance that replays: SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// How it all ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crash {
    /// The kernel still has what was written.
    Process,
    /// Of what was not synced any part may be lost.
    Power,
}

#[derive(Clone, Default)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// A sync has failed: later ones succeed, and do nothing.
    is_lost: bool,
}

/// A change of the folder that is not yet certain.
#[derive(Clone)]
enum FolderChange {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

struct State {
    files: Vec<File>,
    now: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
    changes: Vec<FolderChange>,
    random: Random,
    /// Changes until everything fails.
    left: Option<usize>,
    /// Changes that fail from now on.
    failures: usize,
    /// All files together have at most so many bytes.
    capacity_bytes: usize,
}

pub struct SimulatedDisk(Mutex<State>);

fn apply(names: &mut BTreeMap<String, usize>, change: &FolderChange) {
    match change {
        FolderChange::Create(name, file) => {
            names.insert(name.clone(), *file);
        }
        FolderChange::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        FolderChange::Remove(name) => {
            names.remove(name);
        }
    }
}

impl SimulatedDisk {
    pub fn new(seed: u64) -> Self {
        SimulatedDisk(Mutex::new(State {
            files: Vec::new(),
            now: BTreeMap::new(),
            synced: BTreeMap::new(),
            changes: Vec::new(),
            random: Random(seed),
            left: None,
            failures: 0,
            capacity_bytes: usize::MAX,
        }))
    }

    /// Everything fails after so many changes; the last one is done in part.
    pub fn crash_after(&self, changes: Option<usize>) {
        self.0.lock().expect("no test panics within").left = changes;
    }

    /// Whether everything fails because the time has come.
    pub fn has_crashed(&self) -> bool {
        self.0.lock().expect("no test panics within").left == Some(0)
    }

    /// Whether the time has been set.
    pub fn will_crash(&self) -> bool {
        self.0.lock().expect("no test panics within").left.is_some()
    }

    /// So many changes fail from now on, done in part.
    pub fn fail_next(&self, changes: usize) {
        self.0.lock().expect("no test panics within").failures = changes;
    }

    pub fn used_bytes(&self) -> usize {
        self.0.lock().expect("no test panics within").used_bytes()
    }

    pub fn fill_up_at(&self, capacity_bytes: usize) {
        self.0.lock().expect("no test panics within").capacity_bytes = capacity_bytes;
    }

    /// What the next server finds.
    pub fn after(&self, crash: Crash) {
        let mut state = self.0.lock().expect("no test panics within");
        (state.left, state.failures) = (None, 0);
        state.files.iter_mut().for_each(|file| file.is_lost = false);
        if crash == Crash::Process {
            return;
        }
        let State { files, now, synced, changes, random, .. } = &mut *state;
        for file in files.iter_mut() {
            tear(file, random);
        }
        // Mostly all or nothing, sometimes anything.
        let odds = random.below(3);
        for change in changes.drain(..) {
            if odds == 0 || odds == 1 && random.once_in(2) {
                apply(synced, &change);
            }
        }
        *now = synced.clone();
    }

    /// Changes bytes of a file behind everybody's back.
    pub fn damage(&self, name: &str, offset: usize, with: impl Fn(u8) -> u8) {
        let state = &mut *self.0.lock().expect("no test panics within");
        let file = &mut state.files[state.now[name]];
        file.now[offset] = with(file.now[offset]);
        file.synced = file.now.clone();
    }
}

/// Decides which sectors of what was not synced have reached the disk.
fn tear(file: &mut File, random: &mut Random) {
    let odds = random.below(4);
    let length = match random.below(3) {
        0 => file.synced.len(),
        1 => file.now.len(),
        _ => file.synced.len() + random.below(file.now.len().abs_diff(file.synced.len()) + 1),
    };
    let mut torn = file.synced.clone();
    torn.resize(length, 0);
    for (sector, bytes) in file.now.chunks(SECTOR_BYTES).enumerate() {
        let survives = match odds {
            0 => true,
            1 => random.once_in(2),
            2 => !random.once_in(8),
            _ => false,
        };
        let at = sector * SECTOR_BYTES;
        if survives && at < length {
            let end = length.min(at + bytes.len());
            torn[at..end].copy_from_slice(&bytes[..end - at]);
        }
    }
    file.now = torn.clone();
    file.synced = torn;
}

fn crashed() -> io::Error {
    io::Error::other("crashed")
}

fn failed() -> io::Error {
    io::Error::other("the disk has failed")
}

fn missing() -> io::Error {
    ErrorKind::NotFound.into()
}

impl State {
    /// Counts a change. Tells the error by which it ends when a part of it is done, if there is one.
    fn count(&mut self) -> io::Result<Option<io::Error>> {
        match &mut self.left {
            Some(0) => return Err(crashed()),
            Some(left) => {
                *left -= 1;
                if *left == 0 {
                    return Ok(Some(crashed()));
                }
            }
            None => {}
        }
        let fails = self.failures > 0;
        self.failures -= usize::from(fails);
        Ok(fails.then(failed))
    }

    fn used_bytes(&self) -> usize {
        self.now.values().map(|&file| self.files[file].now.len()).sum()
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        let file = *self.now.get(name).ok_or_else(missing)?;
        Ok(&mut self.files[file])
    }

    fn change_folder(&mut self, change: FolderChange) -> io::Result<()> {
        let error = self.count()?;
        if error.is_none() || self.random.once_in(2) {
            apply(&mut self.now, &change);
            self.changes.push(change);
        }
        error.map_or(Ok(()), Err)
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().expect("no test panics within").now.keys().cloned().collect())
    }

    fn length(&self, file: &str) -> io::Result<u64> {
        self.0.lock().expect("no test panics within").file(file).map(|file| file.now.len() as u64)
    }

    fn read_at(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock().expect("no test panics within");
        let bytes = &state.file(file)?.now;
        let rest = bytes.get(offset as usize..).unwrap_or(&[]);
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn create(&self, file: &str) -> io::Result<()> {
        let mut state = self.0.lock().expect("no test panics within");
        if state.now.contains_key(file) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.files.push(File::default());
        let number = state.files.len() - 1;
        state.change_folder(FolderChange::Create(file.into(), number))
    }

    fn write_at(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().expect("no test panics within");
        let error = state.count()?;
        let used = state.used_bytes();
        let before = state.file(file)?.now.len();
        let room = state.capacity_bytes - used.min(state.capacity_bytes);
        let fits = (before + room).saturating_sub(offset as usize).min(bytes.len());
        let written = if error.is_some() { state.random.below(fits + 1) } else { fits };
        let end = offset as usize + written;
        let content = &mut state.file(file)?.now;
        if content.len() < end {
            content.resize(end, 0);
        }
        content[offset as usize..end].copy_from_slice(&bytes[..written]);
        match error {
            Some(error) => Err(error),
            None if written < bytes.len() => Err(ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        let mut state = self.0.lock().expect("no test panics within");
        let error = state.count()?;
        if error.is_none() || state.random.once_in(2) {
            state.file(file)?.now.resize(length as usize, 0);
        }
        error.map_or(Ok(()), Err)
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        let mut state = self.0.lock().expect("no test panics within");
        let error = state.count()?;
        let is_done = error.is_none() || state.random.once_in(2);
        let file = state.file(file)?;
        if is_done && !file.is_lost {
            file.synced = file.now.clone();
        }
        file.is_lost |= error.is_some();
        error.map_or(Ok(()), Err)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock().expect("no test panics within");
        state.file(from)?;
        state.change_folder(FolderChange::Rename(from.into(), to.into()))
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        let mut state = self.0.lock().expect("no test panics within");
        state.file(file)?;
        state.change_folder(FolderChange::Remove(file.into()))
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.0.lock().expect("no test panics within");
        let error = state.count()?;
        if error.is_some() && state.random.once_in(2) {
            return error.map_or(Ok(()), Err);
        }
        let State { changes, synced, .. } = &mut *state;
        changes.drain(..).for_each(|change| apply(synced, &change));
        error.map_or(Ok(()), Err)
    }
}
