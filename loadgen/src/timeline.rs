//! How a run went over time: requests and the server's CPU, in intervals that grow with the run.

use std::time::{Duration, Instant};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::cpu::server_cpu;

const INTERVAL: Duration = Duration::from_millis(100);
/// At so many moments every second one is dropped, and intervals are twice as long from then on.
const MOMENTS_MAX: usize = 600;

/// What happened in the time that ends `seconds` after measuring began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelinePoint {
    pub seconds: f64,
    pub requests_per_second: f64,
    pub server_cpu_percent: Option<f64>,
}

/// Sums up to a moment.
#[derive(Clone, Copy)]
struct Moment {
    at: Duration,
    requests: u64,
    server: Option<Duration>,
}

pub struct Timeline {
    began: Instant,
    server: Option<Pid>,
    interval: Duration,
    moments: Vec<Moment>,
}

impl Timeline {
    /// Begins now, with a server whose CPU time is of interest.
    pub fn new(server: Option<Pid>) -> Timeline {
        let mut timeline =
            Timeline { began: Instant::now(), server, interval: INTERVAL, moments: Vec::new() };
        timeline.note(0);
        timeline
    }

    /// Notes the requests answered so far, if it is time to.
    pub fn observe(&mut self, requests: u64) {
        let last = self.moments.last().map_or(Duration::ZERO, |moment| moment.at);
        if self.began.elapsed() >= last + self.interval {
            self.note(requests);
        }
    }

    fn note(&mut self, requests: u64) {
        // A server that has gone has no CPU time to show; that it has gone is said elsewhere.
        let server = self.server.and_then(|server| server_cpu(server).ok());
        self.push(Moment { at: self.began.elapsed(), requests, server });
    }

    fn push(&mut self, moment: Moment) {
        self.moments.push(moment);
        if self.moments.len() > MOMENTS_MAX {
            let mut index = 0;
            self.moments.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.interval *= 2;
        }
    }

    pub fn points(&self) -> Vec<TimelinePoint> {
        let point = |pair: &[Moment]| {
            let (from, to) = (pair[0], pair[1]);
            let seconds = (to.at - from.at).as_secs_f64().max(1e-9);
            let cpu = from.server.zip(to.server).map(|(from, to)| to.saturating_sub(from).as_secs_f64());
            TimelinePoint {
                seconds: to.at.as_secs_f64(),
                requests_per_second: (to.requests - from.requests) as f64 / seconds,
                server_cpu_percent: cpu.map(|cpu| 100.0 * cpu / seconds),
            }
        };
        self.moments.windows(2).map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MOMENTS_MAX, Moment, Timeline};

    fn moment(tenths: u64, requests: u64) -> Moment {
        let server = Some(Duration::from_millis(tenths * 50));
        Moment { at: Duration::from_millis(tenths * 100), requests, server }
    }

    #[test]
    fn points_are_what_happened_between_two_moments() {
        let mut timeline = Timeline::new(None);
        timeline.moments = vec![moment(0, 0), moment(1, 50), moment(3, 150)];
        let points = timeline.points();
        let near = |value: f64, expected: f64| (value - expected).abs() < 1e-6;
        assert!(points.len() == 2 && near(points[0].seconds, 0.1) && near(points[1].seconds, 0.3));
        assert!(points.iter().all(|point| near(point.requests_per_second, 500.0)), "{points:?}");
        assert!(points.iter().all(|point| near(point.server_cpu_percent.unwrap(), 50.0)), "{points:?}");
    }

    #[test]
    fn a_long_run_has_longer_intervals() {
        let mut timeline = Timeline::new(None);
        timeline.moments.clear();
        let interval = timeline.interval;
        (0..=MOMENTS_MAX as u64).for_each(|tenths| timeline.push(moment(tenths, tenths)));
        assert_eq!((timeline.moments.len(), timeline.interval), (MOMENTS_MAX / 2 + 1, 2 * interval));
        assert!(timeline.points().iter().all(|point| (point.requests_per_second - 10.0).abs() < 1e-6));
    }
}
