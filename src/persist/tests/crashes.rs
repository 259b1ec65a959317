//! Crashes at any write, sync, rename and removal, of the store and of the recovery itself, again and again; what is there
//! afterwards is compared with what was told.
//!
//! `BASALT_SEED` is printed and replays a run; `BASALT_SEEDS` says how many runs there are.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::disk::{Crash, Random, SimulatedDisk};
use super::store::{Keys, Policy, Remembered, Store, replayed};
use crate::codec::record::Ticket;
use crate::keyspace::{Hasher, Keyspace, Recency};
use crate::persist::load::{Log, OnTorn, Tail, decide, remove_leftovers, replay, scan, settle};
use crate::persist::manifest::{Manifest, find};
use crate::persist::recovery::Verdict;

const SEEDS_DEFAULT: u64 = 600;
const ROUNDS: usize = 4;

fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[test]
fn what_was_told_survives_and_no_transaction_is_there_in_part() {
    let replayed = number_of("BASALT_SEED");
    let first = replayed.unwrap_or_else(|| u64::from(std::process::id()) << 20);
    let count = number_of("BASALT_SEEDS").unwrap_or(if replayed.is_some() { 1 } else { SEEDS_DEFAULT });
    println!("BASALT_SEED={first}");
    let mut sums = Sums::default();
    for seed in first..first + count {
        let run = catch_unwind(AssertUnwindSafe(|| Run::new(seed).go(&mut sums)));
        run.unwrap_or_else(|_| panic!("replay with BASALT_SEED={seed}"));
    }
    println!("{sums:?}");
    if count >= 100 {
        // What the test is about has happened.
        assert!(sums.dropped > 0 && sums.cut > 0 && sums.torn > 0 && sums.repeated > 0, "{sums:?}");
        assert!(sums.bases > 0 && sums.kept > 0, "{sums:?}");
    }
}

#[derive(Debug, Default)]
struct Sums {
    recoveries: usize,
    repeated: usize,
    kept: usize,
    dropped: usize,
    cut: usize,
    torn: usize,
    bases: usize,
}

struct Run {
    disk: SimulatedDisk,
    random: Random,
    policy: Policy,
    /// By shard, what may be there.
    histories: Vec<Vec<Remembered>>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let shards = 1 + random.below(4);
        let policy = if random.once_in(2) { Policy::Always } else { Policy::EverySecond };
        let disk = SimulatedDisk::new(random.number());
        Manifest::new(random.number(), shards).replace(&disk).expect("nothing fails yet");
        Run { disk, random, policy, histories: vec![Vec::new(); shards] }
    }

    fn go(&mut self, sums: &mut Sums) {
        let mut crash = Crash::Process;
        for _ in 0..ROUNDS {
            let mut tries = 0;
            // The worst crash since a server ran decides what is promised.
            while let Err(next) = self.serve(crash, sums) {
                sums.repeated += 1;
                tries += 1;
                assert!(tries < 100, "a recovery gets through");
                crash = crash.max(next);
            }
            crash = self.crash();
        }
    }

    /// How the server ends.
    fn crash(&mut self) -> Crash {
        let crash = if self.random.once_in(2) { Crash::Process } else { Crash::Power };
        self.disk.after(crash);
        crash
    }

    /// Recovers and works until a crash. An error is a crash before the recovery was complete.
    fn serve(&mut self, crash: Crash, sums: &mut Sums) -> Result<(), Crash> {
        let mut random = Random(self.random.number());
        let disk = &self.disk;
        let manifest = find(disk).expect("the manifest is whole").expect("there is always one");
        let logs = self.scan(&manifest);
        let verdicts = decide(&logs, OnTorn::Cut).unwrap_or_else(|error| panic!("{error}"));
        let kept: Vec<Vec<Remembered>> = self.kept(&logs, &verdicts);
        self.compare(&manifest, &logs, &verdicts, &kept);
        self.check_promises(crash, &kept);
        sums.count(&manifest, &logs, &verdicts, &kept);
        if random.once_in(3) {
            disk.crash_after(Some(1 + random.below(20)));
        }
        let found = verdicts.iter().map(|verdict| verdict.end).zip(kept.iter().cloned()).collect();
        let voids: Vec<_> = verdicts.iter().map(|verdict| verdict.dropped.clone()).collect();
        let left = 1 + random.below(150);
        // Before numbers are given anew: what an unfinished start has left has some of them.
        let removed = remove_leftovers(disk, &manifest);
        let settled = removed.and_then(|()| settle(disk, &manifest, &logs, &verdicts));
        let store = settled.map_err(|error| error.source);
        let store = store.and_then(|settled| Store::begin(disk, settled, found, &voids, self.policy, random));
        let Ok(mut store) = store else {
            drop(logs);
            let crash = self.crash();
            let now = find(&self.disk).expect("the manifest is whole").expect("there is always one");
            if now.run > manifest.run {
                // From here on the new segments count, and what was cut is gone for good.
                self.histories = kept;
            }
            return Err(crash);
        };
        disk.crash_after(Some(left));
        while store.step().is_ok() {}
        self.histories = store.shards.into_iter().map(|shard| shard.history).collect();
        Ok(())
    }

    fn scan(&self, manifest: &Manifest) -> Vec<Log<'_>> {
        let files = manifest.shards.iter().enumerate();
        let scan = |(shard, files)| scan(&self.disk, manifest.folder, shard as u16, files, &mut |_| {});
        files.map(|files| scan(files).unwrap_or_else(|error| panic!("{error}"))).collect()
    }

    /// What of the histories is to count, by shard.
    fn kept(&self, logs: &[Log<'_>], verdicts: &[Verdict]) -> Vec<Vec<Remembered>> {
        let shards = self.histories.iter().zip(logs).zip(verdicts);
        let kept = shards.map(|((history, log), verdict)| {
            let is_dropped = |ticket: Ticket| log.is_void(ticket) || verdict.dropped.contains(&ticket);
            let mut history = history.clone();
            history.retain(|record| record.position < verdict.end && !record.ticket.is_some_and(is_dropped));
            history
        });
        kept.collect()
    }

    /// The keys are those that the kept records leave.
    fn compare(&self, manifest: &Manifest, logs: &[Log<'_>], verdicts: &[Verdict], kept: &[Vec<Remembered>]) {
        for (shard, log) in logs.iter().enumerate() {
            let mut keyspace = Keyspace::new(1, Hasher::seeded(1), Recency::Lru);
            let files = &manifest.shards[shard];
            let replayed_log = replay(log, files, &verdicts[shard], &mut keyspace, 0, &mut |_| {});
            replayed_log.unwrap_or_else(|error| panic!("{error}"));
            let mut keys = Keys::new();
            keyspace.scan(0, 0, 16_384, usize::MAX, 0, |entry| {
                keys.insert(entry.key()[0], entry.value().to_vec());
            });
            assert!(keys == replayed(kept[shard].iter()), "shard {shard}");
        }
    }

    fn check_promises(&self, crash: Crash, kept: &[Vec<Remembered>]) {
        let mut parts: BTreeMap<Ticket, (usize, usize)> = BTreeMap::new();
        for (shard, (history, kept)) in self.histories.iter().zip(kept).enumerate() {
            let kept_positions: BTreeSet<u64> = kept.iter().map(|record| record.position).collect();
            for record in history {
                let is_promised = record.is_settled
                    || record.is_acknowledged && (crash == Crash::Process || self.policy == Policy::Always);
                let is_kept = kept_positions.contains(&record.position);
                assert!(is_kept || !is_promised, "shard {shard}: {record:?} after {crash:?}");
                if let Some(ticket) = record.ticket {
                    let counts = parts.entry(ticket).or_insert((0, record.participant_count));
                    counts.0 += usize::from(is_kept);
                }
            }
        }
        for (ticket, (kept, all)) in parts {
            assert!(kept == 0 || kept == all, "{ticket:?} is there at {kept} of {all}");
        }
    }
}

impl Sums {
    fn count(
        &mut self,
        manifest: &Manifest,
        logs: &[Log<'_>],
        verdicts: &[Verdict],
        kept: &[Vec<Remembered>],
    ) {
        self.recoveries += 1;
        self.kept += kept.iter().map(Vec::len).sum::<usize>();
        self.bases += manifest.shards.iter().filter(|files| files.base.is_some()).count();
        self.dropped += verdicts.iter().map(|verdict| verdict.dropped.len()).sum::<usize>();
        self.torn += logs.iter().filter(|log| log.tail != Tail::Clean).count();
        self.cut += logs.iter().zip(verdicts).filter(|(log, verdict)| verdict.end < log.found.end).count();
    }
}
