//! LATENCY: how long commands take, and when they took too long.

use bytes::Bytes;

use crate::commands::call::{Ask, LatencyQuery, Next, SessionCall};
use crate::commands::docs::diagnosis as docs;
use crate::commands::error::CommandError;
use crate::commands::help;
use crate::commands::row::{Command, Docs, Flags, container, session};
use crate::protocol::Reply;

pub const COMMANDS: &[Command] = &[container("LATENCY", -2, SUBCOMMANDS, &docs::LATENCY)];

const SUBCOMMANDS: &[Command] = &[
    operator("DOCTOR", 2, |_| ask(LatencyQuery::Doctor), &docs::LATENCY_DOCTOR),
    operator("GRAPH", 3, |call| ask(LatencyQuery::Graph(words(call).remove(0))), &docs::LATENCY_GRAPH),
    operator("HISTOGRAM", -2, |call| ask(LatencyQuery::Histogram(words(call))), &docs::LATENCY_HISTOGRAM),
    operator("HISTORY", 3, |call| ask(LatencyQuery::History(words(call).remove(0))), &docs::LATENCY_HISTORY),
    operator("LATEST", 2, |_| ask(LatencyQuery::Latest), &docs::LATENCY_LATEST),
    operator("RESET", -2, |call| ask(LatencyQuery::Reset(words(call))), &docs::LATENCY_RESET),
    sub("HELP", 2, help, &docs::LATENCY_HELP),
];

type Handler = fn(&mut SessionCall) -> Result<Next, CommandError>;

const fn sub(name: &'static str, arity: i16, run: Handler, docs: &'static Docs) -> Command {
    session(name, arity, run, docs).within("LATENCY").flags(Flags::LOADING.and(Flags::STALE))
}

const fn operator(name: &'static str, arity: i16, run: Handler, docs: &'static Docs) -> Command {
    sub(name, arity, run, docs).flags(Flags::ADMIN.and(Flags::NOSCRIPT))
}

fn ask(query: LatencyQuery) -> Result<Next, CommandError> {
    Ok(Next::Ask(Ask::Latency(query)))
}

/// The arguments behind the subcommand.
fn words(call: &SessionCall) -> Vec<Bytes> {
    call.args.iter().skip(2).map(Bytes::copy_from_slice).collect()
}

/// A command's calls by how long they took: (nanoseconds at most, calls) in ascending order.
pub struct CallTimes {
    /// `get`, `config|get`.
    pub name: Vec<u8>,
    pub counts: Vec<(u64, u64)>,
}

/// The first bound of a histogram, in nanoseconds; each further one is twice the one before.
const FIRST_BOUND_NS: u64 = 1 << 10;
/// By so many bits the buckets of the figures are narrower than their values; Redis has 7.
const PRECISION_BITS: u32 = 5;

/// Replies with the histogram of each command: how many calls took at most so many microseconds, where that number grows.
pub fn write_histograms(commands: &[CallTimes], reply: &mut Reply) {
    reply.map(commands.len());
    for command in commands {
        let bounds = cumulative(&command.counts);
        reply.bulk(&command.name);
        reply.map(2);
        reply.bulk(b"calls");
        reply.integer(command.counts.iter().map(|(_, calls)| *calls as i64).sum());
        reply.bulk(b"histogram_usec");
        reply.map(bounds.len());
        for (microseconds, calls) in bounds {
            reply.integer(microseconds as i64);
            reply.integer(calls as i64);
        }
    }
}

fn cumulative(counts: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let total: u64 = counts.iter().map(|(_, calls)| calls).sum();
    let (mut bounds, mut bound_ns, mut before) = (Vec::new(), FIRST_BOUND_NS, 0);
    while before < total {
        // The bucket that the bound falls into is counted as a whole.
        let highest_ns = bound_ns + (bound_ns >> PRECISION_BITS) - 1;
        let within = counts.iter().filter(|(most, _)| *most <= highest_ns).map(|(_, calls)| calls).sum();
        if within > before {
            bounds.push((highest_ns / 1_000, within));
            before = within;
        }
        bound_ns *= 2;
    }
    bounds
}

fn help(call: &mut SessionCall) -> Result<Next, CommandError> {
    help::write(&mut call.reply, "LATENCY", HELP);
    Ok(Next::Done)
}

const HELP: help::Lines = &[
    ("DOCTOR", &["Says in words what was slow, and what may help."]),
    ("GRAPH <event>", &["Draws the samples of <event> over time."]),
    ("HISTORY <event>", &["Lists the samples of <event>: when (Unix time) and how long (milliseconds)."]),
    ("LATEST", &["Lists all events with their latest sample and the longest ever."]),
    ("RESET [<event> ...]", &["Forgets the samples of these events, or of all."]),
    (
        "HISTOGRAM [COMMAND ...]",
        &["Tells of these commands, or of all that were called, how many calls took how long."],
    ),
];

#[cfg(test)]
mod tests {
    use super::cumulative;

    /// Redis 7.0.15 answers 33816, 67633, 135266, 270532 and 541065 after calls of 50, 101, 200, 300, 20 and 150 ms: its buckets
    /// are narrower.
    #[test]
    fn bounds_are_powers_of_two_and_their_buckets() {
        let milliseconds = [20, 50, 101, 150, 200, 300].map(|ms| (ms * 1_000_000, 1));
        let expected = [(34603, 1), (69206, 2), (138412, 3), (276824, 5), (553648, 6)];
        assert_eq!(cumulative(&milliseconds), expected);
        assert_eq!(cumulative(&[(3_000, 2), (9_000, 1)]), [(4, 2), (16, 3)]);
        assert_eq!(cumulative(&[(1, 2)]), [(1, 2)]);
    }
}
