//! Replies that a client's socket did not take at once: they own their bytes and wait, within bounds.

use std::collections::VecDeque;

use bytes::Bytes;

/// How many parts one send carries; Linux takes 1024.
const PARTS_PER_SEND: usize = 256;
/// Small parts are put together up to this size.
const PART_BYTES: usize = 64 * 1024;

/// What waits to be sent to one client.
#[derive(Default)]
pub struct Outbox {
    /// Each with the position that the log must be acknowledged to before it may leave.
    parts: VecDeque<(u64, Bytes)>,
    /// That position for parts that are pushed from now on.
    gate: u64,
    /// Bytes in `parts` and in the send that is under way.
    bytes: usize,
    sending: bool,
    /// Since when, in seconds, the soft limit has been exceeded.
    pub over_soft_limit_since_s: Option<u32>,
}

impl Outbox {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    pub fn is_sending(&self) -> bool {
        self.sending
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && !self.sending
    }

    /// What is pushed from now on leaves when the log is acknowledged up to `position`.
    pub fn close_gate(&mut self, position: u64) {
        self.gate = position;
    }

    /// Copies reply bytes behind what waits.
    pub fn push_copy(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len();
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(PART_BYTES));
            self.parts.push_back((self.gate, Bytes::copy_from_slice(part)));
            bytes = rest;
        }
    }

    /// Puts a shared value behind what waits.
    pub fn push_shared(&mut self, block: Bytes) {
        self.bytes += block.len();
        self.parts.push_back((self.gate, block));
    }

    /// The parts of the next send, unless one is under way or nothing waits that may leave when the log is acknowledged so far.
    pub fn start_send(&mut self, acknowledged: u64) -> Option<Vec<Bytes>> {
        let may_leave = self.parts.iter().take_while(|(gate, _)| *gate <= acknowledged);
        let count = may_leave.take(PARTS_PER_SEND).count();
        if self.sending || count == 0 {
            return None;
        }
        self.sending = true;
        Some(self.parts.drain(..count).map(|(_, part)| part).collect())
    }

    /// A send of `parts` has sent `sent` bytes; the rest goes first next time.
    pub fn finish_send(&mut self, parts: Vec<Bytes>, mut sent: usize) {
        self.sending = false;
        self.bytes -= sent;
        let mut unsent = Vec::new();
        for mut part in parts {
            let gone = part.len().min(sent);
            sent -= gone;
            if gone < part.len() {
                unsent.push(part.split_off(gone));
            }
        }
        for part in unsent.into_iter().rev() {
            self.parts.push_front((0, part));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut received = Vec::new();
        while let Some(parts) = outbox.start_send(0) {
            let all = parts.concat();
            let sent = all.len().min(step);
            received.extend_from_slice(&all[..sent]);
            outbox.finish_send(parts, sent);
        }
        received
    }

    #[test]
    fn what_tells_of_a_change_waits_and_so_does_what_comes_behind_it() {
        let mut outbox = Outbox::default();
        outbox.push_copy(b"a");
        outbox.close_gate(7);
        outbox.push_copy(b"b");
        outbox.push_copy(b"c");
        assert_eq!(drain(&mut outbox, 100), b"a");
        assert!(outbox.start_send(6).is_none() && !outbox.is_empty());
        assert_eq!(outbox.start_send(7).expect("it may leave").concat(), b"bc");
    }

    #[test]
    fn short_sends_lose_and_repeat_nothing() {
        for step in [1, 2, 3, 7, 100_000] {
            let mut outbox = Outbox::default();
            outbox.push_copy(b"abc");
            outbox.push_shared(Bytes::from_static(b"defgh"));
            outbox.push_copy(b"ij");
            assert_eq!(drain(&mut outbox, step), b"abcdefghij");
            assert!(outbox.is_empty() && outbox.bytes() == 0);
        }
    }
}
