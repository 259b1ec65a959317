//! A group: one cache line with seven references to entries and a byte about each.
//!
//! ```text
//! group:      [ marks 8 | reference 8 | reference 8 | ... seven in all ]
//! marks:      a fingerprint for each reference (0: none), and above them the overflow counter
//! reference:  place 18 | has deadline 1 | address without its three low zero bits 45
//! ```
//!
//! The fingerprint is one byte of the key's hash, the place 18 other bits of it. Both are compared before an entry is
//! touched, so a lookup that misses reads no entry. The overflow counter says how many entries whose search begins at
//! or before this group lie behind it. A search ends where it is zero, so deleting leaves no marks behind.

use crate::keyspace::entry::{Entry, EntryRef};

/// References in one group.
pub const CELL_COUNT: usize = 7;
/// Bits of the hash that a reference holds.
pub const PLACE_BITS: u32 = 18;

const ADDRESS_BITS: u32 = 45;
const DEADLINE_BIT: u64 = 1 << ADDRESS_BITS;
const PLACE_SHIFT: u32 = ADDRESS_BITS + 1;
const _: () = assert!(PLACE_SHIFT + PLACE_BITS == u64::BITS, "a reference is one word");

const ONES: u64 = u64::MAX / 255;
const LOWS: u64 = ONES * 0x7f;
const HIGHS: u64 = ONES * 0x80;
const CELLS: u64 = (1 << (8 * CELL_COUNT)) - 1;
const OVERFLOW_SHIFT: u32 = 8 * CELL_COUNT as u32;
/// The counter stays here once it came here, until the table is built anew.
const OVERFLOW_MAX: u64 = 255;

/// An entry's address and some bits about it, so that most questions need not touch the entry. Zero is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Reference(u64);

#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Group {
    marks: u64,
    references: [Reference; CELL_COUNT],
}

const _: () = assert!(size_of::<Group>() == 64, "a group is a cache line");

/// The cells of a group that a question holds for, lowest first.
pub struct Cells(u64);

impl Reference {
    pub const NONE: Reference = Reference(0);

    /// Takes the ownership of `entry` into a reference.
    #[inline]
    pub fn new(entry: Entry, place: u32) -> Self {
        let deadline = if entry.view().has_deadline() { DEADLINE_BIT } else { 0 };
        let address = entry.into_address() as u64;
        debug_assert!(address.is_multiple_of(8) && address >> (ADDRESS_BITS + 3) == 0);
        Reference(u64::from(place) << PLACE_SHIFT | deadline | address >> 3)
    }

    #[inline]
    pub fn place(self) -> u32 {
        (self.0 >> PLACE_SHIFT) as u32
    }

    #[inline]
    pub fn has_deadline(self) -> bool {
        self.0 & DEADLINE_BIT != 0
    }

    #[inline]
    pub fn address(self) -> usize {
        ((self.0 & (DEADLINE_BIT - 1)) << 3) as usize
    }

    /// A view of the entry.
    ///
    /// # Safety
    /// - The reference is not `NONE`, and its entry lives, unchanged, as long as `'a`.
    #[inline]
    pub unsafe fn view<'a>(self) -> EntryRef<'a> {
        // SAFETY: the address is that of an entry whose ownership went into the reference, and the rest is passed on.
        unsafe { EntryRef::from_address(self.address()) }
    }

    /// The ownership of the entry.
    ///
    /// # Safety
    /// - The reference is not `NONE`, and no copy of it is used for this again.
    #[inline]
    pub unsafe fn into_entry(self) -> Entry {
        // SAFETY: the address is that of an entry whose ownership went into the reference, and comes out only once.
        unsafe { Entry::from_address(self.address()) }
    }
}

impl Group {
    /// The fingerprint of a hash, which is never zero.
    #[inline]
    pub fn fingerprint(hash: u64) -> u8 {
        (hash as u8).max(1)
    }

    /// The cells whose fingerprint is exactly `fingerprint`.
    #[inline]
    pub fn matches(&self, fingerprint: u8) -> Cells {
        zero_bytes(self.marks ^ (ONES * u64::from(fingerprint)))
    }

    /// The first cell without an entry.
    #[inline]
    pub fn free_cell(&self) -> Option<usize> {
        zero_bytes(self.marks).next()
    }

    /// The cells with an entry.
    #[inline]
    pub fn occupied(&self) -> Cells {
        Cells(zero_bytes(self.marks).0 ^ (HIGHS & CELLS))
    }

    #[inline]
    pub fn reference(&self, cell: usize) -> Reference {
        self.references[cell]
    }

    #[inline]
    pub fn mark(&self, cell: usize) -> u8 {
        (self.marks >> (8 * cell)) as u8
    }

    #[inline]
    pub fn fill(&mut self, cell: usize, fingerprint: u8, reference: Reference) {
        debug_assert!(self.mark(cell) == 0);
        self.marks |= u64::from(fingerprint) << (8 * cell);
        self.references[cell] = reference;
    }

    #[inline]
    pub fn exchange(&mut self, cell: usize, reference: Reference) {
        debug_assert!(self.mark(cell) != 0);
        self.references[cell] = reference;
    }

    #[inline]
    pub fn clear(&mut self, cell: usize) -> Reference {
        debug_assert!(self.mark(cell) != 0);
        self.marks &= !(0xff << (8 * cell));
        std::mem::replace(&mut self.references[cell], Reference::NONE)
    }

    /// Whether a search that came here must go on.
    #[inline]
    pub fn overflows(&self) -> bool {
        self.marks >> OVERFLOW_SHIFT != 0
    }

    #[inline]
    pub fn count_overflow(&mut self) {
        if self.marks >> OVERFLOW_SHIFT != OVERFLOW_MAX {
            self.marks += 1 << OVERFLOW_SHIFT;
        }
    }

    #[inline]
    pub fn uncount_overflow(&mut self) {
        debug_assert!(self.overflows());
        if self.marks >> OVERFLOW_SHIFT != OVERFLOW_MAX {
            self.marks -= 1 << OVERFLOW_SHIFT;
        }
    }
}

impl Iterator for Cells {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let cell = self.0.trailing_zeros() / 8;
        self.0 &= self.0 - 1;
        Some(cell as usize)
    }
}

/// The cells whose byte of `word` is zero. Exact: no borrow runs from one byte into the next.
#[inline]
fn zero_bytes(word: u64) -> Cells {
    let not_zero = ((word & LOWS) + LOWS) | word;
    Cells(!not_zero & HIGHS & CELLS)
}
