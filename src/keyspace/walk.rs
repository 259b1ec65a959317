//! Walks: every key that was there when a walk began is saved once, as it was then, while the keys go on changing.
//!
//! A walk passes over the tables in the order database, slot, hash, in slices. What is about to change before the walk
//! has come to it is saved then, and marked; so is what is new, which needs no saving. The walk passes over what is marked,
//! and takes the mark away, so that no entry has marks of a walk that is over.
//!
//! ```text
//! saved and clean          | not saved, or marked
//! -------------------------^-----------------------------------
//!                        place
//! ```
//!
//! A database that is emptied keeps its memory until walks have passed it; one that changes its number is known by the
//! one it had; what leaves with its slot is saved before.

use crate::keyspace::Keyspace;
use crate::keyspace::database::Database;
use crate::keyspace::entry::{Entry, EntryRef};
use crate::keyspace::key::{Hasher, Key};
use crate::keyspace::table::prefetch;
use crate::keyspace::table::segment::Spot;

/// What a walk is for. There may be one for each purpose at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A base for the log.
    Base,
    Snapshot,
}

pub const PURPOSES: [Purpose; 2] = [Purpose::Base, Purpose::Snapshot];

/// Appends what is to be kept of an entry: database, slot, entry.
pub type Save = Box<dyn FnMut(&mut Vec<u8>, usize, u16, EntryRef<'_>) + Send>;

/// By purpose.
#[derive(Default)]
pub struct Walks([Option<Box<Walk>>; PURPOSES.len()]);

/// How far a walk has come.
pub struct Walked<'k> {
    /// What was saved and not taken yet.
    pub saved: &'k mut Vec<u8>,
    /// Keys that were saved.
    pub count: u64,
    /// Changes that the key space had seen when the walk began.
    pub changes_before: u64,
    pub is_over: bool,
}

/// One walk under way.
pub struct Walk {
    mark: u16,
    /// The number that each database had, by the one it has now; none if it was emptied since.
    origins: Vec<Option<usize>>,
    place: WalkPlace,
    save: Save,
    saved: Vec<u8>,
    count: u64,
    changes_before: u64,
    /// Nobody wants it any more: it only takes its marks away.
    is_given_up: bool,
}

/// Where a walk stands: keys before it are done. By the number that the database had at first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct WalkPlace {
    database: usize,
    slot: u16,
    hash: u64,
}

/// A database that was emptied, and the number by which each walk still comes to it.
pub struct Grave {
    pub data: Database,
    origins: [Option<usize>; PURPOSES.len()],
}

impl Grave {
    pub fn is_needed(&self) -> bool {
        self.origins.iter().any(Option::is_some)
    }
}

impl WalkPlace {
    fn at_database(database: usize) -> Self {
        WalkPlace { database, slot: 0, hash: 0 }
    }
}

impl Purpose {
    fn mark(self) -> u16 {
        1 << self as u16
    }
}

impl Walks {
    pub fn are_none(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Walk> {
        self.0.iter_mut().flatten().map(|walk| &mut **walk)
    }

    /// Saves what walks have not come to yet, before it changes.
    fn save_before(&mut self, database: usize, key: &Key<'_>, entry: EntryRef<'_>) {
        for walk in self.all_mut() {
            if entry.marks() & walk.mark == 0
                && let Some(origin) = walk.origin_ahead(database, key.slot, key.hash)
            {
                walk.keep(origin, key.slot, entry);
            }
        }
    }

    /// The marks of something new at this place.
    fn marks_at(&self, database: usize, slot: u16, hash: u64) -> u16 {
        let ahead = |walk: &&Walk| walk.origin_ahead(database, slot, hash).is_some();
        let walks = self.0.iter().flatten().map(|walk| &**walk);
        walks.filter(ahead).fold(0, |marks, walk| marks | walk.mark)
    }

    /// What becomes of a database that is emptied.
    pub fn bury(&mut self, database: usize, data: Database) -> Grave {
        let origins = PURPOSES.map(|purpose| {
            let walk = self.0[purpose as usize].as_mut()?;
            let origin = walk.origins[database].take()?;
            (!walk.is_given_up && origin >= walk.place.database).then_some(origin)
        });
        Grave { data, origins }
    }

    pub fn swap(&mut self, one: usize, other: usize) {
        self.all_mut().for_each(|walk| walk.origins.swap(one, other));
    }
}

impl Walk {
    /// The former number of a database, if the walk has still to come to this place of it.
    fn origin_ahead(&self, database: usize, slot: u16, hash: u64) -> Option<usize> {
        let origin = self.origins[database]?;
        let is_ahead = WalkPlace { database: origin, slot, hash } >= self.place;
        (is_ahead && !self.is_given_up).then_some(origin)
    }

    fn keep(&mut self, origin: usize, slot: u16, entry: EntryRef<'_>) {
        (self.save)(&mut self.saved, origin, slot, entry);
        self.count += 1;
    }

    /// Passes over one home group of a table, or over tables without keys. Takes what it costs from `budget`.
    fn step(&mut self, data: &mut Database, hasher: &Hasher, budget: &mut usize) {
        let WalkPlace { database, slot, hash } = self.place;
        let table = &mut data.tables[usize::from(slot)];
        let mut next = None;
        if !table.is_empty() {
            let segment = table.segment_mut(hash);
            next = segment.next_home(hash);
            segment.update_at(hash, |entry| {
                self.pass(entry, slot, hash, hasher);
                *budget = budget.saturating_sub(1);
            });
            if let Some(next) = next {
                table.segment(next).home_addresses(next).for_each(|address| {
                    prefetch(std::ptr::without_provenance(address));
                });
            }
        }
        *budget = budget.saturating_sub(1);
        let later_slot = || data.filled_slot_after(usize::from(slot)).map(|slot| (slot, 0));
        self.place = match next.map(|hash| (slot, hash)).or_else(later_slot) {
            Some((slot, hash)) => WalkPlace { database, slot, hash },
            None => WalkPlace::at_database(database + 1),
        };
    }

    fn pass(&mut self, entry: &mut Entry, slot: u16, from: u64, hasher: &Hasher) {
        let view = entry.view();
        let marks = view.marks();
        // After the table has shrunk a home group begins before the place.
        if hasher.hash(view.key()) < from {
            return;
        }
        if marks & self.mark != 0 {
            entry.set_marks(marks & !self.mark);
        } else if !self.is_given_up {
            self.keep(self.place.database, slot, view);
        }
    }
}

impl Keyspace {
    /// Begins a walk from now on; none for the same purpose may be under way.
    pub fn begin_walk(&mut self, purpose: Purpose, save: Save) {
        let walk = Walk {
            mark: purpose.mark(),
            origins: (0..self.databases.len()).map(Some).collect(),
            place: WalkPlace::at_database(0),
            save,
            saved: Vec::new(),
            count: 0,
            changes_before: self.changes.count(),
            is_given_up: false,
        };
        let before = self.walks.0[purpose as usize].replace(Box::new(walk));
        assert!(before.is_none(), "a walk ends before the next one for the same purpose");
        self.attend();
    }

    /// Passes over about `budget` keys. Tells whether the walk is at its end.
    pub fn walk_some(&mut self, purpose: Purpose, mut budget: usize) -> bool {
        let Some(mut walk) = self.walks.0[purpose as usize].take() else {
            return true;
        };
        let count = self.databases.len();
        while budget > 0 && walk.place.database < count {
            let origin = walk.place.database;
            match self.walked_database(&walk, purpose) {
                Some((data, hasher)) => walk.step(data, hasher, &mut budget),
                None => walk.place = WalkPlace::at_database(origin + 1),
            }
            if walk.place.database > origin {
                self.graveyard.iter_mut().for_each(|grave| {
                    grave.origins[purpose as usize].take_if(|needed| *needed == origin);
                });
            }
        }
        let is_over = walk.place.database == count;
        self.walks.0[purpose as usize] = Some(walk);
        is_over
    }

    fn walked_database(&mut self, walk: &Walk, purpose: Purpose) -> Option<(&mut Database, &Hasher)> {
        let origin = Some(walk.place.database);
        let live = walk.origins.iter().position(|number| *number == origin);
        let data = match live {
            Some(number) => self.databases[number].as_deref_mut(),
            None => {
                let grave = self.graveyard.iter_mut().find(|grave| grave.origins[purpose as usize] == origin);
                grave.map(|grave| &mut grave.data)
            }
        };
        data.map(|data| (data, &self.hasher))
    }

    /// The walk for this purpose, if there is one.
    pub fn walked(&mut self, purpose: Purpose) -> Option<Walked<'_>> {
        let walk = self.walks.0[purpose as usize].as_mut()?;
        let is_over = walk.place.database == self.databases.len();
        let Walk { saved, count, changes_before, .. } = &mut **walk;
        Some(Walked { saved, count: *count, changes_before: *changes_before, is_over })
    }

    /// Forgets a walk that is at its end.
    pub fn end_walk(&mut self, purpose: Purpose) {
        let walk = self.walks.0[purpose as usize].take();
        let is_over = walk.is_some_and(|walk| walk.place.database == self.databases.len());
        assert!(is_over, "a walk goes on to its end, for its marks");
        self.attend();
    }

    /// Saves nothing any more. The walk still has to go on to its end, for its marks.
    pub fn give_up_walk(&mut self, purpose: Purpose) {
        if let Some(walk) = &mut self.walks.0[purpose as usize] {
            walk.is_given_up = true;
            walk.saved = Vec::new();
            walk.save = Box::new(|_, _, _, _| ());
            self.graveyard.iter_mut().for_each(|grave| grave.origins[purpose as usize] = None);
        }
    }

    /// To be called before a change of the key at `spot`.
    pub(super) fn save_for_walks(&mut self, database: usize, key: &Key<'_>, spot: Option<Spot>) {
        if let (Some(data), Some(spot)) = (&self.databases[database], spot) {
            self.walks.save_before(database, key, data.entry_at(key, spot));
        }
    }

    /// To be called after a change of a key, which was at `spot` before.
    pub(super) fn mark_for_walks(
        &mut self,
        database: usize,
        key: &Key<'_>,
        spot: Option<Spot>,
        is_there: bool,
    ) {
        let marks = self.walks.marks_at(database, key.slot, key.hash);
        if marks == 0 || !is_there {
            return;
        }
        let data = self.databases[database].as_mut().expect("what was changed is there");
        let spot = spot.or_else(|| data.spot(key)).expect("what was changed is there");
        data.table_mut(key.slot).segment_mut(key.hash).replace_with(spot, |mut entry| {
            entry.set_marks(marks);
            entry
        });
    }

    /// Saves what walks have not come to in a slot that is about to leave.
    pub(super) fn save_slot_for_walks(&mut self, database: usize, slot: u16) {
        let Some(data) = &self.databases[database] else { return };
        for entry in data.table(slot).segments().iter().flat_map(|segment| segment.entries()) {
            let key = Key { bytes: entry.key(), hash: self.hasher.hash(entry.key()), slot };
            self.walks.save_before(database, &key, entry);
        }
    }

    /// Marks what has come with its slot.
    pub(super) fn mark_slot_for_walks(&mut self, database: usize, slot: u16) {
        let Some(data) = &mut self.databases[database] else { return };
        for segment in data.table_mut(slot).segments_mut() {
            segment.replace_all(|mut entry| {
                let hash = self.hasher.hash(entry.view().key());
                entry.set_marks(self.walks.marks_at(database, slot, hash));
                entry
            });
        }
    }
}
