//! One core: a turn after another, as `data_plane/core.rs` and `receive.rs` take them, without a ring.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use basalt::commands::{Command, Run, Turn, resolve};
use basalt::keyspace::Hasher;
use basalt::protocol::Args;
use basalt::session::multi::{InMulti, in_multi};
use basalt::session::order::Order;
use basalt::session::route::{Route, Routed, route};
use basalt::session::transaction::Transaction;
use basalt::shard::{Lane, Shard};

use super::common::Value;
use super::connection::{Closing, Connection, Connections, Line, Received, Stall};
use super::errands::Errand;
use super::flaw::Flaw;
use super::generate::DATABASES;
use super::history::Recorder;
use super::log::Log;
use super::mesh::Mesh;

/// How many requests are planned before they are run.
const BATCH_REQUESTS: usize = 32;

/// What a client asks for a slot to be moved by, in this simulation.
pub const MOVE_SLOT: &str = "MOVE-SLOT";

pub struct Core {
    pub shard: Shard,
    pub connections: Connections,
    pub mesh: Mesh,
    pub hasher: Hasher,
    pub turn: Turn,
    pub planned: Vec<Planned>,
    pub resumable: Vec<u32>,
    pub crowded: Vec<(u32, u32)>,
    /// One of them has room now that its replies were given out.
    pub has_made_room: bool,
    pub closing: Vec<(u32, u32)>,
    pub spare_orders: Vec<Box<Order>>,
    pub errands: BTreeMap<u64, Errand>,
    pub next_transaction: u64,
    pub spare_transactions: Vec<Box<Transaction>>,
    /// Requests of this core that wait at some shard for locks; below 0 when a reply has overtaken the news that it waits.
    pub late_count: i64,
    /// What clients have asked this shard to watch, by the place of the reply.
    pub watch_keys: HashMap<(Lane, u32), Vec<String>>,
    pub recorder: Recorder,
    pub log: Option<Log>,
    /// The time by the clock of all, for what is done for the log.
    pub instant_us: u64,
}

/// A received request and where it goes.
#[derive(Clone)]
pub struct Planned {
    pub connection: u32,
    pub generation: u32,
    pub line: Rc<Line>,
    pub command: Option<&'static Command>,
    pub hash: u64,
    pub slot: u16,
    pub way: Way,
}

/// Who runs a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Refused,
    Queued,
    Forbidden,
    Session,
    Local,
    Remote(u16),
    Every,
    Transaction,
    SlotMove,
}

/// How a planned request is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Together,
    Alone,
    Crowded,
    NotQuiet,
}

/// Where what is parsed comes from: at the end of an inbox everything that was planned is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Chunk,
    Inbox,
}

impl Core {
    pub fn new(shard: Shard, mesh: Mesh, hasher: Hasher, turn: Turn, recorder: Recorder) -> Self {
        Core {
            shard,
            connections: Connections::default(),
            mesh,
            hasher,
            turn,
            planned: Vec::new(),
            resumable: Vec::new(),
            crowded: Vec::new(),
            has_made_room: false,
            closing: Vec::new(),
            spare_orders: Vec::new(),
            errands: BTreeMap::new(),
            next_transaction: 0,
            spare_transactions: Vec::new(),
            late_count: 0,
            watch_keys: HashMap::new(),
            recorder,
            log: None,
            instant_us: turn.now_us,
        }
    }

    /// Takes a turn; `now_us` is when it begins, by the clock of all, and `skew_us` what this core's clock is ahead.
    pub fn turn(&mut self, now_us: u64, skew_us: u64, expires: bool) {
        self.close_those_done();
        self.complete_files();
        self.turn.now_us = (now_us + skew_us).max(self.shard.clock_us);
        for index in self.connections.indices() {
            self.receive(index, now_us);
        }
        self.run_batch();
        self.read_messages();
        self.resume();
        if expires {
            self.shard.keyspace.expire_due(self.turn.now_ms(), 1000);
            self.shard.keyspace.free_some(1000);
            self.shard.keyspace.changes_mut().forget_notes();
        }
        if self.has_flaw(Flaw::SentBeforeAppended) {
            self.mesh.flush();
            self.send_replies();
        }
        self.append_log();
        self.mesh.flush();
        self.send_replies();
    }

    pub fn has_deadlines(&self) -> bool {
        (0..DATABASES.into()).any(|database| self.shard.keyspace.expires_len(database) > 0)
    }

    /// Whether the core does not sleep until somebody wakes it.
    pub fn is_awake(&self, now_us: u64) -> bool {
        let has_input = |connection: &Connection| {
            connection.arriving.front().is_some_and(|(arrival_us, _)| *arrival_us <= now_us)
        };
        !self.resumable.is_empty()
            || !self.closing.is_empty()
            || self.has_made_room
            || self.mesh.has_posts()
            || self.mesh.has_messages()
            || self.log.as_ref().is_some_and(|log| log.is_due(self.shard.journal.position(), now_us))
            || self.connections.iter().any(has_input)
    }

    /// Takes what has arrived from a client.
    fn receive(&mut self, index: u32, now_us: u64) {
        let mut has_requests = false;
        let source = match self.connections.at(index).inbox.is_empty() {
            true => Source::Chunk,
            false => Source::Inbox,
        };
        while let Some(connection) = self.connections.find_at(index)
            && connection.arriving.front().is_some_and(|(arrival_us, _)| *arrival_us <= now_us)
            && let Some((_, received)) = connection.arriving.pop_front()
        {
            match received {
                Received::Request(line) if connection.closing == Closing::No => {
                    connection.inbox.push_back(line);
                    has_requests = true;
                }
                Received::Request(_) => {}
                Received::End => {
                    self.feed(index, source);
                    self.run_batch();
                    self.connections.at(index).input_ended = true;
                    return self.close_if_ended(index);
                }
                Received::Broken => return self.shut(index),
            }
        }
        if has_requests {
            self.feed(index, source);
        }
    }

    fn feed(&mut self, index: u32, source: Source) {
        while let Some(connection) = self.connections.find_at(index).filter(|it| it.may_run())
            && let Some(line) = connection.inbox.front().cloned()
        {
            let plan = match self.plan(index, &line) {
                (Plan::Crowded | Plan::NotQuiet, _) => {
                    // What stands before it may be all that it waits for.
                    self.run_batch();
                    self.plan(index, &line)
                }
                plan => plan,
            };
            let (plan, planned) = plan;
            if matches!(plan, Plan::Crowded | Plan::NotQuiet) {
                self.let_wait(index, plan);
                break;
            }
            self.connections.at(index).inbox.pop_front();
            self.planned.push(planned);
            if plan == Plan::Alone || self.planned.len() >= BATCH_REQUESTS {
                self.run_batch();
            }
        }
        if source == Source::Inbox {
            self.run_batch();
        }
    }

    fn let_wait(&mut self, index: u32, plan: Plan) {
        let connection = self.connections.at(index);
        if connection.stall != Stall::No {
            return;
        }
        match plan {
            Plan::NotQuiet => connection.stall = Stall::Waits,
            _ => {
                connection.stall = Stall::Crowded;
                self.crowded.push((connection.generation, index));
            }
        }
    }

    fn plan(&mut self, index: u32, line: &Rc<Line>) -> (Plan, Planned) {
        let Connection { session, generation, .. } = self.connections.at(index);
        let (in_multi, is_quiet, may_dispatch) =
            (session.multi.is_some(), session.is_quiet() && self.planned.is_empty(), session.may_dispatch());
        let (generation, args) = (*generation, line.args());
        let command = resolve(&args).ok();
        let (way, hash, slot) = match command {
            Some(command) => self.way(command, &args, in_multi),
            None if args.at(0) == MOVE_SLOT.as_bytes() => (Way::SlotMove, 0, 0),
            None => (Way::Refused, 0, 0),
        };
        let plan = match way {
            _ if !may_dispatch => Plan::Crowded,
            Way::Remote(owner) if !self.mesh.has_room(owner) => Plan::Crowded,
            Way::Transaction | Way::SlotMove if !is_quiet => Plan::NotQuiet,
            Way::Session if command.is_some_and(|command| command.alone) && !is_quiet => Plan::NotQuiet,
            Way::Refused if in_multi => Plan::Alone,
            Way::Local | Way::Remote(_) | Way::Refused | Way::Queued => Plan::Together,
            _ => Plan::Alone,
        };
        (plan, Planned { connection: index, generation, line: line.clone(), command, hash, slot, way })
    }

    fn way(&self, command: &'static Command, args: &Args, in_multi_now: bool) -> (Way, u64, u16) {
        let home = self.shard.index;
        let Routed { route, hash, slot } = route(command, args, &self.shard.slots, &self.hasher, home);
        let way = match route {
            _ if in_multi_now && in_multi(command) == InMulti::Queued => Way::Queued,
            _ if in_multi_now && in_multi(command) == InMulti::Forbidden => Way::Forbidden,
            Route::Session => Way::Session,
            Route::One(owner) if owner == home => Way::Local,
            Route::One(owner) => Way::Remote(owner),
            Route::Every => Way::Every,
            Route::Transaction => Way::Transaction,
        };
        (way, hash, slot)
    }

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
            self.feed(index, Source::Inbox);
            self.give_out(index);
            self.close_if_ended(index);
        }
        self.run_batch();
    }

    /// Replies that have left since the last call, by client.
    pub fn sent_replies(&mut self, mut send: impl FnMut(u32, &[u8])) {
        for index in self.connections.indices() {
            let connection = self.connections.at(index);
            let bytes = std::mem::take(&mut connection.sent);
            if connection.closing != Closing::Shut && !bytes.is_empty() {
                send(connection.client, &bytes);
            }
        }
    }

    pub fn lane(&mut self, index: u32) -> Lane {
        let generation = self.connections.at(index).generation;
        Lane { core: self.shard.index, connection: index, generation }
    }

    /// Nothing is under way at this core.
    pub fn is_idle(&self) -> bool {
        self.errands.is_empty()
            && self.late_count == 0
            && self.mesh.is_idle()
            && self.resumable.is_empty()
            && self.log.as_ref().is_none_or(Log::is_quiet)
            && self.connections.iter().all(|connection| {
                connection.session.is_settled()
                    && !connection.session.in_transaction
                    && connection.session.returned.is_none()
                    && connection.inbox.is_empty()
                    && connection.arriving.is_empty()
                    && connection.outbox.is_empty()
                    && connection.stall == Stall::No
            })
    }

    /// Closes a connection whose input has ended, unless requests of it wait to be run.
    fn close_if_ended(&mut self, index: u32) {
        if let Some(connection) = self.connections.find_at(index)
            && connection.input_ended
            && (connection.stall == Stall::No || connection.inbox.is_empty())
        {
            self.close_after_replies(index);
        }
    }

    pub fn close_after_replies(&mut self, index: u32) {
        let connection = self.connections.at(index);
        if connection.closing == Closing::No {
            connection.closing = Closing::AfterReplies;
            connection.inbox.clear();
            match connection.has_replies() {
                true => self.closing.push((connection.generation, index)),
                false => self.shut(index),
            }
        }
    }

    pub fn shut(&mut self, index: u32) {
        let connection = self.connections.at(index);
        if connection.closing != Closing::Shut {
            connection.closing = Closing::Shut;
            connection.inbox.clear();
            self.unwatch(index);
        }
        let generation = self.connections.at(index).generation;
        self.closing.push((generation, index));
    }

    fn close_those_done(&mut self) {
        for (generation, index) in std::mem::take(&mut self.closing) {
            let Some(connection) = self.connections.find(generation, index) else {
                continue;
            };
            match connection.closing {
                Closing::AfterReplies if !connection.has_replies() => self.shut(index),
                Closing::Shut if connection.lingers > 0 => {
                    connection.lingers -= 1;
                    self.closing.push((generation, index));
                }
                Closing::Shut => self.connections.remove(index),
                _ => {}
            }
        }
    }
}

/// Splits a stream of replies.
pub fn take_reply(stream: &mut Vec<u8>) -> Option<Value> {
    let (value, length) = if stream.is_empty() { None } else { Value::parse(stream) }?;
    stream.drain(..length);
    Some(value)
}

/// Whether a command is one of the session.
pub fn is_of_session(command: &Command) -> bool {
    matches!(command.run, Run::Session(_))
}
