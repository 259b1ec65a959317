//! Which parts of transactions count, and where logs end, after a crash. Pure: what it must read it asks for.
//!
//! A part whose sister is missing is *dropped*. What lies behind it in its log and is about the same keys was built on it:
//! another part is dropped as well, and before anything else the log *ends*. Either may take sisters away from parts in
//! other logs, so this is repeated until nothing changes. Only what must go is taken away, and each step makes others
//! only more necessary: so the order of the steps does not matter, and what is left is the most that can be kept.

use std::ops::ControlFlow;

use ahash::AHashMap;

use crate::codec::record::{Participant, Ticket};
use crate::persist::touched::Touched;

/// What was found in the log of one shard.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Where its base was taken: what was before is in it. 0 without a base.
    pub base_position: u64,
    /// Where the valid records end.
    pub end: u64,
    parts: Vec<Part>,
    participants: Vec<Participant>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    position: u64,
    ticket: Ticket,
    participants_at: usize,
    participants_count: u16,
}

impl Found {
    pub fn new(base_position: u64) -> Self {
        Found { base_position, end: base_position, ..Found::default() }
    }

    /// Adds a part, behind all that were added.
    pub fn add_part(
        &mut self,
        position: u64,
        ticket: Ticket,
        participants: impl IntoIterator<Item = Participant>,
    ) {
        assert!(self.parts.last().is_none_or(|last| last.position < position));
        let participants_at = self.participants.len();
        self.participants.extend(participants);
        let participants_count = (self.participants.len() - participants_at) as u16;
        self.parts.push(Part { position, ticket, participants_at, participants_count });
    }

    /// Forgets the part of a transaction that an earlier recovery has found incomplete.
    pub fn forget_part(&mut self, ticket: Ticket) {
        // Voids stand at the beginning of what a server writes, shortly behind the parts they are about.
        if let Some(index) = self.parts.iter().rposition(|part| part.ticket == ticket) {
            self.parts.remove(index);
        }
    }

    fn participants(&self, part: &Part) -> &[Participant] {
        &self.participants[part.participants_at..][..usize::from(part.participants_count)]
    }
}

/// Is shown a record: position, ticket if it is a part, and effects.
pub type Visitor<'v> = dyn FnMut(u64, Option<Ticket>, &[u8]) -> ControlFlow<()> + 'v;

/// Reads logs again.
pub trait Logs {
    type Error;

    /// Shows the records of a shard that have effects, from position `from` up to `until`.
    fn visit(&self, shard: usize, from: u64, until: u64, each: &mut Visitor<'_>) -> Result<(), Self::Error>;
}

/// What of one shard's log counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What lies here and behind does not.
    pub end: u64,
    /// Parts before the end that do not either, in the order of the log.
    pub dropped: Vec<Ticket>,
}

/// Decides for all shards.
pub fn resolve<L: Logs>(found: &[Found], logs: &L) -> Result<Vec<Verdict>, L::Error> {
    let mut states: Vec<State> = found.iter().map(State::new).collect();
    loop {
        let mut is_settled = true;
        for shard in 0..states.len() {
            if drop_incomplete(&mut states, shard) {
                is_settled = false;
                states[shard].sweep(shard, logs)?;
            }
        }
        if is_settled {
            return Ok(states.iter().map(State::verdict).collect());
        }
    }
}

/// How far one log is decided.
struct State<'a> {
    found: &'a Found,
    end: u64,
    /// By part.
    is_dropped: Vec<bool>,
    by_ticket: AHashMap<Ticket, usize>,
}

/// Drops the parts of a shard that miss a sister; tells whether there were any.
fn drop_incomplete(states: &mut [State<'_>], shard: usize) -> bool {
    let incomplete: Vec<usize> = {
        let (states, state) = (&*states, &states[shard]);
        let is_incomplete = |part: &Part| {
            let mut participants = state.found.participants(part).iter();
            !participants.all(|participant| {
                states.get(usize::from(participant.shard)).is_some_and(|sister| {
                    participant.position < sister.found.base_position || sister.has(part.ticket)
                })
            })
        };
        state.kept().filter(|(_, part)| is_incomplete(part)).map(|(index, _)| index).collect()
    };
    incomplete.iter().for_each(|&index| states[shard].is_dropped[index] = true);
    !incomplete.is_empty()
}

impl<'a> State<'a> {
    fn new(found: &'a Found) -> Self {
        let by_ticket = found.parts.iter().enumerate().map(|(index, part)| (part.ticket, index)).collect();
        State { found, end: found.end, is_dropped: vec![false; found.parts.len()], by_ticket }
    }

    fn kept(&self) -> impl Iterator<Item = (usize, &'a Part)> {
        let parts = self.found.parts.iter().enumerate();
        parts.filter(|(index, part)| !self.is_dropped[*index] && part.position < self.end)
    }

    fn has(&self, ticket: Ticket) -> bool {
        self.by_ticket
            .get(&ticket)
            .is_some_and(|&index| !self.is_dropped[index] && self.found.parts[index].position < self.end)
    }

    fn dropped(&self) -> impl Iterator<Item = &Part> {
        let parts = self.found.parts.iter().enumerate();
        parts
            .filter(|(index, part)| self.is_dropped[*index] && part.position < self.end)
            .map(|(_, part)| part)
    }

    /// Takes away what was built on dropped parts.
    fn sweep<L: Logs>(&mut self, shard: usize, logs: &L) -> Result<(), L::Error> {
        let Some(from) = self.dropped().map(|part| part.position).next() else {
            return Ok(());
        };
        let mut lost = Touched::default();
        let (is_dropped, by_ticket, end) = (&mut self.is_dropped, &self.by_ticket, &mut self.end);
        logs.visit(shard, from, *end, &mut |position, ticket, effects| {
            let meets = lost.meets(effects);
            match ticket {
                None if meets => {
                    *end = position;
                    return ControlFlow::Break(());
                }
                None => {}
                // A part that is not known is one that an earlier recovery has dropped.
                Some(ticket) => {
                    if let Some(&index) = by_ticket.get(&ticket) {
                        is_dropped[index] |= meets;
                        if is_dropped[index] {
                            lost.add(effects);
                        }
                    }
                }
            }
            ControlFlow::Continue(())
        })
    }

    fn verdict(&self) -> Verdict {
        Verdict { end: self.end, dropped: self.dropped().map(|part| part.ticket).collect() }
    }
}
