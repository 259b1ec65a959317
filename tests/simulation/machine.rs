//! The machine under a simulated server: its disk, on which the process dies in the middle of a change when its time has come.

use std::any::Any;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;

use basalt::persist::disk::Disk;

use super::disk::SimulatedDisk;
use super::flaw::Flaw;

/// What a process unwinds with that has died.
struct Died;

/// Whether this is what a process has unwound with that has died.
pub fn has_died(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Died>()
}

/// The disk as a process sees it.
#[derive(Clone)]
pub struct Machine {
    pub disk: Arc<SimulatedDisk>,
    pub flaw: Option<Flaw>,
}

impl Machine {
    fn go_on<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if self.disk.has_crashed() {
            resume_unwind(Box::new(Died));
        }
        result
    }

    /// Syncs a file that is open, so that it may have been removed. Tells whether that is done.
    pub fn sync_open(&self, name: &str) -> bool {
        self.sync(name).map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |()| true)
    }

    /// Makes an empty file, or one full of so many zeroes that are on the disk; one that is there is emptied.
    pub fn make_file(&self, name: &str, zeroes: Option<usize>) -> io::Result<()> {
        match self.create(name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.truncate(name, 0)?,
            other => other?,
        }
        if let Some(bytes) = zeroes {
            self.write_at(name, 0, &vec![0; bytes])?;
            self.sync(name)?;
        }
        Ok(())
    }
}

impl Disk for Machine {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn length(&self, file: &str) -> io::Result<u64> {
        self.disk.length(file)
    }

    fn read_at(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(file, offset, into)
    }

    fn create(&self, file: &str) -> io::Result<()> {
        self.go_on(self.disk.create(file))
    }

    fn write_at(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.go_on(self.disk.write_at(file, offset, bytes))
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        self.go_on(self.disk.truncate(file, length))
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        match self.flaw {
            Some(Flaw::NoSync) => Ok(()),
            _ => self.go_on(self.disk.sync(file)),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.go_on(self.disk.rename(from, to))
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.go_on(self.disk.remove(file))
    }

    fn sync_folder(&self) -> io::Result<()> {
        match self.flaw {
            Some(Flaw::NoFolderSync) => Ok(()),
            _ => self.go_on(self.disk.sync_folder()),
        }
    }
}
