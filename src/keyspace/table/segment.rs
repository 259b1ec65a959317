//! A segment: a small hash table in one block, for one range of hashes.
//!
//! A reference keeps the *place* of its key: the 18 bits of the hash that follow the segment's `base` bits. The home
//! group is the place scaled to the number of groups, so entries lie in the order of their hashes however many groups
//! there are, and a position in that order stays good through growth. A full home group passes the entry on to the
//! next group.
//!
//! Growth and shrinking go through the size classes of the allocator (1 to 8, 10, 12, 14, 16, 20 ... groups), at
//! seven eighths full, and need no key. When a segment splits, its halves take one more bit of the hash as given.
//! The references stay as they are and merely know one bit less of the rest, until too few are left and the keys
//! are hashed again.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::num::NonZeroU8;
use std::slice;

use crate::keyspace::entry::{Entry, EntryRef};
use crate::keyspace::key::Hasher;
use crate::keyspace::memory::allocated_bytes;
use crate::keyspace::table::group::{CELL_COUNT, Group, PLACE_BITS, Reference};
use crate::keyspace::table::prefetch;

/// The most groups of a segment: at 32 KiB it splits.
pub const GROUP_COUNT_MAX: usize = 512;
/// The most cells of a segment.
pub const CELL_COUNT_MAX: usize = GROUP_COUNT_MAX * CELL_COUNT;
/// A place that no longer tells this many bits is taken from the hash anew.
const PLACE_BITS_MIN: u32 = 12;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;

pub struct Segment {
    /// The groups; dangling when there are none.
    block: *mut Group,
    count: u32,
    group_count: u16,
    /// Bits of the hash above the places.
    base: u8,
    /// Bits of the hash that all keys here share, plus one: zero marks a directory in `SlotTable`.
    depth_plus_one: NonZeroU8,
}

// SAFETY: a segment owns its block and its entries, which refer to no thread.
unsafe impl Send for Segment {}

/// Where in a segment an entry lies.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    pub group: u16,
    pub cell: u8,
}

impl Segment {
    /// A segment without entries for keys that share `depth` bits of their hash.
    pub const fn empty(depth: u32) -> Self {
        let depth_plus_one = NonZeroU8::new(depth as u8 + 1).expect("depths are small");
        Segment { block: std::ptr::null_mut(), count: 0, group_count: 0, base: depth as u8, depth_plus_one }
    }

    #[inline]
    pub fn depth(&self) -> u32 {
        u32::from(self.depth_plus_one.get()) - 1
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// The memory of the block.
    pub fn block_bytes(&self) -> usize {
        block_bytes(self.group_count())
    }

    #[inline]
    pub fn group_count(&self) -> usize {
        usize::from(self.group_count)
    }

    #[inline]
    pub fn groups(&self) -> &[Group] {
        if self.group_count == 0 {
            return &[];
        }
        // SAFETY: the block holds this many initialised groups and belongs to `self`, which is borrowed.
        unsafe { slice::from_raw_parts(self.block, self.group_count()) }
    }

    #[inline]
    fn groups_mut(&mut self) -> &mut [Group] {
        if self.group_count == 0 {
            return &mut [];
        }
        // SAFETY: the block holds this many initialised groups and belongs to `self`, which is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.block, self.group_count()) }
    }

    /// The place of a hash whose first `depth` bits lead to this segment.
    #[inline]
    pub fn place(&self, hash: u64) -> u32 {
        (hash << self.base >> (u64::BITS - PLACE_BITS)) as u32
    }

    /// The group where the search for a place begins.
    #[inline]
    pub fn home(&self, place: u32) -> usize {
        let known = place << (self.depth() - u32::from(self.base)) & PLACE_MASK;
        (known as usize * self.group_count()) >> PLACE_BITS
    }

    /// The address of the home group of `hash`, if there is one, for prefetching.
    #[inline]
    pub fn home_address(&self, hash: u64) -> *const Group {
        self.block.wrapping_add(self.home(self.place(hash)))
    }

    /// The address of the entry whose fingerprint and place are those of `hash`, for prefetching.
    #[inline]
    pub fn likely_address(&self, hash: u64) -> Option<usize> {
        let place = self.place(hash);
        let fingerprint = Group::fingerprint(hash);
        let groups = self.groups();
        let mut index = self.home(place);
        for _ in 0..groups.len() {
            let group = &groups[index];
            for cell in group.matches(fingerprint) {
                if group.reference(cell).place() == place {
                    return Some(group.reference(cell).address());
                }
            }
            if !group.overflows() {
                return None;
            }
            index = if index + 1 == groups.len() { 0 } else { index + 1 };
        }
        None
    }

    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Spot> {
        let place = self.place(hash);
        let fingerprint = Group::fingerprint(hash);
        let groups = self.groups();
        let mut index = self.home(place);
        for _ in 0..groups.len() {
            let group = &groups[index];
            for cell in group.matches(fingerprint) {
                let reference = group.reference(cell);
                // SAFETY: an occupied cell refers to an entry that this segment owns, and `self` is borrowed.
                if reference.place() == place && unsafe { reference.view() }.has_key(key) {
                    return Some(Spot { group: index as u16, cell: cell as u8 });
                }
            }
            if !group.overflows() {
                return None;
            }
            index = if index + 1 == groups.len() { 0 } else { index + 1 };
        }
        None
    }

    #[inline]
    fn reference(&self, spot: Spot) -> Reference {
        let reference = self.groups()[usize::from(spot.group)].reference(usize::from(spot.cell));
        debug_assert!(reference != Reference::NONE);
        reference
    }

    /// The entry at a spot that `find` gave and nothing changed since.
    #[inline]
    pub fn entry(&self, spot: Spot) -> EntryRef<'_> {
        let reference = self.reference(spot);
        assert!(reference != Reference::NONE);
        // SAFETY: the cell is occupied, so it refers to an entry that this segment owns, and `self` is borrowed.
        unsafe { reference.view() }
    }

    /// Lets `change` take the entry at a spot and give it back changed, moved or replaced under the same key.
    /// If `change` panics the process must end: the cell still names the entry that was taken.
    #[inline]
    pub fn replace_with(&mut self, spot: Spot, change: impl FnOnce(Entry) -> Entry) {
        let reference = self.reference(spot);
        assert!(reference != Reference::NONE);
        // SAFETY: the cell is occupied, and is written anew below with what comes back.
        let entry = change(unsafe { reference.into_entry() });
        let changed = Reference::new(entry, reference.place());
        if changed != reference {
            self.groups_mut()[usize::from(spot.group)].exchange(usize::from(spot.cell), changed);
        }
    }

    /// Whether another entry fits without growth.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.len() < entry_count_max(self.group_count())
    }

    /// Adds an entry whose key is not here. There must be room.
    #[inline]
    pub fn insert(&mut self, hash: u64, entry: Entry) {
        let reference = Reference::new(entry, self.place(hash));
        self.put(Group::fingerprint(hash), reference);
    }

    /// Puts a reference into the first group with a free cell from its home on.
    #[inline]
    fn put(&mut self, fingerprint: u8, reference: Reference) {
        debug_assert!(self.has_room());
        let mut index = self.home(reference.place());
        let groups = self.groups_mut();
        loop {
            let group = &mut groups[index];
            if let Some(cell) = group.free_cell() {
                group.fill(cell, fingerprint, reference);
                break;
            }
            group.count_overflow();
            index = if index + 1 == groups.len() { 0 } else { index + 1 };
        }
        self.count += 1;
    }

    /// Takes the entry at a spot out.
    pub fn remove(&mut self, spot: Spot) -> Entry {
        let reference = self.reference(spot);
        assert!(reference != Reference::NONE);
        let mut index = self.home(reference.place());
        let groups = self.groups_mut();
        while index != usize::from(spot.group) {
            groups[index].uncount_overflow();
            index = if index + 1 == groups.len() { 0 } else { index + 1 };
        }
        groups[index].clear(usize::from(spot.cell));
        self.count -= 1;
        // SAFETY: the cell was occupied and is cleared, so the ownership comes out once.
        unsafe { reference.into_entry() }
    }

    /// Makes room for one more entry. Not for a segment of `GROUP_COUNT_MAX` groups.
    #[cold]
    pub fn grow(&mut self) {
        self.rebuild(next_group_count(self.group_count()));
    }

    /// Whether so many entries went that a smaller block should be taken.
    #[inline]
    pub fn is_sparse(&self) -> bool {
        let group_count = self.group_count();
        self.count == 0 && group_count != 0 || self.len() * 8 < group_count.saturating_sub(1) * CELL_COUNT * 3
    }

    /// Takes the smallest block with room for a quarter more entries than there are.
    #[cold]
    pub fn shrink(&mut self) {
        let room = if self.count == 0 { 0 } else { self.len() + self.len() / 4 };
        self.rebuild(group_count_for(room));
    }

    fn rebuild(&mut self, group_count: usize) {
        let mut rebuilt = Segment {
            block: allocate_block(group_count),
            count: 0,
            group_count: group_count as u16,
            ..*self
        };
        for group in self.groups() {
            for cell in group.occupied() {
                rebuilt.put(group.mark(cell), group.reference(cell));
            }
        }
        self.free_block();
        *self = rebuilt;
    }

    /// Splits by the next bit of the hash: keys without it, then keys with it. Leaves nothing here.
    #[cold]
    pub fn split(&mut self, hasher: &Hasher) -> (Segment, Segment) {
        let depth = self.depth() + 1;
        let renew = PLACE_BITS + u32::from(self.base) - depth < PLACE_BITS_MIN;
        let base = if renew { depth as u8 } else { self.base };
        let choice = self.place_bit();
        let mut right_count = 0;
        for (_, reference) in self.references() {
            right_count += usize::from(reference.place() & choice != 0);
            // All keys are read below: asked for together they arrive several times faster.
            if renew {
                prefetch(std::ptr::without_provenance(reference.address()));
            }
        }
        let mut halves = [self.len() - right_count, right_count].map(|count| {
            let group_count = group_count_for(count + count / 8);
            Segment {
                block: allocate_block(group_count),
                group_count: group_count as u16,
                base,
                ..Segment::empty(depth)
            }
        });
        for (mark, reference) in self.references() {
            let half = &mut halves[usize::from(reference.place() & choice != 0)];
            if renew {
                // SAFETY: the reference is that of an occupied cell; the block it stands in is freed below, so its
                // ownership comes out once.
                let entry = unsafe { reference.into_entry() };
                let hash = hasher.hash(entry.view().key());
                half.insert(hash, entry);
            } else {
                half.put(mark, reference);
            }
        }
        self.free_block();
        *self = Segment::empty(depth - 1);
        let [left, right] = halves;
        (left, right)
    }

    /// Takes all entries out, in groups order, and frees the block.
    pub fn drain(&mut self, mut each: impl FnMut(Entry)) {
        for (_, reference) in self.references() {
            // SAFETY: the cell is occupied, and the block is freed below without another look at it.
            each(unsafe { reference.into_entry() });
        }
        self.free_block();
        *self = Segment::empty(self.depth());
    }

    /// Takes up to `limit` entries out, from the last group on, of a table that is not searched any more. Tells how many.
    pub fn drain_some(&mut self, limit: usize, mut each: impl FnMut(Entry)) -> usize {
        let mut drained = 0;
        for group in self.groups_mut().iter_mut().rev() {
            for cell in group.occupied().take(limit - drained) {
                // SAFETY: the cell was occupied and is cleared, so the ownership comes out once.
                each(unsafe { group.clear(cell).into_entry() });
                drained += 1;
            }
        }
        self.count -= drained as u32;
        drained
    }

    /// All entries, in the order of groups.
    pub fn entries(&self) -> impl Iterator<Item = EntryRef<'_>> {
        // SAFETY: an occupied cell refers to an entry that this segment owns, and `self` is borrowed.
        self.references().map(|(_, reference)| unsafe { reference.view() })
    }

    /// The first hash behind the range of this segment, which `hash` lies in.
    pub fn range_end(&self, hash: u64) -> Option<u64> {
        let range = u64::MAX >> self.depth();
        (hash | range).checked_add(1)
    }

    /// The first hash, of those in this segment, that belongs to a later home group than `hash` does.
    pub fn next_home(&self, hash: u64) -> Option<u64> {
        let next_home = self.home(self.place(hash)) + 1;
        if next_home >= self.group_count() {
            return self.range_end(hash);
        }
        // Home groups begin where the scaled place reaches their number. Bits that places here do not tell are zero.
        let unknown = self.depth() - u32::from(self.base);
        let known =
            (next_home << PLACE_BITS).div_ceil(self.group_count()).next_multiple_of(1 << unknown) as u64;
        if known >> PLACE_BITS != 0 {
            return self.range_end(hash);
        }
        let start = hash & !(u64::MAX >> self.depth());
        Some(start | known << (u64::BITS - PLACE_BITS - self.depth()))
    }

    /// The entries whose search begins in the home group of `hash`, wherever they lie.
    pub fn entries_at(&self, hash: u64) -> impl Iterator<Item = EntryRef<'_>> {
        // SAFETY: an occupied cell refers to an entry that this segment owns, and `self` is borrowed.
        self.references_at(hash).map(|reference| unsafe { reference.view() })
    }

    /// As `entries_at`, of entries with a deadline only, without touching the others.
    pub fn expiring_at(&self, hash: u64) -> impl Iterator<Item = EntryRef<'_>> {
        // SAFETY: an occupied cell refers to an entry that this segment owns, and `self` is borrowed.
        self.references_at(hash)
            .filter(|reference| reference.has_deadline())
            .map(|reference| unsafe { reference.view() })
    }

    /// The addresses of entries with a deadline in the home group of `hash` itself, for prefetching.
    pub fn expiring_addresses(&self, hash: u64) -> impl Iterator<Item = usize> {
        let group = self.groups().get(self.home(self.place(hash))).into_iter();
        let references = group.flat_map(|group| group.occupied().map(|cell| group.reference(cell)));
        references.filter(|reference| reference.has_deadline()).map(Reference::address)
    }

    fn references_at(&self, hash: u64) -> impl Iterator<Item = Reference> {
        let home = self.home(self.place(hash));
        let (before, from) = self.groups().split_at(home);
        let mut searching = true;
        from.iter()
            .chain(before)
            .take_while(move |group| std::mem::replace(&mut searching, group.overflows()))
            .flat_map(|group| group.occupied().map(|cell| group.reference(cell)))
            .filter(move |reference| self.home(reference.place()) == home)
    }

    /// Lets `update` at the entries whose search begins in the home group of `hash`, wherever they lie. They stay there.
    /// If `update` panics the process must end: a cell still names the entry that was taken.
    pub fn update_at(&mut self, hash: u64, mut update: impl FnMut(&mut Entry)) {
        let home = self.home(self.place(hash));
        let mut index = home;
        for _ in 0..self.group_count() {
            for cell in self.groups()[index].occupied() {
                let reference = self.groups()[index].reference(cell);
                if self.home(reference.place()) == home {
                    // SAFETY: the cell is occupied, and is written anew with what comes back.
                    let mut entry = unsafe { reference.into_entry() };
                    update(&mut entry);
                    self.groups_mut()[index].exchange(cell, Reference::new(entry, reference.place()));
                }
            }
            if !self.groups()[index].overflows() {
                return;
            }
            index = if index + 1 == self.group_count() { 0 } else { index + 1 };
        }
    }

    /// The addresses of the entries in the home group of `hash` itself, for prefetching.
    pub fn home_addresses(&self, hash: u64) -> impl Iterator<Item = usize> {
        let group = self.groups().get(self.home(self.place(hash))).into_iter();
        group.flat_map(|group| group.occupied().map(|cell| group.reference(cell).address()))
    }

    pub fn cell_count(&self) -> usize {
        self.group_count() * CELL_COUNT
    }

    /// The entry in cell number `cell` of all cells, if there is one.
    pub fn entry_in_cell(&self, cell: usize) -> Option<EntryRef<'_>> {
        let reference = self.groups().get(cell / CELL_COUNT)?.reference(cell % CELL_COUNT);
        // SAFETY: a reference that is not empty is that of an entry that this segment owns, and `self` is borrowed.
        (reference != Reference::NONE).then(|| unsafe { reference.view() })
    }

    /// Lets `change` take every entry and give it back, moved, under the same key.
    /// If `change` panics the process must end: a cell still names the entry that was taken.
    pub fn replace_all(&mut self, mut change: impl FnMut(Entry) -> Entry) {
        for group in self.groups_mut() {
            for cell in group.occupied() {
                let reference = group.reference(cell);
                // SAFETY: the cell is occupied, and is written anew with what comes back.
                let entry = change(unsafe { reference.into_entry() });
                group.exchange(cell, Reference::new(entry, reference.place()));
            }
        }
    }

    /// The bit of a place that the next split goes by.
    fn place_bit(&self) -> u32 {
        1 << (PLACE_BITS - 1 - (self.depth() - u32::from(self.base)))
    }

    fn references(&self) -> impl Iterator<Item = (u8, Reference)> {
        self.groups()
            .iter()
            .flat_map(|group| group.occupied().map(|cell| (group.mark(cell), group.reference(cell))))
    }

    fn free_block(&mut self) {
        if self.group_count > 0 {
            // SAFETY: the block was allocated with this layout, and nothing looks at it after the count is zero.
            unsafe { dealloc(self.block.cast(), block_layout(self.group_count())) };
        }
        self.group_count = 0;
        self.count = 0;
    }
}

impl Drop for Segment {
    /// Frees the block. The entries are not freed, because that takes their slabs.
    fn drop(&mut self) {
        self.free_block();
    }
}

/// The most entries that are put into so many groups.
#[inline]
pub const fn entry_count_max(group_count: usize) -> usize {
    // A single group may fill up: nothing overflows from it.
    if group_count == 1 { CELL_COUNT } else { group_count * CELL_COUNT * 7 / 8 }
}

/// The next larger number of groups whose block is a size class.
const fn next_group_count(group_count: usize) -> usize {
    if group_count < 8 { group_count + 1 } else { group_count + (1 << (group_count.ilog2() - 2)) }
}

/// The smallest number of groups for so many entries.
fn group_count_for(entry_count: usize) -> usize {
    let mut group_count = 0;
    while entry_count_max(group_count) < entry_count {
        group_count = next_group_count(group_count);
    }
    group_count
}

fn block_bytes(group_count: usize) -> usize {
    if group_count == 0 { 0 } else { allocated_bytes(group_count * size_of::<Group>()) }
}

fn block_layout(group_count: usize) -> Layout {
    Layout::array::<Group>(group_count).expect("a block is at most 32 KiB")
}

fn allocate_block(group_count: usize) -> *mut Group {
    if group_count == 0 {
        return std::ptr::null_mut();
    }
    let layout = block_layout(group_count);
    // SAFETY: the layout is not empty. Zeroes are empty groups.
    let block = unsafe { alloc_zeroed(layout) }.cast::<Group>();
    if block.is_null() {
        handle_alloc_error(layout);
    }
    block
}
