//! The keys that effects are about, to tell whether others are about the same.

use ahash::AHashSet;

use crate::codec::effect::{DatabaseChange, Effect, decode};

/// The keys, slots and databases of some effects.
#[derive(Default)]
pub struct Touched {
    keys: AHashSet<(u8, Box<[u8]>)>,
    /// Databases that were changed as a whole, and slots.
    databases: AHashSet<u8>,
    slots: AHashSet<(u8, u16)>,
    /// Where anything at all was changed.
    in_databases: AHashSet<u8>,
    in_slots: AHashSet<(u8, u16)>,
}

impl Touched {
    /// Adds what valid effects are about.
    pub fn add(&mut self, effects: &[u8]) {
        for effect in decode(effects).flatten() {
            match effect {
                Effect::Key { spot, key, .. } => {
                    self.keys.insert((spot.database, key.into()));
                    self.in_slots.insert((spot.database, spot.slot));
                    self.in_databases.insert(spot.database);
                }
                Effect::Database { database, change } => {
                    self.in_databases.insert(database);
                    match change {
                        DatabaseChange::Flushed => self.databases.extend([database]),
                        DatabaseChange::Swapped(other) => {
                            self.databases.extend([database, other]);
                            self.in_databases.insert(other);
                        }
                        DatabaseChange::SlotGone(slot) => {
                            self.slots.insert((database, slot));
                            self.in_slots.insert((database, slot));
                        }
                    }
                }
            }
        }
    }

    /// Whether any of these effects is about something that was added.
    pub fn meets(&self, effects: &[u8]) -> bool {
        decode(effects).flatten().any(|effect| match effect {
            Effect::Key { spot, key, .. } => {
                self.databases.contains(&spot.database)
                    || self.slots.contains(&(spot.database, spot.slot))
                    || self.in_slots.contains(&(spot.database, spot.slot))
                        && self.keys.contains(&(spot.database, key.into()))
            }
            Effect::Database { database, change } => match change {
                DatabaseChange::Flushed => self.in_databases.contains(&database),
                DatabaseChange::Swapped(other) => {
                    [database, other].iter().any(|database| self.in_databases.contains(database))
                }
                DatabaseChange::SlotGone(slot) => {
                    self.databases.contains(&database) || self.in_slots.contains(&(database, slot))
                }
            },
        })
    }
}
