//! What counts after a crash, against a model that tries every way to cut and drop, and takes the largest that is right.

use std::ops::ControlFlow;

use proptest::prelude::*;

use crate::codec::effect::{Spot, write_removed};
use crate::codec::record::{Participant, Ticket};
use crate::persist::recovery::{Found, Logs, Verdict, Visitor, resolve};

const SHARDS: usize = 3;

/// A record of a log: perhaps a part, and the one key that it is about.
#[derive(Clone, Debug)]
struct Entry {
    transaction: Option<usize>,
    key: u8,
}

#[derive(Clone, Debug)]
struct World {
    logs: Vec<Vec<Entry>>,
    /// By transaction and shard.
    takes_part: Vec<[bool; SHARDS]>,
    /// Parts of this transaction at this shard lie before its base.
    is_in_base: Vec<[bool; SHARDS]>,
}

const BASE_POSITION: u64 = 1000;

fn position(index: usize) -> u64 {
    BASE_POSITION + 10 * index as u64
}

fn ticket(transaction: usize) -> Ticket {
    Ticket { home: 0, number: transaction as u64 }
}

struct InMemory<'a>(&'a World);

impl Logs for InMemory<'_> {
    type Error = ();

    fn visit(&self, shard: usize, from: u64, until: u64, each: &mut Visitor<'_>) -> Result<(), ()> {
        for (index, entry) in self.0.logs[shard].iter().enumerate() {
            if (from..until).contains(&position(index)) {
                let mut effects = Vec::new();
                write_removed(&mut effects, Spot { database: 0, slot: 0 }, &[entry.key]);
                if each(position(index), entry.transaction.map(ticket), &effects) == ControlFlow::Break(()) {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl World {
    fn resolve(&self) -> Vec<Verdict> {
        let found: Vec<Found> = self.logs.iter().map(|log| self.found(log)).collect();
        resolve(&found, &InMemory(self)).expect("memory can be read")
    }

    fn found(&self, log: &[Entry]) -> Found {
        let mut found = Found::new(BASE_POSITION);
        found.end = position(log.len());
        for (index, entry) in log.iter().enumerate() {
            if let Some(transaction) = entry.transaction {
                let shards = (0..SHARDS).filter(|&shard| self.takes_part[transaction][shard]);
                let participants = shards.map(|shard| Participant {
                    shard: shard as u16,
                    position: BASE_POSITION - u64::from(self.is_in_base[transaction][shard]),
                });
                found.add_part(position(index), ticket(transaction), participants);
            }
        }
        found
    }

    /// Whether this is a state that the store could have been in: `kept` by shard and record.
    fn is_right(&self, kept: &[Vec<bool>]) -> bool {
        let has = |transaction: usize, shard: usize| {
            let mut log = self.logs[shard].iter().zip(&kept[shard]);
            self.is_in_base[transaction][shard]
                || log.any(|(entry, kept)| *kept && entry.transaction == Some(transaction))
        };
        self.logs.iter().zip(kept).all(|(log, kept)| {
            (0..log.len()).all(|index| {
                let entry = &log[index];
                let mut behind = (index + 1..log.len()).filter(|&behind| kept[behind]);
                match (kept[index], entry.transaction) {
                    (true, None) => true,
                    (true, Some(transaction)) => (0..SHARDS)
                        .all(|shard| !self.takes_part[transaction][shard] || has(transaction, shard)),
                    // What is not a part is lost only with all behind it.
                    (false, None) => behind.next().is_none(),
                    (false, Some(_)) => !behind.any(|behind| log[behind].key == entry.key),
                }
            })
        })
    }

    /// What is kept in the largest state that is right: found by trying all.
    fn largest(&self) -> Vec<Vec<bool>> {
        let count: usize = self.logs.iter().map(Vec::len).sum();
        let states = (0..1u32 << count).map(|bits| {
            let mut index = 0;
            let mut next = |_: &Entry| {
                index += 1;
                bits >> (index - 1) & 1 == 1
            };
            self.logs.iter().map(|log| log.iter().map(&mut next).collect()).collect::<Vec<Vec<bool>>>()
        });
        let right = states.filter(|state| self.is_right(state));
        right
            .max_by_key(|state| state.iter().flatten().filter(|kept| **kept).count())
            .expect("nothing is right")
    }
}

fn worlds() -> impl Strategy<Value = World> {
    let entry = (prop::option::weighted(0.6, 0usize..4), 0u8..4);
    let log = prop::collection::vec(entry, 0..5);
    let marks = || prop::collection::vec(prop::array::uniform3(any::<bool>()), 4);
    let rare = prop::collection::vec(prop::array::uniform3(prop::bool::weighted(0.1)), 4);
    (prop::array::uniform3(log), marks(), rare).prop_map(|(logs, mut takes_part, is_in_base)| {
        let logs: Vec<Vec<Entry>> = logs
            .into_iter()
            .map(Vec::from_iter)
            .enumerate()
            .map(|(shard, log)| {
                let mut seen = [false; 4];
                log.into_iter()
                    .map(|(transaction, key)| {
                        // One part of each transaction in a log, and only if it takes part there.
                        let transaction =
                            transaction.filter(|&number| !std::mem::replace(&mut seen[number], true));
                        if let Some(number) = transaction {
                            takes_part[number][shard] = true;
                        }
                        Entry { transaction, key }
                    })
                    .collect()
            })
            .collect();
        World { logs, takes_part, is_in_base }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_is_the_most_that_is_right(world in worlds()) {
        let verdicts = world.resolve();
        let kept: Vec<Vec<bool>> = world.logs.iter().zip(&verdicts).map(|(log, verdict)| {
            log.iter().enumerate().map(|(index, entry)| {
                let is_dropped = entry.transaction.is_some_and(|number| verdict.dropped.contains(&ticket(number)));
                position(index) < verdict.end && !is_dropped
            }).collect()
        }).collect();
        prop_assert!(world.is_right(&kept), "{kept:?}");
        prop_assert_eq!(kept, world.largest());
    }
}

/// The tale of the page: nothing behind, a part behind, something else behind.
#[test]
fn a_part_without_its_sister_takes_along_what_was_built_on_it() {
    let part = |transaction, key| Entry { transaction: Some(transaction), key };
    let single = |key| Entry { transaction: None, key };
    let takes_part = vec![[true, true, false], [true, false, true]];
    let is_in_base = vec![[false; SHARDS]; 2];
    let check = |logs: [Vec<Entry>; 3], expected: [(usize, &[usize]); 3]| {
        let world =
            World { logs: logs.into(), takes_part: takes_part.clone(), is_in_base: is_in_base.clone() };
        let verdicts = expected.map(|(end, dropped)| Verdict {
            end: position(end),
            dropped: dropped.iter().copied().map(ticket).collect(),
        });
        assert_eq!(world.resolve(), verdicts);
    };
    check([vec![part(0, 1), single(2)], vec![], vec![]], [(2, &[0]), (0, &[]), (0, &[])]);
    check([vec![part(0, 1), single(2), single(1)], vec![], vec![]], [(2, &[0]), (0, &[]), (0, &[])]);
    // The second transaction is whole, but was built on the first.
    check(
        [vec![part(0, 1), part(1, 1)], vec![single(3)], vec![part(1, 5), single(6), single(5), single(7)]],
        [(2, &[0, 1]), (1, &[]), (2, &[1])],
    );
}
