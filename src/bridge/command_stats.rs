//! What one core has run: for every row of the command table, how often and for how long; and its error replies by code.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use crate::bridge::counters::Counter;
use crate::bridge::latencies::Latencies;

/// Error replies are counted by code for so many codes; those of further ones, which a client may make up, only in total.
pub const ERROR_CODES_MAX: usize = 128;

/// The figures of one core, which it alone writes.
pub struct CommandStats {
    /// By number of the row.
    rows: Box<[RowStats]>,
    errors: Mutex<BTreeMap<Box<[u8]>, u64>>,
}

#[derive(Default)]
pub struct RowStats {
    pub calls: Counter,
    pub nanoseconds: Counter,
    /// Calls that were answered by an error.
    pub failed: Counter,
    /// Requests that were refused before they ran.
    pub rejected: Counter,
    /// Made by the first call that is tracked.
    latencies: OnceLock<Box<Latencies>>,
}

impl CommandStats {
    pub fn new(rows: usize) -> Self {
        CommandStats { rows: (0..rows).map(|_| RowStats::default()).collect(), errors: Mutex::default() }
    }

    #[inline]
    pub fn row(&self, number: usize) -> &RowStats {
        &self.rows[number]
    }

    /// Counts an error reply with this code, `ERR` for example.
    pub fn count_error(&self, code: &[u8]) {
        let mut errors = self.errors.lock().expect("nobody panics while counting");
        if let Some(count) = errors.get_mut(code) {
            *count += 1;
        } else if errors.len() < ERROR_CODES_MAX {
            errors.insert(code.into(), 1);
        }
    }

    /// Error replies by code.
    pub fn errors(&self) -> BTreeMap<Box<[u8]>, u64> {
        self.errors.lock().expect("nobody panics while counting").clone()
    }

    /// Only the owning core calls this.
    pub fn reset(&self) {
        for row in &self.rows {
            [&row.calls, &row.nanoseconds, &row.failed, &row.rejected].iter().for_each(|one| one.set(0));
            if let Some(latencies) = row.latencies.get() {
                latencies.reset();
            }
        }
        self.errors.lock().expect("nobody panics while counting").clear();
    }
}

impl RowStats {
    /// Counts calls that took so long each; only the owning core calls this.
    #[inline]
    pub fn record(&self, calls: u64, nanoseconds_each: u64) {
        self.calls.add(calls);
        self.nanoseconds.add(calls * nanoseconds_each);
    }

    /// Counts them in the histogram as well.
    #[inline]
    pub fn track(&self, calls: u64, nanoseconds_each: u64) {
        self.latencies.get_or_init(Box::default).record(nanoseconds_each, calls);
    }

    pub fn latencies(&self) -> Option<&Latencies> {
        self.latencies.get().map(|latencies| &**latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::{CommandStats, ERROR_CODES_MAX};

    #[test]
    fn error_codes_that_clients_make_up_are_bounded() {
        let stats = CommandStats::new(1);
        for number in 0..2 * ERROR_CODES_MAX {
            stats.count_error(format!("CODE{number:03}").as_bytes());
        }
        stats.count_error(b"CODE000");
        let errors = stats.errors();
        assert_eq!(errors.len(), ERROR_CODES_MAX);
        assert_eq!(errors[&b"CODE000"[..]], 2);
        stats.reset();
        assert!(stats.errors().is_empty());
    }
}
