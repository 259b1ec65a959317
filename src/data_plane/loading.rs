//! A core that serves while what an earlier run has left is still being read: it refuses what needs the data, and takes that
//! over when it comes.
//!
//! ```text
//! loader: read -> a load for each core -> wake        core: take over -> the last one ends it, and wakes the others
//! ```

use crate::bridge::loading::Progress;
use crate::data_plane::core::Core;
use crate::data_plane::log::{Log, LogParts};
use crate::keyspace::Keyspace;
use crate::sys::waker::Waker;

/// The answer to what needs the data.
pub const NOT_YET: &[u8] = b"LOADING Redis is loading the dataset in memory";

/// What one core begins with.
pub struct Load {
    pub keyspace: Keyspace,
    pub log: Option<LogParts>,
    /// The number of the first transaction.
    pub first_transaction: u64,
}

impl Core {
    pub(super) fn is_loading(&self) -> bool {
        self.awaited.is_some()
    }

    /// Looks whether the data has come, and whether that of all cores has.
    pub(super) fn follow_loading(&mut self) {
        let Some(awaited) = &self.awaited else { return };
        if let Ok(load) = awaited.try_recv() {
            self.take_over(load);
        }
        if !self.bridge.loading.is_on() {
            self.awaited = None;
            for index in self.connections.indices() {
                self.connections.at(index).session.caller.is_early = false;
            }
        }
    }

    fn take_over(&mut self, load: Load) {
        let Load { mut keyspace, log, first_transaction } = load;
        // It may have been set since.
        keyspace.set_recency(self.shard.keyspace.recency());
        // What is watched is watched on; keys that were read are no changes, as in Redis.
        std::mem::swap(keyspace.changes_mut(), self.shard.keyspace.changes_mut());
        self.shard.keyspace = keyspace;
        let counters = &self.bridge.counters[usize::from(self.shard.index)];
        self.log = log.map(|parts| Box::new(Log::begin(parts, &mut self.shard, counters)));
        self.next_transaction = self.next_transaction.max(first_transaction);
        // Whoever is answered by another core finds the figures of this one.
        self.publish_counters();
        let loading = &self.bridge.loading;
        if loading.add_ready_core() == self.bridge.wakers.len() {
            // A request may go to any core now.
            loading.end();
            tracing::info!(
                port = self.settings.port,
                shards = self.shard.slots.shards,
                "Ready to accept connections"
            );
            self.bridge.wakers.iter().for_each(Waker::wake);
        }
    }
}

/// A line for those who wait.
pub fn tell(progress: &Progress, now_s: u64) {
    let Progress { loaded_bytes, total_bytes, .. } = progress;
    let (percent, seconds_left) = (progress.percent(), progress.seconds_left(now_s));
    tracing::info!(
        "Loading: {percent:.1} % ({loaded_bytes} of {total_bytes} bytes), about {seconds_left} s left"
    );
}
