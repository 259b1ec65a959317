//! Planned requests run, as `data_plane/batch.rs` runs them.

use basalt::commands::row::Flags;
use basalt::commands::transaction::{is_exec, write_refused_exec};
use basalt::commands::{Ask, Caller, Command, Next, Refusal, Run, SessionCall, Turn, resolve};
use basalt::keyspace::Key;
use basalt::protocol::reply::Mark;
use basalt::protocol::{Args, Out, Reply};
use basalt::session::gather::{Finish, Gather};
use basalt::session::transaction::stage::merge_of;
use basalt::shard::Request;

use super::connection::{Closing, Connection, Stall};
use super::core::{Core, Planned, Way};
use super::history::Part;
use super::mesh::Address;

const CORKED_BYTES_MAX: usize = 16 * 1024;
const NOT_ALLOWED: &[u8] = b"-ERR Command not allowed inside a transaction\r\n";

impl Core {
    pub fn run_batch(&mut self) {
        for planned in std::mem::take(&mut self.planned) {
            self.dispatch(&planned);
        }
        self.shard.journal.seal_if_large(&mut self.shard.keyspace);
        self.send_if_many();
    }

    fn dispatch(&mut self, planned: &Planned) {
        let Some(connection) = self.connections.find(planned.generation, planned.connection) else {
            return;
        };
        if connection.closing != Closing::No {
            return;
        }
        match (planned.way, planned.command) {
            (Way::SlotMove, _) => self.move_slot(planned),
            (Way::Refused, _) | (_, None) => self.refuse(planned),
            (Way::Local, Some(command)) => self.run_local(planned, command),
            (Way::Remote(owner), Some(command)) => self.send_remote(planned, command, owner),
            (Way::Session, Some(command)) => self.run_session(planned, command),
            (Way::Transaction, Some(command)) => self.start_command(planned, command),
            (Way::Queued, Some(command)) => self.queue(planned, command),
            (Way::Forbidden, _) => self.forbid(planned.connection),
            (Way::Every, Some(command)) => self.run_every(planned, command),
        }
    }

    fn run_local(&mut self, planned: &Planned, command: &'static Command) {
        let Planned { connection: index, line, .. } = planned;
        let lane = self.lane(*index);
        let connection = self.connections.at(*index);
        let request = planned.request(command, connection);
        if !self.shard.is_idle() && !self.shard.may_run(&request, &lane) {
            let sequence = connection.session.order_mut(&mut self.spare_orders).wait();
            self.recorder.place(lane, sequence, line.operation);
            connection.stall = Stall::Waits;
            self.late_count += 1;
            return self.shard.wait(&request, lane, sequence, self.shard.slots.version);
        }
        let Core { shard, turn, spare_orders, .. } = self;
        let changes_before = shard.changes_bytes();
        write_reply(connection, spare_orders, |out| shard.execute(&request, turn, out));
        self.recorder.run(line.operation, self.turn.now_us, self.whole());
        self.note_change(*index, line.operation, changes_before);
    }

    fn send_remote(&mut self, planned: &Planned, command: &'static Command, owner: u16) {
        let lane = self.lane(planned.connection);
        let connection = self.connections.at(planned.connection);
        let request = planned.request(command, connection);
        let sequence = connection.session.order_mut(&mut self.spare_orders).wait();
        self.recorder.place(lane, sequence, planned.line.operation);
        let address = Address { connection: planned.connection, generation: connection.generation, sequence };
        self.mesh.batch(owner).requests.push(&request, address);
    }

    fn run_session(&mut self, planned: &Planned, command: &'static Command) {
        let index = planned.connection;
        let caller = &mut self.connections.at(index).session.caller;
        let (reply, next) = call_session(command, planned.line.args(), caller, &self.turn);
        self.finish_session(index, planned.line.operation, &reply, next);
    }

    /// Gives out what a command of the session replied, and does what it asked for.
    pub fn finish_session(&mut self, index: u32, operation: usize, reply: &Out, next: Next) {
        if !reply.is_empty() {
            self.reply(index, |out| out.append_range(reply, Mark::default(), reply.mark()));
        }
        match next {
            Next::Done => {}
            Next::Close => self.close_after_replies(index),
            Next::Forget => {
                self.connections.at(index).session.multi = None;
                self.unwatch(index);
            }
            Next::Mute(_) => unreachable!("no script asks for silence"),
            Next::Ask(Ask::Multi) => self.multi(index),
            Next::Ask(Ask::Exec) => self.exec(index, operation),
            Next::Ask(Ask::Discard) => self.discard(index),
            Next::Ask(Ask::Watch(keys)) => self.watch(index, operation, keys),
            Next::Ask(Ask::Unwatch) => {
                self.unwatch(index);
                self.reply(index, |out| out.bytes.extend_from_slice(b"+OK\r\n"));
            }
            Next::Ask(other) => panic!("nobody asks for {other:?} here"),
        }
    }

    fn run_every(&mut self, planned: &Planned, command: &'static Command) {
        let index = planned.connection;
        let lane = self.lane(index);
        let connection = self.connections.at(index);
        let request = planned.request(command, connection);
        let finish = Finish::new(merge_of(command), Vec::new, 0);
        let gather = Gather::new(finish, self.shard.slots.shards, request.resp);
        let sequence = connection.session.order_mut(&mut self.spare_orders).gather(gather);
        self.recorder.place(lane, sequence, planned.line.operation);
        let address = Address { connection: index, generation: connection.generation, sequence };
        for other in self.mesh.others() {
            self.mesh.batch(other).requests.push(&request, address);
        }
        connection.stall = Stall::Waits;
        if !self.shard.is_idle() && !self.shard.may_run(&request, &lane) {
            self.late_count += 1;
            return self.shard.wait(&request, lane, sequence, self.shard.slots.version);
        }
        let mut own = Out::default();
        let changes_before = self.shard.changes_bytes();
        self.shard.execute(&request, &self.turn, &mut own);
        if self.shard.changes_bytes() != changes_before {
            connection.gate = self.shard.journal.end_position(&self.shard.keyspace);
        }
        let part = self.part(&own.bytes);
        self.recorder.run(planned.line.operation, self.turn.now_us, part);
        self.complete_reply(index, sequence, self.shard.index, &own);
    }

    fn queue(&mut self, planned: &Planned, command: &'static Command) {
        let connection = self.connections.at(planned.connection);
        let request = planned.request(command, connection);
        connection.session.multi.as_mut().expect("requests are queued behind MULTI").push(&request);
        self.reply(planned.connection, |out| out.bytes.extend_from_slice(b"+QUEUED\r\n"));
    }

    fn forbid(&mut self, index: u32) {
        if let Some(multi) = &mut self.connections.at(index).session.multi {
            multi.is_aborted = true;
        }
        self.reply(index, |out| out.bytes.extend_from_slice(NOT_ALLOWED));
    }

    fn refuse(&mut self, planned: &Planned) {
        let args = planned.line.args();
        let Err(refusal) = resolve(&args) else {
            return;
        };
        let mut error = Vec::new();
        refusal.write_into(&args, &mut error);
        if let Refusal::WrongArity(command) = refusal
            && is_exec(command)
        {
            let refused = std::mem::take(&mut error);
            write_refused_exec(&refused, &mut error);
            self.connections.at(planned.connection).session.multi = None;
            self.unwatch(planned.connection);
        }
        if let Some(multi) = &mut self.connections.at(planned.connection).session.multi {
            multi.is_aborted = true;
        }
        self.reply(planned.connection, |out| out.bytes.extend_from_slice(&error));
    }

    /// Appends a reply behind all others of the connection.
    pub fn reply(&mut self, index: u32, write: impl FnOnce(&mut Out)) {
        write_reply(self.connections.at(index), &mut self.spare_orders, write);
    }

    /// Takes a reply, or a part of one, for the place that waits for it.
    pub fn complete_reply(&mut self, index: u32, sequence: u32, shard: u16, reply: &Out) {
        complete(self.connections.at(index), sequence, shard, reply, Mark::default(), reply.mark());
        self.settle(index);
    }

    /// A connection has fewer replies out than before.
    pub fn settle(&mut self, index: u32) {
        let connection = self.connections.at(index);
        if connection.session.in_transaction {
            return;
        }
        if connection.session.returned.is_some() {
            return self.route_again(index);
        }
        connection.session.settle(&mut self.spare_orders);
        if connection.closing == Closing::AfterReplies {
            self.closing.push((connection.generation, index));
        }
        if connection.session.is_quiet() && matches!(connection.stall, Stall::Waits | Stall::Crowded) {
            connection.stall = Stall::No;
            self.resumable.push(index);
        }
    }

    /// Gives out the replies that were held while a transaction was under way.
    pub fn give_out(&mut self, index: u32) {
        let Some(connection) = self.connections.find_at(index) else {
            return;
        };
        let waits_for_more = connection.session.in_transaction;
        let Connection { session, out, stall, closing, generation, .. } = connection;
        let Some(order) = session.order() else {
            return;
        };
        if waits_for_more && order.held_bytes() < CORKED_BYTES_MAX {
            return;
        }
        order.drain(out);
        if !waits_for_more {
            session.settle(&mut self.spare_orders);
            if *closing == Closing::AfterReplies {
                self.closing.push((*generation, index));
            }
        }
        self.has_made_room |= *stall == Stall::Crowded;
    }

    /// What this shard said of the slots that it owns. Slots are those of keys that are there, or were.
    pub fn part(&self, reply: &[u8]) -> Part {
        let owned = |slot: &u16| self.shard.slots.owner(*slot) == self.shard.index;
        Part::Shard { slots: super::generate::slots().filter(owned).collect(), reply: reply.to_vec() }
    }
}

impl Planned {
    pub fn request<'a>(&'a self, command: &'static Command, connection: &Connection) -> Request<'a> {
        let args = self.line.args();
        let key = Key { bytes: command.first_key(args), hash: self.hash, slot: self.slot };
        let caller = &connection.session.caller;
        debug_assert!(!command.flags.has(Flags::BLOCKING), "no command waits for data");
        Request {
            command,
            args,
            key,
            database: caller.database,
            resp: caller.resp,
            no_touch: caller.no_touch,
        }
    }
}

/// Runs a command of the session.
pub fn call_session(command: &'static Command, args: Args, caller: &mut Caller, turn: &Turn) -> (Out, Next) {
    let Run::Session(handler) = command.run else {
        unreachable!("a container is resolved to one of its subcommands");
    };
    let mut reply = Out::default();
    let resp = caller.resp;
    let mut call = SessionCall { args, caller, reply: Reply::new(&mut reply, resp), turn };
    let next = handler(&mut call).unwrap_or_else(|error| {
        reply.clear();
        error.write_into(&mut reply.bytes);
        Next::Done
    });
    (reply, next)
}

pub fn write_reply(
    connection: &mut Connection,
    spare_orders: &mut Vec<Box<basalt::session::order::Order>>,
    write: impl FnOnce(&mut Out),
) {
    match connection.session.is_settled() {
        true => write(&mut connection.out),
        false => drop(connection.session.order_mut(spare_orders).hold(write)),
    }
}

/// Takes the reply `from..to` of `replies` for a place.
pub fn complete(connection: &mut Connection, sequence: u32, shard: u16, replies: &Out, from: Mark, to: Mark) {
    let Connection { session, out, .. } = connection;
    session.order().expect("a reply is out").complete(sequence, shard, replies, from, to, out);
}
