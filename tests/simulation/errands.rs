//! Transactions and moved slots at home, as `data_plane/transactions.rs` and `follow.rs` drive them.

use basalt::cluster::slot_of;
use basalt::commands::caller::Address as Endpoint;
use basalt::commands::{Caller, Command};
use basalt::protocol::reply::Mark;
use basalt::protocol::{Out, Reply};
use basalt::session::gather::{Finish, Gather};
use basalt::session::route::{Route, route};
use basalt::session::slot_move::SlotMove;
use basalt::session::transaction::{Client, Compass, Context, Origin, Place, Progress, Transaction};
use basalt::shard::parcel::Parcel;
use basalt::shard::visit::{Step, Ticket, Visit, Watch};
use basalt::shard::{Answer, Request};

use super::connection::{Closing, Connection, Stall};
use super::core::{Core, Planned, is_of_session};
use super::dispatch::call_session;
use super::flaw::Flaw;
use super::history::Part;
use super::log::Parked;
use super::mesh::{Address, Post};

const ABORTED: &[u8] = b"-EXECABORT Transaction discarded because of previous errors.\r\n";

/// What is driven from this core, by the answers of shards.
pub enum Errand {
    Transaction(Box<Transaction>),
    SlotMove(Box<SlotMove>),
}

impl Errand {
    fn origin_mut(&mut self) -> &mut Origin {
        match self {
            Errand::Transaction(transaction) => &mut transaction.origin,
            Errand::SlotMove(slot_move) => &mut slot_move.origin,
        }
    }

    fn number(&self) -> u64 {
        match self {
            Errand::Transaction(transaction) => transaction.ticket.number,
            Errand::SlotMove(slot_move) => slot_move.ticket.number,
        }
    }
}

impl Core {
    pub fn start_command(&mut self, planned: &Planned, command: &'static Command) {
        let ticket = self.next_ticket(planned.line.operation);
        let connection = self.connections.at(planned.connection);
        let request = planned.request(command, connection);
        let (origin, context) =
            (origin_of(planned.connection, connection), context_of(&connection.session.caller));
        let transaction =
            Transaction::command(self.spare_transactions.pop(), ticket, origin, &request, context);
        self.start(Errand::Transaction(transaction));
    }

    pub fn move_slot(&mut self, planned: &Planned) {
        let args = planned.line.args();
        let number = |index| std::str::from_utf8(args.at(index)).unwrap().parse().unwrap();
        let ticket = self.next_ticket(planned.line.operation);
        let origin = origin_of(planned.connection, self.connections.at(planned.connection));
        self.start(Errand::SlotMove(Box::new(SlotMove::new(ticket, origin, number(1), number(2)))));
    }

    pub fn multi(&mut self, index: u32) {
        let session = &mut self.connections.at(index).session;
        let reply: &[u8] = match session.multi.is_some() {
            true => b"-ERR MULTI calls can not be nested\r\n",
            false => b"+OK\r\n",
        };
        session.multi.get_or_insert_default();
        self.reply(index, |out| out.bytes.extend_from_slice(reply));
    }

    pub fn discard(&mut self, index: u32) {
        let reply: &[u8] = match self.connections.at(index).session.multi.take() {
            None => b"-ERR DISCARD without MULTI\r\n",
            Some(_) => {
                self.unwatch(index);
                b"+OK\r\n"
            }
        };
        self.reply(index, |out| out.bytes.extend_from_slice(reply));
    }

    pub fn exec(&mut self, index: u32, operation: usize) {
        let session = &mut self.connections.at(index).session;
        let Some(multi) = session.multi.take() else {
            return self.reply(index, |out| out.bytes.extend_from_slice(b"-ERR EXEC without MULTI\r\n"));
        };
        if multi.is_aborted {
            self.unwatch(index);
            return self.reply(index, |out| out.bytes.extend_from_slice(ABORTED));
        }
        if self.may_exec_here(index, &multi.queue) {
            return self.exec_here(index, operation, &multi.queue);
        }
        let ticket = self.next_ticket(operation);
        let connection = self.connections.at(index);
        let watching = connection.session.watching.take().map_or_else(Vec::new, |shards| *shards);
        let (origin, context) = (origin_of(index, connection), context_of(&connection.session.caller));
        let transaction =
            Transaction::exec(self.spare_transactions.pop(), ticket, origin, multi.queue, watching, context);
        self.start(Errand::Transaction(transaction));
    }

    fn may_exec_here(&mut self, index: u32, queue: &Parcel<()>) -> bool {
        let (home, lane) = (self.shard.index, self.lane(index));
        let session = &self.connections.at(index).session;
        let watches_elsewhere =
            session.watching.as_ref().is_some_and(|shards| shards.iter().any(|&shard| shard != home));
        let is_free = session.watching.is_none() || self.shard.are_watched_free(session.caller.id);
        !watches_elsewhere
            && is_free
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

    fn exec_here(&mut self, index: u32, operation: usize, queue: &Parcel<()>) {
        let client = self.connections.at(index).session.caller.id;
        let is_watching = self.connections.at(index).session.watching.is_some();
        let unchanged = !is_watching || self.shard.are_watched_unchanged(client, self.turn.now_ms());
        self.unwatch(index);
        let part = if unchanged { self.whole() } else { Part::Refused };
        self.recorder.run(operation, self.turn.now_us, part);
        if !unchanged {
            let resp = self.connections.at(index).session.caller.resp;
            return self.reply(index, |out| Reply::new(out, resp).null_array());
        }
        self.reply(index, |out| Reply::new(out, Default::default()).array(queue.len()));
        self.connections.at(index).session.in_transaction = true;
        let changes_before = self.shard.changes_bytes();
        for at in 0..queue.len() {
            let queued = queue.request(at);
            let Context { database, resp, no_touch } = context_of(&self.connections.at(index).session.caller);
            let request = Request { database, resp, no_touch, ..queued };
            if is_of_session(request.command) {
                self.run_queued_session(index, &request);
                continue;
            }
            let mut reply = Out::default();
            self.shard.execute(&request, &self.turn, &mut reply);
            self.reply(index, |out| out.append_range(&reply, Mark::default(), reply.mark()));
        }
        self.connections.at(index).session.in_transaction = false;
        self.note_change(index, operation, changes_before);
        self.settle(index);
    }

    fn run_queued_session(&mut self, index: u32, request: &Request) {
        let caller = &mut self.connections.at(index).session.caller;
        let (reply, next) = call_session(request.command, request.args, caller, &self.turn);
        self.finish_session(index, usize::MAX, &reply, next);
    }

    pub fn watch(&mut self, index: u32, operation: usize, keys: Vec<Box<[u8]>>) {
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
        let lane = self.lane(index);
        let connection = self.connections.at(index);
        let caller = &connection.session.caller;
        let (client, database, resp) = (caller.id, caller.database, caller.resp);
        let watching = connection.session.watching.get_or_insert_default();
        for (shard, _) in &by_shard {
            if !watching.contains(shard) {
                watching.push(*shard);
            }
        }
        let gather = Gather::new(Finish::Same, by_shard.len() as u16, resp);
        let sequence = connection.session.order_mut(&mut self.spare_orders).gather(gather);
        self.recorder.place(lane, sequence, operation);
        connection.stall = Stall::Waits;
        for (shard, keys) in by_shard {
            self.late_count += 1;
            self.post(shard, Step::Watch(Box::new(Watch { lane, sequence, client, database, keys })));
        }
        self.deal_with_answers();
    }

    pub fn unwatch(&mut self, index: u32) {
        let session = &mut self.connections.at(index).session;
        let client = session.caller.id;
        if let Some(shards) = session.watching.take() {
            self.unwatch_at(&shards, client);
        }
    }

    fn unwatch_at(&mut self, shards: &[u16], client: u64) {
        shards.iter().for_each(|&shard| self.post(shard, Step::Unwatch(client)));
    }

    fn next_ticket(&mut self, operation: usize) -> Ticket {
        self.next_transaction += 1;
        let ticket = Ticket { home: self.shard.index, number: self.next_transaction };
        self.recorder.begin(ticket, operation, self.turn.now_us);
        ticket
    }

    fn start(&mut self, mut errand: Errand) {
        let origin = errand.origin_mut();
        let connection = self.connections.at(origin.connection);
        connection.stall = Stall::Waits;
        connection.session.in_transaction = true;
        let order = connection.session.order_mut(&mut self.spare_orders);
        if !origin.has_place {
            assert!(order.is_quiet(), "a transaction begins when everything before it is answered");
            origin.first_place = order.next_sequence();
        }
        self.advance(errand, None);
        self.deal_with_answers();
    }

    pub fn take_visit(&mut self, visit: Box<Visit>) {
        let errand = self.errands.remove(&visit.ticket.number);
        self.advance(errand.expect("an errand lives until all its visits are home"), Some(visit));
    }

    fn advance(&mut self, mut errand: Errand, visit: Option<Box<Visit>>) {
        let (slots, hasher, now_us) = (self.shard.slots.clone(), self.hasher.clone(), self.turn.now_us);
        let is_logged = self.shard.journal.is_on() && !self.has_flaw(Flaw::NoParts);
        let compass = Compass { slots: &slots, hasher: &hasher, is_logged };
        let mut client = CoreClient { origin: *errand.origin_mut(), core: self };
        let (progress, posts) = match (&mut errand, visit) {
            (Errand::Transaction(it), None) => (it.begin(compass, now_us, &mut client), &mut it.posts),
            (Errand::Transaction(it), Some(visit)) => (it.take(visit, compass, &mut client), &mut it.posts),
            (Errand::SlotMove(it), None) => (it.begin(compass, &mut client), &mut it.posts),
            (Errand::SlotMove(it), Some(visit)) => (it.take(visit, compass, &mut client), &mut it.posts),
        };
        for (shard, step) in std::mem::take(posts) {
            self.post(shard, step);
        }
        match progress {
            Progress::Waiting => drop(self.errands.insert(errand.number(), errand)),
            Progress::Done => self.end(errand),
        }
    }

    fn end(&mut self, mut errand: Errand) {
        let Origin { connection: index, generation, client, .. } = *errand.origin_mut();
        if let Errand::Transaction(transaction) = &errand {
            self.unwatch_at(transaction.watching(), client);
        }
        if let Some(connection) = self.connections.find(generation, index) {
            connection.session.in_transaction = false;
            self.settle(index);
        }
        if let Errand::Transaction(transaction) = errand {
            self.spare_transactions.push(transaction);
        }
    }

    fn post(&mut self, shard: u16, step: Step) {
        match shard == self.shard.index {
            true => {
                self.take_step(step);
                self.follow_map();
            }
            false => self.mesh.post(shard, Post::Step(step)),
        }
    }

    /// Brings what the shard has answered to where it belongs.
    pub fn deal_with_answers(&mut self) {
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
    pub fn deal_with(&mut self, answer: Answer) {
        match answer {
            Answer::Visited(visit) => match visit.ticket.home {
                home if home == self.shard.index => self.take_visit(visit),
                home => self.mesh.post(home, Post::Step(Step::Answer(visit))),
            },
            Answer::Reply { lane, sequence, reply, .. } => {
                let address = Address { connection: lane.connection, generation: lane.generation, sequence };
                match lane.core == self.shard.index {
                    true => self.take_late_reply(lane.core, address, &reply),
                    false => self.mesh.post(lane.core, Post::Reply { address, reply }),
                }
            }
            Answer::Moved { lane, sequence, request } => {
                let address = Address { connection: lane.connection, generation: lane.generation, sequence };
                match lane.core == self.shard.index {
                    true => {
                        self.late_count -= 1;
                        self.take_back(address, request);
                    }
                    false => self.mesh.post(lane.core, Post::Moved { address, request }),
                }
            }
        }
    }

    /// Routes by the shard's map from now on.
    pub fn follow_map(&mut self) {
        if self.mesh.map_version == self.shard.slots.version {
            return;
        }
        self.mesh.map_version = self.shard.slots.version;
        for index in self.connections.indices() {
            if let Some(order) = self.connections.at(index).session.order()
                && !order.is_quiet()
            {
                order.is_outdated = true;
            }
        }
    }

    /// Keeps a request that came back because its slot has moved, until all that its connection has out are back.
    pub fn take_back(&mut self, address: Address, request: Parcel<u32>) {
        if let Some(connection) = self.connections.find(address.generation, address.connection) {
            connection.session.returned.get_or_insert_default().push(request);
            self.settle(address.connection);
        }
    }

    pub fn route_again(&mut self, index: u32) {
        let connection = self.connections.at(index);
        let order = connection.session.order().expect("requests that came back wait for their replies");
        let (out_count, first) = (order.out_count(), order.first_sequence());
        let Some(returned) = &mut connection.session.returned else {
            return;
        };
        if returned.len() < out_count {
            return;
        }
        returned.sort_by_key(|parcel| std::cmp::Reverse(parcel.entry(0).tag.wrapping_sub(first)));
        let parcel = returned.pop().expect("none are kept when none came back");
        if returned.is_empty() {
            connection.session.returned = None;
        }
        self.dispatch_again(index, &parcel);
    }

    fn dispatch_again(&mut self, index: u32, parcel: &Parcel<u32>) {
        let (request, sequence, home) = (parcel.request(0), parcel.entry(0).tag, self.shard.index);
        let lane = self.lane(index);
        let routed = route(request.command, &request.args, &self.shard.slots, &self.hasher, home);
        match routed.route {
            Route::One(shard) if shard == home => {
                self.late_count += 1;
                self.shard.wait(&request, lane, sequence, self.shard.slots.version);
                self.run_waiting();
            }
            Route::One(shard) => {
                let address = Address { connection: index, generation: lane.generation, sequence };
                self.mesh.batch(shard).requests.push(&request, address);
            }
            Route::Transaction => {
                let ticket = self.next_ticket(self.recorder.at(lane, sequence));
                let connection = self.connections.at(index);
                let origin =
                    Origin { first_place: sequence, has_place: true, ..origin_of(index, connection) };
                // Not those of the session, which may have changed since.
                let Request { database, resp, no_touch, .. } = request;
                let context = Context { database, resp, no_touch };
                let transaction =
                    Transaction::command(self.spare_transactions.pop(), ticket, origin, &request, context);
                self.start(Errand::Transaction(transaction));
            }
            Route::Session | Route::Every => unreachable!("such requests went to no single shard"),
        }
    }
}

fn origin_of(index: u32, connection: &Connection) -> Origin {
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
}

impl CoreClient<'_> {
    fn connection(&mut self) -> Option<&mut Connection> {
        let Origin { connection, generation, .. } = self.origin;
        self.core.connections.find(generation, connection).filter(|it| it.closing != Closing::Shut)
    }
}

impl Client for CoreClient<'_> {
    fn reserve(&mut self, place: Place) {
        let Origin { first_place, has_place, .. } = self.origin;
        let Some(order) = self.connection().and_then(|connection| connection.session.order()) else {
            return;
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
    }

    fn run(&mut self, request: &Request, context: &mut Context) {
        let index = self.origin.connection;
        if self.connection().is_some() {
            self.core.run_queued_session(index, request);
            *context = context_of(&self.core.connections.at(index).session.caller);
            return;
        }
        let mut caller = Caller::new(self.origin.client, Endpoint::Unix, self.core.turn.now_us);
        (caller.database, caller.resp, caller.no_touch) = (context.database, context.resp, context.no_touch);
        call_session(request.command, request.args, &mut caller, &self.core.turn);
        *context = context_of(&caller);
    }

    fn complete(&mut self, place: u32, shard: u16, replies: &Out, from: Mark, to: Mark) {
        let sequence = self.origin.first_place.wrapping_add(place);
        if let Some(order) = self.connection().and_then(|connection| connection.session.order()) {
            order.take(sequence, shard, replies, from, to);
        }
    }
}
