//! What is held at one shard, in which mode, and who waits for it: first come first served.
//!
//! A lock is a key, by the hash of its name, or the whole shard. It exists only while it is held or waited for, so an
//! idle shard has none. docs/consistency.md says how locks are used and why nobody waits for ever.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// The lock of shard 0 that is the slot map; before all others.
pub const MAP: u64 = 0;
/// The lock that is the whole shard; before all keys.
pub const WHOLE: u64 = 1;

/// The lock of a key with this hash.
#[inline]
pub fn key_lock(hash: u64) -> u64 {
    hash.max(WHOLE + 1)
}

/// How a lock is held or wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mode {
    /// Of the whole shard, by who holds keys shared.
    IntentRead = 0,
    /// Of the whole shard, by who holds a key exclusively.
    IntentWrite = 1,
    Shared = 2,
    Exclusive = 3,
}

/// For each mode the modes, as bits, that others may hold at the same time.
const COMPATIBLE: [u8; 4] = [0b0111, 0b0011, 0b0101, 0b0000];

/// A lock and the mode in which it is wanted.
pub type Want = (u64, Mode);

/// Names a job that may wait for a lock.
pub type JobId = u32;

#[derive(Default)]
struct Lock {
    /// How many hold it in each mode.
    held: [u32; 4],
    /// Nobody passes those who wait, in whichever mode.
    queue: VecDeque<(JobId, Mode)>,
}

impl Lock {
    fn allows(&self, mode: Mode) -> bool {
        (0..4).all(|other| self.held[other] == 0 || COMPATIBLE[mode as usize] & 1 << other != 0)
    }

    fn is_unused(&self) -> bool {
        self.held == [0; 4] && self.queue.is_empty()
    }
}

/// All locks of one shard that are held or waited for.
#[derive(Default)]
pub struct Locks {
    table: HashMap<u64, Lock, BuildHasherDefault<AsItIs>>,
}

impl Locks {
    /// Nothing is held, so nobody waits.
    #[inline]
    pub fn are_idle(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether a lock could be had at once.
    pub fn is_free(&self, (lock, mode): Want) -> bool {
        self.table.get(&lock).is_none_or(|lock| lock.queue.is_empty() && lock.allows(mode))
    }

    /// Gives a lock to `job`, or lets it wait: false.
    pub fn acquire(&mut self, (lock, mode): Want, job: JobId) -> bool {
        let lock = self.table.entry(lock).or_default();
        let is_free = lock.queue.is_empty() && lock.allows(mode);
        match is_free {
            true => lock.held[mode as usize] += 1,
            false => lock.queue.push_back((job, mode)),
        }
        is_free
    }

    /// Gives a lock that is free.
    pub fn take(&mut self, want: Want) {
        debug_assert!(self.is_free(want));
        self.table.entry(want.0).or_default().held[want.1 as usize] += 1;
    }

    /// Takes a lock back; the jobs that have it now, because of this, are appended to `given`.
    pub fn release(&mut self, (name, mode): Want, given: &mut VecDeque<JobId>) {
        let lock = self.table.get_mut(&name).expect("a lock that is released is held");
        lock.held[mode as usize] -= 1;
        while let Some(&(job, mode)) = lock.queue.front()
            && lock.allows(mode)
        {
            lock.queue.pop_front();
            lock.held[mode as usize] += 1;
            given.push_back(job);
        }
        if lock.is_unused() {
            self.table.remove(&name);
        }
    }
}

/// Hashes of keys need no further hashing.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("locks are named by numbers");
    }

    fn write_u64(&mut self, name: u64) {
        self.0 = name;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [Mode; 4] = [Mode::IntentRead, Mode::IntentWrite, Mode::Shared, Mode::Exclusive];

    #[test]
    fn compatibility_is_mutual() {
        for one in MODES {
            for other in MODES {
                let allowed = COMPATIBLE[one as usize] & 1 << other as u8 != 0;
                assert_eq!(allowed, COMPATIBLE[other as usize] & 1 << one as u8 != 0, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn locks_are_given_first_come_first_served() {
        let mut locks = Locks::default();
        let mut given = VecDeque::new();
        assert!(locks.acquire((7, Mode::Shared), 1));
        assert!(!locks.acquire((7, Mode::Exclusive), 2));
        assert!(!locks.acquire((7, Mode::Shared), 3), "nobody passes a writer that waits");
        assert!(!locks.acquire((7, Mode::Shared), 4));
        locks.release((7, Mode::Shared), &mut given);
        assert_eq!(given.drain(..).collect::<Vec<_>>(), [2]);
        locks.release((7, Mode::Exclusive), &mut given);
        assert_eq!(given.drain(..).collect::<Vec<_>>(), [3, 4], "readers come together");
        locks.release((7, Mode::Shared), &mut given);
        assert!(!locks.are_idle());
        locks.release((7, Mode::Shared), &mut given);
        assert!(given.is_empty() && locks.are_idle());
    }

    #[test]
    fn whoever_reads_all_keeps_writers_of_keys_out() {
        let mut locks = Locks::default();
        locks.take((WHOLE, Mode::Shared));
        assert!(locks.is_free((WHOLE, Mode::IntentRead)));
        assert!(!locks.is_free((WHOLE, Mode::IntentWrite)));
        assert!(locks.is_free((key_lock(0), Mode::Exclusive)), "no hash is the whole shard");
    }
}
