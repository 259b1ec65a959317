//! One shard as a state machine: its keys, and the one path on which commands run against them.
//!
//! A request that may not run now, because a transaction holds what it needs, becomes a job ([`jobs`]); a transaction
//! comes as a visit ([`visit`]). What becomes of both is found among the `answers`.

pub mod jobs;
pub mod journal;
pub mod locks;
pub mod parcel;
mod perform;
pub mod tally;
pub mod visit;
mod watches;

use std::collections::VecDeque;

use ahash::AHashMap;

use crate::cluster::SlotMap;
use crate::commands::call::Lookups;
use crate::commands::row::Flags;
use crate::commands::{Call, Command, CommandError, Spread, Turn};
/// By these sessions name to a shard what they mean; they need no more of the key space.
pub use crate::keyspace::{Hasher, Save, cursor_slot};
use crate::keyspace::{Key, Keyspace};
use crate::protocol::reply::Mark;
use crate::protocol::{Args, Out, Reply, Resp};
use crate::shard::jobs::Jobs;
use crate::shard::journal::Journal;
use crate::shard::locks::Want;
use crate::shard::parcel::Parcel;
use crate::shard::tally::Tally;
use crate::shard::visit::{Ticket, Visit};
use crate::shard::watches::Watches;

#[cfg(test)]
mod tests;

/// A request that has reached the shard that is to run it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub command: &'static Command,
    pub args: Args<'a>,
    /// The first key; for a command without keys, an empty one.
    pub key: Key<'a>,
    pub database: u8,
    pub resp: Resp,
    pub no_touch: bool,
}

/// A connection as a shard knows it: its requests keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    pub core: u16,
    pub connection: u32,
    pub generation: u32,
}

/// What became of something that had to wait, or of a visit.
pub enum Answer {
    /// The reply to a request.
    Reply {
        lane: Lane,
        sequence: u32,
        reply: Out,
        /// Where the log ends with what the request changed, or 0.
        logged_to: u64,
    },
    /// A request whose key is no longer here; nothing was run.
    Moved {
        lane: Lane,
        sequence: u32,
        request: Parcel<u32>,
    },
    Visited(Box<Visit>),
}

/// What became of a request that was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Replied,
    /// It replied with an error.
    Failed,
}

/// What a transaction holds here.
struct Held {
    wants: Vec<Want>,
    /// The clock when it was given.
    agreed_us: u64,
    /// What it has changed and is not in the log yet.
    effects: Vec<u8>,
}

/// One core's share of the data.
pub struct Shard {
    pub index: u16,
    pub keyspace: Keyspace,
    pub journal: Journal,
    /// The error by which commands that write are refused while nothing can be written to the log.
    pub write_refusal: Option<Box<[u8]>>,
    pub slots: SlotMap,
    pub lookups: Lookups,
    /// What has run; to be emptied by whoever calls in.
    pub tally: Tally,
    /// To be dealt with by whoever calls in.
    pub answers: VecDeque<Answer>,
    /// The latest time at which a transaction ran here: the clock must not fall behind it.
    pub clock_us: u64,
    /// The version of the map with which a slot last left.
    lost_at_version: u32,
    jobs: Jobs,
    held: AHashMap<Ticket, Held>,
    watches: Watches,
}

impl Shard {
    pub fn new(index: u16, keyspace: Keyspace, slots: SlotMap) -> Self {
        Shard {
            index,
            keyspace,
            journal: Journal::default(),
            write_refusal: None,
            slots,
            lookups: Lookups::default(),
            tally: Tally::default(),
            answers: VecDeque::new(),
            clock_us: 0,
            lost_at_version: 0,
            jobs: Jobs::default(),
            held: AHashMap::default(),
            watches: Watches::default(),
        }
    }

    /// Whether a request was routed by a map that is no longer true of this shard, so that its core must route it again. This
    /// holds for all that it routed by that map, owned here or not, so that they stay in their order.
    #[inline]
    pub fn has_moved(&self, request: &Request, map_version: u32) -> bool {
        // A part of a reply that all shards make is made anywhere.
        map_version < self.lost_at_version && !matches!(request.command.spread, Spread::Every(_))
    }

    /// Whether nothing is held here, so that every request may run.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.jobs.locks.are_idle()
    }

    /// Grows with every change that is recorded; only ever compared.
    #[inline]
    pub fn changes_bytes(&self) -> usize {
        self.keyspace.effects().len()
    }

    /// Whether nothing is held, waits, is watched or has to be answered here: as when all clients are gone.
    pub fn is_at_rest(&self) -> bool {
        self.jobs.are_idle() && self.held.is_empty() && self.watches.is_empty() && self.answers.is_empty()
    }

    /// Runs one request, appends its reply and counts it.
    #[inline]
    pub fn execute(&mut self, request: &Request, turn: &Turn, out: &mut Out) {
        let mark = out.mark();
        let outcome = self.execute_part(request, turn, out);
        if outcome == Outcome::Failed {
            self.tally.count_error(&out.bytes[mark.bytes..]);
        }
        self.tally.count(request.command, outcome == Outcome::Failed);
    }

    /// Runs one request, or a part of one that somebody else counts, and appends its reply. The only way in which a
    /// command meets the keys, but for those of transactions.
    #[inline]
    pub fn execute_part(&mut self, request: &Request, turn: &Turn, out: &mut Out) -> Outcome {
        if let Some(refusal) = &self.write_refusal
            && request.command.flags.has(Flags::WRITE)
        {
            out.bytes.extend_from_slice(refusal);
            return Outcome::Failed;
        }
        self.run_part(request, turn, out)
    }

    /// Runs what must not be refused any more: a transaction runs wholly or not at all, and was asked before.
    #[inline]
    fn run_part(&mut self, request: &Request, turn: &Turn, out: &mut Out) -> Outcome {
        let mark = out.mark();
        match request.command.run_here(&mut self.call(request, turn, out)) {
            Ok(()) => Outcome::Replied,
            Err(error) => {
                refuse(&error, mark, out);
                Outcome::Failed
            }
        }
    }

    /// The same for a request of the core `from`, which alone counts what every shard does.
    #[inline]
    pub fn execute_from(&mut self, from: u16, request: &Request, turn: &Turn, out: &mut Out) {
        match request.command.spread {
            Spread::Every(_) if from != self.index => drop(self.execute_part(request, turn, out)),
            _ => self.execute(request, turn, out),
        }
    }

    /// Whether nobody is about to write what a client watches here, so that it is known whether it has changed.
    pub fn are_watched_free(&self, client: u64) -> bool {
        let mut wants = Vec::new();
        self.watches.add_wants(client, &mut wants);
        self.is_idle() || self.jobs.are_free(&wants)
    }

    /// Whether nothing that a client watches here has changed.
    pub fn are_watched_unchanged(&mut self, client: u64, now_ms: u64) -> bool {
        self.watches.unchanged_until_ms(client, &mut self.keyspace, now_ms).is_some()
    }

    #[inline]
    fn call<'a>(&'a mut self, request: &Request<'a>, turn: &'a Turn, out: &'a mut Out) -> Call<'a> {
        Call {
            args: request.args,
            key: request.key,
            database: request.database,
            no_touch: request.no_touch,
            keyspace: &mut self.keyspace,
            slots: &self.slots,
            lookups: &mut self.lookups,
            reply: Reply::new(out, request.resp),
            turn,
        }
    }
}

/// Replaces a reply that was begun by an error.
#[cold]
fn refuse(error: &CommandError, mark: Mark, out: &mut Out) {
    out.truncate(mark);
    error.write_into(&mut out.bytes);
}
