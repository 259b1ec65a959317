//! Who wants to hear of changes: watched keys, and notes for tracking, notifications and the log.
//!
//! The change function of the key space reports here. While nothing is watched and nobody listens, a report is one
//! comparison. Removals that no command asked for (expiry, eviction) are always noted, because they must be logged.

use ahash::AHashMap;

use crate::keyspace::cause::Cause;
use crate::keyspace::key::Key;

/// One noted change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    pub database: usize,
    pub slot: u16,
    pub cause: Cause,
    pub key: &'a [u8],
}

/// Whether changes that commands ask for are noted as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    Spontaneous,
    All,
}

struct NoteHead {
    database: u8,
    slot: u16,
    cause: Cause,
    key_end: usize,
}

struct Watched {
    hash: u64,
    slot: u16,
    watchers: u32,
    version: u64,
}

/// The side table of one shard's changes.
pub struct Changes {
    /// True when a commanded change must be looked at.
    attentive: bool,
    listening: Listening,
    watched: Vec<AHashMap<Box<[u8]>, Watched>>,
    watched_count: usize,
    version: u64,
    count: u64,
    notes: Vec<NoteHead>,
    note_keys: Vec<u8>,
}

impl Changes {
    pub fn new(database_count: usize) -> Self {
        Changes {
            attentive: false,
            listening: Listening::Spontaneous,
            watched: (0..database_count).map(|_| AHashMap::default()).collect(),
            watched_count: 0,
            version: 0,
            count: 0,
            notes: Vec::new(),
            note_keys: Vec::new(),
        }
    }

    /// Chooses which changes are noted from now on.
    pub fn listen(&mut self, listening: Listening) {
        self.listening = listening;
        self.settle();
    }

    /// Starts to watch a key and gives its version, which every change of it makes another one but for its expiry.
    pub fn watch(&mut self, database: usize, key: &Key<'_>) -> u64 {
        self.watched_count += 1;
        self.settle();
        let fresh = Watched { hash: key.hash, slot: key.slot, watchers: 0, version: self.version };
        let watched = self.watched[database].entry(key.bytes.into()).or_insert(fresh);
        watched.watchers += 1;
        watched.version
    }

    /// Ends one `watch` of a key.
    pub fn unwatch(&mut self, database: usize, key: &[u8]) {
        let watched = self.watched[database].get_mut(key).expect("the key was watched");
        watched.watchers -= 1;
        if watched.watchers == 0 {
            self.watched[database].remove(key);
        }
        self.watched_count -= 1;
        self.settle();
    }

    /// The version of a watched key.
    pub fn version(&self, database: usize, key: &[u8]) -> Option<u64> {
        self.watched[database].get(key).map(|watched| watched.version)
    }

    /// The changes noted since `forget_notes`, in their order.
    pub fn notes(&self) -> impl Iterator<Item = Note<'_>> {
        let starts = std::iter::once(0).chain(self.notes.iter().map(|note| note.key_end));
        self.notes.iter().zip(starts).map(|(note, key_start)| Note {
            database: usize::from(note.database),
            slot: note.slot,
            cause: note.cause,
            key: &self.note_keys[key_start..note.key_end],
        })
    }

    #[inline]
    pub fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    pub fn forget_notes(&mut self) {
        self.notes.clear();
        self.note_keys.clear();
    }

    /// Takes notice of a change. Only the change function of the key space calls it.
    #[inline]
    pub(super) fn report(&mut self, database: usize, key: &Key<'_>, cause: Cause) {
        self.count += 1;
        if self.attentive || cause.is_spontaneous() {
            self.take_notice(database, key, cause);
        }
    }

    /// How many changes there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Counts on from there.
    pub fn set_count(&mut self, count: u64) {
        self.count = count;
    }

    /// Takes notice of so many changes that no report tells of.
    pub(super) fn count_many(&mut self, more: u64) {
        self.count += more;
    }

    /// Gives a new version to the watched keys of `database` that `changes` says yes to: flushed or swapped ones.
    pub(super) fn report_many(&mut self, database: usize, changes: impl Fn(&Key<'_>) -> bool) {
        for (bytes, watched) in &mut self.watched[database] {
            if changes(&Key { bytes, hash: watched.hash, slot: watched.slot }) {
                self.version += 1;
                watched.version = self.version;
            }
        }
    }

    #[cold]
    fn take_notice(&mut self, database: usize, key: &Key<'_>, cause: Cause) {
        // A key may be removed long after it has expired, and nothing changes then for whoever has found it absent.
        if !matches!(cause, Cause::Expired | Cause::Lengthen)
            && let Some(watched) = self.watched[database].get_mut(key.bytes)
        {
            self.version += 1;
            watched.version = self.version;
        }
        if self.listening == Listening::All || cause.is_spontaneous() {
            self.note_keys.extend_from_slice(key.bytes);
            let key_end = self.note_keys.len();
            self.notes.push(NoteHead { database: database as u8, slot: key.slot, cause, key_end });
        }
    }

    fn settle(&mut self) {
        self.attentive = self.watched_count > 0 || self.listening == Listening::All;
    }
}
