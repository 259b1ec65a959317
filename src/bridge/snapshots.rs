//! The snapshot under way, and what became of those before.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Chunks of one shard that wait to be written.
const CHUNKS_PER_SHARD: usize = 4;
/// So many outcomes are remembered for those who wait.
const OUTCOMES_MAX: usize = 64;
/// After a snapshot has failed none is begun by itself for so long, as in Redis.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// What a snapshot is called while it is written, within the working directory.
pub fn temporary_snapshot() -> PathBuf {
    PathBuf::from(format!("temp-{}.rdb", std::process::id()))
}

/// A part of the file, from one shard.
pub struct Chunk {
    /// Databases and entries as RDB has them.
    pub bytes: Vec<u8>,
    /// How many changes the shard had seen when its walk began; with the last chunk.
    pub last: Option<u64>,
}

/// What somebody who is no client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// By a save point.
    InBackground,
    /// The last one of this run: nothing is written behind it.
    Final,
}

/// Why no snapshot can be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyUnderWay;

/// For INFO and LASTSAVE.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotFigures {
    pub saved_at_s: u64,
    /// Changes that are in the last one.
    pub changes_saved: u64,
    pub count: u64,
    pub has_failed: bool,
    pub last_seconds: Option<u64>,
    /// Since when one is under way.
    pub seconds_so_far: Option<u64>,
}

struct UnderWay {
    begun: Instant,
    is_final: bool,
    chunks: SyncSender<Chunk>,
}

struct State {
    under_way: Option<UnderWay>,
    /// Of the snapshot that was begun last.
    number: u64,
    is_wanted: bool,
    is_final_wanted: bool,
    /// What became of the last ones, by number.
    outcomes: VecDeque<(u64, bool)>,
    /// What became of the last one of this run.
    is_final_saved: Option<bool>,
    tried: Option<Instant>,
    figures: SnapshotFigures,
}

/// Shared by all threads.
pub struct Snapshots {
    state: Mutex<State>,
    /// Something is wanted: looked at each turn.
    is_wanted: AtomicBool,
    has_failed: AtomicBool,
    ended: Notify,
}

impl Snapshots {
    /// A server that has not saved tells when it was started.
    pub fn new(started_at_s: u64) -> Self {
        let figures = SnapshotFigures {
            saved_at_s: started_at_s,
            changes_saved: 0,
            count: 0,
            has_failed: false,
            last_seconds: None,
            seconds_so_far: None,
        };
        Snapshots {
            state: Mutex::new(State {
                under_way: None,
                number: 0,
                is_wanted: false,
                is_final_wanted: false,
                outcomes: VecDeque::new(),
                is_final_saved: None,
                tried: None,
                figures,
            }),
            is_wanted: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
            ended: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the state of snapshots")
    }

    /// Begins a snapshot: its number, and where its chunks arrive.
    pub fn begin(&self, shards: usize, is_final: bool) -> Result<(u64, Receiver<Chunk>), AlreadyUnderWay> {
        let mut state = self.state();
        if state.under_way.is_some() {
            return Err(AlreadyUnderWay);
        }
        let (sender, receiver) = sync_channel(CHUNKS_PER_SHARD * shards);
        state.under_way = Some(UnderWay { begun: Instant::now(), is_final, chunks: sender });
        state.number += 1;
        state.tried = Some(Instant::now());
        Ok((state.number, receiver))
    }

    /// Where a shard sends its chunks.
    pub fn chunks(&self) -> SyncSender<Chunk> {
        let state = self.state();
        state.under_way.as_ref().expect("a walk for a snapshot belongs to one").chunks.clone()
    }

    /// Ends the snapshot under way: the changes that are in it, or nothing if it has failed.
    pub fn end(&self, saved: Option<u64>, now_s: u64) {
        let mut state = self.state();
        let under_way = state.under_way.take().expect("what ends was begun");
        if under_way.is_final {
            state.is_final_saved = Some(saved.is_some());
        }
        if state.outcomes.len() == OUTCOMES_MAX {
            state.outcomes.pop_front();
        }
        let number = state.number;
        state.outcomes.push_back((number, saved.is_some()));
        let figures = &mut state.figures;
        figures.last_seconds = Some(under_way.begun.elapsed().as_secs());
        figures.has_failed = saved.is_none();
        if let Some(changes) = saved {
            figures.changes_saved = changes;
            figures.saved_at_s = now_s;
            figures.count += 1;
        }
        drop(state);
        self.has_failed.store(saved.is_none(), Ordering::Relaxed);
        self.ended.notify_waiters();
    }

    /// Whether the snapshot of this number was saved; nothing while it is under way.
    pub fn outcome(&self, number: u64) -> Option<bool> {
        let state = self.state();
        let is_under_way = state.under_way.is_some() && state.number == number;
        let outcome = state.outcomes.iter().find(|(of, _)| *of == number).map(|(_, is_saved)| *is_saved);
        // One that nobody has looked at for so long is as the last one.
        (!is_under_way).then(|| outcome.unwrap_or(!state.figures.has_failed))
    }

    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    pub fn figures(&self) -> SnapshotFigures {
        let state = self.state();
        let seconds_so_far = state.under_way.as_ref().map(|under_way| under_way.begun.elapsed().as_secs());
        SnapshotFigures { seconds_so_far, ..state.figures }
    }

    /// Asks for a snapshot; the last one of a run comes before others.
    pub fn want(&self, wanted: Wanted) {
        let mut state = self.state();
        match wanted {
            Wanted::InBackground => state.is_wanted = true,
            Wanted::Final => state.is_final_wanted = true,
        }
        self.is_wanted.store(true, Ordering::Release);
    }

    /// What is wanted, once nothing is under way.
    pub fn take_wanted(&self) -> Option<Wanted> {
        if !self.is_wanted.load(Ordering::Acquire) {
            return None;
        }
        let mut state = self.state();
        if state.under_way.is_some() {
            return None;
        }
        let wanted = match state.is_final_wanted {
            true => Wanted::Final,
            false => Wanted::InBackground,
        };
        let is_there = match wanted {
            Wanted::Final => std::mem::take(&mut state.is_final_wanted),
            Wanted::InBackground => std::mem::take(&mut state.is_wanted),
        };
        self.is_wanted.store(state.is_wanted, Ordering::Release);
        is_there.then_some(wanted)
    }

    /// Whether one of these save points, seconds and changes, asks for a snapshot now.
    pub fn is_due(&self, points: &[(u64, u64)], changes: u64, now_s: u64) -> bool {
        let state = self.state();
        let figures = &state.figures;
        let may_try = !figures.has_failed || state.tried.is_none_or(|at| at.elapsed() > RETRY_INTERVAL);
        let changes = changes.saturating_sub(figures.changes_saved);
        let passed_s = now_s.saturating_sub(figures.saved_at_s);
        let is_due = |&(seconds, least): &(u64, u64)| changes >= least && passed_s > seconds;
        state.under_way.is_none() && may_try && points.iter().any(is_due)
    }

    /// Asks for the last snapshot of this run by `ask`, and waits for its end. Tells whether it was saved.
    pub async fn save_finally(&self, ask: impl FnOnce()) -> bool {
        self.state().is_final_saved = None;
        self.want(Wanted::Final);
        ask();
        loop {
            let ended = self.ended.notified();
            if let Some(is_saved) = self.state().is_final_saved.take() {
                return is_saved;
            }
            ended.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunk, Snapshots, Wanted};

    #[test]
    fn one_is_under_way_at_a_time_and_the_last_comes_first() {
        let snapshots = Snapshots::new(5);
        let (number, chunks) = snapshots.begin(1, false).expect("none is under way");
        assert!(snapshots.begin(1, true).is_err());
        snapshots.want(Wanted::Final);
        snapshots.want(Wanted::InBackground);
        assert_eq!((snapshots.take_wanted(), snapshots.outcome(number)), (None, None));
        snapshots.chunks().send(Chunk { bytes: Vec::new(), last: Some(3) }).expect("it is received");
        assert_eq!(chunks.recv().expect("it was sent").last, Some(3));
        snapshots.end(Some(3), 9);
        assert_eq!(snapshots.outcome(number), Some(true));
        assert_eq!(snapshots.take_wanted(), Some(Wanted::Final));
        assert_eq!(snapshots.take_wanted(), Some(Wanted::InBackground));
        assert_eq!(snapshots.take_wanted(), None);
        assert_eq!(snapshots.figures().saved_at_s, 9);
    }

    #[test]
    fn a_save_point_wants_changes_and_time() {
        let snapshots = Snapshots::new(100);
        let points = [(60, 10), (10, 1000)];
        for (changes, now_s, is_due) in
            [(9, 1000, false), (10, 160, false), (10, 161, true), (999, 111, false), (1000, 111, true)]
        {
            assert_eq!(snapshots.is_due(&points, changes, now_s), is_due, "{changes} {now_s}");
        }
        let _chunks = snapshots.begin(1, false);
        assert!(!snapshots.is_due(&points, 5000, 1000));
        snapshots.end(None, 1000);
        assert!(
            snapshots.has_failed() && !snapshots.is_due(&points, 5000, 1000),
            "not at once after a failure"
        );
    }
}
