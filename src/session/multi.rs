//! MULTI: requests that wait for EXEC.

use crate::commands::Command;
use crate::commands::row::Flags;
use crate::shard::Request;
use crate::shard::parcel::Parcel;

/// What a client has queued since MULTI.
#[derive(Default)]
pub struct Multi {
    pub queue: Parcel<()>,
    /// A request was refused, so EXEC will be.
    pub is_aborted: bool,
    /// Some of the commands may write.
    pub writes: bool,
}

impl Multi {
    pub fn push(&mut self, request: &Request) {
        self.writes |= request.command.flags.has(Flags::WRITE);
        self.queue.push(request, ());
    }
}

/// What becomes of a request while its client is queueing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InMulti {
    Queued,
    /// It runs at once: it ends the queue, or leaves it alone.
    AtOnce,
    /// It may not be queued, and EXEC will be refused.
    Forbidden,
}

/// Redis' rule: these commands run at once, those whose row says so are refused, all others are queued.
pub fn in_multi(command: &Command) -> InMulti {
    match () {
        () if command.at_once => InMulti::AtOnce,
        () if command.flags.has(Flags::NO_MULTI) => InMulti::Forbidden,
        () => InMulti::Queued,
    }
}
