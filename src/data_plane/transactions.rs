//! Transactions at home: begun, driven by what shards answer, ended. And what MULTI queues until then.

use crate::cluster::slot_of;
use crate::commands::caller::Address as Endpoint;
use crate::commands::{Caller, Command, Flags, Run};
use crate::data_plane::batch::{Planned, call_session, request, write_reply};
use crate::data_plane::connection::{Closing, Connection, Stall};
use crate::data_plane::core::Core;
use crate::data_plane::loading::NOT_YET;
use crate::data_plane::log::Parked;
use crate::data_plane::mesh::{Address, Post};
use crate::data_plane::slow_log::shown_arguments;
use crate::keyspace::Key;
use crate::protocol::reply::Mark;
use crate::protocol::{Args, Out, Reply};
use crate::session::gather::{Finish, Gather};
use crate::session::route::{Route, route};
use crate::session::slot_move::SlotMove;
use crate::session::snapshot::Snapshot;
use crate::session::transaction::{Client, Compass, Context, Origin, Place, Progress, Transaction};
use crate::shard::parcel::Parcel;
use crate::shard::visit::{Step, Ticket, Visit, Watch};
use crate::shard::{Answer, Lane, Request};

/// Transactions that have ended and whose memory is kept for the next ones, and how much of it each may have.
const SPARE_TRANSACTIONS: usize = 256;
const SPARE_TRANSACTION_BYTES: usize = 16 * 1024;

const NOT_ALLOWED: &[u8] = b"-ERR Command not allowed inside a transaction\r\n";
const ABORTED: &[u8] = b"-EXECABORT Transaction discarded because of previous errors.\r\n";

impl Core {
    /// Begins the transaction that one request is.
    pub(super) fn start_command(&mut self, planned: &Planned, command: &'static Command) {
        let ticket = self.next_ticket();
        let bytes = planned.source.bytes(&self.ring, &self.held, &self.feeding, &self.scratch);
        let args = Args::new(bytes, planned.spans(&self.spans), planned.source.blocks(&self.feeding));
        let connection = self.connections.at(planned.connection);
        let key = planned.key(command, args);
        let request = request(command, args, key, connection);
        let (origin, context) =
            (origin_of(planned.connection, connection), context_of(&connection.session.caller));
        let transaction =
            Transaction::command(self.spare_transactions.pop(), ticket, origin, &request, context);
        self.start(Errand::Transaction(transaction));
    }

    /// Keeps a request until EXEC.
    pub(super) fn queue(&mut self, planned: &Planned, command: &'static Command) {
        let bytes = planned.source.bytes(&self.ring, &self.held, &self.feeding, &self.scratch);
        let args = Args::new(bytes, planned.spans(&self.spans), planned.source.blocks(&self.feeding));
        let limit = self.settings.query_buffer_bytes_max;
        let connection = self.connections.at(planned.connection);
        let request = request(command, args, planned.key(command, args), connection);
        let multi = connection.session.multi.as_mut().expect("requests are queued behind MULTI");
        if let Some(refusal) = &self.shard.write_refusal
            && command.flags.has(Flags::WRITE)
        {
            multi.is_aborted = true;
            let refusal = refusal.clone();
            self.count_rejected(command);
            return self.reply(planned.connection, |out| out.bytes.extend_from_slice(&refusal));
        }
        multi.push(&request);
        if multi.queue.held_bytes() as u64 > limit {
            tracing::warn!(
                client = connection.session.caller.id,
                "client closed: what it has queued is too large"
            );
            return self.shut(planned.connection);
        }
        self.reply(planned.connection, |out| out.bytes.extend_from_slice(b"+QUEUED\r\n"));
    }

    pub(super) fn forbid(&mut self, index: u32) {
        if let Some(multi) = &mut self.connections.at(index).session.multi {
            multi.is_aborted = true;
        }
        self.reply(index, |out| out.bytes.extend_from_slice(NOT_ALLOWED));
    }

    /// Begins to queue.
    pub(super) fn multi(&mut self, index: u32) {
        let session = &mut self.connections.at(index).session;
        let reply: &[u8] = match session.multi.is_some() {
            true => b"-ERR MULTI calls can not be nested\r\n",
            false => b"+OK\r\n",
        };
        session.multi.get_or_insert_default();
        self.reply(index, |out| out.bytes.extend_from_slice(reply));
    }

    pub(super) fn discard(&mut self, index: u32) {
        let reply: &[u8] = match self.connections.at(index).session.multi.take() {
            None => b"-ERR DISCARD without MULTI\r\n",
            Some(_) => {
                self.unwatch(index);
                b"+OK\r\n"
            }
        };
        self.reply(index, |out| out.bytes.extend_from_slice(reply));
    }

    /// Runs what is queued.
    pub(super) fn exec(&mut self, index: u32) {
        let session = &mut self.connections.at(index).session;
        let Some(multi) = session.multi.take() else {
            return self.reply(index, |out| out.bytes.extend_from_slice(b"-ERR EXEC without MULTI\r\n"));
        };
        if multi.is_aborted {
            self.unwatch(index);
            return self.reply(index, |out| out.bytes.extend_from_slice(ABORTED));
        }
        if self.is_monitored() {
            self.show_queue(index, &multi.queue);
        }
        if self.may_exec_here(index, &multi.queue) {
            return self.exec_here(index, &multi.queue);
        }
        let ticket = self.next_ticket();
        let connection = self.connections.at(index);
        let watching = connection.session.watching.take().map_or_else(Vec::new, |shards| *shards);
        let (origin, context) = (origin_of(index, connection), context_of(&connection.session.caller));
        let spare = self.spare_transactions.pop();
        let transaction = Transaction::exec(spare, ticket, origin, multi.queue, watching, context);
        self.start(Errand::Transaction(transaction));
    }

    /// Whether everything that EXEC needs is on this core's shard, and free.
    fn may_exec_here(&mut self, index: u32, queue: &Parcel<()>) -> bool {
        let (home, connection) = (self.shard.index, self.connections.at(index));
        let watches_elsewhere = connection
            .session
            .watching
            .as_ref()
            .is_some_and(|shards| shards.iter().any(|&shard| shard != home));
        let lane = Lane { core: home, connection: index, generation: connection.generation };
        let (client, is_watching) = (connection.session.caller.id, connection.session.watching.is_some());
        !watches_elsewhere
            && (!is_watching || self.shard.are_watched_free(client))
            && (0..queue.len()).all(|at| {
                let request = queue.request(at);
                match route(request.command, &request.args, &self.shard.slots, &self.hasher, home).route {
                    Route::Session => true,
                    Route::One(shard) => {
                        shard == home && (self.shard.is_idle() || self.shard.may_run(&request, &lane))
                    }
                    Route::Every | Route::Transaction => false,
                }
            })
    }

    /// Nothing can come in between, so the commands run one after the other.
    fn exec_here(&mut self, index: u32, queue: &Parcel<()>) {
        let client = self.connections.at(index).session.caller.id;
        let is_watching = self.connections.at(index).session.watching.is_some();
        let unchanged = !is_watching || self.shard.are_watched_unchanged(client, self.turn.now_ms());
        self.unwatch(index);
        if !unchanged {
            let resp = self.connections.at(index).session.caller.resp;
            return self.reply(index, |out| Reply::new(out, resp).null_array());
        }
        for entry in queue.entries() {
            let key = Key { bytes: &[], hash: entry.hash, slot: entry.slot };
            self.shard.keyspace.prefetch_group(entry.database.into(), &key);
        }
        self.reply(index, |out| Reply::new(out, Default::default()).array(queue.len()));
        self.connections.at(index).session.in_transaction = true;
        let changes_before = self.shard.changes_bytes();
        for at in 0..queue.len() {
            let queued = queue.request(at);
            let Context { database, resp, no_touch } = context_of(&self.connections.at(index).session.caller);
            let request = Request { database, resp, no_touch, ..queued };
            if matches!(request.command.run, Run::Session(_)) {
                self.run_queued_session(index, &request);
                continue;
            }
            let Core { connections, shard, turn, out, segments, spare_orders, .. } = self;
            write_reply(connections.at(index), index, out, segments, spare_orders, |out| {
                shard.execute(&request, turn, out);
            });
            if self.timing.is_precise || !request.command.is_steady {
                self.lap_queued(index, &request);
            }
        }
        let gate = self.shard.journal.end_position(&self.shard.keyspace);
        let connection = self.connections.at(index);
        connection.session.in_transaction = false;
        if self.shard.changes_bytes() != changes_before {
            connection.gate = gate;
        }
        self.settle(index);
        // What CLIENT REPLY ON lets through behind what it muted was held.
        self.give_out(index);
    }

    /// Reads the clock behind a queued request, and logs it if it was slow.
    fn lap_queued(&mut self, index: u32, request: &Request) {
        if let Some(nanoseconds) = self.lap() {
            let generation = self.connections.at(index).generation;
            let arguments = shown_arguments(request.command, &request.args);
            self.log_slow(index, generation, request.command, arguments, nanoseconds);
        }
    }

    fn run_queued_session(&mut self, index: u32, request: &Request) {
        let caller = &mut self.connections.at(index).session.caller;
        let (reply, next) = call_session(request.command, request.args, caller, &self.turn);
        self.finish_session(index, request.command, &reply, next);
    }

    /// Begins to watch keys: each at the shard that owns it.
    pub(super) fn watch(&mut self, index: u32, keys: Vec<Box<[u8]>>) {
        if self.connections.at(index).session.multi.is_some() {
            let refusal = b"-ERR WATCH inside MULTI is not allowed\r\n";
            return self.reply(index, |out| out.bytes.extend_from_slice(refusal));
        }
        let mut by_shard: Vec<(u16, Vec<Box<[u8]>>)> = Vec::new();
        for key in keys {
            let owner = self.shard.slots.owner(slot_of(&key));
            match by_shard.iter_mut().find(|(shard, _)| *shard == owner) {
                Some((_, keys)) => keys.push(key),
                None => by_shard.push((owner, vec![key])),
            }
        }
        let home = self.shard.index;
        let connection = self.connections.at(index);
        let (client, database) = (connection.session.caller.id, connection.session.caller.database);
        let lane = Lane { core: home, connection: index, generation: connection.generation };
        let resp = connection.session.caller.resp;
        let watching = connection.session.watching.get_or_insert_default();
        for (shard, _) in &by_shard {
            if !watching.contains(shard) {
                watching.push(*shard);
            }
        }
        let parts = by_shard.len() as u16;
        let gather = Gather::new(Finish::Same, parts, resp);
        let sequence = connection.session.order_mut(&mut self.spare_orders).gather(gather);
        connection.stall = Stall::Waits;
        for (shard, keys) in by_shard {
            self.pauses.late_count += 1;
            self.post(shard, Step::Watch(Box::new(Watch { lane, sequence, client, database, keys })));
        }
        self.deal_with_answers();
    }

    /// Forgets what a client watches.
    pub(super) fn unwatch(&mut self, index: u32) {
        let session = &mut self.connections.at(index).session;
        let client = session.caller.id;
        if let Some(shards) = session.watching.take() {
            self.unwatch_at(&shards, client);
        }
    }

    fn unwatch_at(&mut self, shards: &[u16], client: u64) {
        shards.iter().for_each(|&shard| self.post(shard, Step::Unwatch(client)));
    }

    /// Moves a slot to another shard.
    pub(super) fn move_slot(&mut self, index: u32, slot: u16, to: u16) {
        if self.connections.at(index).session.in_transaction {
            return self.reply(index, |out| out.bytes.extend_from_slice(NOT_ALLOWED));
        }
        // The data that is being read is for the owners of now.
        if self.is_loading() {
            return self.answer_with(index, |reply| reply.error(NOT_YET));
        }
        let ticket = self.next_ticket();
        let origin = origin_of(index, self.connections.at(index));
        self.start(Errand::SlotMove(Box::new(SlotMove::new(ticket, origin, slot, to))));
    }

    /// The name of the next transaction.
    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.next_transaction += 1;
        Ticket { home: self.shard.index, number: self.next_transaction }
    }

    /// Begins an errand; nothing else of its client is dispatched until it ends.
    pub(super) fn start(&mut self, mut errand: Errand) {
        let origin = errand.origin_mut();
        let connection = self.connections.at(origin.connection);
        connection.stall = Stall::Waits;
        connection.session.in_transaction = true;
        let order = connection.session.order_mut(&mut self.spare_orders);
        if !origin.has_place {
            debug_assert!(order.is_quiet(), "a transaction begins when everything before it is answered");
            origin.first_place = order.next_sequence();
        }
        self.advance(errand, None);
        self.deal_with_answers();
    }

    /// Begins an errand that no client waits for.
    pub(super) fn start_unattended(&mut self, errand: Errand) {
        self.advance(errand, None);
        self.deal_with_answers();
    }

    /// A shard has answered.
    pub(super) fn take_visit(&mut self, visit: Box<Visit>) {
        let errand = self.errands.remove(&visit.ticket.number);
        self.advance(errand.expect("an errand lives until all its visits are home"), Some(visit));
    }

    /// Lets an errand begin, or take what a shard has answered.
    fn advance(&mut self, errand: Errand, visit: Option<Box<Visit>>) {
        match errand {
            Errand::Snapshot(snapshot) => self.advance_snapshot(snapshot, visit.is_some()),
            errand => self.advance_for_client(errand, visit),
        }
    }

    fn advance_snapshot(&mut self, mut snapshot: Box<Snapshot>, is_begun: bool) {
        let progress = if is_begun { snapshot.take() } else { snapshot.begin() };
        for (shard, step) in std::mem::take(&mut snapshot.posts) {
            self.post(shard, step);
        }
        if matches!(progress, Progress::Waiting) {
            self.errands.insert(snapshot.ticket.number, Errand::Snapshot(snapshot));
        }
    }

    fn advance_for_client(&mut self, mut errand: Errand, visit: Option<Box<Visit>>) {
        let (slots, hasher, now_us) = (self.shard.slots.clone(), self.hasher.clone(), self.turn.now_us);
        let is_logged = self.shard.journal.is_on();
        let compass = Compass { slots: &slots, hasher: &hasher, is_logged };
        let failed = match &mut errand {
            Errand::Transaction(transaction) => std::mem::take(&mut transaction.failed),
            Errand::SlotMove(_) | Errand::Snapshot(_) => Vec::new(),
        };
        let mut client = CoreClient { origin: *errand.origin_mut(), core: self, failed };
        let (progress, posts) = match (&mut errand, visit) {
            (Errand::Transaction(it), None) => (it.begin(compass, now_us, &mut client), &mut it.posts),
            (Errand::Transaction(it), Some(visit)) => (it.take(visit, compass, &mut client), &mut it.posts),
            (Errand::SlotMove(it), None) => (it.begin(compass, &mut client), &mut it.posts),
            (Errand::SlotMove(it), Some(visit)) => (it.take(visit, compass, &mut client), &mut it.posts),
            (Errand::Snapshot(_), _) => unreachable!("it has no client"),
        };
        let (mut posts, failed) = (std::mem::take(posts), client.failed);
        for (shard, step) in posts.drain(..) {
            self.post(shard, step);
        }
        if let Errand::Transaction(transaction) = &mut errand {
            transaction.posts = posts;
            transaction.failed = failed;
        }
        match progress {
            Progress::Waiting => {
                self.errands.insert(errand.number(), errand);
            }
            Progress::Done => self.end(errand),
        }
    }

    fn end(&mut self, mut errand: Errand) {
        let Origin { connection: index, generation, client, .. } = *errand.origin_mut();
        if let Errand::Transaction(transaction) = &errand {
            self.unwatch_at(transaction.watching(), client);
            self.count_transaction(transaction);
        }
        if let Some(connection) = self.connections.find(generation, index) {
            connection.session.in_transaction = false;
            self.settle(index);
        }
        if let Errand::Transaction(transaction) = errand
            && self.spare_transactions.len() < SPARE_TRANSACTIONS
            && transaction.memory_bytes() < SPARE_TRANSACTION_BYTES
        {
            self.spare_transactions.push(transaction);
        }
    }

    /// Brings a step to a shard.
    pub(super) fn post(&mut self, shard: u16, step: Step) {
        match shard == self.shard.index {
            true => {
                self.take_step(step);
                self.catch_up();
                self.follow_map();
            }
            false => self.mesh.post(shard, Post::Step(step)),
        }
    }

    /// Brings what the shard has answered to where it belongs.
    pub(super) fn deal_with_answers(&mut self) {
        while let Some(answer) = self.shard.answers.pop_front() {
            let logged_to = match &answer {
                Answer::Visited(visit) => visit.logged_to,
                Answer::Reply { logged_to, .. } => *logged_to,
                Answer::Moved { .. } => 0,
            };
            if let Some(Parked::Answer(answer)) = self.park(logged_to, Parked::Answer(answer)) {
                self.deal_with(answer);
            }
        }
    }

    /// Brings an answer to where it belongs; what it tells of is acknowledged.
    pub(super) fn deal_with(&mut self, answer: Answer) {
        match answer {
            Answer::Visited(visit) => match visit.ticket.home {
                home if home == self.shard.index => self.take_visit(visit),
                home => self.mesh.post(home, Post::Step(Step::Answer(visit))),
            },
            Answer::Reply { lane, sequence, reply, .. } => {
                let address = address_of(lane, sequence);
                match lane.core == self.shard.index {
                    true => self.take_late_reply(lane.core, address, &reply),
                    false => self.mesh.post(lane.core, Post::Reply { address, reply }),
                }
            }
            Answer::Moved { lane, sequence, request } => {
                let address = address_of(lane, sequence);
                match lane.core == self.shard.index {
                    true => {
                        self.pauses.late_count -= 1;
                        self.take_back(address, request);
                    }
                    false => self.mesh.post(lane.core, Post::Moved { address, request }),
                }
            }
        }
    }
}

/// What is driven from this core, by the answers of shards.
pub enum Errand {
    Transaction(Box<Transaction>),
    SlotMove(Box<SlotMove>),
    /// No client waits for it, or not for its end.
    Snapshot(Box<Snapshot>),
}

impl Errand {
    fn origin_mut(&mut self) -> &mut Origin {
        match self {
            Errand::Transaction(transaction) => &mut transaction.origin,
            Errand::SlotMove(slot_move) => &mut slot_move.origin,
            Errand::Snapshot(_) => unreachable!("it has no client"),
        }
    }

    fn number(&self) -> u64 {
        match self {
            Errand::Transaction(transaction) => transaction.ticket.number,
            Errand::SlotMove(slot_move) => slot_move.ticket.number,
            Errand::Snapshot(snapshot) => snapshot.ticket.number,
        }
    }
}

fn address_of(lane: Lane, sequence: u32) -> Address {
    Address { connection: lane.connection, generation: lane.generation, sequence }
}

pub(super) fn origin_of(index: u32, connection: &Connection) -> Origin {
    let client = connection.session.caller.id;
    Origin { connection: index, generation: connection.generation, client, first_place: 0, has_place: false }
}

fn context_of(caller: &Caller) -> Context {
    Context { database: caller.database, resp: caller.resp, no_touch: caller.no_touch }
}

/// The client of a transaction, among the connections of its core.
struct CoreClient<'a> {
    core: &'a mut Core,
    origin: Origin,
    /// Places whose reply, or a part of it, is an error.
    failed: Vec<u32>,
}

impl CoreClient<'_> {
    /// The connection, unless it is gone.
    fn connection(&mut self) -> Option<&mut Connection> {
        let Origin { connection, generation, .. } = self.origin;
        self.core.connections.find(generation, connection).filter(|it| it.closing != Closing::Shut)
    }
}

impl CoreClient<'_> {
    /// Counts an error reply, or a part of one.
    fn note_failure(&mut self, place: u32, reply: &[u8]) {
        if !self.failed.contains(&place) {
            self.failed.push(place);
            self.core.shard.tally.count_error(reply);
        }
    }
}

impl Client for CoreClient<'_> {
    fn reserve(&mut self, place: Place) {
        let Origin { first_place, has_place, .. } = self.origin;
        let Some(order) = self.connection().and_then(|connection| connection.session.order()) else {
            return;
        };
        let error = match &place {
            Place::Reply(reply) if reply.starts_with(b"-") => {
                Some((order.next_sequence().wrapping_sub(first_place), reply.clone()))
            }
            _ => None,
        };
        match place {
            Place::Wait if has_place => {}
            Place::Gather(gather) if has_place => order.gather_at(first_place, gather),
            Place::Reply(bytes) if has_place => {
                let reply = Out { bytes, shared: Vec::new() };
                order.take(first_place, 0, &reply, Mark::default(), reply.mark());
            }
            Place::Wait => drop(order.wait()),
            Place::Gather(gather) => drop(order.gather(gather)),
            Place::Reply(reply) => drop(order.hold(|out| out.bytes.extend_from_slice(&reply))),
        }
        if let Some((place, reply)) = error {
            self.note_failure(if has_place { 0 } else { place }, &reply);
        }
    }

    fn run(&mut self, request: &Request, context: &mut Context) {
        let index = self.origin.connection;
        if self.connection().is_some() {
            self.core.run_queued_session(index, request);
            *context = context_of(&self.core.connections.at(index).session.caller);
            return;
        }
        // Nobody hears the reply, but SELECT matters to what comes behind it.
        let mut caller = Caller::new(self.origin.client, Endpoint::Unix, self.core.turn.now_us);
        (caller.database, caller.resp, caller.no_touch) = (context.database, context.resp, context.no_touch);
        call_session(request.command, request.args, &mut caller, &self.core.turn);
        *context = context_of(&caller);
    }

    fn complete(&mut self, place: u32, shard: u16, replies: &Out, from: Mark, to: Mark) {
        let reply = &replies.bytes[from.bytes..to.bytes];
        if reply.starts_with(b"-") {
            self.note_failure(place, reply);
        }
        let sequence = self.origin.first_place.wrapping_add(place);
        if let Some(order) = self.connection().and_then(|connection| connection.session.order()) {
            order.take(sequence, shard, replies, from, to);
        }
    }
}
