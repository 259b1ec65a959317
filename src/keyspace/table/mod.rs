//! The table of one slot: one segment, or past some 3000 keys a directory of segments.
//!
//! ```text
//! slots of a database:  [ table 16 | table 16 | ... 16384 of them ]
//! table:                a segment, or a pointer to a directory
//! directory:            [ segment | same as left | segment | segment | ... ]   2^depth places, by the hash's first bits
//! ```
//!
//! Only the splitting segment's entries are moved, so no step of growth is long, even if all keys share one hash tag.

mod group;
pub mod segment;

use crate::keyspace::entry::Entry;
use crate::keyspace::key::Hasher;
use segment::{GROUP_COUNT_MAX, Segment};

/// A directory with fewer entries becomes one segment again.
const DIRECTORY_ENTRIES_MIN: usize = 512;
/// The deepest directory: a million segments, three thousand million keys.
const DEPTH_MAX: u32 = 20;

/// The keys of one slot.
pub enum SlotTable {
    One(Segment),
    Many(Box<Directory>),
}

const _: () = assert!(size_of::<SlotTable>() == 16, "four tables lie in a cache line");

/// Segments by the first bits of the hash. A segment that shares fewer bits stands at the first of its places; the
/// others only repeat its depth.
pub struct Directory {
    depth: u32,
    count: usize,
    segments: Vec<Segment>,
}

impl SlotTable {
    pub const EMPTY: SlotTable = SlotTable::One(Segment::empty(0));

    #[inline]
    pub fn len(&self) -> usize {
        match self {
            SlotTable::One(segment) => segment.len(),
            SlotTable::Many(directory) => directory.count,
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The segment for a hash.
    #[inline]
    pub fn segment(&self, hash: u64) -> &Segment {
        match self {
            SlotTable::One(segment) => segment,
            SlotTable::Many(directory) => &directory.segments[directory.index(hash)],
        }
    }

    #[inline]
    pub fn segment_mut(&mut self, hash: u64) -> &mut Segment {
        match self {
            SlotTable::One(segment) => segment,
            SlotTable::Many(directory) => {
                let index = directory.index(hash);
                &mut directory.segments[index]
            }
        }
    }

    /// Adds an entry whose key is not here. Keeps `block_bytes`, the memory of all blocks, up to date.
    #[inline]
    pub fn insert(&mut self, hash: u64, entry: Entry, hasher: &Hasher, block_bytes: &mut usize) {
        if !self.segment(hash).has_room() {
            self.make_room(hash, hasher, block_bytes);
        }
        self.segment_mut(hash).insert(hash, entry);
        if let SlotTable::Many(directory) = self {
            directory.count += 1;
        }
    }

    /// To be called after an entry was removed from the segment for `hash`.
    #[inline]
    pub fn settle_removal(&mut self, hash: u64, hasher: &Hasher, block_bytes: &mut usize) {
        let segment = self.segment_mut(hash);
        if segment.is_sparse() {
            *block_bytes -= segment.block_bytes();
            segment.shrink();
            *block_bytes += segment.block_bytes();
        }
        if let SlotTable::Many(directory) = self {
            directory.count -= 1;
            if directory.count < DIRECTORY_ENTRIES_MIN {
                self.collapse(hasher, block_bytes);
            }
        }
    }

    /// All segments, in the order of the hashes in them.
    pub fn segments(&self) -> &[Segment] {
        match self {
            SlotTable::One(segment) => std::slice::from_ref(segment),
            SlotTable::Many(directory) => &directory.segments,
        }
    }

    pub fn segments_mut(&mut self) -> &mut [Segment] {
        match self {
            SlotTable::One(segment) => std::slice::from_mut(segment),
            SlotTable::Many(directory) => &mut directory.segments,
        }
    }

    /// The last segment that holds a block, if any.
    pub fn last_segment_mut(&mut self) -> Option<&mut Segment> {
        if let SlotTable::Many(directory) = self {
            while directory.segments.len() > 1 && directory.segments.last()?.group_count() == 0 {
                directory.segments.pop();
            }
        }
        self.segments_mut().last_mut().filter(|segment| segment.group_count() > 0)
    }

    /// Frees the block of the last segment, for a table that is being taken apart and not searched any more.
    pub fn drop_last_segment(&mut self) {
        let last = self.segments_mut().last_mut().expect("a table has a segment");
        *last = Segment::empty(last.depth());
    }

    /// The memory of all blocks of this table and of its directory.
    pub fn memory_bytes(&self) -> usize {
        let blocks: usize = self.segments().iter().map(Segment::block_bytes).sum();
        match self {
            SlotTable::One(_) => blocks,
            SlotTable::Many(directory) => blocks + directory.memory_bytes(),
        }
    }

    #[cold]
    fn make_room(&mut self, hash: u64, hasher: &Hasher, block_bytes: &mut usize) {
        while !self.segment(hash).has_room() {
            let segment = self.segment_mut(hash);
            if segment.group_count() < GROUP_COUNT_MAX {
                *block_bytes -= segment.block_bytes();
                segment.grow();
                *block_bytes += segment.block_bytes();
            } else {
                self.split(hash, hasher, block_bytes);
            }
        }
    }

    fn split(&mut self, hash: u64, hasher: &Hasher, block_bytes: &mut usize) {
        if let SlotTable::One(segment) = self {
            let count = segment.len();
            let segment = std::mem::replace(segment, Segment::empty(0));
            let directory = Box::new(Directory { depth: 0, count, segments: vec![segment] });
            *block_bytes += directory.memory_bytes();
            *self = SlotTable::Many(directory);
        }
        if let SlotTable::Many(directory) = self {
            directory.split(hash, hasher, block_bytes);
        }
    }

    /// Puts the few entries of a directory back into one segment.
    #[cold]
    fn collapse(&mut self, hasher: &Hasher, block_bytes: &mut usize) {
        *block_bytes -= self.memory_bytes();
        let mut table = SlotTable::EMPTY;
        let mut gathered = 0;
        for segment in self.segments_mut() {
            segment.drain(|entry| {
                let hash = hasher.hash(entry.view().key());
                table.insert(hash, entry, hasher, &mut gathered);
            });
        }
        *block_bytes += gathered;
        *self = table;
    }
}

impl Directory {
    /// Where the segment for a hash stands.
    #[inline]
    fn index(&self, hash: u64) -> usize {
        // Two shifts, because a directory of one segment has depth 0.
        let index = (hash >> 1 >> (u64::BITS - 1 - self.depth)) as usize;
        index & !(self.span(index) - 1)
    }

    /// How many places the segment at or left of a place takes.
    #[inline]
    fn span(&self, index: usize) -> usize {
        1 << (self.depth - self.segments[index].depth())
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Directory>() + self.segments.capacity() * size_of::<Segment>()
    }

    fn split(&mut self, hash: u64, hasher: &Hasher, block_bytes: &mut usize) {
        let mut index = self.index(hash);
        if self.span(index) == 1 {
            *block_bytes -= self.memory_bytes();
            self.double();
            *block_bytes += self.memory_bytes();
            index *= 2;
        }
        let span = self.span(index);
        *block_bytes -= self.segments[index].block_bytes();
        let (left, right) = self.segments[index].split(hasher);
        *block_bytes += left.block_bytes() + right.block_bytes();
        let depth = left.depth();
        for place in &mut self.segments[index..index + span] {
            *place = Segment::empty(depth);
        }
        self.segments[index] = left;
        self.segments[index + span / 2] = right;
    }

    fn double(&mut self) {
        assert!(self.depth < DEPTH_MAX, "a slot holds at most three thousand million keys");
        self.depth += 1;
        let mut doubled = Vec::with_capacity(self.segments.len() * 2);
        for segment in self.segments.drain(..) {
            let depth = segment.depth();
            doubled.push(segment);
            doubled.push(Segment::empty(depth));
        }
        self.segments = doubled;
    }
}

/// Asks the memory for the lines of an entry whose length nobody knows yet: two, and a third where 88 bytes, a key of
/// 16 with a value of 64, would reach it.
#[inline]
pub fn prefetch_entry_lines(address: usize) {
    let line = std::ptr::without_provenance::<u8>(address);
    prefetch(line);
    prefetch(line.wrapping_add(64));
    if address % 64 > 40 {
        prefetch(line.wrapping_add(128));
    }
}

/// Asks the memory for a cache line. Any address will do: a useless one costs a little time and nothing else.
#[inline]
pub fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch neither reads nor faults, and every x86-64 has SSE.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(target_arch = "aarch64")]
    {
        // SAFETY: a prefetch neither reads nor faults.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, readonly, preserves_flags));
        }
    }
}
