//! Work that no client waits for, in slices between two turns: expired keys, flushed tables.

use std::time::{Duration, Instant};

use crate::data_plane::core::Core;
use crate::keyspace::Cause;
use crate::sys::ticks::Ticks;

/// How often expired keys are looked for while there are keys with a deadline.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(100);
/// How long a slice of either kind may take: both together stay below half a millisecond. The clock of the wall is
/// read, not that of the thread, because that is cheaper and a slice that was interrupted may as well end early.
const SLICE: Duration = Duration::from_micros(200);
/// Units of work between two looks at the clock: 2 us, or 50 where every entry has a block of its own to free.
const STEP: usize = 64;

/// Repeats `step`, which is given units of work and tells whether all is done, for a slice of time. Tells the same.
pub fn in_slice(mut step: impl FnMut(usize) -> bool) -> bool {
    // Most often there is nothing to do, and no clock is read.
    if step(STEP) {
        return true;
    }
    let start = Instant::now();
    while start.elapsed() < SLICE {
        if step(STEP) {
            return true;
        }
    }
    false
}

/// What is left to be done for the shard.
#[derive(Default)]
pub struct Housekeeping {
    /// When expired keys are to be looked for again; `None` while no key has a deadline.
    pub next_expiry: Option<Instant>,
    has_due_keys: bool,
    /// What searches took beyond whole microseconds.
    expiry_ns: u64,
    has_flushed_tables: bool,
    /// Keys are removed only when somebody looks at them (DEBUG SET-ACTIVE-EXPIRE 0).
    is_expiry_off: bool,
}

impl Housekeeping {
    /// Whether a slice was not enough.
    pub fn has_work(&self) -> bool {
        self.has_due_keys || self.has_flushed_tables
    }

    /// Begins to remove expired keys that nobody looks at, or ceases to.
    pub fn expire_actively(&mut self, is_on: bool) {
        self.is_expiry_off = !is_on;
        self.has_due_keys = false;
    }
}

impl Core {
    /// Does a slice of what is due.
    pub(super) fn keep_house(&mut self) {
        let keyspace = &mut self.shard.keyspace;
        self.housekeeping.has_flushed_tables = !in_slice(|budget| keyspace.free_some(budget));
        let is_due = self.housekeeping.next_expiry.is_some_and(|at| at <= Instant::now());
        if is_due || self.housekeeping.has_due_keys {
            let now_ms = self.turn.now_ms();
            let is_off = self.housekeeping.is_expiry_off || self.pauses.end().is_some();
            let begun = Ticks::now();
            self.housekeeping.has_due_keys =
                !is_off && !in_slice(|budget| keyspace.expire_due(now_ms, budget) < budget);
            self.housekeeping.next_expiry = None;
            self.count_expiry(begun);
        }
        if self.housekeeping.next_expiry.is_none() {
            let keyspace = &self.shard.keyspace;
            let expiring = (0..usize::from(self.turn.databases)).any(|index| keyspace.expires_len(index) > 0);
            self.housekeeping.next_expiry = expiring.then(|| Instant::now() + EXPIRY_INTERVAL);
        }
        self.compact();
        self.go_on_saving();
        self.count_notes();
    }

    /// Counts a search for expired keys that began then.
    fn count_expiry(&mut self, begun: Ticks) {
        self.housekeeping.expiry_ns += Ticks::now().nanoseconds_since(begun);
        self.counters().expiry_us.add(self.housekeeping.expiry_ns / 1_000);
        self.housekeeping.expiry_ns %= 1_000;
        self.counters().expiry_cut_short.add(self.housekeeping.has_due_keys.into());
    }

    /// Counts what the shard did of its own accord.
    fn count_notes(&mut self) {
        let changes = self.shard.keyspace.changes_mut();
        if !changes.has_notes() {
            return;
        }
        let expired = changes.notes().filter(|note| note.cause == Cause::Expired).count();
        changes.forget_notes();
        self.counters().expired_keys.add(expired as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::in_slice;

    #[test]
    fn a_slice_ends_with_the_work_or_with_its_time() {
        let mut left = 3;
        let is_done = in_slice(|_| {
            left -= 1;
            left == 0
        });
        assert!(is_done && left == 0);
        assert!(!in_slice(|_| false), "work without end is left for the next slice");
    }
}
