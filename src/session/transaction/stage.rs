//! What the shards are to do for one request of a transaction, and the steps of a command that crosses shards.

use crate::cluster::{SlotMap, slot_of};
use crate::commands::row::Flags;
use crate::commands::{Across, Command, CommandError, Fetched, Merge, Run, Spread, Stored};
use crate::session::route::{Route, cursor_slot_of};
use crate::shard::jobs::modes_of;
use crate::shard::locks::{Mode, WHOLE, Want, key_lock};
use crate::shard::parcel::Parcel;
use crate::shard::visit::{Task, TaskKind};
use crate::shard::{Hasher, Request};

/// A command whose steps cross shards, and how far it has come.
pub enum Crossing {
    /// Each owner is asked whether a split command may run.
    Check { agreed: bool },
    /// Keys are read; each result with the index of the argument that names its key.
    Fetch { steps: &'static Across, results: Vec<(u32, Result<Fetched, CommandError>)> },
    /// The destination stores.
    Store { steps: &'static Across, stored: Stored },
}

impl Crossing {
    /// The first step of a request that goes to several shards, if its steps cross them.
    pub fn of(command: &Command) -> Option<Self> {
        match command.run {
            Run::Across(steps) => Some(Crossing::Fetch { steps, results: Vec::new() }),
            _ => command.only_if.map(|_| Crossing::Check { agreed: true }),
        }
    }
}

/// Names what a request locks at each shard, and the slot that must be there for it.
pub fn for_each_want(
    request: &Request,
    route: Route,
    slots: &SlotMap,
    hasher: &Hasher,
    mut want: impl FnMut(u16, Want, Option<u16>),
) {
    let (intent, mode) = modes_of(request.command);
    let keys = request.command.key_indices(request.args.len());
    if keys.len() > 0 {
        for index in keys {
            let key = request.args.at(index);
            let (slot, hash) = (slot_of(key), hasher.hash(key));
            let owner = slots.owner(slot);
            // A request that will be refused may have keys elsewhere than where it goes.
            let shard = if let Route::One(shard) = route { shard } else { owner };
            want(shard, (WHOLE, intent), None);
            want(shard, (key_lock(hash), mode), (shard == owner).then_some(slot));
        }
        return;
    }
    let whole = if request.command.flags.has(Flags::WRITE) { Mode::Exclusive } else { Mode::Shared };
    match route {
        Route::Session => {}
        Route::One(shard) => want(shard, (WHOLE, whole), cursor_slot_of(request)),
        Route::Every | Route::Transaction => {
            (0..slots.shards).for_each(|shard| want(shard, (WHOLE, whole), None))
        }
    }
}

/// The merge of a request that goes to several shards in parts.
pub fn merge_of(command: &Command) -> Merge {
    match command.spread {
        Spread::Split(merge) | Spread::Every(merge) => merge,
        Spread::Owner | Spread::Cursor(_) => unreachable!("such a request goes to one shard, or crosses"),
    }
}

/// The owner of each key of a request, in the order of the keys.
pub fn owners(request: &Request, slots: &SlotMap) -> Vec<u16> {
    let keys = request.command.key_indices(request.args.len());
    keys.map(|index| slots.owner(slot_of(request.args.at(index)))).collect()
}

/// Adds the part of a split request that concerns the keys of `shard`: the command's name, these keys, and the values
/// that belong to them. `owners` has the owner of each key.
pub fn push_part(
    request: &Request,
    owners: &[u16],
    shard: u16,
    hasher: &Hasher,
    task: Task,
    work: &mut Parcel<Task>,
) {
    let keys = request.command.key_indices(request.args.len());
    let first = keys.clone().next().expect("a split request has keys");
    let width = keys.clone().nth(1).map_or(1, |second| second - first);
    let own = || keys.clone().zip(owners).filter(|(_, owner)| **owner == shard).map(|(index, _)| index);
    let first_own = own().next().expect("a shard is visited for some key");
    let key = request.args.at(first_own);
    let part = Request { key: hasher.key(key, slot_of(key)), ..*request };
    let words = (0..first).chain(own().flat_map(|index| index..index + width));
    work.push_some(&part, words, Some(first), task);
}

/// Adds a step that sees the whole request and works on the key that the argument at `index` names.
pub fn push_step(
    request: &Request,
    index: usize,
    hasher: &Hasher,
    place: u32,
    kind: TaskKind,
    work: &mut Parcel<Task>,
) {
    let key = request.args.at(index);
    let step = Request { key: hasher.key(key, slot_of(key)), ..*request };
    work.push_for_key(&step, index, Task { place, kind });
}
