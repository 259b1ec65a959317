//! From the arena to the sockets: one send a connection and turn; what a socket does not take waits in its outbox.

use crate::data_plane::connection::{Closing, TurnReply};
use crate::data_plane::core::{Core, Segment};
use crate::data_plane::outbox::Outbox;
use crate::sys::ring::{ArenaSend, Completion, Operation, Owned, Wait};

/// What the arena keeps of the room that one turn needed.
const ARENA_BYTES_KEPT: usize = 4 << 20;

impl Core {
    /// Sends the replies in the arena, submits everything else, and waits as told. Completions go to the backlog.
    pub(super) fn send_replies(&mut self, wait: Wait) {
        let segments = std::mem::take(&mut self.segments);
        let acknowledged = self.acknowledged();
        for segment in &segments {
            self.stage(segment, &segments, acknowledged);
        }
        let mut completions = self.ring.turn(&self.out.bytes, &self.sends, wait);
        // First, for these point into the arena.
        for completion in
            completions.iter().filter(|completion| completion.token.operation == Operation::Send)
        {
            self.unsent(completion);
        }
        self.count_sent(segments.len());
        self.sends.clear();
        self.out.clear();
        self.out.bytes.shrink_to(ARENA_BYTES_KEPT);
        for segment in &segments {
            self.after_send(segment.connection);
        }
        self.segments = segments;
        self.segments.clear();
        self.backlog.extend(completions.drain(..));
        self.ring.recycle(completions);
    }

    fn count_sent(&self, segments: usize) {
        if segments > 0 {
            self.counters().output_bytes.add(self.out.wire_bytes() as u64);
            self.counters().writes.add(segments as u64);
        }
    }

    /// Stages the send of the replies that begin with a segment, or moves them to the outbox.
    fn stage(&mut self, segment: &Segment, all: &[Segment], acknowledged: u64) {
        let Some(connection) = self.connections.find_at(segment.connection) else {
            return;
        };
        let (index, waits) = (segment.connection, connection.outbox.is_some());
        let is_gated = connection.gate > acknowledged;
        let reply = connection.turn_reply;
        let (mut start, mut end) = (segment.start, segment.end);
        match reply {
            TurnReply::None => return,
            // A segment after the first of several: it went with the first.
            TurnReply::Staged { .. } => return,
            TurnReply::Whole { .. } if waits || is_gated || self.has_shared(start, end) => {
                return self.move_to_outbox(index, std::iter::once(segment));
            }
            TurnReply::Whole { .. } => {}
            TurnReply::Fragmented { first, .. } => {
                let own = || std::iter::successors(Some(first), |&at| all[at as usize].next);
                let own = || own().map(|at| &all[at as usize]);
                if waits || is_gated || own().any(|part| self.has_shared(part.start, part.end)) {
                    return self.move_to_outbox(index, own());
                }
                start = self.out.bytes.len() as u32;
                for part in own() {
                    self.out.bytes.extend_from_within(part.start as usize..part.end as usize);
                }
                end = self.out.bytes.len() as u32;
            }
        }
        let connection = self.connections.at(index);
        connection.turn_reply = TurnReply::Staged { start, end };
        if connection.closing != Closing::Shut {
            let socket = connection.fd();
            let token = self.connections.token(Operation::Send, index);
            self.sends.push(ArenaSend { socket, token, start, end });
        }
    }

    /// Whether a block is to be sent from within a range of the arena.
    fn has_shared(&self, start: u32, end: u32) -> bool {
        let at = self.out.shared.partition_point(|(position, _)| *position < start as usize);
        self.out.shared.get(at).is_some_and(|(position, _)| *position < end as usize)
    }

    /// Copies ranges of the arena, and the shared blocks in them, behind what waits for the connection.
    fn move_to_outbox<'a>(&mut self, index: u32, segments: impl Iterator<Item = &'a Segment>) {
        let connection = self.connections.at(index);
        connection.turn_reply = TurnReply::None;
        if connection.closing == Closing::Shut {
            return;
        }
        let gate = connection.gate;
        let outbox = connection.outbox.get_or_insert_default();
        outbox.close_gate(gate);
        for segment in segments {
            let (mut from, end) = (segment.start as usize, segment.end as usize);
            let first = self.out.shared.partition_point(|(position, _)| *position < from);
            for (at, block) in self.out.shared[first..].iter().take_while(|(at, _)| *at < end) {
                outbox.push_copy(&self.out.bytes[from..*at]);
                outbox.push_shared(block.clone());
                from = *at;
            }
            outbox.push_copy(&self.out.bytes[from..end]);
        }
        self.gate(index, gate);
        self.send_outbox(index);
    }

    /// A send from the arena did not send everything.
    fn unsent(&mut self, completion: &Completion) {
        let token = completion.token;
        let Some(connection) = self.connections.find(token.generation, token.index) else {
            return;
        };
        let TurnReply::Staged { start, end } = connection.turn_reply else {
            return;
        };
        if completion.result < 0 && completion.result != -libc::EAGAIN && completion.result != -libc::EINTR {
            return self.shut(token.index);
        }
        let sent = completion.result.max(0) as u32;
        connection
            .outbox
            .get_or_insert_default()
            .push_copy(&self.out.bytes[(start + sent) as usize..end as usize]);
        self.send_outbox(token.index);
    }

    /// What follows when the replies of a turn are on their way.
    fn after_send(&mut self, index: u32) {
        let Some(connection) = self.connections.find_at(index) else {
            return;
        };
        connection.turn_reply = TurnReply::None;
        self.check_output_limit(index);
    }

    /// Starts the next send of what waits, unless one is under way.
    pub(super) fn send_outbox(&mut self, index: u32) {
        let token = self.connections.token(Operation::SendOwned, index);
        let acknowledged = self.acknowledged();
        let connection = self.connections.at(index);
        let socket = connection.fd();
        let start = |outbox: &mut Box<Outbox>| outbox.start_send(acknowledged);
        if let Some(parts) = connection.outbox.as_mut().and_then(start) {
            self.ring.send_owned(socket, token, parts);
        }
    }

    /// A send of owned bytes came to its end.
    pub(super) fn sent_owned(&mut self, completion: Completion) {
        let (token, Some(Owned::Parts(parts))) = (completion.token, completion.owned) else {
            return;
        };
        let Some(connection) = self.connections.find(token.generation, token.index) else {
            return;
        };
        if completion.result > 0 {
            connection.active_at_s = (self.turn.now_us / 1_000_000) as u32;
        }
        let outbox = connection.outbox.as_mut().expect("it lives as long as its send");
        outbox.finish_send(parts, completion.result.max(0) as usize);
        if connection.closing == Closing::Shut || (completion.result < 0 && completion.result != -libc::EINTR)
        {
            return self.shut(token.index);
        }
        if connection.outbox.as_ref().is_some_and(|outbox| outbox.is_empty()) {
            connection.outbox = None;
        }
        if connection.closing == Closing::AfterReplies {
            self.closing.push((token.generation, token.index));
        }
        self.send_outbox(token.index);
    }
}
