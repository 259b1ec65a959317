//! What walks claim: each key that was there at their beginning is saved once, as it was, whatever changes meanwhile.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};

use crate::keyspace::tests::model::seed_of;
use crate::keyspace::tests::replay::{Chaos, Content, content};
use crate::keyspace::walk::PURPOSES;
use crate::keyspace::*;

/// A walk under way and what it should save.
struct Expected {
    content: Content,
    saved: Receiver<(usize, u16, Vec<u8>, Stored)>,
    gathered: Content,
    is_given_up: bool,
}

type Stored = (Vec<u8>, &'static str, bool, Option<u64>);

impl Expected {
    fn begin(keyspace: &mut Keyspace, purpose: Purpose) -> Self {
        let (tell, saved) = channel();
        let save: Save = Box::new(move |buffer, database, slot, entry| {
            let stored =
                (entry.value().to_vec(), entry.encoding().name(), entry.is_raw(), entry.deadline_ms());
            buffer.push(1);
            tell.send((database, slot, entry.key().to_vec(), stored)).expect("the test listens");
        });
        let content = content(keyspace);
        keyspace.begin_walk(purpose, save);
        Expected { content, saved, gathered: BTreeMap::new(), is_given_up: false }
    }

    fn gather(&mut self) {
        for (database, slot, key, stored) in self.saved.try_iter() {
            let name = String::from_utf8_lossy(&key).into_owned();
            let former = self.gathered.insert((database, slot, key), stored);
            assert!(former.is_none(), "{name} is saved once");
        }
    }

    fn finish(mut self, keyspace: &mut Keyspace, purpose: Purpose) {
        self.gather();
        let walked = keyspace.walked(purpose).expect("the walk is there");
        assert!(walked.is_over && (self.is_given_up || walked.saved.len() == self.content.len()));
        assert!(self.is_given_up || walked.count == self.content.len() as u64);
        keyspace.end_walk(purpose);
        for (key, stored) in &self.gathered {
            assert_eq!(self.content.get(key), Some(stored), "{}", String::from_utf8_lossy(&key.2));
        }
        assert!(self.is_given_up || self.gathered.len() == self.content.len());
    }
}

impl Keyspace {
    fn count_marked(&self) -> usize {
        let tables = self.databases.iter().flatten().flat_map(|data| data.tables.iter());
        let segments = tables.flat_map(|table| table.segments());
        segments.flat_map(|segment| segment.entries()).filter(|entry| entry.marks() != 0).count()
    }
}

#[test]
fn each_key_is_saved_once_as_it_was() {
    for (keys, steps, slots) in [(5, 20_000, 2), (60, 60_000, 5), (4000, 150_000, 5), (9000, 300_000, 2)] {
        let seed = seed_of(keys + 7);
        println!("BASALT_SEED={seed} {keys} keys");
        let mut chaos = Chaos::new(seed);
        let mut under_way: [Option<Expected>; PURPOSES.len()] = [None, None];
        let mut finished = 0;
        for _ in 0..steps {
            let number = chaos.below(keys);
            let slot = (number % slots) as u16 * 3000;
            match chaos.below(2000.min(keys * 20)) == 0 {
                true => chaos.change_many(slot),
                false => chaos.change(format!("key:{number}").as_bytes(), slot),
            }
            chaos.keyspace.free_some(100);
            let purpose = PURPOSES[chaos.below(2) as usize];
            let expected = &mut under_way[purpose as usize];
            match (chaos.below(2 * keys), &mut *expected) {
                (0..2, None) => *expected = Some(Expected::begin(&mut chaos.keyspace, purpose)),
                (0, Some(expected)) if chaos.below(4) == 0 => {
                    chaos.keyspace.give_up_walk(purpose);
                    expected.is_given_up = true;
                }
                (_, Some(expected)) => {
                    expected.gather();
                    let budget = chaos.below(6) as usize;
                    if chaos.keyspace.walk_some(purpose, budget) {
                        under_way[purpose as usize].take().unwrap().finish(&mut chaos.keyspace, purpose);
                        finished += 1;
                        let none_left = under_way.iter().all(Option::is_none);
                        assert!(!none_left || chaos.keyspace.count_marked() == 0);
                    }
                }
                _ => {}
            }
        }
        for purpose in PURPOSES {
            while !chaos.keyspace.walk_some(purpose, 10) {}
            if let Some(expected) = under_way[purpose as usize].take() {
                expected.finish(&mut chaos.keyspace, purpose);
            }
        }
        while !chaos.keyspace.free_some(1000) {}
        assert!(chaos.keyspace.graveyard.is_empty() && chaos.keyspace.count_marked() == 0);
        assert!(!chaos.keyspace.is_attended);
        assert!(finished > 10, "{finished} walks");
    }
}

#[test]
fn a_walk_of_nothing_is_over_at_once() {
    let mut keyspace = Keyspace::new(16, Hasher::seeded(1), Recency::Lru);
    keyspace.begin_walk(Purpose::Base, Box::new(|_, _, _, _| unreachable!("there is nothing")));
    assert!(keyspace.walk_some(Purpose::Base, 1));
    assert!(keyspace.walked(Purpose::Base).is_some_and(|walked| walked.is_over && walked.count == 0));
    keyspace.end_walk(Purpose::Base);
    assert!(keyspace.walked(Purpose::Base).is_none());
}
