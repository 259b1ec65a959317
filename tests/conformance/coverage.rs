//! What a run has asked for: how often each row and each word of its grammar was sent, and how often it was not refused.

use std::collections::{BTreeMap, BTreeSet};

use basalt::commands::row::{Argument, ArgumentKind};

use super::common::Value;
use super::generate::{Leaf, Request};

/// A run of the default length sends each word at least so often.
const SENT_MIN: usize = 10;

/// Words that are not sent, for they would end connections at a moment that cannot be foreseen.
const UNSENT: &[&str] = &["CLIENT|KILL LADDR", "CLIENT|KILL NORMAL", "CLIENT|KILL SKIPME"];

/// What the servers of the tests always refuse, and why.
const REFUSED: &[(&str, &str)] = &[
    ("ASKING", "there is no cluster"),
    ("AUTH", "no password is set"),
    ("CLIENT|KILL USER", "only the default user is there, and that would end other connections"),
    ("CONFIG|REWRITE", "there is no configuration file"),
    ("DEBUG", "it has no grammar: debug.rs lists what is sent"),
    ("LATENCY|GRAPH", "nothing was slow"),
    ("READONLY", "there is no cluster"),
    ("READWRITE", "there is no cluster"),
];

#[derive(Clone, Copy, Default)]
struct Counts {
    sent: usize,
    accepted: usize,
}

pub struct Coverage {
    /// By path and word; the word of the row itself is empty.
    counts: BTreeMap<(String, &'static str), Counts>,
}

impl Coverage {
    pub fn of(leaves: &[Leaf]) -> Self {
        let mut counts = BTreeMap::new();
        for leaf in leaves {
            let words = [""].into_iter().chain(words_of(leaf));
            counts.extend(words.map(|word| ((leaf.path(), word), Counts::default())));
        }
        Coverage { counts }
    }

    pub fn count(&mut self, request: &Request, reply: &Value) {
        let start = (request.path.clone(), "");
        let has = |word: &str| {
            word.is_empty()
                || request.arguments[1..]
                    .iter()
                    .any(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
        };
        let rows = self.counts.range_mut(start..).take_while(|((path, _), _)| *path == request.path);
        for (_, counts) in rows.filter(|((_, word), _)| has(word)) {
            counts.sent += 1;
            counts.accepted += usize::from(!reply.is_error());
        }
    }

    /// A line for each row and word.
    pub fn table(&self) -> String {
        let line = |((path, word), counts): (&(String, &str), &Counts)| {
            let name = format!("{path} {word}");
            format!("{name:<40} {:>9} {:>9}\n", counts.sent, counts.accepted)
        };
        let head = format!("{:<40} {:>9} {:>9}\n", "", "sent", "accepted");
        head + &self.counts.iter().map(line).collect::<String>()
    }

    /// Fails when something was left out.
    pub fn check(&self) {
        let missed = self.counts.iter().filter_map(|((path, word), counts)| {
            let name = format!("{path} {word}").trim_end().to_owned();
            let is_refused = REFUSED.iter().any(|(refused, _)| *refused == name);
            let is_met = counts.sent >= SENT_MIN && (counts.accepted > 0 || is_refused);
            (!is_met && !UNSENT.contains(&&*name)).then_some(name)
        });
        let names: Vec<_> = missed.collect();
        assert!(names.is_empty(), "hardly sent, or always refused: {names:?}\n{}", self.table());
    }
}

/// Each leaf once, and once more for each word of its grammar: what has many options is sent more often.
pub fn by_words(leaves: &[Leaf]) -> Vec<Leaf> {
    leaves.iter().flat_map(|leaf| vec![leaf.clone(); 1 + words_of(leaf).len()]).collect()
}

/// The fixed words in the grammar of a row.
fn words_of(leaf: &Leaf) -> BTreeSet<&'static str> {
    let mut words = BTreeSet::new();
    collect_words(leaf.row.docs.arguments, &mut words);
    words
}

fn collect_words(grammar: &[Argument], words: &mut BTreeSet<&'static str>) {
    for argument in grammar {
        words.extend(argument.token);
        if let ArgumentKind::OneOf(parts) | ArgumentKind::Block(parts) = argument.kind {
            collect_words(parts, words);
        }
    }
}
