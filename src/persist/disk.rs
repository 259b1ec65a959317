//! The seam to the disk: one folder of files, with the few things that are done to them.
//!
//! What was written is certain to survive a power cut only after `sync` of its file; that a file has come, gone or changed
//! its name, only after `sync_folder`. Errors are those of the system, and mean that it is not known what was done.

use std::io;

/// One folder.
pub trait Disk: Sync {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// The bytes that a file has.
    fn length(&self, file: &str) -> io::Result<u64>;

    /// Reads from `offset` on and tells how much: less than asked for only where the file ends.
    fn read_at(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Makes an empty file; an error if there is one of this name.
    fn create(&self, file: &str) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`; what lies between the end of the file and `offset` becomes zeroes.
    fn write_at(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    fn truncate(&self, file: &str, length: u64) -> io::Result<()>;

    fn sync(&self, file: &str) -> io::Result<()>;

    /// Gives a file another name, in place of the file that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, file: &str) -> io::Result<()>;

    fn sync_folder(&self) -> io::Result<()>;
}

/// What was to be done to which file when the disk failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {file}: {source}")]
pub struct DiskError {
    pub action: &'static str,
    pub file: String,
    pub source: io::Error,
}

impl DiskError {
    /// For `map_err`.
    pub fn of<'a>(action: &'static str, file: &'a str) -> impl FnOnce(io::Error) -> DiskError + 'a {
        move |source| DiskError { action, file: file.to_owned(), source }
    }
}

/// All of a file.
pub fn read_whole(disk: &dyn Disk, file: &str) -> Result<Vec<u8>, DiskError> {
    let length = disk.length(file).map_err(DiskError::of("measure", file))?;
    let mut bytes = vec![0; length as usize];
    let read = disk.read_at(file, 0, &mut bytes).map_err(DiskError::of("read", file))?;
    bytes.truncate(read);
    Ok(bytes)
}
