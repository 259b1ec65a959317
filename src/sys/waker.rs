//! Wakes a sleeping core: an event counter (`eventfd(2)`) on which its ring has a read outstanding.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub struct Waker(OwnedFd);

impl Waker {
    pub fn new() -> io::Result<Waker> {
        // SAFETY: no memory is passed.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        match fd < 0 {
            true => Err(io::Error::last_os_error()),
            // SAFETY: the call has just made this descriptor, and nobody else knows it.
            false => Ok(Waker(unsafe { OwnedFd::from_raw_fd(fd) })),
        }
    }

    /// Wakes the core if it sleeps, or keeps it from falling asleep next time.
    pub fn wake(&self) {
        let one = 1u64;
        // The counter cannot overflow: it is cleared whenever its core wakes. So the write neither blocks nor fails.
        // SAFETY: eight bytes are read from a live u64.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
