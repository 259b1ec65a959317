//! How recently or how often a key was used: 24 bits in its header, in the two forms that Redis knows.
//!
//! ```text
//! least recently used:    seconds, modulo 2^24
//! least frequently used:  minutes of the last decrement, modulo 2^16 | logarithmic counter, 8 bits
//! ```

/// The bits that one key has for this.
pub const RECENCY_BITS: u32 = 24;
const RECENCY_MASK: u32 = (1 << RECENCY_BITS) - 1;
/// New keys start here, so that they are not evicted before they had a chance to be used.
const FREQUENCY_START: u32 = 5;

/// How a key that is stored with its history was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Now,
    /// Not for so many seconds.
    Idle(u64),
    /// So often, by the logarithmic counter.
    Frequency(u8),
}

/// What the 24 bits mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recency {
    /// Time of the last use.
    Lru,
    /// Frequency of use: a larger `log_factor` counts slower, and the counter loses one each `decay_minutes`.
    Lfu { log_factor: u32, decay_minutes: u32 },
}

impl Recency {
    /// The bits of a key that was just made.
    #[inline]
    pub fn fresh(self, now_ms: u64) -> u32 {
        match self {
            Recency::Lru => seconds(now_ms),
            Recency::Lfu { .. } => minutes(now_ms) << 8 | FREQUENCY_START,
        }
    }

    /// The bits of a key that is stored with its history, as far as that says what the bits mean.
    pub fn remembered(self, before: Use, now_ms: u64) -> u32 {
        match (self, before) {
            (Recency::Lru, Use::Idle(idle_s)) => seconds(now_ms).wrapping_sub(idle_s as u32) & RECENCY_MASK,
            (Recency::Lfu { .. }, Use::Frequency(counter)) => minutes(now_ms) << 8 | u32::from(counter),
            _ => self.fresh(now_ms),
        }
    }

    /// The bits of a key that is used now; `random` is a fresh random number.
    #[inline]
    pub fn touched(self, bits: u32, now_ms: u64, random: impl FnOnce() -> u32) -> u32 {
        match self {
            Recency::Lru => seconds(now_ms),
            Recency::Lfu { log_factor, .. } => {
                let counter = self.frequency(bits, now_ms);
                let above = u64::from(counter.saturating_sub(FREQUENCY_START));
                let odds = above * u64::from(log_factor) + 1;
                let grows = counter < 255 && u64::from(random()) * odds <= u64::from(u32::MAX);
                minutes(now_ms) << 8 | (counter + u32::from(grows))
            }
        }
    }

    /// Milliseconds since the last use, in whole seconds; under `Lfu` the bits do not tell and it is 0.
    pub fn idle_ms(self, bits: u32, now_ms: u64) -> u64 {
        match self {
            Recency::Lru => u64::from(seconds(now_ms).wrapping_sub(bits) & RECENCY_MASK) * 1000,
            Recency::Lfu { .. } => 0,
        }
    }

    /// The counter after decay, 0 to 255; under `Lru` the bits do not tell and it is 0.
    pub fn frequency(self, bits: u32, now_ms: u64) -> u32 {
        match self {
            Recency::Lru => 0,
            Recency::Lfu { decay_minutes, .. } => {
                let elapsed = minutes(now_ms).wrapping_sub(bits >> 8) & 0xffff;
                let lost = elapsed.checked_div(decay_minutes).unwrap_or(0);
                (bits & 0xff).saturating_sub(lost)
            }
        }
    }
}

fn seconds(now_ms: u64) -> u32 {
    (now_ms / 1000) as u32 & RECENCY_MASK
}

fn minutes(now_ms: u64) -> u32 {
    (now_ms / 60_000) as u32 & 0xffff
}

#[cfg(test)]
mod tests {
    use super::{Recency, Use};

    #[test]
    fn idle_time_counts_whole_seconds() {
        let bits = Recency::Lru.fresh(10_500);
        assert_eq!(Recency::Lru.idle_ms(bits, 10_900), 0);
        assert_eq!(Recency::Lru.idle_ms(bits, 75_000), 65_000);
        assert_eq!(Recency::Lru.touched(bits, 75_000, || 0), 75);
    }

    #[test]
    fn a_history_is_remembered_if_the_policy_knows_it() {
        let lfu = Recency::Lfu { log_factor: 10, decay_minutes: 1 };
        let now_ms = 90_000_000;
        for (before, idle_ms, frequency) in [
            (Use::Now, 0, 5),
            (Use::Idle(1000), 1_000_000, 5),
            (Use::Idle((1 << 24) + 7), 7_000, 5),
            (Use::Frequency(200), 0, 200),
        ] {
            assert_eq!(Recency::Lru.idle_ms(Recency::Lru.remembered(before, now_ms), now_ms), idle_ms);
            assert_eq!(lfu.frequency(lfu.remembered(before, now_ms), now_ms), frequency);
        }
    }

    #[test]
    fn frequency_grows_with_luck_and_decays_with_time() {
        let policy = Recency::Lfu { log_factor: 10, decay_minutes: 1 };
        let mut bits = policy.fresh(0);
        assert_eq!(policy.frequency(bits, 0), 5);
        bits = policy.touched(bits, 0, || u32::MAX);
        assert_eq!(policy.frequency(bits, 0), 6);
        bits = policy.touched(bits, 0, || u32::MAX);
        assert_eq!(policy.frequency(bits, 0), 6);
        bits = policy.touched(bits, 0, || 0);
        assert_eq!(policy.frequency(bits, 0), 7);
        assert_eq!(policy.frequency(bits, 3 * 60_000), 4);
        assert_eq!(policy.frequency(bits, 60 * 60_000), 0);
    }
}
