//! How long calls took, as a histogram that one core writes and others read.
//!
//! The buckets are those of an HDR histogram with two significant digits: values below 256 ns have one each, and every
//! power of two above has 128, so that a bucket is never wider than 1/128 of its values.

use crate::bridge::counters::Counter;

/// The longest time that is told apart from longer ones: 2^30 ns, about a second.
pub const NANOSECONDS_MAX: u64 = (1 << 30) - 1;
/// Bits that tell apart the values of one power of two.
const PRECISION_BITS: u32 = 7;
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

    /// The buckets that are not empty, in ascending order: the least value of each, and how many calls it counts.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counts = self.0.iter().enumerate().map(|(index, count)| (least(index), count.read()));
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

fn least(index: usize) -> u64 {
    let shift = (index / PER_POWER).saturating_sub(1);
    ((index - shift * PER_POWER) as u64) << shift
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Latencies, NANOSECONDS_MAX, index_of, least};
    use hdrhistogram::Histogram;

    #[test]
    fn buckets_are_those_of_an_hdr_histogram() {
        let hdr = Histogram::<u64>::new_with_bounds(1, NANOSECONDS_MAX, 2).unwrap();
        for index in 0..BUCKETS {
            let value = least(index);
            assert_eq!(index_of(value), index);
            assert_eq!(hdr.lowest_equivalent(value), value);
            assert_eq!(index_of(hdr.highest_equivalent(value)), index, "{value}");
        }
    }

    #[test]
    fn longer_times_than_the_longest_count_as_that() {
        let latencies = Latencies::default();
        latencies.record(u64::MAX, 2);
        latencies.record(250, 1);
        let counts: Vec<_> = latencies.counts().collect();
        assert_eq!(counts, [(250, 1), (least(BUCKETS - 1), 2)]);
        latencies.reset();
        assert_eq!(latencies.counts().count(), 0);
    }
}
