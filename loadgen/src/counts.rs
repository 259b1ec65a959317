//! What a thread has counted, and adding up what all threads have.

use crate::latency::Latencies;
use crate::load::Loop;

/// Texts of error replies that are kept to be shown.
pub const ERROR_EXAMPLES_MAX: usize = 3;

/// Since a thread last began to measure.
pub struct Counts {
    pub requests: u64,
    /// Replies that are errors.
    pub errors: u64,
    /// Replies that sent a request to another node, each of which was followed, or is an error as well.
    pub redirected: u64,
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
            redirected: 0,
            error_examples: Vec::new(),
            kinds: vec![Latencies::new(); kinds],
            unanswered: 0,
            unanswered_ages: Latencies::new(),
        }
    }

    pub fn clear(&mut self) {
        *self = Counts::new(self.kinds.len());
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
