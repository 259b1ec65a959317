//! A thread's part of the load, without its sockets: which connection awaits how many replies, and what came.

mod again;

use std::collections::VecDeque;
use std::io;

use crate::arrivals::Arrivals;
use crate::counts::Counts;
use crate::mix::Composed;
use crate::reply::{MalformedReply, ReplyParser};
use crate::ring::Event;

use again::{Again, Keeper};

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
    #[error("the server has not answered for {seconds} s")]
    Stalled { seconds: f64 },
    #[error("io_uring fails: {0}")]
    Ring(io::Error),
}

/// About how many groups of unsent requests are told apart by their age.
const UNSENT_GROUPS: u64 = 100_000;

/// When a connection may send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loop {
    /// A batch as soon as the one before is answered.
    Closed,
    /// Whenever a request is due, while fewer than the pipeline's are unanswered.
    Open,
}

/// Sends and replies of the connections of one thread.
pub struct Load {
    connections: Vec<Connection>,
    /// Connections which may send, in the order in which they became ready.
    ready: VecDeque<usize>,
    kind: Loop,
    pipeline: u32,
    /// Requests which may still be sent; `None`: any number.
    unsent: Option<u64>,
    replied_at_ns: u64,
    /// Without any reply for longer, the server counts as stuck.
    stall_ns: u64,
    /// Whether requests are sent again when a reply redirects them.
    follows: bool,
    /// Those that a reply has redirected just now, and how many wait to be sent again.
    redirected: Vec<Again>,
    waiting: usize,
    pub counts: Counts,
    pub failure: Option<Failure>,
}

#[derive(Default)]
struct Connection {
    parser: ReplyParser,
    /// Requests without a reply, oldest first; at most as many entries as the pipeline.
    in_flight: VecDeque<InFlight>,
    awaited: u64,
    keeper: Keeper,
    sending: bool,
    ready: bool,
}

/// Requests of one kind with the same time.
#[derive(Clone, Copy)]
struct InFlight {
    /// When they were sent, or, in an open loop, due.
    at_ns: u64,
    kind: u16,
    /// Replies to each of them.
    replies: u32,
    /// Replies to come, to all of them.
    rest: u64,
}

impl Load {
    pub fn new(connections: usize, kind: Loop, pipeline: u32, kinds: usize, stall_ns: u64) -> Load {
        let mut fresh = Vec::new();
        fresh.resize_with(connections, || Connection { ready: true, ..Connection::default() });
        Load {
            connections: fresh,
            ready: (0..connections).collect(),
            kind,
            pipeline,
            unsent: None,
            replied_at_ns: 0,
            stall_ns,
            follows: false,
            redirected: Vec::new(),
            waiting: 0,
            counts: Counts::new(kinds),
            failure: None,
        }
    }

    /// Forgets what was counted so far; from now on at most `quota` requests are answered.
    pub fn begin_measuring(&mut self, quota: Option<u64>) {
        let awaited: u64 = self.connections.iter().map(|connection| connection.awaited).sum();
        let awaited = awaited + self.waiting as u64;
        self.unsent = quota.map(|quota| quota.saturating_sub(awaited));
        self.counts.clear();
    }

    /// True when the quota has been sent and answered.
    pub fn is_finished(&self) -> bool {
        self.unsent == Some(0)
            && self.waiting == 0
            && self.connections.iter().all(|connection| connection.awaited == 0)
    }

    /// Connections which may send, if anything may be sent.
    pub fn ready_count(&self) -> u64 {
        if self.unsent == Some(0) { 0 } else { self.ready.len() as u64 }
    }

    /// A connection that may send, and how many requests it may: at least one, at most `wanted`. The caller sends them,
    /// after calling `note_request` for each.
    pub fn take_ready(&mut self, wanted: u64) -> Option<(usize, u64)> {
        let allowed = self.unsent.unwrap_or(u64::MAX);
        if allowed == 0 {
            return None;
        }
        let index = self.ready.pop_front()?;
        let room = u64::from(self.pipeline) - self.begin_sending(index);
        Some((index, wanted.min(room).min(allowed)))
    }

    /// Gives the number of requests that the connection awaits.
    fn begin_sending(&mut self, index: usize) -> u64 {
        let connection = &mut self.connections[index];
        debug_assert!(!connection.sending && connection.awaited < u64::from(self.pipeline));
        connection.ready = false;
        connection.sending = true;
        connection.awaited
    }

    pub fn note_request(&mut self, connection: usize, at_ns: u64, composed: Composed) {
        self.unsent = self.unsent.map(|unsent| unsent - 1);
        let Composed { kind, replies } = composed;
        let connection = &mut self.connections[connection];
        connection.awaited += 1;
        match connection.in_flight.back_mut() {
            Some(last) if (last.at_ns, last.kind, last.replies) == (at_ns, kind, replies) => {
                last.rest += u64::from(replies)
            }
            _ => connection.in_flight.push_back(InFlight { at_ns, kind, replies, rest: u64::from(replies) }),
        }
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
        if self.follows {
            return self.receive_followed(index, bytes, now_ns);
        }
        let connection = &mut self.connections[index];
        let counts = &mut self.counts;
        let mut replies = connection.parser.feed(bytes, &mut |_, text| counts.note_error(text))?;
        while replies > 0 {
            let entry = connection.in_flight.front_mut().ok_or(Failure::TooManyReplies)?;
            let taken = replies.min(entry.rest);
            let requests = entry.take(taken);
            counts.note_answered(entry.kind, now_ns.saturating_sub(entry.at_ns), requests);
            connection.awaited -= requests;
            replies -= taken;
            if entry.rest == 0 {
                connection.in_flight.pop_front();
            }
        }
        self.replied_at_ns = now_ns;
        self.note_if_ready(index);
        Ok(())
    }

    fn note_if_ready(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let has_room = match self.kind {
            Loop::Closed => connection.awaited == 0,
            Loop::Open => connection.awaited < u64::from(self.pipeline),
        };
        if has_room && !connection.sending && !connection.ready {
            connection.ready = true;
            self.ready.push_back(index);
        }
    }

    fn check_progress(&mut self, now_ns: u64) {
        let oldest = self.connections.iter().filter_map(|connection| connection.in_flight.front());
        let Some(oldest_ns) = oldest.map(|entry| entry.at_ns).min() else {
            return;
        };
        if now_ns.saturating_sub(oldest_ns.max(self.replied_at_ns)) > self.stall_ns {
            self.failure.get_or_insert(Failure::Stalled { seconds: self.stall_ns as f64 / 1e9 });
        }
    }

    /// Counts what is unanswered at the end. In an open loop its age is a latency as well, as is that of requests which
    /// are due but could not be sent: otherwise a server would look better the less it answers.
    pub fn finish(&mut self, arrivals: Option<&mut Arrivals>, now_ns: u64) {
        for connection in &self.connections {
            for entry in &connection.in_flight {
                let (requests, age_ns) = (entry.requests(), now_ns.saturating_sub(entry.at_ns));
                self.counts.note_unanswered(self.kind, age_ns, requests);
            }
        }
        self.finish_waiting(now_ns);
        if let Some(arrivals) = arrivals.filter(|_| self.unsent.is_none()) {
            // However many they are, they are looked at in a bounded number of groups.
            let group = (arrivals.due(now_ns) / UNSENT_GROUPS).max(1);
            while arrivals.next_ns() <= now_ns {
                let requests = group.min(arrivals.due(now_ns)).max(1);
                self.counts.note_unanswered(self.kind, now_ns - arrivals.next_ns(), requests);
                arrivals.skip(requests);
            }
        }
    }
}

impl InFlight {
    /// Requests that have at least one reply to come.
    fn requests(&self) -> u64 {
        if self.replies == 1 { self.rest } else { self.rest.div_ceil(u64::from(self.replies)) }
    }

    /// Takes replies off; gives the number of requests that got their last one.
    fn take(&mut self, replies: u64) -> u64 {
        let before = self.requests();
        self.rest -= replies;
        before - self.requests()
    }
}

#[cfg(test)]
mod tests;
