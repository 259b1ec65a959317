//! CLIENT PAUSE: requests of clients wait on their core, unread.
//!
//! A pause begins at each core at its own moment; the client that asked for it is answered when nothing that a core has
//! dispatched before is still under way, so that nothing changes behind the answer.

use std::time::{Duration, Instant};

use crate::commands::Command;
use crate::commands::call::Pause;
use crate::commands::row::Flags;
use crate::commands::transaction::is_exec;
use crate::data_plane::connection::Stall;
use crate::data_plane::core::Core;
use crate::data_plane::mesh::Question;
use crate::session::Session;

/// The pause of one core, and who waits for what.
#[derive(Default)]
pub struct Pauses {
    active: Option<Active>,
    /// Connections, by generation and index, whose next request waits for the end.
    waiting: Vec<(u32, u32)>,
    unanswered: Vec<Unanswered>,
    /// Requests of this core that wait at some shard for locks. Below 0 when a reply has overtaken the news that its request
    /// waits, which is in a batch that waits for the log, and so is not back.
    pub late_count: i64,
}

/// A pause that has begun and is not answered yet: what was under way when it began must end first.
struct Unanswered {
    /// The core that asked.
    from: u16,
    question: Box<Question>,
    batches: Vec<u64>,
    last_errand: u64,
}

struct Active {
    until: Instant,
    writes_only: bool,
}

impl Pauses {
    pub fn end(&self) -> Option<Instant> {
        self.active.as_ref().map(|active| active.until)
    }

    /// Whether a request must wait for the end.
    pub fn stops(&self, command: Option<&Command>, session: &Session) -> bool {
        let Some(active) = &self.active else {
            return false;
        };
        let writes = command.is_some_and(|command| {
            let exec_writes = is_exec(command) && session.multi.as_ref().is_some_and(|multi| multi.writes);
            command.flags.has(Flags::WRITE) || exec_writes
        });
        writes || !active.writes_only
    }
}

impl Core {
    /// Begins a pause. A longer or stricter one that is under way stays so.
    pub(super) fn begin_pause(&mut self, pause: &Pause) {
        let Some(until) = Instant::now().checked_add(Duration::from_millis(pause.for_ms)) else {
            return;
        };
        let active = self.pauses.active.get_or_insert(Active { until, writes_only: true });
        active.until = active.until.max(until);
        active.writes_only &= pause.writes_only;
    }

    /// Ends the pause if its time has come.
    pub(super) fn end_pause(&mut self) {
        if self.pauses.end().is_some_and(|until| until <= Instant::now()) {
            self.unpause();
        }
    }

    pub(super) fn unpause(&mut self) {
        self.pauses.active = None;
        for (generation, index) in std::mem::take(&mut self.pauses.waiting) {
            if let Some(connection) = self.connections.find(generation, index)
                && connection.stall == Stall::Paused
            {
                connection.stall = Stall::No;
                self.resumable.push(index);
            }
        }
    }

    /// Lets the next request of a connection wait for the end.
    pub(super) fn let_pause(&mut self, index: u32) {
        let connection = self.connections.at(index);
        connection.stall = Stall::Paused;
        self.pauses.waiting.push((connection.generation, index));
    }

    /// Keeps the answer to a pause that has begun until it holds.
    pub(super) fn promise_pause(&mut self, from: u16, question: Box<Question>) {
        let (batches, last_errand) = (self.mesh.filled(), self.next_transaction);
        self.pauses.unanswered.push(Unanswered { from, question, batches, last_errand });
    }

    /// Answers pauses when nothing that was dispatched before them is under way.
    pub(super) fn answer_pauses(&mut self) {
        // Nobody waits for locks for long once nobody takes any to write.
        if self.pauses.unanswered.is_empty() || self.pauses.late_count != 0 {
            return;
        }
        for pause in std::mem::take(&mut self.pauses.unanswered) {
            let has_errand = self.errands.keys().any(|&number| number <= pause.last_errand);
            if has_errand || !self.mesh.are_back(&pause.batches) {
                self.pauses.unanswered.push(pause);
                continue;
            }
            let Unanswered { from, mut question, .. } = pause;
            question.answer.extend_from_slice(b"+OK\r\n");
            match from == self.shard.index {
                true => self.take_answer(from, *question),
                false => self.mesh.answer(from, question),
            }
        }
    }
}
