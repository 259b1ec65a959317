//! Where a core meets its log: what has changed is appended before anything of the turn leaves, and what tells of it waits.
//! Follows `data_plane/log/append.rs`, `parked.rs` and `send.rs`.

use basalt::commands::row::Flags;
use basalt::shard::Answer;
use basalt::shard::visit::Share;

use super::connection::Closing;
use super::core::Core;
use super::flaw::Flaw;
use super::history::{Logged, Part};
use super::log::Parked;
use super::mesh::Batch;

impl Core {
    /// What is wrong with this core on purpose.
    pub fn has_flaw(&self, flaw: Flaw) -> bool {
        self.log.as_ref().is_some_and(|log| log.has_flaw(flaw))
    }

    /// Takes what the kernel has done for the log.
    pub fn complete_files(&mut self) {
        if let Some(log) = &mut self.log {
            log.take_done(self.recorder.tick(), self.instant_us);
        }
    }

    /// Appends what has changed, and lets go what that acknowledges.
    pub fn append_log(&mut self) {
        while let Some(log) = &mut self.log {
            self.shard.journal.seal(&mut self.shard.keyspace);
            log.append(&mut self.shard, self.recorder.tick(), self.instant_us);
            // What is let go may change more.
            if !self.let_go() {
                return;
            }
        }
    }

    /// Everything that tells of a change up to here may leave.
    fn acknowledged(&self) -> u64 {
        self.log.as_ref().map_or(u64::MAX, |log| log.acknowledged)
    }

    /// Keeps something until the log is acknowledged up to `position`; gives it back if that is so already.
    pub fn park(&mut self, position: u64, parked: Parked) -> Option<Parked> {
        let is_early =
            self.has_flaw(Flaw::SentBeforeAppended) || self.has_flaw(Flaw::AnsweredBeforeAcknowledged);
        match &mut self.log {
            Some(log) if position > log.acknowledged && !is_early => {
                log.parked.push_back((position, parked));
                None
            }
            _ => Some(parked),
        }
    }

    fn let_go(&mut self) -> bool {
        let mut any = false;
        while let Some(parked) = self.log.as_mut().and_then(|log| log.next_acknowledged()) {
            any = true;
            match parked {
                Parked::Answer(answer) => self.deal_with(answer),
                Parked::Replies(shard, batch) => self.mesh.reply(shard, batch),
            }
        }
        while let Some((generation, index)) = self.log.as_mut().and_then(|log| log.next_ungated()) {
            if self.connections.find(generation, index).is_some() {
                self.send_outbox(index);
            }
        }
        if any {
            self.deal_with_answers();
        }
        any
    }

    /// Returns a batch of another core once its replies may be told.
    pub fn return_batch(&mut self, from: u16, batch: Box<Batch>, changes_before: usize) {
        let has_only_read = self.shard.changes_bytes() == changes_before;
        let may_hear = self.log.as_ref().is_some_and(|log| log.is_always()) && has_only_read;
        let position = if may_hear { 0 } else { self.shard.journal.end_position(&self.shard.keyspace) };
        if let Some(Parked::Replies(from, batch)) = self.park(position, Parked::Replies(from, batch)) {
            self.mesh.reply(from, batch);
        }
    }

    /// Sends the replies of a turn, as far as they may leave.
    pub fn send_replies(&mut self) {
        let acknowledged = self.acknowledged();
        let is_early = self.has_flaw(Flaw::SentBeforeAppended);
        for index in self.connections.indices() {
            let connection = self.connections.at(index);
            let bytes = std::mem::take(&mut connection.out);
            assert!(bytes.shared.is_empty(), "values are small here");
            if bytes.is_empty() || connection.closing == Closing::Shut {
                continue;
            }
            let gate = connection.gate;
            if is_early || connection.outbox.is_empty() && gate <= acknowledged {
                connection.sent.extend_from_slice(&bytes.bytes);
                continue;
            }
            connection.outbox.push_back((gate, bytes.bytes));
            let generation = connection.generation;
            if let Some(log) = self.log.as_mut().filter(|log| gate > log.acknowledged) {
                log.gated.push_back((gate, generation, index));
            }
            self.send_outbox(index);
        }
    }

    fn send_outbox(&mut self, index: u32) {
        let acknowledged = self.acknowledged();
        let connection = self.connections.at(index);
        while let Some((_, bytes)) = connection.outbox.pop_front_if(|(gate, _)| *gate <= acknowledged) {
            connection.sent.extend_from_slice(&bytes);
        }
        if connection.closing == Closing::AfterReplies {
            self.closing.push((connection.generation, index));
        }
    }

    /// Sends in the middle of a turn, as when there is much to send.
    pub fn send_if_many(&mut self) {
        if self.log.as_mut().is_some_and(|log| log.sends_early()) {
            self.append_log();
            self.send_replies();
        }
    }

    /// A request of a client here was run, and has changed something if there is more than before: closes its gate.
    pub fn note_change(&mut self, index: u32, operation: usize, changes_before: usize) {
        if self.shard.changes_bytes() != changes_before {
            let end = self.shard.journal.end_position(&self.shard.keyspace);
            self.connections.at(index).gate = end;
            self.recorder.log(operation, Logged { shard: self.shard.index, end, part_of: None });
        }
    }

    /// How much of a request runs here: all, unless the shard cannot write.
    pub fn whole(&self) -> Part {
        match self.shard.write_refusal {
            None => Part::Whole,
            Some(_) => Part::Unwritable,
        }
    }

    /// Notes where the log ends with what an answer tells of.
    pub fn note_logged(&self, answer: &Answer) {
        let shard = self.shard.index;
        match answer {
            Answer::Visited(visit) if visit.logged_to > 0 => {
                let part_of = match &visit.share {
                    // Keys that were found expired.
                    Share::Kept if !self.has_flaw(Flaw::NoParts) => return,
                    Share::Kept | Share::Alone => None,
                    Share::PartOf(all) => Some((visit.ticket, all.len())),
                };
                let logged = Logged { shard, end: visit.logged_to, part_of };
                self.recorder.log(self.recorder.of(visit.ticket), logged);
            }
            Answer::Reply { lane, sequence, logged_to, .. } if *logged_to > 0 => {
                let logged = Logged { shard, end: *logged_to, part_of: None };
                self.recorder.log(self.recorder.at(*lane, *sequence), logged);
            }
            _ => {}
        }
    }
}

/// Whether a request is refused while nothing can be written.
pub fn writes(words: &[String]) -> bool {
    let row = basalt::commands::find(words[0].as_bytes()).expect("only known commands run");
    basalt::commands::COMMANDS[row].flags.has(Flags::WRITE)
}
