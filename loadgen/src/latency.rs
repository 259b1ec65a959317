//! How long requests took: an HDR histogram of nanoseconds, and the percentiles that reports show.

use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest time told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(100);

/// Points of a curve each time that the rest of the requests halves.
const HGRM_STEPS_PER_HALVING: u32 = 5;
const CURVE_STEPS_PER_HALVING: u32 = 3;

/// Times of requests, exact to 3 digits.
#[derive(Clone)]
pub struct Latencies {
    histogram: Histogram<u64>,
}

/// So many of all requests, as a share, took at most so long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    pub quantile: f64,
    pub us: f64,
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

    /// Requests recorded.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The whole distribution in microseconds, as plotters of HDR histograms read it.
    pub fn hgrm(&self) -> String {
        let mut text = format!(
            "{:>12} {:>14} {:>10} {:>14}\n\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        );
        let mut count = 0;
        for step in self.histogram.iter_quantiles(HGRM_STEPS_PER_HALVING) {
            let (value, quantile) = (step.value_iterated_to() as f64 / 1e3, step.quantile_iterated_to());
            count += step.count_since_last_iteration();
            let row = if quantile < 1.0 {
                writeln!(text, "{value:>12.3} {quantile:>14.12} {count:>10} {:>14.2}", 1.0 / (1.0 - quantile))
            } else {
                writeln!(text, "{value:>12.3} {quantile:>14.12} {count:>10}")
            };
            row.expect("a String takes all text");
        }
        let (mean, deviation) = (self.histogram.mean() / 1e3, self.histogram.stdev() / 1e3);
        let (max, count) = (self.histogram.max() as f64 / 1e3, self.histogram.len());
        writeln!(text, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]").expect("as above");
        writeln!(text, "#[Max     = {max:>12.3}, Total count    = {count:>12}]").expect("as above");
        text
    }

    /// Some points of the distribution, which get closer towards its end: (1 - share of requests, microseconds).
    pub fn curve(&self) -> Vec<CurvePoint> {
        let steps = self.histogram.iter_quantiles(CURVE_STEPS_PER_HALVING);
        let point = |quantile: f64, value: u64| CurvePoint { quantile, us: value as f64 / 1e3 };
        let mut points: Vec<CurvePoint> =
            steps.map(|step| point(step.quantile_iterated_to(), step.value_iterated_to())).collect();
        points.dedup_by(|later, earlier| later.quantile <= earlier.quantile);
        points
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
    fn the_whole_distribution_can_be_written() {
        let mut latencies = Latencies::new();
        latencies.record(10_000, 90);
        latencies.record(50_000, 10);
        let text = latencies.hgrm();
        let row = |value: &str| text.lines().find(|line| line.trim_start().starts_with(value)).unwrap();
        assert!(row("10.0").contains(" 90 "), "{text}");
        assert!(text.lines().last().unwrap().contains("Total count    =          100"), "{text}");
        assert!((text.lines().count() > 10) && text.contains("1.000000000000"), "{text}");
        let curve = latencies.curve();
        assert!(
            (curve[0].us - 10.0).abs() < 0.1 && (curve.last().unwrap().us - 50.0).abs() < 0.1,
            "{curve:?}"
        );
        assert!(curve.windows(2).all(|pair| pair[0].quantile < pair[1].quantile && pair[0].us <= pair[1].us));
    }

    #[test]
    fn endless_waits_count_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(4000).as_nanos() as u64, 1);
        assert!((latencies.summary().max / 1e8 - 1.0).abs() < 0.01);
    }
}
