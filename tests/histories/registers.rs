//! What registers tell. Every value is written once, so that who reads it names its writer; which write came next is
//! known when the next writer read this value in the same transaction, or when time or its connection puts it behind.

use std::collections::{BTreeMap, HashMap};

use super::check::{Anomaly, Evidence, Violation};
use super::graph::{Graph, Reason};
use super::history::{Outcome, Step, Token, Transaction};

#[derive(Default)]
struct Register {
    /// Who wrote it and took effect, with the value that stayed, by the time of request.
    writes: Vec<(usize, Option<Token>)>,
    /// Who wrote a value, of all outcomes, and whether it was its last write.
    writers: HashMap<Token, (usize, Finality)>,
    /// What others had written, as seen by a transaction.
    sights: Vec<(usize, Option<Token>)>,
    /// Whether somebody may have erased it without anybody knowing.
    has_doubtful_eraser: bool,
}

/// How a register came to be absent.
enum Absence {
    FromTheStart,
    By(usize),
    /// In one of several ways.
    Open,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finality {
    Final,
    Intermediate,
}

pub fn connect(evidence: &Evidence, graph: &mut Graph) -> Result<(), Violation> {
    let registers = registers(evidence)?;
    // What each transaction saw: registers and whose values they had.
    let mut seen: HashMap<usize, Vec<(&str, usize)>> = HashMap::new();
    for (key, register) in &registers {
        for &(reader, value) in &register.sights {
            let writer = match value {
                Some(value) => {
                    let writer = check_sight(evidence, register, reader, value)
                        .map_err(|(anomaly, about)| evidence.violation(anomaly, &about, key))?;
                    seen.entry(reader).or_default().push((key, writer));
                    Some(writer)
                }
                None => match register.absence(evidence, reader) {
                    Absence::FromTheStart => None,
                    Absence::By(eraser) => Some(eraser),
                    Absence::Open => continue,
                },
            };
            if let Some(writer) = writer {
                graph.add(writer, reader, Reason::WriteRead);
            }
            for next in register.overwriters(value).chain(register.next(evidence, writer)) {
                graph.add(reader, next, Reason::ReadWrite);
            }
        }
    }
    check_torn(evidence, &registers, &seen)
}

fn registers<'a>(evidence: &Evidence<'a>) -> Result<BTreeMap<&'a str, Register>, Violation> {
    let mut registers: BTreeMap<&str, Register> = BTreeMap::new();
    for (index, each) in evidence.history.iter().enumerate() {
        // What the transaction itself wrote last, and what it saw of others.
        let mut own: HashMap<&str, Option<Token>> = HashMap::new();
        let mut others: HashMap<&str, Option<Token>> = HashMap::new();
        for step in &each.steps {
            match step {
                Step::Write { key, value } => {
                    let register = registers.entry(key).or_default();
                    if let Some(Some(before)) = own.insert(key, *value) {
                        register.writers.insert(before, (index, Finality::Intermediate));
                    }
                    if let Some(value) = value {
                        let before = register.writers.insert(*value, (index, Finality::Final));
                        assert!(before.is_none(), "value {value} was given out twice");
                    }
                }
                Step::See { key, value } if each.outcome == Outcome::Committed => {
                    let is_own = own.contains_key(key.as_str());
                    let known = own.get(key.as_str()).or(others.get(key.as_str()));
                    if known.is_some_and(|known| known != value) {
                        return Err(evidence.violation(Anomaly::Internal, &[index], key));
                    }
                    if !is_own && others.insert(key, *value).is_none() {
                        registers.entry(key).or_default().sights.push((index, *value));
                    }
                }
                Step::See { .. } | Step::Append { .. } | Step::Read { .. } => {}
            }
        }
        for (key, value) in own {
            let register = registers.entry(key).or_default();
            if evidence.happened(index) {
                register.writes.push((index, value));
            }
            register.has_doubtful_eraser |=
                value.is_none() && each.outcome == Outcome::Unknown && !evidence.happened(index);
        }
    }
    for register in registers.values_mut() {
        register.writes.sort_by_key(|&(index, _)| evidence.history[index].invoked);
    }
    Ok(registers)
}

/// Who wrote what was seen.
fn check_sight(
    evidence: &Evidence,
    register: &Register,
    reader: usize,
    value: Token,
) -> Result<usize, (Anomaly, Vec<usize>)> {
    match register.writers.get(&value) {
        None => Err((Anomaly::Invented, vec![reader])),
        Some(&(writer, _)) if evidence.history[writer].outcome == Outcome::Aborted => {
            Err((Anomaly::AbortedRead, vec![writer, reader]))
        }
        Some(&(writer, Finality::Intermediate)) => Err((Anomaly::IntermediateRead, vec![writer, reader])),
        Some(&(writer, Finality::Final)) => Ok(writer),
    }
}

impl Register {
    /// Whether both wrote this register, the second for certain after the first.
    fn is_before(evidence: &Evidence, first: usize, second: usize) -> bool {
        let (one, two) = (&evidence.history[first], &evidence.history[second]);
        let is_sent_before = || one.session == two.session && first < second;
        one.is_answered_before(two) || is_sent_before()
    }

    /// Who wrote over a value that it saw in the same transaction.
    fn overwriters(&self, value: Option<Token>) -> impl Iterator<Item = usize> {
        let saw = self.sights.iter().filter(move |sight| sight.1 == value).map(|sight| sight.0);
        let is_unique =
            value.is_some() || !self.has_doubtful_eraser && self.writes.iter().all(|write| write.1.is_some());
        saw.filter(move |&index| is_unique && self.writes.iter().any(|write| write.0 == index))
    }

    /// The earliest of those that certainly wrote after `writer`, or after nobody: all others wrote after one of these.
    fn next(&self, evidence: &Evidence, writer: Option<usize>) -> impl Iterator<Item = usize> {
        let is_after = move |index: usize| match writer {
            Some(writer) => writer != index && Self::is_before(evidence, writer, index),
            None => true,
        };
        let mut end = u64::MAX;
        self.writes.iter().map(|write| write.0).filter(move |&index| is_after(index)).take_while(
            move |&index| {
                let each: &Transaction = &evidence.history[index];
                let is_early = each.invoked <= end;
                if each.outcome == Outcome::Committed {
                    end = end.min(each.completed);
                }
                is_early
            },
        )
    }

    /// Who left the register absent as `reader` saw it, as far as time tells.
    fn absence(&self, evidence: &Evidence, reader: usize) -> Absence {
        if self.has_doubtful_eraser {
            return Absence::Open;
        }
        let erasers = self.writes.iter().filter(|write| write.1.is_none()).map(|write| Some(write.0));
        let saw = &evidence.history[reader];
        let is_possible = |writer: &Option<usize>| {
            let is_begun = writer.is_none_or(|writer| evidence.history[writer].invoked <= saw.completed);
            let is_over =
                self.next(evidence, *writer).any(|next| evidence.history[next].is_answered_before(saw));
            is_begun && !is_over
        };
        let mut possible = std::iter::once(None).chain(erasers).filter(is_possible);
        match (possible.next(), possible.next()) {
            (_, Some(_)) => Absence::Open,
            (Some(Some(eraser)), None) => Absence::By(eraser),
            // When it cannot have been absent at all, the edges to those who wrote before close a cycle.
            (Some(None) | None, None) => Absence::FromTheStart,
        }
    }
}

/// Two registers that two transactions both wrote have the values of one of them.
fn check_torn(
    evidence: &Evidence,
    registers: &BTreeMap<&str, Register>,
    seen: &HashMap<usize, Vec<(&str, usize)>>,
) -> Result<(), Violation> {
    let wrote = |key: &str, writer: usize| registers[key].writes.iter().any(|write| write.0 == writer);
    for (&reader, sights) in seen {
        for (position, &(key, writer)) in sights.iter().enumerate() {
            for &(other_key, other) in &sights[..position] {
                if writer != other && wrote(key, other) && wrote(other_key, writer) {
                    return Err(evidence.violation(Anomaly::Torn, &[other, writer, reader], key));
                }
            }
        }
    }
    Ok(())
}
