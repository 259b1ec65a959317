//! From effects to records: what a shard has changed and its log does not have yet.
//!
//! The key space appends effects to one buffer. It begins with records, which are whole, and ends with the head of a record
//! to come and its effects so far:
//!
//! ```text
//! | record | record | head | effect | effect
//! ^ position               ^ open
//! ```

use crate::codec::record::{self, HEADER_BYTES, Kind, Participant, Seed, Ticket};
use crate::keyspace::{Encoder, Keyspace};
use crate::shard::visit;

/// What the record to come begins with: header and kind.
const HEAD_BYTES: usize = HEADER_BYTES + 1;
/// A record is closed when it has so many bytes, which bounds what a reader has to hold but for large values.
const RECORD_BYTES: usize = 64 * 1024;

/// What the buffer keeps of the room that a large value needed.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// The end of one shard's log.
#[derive(Default)]
pub struct Journal {
    /// Nothing is recorded without it.
    seed: Option<Seed>,
    /// The position of the first byte of the buffer.
    position: u64,
    /// Where the record to come begins in the buffer.
    open: usize,
    /// A position, between two records, beyond which nothing is appended until it is lifted.
    barrier: Option<u64>,
}

impl Journal {
    /// Records everything that happens from now on; the next record is at `position`.
    pub fn begin(&mut self, keyspace: &mut Keyspace, encoder: Encoder, seed: Seed, position: u64) {
        keyspace.record_effects(Some(encoder));
        let buffer = keyspace.effects_mut();
        buffer.clear();
        record::begin(buffer, Kind::Effects);
        *self = Journal { seed: Some(seed), position, open: 0, barrier: None };
    }

    /// Records nothing any more, and forgets what was not appended.
    pub fn end(&mut self, keyspace: &mut Keyspace) {
        keyspace.record_effects(None);
        *keyspace.effects_mut() = Vec::new();
        *self = Journal::default();
    }

    #[inline]
    pub fn is_on(&self) -> bool {
        self.seed.is_some()
    }

    /// The position of the first byte that was not appended.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// A position behind everything that has happened so far and will be appended: no record that begins later begins before it.
    #[inline]
    pub fn end_position(&self, keyspace: &Keyspace) -> u64 {
        self.position + keyspace.effects().len().max(self.open + HEAD_BYTES) as u64 - HEAD_BYTES as u64
    }

    /// Closes the record that has effects, if there are any.
    pub fn seal(&mut self, keyspace: &mut Keyspace) {
        if keyspace.effects().len() > self.open + HEAD_BYTES {
            self.close(keyspace.effects_mut());
        }
    }

    /// Closes the record when it has grown large.
    #[inline]
    pub fn seal_if_large(&mut self, keyspace: &mut Keyspace) {
        if keyspace.effects().len() > self.open + RECORD_BYTES {
            self.seal(keyspace);
        }
    }

    /// Takes the effects since the last record out.
    pub fn take_effects(&mut self, keyspace: &mut Keyspace) -> Vec<u8> {
        match self.is_on() {
            true => keyspace.effects_mut().split_off(self.open + HEAD_BYTES),
            false => Vec::new(),
        }
    }

    /// Appends effects that were taken out as a record of their own.
    pub fn put_effects(&mut self, keyspace: &mut Keyspace, effects: &[u8]) {
        if self.is_on() && !effects.is_empty() {
            keyspace.effects_mut().extend_from_slice(effects);
            self.close(keyspace.effects_mut());
        }
    }

    /// Appends the part of a transaction.
    pub fn put_part(
        &mut self,
        keyspace: &mut Keyspace,
        ticket: visit::Ticket,
        all: &[visit::Participant],
        effects: &[u8],
    ) {
        if !self.is_on() {
            return;
        }
        let buffer = self.without_head(keyspace);
        let ticket = Ticket { home: ticket.home, number: ticket.number };
        let place = |part: &visit::Participant| Participant { shard: part.shard, position: part.agreed_at };
        record::begin_part(buffer, ticket, all.iter().map(place));
        buffer.extend_from_slice(effects);
        self.close(buffer);
    }

    /// Appends that everything before `synced` is on the disk.
    pub fn put_synced(&mut self, keyspace: &mut Keyspace, synced: u64) {
        self.seal(keyspace);
        let (position, seed) = (self.position + self.open as u64, self.seed());
        let buffer = self.without_head(keyspace);
        record::write_synced(buffer, synced, position, seed);
        self.open_next(buffer);
    }

    /// Appends that a transaction was found incomplete when the logs were read.
    pub fn put_void(&mut self, keyspace: &mut Keyspace, ticket: Ticket) {
        let (position, seed) = (self.position + self.open as u64, self.seed());
        let buffer = self.without_head(keyspace);
        record::write_void(buffer, ticket, position, seed);
        self.open_next(buffer);
    }

    /// The records that were not appended and may be.
    pub fn records<'k>(&self, keyspace: &'k Keyspace) -> &'k [u8] {
        let end = self.barrier.map_or(self.open, |barrier| (barrier - self.position) as usize);
        &keyspace.effects()[..end]
    }

    /// Whether no record is left to be appended.
    pub fn is_appended(&self) -> bool {
        self.open == 0
    }

    /// Parts what has happened so far from what will: the log is to be continued elsewhere from there on. Gives the position.
    pub fn set_barrier(&mut self, keyspace: &mut Keyspace) -> u64 {
        self.seal(keyspace);
        *self.barrier.insert(self.position + self.open as u64)
    }

    pub fn barrier(&self) -> Option<u64> {
        self.barrier
    }

    pub fn lift_barrier(&mut self) {
        self.barrier = None;
    }

    /// So many bytes from the front were appended.
    pub fn appended(&mut self, keyspace: &mut Keyspace, bytes: usize) {
        assert!(bytes <= self.open, "only records are appended");
        let buffer = keyspace.effects_mut();
        buffer.drain(..bytes);
        if buffer.capacity() > BUFFER_BYTES_KEPT {
            buffer.shrink_to(BUFFER_BYTES_KEPT);
        }
        self.position += bytes as u64;
        self.open -= bytes;
    }

    /// Takes all records as appended; the next one is at `position`, for what follows them up to there is left free.
    pub fn skip_to(&mut self, keyspace: &mut Keyspace, position: u64) {
        self.appended(keyspace, self.open);
        assert!(keyspace.effects().len() == HEAD_BYTES, "effects belong to a position");
        self.position = position;
    }

    fn seed(&self) -> Seed {
        self.seed.expect("nothing is recorded before it begins")
    }

    /// The buffer with records only.
    fn without_head<'k>(&self, keyspace: &'k mut Keyspace) -> &'k mut Vec<u8> {
        let buffer = keyspace.effects_mut();
        debug_assert!(buffer.len() == self.open + HEAD_BYTES, "effects are sealed or taken out first");
        buffer.truncate(self.open);
        buffer
    }

    fn close(&mut self, buffer: &mut Vec<u8>) {
        record::finish(buffer, self.open, self.position + self.open as u64, self.seed());
        self.open_next(buffer);
    }

    fn open_next(&mut self, buffer: &mut Vec<u8>) {
        self.open = buffer.len();
        record::begin(buffer, Kind::Effects);
    }
}
