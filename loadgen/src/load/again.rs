//! Requests of a load on a cluster that are sent again, because a reply said that their slot is served elsewhere.

use std::collections::VecDeque;

use super::{Failure, InFlight, Load};
use crate::cluster::{Node, Redirect, RedirectKind};
use crate::mix::Composed;

/// How often one request is sent again before its redirection counts as the error that it then is.
pub const REDIRECTIONS_MAX: u32 = 5;
/// While so many requests of a thread wait to be sent again, it makes no new ones.
pub const WAITING_MAX: usize = 1000;
const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

/// The requests of one connection that may have to be sent again, and those that have to be.
#[derive(Default)]
pub struct Keeper {
    /// Requests without their last reply, oldest first, and their bytes.
    kept: VecDeque<Kept>,
    bytes: VecDeque<u8>,
    waiting: VecDeque<Again>,
}

struct Kept {
    composed: Composed,
    bytes: usize,
    redirections: u32,
    /// The first redirection among its replies.
    redirect: Option<Redirect>,
}

/// A request that has been redirected.
pub struct Again {
    pub redirect: Redirect,
    /// Where it was.
    pub connection: usize,
    composed: Composed,
    request: Vec<u8>,
    /// When it was sent first, or due.
    at_ns: u64,
    redirections: u32,
}

/// A reply that is an error.
enum Fault {
    Redirect(Redirect),
    Other(Vec<u8>),
}

impl Load {
    /// From now on, requests are kept until they are answered for good.
    pub fn follow_redirects(&mut self) {
        self.follows = true;
    }

    /// Keeps the bytes of a request just noted, if it may have to be sent again.
    pub fn keep(&mut self, connection: usize, composed: Composed, request: &[u8]) {
        if self.follows {
            self.connections[connection].keeper.keep(composed, request, 0);
        }
    }

    pub(super) fn receive_followed(
        &mut self,
        index: usize,
        bytes: &[u8],
        now_ns: u64,
    ) -> Result<(), Failure> {
        let mut faults = VecDeque::new();
        let connection = &mut self.connections[index];
        let replies = connection.parser.feed(bytes, &mut |reply, text| {
            let fault = Redirect::read(text).map_or_else(|| Fault::Other(text.to_vec()), Fault::Redirect);
            faults.push_back((reply, fault));
        })?;
        for reply in 0..replies {
            let connection = &mut self.connections[index];
            let fault = faults.pop_front_if(|(number, _)| *number == reply).map(|(_, fault)| fault);
            let entry = connection.in_flight.front_mut().ok_or(Failure::TooManyReplies)?;
            let kept = connection.keeper.kept.front_mut().expect("a request in flight is kept");
            match fault {
                Some(Fault::Redirect(redirect)) => {
                    kept.redirect.get_or_insert(redirect);
                }
                // What follows a redirection in the same request follows from it.
                Some(Fault::Other(text)) if kept.redirect.is_none() => self.counts.note_error(&text),
                _ => (),
            }
            let (ended, at_ns) = (entry.take(1) > 0, entry.at_ns);
            if entry.rest == 0 {
                connection.in_flight.pop_front();
            }
            if ended {
                connection.awaited -= 1;
                self.end_kept(index, at_ns, now_ns);
            }
        }
        self.replied_at_ns = now_ns;
        self.note_if_ready(index);
        Ok(())
    }

    /// The oldest kept request has got its last reply: it is answered, or redirected.
    fn end_kept(&mut self, index: usize, at_ns: u64, now_ns: u64) {
        let keeper = &mut self.connections[index].keeper;
        let Kept { composed, bytes, redirections, redirect } =
            keeper.kept.pop_front().expect("looked at before");
        let request = keeper.bytes.drain(..bytes);
        let Some(redirect) = redirect else {
            drop(request);
            return self.counts.note_answered(composed.kind, now_ns.saturating_sub(at_ns), 1);
        };
        let request = request.collect();
        self.counts.redirected += 1;
        let redirections = redirections + 1;
        let again = Again { redirect, connection: index, composed, request, at_ns, redirections };
        // Only one command can be asked for out of turn.
        let is_unfit = again.redirect.kind == RedirectKind::Ask && composed.replies > 1;
        if redirections > REDIRECTIONS_MAX || is_unfit {
            self.give_up(&again, now_ns);
        } else {
            self.redirected.push(again);
        }
    }

    /// Requests whose redirections nobody has looked at yet.
    pub fn take_redirected(&mut self) -> Vec<Again> {
        std::mem::take(&mut self.redirected)
    }

    /// Counts a request whose redirection cannot be followed as answered by it.
    pub fn give_up(&mut self, again: &Again, now_ns: u64) {
        self.counts.note_error(again.redirect.to_string().as_bytes());
        self.counts.note_answered(again.composed.kind, now_ns.saturating_sub(again.at_ns), 1);
    }

    /// Lets a request wait for the least busy connection to a node; gives it back when there is none.
    pub fn send_again(&mut self, again: Again, nodes: &[Node], node: Node) -> Result<(), Again> {
        let busy = |connection: &usize| {
            let connection = &self.connections[*connection];
            connection.awaited + connection.keeper.waiting.len() as u64
        };
        let connections = (0..nodes.len()).filter(|&connection| nodes[connection] == node);
        let Some(connection) = connections.min_by_key(busy) else { return Err(again) };
        self.connections[connection].keeper.waiting.push_back(again);
        self.waiting += 1;
        Ok(())
    }

    /// Whether so many requests wait to be sent again that new ones have to wait as well.
    pub fn is_crowded(&self) -> bool {
        self.waiting >= WAITING_MAX
    }

    /// A connection that may send requests again.
    pub fn take_ready_again(&mut self) -> Option<usize> {
        if self.waiting == 0 {
            return None;
        }
        let waits = |index: &usize| !self.connections[*index].keeper.waiting.is_empty();
        let place = self.ready.iter().position(waits)?;
        let index = self.ready.remove(place).expect("found above");
        self.begin_sending(index);
        Some(index)
    }

    /// Appends to a batch what a connection has to send again, as far as its pipeline has room.
    pub fn append_again(&mut self, index: usize, batch: &mut Vec<u8>) {
        while self.connections[index].awaited < u64::from(self.pipeline) {
            let connection = &mut self.connections[index];
            let Some(Again { redirect, composed, request, at_ns, redirections, .. }) =
                connection.keeper.waiting.pop_front()
            else {
                return;
            };
            self.waiting -= 1;
            let mut replies = composed.replies;
            if redirect.kind == RedirectKind::Ask {
                batch.extend_from_slice(ASKING);
                replies += 1;
            }
            batch.extend_from_slice(&request);
            connection.awaited += 1;
            let (kind, rest) = (composed.kind, u64::from(replies));
            connection.in_flight.push_back(InFlight { at_ns, kind, replies, rest });
            connection.keeper.keep(composed, &request, redirections);
        }
    }

    /// Counts what still waits at the end.
    pub(super) fn finish_waiting(&mut self, now_ns: u64) {
        for again in self.connections.iter().flat_map(|connection| &connection.keeper.waiting) {
            self.counts.note_unanswered(self.kind, now_ns.saturating_sub(again.at_ns), 1);
        }
    }
}

impl Keeper {
    fn keep(&mut self, composed: Composed, request: &[u8], redirections: u32) {
        self.bytes.extend(request);
        self.kept.push_back(Kept { composed, bytes: request.len(), redirections, redirect: None });
    }
}

#[cfg(test)]
mod tests {
    use super::{REDIRECTIONS_MAX, WAITING_MAX};
    use crate::load::{Load, Loop};
    use crate::mix::Composed;
    use crate::ring::Event;

    const STALL_NS: u64 = 10_000_000_000;

    fn load(connections: usize, pipeline: u32) -> Load {
        let mut load = Load::new(connections, Loop::Closed, pipeline, 1, STALL_NS);
        load.follow_redirects();
        load
    }

    /// Sends a batch of requests on the connection that is ready; gives it.
    fn send(load: &mut Load, requests: &[(&str, u32)]) -> usize {
        let (connection, room) = load.take_ready(u64::MAX).unwrap();
        assert!(room >= requests.len() as u64);
        for &(request, replies) in requests {
            let composed = Composed { kind: 0, replies };
            load.note_request(connection, 1000, composed);
            load.keep(connection, composed, request.as_bytes());
        }
        load.on_event(Event::Sent { connection }, 1000);
        connection
    }

    fn receive(load: &mut Load, connection: usize, replies: &str) {
        // Cut in two, as it may come.
        let (head, tail) = replies.as_bytes().split_at(replies.len() / 2);
        load.on_event(Event::Received { connection, bytes: head }, 2000);
        load.on_event(Event::Received { connection, bytes: tail }, 2000);
        assert!(load.failure.is_none());
    }

    /// Sends what was redirected to the other connection; gives its batch.
    fn again(load: &mut Load, from: usize) -> String {
        let nodes = [0, 1];
        for again in load.take_redirected() {
            assert!(load.send_again(again, &nodes, 1 - from as u16).is_ok());
        }
        let mut batch = Vec::new();
        assert_eq!(load.take_ready_again(), Some(1 - from));
        load.append_again(1 - from, &mut batch);
        load.on_event(Event::Sent { connection: 1 - from }, 2000);
        String::from_utf8(batch).unwrap()
    }

    #[test]
    fn the_redirected_of_a_batch_are_sent_again_and_count_once() {
        let mut load = load(2, 4);
        let from = send(&mut load, &[("a", 1), ("bb", 1), ("ccc", 1), ("dddd", 1)]);
        receive(&mut load, from, "$1\r\nx\r\n-MOVED 1 h:2\r\n-ERR no\r\n-ASK 2 h:2\r\n");
        assert_eq!((load.counts.requests, load.counts.errors, load.counts.redirected), (2, 1, 2));
        assert_eq!(again(&mut load, from), "bb*1\r\n$6\r\nASKING\r\ndddd");
        receive(&mut load, 1 - from, "+OK\r\n+OK\r\n+OK\r\n");
        assert_eq!((load.counts.requests, load.counts.errors, load.counts.redirected), (4, 1, 2));
        // From when they were sent first.
        assert!((load.counts.latencies().summary().max - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_transaction_is_sent_again_as_a_whole() {
        let mut load = load(2, 2);
        let from = send(&mut load, &[("multi incr exec", 3), ("get", 1)]);
        receive(&mut load, from, "+OK\r\n-MOVED 1 h:2\r\n-EXECABORT x\r\n$-1\r\n");
        assert_eq!((load.counts.requests, load.counts.errors), (1, 0));
        assert_eq!(again(&mut load, from), "multi incr exec");
        receive(&mut load, 1 - from, "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
        assert_eq!((load.counts.requests, load.counts.errors), (2, 0));
        // ASKING holds for one command only.
        let from = send(&mut load, &[("multi incr exec", 3)]);
        receive(&mut load, from, "+OK\r\n-ASK 1 h:2\r\n-EXECABORT x\r\n");
        assert!(load.take_redirected().is_empty());
        assert_eq!(load.counts.error_examples, ["ASK 1 h:2"]);
    }

    #[test]
    fn a_request_that_is_redirected_too_often_is_an_error() {
        let mut load = load(2, 1);
        let mut at = send(&mut load, &[("a", 1)]);
        for _ in 0..REDIRECTIONS_MAX {
            receive(&mut load, at, "-MOVED 1 h:2\r\n");
            assert_eq!((load.counts.requests, again(&mut load, at)), (0, "a".to_owned()));
            at = 1 - at;
        }
        receive(&mut load, at, "-MOVED 1 h:2\r\n");
        assert!(load.take_redirected().is_empty());
        assert_eq!((load.counts.requests, load.counts.errors), (1, 1));
        assert_eq!(load.counts.redirected, u64::from(REDIRECTIONS_MAX) + 1);
    }

    #[test]
    fn new_requests_wait_when_many_are_to_be_sent_again() {
        let mut load = load(2, WAITING_MAX as u32);
        load.begin_measuring(Some(WAITING_MAX as u64));
        let from = send(&mut load, &vec![("a", 1); WAITING_MAX]);
        receive(&mut load, from, &"-MOVED 1 h:2\r\n".repeat(WAITING_MAX - 1));
        load.take_redirected()
            .into_iter()
            .for_each(|again| assert!(load.send_again(again, &[0, 1], 1).is_ok()));
        assert!(!load.is_crowded() && !load.is_finished());
        receive(&mut load, from, "-MOVED 1 h:2\r\n");
        load.take_redirected()
            .into_iter()
            .for_each(|again| assert!(load.send_again(again, &[0, 1], 1).is_ok()));
        assert!(load.is_crowded() && !load.is_finished());
        load.take_ready_again();
        let mut batch = Vec::new();
        load.append_again(1, &mut batch);
        assert!(batch.len() == WAITING_MAX && !load.is_crowded());
        receive(&mut load, 1, &"+OK\r\n".repeat(WAITING_MAX));
        assert!(load.is_finished() && load.counts.requests == WAITING_MAX as u64);
    }
}
