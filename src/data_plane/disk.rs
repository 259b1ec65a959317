//! A folder of the file system, as the logs want it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::persist::disk::Disk;

/// One folder.
#[derive(Clone)]
pub struct FolderDisk {
    pub folder: PathBuf,
}

impl FolderDisk {
    /// A folder, which is made if it is not there.
    pub fn open(folder: &Path) -> io::Result<Self> {
        if !folder.exists() {
            fs::create_dir(folder)?;
            // So that it is there after a power cut, with what it holds.
            let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(FolderDisk { folder: folder.to_owned() })
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }
}

impl Disk for FolderDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        // Names that are no text are none of ours.
        names.filter_map(Result::transpose).collect()
    }

    fn length(&self, file: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path(file))?.len())
    }

    fn read_at(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let file = File::open(self.path(file))?;
        let mut read = 0;
        while read < into.len() {
            match file.read_at(&mut into[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn create(&self, file: &str) -> io::Result<()> {
        File::create_new(self.path(file)).map(drop)
    }

    fn write_at(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.path(file))?.write_all_at(bytes, offset)
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.path(file))?.set_len(length)
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        // Any descriptor of a file syncs all of it (fsync(2)).
        File::open(self.path(file))?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        fs::remove_file(self.path(file))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}
