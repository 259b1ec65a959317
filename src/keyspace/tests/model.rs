//! Random operations on a key space and on a `BTreeMap`, compared step by step.
//!
//! `BASALT_SEED` is printed and replays a run; `BASALT_STEPS` gives every run another length. Each database has a scan under
//! way all the time: when it ends, it must have seen every key that was there since before it began.

use std::collections::{BTreeMap, BTreeSet};

use crate::keyspace::*;

/// Which slots the keys fall into.
#[derive(Clone, Copy, Debug)]
pub enum Mix {
    Spread,
    OneSlot,
}

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub mix: Mix,
    pub keys: u64,
    pub steps: u64,
    pub databases: usize,
}

#[derive(Clone, Debug)]
struct Stored {
    value: Vec<u8>,
    deadline_ms: Option<u64>,
    /// The step that put the key there, which overwriting does not change.
    since: u64,
}

/// A scan under way.
#[derive(Clone, Default)]
struct Scan {
    cursor: u64,
    /// The step that it began in.
    since: u64,
    seen: BTreeSet<Vec<u8>>,
}

impl Stored {
    fn is_live(&self, now_ms: u64) -> bool {
        self.deadline_ms.is_none_or(|deadline_ms| now_ms <= deadline_ms)
    }
}

type Map = BTreeMap<Vec<u8>, Stored>;

struct Check {
    run: Run,
    keyspace: Keyspace,
    hasher: Hasher,
    maps: Vec<Map>,
    scans: Vec<Scan>,
    random: u64,
    now_ms: u64,
    steps_done: u64,
}

impl Run {
    pub fn check(self) {
        let seed = seed_of(self.keys ^ self.steps << 7);
        let run = Run { steps: number_of("BASALT_STEPS").unwrap_or(self.steps), ..self };
        println!("BASALT_SEED={seed} {run:?}");
        let hasher = Hasher::seeded(seed);
        let mut check = Check {
            run,
            keyspace: Keyspace::new(self.databases, hasher.clone(), Recency::Lru),
            hasher,
            maps: vec![Map::new(); self.databases],
            scans: vec![Scan::default(); self.databases],
            random: seed,
            now_ms: 1_700_000_000_000,
            steps_done: 0,
        };
        for step in 0..run.steps {
            check.steps_done = step;
            check.step(step);
        }
        check.compare_all();
    }
}

/// The seed of a run: the one that was asked for, or another one each time.
pub fn seed_of(run: u64) -> u64 {
    number_of("BASALT_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 32 ^ run)
}

fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

impl Check {
    /// A number below `bound`, by splitmix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % bound
    }

    fn name(&mut self) -> Vec<u8> {
        let number = self.below(self.run.keys);
        match number % 50 {
            0 => format!("long:{number}:{}", "k".repeat(300)).into_bytes(),
            1..10 => format!("{number}").into_bytes(),
            _ => format!("key:{number:012}").into_bytes(),
        }
    }

    fn slot(&self, name: &[u8]) -> u16 {
        match self.run.mix {
            Mix::Spread => (Hasher::seeded(1).hash(name) % SLOT_COUNT as u64) as u16,
            Mix::OneSlot => 77,
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = match self.below(400) {
            0 => self.below(40_000),
            1..20 => self.below(2000),
            20..100 => return (self.below(1 << 40) as i64 - 1000).to_string().into_bytes(),
            _ => self.below(100),
        };
        let byte = self.below(256) as u8;
        vec![byte; length as usize]
    }

    fn deadline(&mut self) -> u64 {
        self.now_ms + self.below(3000)
    }

    fn step(&mut self, step: u64) {
        let database = self.below(self.run.databases as u64) as usize;
        let name = self.name();
        let hasher = self.hasher.clone();
        let key = hasher.key(&name, self.slot(&name));
        if self.below(64) == 0 {
            self.now_ms += self.below(200);
        }
        let now_ms = self.now_ms;
        match self.below(60) {
            0 | 1 => return self.maintain(database),
            2..5 => return self.go_on_scanning(database),
            _ => {}
        }
        self.maps[database].retain_live(&name, now_ms);
        // Long stretches of mostly growing and mostly shrinking, so that tables split and collapse.
        let grows = (step * 6 / self.run.steps).is_multiple_of(2);
        match (self.below(100), grows) {
            (0..50, true) | (0..12, false) => self.set(database, &key),
            (50..56, true) | (12..50, false) => {
                let removed = self.keyspace.remove(database, &key, Cause::Delete, now_ms);
                assert_eq!(removed, self.maps[database].remove(&name).is_some());
            }
            (56..62, _) => self.set_deadline(database, &key),
            (62..69, _) => self.edit(database, &key),
            (69, _) => self.move_key(database, &key),
            _ => self.compare(database, &key),
        }
    }

    /// What concerns no single key.
    fn maintain(&mut self, database: usize) {
        let other = self.below(self.run.databases as u64) as usize;
        let rare = 50 * self.run.keys.max(1000) / 1000;
        match self.below(rare) {
            0 => {
                self.keyspace.flush(database);
                self.maps[database].clear();
                self.begin_scan(database);
            }
            1 => self.compare_all(),
            2 => self.compare_scan(database),
            3 => {
                self.keyspace.swap_databases(database, other);
                self.maps.swap(database, other);
                // A cursor means nothing in another database.
                self.begin_scan(database);
                self.begin_scan(other);
            }
            4..8 => self.send_slot_away_and_back(database),
            8..12 => self.random_key(database),
            _ => {
                self.keyspace.free_some(50);
                self.expire();
            }
        }
    }

    fn expire(&mut self) {
        let budget = self.below(200) as usize + 1;
        self.keyspace.changes_mut().forget_notes();
        self.keyspace.expire_due(self.now_ms, budget);
        for note in self.keyspace.changes().notes() {
            let stored = self.maps[note.database].remove(note.key);
            // The model may have dropped it before, when it was asked for.
            assert!(stored.is_none_or(|stored| !stored.is_live(self.now_ms)));
        }
        self.keyspace.changes_mut().forget_notes();
    }

    fn send_slot_away_and_back(&mut self, database: usize) {
        let name = self.name();
        let slot = self.slot(&name);
        let count = self.keyspace.slot_len(database, slot);
        let Some(moved) = self.keyspace.take_slot(database, slot) else {
            assert_eq!(count, 0);
            return;
        };
        assert_eq!((moved.slot(), moved.key_count()), (slot, count));
        assert_eq!(self.keyspace.slot_len(database, slot), 0);
        self.keyspace.check_tally(database);
        let mut elsewhere = Keyspace::new(1, self.hasher.clone(), Recency::Lru);
        elsewhere.put_slot(0, moved);
        elsewhere.check_tally(0);
        assert_eq!(elsewhere.len(0), count);
        let moved = elsewhere.take_slot(0, slot).expect("the slot has keys");
        self.keyspace.put_slot(database, moved);
    }

    fn random_key(&mut self, database: usize) {
        match self.keyspace.random_key(database, self.now_ms) {
            Some(entry) => assert!(self.maps[database][entry.key()].is_live(self.now_ms)),
            None => assert!(self.maps[database].values().all(|stored| !stored.is_live(self.now_ms))),
        }
    }

    fn begin_scan(&mut self, database: usize) {
        self.scans[database] = Scan { since: self.steps_done, ..Scan::default() };
    }

    fn go_on_scanning(&mut self, database: usize) {
        let count = self.below(self.run.keys / 400 + 10) as usize + 1;
        let scan = &mut self.scans[database];
        scan.cursor = self.keyspace.scan(database, scan.cursor, SLOT_COUNT, count, self.now_ms, |entry| {
            scan.seen.insert(entry.key().to_vec());
        });
        assert!(scan.cursor < 1 << 53);
        if scan.cursor != 0 {
            return;
        }
        let throughout = self.maps[database]
            .iter()
            .filter(|(_, stored)| stored.since < scan.since && stored.is_live(self.now_ms));
        for (name, _) in throughout {
            assert!(scan.seen.contains(name), "the scan did not see {:?}", name.escape_ascii().to_string());
        }
        self.begin_scan(database);
    }

    fn compare_scan(&mut self, database: usize) {
        let count = self.below(30) as usize + 1;
        let mut seen = BTreeMap::new();
        let mut cursor = 0;
        loop {
            cursor = self.keyspace.scan(database, cursor, SLOT_COUNT, count, self.now_ms, |entry| {
                seen.insert(entry.key().to_vec(), entry.value().to_vec());
            });
            assert!(cursor < 1 << 53);
            if cursor == 0 {
                break;
            }
        }
        let live = self.maps[database].iter().filter(|(_, stored)| stored.is_live(self.now_ms));
        assert!(live.map(|(name, stored)| (name, &stored.value)).eq(seen.iter()));
    }

    fn set(&mut self, database: usize, key: &Key<'_>) {
        let value = self.bytes();
        let former = self.maps[database].get(key.bytes).cloned();
        let (deadline, deadline_ms) = match self.below(6) {
            0 => (Deadline::Keep, former.as_ref().and_then(|stored| stored.deadline_ms)),
            1 => {
                let deadline_ms = self.deadline();
                (Deadline::At(deadline_ms), Some(deadline_ms))
            }
            _ => (Deadline::Clear, None),
        };
        let given =
            if self.below(2) == 0 { Value::Bytes(&value) } else { Value::Large(value.clone().into()) };
        let existed = self.keyspace.set(database, key, given, deadline, Cause::Set, self.now_ms);
        assert_eq!(existed, former.is_some());
        let since = former.map_or(self.steps_done, |stored| stored.since);
        self.maps[database].insert(key.bytes.to_vec(), Stored { value, deadline_ms, since });
    }

    fn set_deadline(&mut self, database: usize, key: &Key<'_>) {
        let deadline_ms = if self.below(3) == 0 { None } else { Some(self.deadline()) };
        let existed = self.keyspace.set_deadline(database, key, deadline_ms, self.now_ms);
        let stored = self.maps[database].get_mut(key.bytes);
        assert_eq!(existed, stored.is_some());
        if let Some(stored) = stored {
            stored.deadline_ms = deadline_ms;
        }
    }

    fn edit(&mut self, database: usize, key: &Key<'_>) {
        let stored = self.maps[database].entry(key.bytes.to_vec());
        let since = self.steps_done;
        let stored = stored.or_insert(Stored { value: Vec::new(), deadline_ms: None, since }).clone();
        // Within the block, to another one, to a buffer, and within that.
        let more = match stored.value.len() {
            0..60_000 => [1, 6, 11, 300, 2000, 20_000][self.below(6) as usize],
            _ => 1,
        };
        let grown = stored.value.len() + more;
        let place = self.keyspace.place(database, key, Look::Use, self.now_ms);
        place.edit_bytes(grown, grown - 1..grown, Cause::Append, |bytes| {
            bytes[grown - 1] = b'!';
            true
        });
        let changed = self.maps[database].get_mut(key.bytes).expect("it was just put there");
        changed.value.resize(grown, 0);
        changed.value[grown - 1] = b'!';
    }

    fn move_key(&mut self, from: usize, key: &Key<'_>) {
        let to = self.below(self.run.databases as u64) as usize;
        self.maps[to].retain_live(key.bytes, self.now_ms);
        // A move to where the key is does not look at where it comes from, so an expired one is removed here.
        self.keyspace.peek(from, key, self.now_ms);
        let moved = self.keyspace.move_key(from, to, key, self.now_ms);
        let moves = self.maps[from].contains_key(key.bytes) && !self.maps[to].contains_key(key.bytes);
        assert_eq!(moved, moves);
        if moves {
            let stored = self.maps[from].remove(key.bytes).expect("it was just seen");
            self.maps[to].insert(key.bytes.to_vec(), Stored { since: self.steps_done, ..stored });
        }
    }

    fn compare(&mut self, database: usize, key: &Key<'_>) {
        let found = self
            .keyspace
            .find(database, key, self.now_ms)
            .map(|entry| (entry.value().to_vec(), entry.deadline_ms()));
        let stored = self.maps[database].get(key.bytes);
        assert_eq!(found, stored.map(|stored| (stored.value.clone(), stored.deadline_ms)));
    }

    fn compare_all(&mut self) {
        let hasher = self.hasher.clone();
        for database in 0..self.run.databases {
            self.keyspace.check_tally(database);
            for (name, stored) in std::mem::take(&mut self.maps[database]) {
                let key = hasher.key(&name, self.slot(&name));
                let live = stored.is_live(self.now_ms);
                let found = self.keyspace.find(database, &key, self.now_ms);
                assert_eq!(found.map(|entry| entry.value().to_vec()), live.then(|| stored.value.clone()));
                if live {
                    self.maps[database].insert(name, stored);
                }
            }
            let map = &self.maps[database];
            assert_eq!(self.keyspace.len(database), map.len());
            let expiring = map.values().filter(|stored| stored.deadline_ms.is_some()).count();
            assert_eq!(self.keyspace.expires_len(database), expiring);
        }
    }
}

trait Live {
    fn retain_live(&mut self, name: &[u8], now_ms: u64);
}

impl Live for Map {
    fn retain_live(&mut self, name: &[u8], now_ms: u64) {
        if self
            .get(name)
            .and_then(|stored| stored.deadline_ms)
            .is_some_and(|deadline_ms| now_ms > deadline_ms)
        {
            self.remove(name);
        }
    }
}

impl Keyspace {
    /// Counts everything again and compares it with the sums that were kept.
    fn check_tally(&self, database: usize) {
        let Some(data) = &self.databases[database] else {
            return;
        };
        let mut tally = Tally::default();
        let mut runs = [0; database::RUN_COUNT];
        for (slot, table) in data.tables.iter().enumerate() {
            tally.block_bytes += table.memory_bytes();
            let before = tally.key_count;
            for segment in table.segments() {
                segment.entries().for_each(|entry| tally.add(entry));
            }
            assert_eq!(table.len(), tally.key_count - before);
            runs[slot / database::RUN_SLOTS] += table.len() as u32;
        }
        assert_eq!(tally, data.tally);
        assert_eq!(runs, data.runs);
        let scheduled = data.schedule.as_ref().map_or(0, |schedule| schedule.deadline_count());
        assert_eq!(scheduled, tally.expiring_count);
    }
}
