//! Snapshots at a core: they are begun for a client or by themselves, walked in slices, and awaited.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use crate::bridge::snapshots::{AlreadyUnderWay, Chunk, Wanted};
use crate::commands::call::{Debugging, Saving};
use crate::data_plane::connection::Stall;
use crate::data_plane::core::Core;
use crate::data_plane::launch::{compression, recency};
use crate::data_plane::mesh::Subject;
use crate::data_plane::snapshot_file::SnapshotFile;
use crate::data_plane::transactions::Errand;
use crate::keyspace::{Purpose, Save};
use crate::persist::snapshot::saver;
use crate::protocol::Out;
use crate::session::gather::Finish;
use crate::session::snapshot::{Snapshot, release};
use crate::shard::visit::Ticket;

/// The walk passes about so many keys in a turn.
const WALK_KEYS: usize = 128;
/// What was saved is sent to the writer in chunks of about this size; while as much waits the walk rests.
const CHUNK_BYTES: usize = 256 << 10;
/// How often it is looked at whether the writer has room again.
const ROOM_INTERVAL: Duration = Duration::from_millis(1);

const STARTED: &str = "Background saving started";
const ALREADY_SAVING: &[u8] = b"ERR Background save already in progress";
const MISCONF: &[u8] = b"-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
Commands that may modify the data set are disabled, because this instance is configured to report errors during writes \
if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB \
error.\r\n";

/// What a core does for snapshots.
#[derive(Default)]
pub struct Saver {
    /// Where the shard's chunks go, while it walks.
    chunks: Option<SyncSender<Chunk>>,
    /// The writer has no room.
    is_crowded: bool,
    waits: Vec<SaveWait>,
    /// Clients that asked for SHUTDOWN; the number is that of refusals before.
    shutdown_waits: Vec<SaveWait>,
    /// The last snapshot of the run, behind which nothing is written: its number, and what it holds.
    last: Option<(u64, Ticket)>,
}

/// A client that waits for the snapshot of a number, or for the end of the server.
struct SaveWait {
    connection: u32,
    generation: u32,
    sequence: u32,
    number: u64,
    /// It wants the snapshot to be read again when it is saved; this says whether in place of what is in memory.
    reloads: Option<bool>,
}

impl Saver {
    /// When to go on although nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.is_crowded.then(|| Instant::now() + ROOM_INTERVAL)
    }
}

impl Core {
    /// Answers a client that wants something put on the disk.
    pub(super) fn answer_saving(&mut self, index: u32, saving: Saving) {
        match saving {
            Saving::Log => self.gather(index, Finish::Same, || Subject::Compact),
            Saving::LastTime => {
                let saved_at_s = self.bridge.snapshots.figures().saved_at_s;
                self.answer_with(index, |reply| reply.integer(saved_at_s as i64));
            }
            Saving::InBackground => match self.begin_snapshot(false) {
                Ok(_) => self.answer_with(index, |reply| reply.simple(STARTED)),
                Err(_) => self.answer_with(index, |reply| reply.error(ALREADY_SAVING)),
            },
            Saving::Now => match self.begin_snapshot(false) {
                Ok(number) => self.wait_for_snapshot(index, number),
                Err(_) => self.answer_with(index, |reply| reply.error(ALREADY_SAVING)),
            },
        }
    }

    fn wait_for_snapshot(&mut self, index: u32, number: u64) {
        let wait = self.wait_for_end(index, number);
        self.saver.waits.push(wait);
    }

    /// Saves a snapshot and reads it again.
    pub(super) fn save_and_reload(&mut self, index: u32, flushes: bool) {
        match self.begin_snapshot(false) {
            Ok(number) => {
                let wait = SaveWait { reloads: Some(flushes), ..self.wait_for_end(index, number) };
                self.saver.waits.push(wait);
            }
            Err(_) => self.answer_with(index, |reply| reply.error(ALREADY_SAVING)),
        }
    }

    /// A client has no reply to SHUTDOWN, unless the server goes on.
    pub(super) fn wait_for_shutdown(&mut self, index: u32) {
        let wait = self.wait_for_end(index, self.bridge.shutdowns_refused());
        self.saver.shutdown_waits.push(wait);
    }

    fn wait_for_end(&mut self, index: u32, number: u64) -> SaveWait {
        let connection = self.connections.at(index);
        let generation = connection.generation;
        let sequence = connection.session.order_mut(&mut self.spare_orders).wait();
        connection.stall = Stall::Waits;
        SaveWait { connection: index, generation, sequence, number, reloads: None }
    }

    /// Begins a snapshot and gives its number.
    fn begin_snapshot(&mut self, keeps: bool) -> Result<u64, AlreadyUnderWay> {
        let shards = self.shard.slots.shards;
        let (number, chunks) = self.bridge.snapshots.begin(shards.into(), keeps)?;
        let file = SnapshotFile {
            bridge: self.bridge.clone(),
            settings: self.settings.snapshot.clone(),
            compression: compression(&self.settings),
            chunks,
            databases: self.turn.databases.into(),
        };
        tracing::info!("Background saving started");
        if let Err(error) = file.start() {
            tracing::warn!("Cannot save a snapshot: no thread for it: {error}");
            self.bridge.snapshots.end(None, self.turn.now_us / 1_000_000);
            return Ok(number);
        }
        let save = |_| saver(compression(&self.settings), recency(&self.settings));
        let saves: Vec<Save> = (0..shards).map(save).collect();
        let ticket = self.next_ticket();
        if keeps {
            self.saver.last = Some((number, ticket));
        }
        self.start_unattended(Errand::Snapshot(Box::new(Snapshot::new(ticket, saves, keeps))));
        Ok(number)
    }

    /// Does a slice of what is to be done for a snapshot.
    pub(super) fn go_on_saving(&mut self) {
        if self.shard.keyspace.walked(Purpose::Snapshot).is_some() {
            self.walk_for_snapshot();
        }
        // What the last one holds is given back before another begins.
        if !self.saver.waits.is_empty() || self.saver.last.is_some() {
            self.end_waits_for_snapshots();
        }
        if self.shard.index == 0
            && self.saver.last.is_none()
            && let Some(wanted) = self.bridge.snapshots.take_wanted()
        {
            // A client of another core may have been faster.
            if self.begin_snapshot(wanted == Wanted::Final).is_err() {
                self.bridge.snapshots.want(wanted);
            }
        }
        if !self.saver.shutdown_waits.is_empty() {
            self.end_waits_for_shutdown();
        }
    }

    fn walk_for_snapshot(&mut self) {
        let (keyspace, saver) = (&mut self.shard.keyspace, &mut self.saver);
        if !saver.is_crowded {
            keyspace.walk_some(Purpose::Snapshot, WALK_KEYS);
        }
        let walked = keyspace.walked(Purpose::Snapshot).expect("the caller has seen it");
        let is_over = walked.is_over;
        if walked.saved.len() < CHUNK_BYTES && !is_over {
            return;
        }
        let last = is_over.then_some(walked.changes_before);
        let chunk = Chunk { bytes: std::mem::take(walked.saved), last };
        let chunks = saver.chunks.get_or_insert_with(|| self.bridge.snapshots.chunks());
        match chunks.try_send(chunk) {
            Ok(()) => saver.is_crowded = false,
            Err(TrySendError::Full(chunk)) => {
                *walked.saved = chunk.bytes;
                saver.is_crowded = true;
                return;
            }
            Err(TrySendError::Disconnected(_)) => unreachable!("the writer hears all shards to their end"),
        }
        if is_over {
            keyspace.end_walk(Purpose::Snapshot);
            saver.chunks = None;
        }
    }

    /// Whether the walk can go on at once.
    pub(super) fn has_snapshot_to_do(&mut self) -> bool {
        !self.saver.is_crowded && self.shard.keyspace.walked(Purpose::Snapshot).is_some()
    }

    fn end_waits_for_snapshots(&mut self) {
        let snapshots = &self.bridge.snapshots;
        let ended = |wait: &mut SaveWait| snapshots.outcome(wait.number).is_some();
        let ended: Vec<_> = self.saver.waits.extract_if(.., ended).collect();
        for wait in ended {
            let is_saved = self.bridge.snapshots.outcome(wait.number) == Some(true);
            match wait.reloads {
                Some(flushes) if is_saved => self.reload_for(&wait, flushes),
                _ => self.end_wait(&wait, if is_saved { b"+OK\r\n" } else { b"-ERR\r\n" }),
            }
        }
        if let Some((number, ticket)) = self.saver.last
            && self.bridge.snapshots.outcome(number) == Some(false)
        {
            // The server goes on.
            self.saver.last = None;
            for (shard, step) in release(ticket, self.shard.slots.shards) {
                self.post(shard, step);
            }
            self.deal_with_answers();
        }
    }

    fn reload_for(&mut self, wait: &SaveWait, flushes: bool) {
        if self.connections.find(wait.generation, wait.connection).is_some() {
            let debugging = Debugging::Reload { saves: false, flushes };
            self.gather_at(wait.connection, wait.sequence, Finish::Same, || {
                Subject::Debug(debugging.clone())
            });
        }
    }

    fn end_waits_for_shutdown(&mut self) {
        let refused = self.bridge.shutdowns_refused();
        let is_refused = |wait: &mut SaveWait| wait.number < refused;
        let ended: Vec<_> = self.saver.shutdown_waits.extract_if(.., is_refused).collect();
        ended.iter().for_each(|wait| self.end_wait(wait, b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n"));
    }

    fn end_wait(&mut self, wait: &SaveWait, reply: &[u8]) {
        if self.connections.find(wait.generation, wait.connection).is_some() {
            let reply = Out { bytes: reply.to_vec(), shared: Vec::new() };
            self.complete_reply(wait.connection, wait.sequence, self.shard.index, &reply);
        }
    }

    /// Forgets the wait of a connection that ends; tells whether it had one.
    pub(super) fn stop_waiting_for_snapshot(&mut self, index: u32) -> bool {
        self.saver.shutdown_waits.retain(|wait| wait.connection != index);
        let count = self.saver.waits.len();
        self.saver.waits.retain(|wait| wait.connection != index);
        self.saver.waits.len() < count
    }

    /// Refuses writes, or no longer, by what has become of the log and of snapshots.
    pub(super) fn follow_failures(&mut self) {
        let of_log = self.log.as_ref().and_then(|log| log.refusal());
        let settings = &self.settings.snapshot;
        let of_snapshot =
            self.bridge.snapshots.has_failed() && settings.stops_writes && !settings.points.is_empty();
        let is_refusing = of_log.is_some() || of_snapshot;
        if is_refusing != self.shard.write_refusal.is_some() {
            let refusal = of_log.unwrap_or_else(|| MISCONF.to_vec());
            self.shard.write_refusal = is_refusing.then(|| refusal.into());
            self.shard.guard_expiry();
        }
    }
}
