//! Where a request goes.

use crate::cluster::{SLOT_COUNT, SlotMap, slot_of};
use crate::commands::row::{Flags, Keys};
use crate::commands::walk::parse_cursor;
use crate::commands::{Command, Run, Spread};
use crate::protocol::Args;
use crate::shard::{Hasher, Request, cursor_slot};

/// Who runs a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Session,
    /// This one shard.
    One(u16),
    /// Every shard, each at its own moment.
    Every,
    /// Several shards as one.
    Transaction,
}

/// A route, and hash and slot of the first key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routed {
    pub route: Route,
    pub hash: u64,
    pub slot: u16,
}

/// Finds the way of a request that was sent to the shard `home`.
#[inline]
pub fn route(command: &Command, args: &Args, slots: &SlotMap, hasher: &Hasher, home: u16) -> Routed {
    if let Run::Session(_) = command.run {
        return Routed { route: Route::Session, hash: 0, slot: 0 };
    }
    let mut keys = command.key_indices(args.len());
    if let Some(first) = keys.next() {
        let key = args.at(first);
        let (hash, slot) = (hasher.hash(key), slot_of(key));
        let owner = slots.owner(slot);
        let mut is_alone = || keys.all(|index| slots.owner(slot_of(args.at(index))) == owner);
        let route = match () {
            () if slots.shards == 1 || is_alone() => Route::One(owner),
            // It will be refused wherever it goes, but could not be split.
            () if command.keys.lack_a_value(args.len()) => Route::One(home),
            () => Route::Transaction,
        };
        return Routed { route, hash, slot };
    }
    let route = match command.spread {
        Spread::Every(_) if slots.shards == 1 => Route::One(home),
        Spread::Every(_) if command.flags.has(Flags::WRITE) => Route::Transaction,
        Spread::Every(_) => Route::Every,
        Spread::Cursor(index) => {
            Route::One(cursor_slot_at(args, index).map_or(home, |slot| slots.owner(slot)))
        }
        _ => Route::One(home),
    };
    debug_assert!(command.keys == Keys::None || args.len() <= 1, "a request with keys names one");
    Routed { route, hash: 0, slot: 0 }
}

/// The slot that a request's cursor stands in, if it has one.
pub fn cursor_slot_of(request: &Request) -> Option<u16> {
    match request.command.spread {
        Spread::Cursor(index) => cursor_slot_at(&request.args, index),
        _ => None,
    }
}

fn cursor_slot_at(args: &Args, index: u8) -> Option<u16> {
    let cursor = parse_cursor(args.at(index.into()))?;
    u16::try_from(cursor_slot(cursor)).ok().filter(|&slot| usize::from(slot) < SLOT_COUNT)
}
