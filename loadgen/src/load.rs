//! A thread's part of the load, without its sockets: which connection awaits how many replies, and what came.

use std::io;

use crate::latency::Latencies;
use crate::reply::{MalformedReply, ReplyParser};
use crate::ring::Event;

/// Nanoseconds without any reply after which the server counts as stuck.
const STALL_NS: u64 = 10_000_000_000;
/// Texts of error replies that are kept to be shown.
pub const ERROR_EXAMPLES_MAX: usize = 3;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the server closed a connection")]
    Closed,
    #[error("a connection broke: {0}")]
    Broken(io::Error),
    #[error("the server answers with something that is not RESP: {0}")]
    Malformed(#[from] MalformedReply),
    #[error("the server answers more than it was asked")]
    TooManyReplies,
    #[error("the server has not answered for {} s", STALL_NS / 1_000_000_000)]
    Stalled,
    #[error("io_uring fails: {0}")]
    Ring(io::Error),
}

/// What a thread has counted since it last began to measure.
pub struct Counts {
    pub requests: u64,
    pub errors: u64,
    /// The first different texts of errors.
    pub error_examples: Vec<String>,
    pub latencies: Latencies,
}

/// A closed loop: a connection sends a batch, and the next one when all its replies are in.
pub struct Load {
    connections: Vec<Connection>,
    /// Connections which may send their next batch.
    ready: Vec<usize>,
    pipeline: u32,
    /// Requests which may still be sent; `None`: any number.
    unsent: Option<u64>,
    replied_at_ns: u64,
    pub counts: Counts,
    pub failure: Option<Failure>,
}

#[derive(Default)]
struct Connection {
    parser: ReplyParser,
    awaited: u64,
    sending: bool,
    sent_at_ns: u64,
}

impl Load {
    pub fn new(connections: usize, pipeline: u32, now_ns: u64) -> Load {
        let mut fresh = Vec::new();
        fresh.resize_with(connections, Connection::default);
        Load {
            connections: fresh,
            ready: (0..connections).rev().collect(),
            pipeline,
            unsent: None,
            replied_at_ns: now_ns,
            counts: Counts::new(),
            failure: None,
        }
    }

    /// Forgets what was counted so far; from now on at most `quota` requests are answered.
    pub fn begin_measuring(&mut self, quota: Option<u64>) {
        let awaited: u64 = self.connections.iter().map(|connection| connection.awaited).sum();
        self.unsent = quota.map(|quota| quota.saturating_sub(awaited));
        self.counts = Counts::new();
    }

    /// True when the quota has been sent and answered.
    pub fn is_finished(&self) -> bool {
        self.unsent == Some(0) && self.connections.iter().all(|connection| connection.awaited == 0)
    }

    /// A connection that may send, and the number of requests; the caller must send them and call `note_sent_at`.
    pub fn take_ready(&mut self) -> Option<(usize, u32)> {
        let requests = match self.unsent {
            Some(0) => return None,
            Some(unsent) => unsent.min(u64::from(self.pipeline)) as u32,
            None => self.pipeline,
        };
        let index = self.ready.pop()?;
        self.unsent = self.unsent.map(|unsent| unsent - u64::from(requests));
        let connection = &mut self.connections[index];
        debug_assert!(connection.awaited == 0 && !connection.sending);
        connection.awaited = u64::from(requests);
        connection.sending = true;
        Some((index, requests))
    }

    pub fn note_sent_at(&mut self, connection: usize, now_ns: u64) {
        self.connections[connection].sent_at_ns = now_ns;
    }

    pub fn on_event(&mut self, event: Event<'_>, now_ns: u64) {
        match event {
            Event::Received { connection, bytes } => {
                if let Err(failure) = self.receive(connection, bytes, now_ns) {
                    self.failure.get_or_insert(failure);
                }
            }
            Event::Sent { connection } => {
                self.connections[connection].sending = false;
                self.note_if_ready(connection);
            }
            Event::Lost { error } => {
                self.failure.get_or_insert(error.map_or(Failure::Closed, Failure::Broken));
            }
            Event::Tick => self.check_progress(now_ns),
        }
    }

    fn receive(&mut self, index: usize, bytes: &[u8], now_ns: u64) -> Result<(), Failure> {
        let connection = &mut self.connections[index];
        let counts = &mut self.counts;
        let replies = connection.parser.feed(bytes, &mut |text| counts.note_error(text))?;
        connection.awaited = connection.awaited.checked_sub(replies).ok_or(Failure::TooManyReplies)?;
        counts.requests += replies;
        counts.latencies.record(now_ns.saturating_sub(connection.sent_at_ns), replies);
        self.replied_at_ns = now_ns;
        self.note_if_ready(index);
        Ok(())
    }

    fn note_if_ready(&mut self, index: usize) {
        let connection = &self.connections[index];
        if connection.awaited == 0 && !connection.sending {
            self.ready.push(index);
        }
    }

    fn check_progress(&mut self, now_ns: u64) {
        let waiting = self.connections.iter().any(|connection| connection.awaited > 0);
        if waiting && now_ns.saturating_sub(self.replied_at_ns) > STALL_NS {
            self.failure.get_or_insert(Failure::Stalled);
        }
    }
}

impl Counts {
    pub fn new() -> Counts {
        Counts { requests: 0, errors: 0, error_examples: Vec::new(), latencies: Latencies::new() }
    }

    fn note_error(&mut self, text: &[u8]) {
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
        self.latencies.add(&other.latencies);
        for text in other.error_examples {
            if self.error_examples.len() < ERROR_EXAMPLES_MAX && !self.error_examples.contains(&text) {
                self.error_examples.push(text);
            }
        }
    }
}

#[cfg(test)]
mod tests;
