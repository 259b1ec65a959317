//! One core: a turn after another, each of one system call.
//!
//! ```text
//! publish counters -> push messages -> submit (sends first) and wait -> settle sends
//!   -> completions: accept, receive -> parse -> plan -> prefetch -> run -> replies into the arena
//!   -> messages of other cores -> stalled connections
//! ```

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ahash::AHashMap;

use crate::bridge::Bridge;
use crate::bridge::counters::Counters;
use crate::cluster::SlotMap;
use crate::commands::Turn;
use crate::config::Settings;
use crate::data_plane::accept::Listener;
use crate::data_plane::batch::Planned;
use crate::data_plane::connection::{Connections, Stall};
use crate::data_plane::gathering::Gathering;
use crate::data_plane::housekeeping::Housekeeping;
use crate::data_plane::inbox::Inbox;
use crate::data_plane::loading::Load;
use crate::data_plane::log::Log;
use crate::data_plane::mesh::Mesh;
use crate::data_plane::pause::Pauses;
use crate::data_plane::replicas::ReplicaWait;
use crate::data_plane::saving::Saver;
use crate::data_plane::timing::Timing;
use crate::data_plane::transactions::Errand;
use crate::keyspace::Hasher;
use crate::protocol::{Out, Span};
use crate::session::order::Order;
use crate::session::transaction::Transaction;
use crate::shard::Shard;
use crate::sys::buffers::Received;
use crate::sys::ring::{ArenaSend, Completion, Kernel, Operation, Ring, Token, Wait};

/// How often idle clients and soft limits are looked at, when there is a reason to.
const TICK: Duration = Duration::from_secs(1);

/// Everything that one core owns.
pub struct Core {
    pub ring: Ring<Kernel>,
    pub shard: Shard,
    pub connections: Connections,
    pub listeners: Vec<Listener>,
    pub mesh: Mesh,
    pub bridge: Arc<Bridge>,
    pub settings: Arc<Settings>,
    pub hasher: Hasher,
    pub turn: Turn,

    /// Replies of this turn, and which range is whose.
    pub out: Out,
    pub segments: Vec<Segment>,
    pub sends: Vec<ArenaSend>,

    /// Requests that were parsed and wait to be run together.
    pub planned: Vec<Planned>,
    pub spans: Vec<Span>,
    /// Arguments of inline requests that had to be decoded.
    pub scratch: Vec<u8>,
    /// Receive buffers to which `planned` refers.
    pub held: Vec<Received>,
    /// The inbox that is being parsed, while its connection does without.
    pub feeding: Box<Inbox>,

    /// Completions that arrived while replies were sent in the middle of a turn.
    pub backlog: VecDeque<Completion>,
    /// Connections whose inbox may be parsed again.
    pub resumable: Vec<u32>,
    /// Connections, by generation and index, that wait for room in the mesh.
    pub crowded: Vec<(u32, u32)>,
    /// One of them has room now that its replies were given out.
    pub has_made_room: bool,
    /// Connections, by generation and index, that may be shut or forgotten when the replies are on their way.
    pub closing: Vec<(u32, u32)>,
    pub spare_orders: Vec<Box<Order>>,
    /// Transactions of this core's clients, and slots they move, by number.
    pub errands: AHashMap<u64, Errand>,
    pub next_transaction: u64,
    pub spare_transactions: Vec<Box<Transaction>>,
    pub pauses: Pauses,
    pub timing: Timing,
    /// Connections, by generation and index, that are shown all requests.
    pub monitors: Vec<(u32, u32)>,
    pub replica_waits: Vec<ReplicaWait>,
    pub saver: Saver,
    /// Where changes are appended before anybody hears of them.
    pub log: Option<Box<Log>>,
    /// What an earlier run has left comes from here; `None` once all cores have theirs.
    pub awaited: Option<Receiver<Load>>,
    /// When to look at idle clients and soft limits again.
    pub next_tick: Option<Instant>,
    pub next_adopter: u16,
    pub housekeeping: Housekeeping,
    pub gathering: Gathering,
    /// The last turn brought requests, and only from clients.
    pub may_gather: bool,
    /// When something last happened; kept only while `spin-us` is set.
    pub worked_at: Option<Instant>,
}

/// One stretch of replies in the arena.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub connection: u32,
    pub start: u32,
    pub end: u32,
    /// The index of the connection's next segment, if it has more.
    pub next: Option<u32>,
}

/// What a core is started with.
pub struct Parts {
    pub index: u16,
    pub slots: SlotMap,
    pub listeners: Vec<(OwnedFd, bool)>,
    pub mesh: Mesh,
    pub bridge: Arc<Bridge>,
    pub hasher: Hasher,
    pub turn: Turn,
    pub load: Load,
    /// The load is empty: what comes from here takes its place.
    pub awaited: Option<Receiver<Load>>,
}

impl Core {
    /// Makes the ring, which belongs to the calling thread from now on.
    pub fn new(parts: Parts) -> std::io::Result<Core> {
        let settings = Arc::new(parts.bridge.config().settings());
        let timing = Timing::new(&settings);
        let Load { mut keyspace, log, first_transaction } = parts.load;
        // Keys that were read are no changes, as in Redis.
        keyspace.changes_mut().set_count(0);
        let mut shard = Shard::new(parts.index, keyspace, parts.slots);
        let counters = &parts.bridge.counters[usize::from(parts.index)];
        let log = log.map(|parts| Box::new(Log::begin(parts, &mut shard, counters)));
        Ok(Core {
            ring: Ring::new(Kernel)?,
            shard,
            connections: Connections::default(),
            listeners: parts
                .listeners
                .into_iter()
                .map(|(socket, unix)| Listener::new(socket, unix))
                .collect(),
            mesh: parts.mesh,
            bridge: parts.bridge,
            settings,
            hasher: parts.hasher,
            turn: parts.turn,
            out: Out::default(),
            segments: Vec::new(),
            sends: Vec::new(),
            planned: Vec::new(),
            spans: Vec::new(),
            scratch: Vec::new(),
            held: Vec::new(),
            feeding: Box::default(),
            backlog: VecDeque::new(),
            resumable: Vec::new(),
            crowded: Vec::new(),
            has_made_room: false,
            closing: Vec::new(),
            spare_orders: Vec::new(),
            errands: AHashMap::default(),
            next_transaction: first_transaction,
            spare_transactions: Vec::new(),
            pauses: Pauses::default(),
            timing,
            monitors: Vec::new(),
            replica_waits: Vec::new(),
            saver: Saver::default(),
            log,
            awaited: parts.awaited,
            next_tick: None,
            next_adopter: 0,
            housekeeping: Housekeeping::default(),
            gathering: Gathering::default(),
            may_gather: false,
            worked_at: None,
        })
    }

    pub fn counters(&self) -> &Counters {
        &self.bridge.counters[self.shard.index as usize]
    }

    /// Serves until the server stops.
    pub fn run(&mut self) {
        self.wait_for_wake();
        self.arm_listeners();
        while !self.bridge.is_stopping() {
            self.turn();
        }
        self.leave();
    }

    /// Gives up the port and all clients. The kernel takes a ring apart some time after the process has ended, and
    /// would keep both until then: a server that is started again at once would find its port in use.
    fn leave(&mut self) {
        self.finish_log();
        self.shut_listeners();
        for index in self.connections.indices() {
            self.shut(index);
        }
        self.send_replies(Wait::No);
    }

    pub(super) fn turn(&mut self) {
        self.count_errors();
        self.publish_counters();
        self.append_log();
        self.mesh.flush();
        let wait = self.wait();
        self.send_replies(wait);
        // Nowhere else: in the middle of a turn connections that are done with are still referred to.
        self.close_those_done();
        self.mesh.wake_up();
        self.follow_failures();
        self.turn.now_us = now_us().max(self.shard.clock_us);
        self.gathering.begin_turn(self.turn.now_us);
        let mut worked = !self.backlog.is_empty();
        while let Some(completion) = self.backlog.pop_front() {
            self.complete(completion);
        }
        self.finish_batch();
        self.ring.publish_buffers();
        // Who was told that writes are accepted again may have sent some to another core.
        self.follow_failures();
        let heard = self.read_messages();
        // A message of another core counts as one completion, however many requests it carries: no waiting then.
        self.may_gather = worked && !heard;
        worked |= heard;
        if worked && self.settings.spin_us > 0 {
            self.worked_at = Some(Instant::now());
        }
        self.end_pause();
        self.resume();
        self.answer_pauses();
        self.answer_replica_waits();
        self.keep_house();
        self.tick();
    }

    /// Whether there is nothing left to do, and until when.
    fn wait(&mut self) -> Wait {
        let has_work = !self.resumable.is_empty()
            || !self.backlog.is_empty()
            || !self.closing.is_empty()
            || self.has_made_room
            || self.mesh.has_posts()
            || self.housekeeping.has_work()
            || self.log.as_ref().is_some_and(|log| log.has_compaction_to_do())
            || self.has_snapshot_to_do();
        if has_work || self.is_spinning() || !self.mesh.fall_asleep() {
            return Wait::No;
        }
        if let Some(wait) = self.log.as_ref().and_then(|log| log.wait_for_group()) {
            return wait;
        }
        let is_syncing = self.log.as_ref().is_some_and(|log| log.is_writing());
        // Who waits for a sync sends nothing meanwhile.
        if let Some((count, limit)) = self.gathering.wanted(self.settings.gather_us)
            && !is_syncing
            && self.may_gather
            && self.mesh.is_quiet()
        {
            return Wait::Several(count, limit);
        }
        match self.next_deadline() {
            None => Wait::Forever,
            Some(deadline) => Wait::Until(deadline.saturating_duration_since(Instant::now())),
        }
    }

    /// Whether to look again rather than sleep: for `spin-us` after something happened.
    fn is_spinning(&mut self) -> bool {
        let spin = Duration::from_micros(u64::from(self.settings.spin_us));
        let spins = self.worked_at.is_some_and(|at| at.elapsed() < spin);
        if !spins {
            self.worked_at = None;
        }
        spins
    }

    fn next_deadline(&self) -> Option<Instant> {
        let accepting = self.listeners.iter().filter_map(|listener| listener.resume_at).min();
        self.next_tick
            .into_iter()
            .chain(accepting)
            .chain(self.housekeeping.next_expiry)
            .chain(self.pauses.end())
            .chain(self.next_replica_wait())
            .chain(self.saver.next_deadline())
            .chain(self.next_log_deadline())
            .min()
    }

    fn complete(&mut self, completion: Completion) {
        match completion.token.operation {
            Operation::Receive => self.received(completion),
            Operation::ReceiveBlock => self.received_block(completion),
            Operation::Accept => self.accepted(&completion),
            Operation::SendOwned => self.sent_owned(completion),
            Operation::Wake => {
                self.wait_for_wake();
                self.follow_loading();
            }
            Operation::WriteFile => self.wrote_file(completion),
            Operation::SyncFile => self.synced_file(&completion),
            Operation::Cancel | Operation::Send => {}
        }
    }

    pub(super) fn wait_for_wake(&mut self) {
        let waker = self.bridge.wakers[self.shard.index as usize].as_raw_fd();
        self.ring.wait_for_wake(waker, Token::new(Operation::Wake, 0, 0));
    }

    /// Gives connections that were stalled another chance.
    fn resume(&mut self) {
        self.has_made_room = false;
        for (generation, index) in std::mem::take(&mut self.crowded) {
            if let Some(connection) = self.connections.find(generation, index)
                && connection.stall == Stall::Crowded
            {
                connection.stall = Stall::No;
                self.resumable.push(index);
            }
        }
        for index in std::mem::take(&mut self.resumable) {
            self.feed_inbox(index);
            self.give_out(index);
            self.close_if_ended(index);
        }
        self.finish_batch();
    }

    pub(super) fn publish_counters(&self) {
        let counters = self.counters();
        counters.clients.set(self.connections.count() as u64);
        counters.keyspace_hits.set(self.shard.lookups.hits);
        counters.keyspace_misses.set(self.shard.lookups.misses);
        let (flushed, pending) = self.shard.keyspace.flushed_counts();
        counters.flushed_keys.set(flushed);
        counters.flushed_keys_pending.set(pending);
        let mut used = 0;
        for database in 0..usize::from(self.turn.databases) {
            let figures = self.shard.keyspace.figures(database);
            // Most databases are never used, and cost no more than this look.
            if figures.is_none() && counters.table_bytes[database].read() == 0 {
                continue;
            }
            let figures = figures.unwrap_or_default();
            used += figures.memory_bytes;
            counters.keys[database].set(figures.keys as u64);
            counters.keys_with_deadline[database].set(figures.keys_with_deadline as u64);
            counters.table_bytes[database].set(figures.table_bytes as u64);
            counters.schedule_bytes[database].set(figures.schedule_bytes as u64);
        }
        counters.used_memory.set(used as u64);
        counters.changes.set(self.shard.keyspace.changes().count());
        self.publish_log();
    }

    fn tick(&mut self) {
        let wanted = self.wants_tick();
        match self.next_tick {
            None if wanted => self.next_tick = Some(Instant::now() + TICK),
            Some(due) if due <= Instant::now() => {
                self.close_overdue();
                self.next_tick = wanted.then(|| Instant::now() + TICK);
            }
            _ => {}
        }
        self.resume_listeners();
    }
}

/// Microseconds since the Unix epoch.
pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64)
}
