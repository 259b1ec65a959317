//! Walking over keys: SCAN, the keys of a slot, and a key by chance.
//!
//! ```text
//! cursor:  slot 14 | place 39        (below 2^53, because some clients read it as a double)
//! ```
//!
//! The place is the first 39 bits of a hash. A table is read home group by home group, which is in the order of
//! hashes, and the cursor names the first hash that was not reached. Growth, shrinking and splitting keep that order, so
//! a key that is there throughout is seen, at worst more than once.

use crate::keyspace::database::{Database, RUN_COUNT, RUN_SLOTS};
use crate::keyspace::entry::EntryRef;
use crate::keyspace::key::Key;
use crate::keyspace::table::SlotTable;
use crate::keyspace::table::segment::CELL_COUNT_MAX;
use crate::keyspace::{Keyspace, SLOT_COUNT, next_random};

const PLACE_BITS: u32 = 39;
const HASH_SHIFT: u32 = u64::BITS - PLACE_BITS;
/// A scan looks at no more than this many groups for each key it is asked for.
const GROUPS_PER_KEY: usize = 10;
/// Cells tried by chance before the first entry at hand is taken.
const CHANCE_TRIES: usize = 1000;

/// The slot that a cursor stands in.
pub fn cursor_slot(cursor: u64) -> u64 {
    cursor >> PLACE_BITS
}

/// The cursor at the beginning of a slot.
pub fn slot_cursor(slot: u16) -> u64 {
    u64::from(slot) << PLACE_BITS
}

impl Keyspace {
    /// Visits keys from `cursor` on, until it has seen about `count`, and gives the cursor to go on with: 0 at the end.
    /// Expired keys are passed over. Goes no further than to `end_slot`, where other key spaces have the keys.
    pub fn scan(
        &self,
        database: usize,
        cursor: u64,
        end_slot: usize,
        count: usize,
        now_ms: u64,
        mut visit: impl FnMut(EntryRef<'_>),
    ) -> u64 {
        let end = if end_slot < SLOT_COUNT { slot_cursor(end_slot as u16) } else { 0 };
        let Some(data) = &self.databases[database] else {
            return end;
        };
        let mut at = Some(cursor);
        let (mut seen, mut groups) = (0, 0);
        while let Some(cursor) = at.filter(|&cursor| cursor_slot(cursor) < end_slot as u64) {
            let slot = cursor_slot(cursor) as usize;
            let table = &data.tables[slot];
            if table.is_empty() {
                at = data.filled_slot_after(slot).map(slot_cursor);
                continue;
            }
            if seen >= count || groups >= count.saturating_mul(GROUPS_PER_KEY) {
                return cursor;
            }
            let from = cursor << HASH_SHIFT;
            let segment = table.segment(from);
            for entry in segment.entries_at(from) {
                seen += 1;
                if !entry.is_expired(now_ms) {
                    visit(entry);
                }
            }
            groups += 1;
            at = match segment.next_home(from) {
                Some(hash) => Some(slot_cursor(slot as u16) | hash >> HASH_SHIFT),
                None => data.filled_slot_after(slot).map(slot_cursor),
            };
        }
        end
    }

    /// How many keys a slot has, expired ones included until they are removed.
    pub fn slot_len(&self, database: usize, slot: u16) -> usize {
        self.databases[database].as_ref().map_or(0, |data| data.table(slot).len())
    }

    /// Visits up to `count` keys of a slot.
    pub fn visit_slot(
        &self,
        database: usize,
        slot: u16,
        count: usize,
        now_ms: u64,
        visit: impl FnMut(EntryRef<'_>),
    ) {
        if let Some(data) = &self.databases[database] {
            let entries = data.table(slot).segments().iter().flat_map(|segment| segment.entries());
            entries.filter(|entry| !entry.is_expired(now_ms)).take(count).for_each(visit);
        }
    }

    /// A key by chance, each as likely as the others, or none if there is none. Expired keys that it meets are removed.
    pub fn random_key(&mut self, database: usize, now_ms: u64) -> Option<EntryRef<'_>> {
        let mut name = Vec::new();
        let mut tries_left = CHANCE_TRIES;
        loop {
            let data = self.databases[database].as_ref().filter(|data| data.tally.key_count > 0)?;
            let (slot, entry) = data.entry_by_chance(&mut || next_random(&mut self.random));
            name.clear();
            name.extend_from_slice(entry.key());
            let live = !entry.is_expired(now_ms);
            let key = Key { bytes: &name, hash: self.hasher.hash(&name), slot };
            if live {
                return self.databases[database].as_ref()?.find(&key);
            }
            let is_gone = self.expire(database, &key);
            tries_left -= usize::from(!is_gone);
            if tries_left == 0 {
                return None;
            }
        }
    }
}

impl Database {
    /// The next slot with keys.
    pub(super) fn filled_slot_after(&self, slot: usize) -> Option<u16> {
        let mut next = slot + 1;
        while next < SLOT_COUNT {
            if next.is_multiple_of(RUN_SLOTS) && self.runs[next / RUN_SLOTS] == 0 {
                next += RUN_SLOTS;
            } else if self.tables[next].is_empty() {
                next += 1;
            } else {
                return Some(next as u16);
            }
        }
        None
    }

    /// An entry by chance of a database that has some, and its slot.
    fn entry_by_chance(&self, random: &mut impl FnMut() -> u64) -> (u16, EntryRef<'_>) {
        let mut rank = scaled(random(), self.tally.key_count);
        let mut run = 0;
        while run + 1 < RUN_COUNT && rank >= self.runs[run] as usize {
            rank -= self.runs[run] as usize;
            run += 1;
        }
        let mut slot = run * RUN_SLOTS;
        while rank >= self.tables[slot].len() {
            rank -= self.tables[slot].len();
            slot += 1;
        }
        let entry = self.tables[slot].entry_by_chance(random).expect("the rank lies in a slot with keys");
        (slot as u16, entry)
    }
}

impl SlotTable {
    fn entry_by_chance(&self, random: &mut impl FnMut() -> u64) -> Option<EntryRef<'_>> {
        let segments = self.segments();
        // One of all cells that there could be is as likely as any other; most tables are one segment of known size.
        let cells = match segments {
            [only] => only.cell_count(),
            _ => CELL_COUNT_MAX,
        };
        let chosen = (0..CHANCE_TRIES).find_map(|_| {
            let segment = &segments[scaled(random(), segments.len())];
            segment.entry_in_cell(scaled(random(), cells))
        });
        chosen.or_else(|| segments.iter().find_map(|segment| segment.entries().next()))
    }
}

/// A random number brought below `bound`.
fn scaled(random: u64, bound: usize) -> usize {
    ((u128::from(random) * bound as u128) >> 64) as usize
}
