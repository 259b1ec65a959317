//! Which shard owns a slot. Every message between cores carries the version of the map that routed it.

use std::sync::Arc;

use crate::cluster::slot::SLOT_COUNT;

/// One version of the assignment of slots to shards.
#[derive(Clone, Debug)]
pub struct SlotMap {
    pub version: u32,
    pub shards: u16,
    owners: Arc<[u16]>,
}

impl SlotMap {
    /// Slots in equal contiguous ranges, one for each of `shards`.
    pub fn even(shards: u16) -> Self {
        assert!(shards > 0);
        let owners = (0..SLOT_COUNT).map(|slot| (slot * shards as usize / SLOT_COUNT) as u16).collect();
        SlotMap { version: 1, shards, owners }
    }

    /// The next version, in which `slot` belongs to `shard`.
    pub fn with_owner(&self, slot: u16, shard: u16) -> Self {
        assert!(shard < self.shards);
        let mut owners = self.owners.to_vec();
        owners[slot as usize] = shard;
        SlotMap { version: self.version + 1, shards: self.shards, owners: owners.into() }
    }

    /// A copy that shares no memory: each core reads and counts its own.
    pub fn own_copy(&self) -> Self {
        SlotMap { owners: self.owners.to_vec().into(), ..*self }
    }

    #[inline]
    pub fn owner(&self, slot: u16) -> u16 {
        self.owners[slot as usize]
    }

    /// The first slot behind `slot` that another shard owns; `SLOT_COUNT` if there is none.
    pub fn next_foreign(&self, slot: u16) -> usize {
        let slot = usize::from(slot);
        let is_foreign = |owner: &u16| *owner != self.owners[slot];
        self.owners[slot..].iter().position(is_foreign).map_or(SLOT_COUNT, |distance| slot + distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_shared_out_evenly() {
        for shards in [1, 2, 3, 7, 64] {
            let map = SlotMap::even(shards);
            let mut counts = vec![0usize; shards as usize];
            for slot in 0..SLOT_COUNT as u16 {
                counts[map.owner(slot) as usize] += 1;
            }
            let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
            assert_eq!(map.next_foreign(0), counts[0], "{shards} shards");
            assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{shards} shards");
        }
    }
}
