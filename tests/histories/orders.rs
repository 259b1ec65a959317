//! What the clock and the connections tell about the order of transactions.

use std::collections::HashMap;

use super::check::Evidence;
use super::graph::{Graph, Reason};
use super::history::{Outcome, Transaction};

/// So many requests of a connection are compared with the next one: more than are ever under way.
const WINDOW: usize = 32;

pub fn connect(evidence: &Evidence, graph: &mut Graph) {
    connect_sessions(evidence, graph);
    connect_times(evidence, graph);
}

/// Requests of one connection that are under way together keep their order on every key; transactions keep it to all.
fn connect_sessions(evidence: &Evidence, graph: &mut Graph) {
    let mut earlier: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, each) in evidence.effective() {
        let before = earlier.entry(&each.session).or_default();
        for &other in before.iter().rev().take(WINDOW) {
            if is_order_kept(&evidence.history[other], each) {
                graph.add(other, index, Reason::Session);
            }
        }
        before.push(index);
    }
}

fn is_order_kept(first: &Transaction, second: &Transaction) -> bool {
    let shares = || first.steps.iter().any(|one| second.steps.iter().any(|two| one.key() == two.key()));
    first.is_gated || second.is_gated || shares()
}

/// Edges from the latest transactions that were answered before a request; the earlier ones are before those.
fn connect_times(evidence: &Evidence, graph: &mut Graph) {
    // At one time requests come first: an answer at the time of a request is not before it.
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (index, each) in evidence.effective() {
        events.push((each.invoked, false, index));
        if each.outcome == Outcome::Committed {
            events.push((each.completed, true, index));
        }
    }
    events.sort_unstable();
    let mut latest: Vec<usize> = Vec::new();
    for (_, is_answer, index) in events {
        match is_answer {
            false => latest.iter().for_each(|&before| graph.add(before, index, Reason::RealTime)),
            true => {
                let answered = &evidence.history[index];
                latest.retain(|&before| !evidence.history[before].is_answered_before(answered));
                latest.push(index);
            }
        }
    }
}
