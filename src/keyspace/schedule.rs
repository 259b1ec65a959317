//! When each slot is next worth a search for expired keys.
//!
//! A search reads every deadline of a slot, so it waits until an estimated sixteenth of them is due, but never longer
//! than `LATE_MS_MAX` after the first. A slot of up to sixteen deadlines is searched as soon as its earliest has
//! passed. The estimate comes from the last search, which counted the deadlines it left by their distance; deadlines
//! that were set since and come sooner are counted as they are set.

use crate::keyspace::SLOT_COUNT;

/// A search should find at least one in so many keys expired.
const DUE_SHARE: u32 = 16;
/// How long the earliest deadline of a slot may have passed before it is searched anyhow.
pub const LATE_MS_MAX: u64 = 120_000;
const NEVER: u64 = u64::MAX;
/// A slot that is not due costs as much to pass over as this part of an entry.
const SLOTS_PER_ENTRY: usize = 64;

#[derive(Clone, Copy)]
struct SlotDeadlines {
    count: u32,
    /// Deadlines set since the last search that come before the next one.
    sooner_count: u32,
    /// The latest of them.
    sooner_ms: u64,
}

/// The times of the next searches, and the search under way.
pub struct Schedule {
    search_ms: Box<[u64]>,
    slots: Box<[SlotDeadlines]>,
    /// No search is due before this.
    idle_until_ms: u64,
    /// Where the round over the slots goes on.
    next_slot: usize,
    /// The earliest search seen in this round.
    round_ms: u64,
    pub search: Option<Search>,
}

/// A search through one slot, which may take several slices.
pub struct Search {
    pub slot: u16,
    /// The first hash that was not looked at.
    pub from: u64,
    distances: Distances,
}

/// How many deadlines lie how far ahead: four steps to each doubling of milliseconds.
struct Distances {
    counts: Box<[u32; DISTANCE_COUNT]>,
    total: u32,
    earliest_ms: u64,
}

const DISTANCE_COUNT: usize = 4 * 50;

impl Schedule {
    pub const MEMORY_BYTES: usize = SLOT_COUNT * (size_of::<u64>() + size_of::<SlotDeadlines>());

    pub fn new() -> Self {
        Schedule {
            search_ms: vec![NEVER; SLOT_COUNT].into(),
            slots: vec![SlotDeadlines { count: 0, sooner_count: 0, sooner_ms: 0 }; SLOT_COUNT].into(),
            idle_until_ms: NEVER,
            next_slot: 0,
            round_ms: NEVER,
            search: None,
        }
    }

    /// A key of `slot` got a deadline.
    pub fn add(&mut self, slot: u16, deadline_ms: u64) {
        let index = usize::from(slot);
        let slot = &mut self.slots[index];
        slot.count += 1;
        if deadline_ms >= self.search_ms[index] {
            return;
        }
        slot.sooner_count += 1;
        slot.sooner_ms = slot.sooner_ms.max(deadline_ms);
        let search_ms = if slot.sooner_count * DUE_SHARE >= slot.count {
            slot.sooner_count = 0;
            std::mem::take(&mut slot.sooner_ms)
        } else {
            deadline_ms + LATE_MS_MAX
        };
        self.lower(index, search_ms);
    }

    /// A key of `slot` with a deadline is gone, or lost it.
    pub fn remove(&mut self, slot: u16) {
        self.slots[usize::from(slot)].count -= 1;
    }

    pub fn exchange(&mut self, slot: u16, former_ms: Option<u64>, deadline_ms: Option<u64>) {
        if former_ms.is_some() {
            self.remove(slot);
        }
        if let Some(deadline_ms) = deadline_ms {
            self.add(slot, deadline_ms);
        }
    }

    /// How many keys have a deadline, over all slots.
    #[cfg(test)]
    pub fn deadline_count(&self) -> usize {
        self.slots.iter().map(|slot| slot.count as usize).sum()
    }

    /// Finds a slot that is due and begins to search it. Takes what it costs from `budget`, of entries.
    pub fn begin_search(&mut self, now_ms: u64, budget: &mut usize) -> Option<&mut Search> {
        let mut passed = 0;
        let limit = budget.saturating_mul(SLOTS_PER_ENTRY).min(SLOT_COUNT);
        while now_ms > self.idle_until_ms && passed < limit {
            let slot = self.next_slot;
            let search_ms = self.search_ms[slot];
            if now_ms > search_ms {
                self.search_ms[slot] = NEVER;
                self.slots[slot].sooner_count = 0;
                self.slots[slot].sooner_ms = 0;
                self.search = Some(Search { slot: slot as u16, from: 0, distances: Distances::new() });
                break;
            }
            passed += 1;
            self.round_ms = self.round_ms.min(search_ms);
            self.next_slot = (slot + 1) % SLOT_COUNT;
            if self.next_slot == 0 {
                self.idle_until_ms = std::mem::replace(&mut self.round_ms, NEVER);
            }
        }
        *budget = budget.saturating_sub(passed.div_ceil(SLOTS_PER_ENTRY));
        self.search.as_mut()
    }

    /// Ends the search under way and plans the next one of its slot.
    pub fn end_search(&mut self, now_ms: u64) {
        let search = self.search.take().expect("a search is under way");
        let planned_ms = search.distances.next_search_ms(now_ms);
        self.lower(usize::from(search.slot), planned_ms);
    }

    /// Takes a slot out: its number of deadlines and the time of its next search.
    pub fn take_slot(&mut self, slot: u16) -> (u32, u64) {
        if self.search.as_ref().is_some_and(|search| search.slot == slot) {
            self.search = None;
            self.search_ms[usize::from(slot)] = 0;
        }
        let search_ms = std::mem::replace(&mut self.search_ms[usize::from(slot)], NEVER);
        let emptied = SlotDeadlines { count: 0, sooner_count: 0, sooner_ms: 0 };
        (std::mem::replace(&mut self.slots[usize::from(slot)], emptied).count, search_ms)
    }

    pub fn put_slot(&mut self, slot: u16, (count, search_ms): (u32, u64)) {
        self.slots[usize::from(slot)].count = count;
        self.lower(usize::from(slot), search_ms);
    }

    fn lower(&mut self, slot: usize, search_ms: u64) {
        self.search_ms[slot] = self.search_ms[slot].min(search_ms);
        self.idle_until_ms = self.idle_until_ms.min(search_ms);
        self.round_ms = self.round_ms.min(search_ms);
    }
}

impl Search {
    /// Counts a deadline that has not passed.
    pub fn count(&mut self, deadline_ms: u64, now_ms: u64) {
        let distances = &mut self.distances;
        distances.earliest_ms = distances.earliest_ms.min(deadline_ms);
        distances.total += 1;
        distances.counts[step_of(deadline_ms.saturating_sub(now_ms))] += 1;
    }
}

impl Distances {
    fn new() -> Self {
        Distances { counts: Box::new([0; DISTANCE_COUNT]), total: 0, earliest_ms: NEVER }
    }

    fn next_search_ms(&self, now_ms: u64) -> u64 {
        if self.total <= DUE_SHARE {
            return self.earliest_ms;
        }
        let mut due = 0;
        let step = self.counts.iter().position(|&count| {
            due += count;
            due * DUE_SHARE >= self.total
        });
        let distance = distance_of(step.expect("all deadlines together are enough"));
        (now_ms + distance).clamp(self.earliest_ms, self.earliest_ms + LATE_MS_MAX)
    }
}

/// The step that a distance in milliseconds falls into.
fn step_of(distance_ms: u64) -> usize {
    let shifted = distance_ms + 4;
    let doubling = shifted.ilog2();
    (4 * (doubling - 2) + (shifted >> (doubling - 2) & 3) as u32) as usize
}

/// The first distance of a step.
fn distance_of(step: usize) -> u64 {
    ((4 + step as u64 % 4) << (step / 4)) - 4
}

#[cfg(test)]
mod tests {
    use super::{DISTANCE_COUNT, distance_of, step_of};

    #[test]
    fn steps_and_distances_agree() {
        for distance in (0..100_000).chain([1 << 30, 1 << 40, (1 << 48) - 1]) {
            let step = step_of(distance);
            assert!(step < DISTANCE_COUNT);
            assert!(distance_of(step) <= distance && distance < distance_of(step + 1), "{distance}");
        }
    }
}
