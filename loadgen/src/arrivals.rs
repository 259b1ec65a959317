//! When the requests of an open loop are due: at even distances, or at random as independent users come.

use std::fmt;

use clap::ValueEnum;
use rand_distr::Exp1;

use crate::keys::Part;
use crate::random::Random;

/// How far apart requests are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
pub enum Spacing {
    /// Always the same time after the one before.
    #[default]
    Fixed,
    /// At random, so that the number within any time has a Poisson distribution.
    Poisson,
}

/// The schedule of one thread, which does not wait for any reply.
pub struct Arrivals {
    spacing: Spacing,
    interval_ns: f64,
    next_ns: f64,
    random: Random,
}

impl Arrivals {
    /// Of `rate` requests per second on all threads, those of one of them.
    pub fn new(rate: f64, spacing: Spacing, part: Part, seed: u64) -> Arrivals {
        let interval_ns = 1e9 * part.count as f64 / rate;
        // Threads take turns instead of sending at the same moment.
        let next_ns = interval_ns * part.index as f64 / part.count as f64;
        Arrivals { spacing, interval_ns, next_ns, random: Random::new(seed) }
    }

    pub fn next_ns(&self) -> u64 {
        self.next_ns as u64
    }

    /// The time the next request is due, which moves on to the one after it.
    pub fn take(&mut self) -> u64 {
        let due_ns = self.next_ns();
        self.next_ns += match self.spacing {
            Spacing::Fixed => self.interval_ns,
            Spacing::Poisson => {
                let gap: f64 = self.random.sample(&Exp1);
                gap * self.interval_ns
            }
        };
        due_ns
    }

    /// Passes over some requests; over a single one as `take` does.
    pub fn skip(&mut self, requests: u64) {
        if requests == 1 {
            self.take();
        } else {
            self.next_ns += self.interval_ns * requests as f64;
        }
    }

    /// About how many requests are due by now.
    pub fn due(&self, now_ns: u64) -> u64 {
        match now_ns as f64 - self.next_ns {
            late if late >= 0.0 => 1 + (late / self.interval_ns) as u64,
            _ => 0,
        }
    }
}

impl fmt::Display for Spacing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Spacing::Fixed => "fixed",
            Spacing::Poisson => "poisson",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrivals, Spacing};
    use crate::keys::Part;

    const SEED: u64 = 11;

    #[test]
    fn fixed_arrivals_of_all_threads_are_evenly_spaced() {
        let mut all = Vec::new();
        for index in 0..4 {
            let mut arrivals = Arrivals::new(1000.0, Spacing::Fixed, Part { index, count: 4 }, SEED);
            assert_eq!(arrivals.due(7_900_000), 2);
            all.extend((0..250).map(|_| arrivals.take()));
        }
        all.sort_unstable();
        let even: Vec<u64> = (0..1000).map(|number| number * 1_000_000).collect();
        assert_eq!(all, even);
    }

    #[test]
    fn poisson_arrivals_have_exponential_gaps() {
        let mut arrivals = Arrivals::new(1000.0, Spacing::Poisson, Part { index: 0, count: 1 }, SEED);
        let times: Vec<u64> = (0..50_001).map(|_| arrivals.take()).collect();
        let mut gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        gaps.sort_by(f64::total_cmp);
        // Kolmogorov and Smirnov: the farthest that the gaps are from their distribution.
        let count = gaps.len() as f64;
        let distance = |(index, gap): (usize, &f64)| {
            let expected = 1.0 - (-gap).exp();
            (expected - index as f64 / count).abs().max((expected - (index + 1) as f64 / count).abs())
        };
        let farthest = gaps.iter().enumerate().map(distance).fold(0.0, f64::max);
        // One sample in ten thousand is farther away than 2.2 / sqrt(n).
        assert!(farthest < 2.2 / count.sqrt(), "seed {SEED}: {farthest}");
    }
}
