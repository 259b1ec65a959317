//! What lists tell: the longest read of a list is the order of its writes, and every other read is a beginning of it.

use std::collections::{BTreeMap, HashMap};

use super::check::{Anomaly, Evidence, Violation};
use super::graph::{Graph, Reason};
use super::history::{Outcome, Step, Token};

/// One list.
#[derive(Default)]
struct List<'a> {
    /// Who appended which token, of all outcomes, in the order of the history.
    appends: Vec<Append>,
    writers: HashMap<Token, usize>,
    reads: Vec<Read<'a>>,
    /// The longest read.
    order: &'a [Token],
}

struct Append {
    transaction: usize,
    token: Token,
    place: Option<usize>,
}

struct Read<'a> {
    transaction: usize,
    tokens: &'a [Token],
    /// How many of them others had appended.
    others: usize,
    /// How many the transaction had appended itself, before it read: the last ones.
    own: usize,
}

pub fn connect(evidence: &Evidence, graph: &mut Graph) -> Result<(), Violation> {
    for (key, list) in &lists(evidence) {
        let fail = |anomaly, about: &[usize]| Err(evidence.violation(anomaly, about, key));
        check_reads(evidence, list).or_else(|(anomaly, about)| fail(anomaly, &about))?;
        check_appends(evidence, list).or_else(|(anomaly, about)| fail(anomaly, &about))?;
        add_edges(evidence, list, graph);
    }
    Ok(())
}

fn lists<'a>(evidence: &Evidence<'a>) -> BTreeMap<&'a str, List<'a>> {
    let mut lists: BTreeMap<&str, List> = BTreeMap::new();
    for (transaction, each) in evidence.history.iter().enumerate() {
        let mut own: HashMap<&str, usize> = HashMap::new();
        for step in &each.steps {
            match step {
                Step::Append { key, token, place } => {
                    let list = lists.entry(key).or_default();
                    list.appends.push(Append { transaction, token: *token, place: *place });
                    let before = list.writers.insert(*token, transaction);
                    assert!(before.is_none(), "token {token} was given out twice");
                    *own.entry(key).or_default() += 1;
                }
                Step::Read { key, tokens } if each.outcome == Outcome::Committed => {
                    let list = lists.entry(key).or_default();
                    let own = own.get(key.as_str()).copied().unwrap_or(0);
                    list.reads.push(Read {
                        transaction,
                        tokens,
                        others: tokens.len().saturating_sub(own),
                        own,
                    });
                    if tokens.len() > list.order.len() {
                        list.order = tokens;
                    }
                }
                Step::Read { .. } | Step::Write { .. } | Step::See { .. } => {}
            }
        }
    }
    lists
}

type Found = Result<(), (Anomaly, Vec<usize>)>;

fn check_reads(evidence: &Evidence, list: &List) -> Found {
    let mut seen: HashMap<Token, usize> = HashMap::new();
    let longest = list.reads.iter().find(|read| read.tokens == list.order);
    let longest = longest.map_or(0, |read| read.transaction);
    for (place, token) in list.order.iter().enumerate() {
        let Some(&writer) = list.writers.get(token) else {
            return Err((Anomaly::Invented, vec![longest]));
        };
        if seen.insert(*token, place).is_some() {
            return Err((Anomaly::Doubled, vec![writer, longest]));
        }
        if evidence.history[writer].outcome == Outcome::Aborted {
            return Err((Anomaly::AbortedRead, vec![writer, longest]));
        }
    }
    for read in &list.reads {
        if !list.order.starts_with(read.tokens) {
            return Err((Anomaly::Forked, vec![read.transaction, longest]));
        }
        check_read(list, read)?;
    }
    Ok(())
}

/// What one read says about the middle of transactions: that of others is invisible, its own is there.
fn check_read(list: &List, read: &Read) -> Found {
    let appended: Vec<_> =
        list.appends.iter().filter(|append| append.transaction == read.transaction).collect();
    let (others, own) = read.tokens.split_at(read.others);
    // The first read of the transaction says how much others had written; what came in between is seen here.
    let first = list.reads.iter().find(|first| first.transaction == read.transaction).expect("this one");
    let is_own =
        own.len() == read.own && own.iter().zip(&appended).all(|(token, append)| *token == append.token);
    let has_own = others.iter().any(|token| list.writers[token] == read.transaction);
    if !is_own || has_own || first.others != read.others {
        return Err((Anomaly::Internal, vec![read.transaction]));
    }
    let Some(last) = others.last() else {
        return Ok(());
    };
    let writer = list.writers[last];
    let later = list.appends.iter().rfind(|append| append.transaction == writer).expect("it wrote");
    match later.token == *last {
        true => Ok(()),
        false => Err((Anomaly::IntermediateRead, vec![writer, read.transaction])),
    }
}

fn check_appends(evidence: &Evidence, list: &List) -> Found {
    let places: HashMap<Token, usize> =
        list.order.iter().enumerate().map(|(place, token)| (*token, place)).collect();
    for append in &list.appends {
        let writer = &evidence.history[append.transaction];
        if writer.outcome != Outcome::Committed {
            continue;
        }
        let read_at = places.get(&append.token);
        if read_at.is_none() {
            let later = list.reads.iter().find(|read| {
                read.transaction != append.transaction
                    && writer.is_answered_before(&evidence.history[read.transaction])
            });
            if let Some(read) = later {
                return Err((Anomaly::Lost, vec![append.transaction, read.transaction]));
            }
        }
        let fits = |told| read_at.map_or(told >= list.order.len(), |&place| place == told);
        if !append.place.is_none_or(fits) {
            return Err((Anomaly::Misplaced, vec![append.transaction]));
        }
    }
    Ok(())
}

fn add_edges(evidence: &Evidence, list: &List, graph: &mut Graph) {
    let writer = |place: usize| list.order.get(place).map(|token| list.writers[token]);
    // Appends that nobody has read come after all that were.
    let unread: Vec<_> = list
        .appends
        .iter()
        .filter(|append| evidence.happened(append.transaction) && !list.order.contains(&append.token))
        .map(|append| append.transaction)
        .collect();
    for place in 1..list.order.len() {
        graph.add(list.writers[&list.order[place - 1]], list.writers[&list.order[place]], Reason::WriteWrite);
    }
    if let Some(last) = list.order.last() {
        unread.iter().for_each(|&after| graph.add(list.writers[last], after, Reason::WriteWrite));
    }
    for read in &list.reads {
        if let Some(before) = read.others.checked_sub(1).and_then(writer) {
            graph.add(before, read.transaction, Reason::WriteRead);
        }
        match writer(read.others) {
            Some(after) => graph.add(read.transaction, after, Reason::ReadWrite),
            None => unread.iter().for_each(|&after| graph.add(read.transaction, after, Reason::ReadWrite)),
        }
    }
}
