//! One run of load: exact counts, shapes of its report.

use std::time::Duration;

use super::{Counts, ServerTimes, per_request, percent, server_report, share, worthless};

#[test]
fn shares_add_up() {
    for (total, threads) in [(50, 1), (50, 3), (7, 7), (10, 4)] {
        let shares: Vec<u64> = (0..threads).map(|index| share(total, threads, index)).collect();
        assert_eq!(shares.iter().sum::<u64>(), total);
        assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
    }
}

#[test]
fn figures_of_nothing_are_zero() {
    assert_eq!(per_request(Duration::from_secs(1), 0), 0.0);
    assert_eq!(percent(Duration::from_secs(1), Duration::ZERO), 0.0);
    assert_eq!(per_request(Duration::from_secs(1), 1_000_000), 1.0);
}

#[test]
fn accounts_agree_within_ticks() {
    let agree = |nanoseconds_ms, ticks_ms| {
        let times = ServerTimes {
            by_nanoseconds: Duration::from_millis(nanoseconds_ms),
            by_ticks: Duration::from_millis(ticks_ms),
        };
        server_report(times, 1, Duration::from_secs(1)).accounts_agree
    };
    assert!(agree(1000, 1030) && agree(10_000, 10_100) && agree(0, 20));
    assert!(!agree(1000, 1200) && !agree(0, 500));
}

#[test]
fn runs_without_answers_are_worth_nothing() {
    let mut counts = Counts::new(1);
    assert!(worthless(&counts).unwrap().contains("no request at all"));
    counts.requests = 1;
    assert_eq!(worthless(&counts), None);
}
