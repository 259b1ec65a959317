//! When the next group begins, under `always`: at once, or when those have written again who were told of the last one.
//!
//! A client that waits for each reply writes again a moment after it was told. A group that began at once would leave it
//! out, so that each sync would serve half of such clients only (group commit with a delay, as in DeWitt et al.,
//! "Implementation Techniques for Main Memory Database Systems", 1984).

use std::time::{Duration, Instant};

use crate::data_plane::log::Log;
use crate::sys::ring::Wait;

/// While a group is held back the core sleeps through so many requests at most.
const REQUESTS_MAX: u32 = 16;
/// Nobody is waited for longer than this, nor longer than this part of what the last group took.
const PATIENCE_MAX: Duration = Duration::from_micros(200);
const PATIENCE_PART: u32 = 2;
/// So few of them are not waited for: one is always late.
const LATE_PART: u64 = 8;
/// After waiting in vain so many groups begin at once.
const GROUPS_WITHOUT: u32 = 16;

/// Who is waited for. Changes of keys are counted, since they say how much was written.
#[derive(Default)]
pub(super) struct Gathering {
    /// The shard's changes before the last group, and with it.
    group: (u64, u64),
    /// Until then, or until there were so many changes.
    until: Option<(Instant, u64)>,
    /// How many there were when the last group was told.
    before: u64,
    /// How many there were when a group was held back last.
    seen: u64,
    /// A group is held back.
    holds: bool,
    groups_without: u32,
}

impl Gathering {
    /// A group begins with all changes up to now.
    pub(super) fn begin_group(&mut self, changes: u64) {
        self.group = (self.group.1, changes);
        self.holds = false;
        if let Some((_, wanted)) = self.until.take()
            // Less than half of them: they have something else to do.
            && changes.saturating_sub(self.before) < wanted.saturating_sub(self.before) / 2
        {
            self.groups_without = GROUPS_WITHOUT;
        }
    }

    /// Nobody is waited for.
    pub(super) fn stop(&mut self) {
        self.until = None;
        self.holds = false;
    }

    /// A group, which took so long, was told.
    pub(super) fn end_group(&mut self, changes: u64, took: Duration) {
        if self.groups_without > 0 {
            self.groups_without -= 1;
            return;
        }
        self.before = changes;
        let patience = PATIENCE_MAX.min(took / PATIENCE_PART);
        let told = self.group.1.saturating_sub(self.group.0);
        self.until = Some((Instant::now() + patience, changes + told - told / LATE_PART));
    }

    /// Whether a group is not to begin yet.
    pub(super) fn waits(&mut self, changes: u64) -> bool {
        self.seen = changes;
        self.holds = self.until.is_some_and(|(until, wanted)| changes < wanted && Instant::now() < until);
        self.holds
    }

    /// While a group is held back: for how many more changes, and how long.
    fn missing(&self) -> Option<(u64, Duration)> {
        let (until, wanted) = self.until.filter(|_| self.holds)?;
        Some((wanted.saturating_sub(self.seen), until.saturating_duration_since(Instant::now())))
    }

    /// When the group that is held back begins at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until.filter(|_| self.holds).map(|(until, _)| until)
    }
}

impl Log {
    /// How the core waits while a group is held back: not for each request, but for half of those that are missing.
    pub fn wait_for_group(&self) -> Option<Wait> {
        let (changes, patience) = self.gathering.missing()?;
        let count = (changes / 2).clamp(1, u64::from(REQUESTS_MAX)) as u32;
        Some(Wait::Several(count, patience))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{GROUPS_WITHOUT, Gathering};

    const LONG: Duration = Duration::from_secs(1);

    #[test]
    fn those_are_waited_for_who_were_told() {
        let mut gathering = Gathering::default();
        assert!(!gathering.waits(3));
        gathering.begin_group(3);
        // Two more came meanwhile.
        gathering.end_group(5, LONG);
        assert!(gathering.waits(5) && gathering.deadline().is_some());
        assert!(gathering.waits(7) && !gathering.waits(8) && gathering.deadline().is_none());
        gathering.begin_group(8);
        gathering.end_group(8, Duration::ZERO);
        assert!(!gathering.waits(9), "a fast disk is not waited for");
    }

    #[test]
    fn who_does_not_come_is_not_waited_for_again() {
        let mut gathering = Gathering::default();
        gathering.begin_group(100);
        gathering.end_group(100, LONG);
        gathering.begin_group(101);
        for _ in 0..GROUPS_WITHOUT {
            gathering.end_group(101, LONG);
            assert!(!gathering.waits(101));
        }
        gathering.end_group(101, LONG);
        assert!(gathering.waits(101));
    }
}
