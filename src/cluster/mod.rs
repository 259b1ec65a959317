//! Where a key belongs: the slot of a key and the owner of a slot.

pub mod map;
pub mod slot;

pub use map::SlotMap;
pub use slot::{SLOT_COUNT, slot_of};
