//! A server that dies and is started again: at any step, or within any change of the disk, also while it recovers.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use basalt::cluster::SlotMap;
use basalt::codec::record;
use basalt::config::Fsync;
use basalt::keyspace::{Hasher, Keyspace, Recency};
use basalt::persist::recovery::Verdict;
use basalt::shard::Shard;

use super::core::Core;
use super::disk::Crash;
use super::generate::DATABASES;
use super::history::{Fate, Logged, Operation};
use super::keeper::{Keeper, zeroes};
use super::log::{Log, LogParts};
use super::machine::has_died;
use super::mesh::{Mesh, Network};
use super::restore::{Decided, Restored, Start};
use super::shape::SHARDS_MAX;
use super::world::{Clock, World};

/// Numbers of transactions count up from the number of the run, shifted by this.
const RUN_SHIFT: u32 = 40;
/// A life ends after so many steps at the latest.
const STEPS_MAX: usize = 4000;
/// Deaths within one recovery.
const DEATHS_MAX: usize = 100;

/// What a server has left behind.
struct Estate {
    run: u64,
    /// The moment at which the first thing was written that is not known to be synced, over all shards.
    first_unsynced: u64,
    /// Of each shard, where it has written what when.
    logs: Vec<Log>,
    fsync: Fsync,
}

impl World {
    /// Starts the first server.
    pub fn begin(&mut self) -> Result<(), String> {
        self.start(&mut None)
    }

    /// Lives until a death that may come at any moment.
    pub fn live_dangerously(&mut self) {
        let machine = self.machine.clone().expect("only what has a disk dies");
        let steps = match self.random.below(2) {
            // A start that was to die and did not may still do so now.
            _ if machine.disk.will_crash() => STEPS_MAX,
            0 => 1 + self.random.below(1500),
            _ => {
                machine.disk.crash_after(Some(1 + self.random.below(150)));
                STEPS_MAX
            }
        };
        let lived = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..steps {
                if self.requests_left == 0 && self.is_quiet() {
                    return;
                }
                self.step();
            }
        }));
        forgive_death(lived);
    }

    /// The server is dead; the next one starts, at once or after more deaths.
    pub fn start_again(&mut self) -> Result<(), String> {
        let estate = self.take_estate();
        let mut crash = self.crash();
        if crash == Crash::Power {
            self.check_syncs(&estate)?;
        }
        let mut verdicts = None;
        for _ in 0..DEATHS_MAX {
            let machine = self.machine.clone().expect("it is there");
            if self.random.once_in(3) {
                machine.disk.crash_after(Some(1 + self.random.below(40)));
            }
            let mut decided = None;
            let started = catch_unwind(AssertUnwindSafe(|| self.start(&mut decided)));
            // Once the manifest is a new one, the logs that are judged are in it no more.
            if let Some(Decided { run, verdicts: new }) = decided
                && run == estate.run
            {
                verdicts = Some(new);
            }
            match forgive_death(started) {
                Some(started) => {
                    let all = format!("{crash:?}, {verdicts:?}");
                    started.map_err(|reason| format!("{reason} after {all}"))?;
                    return self.judge(&estate, &verdicts.expect("it was decided"), crash);
                }
                None => crash = crash.max(self.crash()),
            }
        }
        Err("no recovery gets through".into())
    }

    fn crash(&mut self) -> Crash {
        let crash = if self.random.once_in(2) { Crash::Process } else { Crash::Power };
        let disk = &self.machine.as_ref().expect("it is there").disk;
        disk.after(crash);
        disk.fill_up_at(usize::MAX);
        self.is_full = false;
        crash
    }

    fn take_estate(&mut self) -> Estate {
        let logs: Vec<Log> = self.cores.drain(..).map(|core| core.log.expect("who dies has a log")).collect();
        let unsynced = logs.iter().filter_map(Log::first_unsynced);
        let first_unsynced = unsynced.map(|appended| appended.moment).min().unwrap_or(u64::MAX);
        let fsync = self.shape.durability.expect("who dies has a log").fsync;
        Estate { run: self.run, first_unsynced, logs, fsync }
    }

    /// Under `everysec` nothing stays unsynced for longer than an interval and two syncs, and a turn's time.
    fn check_syncs(&self, estate: &Estate) -> Result<(), String> {
        if estate.fsync != Fsync::EverySec {
            return Ok(());
        }
        let interval_us = self.shape.durability.expect("who dies has a log").interval_us;
        for (shard, (log, clock)) in estate.logs.iter().zip(&self.clocks).enumerate() {
            let Some(first) = log.first_unsynced().filter(|_| !log.is_lost) else {
                continue;
            };
            let sync_us = log.longest_sync_us(self.now_us);
            let gap_us = clock.longest_gap_us.max(self.now_us - clock.awake_us);
            let bound_us = interval_us.max(sync_us + gap_us) + sync_us + 2 * gap_us;
            let age_us = self.now_us - first.at_us;
            if age_us > bound_us {
                return Err(format!("shard {shard}: not synced for {age_us} us, and {bound_us} are allowed"));
            }
        }
        Ok(())
    }

    /// Finds out what has become of all that the dead server did.
    fn judge(&self, estate: &Estate, verdicts: &[Verdict], crash: Crash) -> Result<(), String> {
        let mut torn = Ok(());
        self.recorder.die(|operation| match is_kept(operation, verdicts) {
            Ok(true) => Fate::Kept,
            Ok(false) if is_promised(operation, estate, crash) => Fate::Betrayed,
            Ok(false) => Fate::Lost,
            Err(reason) => {
                torn = Err(reason);
                Fate::Lost
            }
        });
        torn
    }

    fn start(&mut self, decided: &mut Option<Decided>) -> Result<(), String> {
        if self.shape.durability.is_some() && self.random.once_in(3) {
            self.shape.shards = 1 + self.random.below(SHARDS_MAX) as u16;
        }
        let shards = self.shape.shards;
        let (slots, hasher) = (SlotMap::even(shards), Hasher::seeded(self.random.number()));
        let empty = || Keyspace::new(DATABASES.into(), hasher.clone(), Recency::Lru);
        let mut restored = None;
        if let Some((machine, durability)) = self.machine.clone().zip(self.shape.durability) {
            let start = Start {
                files: &machine,
                slots: &slots,
                empty: &empty,
                now_ms: self.now_us / 1000,
                zeroes: zeroes(&durability),
                compacts: self.random.once_in(6),
            };
            let found = start.restore(decided)?;
            self.run = found.manifest.run;
            self.keeper = Some(Keeper::new(machine, found.manifest.clone(), durability));
            restored = Some(found);
        }
        self.start_cores(&slots, &hasher, empty, restored);
        self.clients.clear();
        self.compaction = None;
        (0..self.shape.clients).for_each(|_| self.connect());
        Ok(())
    }

    fn start_cores(
        &mut self,
        slots: &SlotMap,
        hasher: &Hasher,
        empty: impl Fn() -> Keyspace,
        restored: Option<Restored>,
    ) {
        let shards = self.shape.shards;
        let limits = self.shape.limits;
        self.network = Network::shared(shards, limits.delay_us_max, self.random.split());
        let mut turn = self.turn;
        turn.process.shards = shards;
        let mut keyspaces: Vec<Keyspace> = (0..shards).map(|_| empty()).collect();
        let mut logs: Vec<Option<LogParts>> = (0..shards).map(|_| None).collect();
        if let Some(restored) = restored {
            logs = self.log_parts(&restored);
            keyspaces = restored.keyspaces;
        }
        self.cores = Vec::new();
        for (index, (keyspace, log)) in (0..shards).zip(keyspaces.into_iter().zip(logs)) {
            let shard = Shard::new(index, keyspace, slots.own_copy());
            let mesh = Mesh::new(index, shards, limits, self.network.clone(), slots.version);
            let mut core = Core::new(shard, mesh, hasher.clone(), turn, self.recorder.clone());
            core.log = log.map(|parts| Log::begin(parts, &mut core.shard, self.now_us));
            core.next_transaction = self.run << RUN_SHIFT;
            self.cores.push(core);
        }
        let skew_us_max = self.shape.skew_ms as usize * 1000;
        let skews = (0..shards).map(|_| self.random.below(skew_us_max + 1) as u64);
        let clock = |skew_us| Clock { skew_us, awake_us: self.now_us, ..Clock::default() };
        self.clocks = skews.map(clock).collect();
    }

    fn log_parts(&mut self, restored: &Restored) -> Vec<Option<LogParts>> {
        let (machine, durability) = self.machine.clone().zip(self.shape.durability).expect("there are logs");
        let parts = restored.segments.iter().zip(&restored.positions).zip(&restored.voids);
        let parts = parts.map(|((&segment, &position), voids)| LogParts {
            files: machine.clone(),
            folder: restored.manifest.folder,
            durability,
            segment,
            position,
            voids: voids.clone(),
            random: self.random.split(),
        });
        parts.map(Some).collect()
    }
}

/// What was made, unless the process has died in the middle of it.
fn forgive_death<T>(made: std::thread::Result<T>) -> Option<T> {
    match made {
        Ok(made) => Some(made),
        Err(payload) if has_died(&*payload) => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// Whether what an operation has changed counts; an error if only a part of it does.
fn is_kept(operation: &Operation, verdicts: &[Verdict]) -> Result<bool, String> {
    let counts = |logged: &&Logged| {
        let verdict = &verdicts[usize::from(logged.shard)];
        let is_dropped = logged.part_of.is_some_and(|(ticket, _)| {
            verdict.dropped.contains(&record::Ticket { home: ticket.home, number: ticket.number })
        });
        logged.end <= verdict.end && !is_dropped
    };
    let all = operation.logged.iter().filter_map(|logged| logged.part_of).map(|(_, all)| all).max();
    let (all, kept) = match all {
        None => (operation.logged.len(), operation.logged.iter().filter(counts).count()),
        Some(all) => {
            let parts = operation.logged.iter().filter(|logged| logged.part_of.is_some());
            (all, parts.filter(counts).count())
        }
    };
    match kept {
        0 => Ok(false),
        kept if kept == all => Ok(true),
        kept => Err(format!("{kept} of {all} parts are there: {operation}")),
    }
}

/// Whether what an operation has changed must not be lost.
fn is_promised(operation: &Operation, estate: &Estate, crash: Crash) -> bool {
    let is_answered = operation.answer.is_some();
    let is_safe = crash == Crash::Process || estate.fsync == Fsync::Always;
    let appended_at = |logged: &Logged| estate.logs[usize::from(logged.shard)].appended_at(logged.end);
    let until = if crash == Crash::Process { u64::MAX } else { estate.first_unsynced };
    let is_old = operation.is_logged()
        && operation.logged.iter().all(|logged| appended_at(logged).is_some_and(|moment| moment < until));
    is_answered && is_safe || is_old
}
