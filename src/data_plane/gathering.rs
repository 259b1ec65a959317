//! How many requests a core waits for before it goes back to work: one when it is quiet, a few when many clients are
//! active at once.
//!
//! A core that answers faster than its clients ask would sleep and wake for nearly every request, and wake each client
//! for nearly every reply. So when many connections were active in the last moment, it sleeps until a part of them has
//! something to say, though never long. With few active connections it wakes for the first request: to wait for all
//! of them would make both sides take turns.

use std::time::Duration;

/// Connections that are active within one window count as active at once.
const WINDOW_US: u64 = 512;
/// One in so many active connections is waited for.
const SHARE: u32 = 16;
/// More are never waited for.
const REQUESTS_MAX: u32 = 8;

/// Who was active of late.
#[derive(Default)]
pub struct Gathering {
    window: u32,
    /// Connections that were active in this window and in the one before.
    active: u32,
    active_before: u32,
}

impl Gathering {
    /// The number of the window of a moment, which `note` compares.
    pub fn begin_turn(&mut self, now_us: u64) {
        let window = (now_us / WINDOW_US) as u32;
        if window != self.window {
            self.active_before = if window == self.window.wrapping_add(1) { self.active } else { 0 };
            self.active = 0;
            self.window = window;
        }
    }

    /// A connection has sent something; `last` is the window in which it did so before.
    pub fn note(&mut self, last: &mut u32) {
        if *last != self.window {
            *last = self.window;
            self.active += 1;
        }
    }

    /// How many completions to wait for, and how long, if more than one.
    pub fn wanted(&self, limit_us: u32) -> Option<(u32, Duration)> {
        let count = (self.active.max(self.active_before) / SHARE).min(REQUESTS_MAX);
        (count > 1 && limit_us > 0).then(|| (count, Duration::from_micros(u64::from(limit_us))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_many_active_connections_are_waited_for() {
        let mut gathering = Gathering::default();
        let mut last = [0; 50];
        gathering.begin_turn(WINDOW_US);
        last.iter_mut().take(SHARE as usize).for_each(|last| gathering.note(last));
        last.iter_mut().take(SHARE as usize).for_each(|last| gathering.note(last));
        assert_eq!(gathering.wanted(50), None, "each counts once in a window");
        last.iter_mut().for_each(|last| gathering.note(last));
        assert_eq!(gathering.wanted(50), Some((50 / SHARE, Duration::from_micros(50))));
        assert_eq!(gathering.wanted(0), None, "the setting switches it off");
        gathering.begin_turn(2 * WINDOW_US);
        assert!(gathering.wanted(50).is_some(), "the window before counts as well");
        gathering.begin_turn(4 * WINDOW_US);
        assert_eq!(gathering.wanted(50), None, "a quiet moment is the end of it");
    }
}
