//! Keys that were read by another shard than the one that serves them from now on.

use crate::cluster::SlotMap;
use crate::keyspace::{Keyspace, SLOT_COUNT};

/// Whether each slot with keys is at its owner.
pub fn are_at_home(keyspaces: &[Keyspace], slots: &SlotMap) -> bool {
    let mut placed = keyspaces.iter().enumerate().flat_map(|(shard, keyspace)| filled(keyspace, shard));
    placed.all(|(shard, _, slot)| usize::from(slots.owner(slot)) == shard)
}

/// Hands each slot to its owner; there are as many key spaces as shards afterwards.
pub fn bring_home(keyspaces: &mut Vec<Keyspace>, slots: &SlotMap, empty: impl Fn() -> Keyspace) {
    while keyspaces.len() < usize::from(slots.shards) {
        keyspaces.push(empty());
    }
    for shard in 0..keyspaces.len() {
        for (_, database, slot) in filled(&keyspaces[shard], shard).collect::<Vec<_>>() {
            let owner = usize::from(slots.owner(slot));
            if owner != shard
                && let Some(moved) = keyspaces[shard].take_slot(database, slot)
            {
                keyspaces[owner].put_slot(database, moved);
            }
        }
    }
    keyspaces.truncate(slots.shards.into());
}

/// Shard, database and slot of all that has keys.
fn filled(keyspace: &Keyspace, shard: usize) -> impl Iterator<Item = (usize, usize, u16)> {
    let databases = (0..keyspace.database_count()).filter(|database| !keyspace.is_empty(*database));
    databases.flat_map(move |database| {
        let slots = (0..SLOT_COUNT as u16).filter(move |slot| keyspace.slot_len(database, *slot) > 0);
        slots.map(move |slot| (shard, database, slot))
    })
}
