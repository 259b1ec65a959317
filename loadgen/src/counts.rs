//! What a thread has counted, and adding up what all threads have.

use crate::cluster::Moved;
use crate::latency::Latencies;
use crate::load::Loop;

/// Texts of error replies that are kept to be shown.
pub const ERROR_EXAMPLES_MAX: usize = 3;

/// Moves that wait to be learnt from; one that finds no room will be met again.
const MOVES_MAX: usize = 1000;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Redirects {
    #[default]
    AreErrors,
    AreFollowed,
}

/// Since a thread last began to measure.
pub struct Counts {
    pub requests: u64,
    /// Replies that are errors.
    pub errors: u64,
    /// Whether replies that send a request to another node are expected, and followed.
    pub redirects: Redirects,
    /// Those replies; unless they are expected, they are errors.
    pub redirected: u64,
    /// Those that have not been learnt from.
    pub moves: Vec<Moved>,
    /// The first different texts of errors.
    pub error_examples: Vec<String>,
    /// Answered requests by their kind.
    pub kinds: Vec<Latencies>,
    /// Requests that had no reply at the end, and in an open loop those that were due and not sent.
    pub unanswered: u64,
    /// How old they were, in an open loop.
    unanswered_ages: Latencies,
}

impl Counts {
    pub fn new(kinds: usize) -> Counts {
        Counts {
            requests: 0,
            errors: 0,
            redirects: Redirects::default(),
            redirected: 0,
            moves: Vec::new(),
            error_examples: Vec::new(),
            kinds: vec![Latencies::new(); kinds],
            unanswered: 0,
            unanswered_ages: Latencies::new(),
        }
    }

    pub fn clear(&mut self) {
        *self = Counts { redirects: self.redirects, ..Counts::new(self.kinds.len()) };
    }

    pub fn note_answered(&mut self, kind: u16, latency_ns: u64, requests: u64) {
        if requests > 0 {
            self.requests += requests;
            self.kinds[usize::from(kind)].record(latency_ns, requests);
        }
    }

    pub fn note_unanswered(&mut self, kind: Loop, age_ns: u64, requests: u64) {
        self.unanswered += requests;
        if kind == Loop::Open {
            self.unanswered_ages.record(age_ns, requests);
        }
    }

    /// Notes the text of an error reply.
    pub fn note_error(&mut self, text: &[u8]) {
        if self.redirects == Redirects::AreFollowed {
            let moved = Moved::read(text);
            if moved.is_some() || text.starts_with(b"ASK ") {
                self.redirected += 1;
                self.moves.extend(moved.filter(|_| self.moves.len() < MOVES_MAX));
                return;
            }
        }
        self.errors += 1;
        if self.error_examples.len() < ERROR_EXAMPLES_MAX {
            let text = String::from_utf8_lossy(text).into_owned();
            if !self.error_examples.contains(&text) {
                self.error_examples.push(text);
            }
        }
    }

    pub fn add(&mut self, other: Counts) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.redirected += other.redirected;
        self.unanswered += other.unanswered;
        self.unanswered_ages.add(&other.unanswered_ages);
        for (own, other) in self.kinds.iter_mut().zip(&other.kinds) {
            own.add(other);
        }
        for text in other.error_examples {
            if self.error_examples.len() < ERROR_EXAMPLES_MAX && !self.error_examples.contains(&text) {
                self.error_examples.push(text);
            }
        }
    }

    /// Of all kinds, with the ages of what is unanswered.
    pub fn latencies(&self) -> Latencies {
        let mut all = self.unanswered_ages.clone();
        self.kinds.iter().for_each(|kind| all.add(kind));
        all
    }
}
