//! Replies in the order of their requests, whichever shard is first to answer.
//!
//! Every request that was not answered at once has a place; a reply that arrives for the first place goes straight
//! out, any other is held until those before it are there.

use std::collections::VecDeque;

use crate::protocol::Out;
use crate::protocol::reply::Mark;
use crate::session::gather::Gather;

/// How many requests of one client may be out at once; the next ones wait unread.
pub const PLACES_MAX: usize = 1024;
/// How many bytes of replies may be held for one client before its next requests wait.
pub const HELD_BYTES_MAX: usize = 1 << 20;

/// Which replies a client wants: CLIENT REPLY.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mute {
    #[default]
    No,
    /// None.
    All,
    /// Not the next one.
    Next,
    /// Not the one behind the transaction in which it said so.
    BehindTransaction,
}

#[derive(Debug)]
enum Place {
    Waiting,
    Gathering(Box<Gather>),
    /// Waiting, or gathering, a reply that nobody wants.
    Muted(Option<Box<Gather>>),
    /// A range of `held`.
    Held {
        start: Mark,
        end: Mark,
    },
}

/// The replies of one client that are still out.
#[derive(Debug, Default)]
pub struct Order {
    places: VecDeque<Place>,
    /// Sequence number of the first place, modulo 2^32.
    first: u32,
    /// Places whose reply is still out.
    out_count: usize,
    /// A slot has moved since they were sent: nothing more is dispatched until all are back.
    pub is_outdated: bool,
    mute: Mute,
    held: Out,
}

impl Order {
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether there is nothing to remember: the next reply may go straight out.
    pub fn is_over(&self) -> bool {
        self.places.is_empty() && self.mute == Mute::No
    }

    pub fn mute(&self) -> Mute {
        self.mute
    }

    pub fn set_mute(&mut self, mute: Mute) {
        self.mute = mute;
    }

    /// Whether the reply that is due next is unwanted.
    fn drops_next(&mut self) -> bool {
        match self.mute {
            Mute::All => true,
            Mute::Next => {
                self.mute = Mute::No;
                true
            }
            Mute::No | Mute::BehindTransaction => false,
        }
    }

    pub fn has_room(&self) -> bool {
        self.places.len() < PLACES_MAX
            && self.held.bytes.len() < HELD_BYTES_MAX
            && !(self.is_outdated && self.out_count > 0)
    }

    /// Whether no reply is out: what is here is only held.
    pub fn is_quiet(&self) -> bool {
        self.out_count == 0
    }

    /// How many replies are out.
    pub fn out_count(&self) -> usize {
        self.out_count
    }

    pub fn held_bytes(&self) -> usize {
        self.held.bytes.len()
    }

    /// The sequence number of the first place.
    pub fn first_sequence(&self) -> u32 {
        self.first
    }

    /// The sequence number of the next place.
    pub fn next_sequence(&self) -> u32 {
        self.first.wrapping_add(self.places.len() as u32)
    }

    /// Reserves the place of a reply that one other shard will make; gives its sequence number.
    pub fn wait(&mut self) -> u32 {
        self.reserve(Place::Waiting)
    }

    /// Reserves the place of a reply that several shards make.
    pub fn gather(&mut self, gather: Gather) -> u32 {
        self.reserve(Place::Gathering(Box::new(gather)))
    }

    /// Lets several shards make a reply for which one was to.
    pub fn gather_at(&mut self, sequence: u32, gather: Gather) {
        let index = sequence.wrapping_sub(self.first) as usize;
        self.places[index] = match &self.places[index] {
            Place::Waiting => Place::Gathering(Box::new(gather)),
            Place::Muted(None) => Place::Muted(Some(Box::new(gather))),
            _ => unreachable!("only a reply that is out is made otherwise"),
        };
    }

    fn reserve(&mut self, place: Place) -> u32 {
        let place = match (self.drops_next(), place) {
            (true, Place::Gathering(gather)) => Place::Muted(Some(gather)),
            (true, _) => Place::Muted(None),
            (false, place) => place,
        };
        self.places.push_back(place);
        self.out_count += 1;
        self.first.wrapping_add(self.places.len() as u32 - 1)
    }

    /// Holds the reply that `write` appends, behind all that are out; tells whether it was dropped instead.
    pub fn hold(&mut self, write: impl FnOnce(&mut Out)) -> bool {
        let start = self.held.mark();
        write(&mut self.held);
        if self.drops_next() {
            self.held.truncate(start);
            if self.places.is_empty() {
                // Nothing would ever give it out.
                self.first = self.first.wrapping_add(1);
                return true;
            }
        }
        self.places.push_back(Place::Held { start, end: self.held.mark() });
        false
    }

    /// Takes the reply `from..to` of `replies`, made by `shard`, for the place `sequence`, and appends to `out` what is due.
    pub fn complete(
        &mut self,
        sequence: u32,
        shard: u16,
        replies: &Out,
        from: Mark,
        to: Mark,
        out: &mut Out,
    ) {
        // Most replies come for the first place, and need not be held.
        if sequence == self.first && matches!(self.places.front(), Some(Place::Waiting)) {
            out.append_range(replies, from, to);
            self.out_count -= 1;
            self.pop_first();
        } else {
            self.take(sequence, shard, replies, from, to);
        }
        self.drain(out);
    }

    /// Takes a reply, or the part of one, without giving anything out.
    pub fn take(&mut self, sequence: u32, shard: u16, replies: &Out, from: Mark, to: Mark) {
        let index = sequence.wrapping_sub(self.first) as usize;
        match &mut self.places[index] {
            Place::Waiting => {
                let start = self.held.mark();
                self.held.append_range(replies, from, to);
                self.places[index] = Place::Held { start, end: self.held.mark() };
                self.out_count -= 1;
            }
            Place::Gathering(gather) => {
                if gather.take(shard, replies, from, to) {
                    self.finish(index);
                }
            }
            Place::Muted(gather) => {
                if gather.as_mut().is_none_or(|gather| gather.take(shard, replies, from, to)) {
                    let nothing = self.held.mark();
                    self.places[index] = Place::Held { start: nothing, end: nothing };
                    self.out_count -= 1;
                }
            }
            Place::Held { .. } => unreachable!("a place is completed once"),
        }
    }

    /// Turns a complete gathering into a held reply.
    fn finish(&mut self, index: usize) {
        let start = self.held.mark();
        let Place::Gathering(gather) = std::mem::replace(&mut self.places[index], Place::Waiting) else {
            unreachable!("the caller has just seen a gathering there");
        };
        gather.finish(&mut self.held);
        self.places[index] = Place::Held { start, end: self.held.mark() };
        self.out_count -= 1;
    }

    fn pop_first(&mut self) {
        self.places.pop_front();
        self.first = self.first.wrapping_add(1);
    }

    /// Appends the held replies that nothing stands before.
    pub fn drain(&mut self, out: &mut Out) {
        while let Some(&Place::Held { start, end }) = self.places.front() {
            out.append_range(&self.held, start, end);
            self.pop_first();
        }
        if self.places.is_empty() {
            self.held.clear();
            self.is_outdated = false;
        }
    }
}
