//! How long calls took, as a histogram that one core writes and others read.
//!
//! As in an HDR histogram values below 64 ns have a bucket each, and every power of two above has 32, so that a bucket is
//! never wider than 1/32 of its values. That is 6.5 KiB for each command that a core has run; a digit more would be 25.

use crate::bridge::counters::Counter;

/// The longest time that is told apart from longer ones: 2^30 ns, about a second.
pub const NANOSECONDS_MAX: u64 = (1 << 30) - 1;
/// Bits that tell apart the values of one power of two.
pub const PRECISION_BITS: u32 = 5;
const PER_POWER: usize = 1 << PRECISION_BITS;
const BUCKETS: usize = index_of(NANOSECONDS_MAX) + 1;

pub struct Latencies(Box<[Counter]>);

impl Default for Latencies {
    fn default() -> Self {
        Latencies((0..BUCKETS).map(|_| Counter::default()).collect())
    }
}

impl Latencies {
    /// Counts `calls` that took so long each; only the owning core calls this.
    #[inline]
    pub fn record(&self, nanoseconds: u64, calls: u64) {
        self.0[index_of(nanoseconds.min(NANOSECONDS_MAX))].add(calls);
    }

    /// The buckets that are not empty, in ascending order: the most that a value of each may be, and how many calls it counts.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counts = self.0.iter().enumerate().map(|(index, count)| (most(index), count.read()));
        counts.filter(|(_, count)| *count > 0)
    }

    /// Only the owning core calls this.
    pub fn reset(&self) {
        self.0.iter().for_each(|count| count.set(0));
    }
}

const fn index_of(nanoseconds: u64) -> usize {
    let bits = u64::BITS - nanoseconds.leading_zeros();
    let shift = bits.saturating_sub(PRECISION_BITS + 1);
    shift as usize * PER_POWER + (nanoseconds >> shift) as usize
}

/// The longest time that is counted by a bucket.
fn most(index: usize) -> u64 {
    let shift = (index / PER_POWER).saturating_sub(1);
    (((index - shift * PER_POWER + 1) as u64) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Latencies, NANOSECONDS_MAX, PER_POWER, index_of, most};

    #[test]
    fn buckets_meet_and_are_narrow() {
        let mut least = 0;
        for index in 0..BUCKETS {
            let most = most(index);
            assert_eq!((index_of(least), index_of(most)), (index, index));
            assert!((most - least) * PER_POWER as u64 <= least, "{least} to {most}");
            least = most + 1;
        }
        assert_eq!(least, NANOSECONDS_MAX + 1);
    }

    #[test]
    fn longer_times_than_the_longest_count_as_that() {
        let latencies = Latencies::default();
        latencies.record(u64::MAX, 2);
        latencies.record(250, 1);
        let counts: Vec<_> = latencies.counts().collect();
        assert_eq!(counts, [(251, 1), (NANOSECONDS_MAX, 2)]);
        latencies.reset();
        assert_eq!(latencies.counts().count(), 0);
    }
}
