//! A folder which is gone when its owner is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

/// Names tried before giving up: only leftovers of a process with our id can be in the way.
const NAMES_MAX: u32 = 10_000;

/// An empty private folder below the system's temporary one.
pub struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    pub fn create() -> io::Result<TemporaryFolder> {
        let base = std::env::temp_dir();
        for number in 0..NAMES_MAX {
            let path = base.join(format!("basalt-load-{}-{number}", process::id()));
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                created => return created.map(|()| TemporaryFolder { path }),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("no free name in {}", base.display())))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("basalt-load: cannot remove {}: {error}", self.path.display());
        }
    }
}
