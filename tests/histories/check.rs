//! Judges a history in the manner of Elle (Kingsbury, Alvaro: Inferring Isolation Anomalies from Experimental
//! Observations, VLDB 2020): what was read tells in which order transactions came, and that order must have no cycle.

use std::collections::HashSet;

use super::graph::{Edge, Graph, Reason};
use super::history::{Outcome, Step, Token, Transaction};
use super::{lists, orders, registers};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// G0: writes of two transactions are interleaved.
    DirtyWrite,
    /// G1a: something of an aborted transaction was read.
    AbortedRead,
    /// G1b: a state in the middle of a transaction was read.
    IntermediateRead,
    /// G1c: two transactions have read each other.
    CircularFlow,
    /// G-single: a part of a transaction was read, and another part not; lost updates as well.
    ReadSkew,
    /// G2: each of several transactions has missed what another wrote.
    WriteSkew,
    /// A cycle that needs the order promised within a connection.
    OutOfSessionOrder,
    /// A cycle that needs the order of what did not overlap: a stale read, for one.
    OutOfRealTime,
    /// A token that was answered for is not in a list read later.
    Lost,
    Doubled,
    /// Two reads of a list of which none is the beginning of the other.
    Forked,
    /// Something was read that nobody wrote.
    Invented,
    /// Values of two transactions that both wrote all these registers.
    Torn,
    /// A transaction contradicts itself.
    Internal,
    /// APPEND told another length than the one that was read.
    Misplaced,
}

#[derive(Debug)]
pub struct Violation {
    pub anomaly: Anomaly,
    pub story: String,
}

/// What the order of transactions is made from.
pub struct Evidence<'a> {
    pub history: &'a [Transaction],
    /// Whether it took effect: it was answered so, or something of it was read.
    happened: Vec<bool>,
}

/// From the smallest set of reasons to the largest: the first that has a cycle names it.
const STAGES: &[&[Reason]] = {
    use Reason::*;
    &[
        &[WriteWrite],
        &[WriteWrite, WriteRead],
        &[WriteWrite, WriteRead, ReadWrite],
        &[WriteWrite, WriteRead, ReadWrite, Session],
        &[WriteWrite, WriteRead, ReadWrite, Session, RealTime],
    ]
};

/// Fails with the smallest reason why the history is not strictly serializable.
pub fn judge(history: &[Transaction]) -> Result<(), Violation> {
    let evidence = Evidence::new(history);
    let mut graph = Graph::new(history.len());
    lists::connect(&evidence, &mut graph)?;
    registers::connect(&evidence, &mut graph)?;
    orders::connect(&evidence, &mut graph);
    for reasons in STAGES {
        if let Some(cycle) = graph.shortest_cycle(reasons) {
            return Err(Violation { anomaly: name(&cycle), story: story(history, &cycle) });
        }
    }
    Ok(())
}

impl<'a> Evidence<'a> {
    fn new(history: &'a [Transaction]) -> Self {
        let mut seen: HashSet<(&str, Token)> = HashSet::new();
        for step in
            history.iter().filter(|each| each.outcome == Outcome::Committed).flat_map(|each| &each.steps)
        {
            match step {
                Step::Read { key, tokens } => seen.extend(tokens.iter().map(|&token| (key.as_str(), token))),
                Step::See { key, value } => seen.extend(value.map(|value| (key.as_str(), value))),
                Step::Append { .. } | Step::Write { .. } => {}
            }
        }
        let is_seen = |step: &Step| match step {
            Step::Append { key, token, .. } => seen.contains(&(key.as_str(), *token)),
            Step::Write { key, value: Some(value) } => seen.contains(&(key.as_str(), *value)),
            _ => false,
        };
        let happened = |each: &Transaction| match each.outcome {
            Outcome::Committed => true,
            Outcome::Aborted => false,
            Outcome::Unknown => each.steps.iter().any(is_seen),
        };
        Evidence { history, happened: history.iter().map(happened).collect() }
    }

    pub fn happened(&self, index: usize) -> bool {
        self.happened[index]
    }

    /// Transactions that took effect.
    pub fn effective(&self) -> impl Iterator<Item = (usize, &'a Transaction)> {
        self.history.iter().enumerate().filter(|&(index, _)| self.happened[index])
    }

    /// A violation that needs no cycle, with the transactions it is about.
    pub fn violation(&self, anomaly: Anomaly, about: &[usize], key: &str) -> Violation {
        let lines: Vec<_> = about.iter().map(|&index| self.history[index].to_string()).collect();
        Violation { anomaly, story: format!("on {key}:\n{}", lines.join("\n")) }
    }
}

fn name(cycle: &[Edge]) -> Anomaly {
    let count = |reason| cycle.iter().filter(|edge| edge.reason == reason).count();
    match (
        count(Reason::RealTime),
        count(Reason::Session),
        count(Reason::ReadWrite),
        count(Reason::WriteRead),
    ) {
        (1.., _, _, _) => Anomaly::OutOfRealTime,
        (_, 1.., _, _) => Anomaly::OutOfSessionOrder,
        (_, _, 2.., _) => Anomaly::WriteSkew,
        (_, _, 1, _) => Anomaly::ReadSkew,
        (_, _, _, 1..) => Anomaly::CircularFlow,
        (0, 0, 0, 0) => Anomaly::DirtyWrite,
    }
}

fn story(history: &[Transaction], cycle: &[Edge]) -> String {
    let because = |reason| match reason {
        Reason::WriteWrite => "was written over by",
        Reason::WriteRead => "was read by",
        Reason::ReadWrite => "did not see the write of",
        Reason::Session => "was sent on the same connection before",
        Reason::RealTime => "was answered before the request of",
    };
    let line = |edge: &Edge| format!("{}\n  {}", history[edge.from], because(edge.reason));
    let lines: Vec<_> = cycle.iter().map(line).collect();
    format!("{}\nthe first again", lines.join("\n"))
}
