//! The requests that took longest, newest first: SLOWLOG.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

/// One request that took longer than `slowlog-log-slower-than`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowRequest {
    pub id: u64,
    /// Seconds since the Unix epoch.
    pub at_s: u64,
    pub microseconds: u64,
    /// Cut to what is shown.
    pub arguments: Vec<Vec<u8>>,
    pub address: Vec<u8>,
    pub client_name: Vec<u8>,
}

/// Of all cores. Its lock is taken only for requests that were slow.
#[derive(Default)]
pub struct SlowLog(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    newest_first: VecDeque<SlowRequest>,
    next_id: u64,
}

impl SlowLog {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().expect("nobody panics while holding the slow log")
    }

    /// Adds an entry, which gets an id of its own, and drops the oldest beyond `most`.
    pub fn add(&self, request: SlowRequest, most: usize) {
        let mut entries = self.entries();
        let id = entries.next_id;
        entries.next_id += 1;
        entries.newest_first.push_front(SlowRequest { id, ..request });
        entries.newest_first.truncate(most);
    }

    /// The newest entries, `most` of them.
    pub fn newest(&self, most: usize) -> Vec<SlowRequest> {
        self.entries().newest_first.iter().take(most).cloned().collect()
    }

    pub fn count(&self) -> usize {
        self.entries().newest_first.len()
    }

    /// Forgets all entries; ids are not used again.
    pub fn clear(&self) {
        self.entries().newest_first.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{SlowLog, SlowRequest};

    #[test]
    fn the_oldest_entries_make_room() {
        let log = SlowLog::default();
        let request = SlowRequest {
            id: 0,
            at_s: 7,
            microseconds: 12,
            arguments: vec![b"GET".to_vec()],
            address: Vec::new(),
            client_name: Vec::new(),
        };
        for _ in 0..5 {
            log.add(request.clone(), 3);
        }
        let ids = |most| log.newest(most).iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(2), [4, 3]);
        assert_eq!(ids(10), [4, 3, 2]);
        log.clear();
        assert_eq!(log.count(), 0);
        log.add(request.clone(), 3);
        assert_eq!(ids(1), [5]);
        log.add(request, 0);
        assert_eq!(log.count(), 0);
    }
}
