//! One shard as a state machine: its keys, and the one path on which commands run against them.

use crate::cluster::{SlotMap, slot_of};
use crate::commands::call::Lookups;
use crate::commands::{Call, Command, CommandError, Turn};
use crate::keyspace::{Key, Keyspace};
use crate::protocol::reply::Mark;
use crate::protocol::{Args, Out, Reply, Resp};

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

/// One core's share of the data.
pub struct Shard {
    pub index: u16,
    pub keyspace: Keyspace,
    pub slots: SlotMap,
    pub lookups: Lookups,
}

impl Shard {
    pub fn new(index: u16, keyspace: Keyspace, slots: SlotMap) -> Self {
        Shard { index, keyspace, slots, lookups: Lookups::default() }
    }

    /// Whether this shard owns the keys of a request that was routed by another version of the map.
    pub fn owns(&self, request: &Request) -> bool {
        request
            .command
            .key_indices(request.args.len())
            .all(|index| self.slots.owner(slot_of(request.args.at(index))) == self.index)
    }

    /// Runs one request and appends its reply. The only way in which a command meets the keys.
    #[inline]
    pub fn execute(&mut self, request: &Request, turn: &Turn, out: &mut Out) {
        let mark = out.mark();
        let outcome = request.command.run_here(&mut self.call(request, turn, out));
        if let Err(error) = outcome {
            refuse(&error, mark, out);
        }
    }

    #[inline]
    fn call<'a>(&'a mut self, request: &Request<'a>, turn: &'a Turn, out: &'a mut Out) -> Call<'a> {
        Call {
            args: request.args,
            key: request.key,
            database: request.database,
            no_touch: request.no_touch,
            keyspace: &mut self.keyspace,
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
