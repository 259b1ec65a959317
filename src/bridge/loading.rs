//! How far what an earlier run has left is read: told by whoever reads, asked by cores, shown by INFO.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The progress of one start.
#[derive(Debug, Default)]
pub struct Loading {
    is_on: AtomicBool,
    has_failed: AtomicBool,
    ready_cores: AtomicUsize,
    started_at_s: AtomicU64,
    total_bytes: AtomicU64,
    loaded_bytes: AtomicU64,
    /// What Redis used when it wrote the snapshot, if it says so.
    redis_memory_bytes: AtomicU64,
    keys: AtomicU64,
    expired_keys: AtomicU64,
}

/// What there is to tell of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub started_at_s: u64,
    /// Of the files that are being read; 0 if that is not known.
    pub total_bytes: u64,
    pub loaded_bytes: u64,
    pub redis_memory_bytes: u64,
}

impl Loading {
    /// Reading begins.
    pub fn begin(&self, now_s: u64) {
        self.started_at_s.store(now_s, Ordering::Relaxed);
        self.is_on.store(true, Ordering::Release);
    }

    /// Files of so many bytes in all are read from now on.
    pub fn begin_files(&self, total_bytes: u64) {
        self.loaded_bytes.store(0, Ordering::Relaxed);
        self.total_bytes.store(total_bytes, Ordering::Relaxed);
    }

    /// So many more bytes were read.
    pub fn add_bytes(&self, bytes: u64) {
        self.loaded_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn note_redis_memory(&self, bytes: u64) {
        self.redis_memory_bytes.store(bytes, Ordering::Relaxed);
    }

    /// How many keys a snapshot had, and how many more had expired.
    pub fn note_keys(&self, keys: u64, expired: u64) {
        self.keys.store(keys, Ordering::Relaxed);
        self.expired_keys.store(expired, Ordering::Relaxed);
    }

    /// Keys of the snapshot that was read, and those that had expired.
    pub fn keys(&self) -> (u64, u64) {
        (self.keys.load(Ordering::Relaxed), self.expired_keys.load(Ordering::Relaxed))
    }

    /// A core has all its data. Tells how many have.
    pub fn add_ready_core(&self) -> usize {
        self.ready_cores.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// All cores have their data.
    pub fn end(&self) {
        self.is_on.store(false, Ordering::Release);
    }

    /// Nothing will come: the server ends.
    pub fn fail(&self) {
        self.has_failed.store(true, Ordering::Release);
    }

    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// How far it is; `None` when all is read.
    pub fn progress(&self) -> Option<Progress> {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        self.is_on().then(|| Progress {
            started_at_s: read(&self.started_at_s),
            total_bytes: read(&self.total_bytes),
            loaded_bytes: read(&self.loaded_bytes),
            redis_memory_bytes: read(&self.redis_memory_bytes),
        })
    }
}

impl Progress {
    /// The share that is read, in percent; 0 if the total is not known.
    pub fn percent(&self) -> f64 {
        match self.total_bytes {
            0 => 0.0,
            total => 100.0 * self.loaded_bytes as f64 / total as f64,
        }
    }

    /// How many seconds it will take at the same pace.
    pub fn seconds_left(&self, now_s: u64) -> u64 {
        let elapsed_s = now_s.saturating_sub(self.started_at_s);
        let left_bytes = match self.total_bytes {
            0 => 1,
            total => total.saturating_sub(self.loaded_bytes),
        };
        match elapsed_s {
            0 => 1,
            elapsed_s => {
                (u128::from(elapsed_s) * u128::from(left_bytes) / u128::from(self.loaded_bytes + 1)) as u64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Loading, Progress};

    #[test]
    fn progress_is_told_while_it_lasts() {
        let loading = Loading::default();
        assert_eq!(loading.progress(), None);
        loading.begin(1000);
        loading.begin_files(400);
        loading.add_bytes(60);
        loading.add_bytes(40);
        let progress = loading.progress().expect("it has begun");
        assert_eq!(progress.percent(), 25.0);
        assert_eq!(progress.seconds_left(1000), 1);
        assert_eq!(progress.seconds_left(1010), 29);
        let unknown = Progress { total_bytes: 0, ..progress };
        assert_eq!((unknown.percent(), unknown.seconds_left(1010)), (0.0, 0));
        assert_eq!((loading.add_ready_core(), loading.add_ready_core()), (1, 2));
        loading.end();
        assert_eq!(loading.progress(), None);
    }
}
