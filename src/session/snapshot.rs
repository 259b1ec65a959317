//! One moment of all shards, from which each begins to save: docs/persistence.md.
//!
//! ```text
//! hold all shards, one after the other, against writers -> each begins its walk -> release
//! ```

use crate::session::transaction::Progress;
use crate::shard::Save;
use crate::shard::locks::{Mode, WHOLE};
use crate::shard::visit::{Step, Then, Ticket, Visit};

/// The beginning of a snapshot, at the core that drives it.
pub struct Snapshot {
    pub ticket: Ticket,
    pub posts: Vec<(u16, Step)>,
    /// By shard; each is given away when all hold.
    saves: Vec<Save>,
    held: u16,
    shards: u16,
    /// Visits under way, once all hold.
    away: u16,
    /// Writers wait until `release`.
    keeps: bool,
}

impl Snapshot {
    /// For a server of as many shards as there are saves.
    pub fn new(ticket: Ticket, saves: Vec<Save>, keeps: bool) -> Self {
        let shards = saves.len() as u16;
        Snapshot { ticket, posts: Vec::new(), saves, held: 0, shards, away: 0, keeps }
    }

    /// Asks the first shard to hold.
    pub fn begin(&mut self) -> Progress {
        self.hold_next();
        Progress::Waiting
    }

    fn hold_next(&mut self) {
        let mut visit = self.visit(self.held);
        visit.wants.push((WHOLE, Mode::Shared));
        self.posts.push((self.held, Step::Hold(visit)));
    }

    fn visit(&self, shard: u16) -> Box<Visit> {
        Box::new(Visit { then: Then::Keep, ..Visit::new(self.ticket, shard) })
    }

    /// Takes what a shard answered.
    pub fn take(&mut self) -> Progress {
        if self.held < self.shards {
            self.held += 1;
            if self.held < self.shards {
                self.hold_next();
                return Progress::Waiting;
            }
            for (shard, save) in std::mem::take(&mut self.saves).into_iter().enumerate() {
                let visit = Visit { save: Some(save), ..*self.visit(shard as u16) };
                self.posts.push((shard as u16, Step::Run(Box::new(visit))));
            }
            self.away = self.shards;
            return Progress::Waiting;
        }
        self.away -= 1;
        if self.away > 0 {
            return Progress::Waiting;
        }
        if !self.keeps {
            self.release();
        }
        Progress::Done
    }

    fn release(&mut self) {
        let steps = release(self.ticket, self.shards);
        self.posts.extend(steps);
    }
}

/// Gives back what a snapshot holds.
pub fn release(ticket: Ticket, shards: u16) -> impl Iterator<Item = (u16, Step)> {
    (0..shards).map(move |shard| (shard, Step::Release(ticket)))
}
