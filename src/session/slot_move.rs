//! A slot on its way from one shard to another while both serve: docs/consistency.md.
//!
//! ```text
//! hold the map, then both owners -> the old one takes the tables out -> the new one puts them in
//!   -> every other core is told -> release
//! ```

use crate::session::transaction::{Client, Compass, Origin, Place, Progress};
use crate::shard::locks::{MAP, Mode, WHOLE};
use crate::shard::visit::{Agreed, Handover, Participant, Share, Step, Then, Ticket, Visit};

/// One move, at the core whose client asked for it.
pub struct SlotMove {
    pub ticket: Ticket,
    pub origin: Origin,
    pub posts: Vec<(u16, Step)>,
    slot: u16,
    from: u16,
    to: u16,
    /// The shards that hold, in the order in which they are asked.
    holders: Vec<u16>,
    held: usize,
    /// The owners, with the positions of their logs when they gave their locks.
    participants: Vec<Participant>,
    /// Visits under way, once all hold.
    away: usize,
    /// The latest clock of those that hold: the new owner must not see keys again that have expired at the old one.
    now_us: u64,
}

impl SlotMove {
    pub fn new(ticket: Ticket, origin: Origin, slot: u16, to: u16) -> Self {
        SlotMove {
            ticket,
            origin,
            posts: Vec::new(),
            slot,
            from: to,
            to,
            holders: Vec::new(),
            held: 0,
            participants: Vec::new(),
            away: 0,
            now_us: 0,
        }
    }

    /// Asks the first shard to hold.
    pub fn begin(&mut self, compass: Compass, client: &mut impl Client) -> Progress {
        self.from = compass.slots.owner(self.slot);
        if self.from == self.to {
            client.reserve(Place::Reply(b"+OK\r\n".to_vec()));
            return Progress::Done;
        }
        self.holders = vec![0, self.from, self.to];
        self.holders.sort_unstable();
        self.holders.dedup();
        self.held = 0;
        self.participants.clear();
        self.hold_next();
        Progress::Waiting
    }

    fn hold_next(&mut self) {
        let shard = self.holders[self.held];
        let mut visit = self.visit(shard);
        if shard == 0 {
            visit.wants.push((MAP, Mode::Exclusive));
        }
        if shard == self.from || shard == self.to {
            visit.wants.push((WHOLE, Mode::Exclusive));
        }
        self.posts.push((shard, Step::Hold(visit)));
    }

    fn visit(&self, shard: u16) -> Box<Visit> {
        Box::new(Visit { then: Then::Keep, now_us: self.now_us, ..Visit::new(self.ticket, shard) })
    }

    fn hand_over(&mut self, shard: u16, handover: Handover) {
        let is_participant = self.participants.iter().any(|part| part.shard == shard);
        let share = match is_participant {
            true => Share::PartOf(self.participants.as_slice().into()),
            false => Share::Kept,
        };
        let visit = Box::new(Visit { handover: Some(handover), share, ..*self.visit(shard) });
        self.away += 1;
        self.posts.push((shard, Step::Run(visit)));
    }

    /// Takes what a shard answered.
    pub fn take(&mut self, visit: Box<Visit>, compass: Compass, client: &mut impl Client) -> Progress {
        if self.held < self.holders.len() {
            if visit.agreed == Agreed::Refused {
                // An owner cannot write, and holds nothing.
                self.release();
                client.reserve(Place::Reply(visit.replies.bytes));
                return Progress::Done;
            }
            self.held += 1;
            self.now_us = self.now_us.max(visit.now_us);
            if visit.shard == self.from || visit.shard == self.to {
                self.participants.push(Participant { shard: visit.shard, agreed_at: visit.agreed_at });
            }
            // Whoever holds the map knows the latest one: another move may have come first.
            if compass.slots.owner(self.slot) != self.from {
                self.release();
                return self.begin(compass, client);
            }
            match self.held == self.holders.len() {
                true => self.hand_over(self.from, Handover::Take { slot: self.slot, to: self.to }),
                false => self.hold_next(),
            }
            return Progress::Waiting;
        }
        self.away -= 1;
        match visit.handover {
            Some(Handover::Taken { tables, map }) => {
                self.hand_over(self.to, Handover::Put { slot: self.slot, tables, map });
            }
            Some(Handover::Done(map)) if visit.shard == self.to => {
                let (from, to) = (self.from, self.to);
                for shard in (0..map.shards).filter(|&shard| shard != from && shard != to) {
                    self.hand_over(shard, Handover::Follow(map.clone()));
                }
            }
            _ => {}
        }
        if self.away > 0 {
            return Progress::Waiting;
        }
        self.release();
        client.reserve(Place::Reply(b"+OK\r\n".to_vec()));
        Progress::Done
    }

    fn release(&mut self) {
        let held = &self.holders[..self.held];
        self.posts.extend(held.iter().map(|&shard| (shard, Step::Release(self.ticket))));
    }
}
