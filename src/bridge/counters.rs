//! What each core counts, in a block of its own, for anyone to read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::sys::published::PublishedName;

/// One number that one core writes and others read.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Only the owning core calls this, so no read-modify-write is needed.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    #[inline]
    pub fn add(&self, more: u64) {
        self.set(self.read().wrapping_add(more));
    }

    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one core; cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
pub struct Counters {
    pub clients: Counter,
    /// Clients that are shown all requests.
    pub monitors: Counter,
    pub connections_received: Counter,
    pub connections_rejected: Counter,
    pub commands: Counter,
    pub input_bytes: Counter,
    pub output_bytes: Counter,
    pub reads: Counter,
    pub writes: Counter,
    pub error_replies: Counter,
    pub keyspace_hits: Counter,
    pub keyspace_misses: Counter,
    pub expired_keys: Counter,
    /// Changes of keys since the start.
    pub changes: Counter,
    /// Searches for expired keys that ended by their time and not with the keys.
    pub expiry_cut_short: Counter,
    /// Microseconds of all searches.
    pub expiry_us: Counter,
    /// Keys of databases that were emptied, and those whose memory is not yet free.
    pub flushed_keys: Counter,
    pub flushed_keys_pending: Counter,
    /// Logical bytes of keys and values.
    pub used_memory: Counter,
    /// Requests that went to another core, and the messages that carried them.
    pub remote_requests: Counter,
    pub remote_messages: Counter,
    /// Bytes of the log since its base, of the base itself, and of what waits to be written.
    pub log_bytes: Counter,
    pub log_base_bytes: Counter,
    pub log_waiting_bytes: Counter,
    /// A sync is under way.
    pub log_syncing: Counter,
    /// How often replies had to wait because a sync took long.
    pub log_delays: Counter,
    /// Nothing can be written to the log.
    pub log_failing: Counter,
    /// How far the log was written, and how far it is on the disk: positions.
    pub log_written: Counter,
    pub log_synced: Counter,
    /// The log is being compacted; how often it was; how often that has failed since it last succeeded; and one more than the
    /// seconds that the last one took.
    pub log_compacting: Counter,
    pub log_compactions: Counter,
    pub log_compaction_failures: Counter,
    pub log_compaction_seconds: Counter,
    /// The command that was run last, for reports.
    pub last_command: PublishedName,
    pub keys: [Counter; 16],
    pub keys_with_deadline: [Counter; 16],
    /// Memory of the tables, without entries.
    pub table_bytes: [Counter; 16],
    /// Memory in which it is remembered when keys expire.
    pub schedule_bytes: [Counter; 16],
}

impl Counters {
    /// Starts again at zero what CONFIG RESETSTAT resets; only the owning core calls this.
    pub fn reset(&self) {
        let since_start = [
            &self.connections_received,
            &self.connections_rejected,
            &self.commands,
            &self.input_bytes,
            &self.output_bytes,
            &self.reads,
            &self.writes,
            &self.error_replies,
            &self.keyspace_hits,
            &self.keyspace_misses,
            &self.expired_keys,
            &self.expiry_cut_short,
            &self.expiry_us,
            &self.log_delays,
        ];
        since_start.iter().for_each(|counter| counter.set(0));
    }
}

/// Adds up one counter over all cores.
pub fn sum(counters: &[Counters], pick: impl Fn(&Counters) -> &Counter) -> u64 {
    counters.iter().map(|core| pick(core).read()).fold(0, u64::wrapping_add)
}
