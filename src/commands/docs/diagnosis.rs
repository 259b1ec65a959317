//! What COMMAND DOCS tells of SLOWLOG, MONITOR and LATENCY.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

const ALL_NODES: &str = "request_policy:all_nodes";
const VARIES: &str = "nondeterministic_output";
const SPECIAL: &str = "response_policy:special";
const ALL_SUCCEEDED: &str = "response_policy:all_succeeded";

const fn server(since: &'static str, complexity: &'static str, summary: &'static str) -> Docs {
    Docs::new("server", since, complexity, summary)
}

pub const MONITOR: Docs = server("1.0.0", "", "Shows every request that the server runs, as it comes.");

pub const SLOWLOG: Docs = server("2.2.12", "Depends on subcommand.", "Groups the commands on slow requests.");

pub const SLOWLOG_GET: Docs = server(
    "2.2.12",
    "O(N) where N is the number of entries returned",
    "Lists the newest of the requests that were slow.",
)
.history(&[("4.0.0", "Added client IP address, port and name to the reply.")])
.tips(&[ALL_NODES, VARIES])
.arguments(&[Argument::new("count", Kind::Integer).optional()]);

pub const SLOWLOG_LEN: Docs = server("2.2.12", "O(1)", "Counts the slow requests that are kept.").tips(&[
    ALL_NODES,
    "response_policy:agg_sum",
    VARIES,
]);

pub const SLOWLOG_RESET: Docs =
    server("2.2.12", "O(N) where N is the number of entries in the slowlog", "Forgets the slow requests.")
        .tips(&[ALL_NODES, ALL_SUCCEEDED]);

pub const SLOWLOG_HELP: Docs = server("6.2.0", "O(1)", "Explains the subcommands.");

pub const LATENCY: Docs = server("2.8.13", "Depends on subcommand.", "Groups the commands on latency.");

const fn latency(summary: &'static str) -> Docs {
    server("2.8.13", "O(1)", summary).tips(&[VARIES, ALL_NODES, SPECIAL])
}

const EVENT: Argument = Argument::new("event", Kind::String);

pub const LATENCY_DOCTOR: Docs = latency("Says in words what was slow.");

pub const LATENCY_GRAPH: Docs = latency("Draws the samples of an event.").arguments(&[EVENT]);

pub const LATENCY_HISTORY: Docs = latency("Lists the samples of an event.").arguments(&[EVENT]);

pub const LATENCY_LATEST: Docs = latency("Lists the latest sample of every event.");

pub const LATENCY_RESET: Docs = server("2.8.13", "O(1)", "Forgets samples.")
    .tips(&[ALL_NODES, ALL_SUCCEEDED])
    .arguments(&[EVENT.optional().multiple()]);

pub const LATENCY_HISTOGRAM: Docs = server(
    "7.0.0",
    "O(N) where N is the number of commands with latency information being retrieved.",
    "Tells how many calls of a command took how long.",
)
.tips(&[VARIES, ALL_NODES, SPECIAL])
.arguments(&[Argument::new("command", Kind::String).optional().multiple()]);

pub const LATENCY_HELP: Docs = server("2.8.13", "O(1)", "Explains the subcommands.");
