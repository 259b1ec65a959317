//! How long requests take: the clock is read once for a batch and the time shared out, or for each request whose time may
//! differ from that of others, and for each one when the slow log asks for little.

use crate::bridge::spikes::Sample;
use crate::commands::table::{number_of, row};
use crate::commands::{Command, Flags};
use crate::config::Settings;
use crate::data_plane::batch::Planned;
use crate::data_plane::core::Core;
use crate::session::transaction::Transaction;
use crate::shard::Answer;
use crate::shard::tally::Ran;
use crate::shard::visit::Step;
use crate::sys::ticks::Ticks;

/// With a threshold below this every request is timed by itself: a batch would hide what is sought.
const PRECISE_BELOW_US: u64 = 1_000;

/// What is to be found out about the time that requests take.
pub struct Timing {
    begun: Ticks,
    /// Each request is timed by itself.
    pub is_precise: bool,
    is_tracked: bool,
    /// From here on a request is slow; `u64::MAX` when none is.
    slow_ns: u64,
    spike_ns: u64,
}

impl Timing {
    pub fn new(settings: &Settings) -> Self {
        let is_precise = settings.slow_us.is_some_and(|us| us < PRECISE_BELOW_US);
        Timing {
            begun: Ticks::now(),
            is_precise: is_precise || settings.spike_ms > 0,
            is_tracked: settings.tracks_latency,
            slow_ns: settings.slow_us.map_or(u64::MAX, |us| us.saturating_mul(1_000)),
            spike_ns: match settings.spike_ms {
                0 => u64::MAX,
                ms => ms.saturating_mul(1_000_000),
            },
        }
    }

    #[inline]
    pub fn begin(&mut self) {
        self.begun = Ticks::now();
    }
}

impl Core {
    /// Counts what has run since the clock was last read, for as long as that took; gives the nanoseconds of one call if they
    /// were slow.
    #[inline]
    pub(super) fn lap(&mut self) -> Option<u64> {
        if self.shard.tally.ran.is_empty() {
            return None;
        }
        let now = Ticks::now();
        let elapsed = now.nanoseconds_since(self.timing.begun);
        self.timing.begun = now;
        self.count_ran(elapsed / self.shard.tally.ran.len() as u64)
    }

    /// Counts what has run; each call took so long.
    fn count_ran(&mut self, nanoseconds_each: u64) -> Option<u64> {
        self.counters().commands.add(self.shard.tally.ran.len() as u64);
        let stats = &self.bridge.commands[self.shard.index as usize];
        for alike in self.shard.tally.ran.chunk_by(|one, next| one == next) {
            let row = stats.row(alike[0].command.into());
            row.record(alike.len() as u64, nanoseconds_each);
            if alike[0].has_failed {
                row.failed.add(alike.len() as u64);
            }
            if self.timing.is_tracked {
                row.track(alike.len() as u64, nanoseconds_each);
            }
        }
        if nanoseconds_each >= self.timing.spike_ns {
            self.note_spike(nanoseconds_each);
        }
        self.shard.tally.ran.clear();
        self.count_errors();
        (nanoseconds_each >= self.timing.slow_ns).then_some(nanoseconds_each)
    }

    /// Counts the error replies so far by their codes.
    #[inline]
    pub(super) fn count_errors(&mut self) {
        if self.shard.tally.errors.is_empty() {
            return;
        }
        for code in std::mem::take(&mut self.shard.tally.errors) {
            self.counters().error_replies.add(1);
            self.bridge.commands[self.shard.index as usize].count_error(&code);
        }
    }

    /// Counts the error at `start` of this turn's replies, which the last answer of several cores has made.
    pub(super) fn count_late_failure(&mut self, index: u32, start: usize, shard: u16) {
        self.shard.tally.count_error(&self.out.bytes[start..]);
        // An answer of this core itself comes while the command runs, which then counts its failure.
        if shard != self.shard.index
            && let Some(command) = self.connections.at(index).last_command
        {
            self.bridge.commands[self.shard.index as usize].row(number_of(command).into()).failed.add(1);
        }
    }

    /// Counts a request that was refused before it ran.
    pub(super) fn count_rejected(&self, command: &'static Command) {
        self.bridge.commands[self.shard.index as usize].row(number_of(command).into()).rejected.add(1);
    }

    #[cold]
    fn note_spike(&self, nanoseconds: u64) {
        let is_fast = |ran: &Ran| row(ran.command).flags.has(Flags::FAST);
        let event = match self.shard.tally.ran.iter().all(is_fast) {
            true => "fast-command",
            false => "command",
        };
        let milliseconds = u32::try_from(nanoseconds / 1_000_000).unwrap_or(u32::MAX);
        self.bridge.spikes.add(event, Sample { at_s: self.turn.now_us / 1_000_000, milliseconds });
    }

    /// Reads the clock behind requests of a batch, and logs them if they were slow.
    #[inline]
    pub(super) fn lap_planned(&mut self, planned: &[Planned]) {
        if let Some(nanoseconds) = self.lap() {
            self.log_slow_planned(planned, nanoseconds);
        }
    }

    /// Lets the shard take a step; a visit takes home how long that took, and what ran besides is counted here.
    pub(super) fn take_step(&mut self, step: Step) {
        let (begun, answered) = (Ticks::now(), self.shard.answers.len());
        self.shard.take(step, &self.turn);
        let visits = self
            .shard
            .answers
            .range(answered..)
            .filter(|answer| matches!(answer, Answer::Visited(_)))
            .count();
        let shares = visits + self.shard.tally.ran.len();
        if shares == 0 {
            return;
        }
        let each = Ticks::now().nanoseconds_since(begun) / shares as u64;
        for answer in self.shard.answers.range_mut(answered..) {
            if let Answer::Visited(visit) = answer {
                visit.spent_ns += each;
            }
        }
        // What had to wait is not logged as slow: whoever made it wait is.
        if !self.shard.tally.ran.is_empty() {
            self.count_ran(each);
        }
    }

    /// Counts the commands of a transaction that has ended: they share the time that shards spent on it.
    pub(super) fn count_transaction(&mut self, transaction: &Transaction) {
        let each = transaction.spent_ns / transaction.requests().len().max(1) as u64;
        let stats = &self.bridge.commands[self.shard.index as usize];
        for (index, entry) in transaction.requests().entries().iter().enumerate() {
            if entry.command.runs_on_session() {
                continue;
            }
            self.counters().commands.add(1);
            let row = stats.row(number_of(entry.command).into());
            row.record(1, each);
            if transaction.has_failed(index) {
                row.failed.add(1);
            }
            if self.timing.is_tracked {
                row.track(1, each);
            }
        }
        self.count_errors();
        if each >= self.timing.slow_ns {
            self.log_slow_transaction(transaction, each);
        }
    }
}
