//! Memory as direct I/O wants it: aligned to blocks of the disk.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;

/// What `O_DIRECT` wants offsets, lengths and addresses to be multiples of (open(2)); no common disk has larger blocks.
pub const BLOCK_BYTES: usize = 4096;

/// Zeroed bytes, a whole number of blocks.
pub struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a block owns its memory, like a `Box<[u8]>`.
unsafe impl Send for Block {}

impl Block {
    /// Room for `bytes`, rounded up to whole blocks; at least one.
    pub fn zeroed(bytes: usize) -> Block {
        let bytes = bytes.max(1).next_multiple_of(BLOCK_BYTES);
        let layout = Layout::from_size_align(bytes, BLOCK_BYTES).expect("no log is that long");
        // SAFETY: the layout has at least one block.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else {
            handle_alloc_error(layout);
        };
        Block { start, layout }
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the memory is ours, initialised, and as long as its layout says.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed by nobody else.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout and ends here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "Block of {} bytes", self.layout.size())
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, Block};

    #[test]
    fn blocks_are_aligned_zeroed_and_whole() {
        for bytes in [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 100_000] {
            let mut block = Block::zeroed(bytes);
            assert_eq!(block.as_ptr() as usize % BLOCK_BYTES, 0);
            assert_eq!(block.len(), bytes.max(1).next_multiple_of(BLOCK_BYTES));
            assert!(block.iter().all(|&byte| byte == 0));
            block.fill(7);
        }
    }
}
