//! What the filesystem of a folder offers.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Sizes of a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub total_bytes: u64,
    /// What users without privileges may still write.
    pub free_bytes: u64,
}

/// `statvfs(3)` of a folder.
pub fn space(folder: &Path) -> io::Result<Space> {
    let path = CString::new(folder.as_os_str().as_bytes())?;
    let mut sizes = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero byte, and `sizes` is ours to be written.
    if unsafe { libc::statvfs(path.as_ptr(), sizes.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded and has filled it.
    let sizes = unsafe { sizes.assume_init() };
    Ok(Space { total_bytes: sizes.f_blocks * sizes.f_frsize, free_bytes: sizes.f_bavail * sizes.f_frsize })
}

/// Whether a file here can be opened with `O_DIRECT`. Tried with a file that never gets a name.
pub fn accepts_direct_io(folder: &Path) -> io::Result<bool> {
    let open = |flags| OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE | flags).open(folder);
    // An error of this one says nothing about O_DIRECT.
    open(0)?;
    match open(libc::O_DIRECT) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{accepts_direct_io, space};
    use std::io::ErrorKind;
    use std::path::Path;

    #[test]
    fn sizes_and_direct_io_of_a_folder_are_told_and_leave_nothing_behind() {
        let folder = std::env::temp_dir().join(format!("basalt-disk-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("created");
        let space = space(&folder).expect("told");
        assert!(space.free_bytes <= space.total_bytes && space.total_bytes > 0, "{space:?}");
        accepts_direct_io(&folder).expect("tried");
        assert_eq!(std::fs::read_dir(&folder).expect("readable").count(), 0);
        std::fs::remove_dir(&folder).expect("removed");
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error() {
        let folder = Path::new("/nothing/is/here");
        assert_eq!(space(folder).expect_err("missing").kind(), ErrorKind::NotFound);
        assert_eq!(accepts_direct_io(folder).expect_err("missing").kind(), ErrorKind::NotFound);
    }
}
