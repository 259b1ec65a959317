//! A clock that is cheap enough to be read for every request: the processor's time stamp counter, where it is steady.
//!
//! On x86 it counts at one rate in all power states if the processor says so (Intel, Software Developer's Manual, volume
//! 3, "Invariant TSC"); else, and on other processors, the system's monotonic clock is read, at twice the cost or more.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long the counter is compared with the system's clock: long enough for an error of one in ten thousand.
const CALIBRATION: Duration = Duration::from_millis(2);

/// A point in time, for the difference to another one of the same thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks(u64);

/// What a tick lasts.
#[derive(Clone, Copy, Debug)]
struct Scale {
    is_counter: bool,
    nanoseconds_per_tick: f64,
}

static SCALE: OnceLock<Scale> = OnceLock::new();

impl Ticks {
    #[inline]
    pub fn now() -> Self {
        match scale().is_counter {
            true => Ticks(counter()),
            false => Ticks(system()),
        }
    }

    /// Nanoseconds since an earlier point; 0 if it was not earlier.
    #[inline]
    pub fn nanoseconds_since(self, earlier: Ticks) -> u64 {
        let ticks = self.0.saturating_sub(earlier.0);
        (ticks as f64 * scale().nanoseconds_per_tick) as u64
    }
}

#[inline]
fn scale() -> Scale {
    *SCALE.get_or_init(calibrate)
}

#[cold]
fn calibrate() -> Scale {
    if !is_steady() {
        return Scale { is_counter: false, nanoseconds_per_tick: 1.0 };
    }
    let (begun, first) = (Instant::now(), counter());
    while begun.elapsed() < CALIBRATION {
        std::hint::spin_loop();
    }
    let (elapsed, last) = (begun.elapsed(), counter());
    Scale {
        is_counter: true,
        nanoseconds_per_tick: elapsed.as_nanos() as f64 / last.saturating_sub(first).max(1) as f64,
    }
}

fn system() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux lets user space execute it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(target_arch = "x86_64")]
fn is_steady() -> bool {
    use core::arch::x86_64::__cpuid;
    const LARGEST: u32 = 0x8000_0000;
    const POWER: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;
    __cpuid(LARGEST).eax >= POWER && __cpuid(POWER).edx & INVARIANT != 0
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    system()
}

#[cfg(not(target_arch = "x86_64"))]
fn is_steady() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::Ticks;
    use std::time::Instant;

    #[test]
    fn ticks_agree_with_the_clock_of_the_system() {
        let (begun, ticks) = (Instant::now(), Ticks::now());
        while begun.elapsed().as_millis() < 20 {
            std::hint::spin_loop();
        }
        // Whoever is interrupted between the two readings only sees the outer interval grow.
        let inner = Ticks::now().nanoseconds_since(ticks) as f64;
        let outer = begun.elapsed().as_nanos() as f64;
        assert!(inner <= outer * 1.01, "{inner} of {outer} ns");
        assert!(inner >= 20e6 * 0.99, "{inner} ns");
    }

    #[test]
    fn time_does_not_run_backwards() {
        let now = Ticks::now();
        assert_eq!(now.nanoseconds_since(Ticks(u64::MAX)), 0);
    }
}
