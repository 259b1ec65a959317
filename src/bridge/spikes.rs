//! Events that took longer than `latency-monitor-threshold`, by name: LATENCY.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

/// How many samples of an event are kept.
pub const SAMPLES_MAX: usize = 160;

/// Of all cores. Its lock is taken only for what was slow.
#[derive(Default)]
pub struct Spikes(Mutex<BTreeMap<&'static str, Event>>);

/// What is known of one event.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// Oldest first, one for each second at most.
    pub samples: VecDeque<Sample>,
    /// The longest ever, milliseconds.
    pub longest_ms: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Seconds since the Unix epoch.
    pub at_s: u64,
    pub milliseconds: u32,
}

impl Spikes {
    fn events(&self) -> MutexGuard<'_, BTreeMap<&'static str, Event>> {
        self.0.lock().expect("nobody panics while holding the samples")
    }

    /// Adds a sample; of several in one second the longest stays.
    pub fn add(&self, event: &'static str, sample: Sample) {
        let mut events = self.events();
        let event = events.entry(event).or_default();
        event.longest_ms = event.longest_ms.max(sample.milliseconds);
        if let Some(last) = event.samples.back_mut()
            && last.at_s == sample.at_s
        {
            last.milliseconds = last.milliseconds.max(sample.milliseconds);
            return;
        }
        if event.samples.len() == SAMPLES_MAX {
            event.samples.pop_front();
        }
        event.samples.push_back(sample);
    }

    pub fn all(&self) -> BTreeMap<&'static str, Event> {
        self.events().clone()
    }

    /// Forgets an event, or all; tells how many.
    pub fn forget(&self, names: &[impl AsRef<[u8]>]) -> usize {
        let mut events = self.events();
        let before = events.len();
        events.retain(|event, _| {
            !names.is_empty() && !names.iter().any(|name| name.as_ref() == event.as_bytes())
        });
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{SAMPLES_MAX, Sample, Spikes};

    #[test]
    fn one_sample_stays_for_each_second_and_old_ones_make_room() {
        let spikes = Spikes::default();
        for at_s in 0..=SAMPLES_MAX as u64 {
            for milliseconds in [3, 9, 5] {
                spikes.add("command", Sample { at_s, milliseconds });
            }
        }
        spikes.add("command", Sample { at_s: 1000, milliseconds: 1 });
        let event = &spikes.all()["command"];
        assert_eq!(event.samples.len(), SAMPLES_MAX);
        assert_eq!(event.longest_ms, 9);
        assert_eq!(event.samples[0], Sample { at_s: 2, milliseconds: 9 });
        assert_eq!(spikes.forget(&["fork"]), 0);
        assert_eq!(spikes.forget(&[] as &[&str]), 1);
    }
}
