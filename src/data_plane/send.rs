//! From the arena to the sockets: one send a connection and turn; what a socket does not take waits in its outbox.

use crate::data_plane::connection::{Closing, TurnReply};
use crate::data_plane::core::{Core, Segment};
use crate::sys::ring::{ArenaSend, Completion, Operation, Owned, Wait};

impl Core {
    /// Sends the replies in the arena, submits everything else, and waits as told. Completions go to the backlog.
    pub(super) fn send_replies(&mut self, wait: Wait) {
        let segments = std::mem::take(&mut self.segments);
        for segment in &segments {
            self.stage(segment, &segments);
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
        for segment in &segments {
            self.after_send(segment.connection);
        }
        self.segments = segments;
        self.segments.clear();
        self.close_those_done();
        self.backlog.extend(completions.drain(..));
        self.ring.recycle(completions);
    }

    fn count_sent(&self, segments: usize) {
        if segments > 0 {
            self.counters().output_bytes.add(self.out.wire_bytes() as u64);
            self.counters().writes.add(segments as u64);
        }
    }

    /// Stages the send of one segment, or moves it to the outbox.
    fn stage(&mut self, segment: &Segment, all: &[Segment]) {
        let Some(connection) = self.connections.find_at(segment.connection) else {
            return;
        };
        let reply = std::mem::take(&mut connection.turn_reply);
        let (mut start, mut end) = (segment.start, segment.end);
        match reply {
            // A segment after the first of a fragmented reply: it was put together with the first.
            TurnReply::None => return,
            TurnReply::Whole { .. } => {}
            TurnReply::Fragmented => {
                let own = all.iter().filter(|other| other.connection == segment.connection);
                if connection.outbox.is_some() || !self.out.shared.is_empty() {
                    for part in own {
                        self.move_to_outbox(segment.connection, part.start, part.end);
                    }
                    return;
                }
                start = self.out.bytes.len() as u32;
                own.for_each(|part| {
                    self.out.bytes.extend_from_within(part.start as usize..part.end as usize)
                });
                end = self.out.bytes.len() as u32;
            }
        }
        let has_shared = self.out.shared.iter().any(|(at, _)| (start as usize..end as usize).contains(at));
        let connection = self.connections.at(segment.connection);
        if connection.outbox.is_some() || has_shared {
            return self.move_to_outbox(segment.connection, start, end);
        }
        if end > start && connection.closing != Closing::Shut {
            connection.turn_reply = TurnReply::Whole { start, end };
            let socket = connection.fd();
            let token = self.connections.token(Operation::Send, segment.connection);
            self.sends.push(ArenaSend { socket, token, start, end });
        }
    }

    /// Copies a range of the arena, and the shared blocks in it, behind what waits for the connection.
    fn move_to_outbox(&mut self, index: u32, start: u32, end: u32) {
        let connection = self.connections.at(index);
        if connection.closing == Closing::Shut {
            return;
        }
        let outbox = connection.outbox.get_or_insert_default();
        let (range, mut from) = (start as usize..end as usize, start as usize);
        for (at, block) in self.out.shared.iter().filter(|(at, _)| range.contains(at)) {
            outbox.push_copy(&self.out.bytes[from..*at]);
            outbox.push_shared(block.clone());
            from = *at;
        }
        outbox.push_copy(&self.out.bytes[from..range.end]);
        self.send_outbox(index);
    }

    /// A send from the arena did not send everything.
    fn unsent(&mut self, completion: &Completion) {
        let token = completion.token;
        let Some(connection) = self.connections.find(token.generation, token.index) else {
            return;
        };
        let TurnReply::Whole { start, end } = connection.turn_reply else {
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
        let connection = self.connections.at(index);
        let socket = connection.fd();
        if let Some(parts) = connection.outbox.as_mut().and_then(|outbox| outbox.start_send()) {
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
