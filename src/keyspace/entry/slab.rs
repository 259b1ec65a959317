//! Memory for entries in steps of eight bytes.
//!
//! A general allocator rounds 88 bytes (a key of 16 and a value of 64) up to 96, so entries come from slabs of their
//! own: blocks of 32 KiB, each cut into objects of one size.
//!
//! ```text
//! slab, aligned to its size:  [ header 32 | object | object | ... | tail ]
//! header: free list, end of the objects ever used, how many are in use, class, own index, list neighbours
//! ```
//!
//! The slab of an object is found by clearing low address bits. A freed object holds the offset of the next free one.
//! Slabs with room are linked by class; a slab that becomes empty goes back to the general allocator unless it is the
//! last one of its class. Blocks above `OBJECT_BYTES_MAX` come from the general allocator at once.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use crate::keyspace::memory::allocated_bytes;

/// The largest block that is cut from a slab.
pub const OBJECT_BYTES_MAX: usize = 1024;
const SLAB_BYTES: usize = 32 * 1024;
const STEP: usize = 8;
const CLASS_COUNT: usize = OBJECT_BYTES_MAX / STEP + 1;
/// Marks the end of a list of slabs.
const NONE: u32 = u32::MAX;

const SLAB_LAYOUT: Layout = match Layout::from_size_align(SLAB_BYTES, SLAB_BYTES) {
    Ok(layout) => layout,
    Err(_) => panic!("the size of a slab is a power of two"),
};

#[repr(C)]
struct Header {
    /// Offset of the first free object, or 0.
    free: u32,
    /// Offset of the first byte that was never part of an object.
    fresh: u32,
    used: u32,
    /// Size of the objects divided by `STEP`.
    class: u32,
    /// Where `Slabs::all` names this slab.
    index: u32,
    next: u32,
    previous: u32,
}

const HEADER_BYTES: usize = 32;
const _: () = assert!(size_of::<Header>() <= HEADER_BYTES, "a slab's header fits before its objects");

/// The slabs of one database. Dropping it frees every slab and forgets what lives in them.
pub struct Slabs {
    all: Vec<NonNull<Header>>,
    /// For each class the first slab with room, as an index of `all`.
    roomy: Box<[u32; CLASS_COUNT]>,
}

// SAFETY: a slab belongs to exactly one `Slabs` and nothing in it refers to a thread.
unsafe impl Send for Slabs {}

/// The bytes that a block of `bytes` really takes.
#[inline]
pub fn block_bytes(bytes: usize) -> usize {
    if bytes <= OBJECT_BYTES_MAX { bytes.next_multiple_of(STEP) } else { allocated_bytes(bytes) }
}

/// The layout of a whole size class, so that an entry may grow within its block.
fn large_layout(bytes: usize) -> Layout {
    Layout::from_size_align(allocated_bytes(bytes), STEP)
        .expect("an entry is far smaller than the address space")
}

impl Slabs {
    pub fn new() -> Self {
        Slabs { all: Vec::new(), roomy: Box::new([NONE; CLASS_COUNT]) }
    }

    /// A block of at least `bytes`, aligned to eight.
    #[inline]
    pub fn allocate(&mut self, bytes: usize) -> NonNull<u8> {
        debug_assert!(bytes > 0);
        if bytes > OBJECT_BYTES_MAX {
            return Self::allocate_large(bytes);
        }
        let class = bytes.div_ceil(STEP);
        let mut index = self.roomy[class];
        if index == NONE {
            index = self.add_slab(class);
        }
        let slab = self.all[index as usize];
        let (object, full) = Self::take_object(slab);
        if full {
            self.unlink(slab);
        }
        object
    }

    /// Gives back a block.
    ///
    /// # Safety
    /// - `block` came from `allocate(bytes)` of these very slabs and was not given back since.
    /// - Nothing uses it any more.
    #[inline]
    pub unsafe fn release(&mut self, block: NonNull<u8>, bytes: usize) {
        if bytes > OBJECT_BYTES_MAX {
            // SAFETY: such a block was allocated with this layout by `allocate_large`.
            return unsafe { dealloc(block.as_ptr(), large_layout(bytes)) };
        }
        let slab = slab_of(block);
        // SAFETY: the block lies in a live slab of ours, whose header only we touch; the block is free for our offset.
        let (was_full, used) = unsafe {
            let header = &mut *slab.as_ptr();
            let was_full = header.free == 0 && header.fresh as usize + header.object_bytes() > SLAB_BYTES;
            block.cast::<u32>().write(header.free);
            header.free = (block.as_ptr().addr() % SLAB_BYTES) as u32;
            header.used -= 1;
            (was_full, header.used)
        };
        if was_full {
            self.link(slab);
        }
        if used == 0 {
            self.retire(slab);
        }
    }

    /// Frees up to `count` slabs, whatever is in them, and tells how many it freed.
    pub fn free_some(&mut self, count: usize) -> usize {
        self.roomy.fill(NONE);
        let kept = self.all.len().saturating_sub(count);
        let freed = self.all.len() - kept;
        for slab in self.all.drain(kept..) {
            // SAFETY: every slab in `all` was allocated with this layout and leaves the list here.
            unsafe { dealloc(slab.as_ptr().cast(), SLAB_LAYOUT) };
        }
        freed
    }

    /// Takes over the slabs of `other`, with everything that lives in them.
    pub fn adopt(&mut self, mut other: Slabs) {
        for slab in other.all.drain(..) {
            // SAFETY: the slab is live, and with `other` drained it is ours alone.
            let header = unsafe { &mut *slab.as_ptr() };
            header.index = self.all.len() as u32;
            let has_room = header.free != 0 || header.fresh as usize + header.object_bytes() <= SLAB_BYTES;
            self.all.push(slab);
            if has_room {
                self.link(slab);
            }
        }
    }

    #[cold]
    fn allocate_large(bytes: usize) -> NonNull<u8> {
        let layout = large_layout(bytes);
        // SAFETY: the layout is not empty.
        let block = unsafe { alloc(layout) };
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
    }

    #[cold]
    fn add_slab(&mut self, class: usize) -> u32 {
        // SAFETY: the layout is not empty.
        let block = unsafe { alloc(SLAB_LAYOUT) };
        let slab = NonNull::new(block.cast::<Header>()).unwrap_or_else(|| handle_alloc_error(SLAB_LAYOUT));
        assert!(block.addr() >> 48 == 0, "references hold 48 bits of an address");
        let index = u32::try_from(self.all.len()).expect("slabs are counted in 32 bits");
        let header = Header {
            free: 0,
            fresh: HEADER_BYTES as u32,
            used: 0,
            class: class as u32,
            index,
            next: NONE,
            previous: NONE,
        };
        // SAFETY: the fresh block is larger than a header and aligned to far more.
        unsafe { slab.write(header) };
        self.all.push(slab);
        self.link(slab);
        index
    }

    /// Takes an object out of a slab with room, and tells whether that was the last.
    #[inline]
    fn take_object(slab: NonNull<Header>) -> (NonNull<u8>, bool) {
        // SAFETY: the slab is live and only reached through its `Slabs`, which the caller borrows mutably; offsets in a
        // header are those of objects inside the slab, and a free object begins with the offset of the next.
        unsafe {
            let header = &mut *slab.as_ptr();
            header.used += 1;
            let bytes = header.object_bytes();
            let object;
            if header.free != 0 {
                object = slab.cast::<u8>().add(header.free as usize);
                header.free = object.cast::<u32>().read();
            } else {
                object = slab.cast::<u8>().add(header.fresh as usize);
                header.fresh += bytes as u32;
            }
            (object, header.free == 0 && header.fresh as usize + bytes > SLAB_BYTES)
        }
    }

    fn header(&mut self, index: u32) -> &mut Header {
        let slab = self.all[index as usize];
        // SAFETY: every slab in `all` is live and reached only through `self`, which is borrowed mutably.
        unsafe { &mut *slab.as_ptr() }
    }

    /// Puts a slab first among those of its class with room.
    fn link(&mut self, slab: NonNull<Header>) {
        // SAFETY: the slab is one of ours and live.
        let (index, class) = unsafe { (slab.as_ref().index, slab.as_ref().class as usize) };
        let first = self.roomy[class];
        if first != NONE {
            self.header(first).previous = index;
        }
        let header = self.header(index);
        header.next = first;
        header.previous = NONE;
        self.roomy[class] = index;
    }

    fn unlink(&mut self, slab: NonNull<Header>) {
        // SAFETY: the slab is one of ours and live.
        let Header { next, previous, class, .. } = unsafe { slab.read() };
        if next != NONE {
            self.header(next).previous = previous;
        }
        match previous {
            NONE => self.roomy[class as usize] = next,
            before => self.header(before).next = next,
        }
        // `rename` tells by these whether a slab is in a list.
        // SAFETY: the slab is one of ours and live.
        let header = unsafe { &mut *slab.as_ptr() };
        (header.next, header.previous) = (NONE, NONE);
    }

    /// Gives an empty slab back, unless it is the only one of its class with room.
    #[cold]
    fn retire(&mut self, slab: NonNull<Header>) {
        // SAFETY: the slab is one of ours and live.
        let Header { next, previous, index, .. } = unsafe { slab.read() };
        if next == NONE && previous == NONE {
            return;
        }
        self.unlink(slab);
        self.all.swap_remove(index as usize);
        if let Some(&moved) = self.all.get(index as usize) {
            self.rename(moved, index);
        }
        // SAFETY: no object of it is in use and no list names it any more.
        unsafe { dealloc(slab.as_ptr().cast(), SLAB_LAYOUT) };
    }

    /// Gives the slab that now stands at `index` that name in its header and in its list.
    fn rename(&mut self, slab: NonNull<Header>, index: u32) {
        // SAFETY: the slab is one of ours and live.
        let Header { next, previous, class, index: former, .. } = unsafe { slab.read() };
        self.header(index).index = index;
        let listed = self.roomy[class as usize] == former || previous != NONE;
        if !listed {
            return;
        }
        if next != NONE {
            self.header(next).previous = index;
        }
        match previous {
            NONE => self.roomy[class as usize] = index,
            before => self.header(before).next = index,
        }
    }
}

impl Header {
    #[inline]
    fn object_bytes(&self) -> usize {
        self.class as usize * STEP
    }
}

impl Drop for Slabs {
    fn drop(&mut self) {
        self.free_some(usize::MAX);
    }
}

#[inline]
fn slab_of(block: NonNull<u8>) -> NonNull<Header> {
    let header = block.as_ptr().map_addr(|address| address & !(SLAB_BYTES - 1));
    NonNull::new(header.cast()).expect("no slab lies at address zero")
}
