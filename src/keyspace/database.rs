//! One database of one shard: a table for each slot, the memory of its entries, and what it all adds up to.

use std::ops::Range;

use crate::keyspace::SLOT_COUNT;
use crate::keyspace::entry::slab::Slabs;
use crate::keyspace::entry::{Draft, Entry, EntryRef, Payload};
use crate::keyspace::key::{Hasher, Key};
use crate::keyspace::schedule::Schedule;
use crate::keyspace::table::SlotTable;
use crate::keyspace::table::segment::Spot;

/// Slots are counted together in runs of this many, to pass over empty ones.
pub const RUN_SLOTS: usize = 128;
pub const RUN_COUNT: usize = SLOT_COUNT / RUN_SLOTS;
/// Freeing a slab is as much work as freeing this many entries.
const SLAB_WORK: usize = 16;

pub struct Database {
    pub(super) tables: Box<[SlotTable; SLOT_COUNT]>,
    pub(super) slabs: Slabs,
    pub(super) tally: Tally,
    /// When to look for expired keys; made with the first deadline.
    pub(super) schedule: Option<Box<Schedule>>,
    /// Keys in each run of slots.
    pub(super) runs: [u32; RUN_COUNT],
    /// The next slot that `free_some` looks at.
    freed_slots: usize,
    pub(super) hasher: Hasher,
}

/// Sums over entries and blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub key_count: usize,
    /// Keys with a deadline.
    pub expiring_count: usize,
    /// Entries that own memory outside the slabs.
    pub owning_count: usize,
    /// Memory of entries and of the buffers of large values.
    pub entry_bytes: usize,
    /// Memory of table blocks and directories.
    pub block_bytes: usize,
}

/// What happens to the deadline of a key that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    Keep,
    Clear,
    /// Milliseconds since 1970.
    At(u64),
}

/// A value to store.
pub struct Write<'a> {
    pub payload: Payload<'a>,
    /// Whether the encoding is `raw` however short the value.
    pub raw: bool,
    pub deadline: Deadline,
    pub recency: u32,
}

impl<'a> Write<'a> {
    /// The entry to be written for `key`, whose deadline was `former_ms`.
    fn draft(self, key: &'a [u8], former_ms: Option<u64>) -> Draft<'a> {
        let Write { payload, raw, deadline, recency } = self;
        Draft { key, deadline_ms: deadline.resolve(former_ms), payload, raw, recency }
    }
}

/// What is to be done to one key.
pub enum Edit<'a> {
    Write(Write<'a>),
    Deadline(Option<u64>),
    Bytes(BytesEdit<'a>),
    Remove,
}

/// A string is given a length and changed where it lies; its encoding becomes `raw`, and the deadline stays.
pub struct BytesEdit<'a> {
    pub length: usize,
    /// Where `change` may write, within the length.
    pub range: Range<usize>,
    /// The bits of last use of a key that was absent.
    pub recency: u32,
    /// Tells whether it did what it should; zeroes that were added before alone are not worth telling clients of.
    pub change: &'a mut dyn FnMut(&mut [u8]) -> bool,
}

/// What an edit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Nothing: the key is absent.
    Nothing,
    /// The key was absent and is there now.
    Created,
    /// The key was there, and holds something else now or is gone.
    Changed,
    /// A string, which may have been absent, got zeroes at its end by an edit that changed nothing else.
    Lengthened,
    /// The key was there, and holds the same.
    Unchanged,
}

impl Applied {
    /// Whether the key was there before. Who edits bytes knows already.
    #[inline]
    pub fn existed(self) -> bool {
        matches!(self, Applied::Changed | Applied::Unchanged)
    }
}

impl Tally {
    #[inline]
    pub fn add(&mut self, entry: EntryRef<'_>) {
        self.key_count += 1;
        self.expiring_count += usize::from(entry.has_deadline());
        self.owning_count += usize::from(entry.owns_memory());
        self.entry_bytes += entry.memory_bytes();
    }

    /// Adds the sums of a moved slot.
    pub fn put_in(&mut self, other: &Tally) {
        self.key_count += other.key_count;
        self.expiring_count += other.expiring_count;
        self.owning_count += other.owning_count;
        self.entry_bytes += other.entry_bytes;
        self.block_bytes += other.block_bytes;
    }

    /// Takes the sums of a moved slot away.
    pub fn take_away(&mut self, other: &Tally) {
        self.key_count -= other.key_count;
        self.expiring_count -= other.expiring_count;
        self.owning_count -= other.owning_count;
        self.entry_bytes -= other.entry_bytes;
        self.block_bytes -= other.block_bytes;
    }

    #[inline]
    pub fn subtract(&mut self, entry: EntryRef<'_>) {
        self.key_count -= 1;
        self.expiring_count -= usize::from(entry.has_deadline());
        self.owning_count -= usize::from(entry.owns_memory());
        self.entry_bytes -= entry.memory_bytes();
    }
}

impl Database {
    pub fn new(hasher: Hasher) -> Self {
        let tables: Vec<SlotTable> = (0..SLOT_COUNT).map(|_| SlotTable::EMPTY).collect();
        let tables = tables.into_boxed_slice().try_into();
        Database {
            tables: tables.unwrap_or_else(|_| unreachable!("as many tables as slots were made")),
            slabs: Slabs::new(),
            tally: Tally::default(),
            schedule: None,
            runs: [0; RUN_COUNT],
            freed_slots: 0,
            hasher,
        }
    }

    /// The memory of the entries and of all that leads to them.
    pub fn memory_bytes(&self) -> usize {
        self.tally.entry_bytes + self.table_bytes() + self.schedule_bytes()
    }

    /// The memory of the tables, including the array of tables.
    pub fn table_bytes(&self) -> usize {
        self.tally.block_bytes + size_of::<[SlotTable; SLOT_COUNT]>()
    }

    pub fn schedule_bytes(&self) -> usize {
        self.schedule.as_ref().map_or(0, |_| Schedule::MEMORY_BYTES)
    }

    #[inline]
    pub fn table(&self, slot: u16) -> &SlotTable {
        &self.tables[usize::from(slot) % SLOT_COUNT]
    }

    #[inline]
    pub fn table_mut(&mut self, slot: u16) -> &mut SlotTable {
        &mut self.tables[usize::from(slot) % SLOT_COUNT]
    }

    #[inline]
    pub fn find(&self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let segment = self.table(key.slot).segment(key.hash);
        segment.find(key.hash, key.bytes).map(|spot| segment.entry(spot))
    }

    /// Sets the bits of last use.
    #[inline]
    pub fn touch(&mut self, key: &Key<'_>, spot: Spot, recency: u32) {
        self.table_mut(key.slot).segment_mut(key.hash).replace_with(spot, |mut entry| {
            entry.set_recency(recency);
            entry
        });
    }

    /// The entry at the place of a key.
    #[inline]
    pub fn entry_at(&self, key: &Key<'_>, spot: Spot) -> EntryRef<'_> {
        self.table(key.slot).segment(key.hash).entry(spot)
    }

    /// The place of a key.
    #[inline]
    pub fn spot(&self, key: &Key<'_>) -> Option<Spot> {
        self.table(key.slot).segment(key.hash).find(key.hash, key.bytes)
    }

    /// Does what `edit` says to a key, whose place is `spot`. Removing or altering an absent key does nothing.
    pub fn apply(&mut self, key: &Key<'_>, spot: Option<Spot>, edit: Edit<'_>) -> Applied {
        let Some(spot) = spot else {
            return match edit {
                Edit::Write(write) => {
                    let entry = Entry::create(&mut self.slabs, write.draft(key.bytes, None));
                    self.insert(key, entry)
                }
                Edit::Bytes(edit) => self.insert_bytes(key, edit),
                Edit::Deadline(_) | Edit::Remove => Applied::Nothing,
            };
        };
        match edit {
            Edit::Write(write) => {
                if !self.overwrite(key, spot, &write) {
                    self.alter(key, spot, |entry, slabs| {
                        let former_ms = entry.view().deadline_ms();
                        entry.replace(slabs, write.draft(key.bytes, former_ms))
                    });
                }
            }
            Edit::Deadline(deadline_ms) => {
                self.alter(key, spot, |entry, slabs| entry.with_deadline(slabs, deadline_ms));
            }
            Edit::Bytes(edit) => return self.edit_bytes(key, spot, edit),
            Edit::Remove => self.remove(key, spot),
        }
        Applied::Changed
    }

    fn edit_bytes(&mut self, key: &Key<'_>, spot: Spot, edit: BytesEdit<'_>) -> Applied {
        let BytesEdit { length, change, .. } = edit;
        let (mut differs, mut is_resized, mut is_done) = (false, false, false);
        let mut change = |bytes: &mut [u8]| differs |= change(bytes);
        let segment = self.tables[usize::from(key.slot) % SLOT_COUNT].segment_mut(key.hash);
        // The way of most edits: the string stays in its block, and no sum changes.
        segment.replace_with(spot, |mut entry| {
            is_resized = entry.view().value().len() != length;
            is_done = entry.edit_in_place(length, &mut change);
            entry
        });
        if !is_done {
            self.alter(key, spot, |entry, slabs| entry.with_bytes(slabs, key.bytes, length, &mut change));
        }
        match (differs, is_resized) {
            (true, _) => Applied::Changed,
            (false, true) => Applied::Lengthened,
            (false, false) => Applied::Unchanged,
        }
    }

    fn insert_bytes(&mut self, key: &Key<'_>, edit: BytesEdit<'_>) -> Applied {
        let BytesEdit { length, recency, change, .. } = edit;
        let payload = Payload::Inline(&[]);
        let draft = Draft { key: key.bytes, deadline_ms: None, payload, raw: true, recency };
        let mut differs = false;
        let mut change = |bytes: &mut [u8]| differs |= change(bytes);
        let entry = Entry::create_bytes(&mut self.slabs, draft, length, &mut change);
        self.insert(key, entry);
        if differs { Applied::Created } else { Applied::Lengthened }
    }

    #[inline]
    pub(super) fn schedule_mut(&mut self) -> &mut Schedule {
        schedule_of(&mut self.schedule)
    }

    fn insert(&mut self, key: &Key<'_>, entry: Entry) -> Applied {
        self.tally.add(entry.view());
        if let Some(deadline_ms) = entry.view().deadline_ms() {
            self.schedule_mut().add(key.slot, deadline_ms);
        }
        self.runs[usize::from(key.slot) / RUN_SLOTS % RUN_COUNT] += 1;
        let table = &mut self.tables[usize::from(key.slot) % SLOT_COUNT];
        table.insert(key.hash, entry, &self.hasher, &mut self.tally.block_bytes);
        Applied::Created
    }

    /// The way of most overwrites: the new value goes where the old one is, and no sum changes.
    #[inline]
    fn overwrite(&mut self, key: &Key<'_>, spot: Spot, write: &Write<'_>) -> bool {
        let segment = self.tables[usize::from(key.slot) % SLOT_COUNT].segment_mut(key.hash);
        let keeps_deadline = match write.deadline {
            Deadline::Keep => true,
            Deadline::Clear => !segment.entry(spot).has_deadline(),
            Deadline::At(_) => false,
        };
        let mut done = false;
        if keeps_deadline {
            segment.replace_with(spot, |mut entry| {
                done = entry.overwrite(&write.payload, write.raw, write.recency);
                entry
            });
        }
        done
    }

    #[inline]
    fn alter(&mut self, key: &Key<'_>, spot: Spot, change: impl FnOnce(Entry, &mut Slabs) -> Entry) {
        let segment = self.tables[usize::from(key.slot) % SLOT_COUNT].segment_mut(key.hash);
        segment.replace_with(spot, |entry| {
            let former_ms = entry.view().deadline_ms();
            self.tally.subtract(entry.view());
            let entry = change(entry, &mut self.slabs);
            self.tally.add(entry.view());
            let deadline_ms = entry.view().deadline_ms();
            if former_ms != deadline_ms {
                schedule_of(&mut self.schedule).exchange(key.slot, former_ms, deadline_ms);
            }
            entry
        });
    }

    fn remove(&mut self, key: &Key<'_>, spot: Spot) {
        let table = &mut self.tables[usize::from(key.slot) % SLOT_COUNT];
        let entry = table.segment_mut(key.hash).remove(spot);
        table.settle_removal(key.hash, &self.hasher, &mut self.tally.block_bytes);
        self.tally.subtract(entry.view());
        if entry.view().has_deadline() {
            self.schedule_mut().remove(key.slot);
        }
        self.runs[usize::from(key.slot) / RUN_SLOTS % RUN_COUNT] -= 1;
        entry.free(&mut self.slabs);
    }

    /// Frees part of a database that nobody uses any more. A budget counts entries. Gives back what is left of it:
    /// nothing is left to free when that is more than zero.
    pub fn free_some(&mut self, mut budget: usize) -> usize {
        while self.freed_slots < SLOT_COUNT && budget > 0 {
            let table = &mut self.tables[self.freed_slots];
            let Some(segment) = table.last_segment_mut() else {
                self.freed_slots += 1;
                continue;
            };
            // Entries that own nothing outside their slab go with it, without being looked at.
            if self.tally.owning_count > 0 {
                budget -= segment.drain_some(budget, |entry| {
                    self.tally.subtract(entry.view());
                    entry.free(&mut self.slabs);
                });
                if segment.len() > 0 {
                    return 0;
                }
            }
            budget = budget.saturating_sub(1);
            table.drop_last_segment();
        }
        if budget == 0 {
            return 0;
        }
        let freed = self.slabs.free_some(budget.div_ceil(SLAB_WORK));
        budget.saturating_sub(freed * SLAB_WORK)
    }
}

#[inline]
fn schedule_of(schedule: &mut Option<Box<Schedule>>) -> &mut Schedule {
    schedule.get_or_insert_with(|| Box::new(Schedule::new()))
}

impl Drop for Database {
    fn drop(&mut self) {
        while self.free_some(usize::MAX) == 0 {}
    }
}

impl Deadline {
    #[inline]
    fn resolve(self, former_ms: Option<u64>) -> Option<u64> {
        match self {
            Deadline::Keep => former_ms,
            Deadline::Clear => None,
            Deadline::At(deadline_ms) => Some(deadline_ms),
        }
    }
}
