//! Work that no client waits for, in slices between two turns: expired keys, flushed tables.

use std::time::{Duration, Instant};

use crate::data_plane::core::Core;
use crate::keyspace::Cause;

/// How often expired keys are looked for while there are keys with a deadline.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(100);
/// Units of work of one slice of either kind: about half a millisecond.
const SLICE: usize = 4000;

/// What is left to be done for the shard.
#[derive(Default)]
pub struct Housekeeping {
    /// When expired keys are to be looked for again; `None` while no key has a deadline.
    pub next_expiry: Option<Instant>,
    has_due_keys: bool,
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
        self.housekeeping.has_flushed_tables = !keyspace.free_some(SLICE);
        let is_due = self.housekeeping.next_expiry.is_some_and(|at| at <= Instant::now());
        if is_due || self.housekeeping.has_due_keys {
            let budget = if self.housekeeping.is_expiry_off { 0 } else { SLICE };
            let work = keyspace.expire_due(self.turn.now_ms(), budget);
            self.housekeeping.has_due_keys = work >= SLICE;
            self.housekeeping.next_expiry = None;
        }
        if self.housekeeping.next_expiry.is_none() {
            let expiring = (0..usize::from(self.turn.databases)).any(|index| keyspace.expires_len(index) > 0);
            self.housekeeping.next_expiry = expiring.then(|| Instant::now() + EXPIRY_INTERVAL);
        }
        self.count_notes();
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
