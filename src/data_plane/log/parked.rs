//! What waits until the log is acknowledged: answers of the shard, replies to other cores, replies to clients.

use crate::data_plane::core::Core;
use crate::data_plane::mesh::Batch;
use crate::shard::Answer;

/// Something that tells of a change. Each is bounded where it comes from: transactions and waiting requests by connections,
/// batches by credits, replies by the output limits.
pub enum Parked {
    Answer(Answer),
    /// Replies to requests of another core, and whether any of these has written.
    Replies(u16, Box<Batch>, bool),
}

impl Core {
    /// Keeps something until the log is acknowledged up to `position`; gives it back if that is so already.
    pub fn park(&mut self, position: u64, parked: Parked) -> Option<Parked> {
        match &mut self.log {
            Some(log) if position > log.acknowledged => {
                log.parked.push_back((position, parked));
                None
            }
            _ => Some(parked),
        }
    }

    /// Sends the replies of a connection no further than the log is acknowledged.
    pub fn gate(&mut self, index: u32, position: u64) {
        if let Some(log) = &mut self.log
            && position > log.acknowledged
            && let Some(connection) = self.connections.find_at(index)
        {
            log.gated.push_back((position, connection.generation, index));
        }
    }

    /// The position up to which replies may leave.
    #[inline]
    pub fn acknowledged(&self) -> u64 {
        self.log.as_ref().map_or(u64::MAX, |log| log.acknowledged)
    }

    /// Lets go what is acknowledged. Tells whether there was anything.
    pub(super) fn let_go(&mut self) -> bool {
        let mut any = false;
        while let Some(parked) = self.next_acknowledged() {
            any = true;
            match parked {
                Parked::Answer(answer) => self.deal_with(answer),
                Parked::Replies(shard, batch, _) => self.mesh.reply(shard, batch),
            }
        }
        while let Some((generation, index)) = self.next_ungated() {
            if self.connections.find(generation, index).is_some() {
                self.send_outbox(index);
            }
        }
        if any {
            self.deal_with_answers();
        }
        any
    }

    fn next_acknowledged(&mut self) -> Option<Parked> {
        let log = self.log.as_mut()?;
        let is_due = log.parked.front().is_some_and(|(position, _)| *position <= log.acknowledged);
        if is_due {
            return log.parked.pop_front().map(|(_, parked)| parked);
        }
        // While nothing can be written reads go on, whatever they see: as they do at this core.
        log.failure.as_ref()?;
        let reads = |(_, parked): &(u64, Parked)| matches!(parked, Parked::Replies(_, _, false));
        let index = log.parked.iter().position(reads)?;
        log.parked.remove(index).map(|(_, parked)| parked)
    }

    fn next_ungated(&mut self) -> Option<(u32, u32)> {
        let log = self.log.as_mut()?;
        let is_due = log.gated.front().is_some_and(|(position, ..)| *position <= log.acknowledged);
        is_due.then(|| log.gated.pop_front()).flatten().map(|(_, generation, index)| (generation, index))
    }
}
