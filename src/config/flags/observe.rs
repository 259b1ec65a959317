//! Rows: scripts that run long, the slow log, latency, events and tracking.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};
use super::LONG_MAX;

const NO_EVENTS: &str = "keyspace events are not built yet, so subscribers would hear nothing";

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("busy-reply-threshold", Integer(0, LONG_MAX), "5000", Live, Later, "Milliseconds after which a script that still runs may be killed.").also("lua-time-limit"),
    row("slowlog-log-slower-than", Integer(-1, LONG_MAX), "10000", Live, Built, "Microseconds from which a command is put into the slow log; -1 logs none."),
    row("slowlog-max-len", Integer(0, LONG_MAX), "128", Live, Built, "Commands that the slow log keeps."),
    row("latency-monitor-threshold", Integer(0, LONG_MAX), "0", Live, Built, "Milliseconds from which an event is sampled; 0 samples none."),
    row("latency-tracking", Bool, "yes", Live, Built, "Keep a histogram of the time that each command takes."),
    row("latency-tracking-info-percentiles", Percentiles, "50 99 99.9", Live, Built, "Percentiles of those histograms that INFO shows."),
    row("notify-keyspace-events", Events, "", Live, LaterOnly(&[""], NO_EVENTS), "Classes of keyspace events to publish, a letter each."),
    row("tracking-table-max-keys", Integer(0, LONG_MAX), "1000000", Live, Later, "Keys remembered for clients that cache; 0 is no limit."),
];
