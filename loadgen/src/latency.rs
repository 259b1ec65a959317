//! How long requests took: an HDR histogram of nanoseconds, and the percentiles that reports show.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest time told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(100);

/// Times of requests, exact to 3 digits.
#[derive(Clone)]
pub struct Latencies {
    histogram: Histogram<u64>,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub p9999: f64,
    pub max: f64,
}

impl Latencies {
    pub fn new() -> Latencies {
        let nanoseconds_max = LATENCY_MAX.as_nanos() as u64;
        let histogram = Histogram::new_with_bounds(1, nanoseconds_max, 3).expect("the bounds are constants");
        Latencies { histogram }
    }

    /// Counts `requests` that took as long; longer than 100 s counts as 100 s.
    pub fn record(&mut self, nanoseconds: u64, requests: u64) {
        self.histogram.saturating_record_n(nanoseconds, requests);
    }

    pub fn add(&mut self, other: &Latencies) {
        self.histogram.add(&other.histogram).expect("all histograms have the same bounds");
    }

    pub fn summary(&self) -> LatencySummary {
        let microseconds = |nanoseconds: u64| (nanoseconds as f64 / 10.0).round() / 100.0;
        let at = |quantile| microseconds(self.histogram.value_at_quantile(quantile));
        LatencySummary {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: microseconds(self.histogram.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Latencies, LatencySummary};

    #[test]
    fn percentiles_are_microseconds_and_merge() {
        let (mut first, mut second) = (Latencies::new(), Latencies::new());
        first.record(10_000, 9_000);
        second.record(200_000, 999);
        second.record(3_000_000, 1);
        first.add(&second);
        let LatencySummary { p50, p90, p99, p999, p9999, max } = first.summary();
        let near = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.002;
        assert!(near(p50, 10.0) && near(p90, 10.0) && near(p99, 200.0), "{p50} {p90} {p99}");
        assert!(near(p999, 200.0) && near(p9999, 200.0) && near(max, 3000.0), "{p999} {p9999} {max}");
        assert_eq!(Latencies::new().summary(), LatencySummary::default());
    }

    #[test]
    fn endless_waits_count_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(4000).as_nanos() as u64, 1);
        assert!((latencies.summary().max / 1e8 - 1.0).abs() < 0.01);
    }
}
