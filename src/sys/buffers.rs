//! Receive buffers that the kernel picks from: a provided-buffer ring (`io_uring_register_buf_ring(3)`).

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// Size of one receive buffer.
pub const BUFFER_BYTES: usize = 16 * 1024;

/// Bytes that the kernel put into one of our buffers. Give it back when they are dealt with.
#[derive(Debug)]
pub struct Received {
    id: u16,
    bytes: u32,
}

/// The buffers of one ring. Memory is touched only as the kernel fills it.
pub struct Buffers {
    entries: *mut BufRingEntry,
    memory: *mut u8,
    count: u16,
    tail: u16,
}

impl Buffers {
    /// Registers `count` buffers, a power of two, as group 0 of the ring.
    pub fn register(submitter: &Submitter, count: u16) -> io::Result<Buffers> {
        assert!(count.is_power_of_two());
        let entries = map(count as usize * size_of::<BufRingEntry>())?.cast::<BufRingEntry>();
        let memory = map(count as usize * BUFFER_BYTES)?;
        // SAFETY: `entries` is a page-aligned mapping of `count` entries that is never unmapped.
        unsafe { submitter.register_buf_ring_with_flags(entries as u64, count, 0, 0)? };
        let mut buffers = Buffers { entries, memory, count, tail: 0 };
        for id in 0..count {
            buffers.provide(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    /// The completion of a receive says that the kernel has filled buffer `id` with `bytes` bytes.
    pub(super) fn take(&self, id: u16, bytes: u32) -> Received {
        assert!(id < self.count && bytes as usize <= BUFFER_BYTES);
        Received { id, bytes }
    }

    pub fn bytes(&self, received: &Received) -> &[u8] {
        let start = received.id as usize * BUFFER_BYTES;
        // SAFETY: `take` checked that the range lies within `memory`; the kernel does not write to a buffer that was
        // not given back, and giving it back consumes the `Received` that is borrowed here.
        unsafe { std::slice::from_raw_parts(self.memory.add(start), received.bytes as usize) }
    }

    /// Lets the kernel fill the buffer again once `publish` is called.
    pub fn give_back(&mut self, received: Received) {
        self.provide(received.id);
    }

    fn provide(&mut self, id: u16) {
        let slot = (self.tail & (self.count - 1)) as usize;
        // SAFETY: `slot` is below `count`, so the entry lies in the mapping, and the kernel reads no entry at or
        // behind the tail that it was last shown; there are as many slots as buffers, so none is overwritten.
        let entry = unsafe { &mut *self.entries.add(slot) };
        // The tail lives in the last field of the first entry, which these three leave alone.
        entry.set_addr(self.memory as u64 + id as u64 * BUFFER_BYTES as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel what was given back.
    pub fn publish(&mut self) {
        // SAFETY: `entries` is the base of the ring, so the address is that of its tail, which is aligned for u16 and
        // which user space alone writes.
        let tail = unsafe { &*BufRingEntry::tail(self.entries).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }
}

/// Fresh zeroed pages. They are never unmapped: the kernel may still write to them while a ring is torn down.
fn map(bytes: usize) -> io::Result<*mut u8> {
    // SAFETY: an anonymous private mapping at an address of the kernel's choice.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    match address == libc::MAP_FAILED {
        true => Err(io::Error::last_os_error()),
        false => Ok(address.cast()),
    }
}
