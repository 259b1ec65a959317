//! Where the planes meet: counters that cores publish, the configuration, and the request to stop.

pub mod command_stats;
pub mod counters;
pub mod latencies;
pub mod loading;
pub mod report;
pub mod slow_log;
pub mod snapshots;
pub mod spikes;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;

use crate::bridge::command_stats::CommandStats;
use crate::bridge::counters::{Counters, sum};
use crate::bridge::loading::Loading;
use crate::bridge::slow_log::SlowLog;
use crate::bridge::snapshots::Snapshots;
use crate::bridge::spikes::Spikes;
use crate::config::{Config, ShutdownHow};
use crate::sys::waker::Waker;

/// Work per second, over the last interval between two samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    pub commands: u64,
    pub input_bytes: u64,
    pub output_bytes: u64,
}

/// The totals at the last sample, and the rates since the one before.
#[derive(Default)]
struct Sampled {
    totals: Rates,
    rates: Rates,
}

/// What names one run of the server.
pub struct Identity {
    pub started_at_us: u64,
    pub run_id: String,
    pub replication_id: String,
}

/// Shared by all threads of the server. Nothing on the path of a request takes a lock here.
pub struct Bridge {
    config: Mutex<Config>,
    pub counters: Box<[Counters]>,
    /// By core.
    pub commands: Box<[CommandStats]>,
    pub slow_log: SlowLog,
    pub spikes: Spikes,
    pub loading: Loading,
    pub snapshots: Snapshots,
    pub wakers: Box<[Waker]>,
    /// By shard: the position up to which another shard wants its log synced.
    syncs_wanted: Box<[AtomicU64]>,
    pub started_at_us: u64,
    /// 40 hexadecimal digits that differ at every start.
    pub run_id: String,
    /// The same, for replication.
    replication_id: Mutex<String>,
    memory_peak: AtomicU64,
    /// What the allocator had given out when the server was ready.
    pub memory_at_start: AtomicU64,
    rates: Mutex<Sampled>,
    next_client: AtomicU64,
    clients: AtomicU64,
    /// Clients of all cores that are shown all requests.
    pub monitors: AtomicU64,
    stopping: AtomicBool,
    /// Rung by a core whose client asked for SHUTDOWN, and how it is to be done.
    shutdown_asked: Notify,
    shutdown: Mutex<Option<ShutdownHow>>,
    /// How often that could not be done.
    shutdowns_refused: AtomicU64,
}

impl Bridge {
    /// For cores that wake by `wakers`, and a command table of so many rows.
    pub fn new(config: Config, wakers: Vec<Waker>, rows: usize, identity: Identity) -> Self {
        Bridge {
            config: Mutex::new(config),
            counters: wakers.iter().map(|_| Counters::default()).collect(),
            commands: wakers.iter().map(|_| CommandStats::new(rows)).collect(),
            slow_log: SlowLog::default(),
            spikes: Spikes::default(),
            snapshots: Snapshots::new(identity.started_at_us / 1_000_000),
            syncs_wanted: wakers.iter().map(|_| AtomicU64::new(0)).collect(),
            loading: Loading::default(),
            wakers: wakers.into_boxed_slice(),
            started_at_us: identity.started_at_us,
            run_id: identity.run_id,
            replication_id: Mutex::new(identity.replication_id),
            memory_peak: AtomicU64::new(0),
            memory_at_start: AtomicU64::new(0),
            rates: Mutex::default(),
            next_client: AtomicU64::new(1),
            clients: AtomicU64::new(0),
            monitors: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            shutdown_asked: Notify::new(),
            shutdown: Mutex::default(),
            shutdowns_refused: AtomicU64::new(0),
        }
    }

    /// The authoritative configuration; for CONFIG and start-up only.
    pub fn config(&self) -> MutexGuard<'_, Config> {
        self.config.lock().expect("nobody panics while holding the configuration")
    }

    /// The same for whoever must not wait; nothing while another thread has it.
    pub fn try_config(&self) -> Option<MutexGuard<'_, Config>> {
        self.config.try_lock().ok()
    }

    pub fn replication_id(&self) -> String {
        self.replication_id.lock().expect("nobody panics while holding the name").clone()
    }

    /// Names the data anew, as if it came from another server.
    pub fn change_replication_id(&self, id: String) {
        *self.replication_id.lock().expect("nobody panics while holding the name") = id;
    }

    /// An id that no client had before.
    pub fn next_client_id(&self) -> u64 {
        self.next_client.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts a new client unless there are `most` already.
    pub fn admit_client(&self, most: u64) -> bool {
        let admitted = self.clients.fetch_add(1, Ordering::Relaxed) < most;
        if !admitted {
            self.clients.fetch_sub(1, Ordering::Relaxed);
        }
        admitted
    }

    pub fn dismiss_client(&self) {
        self.clients.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn client_count(&self) -> u64 {
        self.clients.load(Ordering::Relaxed)
    }

    /// Remembers the highest of the figures seen, and gives it.
    pub fn note_memory_peak(&self, used: u64) -> u64 {
        self.memory_peak.fetch_max(used, Ordering::Relaxed).max(used)
    }

    /// Takes a sample of the counters, `elapsed` after the one before.
    pub fn sample_rates(&self, elapsed: Duration) {
        let totals = Rates {
            commands: sum(&self.counters, |core| &core.commands),
            input_bytes: sum(&self.counters, |core| &core.input_bytes),
            output_bytes: sum(&self.counters, |core| &core.output_bytes),
        };
        let mut sampled = self.rates.lock().expect("nobody panics while holding the rates");
        // A counter that was reset in between starts a new interval.
        let per_second = |now: u64, then: u64| {
            (now.saturating_sub(then) as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE)) as u64
        };
        sampled.rates = Rates {
            commands: per_second(totals.commands, sampled.totals.commands),
            input_bytes: per_second(totals.input_bytes, sampled.totals.input_bytes),
            output_bytes: per_second(totals.output_bytes, sampled.totals.output_bytes),
        };
        sampled.totals = totals;
    }

    pub fn rates(&self) -> Rates {
        self.rates.lock().expect("nobody panics while holding the rates").rates
    }

    /// Asks for the log of a shard to be synced up to a position, whatever the policy.
    pub fn want_sync(&self, shard: usize, position: u64) {
        self.syncs_wanted[shard].fetch_max(position, Ordering::Relaxed);
        self.wakers[shard].wake();
    }

    /// Whether somebody wants the log of a shard synced further than it is.
    pub fn is_sync_wanted(&self, shard: u16, synced: u64) -> bool {
        self.syncs_wanted[usize::from(shard)].load(Ordering::Relaxed) > synced
    }

    /// Asks the control plane to end the server.
    pub fn ask_shutdown(&self, how: ShutdownHow) {
        *self.shutdown.lock().expect("nobody panics while holding this") = Some(how);
        self.shutdown_asked.notify_one();
    }

    pub async fn shutdown_asked(&self) -> ShutdownHow {
        self.shutdown_asked.notified().await;
        self.shutdown.lock().expect("nobody panics while holding this").take().unwrap_or_default()
    }

    /// The server goes on although it was asked to end.
    pub fn refuse_shutdown(&self) {
        self.shutdowns_refused.fetch_add(1, Ordering::Release);
        self.wakers.iter().for_each(Waker::wake);
    }

    pub fn shutdowns_refused(&self) -> u64 {
        self.shutdowns_refused.load(Ordering::Acquire)
    }

    /// Tells every core to finish its turn and stop.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wakers.iter().for_each(Waker::wake);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
