//! Planned requests run together: first the memory that they will touch is fetched, then each is run in order.

use bytes::Bytes;

use crate::commands::call::ReplyMode;
use crate::commands::transaction::{is_exec, write_refused_exec};
use crate::commands::{Caller, Command, Next, Refusal, Run, SessionCall, Turn, resolve};
use crate::data_plane::connection::{Closing, Connection, Stall, TurnReply};
use crate::data_plane::core::{Core, Segment};
use crate::data_plane::inbox::Inbox;
use crate::data_plane::mesh::Address;
use crate::keyspace::Key;
use crate::protocol::reply::Mark;
use crate::protocol::{Args, Out, Reply, Span};
use crate::session::gather::{Finish, Gather};
use crate::session::order::{Mute, Order};
use crate::session::transaction::stage::merge_of;
use crate::shard::{Lane, Request};
use crate::sys::buffers::Received;
use crate::sys::ring::{Ring, Wait};

/// How many requests are planned before they are run: enough to hide the latency of memory.
pub const BATCH_REQUESTS: usize = 32;

/// What is held at most of the replies to a pipeline, while one of its requests is a transaction.
const CORKED_BYTES_MAX: usize = 16 * 1024;

/// Spreads the bits of a clock over a random number.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Replies of a turn are sent before it ends when there are so many bytes of them.
const ARENA_BYTES: usize = 1 << 20;

/// A parsed request and where it goes.
#[derive(Clone, Copy)]
pub struct Planned {
    pub connection: u32,
    pub generation: u32,
    pub source: Source,
    pub first_span: u32,
    pub span_count: u32,
    /// `None` when the request is refused.
    pub command: Option<&'static Command>,
    pub hash: u64,
    pub slot: u16,
    pub way: Way,
}

/// Where the bytes of a request are.
#[derive(Clone, Copy)]
pub enum Source {
    /// A receive buffer, by its index among those held.
    Chunk(u32),
    /// The inbox that is being parsed.
    Inbox,
    Scratch,
}

/// Who runs a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nobody: it is answered by an error.
    Refused,
    /// Nobody yet: it waits for EXEC.
    Queued,
    /// Nobody, ever: it must not be queued.
    Forbidden,
    Session,
    /// This core's shard.
    Local,
    /// The shard of another core.
    Remote(u16),
    /// Every shard, each at its own moment.
    Every,
    /// Several shards as one.
    Transaction,
}

impl Source {
    #[inline]
    pub fn bytes<'a>(
        self,
        ring: &'a Ring,
        held: &'a [Received],
        feeding: &'a Inbox,
        scratch: &'a [u8],
    ) -> &'a [u8] {
        match self {
            Source::Scratch => scratch,
            received => received.received(ring, held, feeding),
        }
    }

    /// The bytes that were received, which are to be parsed.
    #[inline]
    pub fn received<'a>(self, ring: &'a Ring, held: &'a [Received], feeding: &'a Inbox) -> &'a [u8] {
        match self {
            Source::Chunk(index) => ring.received(&held[index as usize]),
            Source::Inbox => &feeding.bytes,
            Source::Scratch => unreachable!("decoded words are not parsed again"),
        }
    }

    pub fn blocks(self, feeding: &Inbox) -> &[Bytes] {
        match self {
            Source::Inbox => &feeding.blocks,
            _ => &[],
        }
    }
}

impl Core {
    /// Runs what is planned and forgets where it came from. Nothing may be in the middle of being parsed.
    pub(super) fn finish_batch(&mut self) {
        self.run_batch();
        self.spans.clear();
        self.scratch.clear();
        for received in self.held.drain(..) {
            self.ring.give_back(received);
        }
    }

    /// Runs what is planned.
    pub(super) fn run_batch(&mut self) {
        if self.planned.is_empty() {
            return;
        }
        let planned = std::mem::take(&mut self.planned);
        if planned.len() > 1 {
            self.prefetch(&planned);
        }
        // Before they run: one of them may be the end.
        if let Some(command) = planned[planned.len() - 1].command {
            self.counters().last_command.set(&command.name);
        }
        self.timing.begin();
        let mut first = 0;
        for (nth, request) in planned.iter().enumerate() {
            if request.is_steady() && !self.timing.is_precise {
                self.dispatch(request);
                continue;
            }
            self.lap_planned(&planned[first..nth]);
            self.dispatch(request);
            self.lap_planned(&planned[nth..=nth]);
            first = nth + 1;
        }
        self.lap_planned(&planned[first..]);
        if self.is_monitored() {
            self.show_planned(&planned);
        }
        self.planned = planned;
        self.planned.clear();
        self.shard.journal.seal_if_large(&mut self.shard.keyspace);
        self.send_if_many();
    }

    /// Sends the replies so far when the arena has grown large.
    pub(super) fn send_if_many(&mut self) {
        if self.out.bytes.len() > ARENA_BYTES {
            self.append_log();
            self.send_replies(Wait::No);
        }
    }

    /// Fetches the groups, then the entries, of all keys that are here.
    fn prefetch(&mut self, planned: &[Planned]) {
        for step in [Step::Group, Step::Entry] {
            for request in planned.iter().filter(|request| request.way == Way::Local) {
                let key = Key { bytes: &[], hash: request.hash, slot: request.slot };
                let Some(connection) = self.connections.find(request.generation, request.connection) else {
                    continue;
                };
                let database = connection.session.caller.database.into();
                match step {
                    Step::Group => self.shard.keyspace.prefetch_group(database, &key),
                    Step::Entry => self.shard.keyspace.prefetch_entry(database, &key),
                }
            }
        }
    }

    #[inline]
    fn dispatch(&mut self, planned: &Planned) {
        let Some(connection) = self.connections.find(planned.generation, planned.connection) else {
            return;
        };
        if connection.closing != Closing::No {
            return;
        }
        let Some(command) = planned.command else {
            return self.refuse(planned);
        };
        connection.last_command = Some(command);
        match planned.way {
            Way::Local => self.run_local(planned, command),
            Way::Remote(owner) => self.send_remote(planned, command, owner),
            Way::Session => self.run_session(planned, command),
            Way::Transaction => self.start_command(planned, command),
            Way::Queued => self.queue(planned, command),
            Way::Forbidden => self.forbid(planned.connection),
            Way::Every => self.run_every(planned, command),
            Way::Refused => self.refuse(planned),
        }
    }

    #[inline]
    fn run_local(&mut self, planned: &Planned, command: &'static Command) {
        let Core {
            ring,
            held,
            feeding,
            scratch,
            spans,
            shard,
            connections,
            turn,
            out,
            segments,
            spare_orders,
            pauses,
            ..
        } = self;
        let bytes = planned.source.bytes(ring, held, feeding, scratch);
        let args = Args::new(bytes, planned.spans(spans), planned.source.blocks(feeding));
        let connection = connections.at(planned.connection);
        let key = planned.key(command, args);
        let request = request(command, args, key, connection);
        if !shard.is_idle() {
            // A copy has an address, so that the request itself needs none and stays in registers.
            let copy = request;
            let lane =
                Lane { core: shard.index, connection: planned.connection, generation: planned.generation };
            if !shard.may_run(&copy, &lane) {
                let sequence = connection.session.order_mut(spare_orders).wait();
                connection.stall = Stall::Waits;
                pauses.late_count += 1;
                return shard.wait(&copy, lane, sequence, shard.slots.version);
            }
        }
        let changes_before = shard.changes_bytes();
        write_reply(connection, planned.connection, out, segments, spare_orders, |out| {
            shard.execute(&request, turn, out);
        });
        if shard.changes_bytes() != changes_before {
            connection.gate = shard.journal.end_position(&shard.keyspace);
        }
    }

    fn send_remote(&mut self, planned: &Planned, command: &'static Command, owner: u16) {
        let Core {
            ring, held, feeding, scratch, spans, mesh, connections, spare_orders, bridge, shard, ..
        } = self;
        let bytes = planned.source.bytes(ring, held, feeding, scratch);
        let args = Args::new(bytes, planned.spans(spans), planned.source.blocks(feeding));
        let connection = connections.at(planned.connection);
        let key = planned.key(command, args);
        let request = request(command, args, key, connection);
        let sequence = connection.session.order_mut(spare_orders).wait();
        let address = Address { connection: planned.connection, generation: connection.generation, sequence };
        mesh.batch(owner).requests.push(&request, address);
        bridge.counters[shard.index as usize].remote_requests.add(1);
    }

    fn run_session(&mut self, planned: &Planned, command: &'static Command) {
        let Core { ring, held, feeding, scratch, spans, connections, turn, .. } = self;
        let bytes = planned.source.bytes(ring, held, feeding, scratch);
        let args = Args::new(bytes, planned.spans(spans), planned.source.blocks(feeding));
        let index = planned.connection;
        let (reply, next) = call_session(command, args, &mut connections.at(index).session.caller, turn);
        self.finish_session(index, command, &reply, next);
    }

    /// Gives out what a command of the session replied, and does what it asked for.
    pub(super) fn finish_session(&mut self, index: u32, command: &'static Command, reply: &Out, next: Next) {
        let (errors_before, ran_before) = (self.shard.tally.errors.len(), self.shard.tally.ran.len());
        self.settle_session(index, reply, next);
        // What EXEC ran may fail without it.
        let ran_others = self.shard.tally.ran.len() != ran_before;
        let has_failed = self.shard.tally.errors.len() > errors_before && !ran_others;
        self.shard.tally.count(command, has_failed);
    }

    fn settle_session(&mut self, index: u32, reply: &Out, next: Next) {
        if matches!(next, Next::Forget) {
            self.mute(index, ReplyMode::Reset);
        }
        if !reply.is_empty() {
            self.reply(index, |out| out.append_range(reply, Default::default(), reply.mark()));
        }
        match next {
            Next::Done => {}
            Next::Close => self.close_after_replies(index),
            Next::Forget => {
                self.end_monitor(index);
                self.connections.at(index).session.multi = None;
                self.unwatch(index);
            }
            Next::Mute(ReplyMode::On) => {
                self.mute(index, ReplyMode::On);
                self.reply(index, |out| out.bytes.extend_from_slice(b"+OK\r\n"));
            }
            Next::Mute(mode) => {
                // Within EXEC every command has a place among the replies.
                self.reply(index, |_| ());
                self.mute(index, mode);
            }
            Next::Ask(ask) => self.answer(index, ask),
        }
    }

    fn mute(&mut self, index: u32, mode: ReplyMode) {
        let session = &mut self.connections.at(index).session;
        let wish = match mode {
            // RESET that is to be skipped is.
            ReplyMode::Reset if session.is_skipping() => return,
            ReplyMode::On | ReplyMode::Reset => Mute::No,
            ReplyMode::Off => Mute::All,
            ReplyMode::Skip => Mute::Next,
        };
        session.mute(wish, &mut self.spare_orders);
    }

    /// The same request for every shard, each at its own moment.
    fn run_every(&mut self, planned: &Planned, command: &'static Command) {
        let Core {
            ring, held, feeding, scratch, spans, shard, connections, mesh, turn, spare_orders, ..
        } = self;
        let bytes = planned.source.bytes(ring, held, feeding, scratch);
        let args = Args::new(bytes, planned.spans(spans), planned.source.blocks(feeding));
        let connection = connections.at(planned.connection);
        let request = request(command, args, Key { bytes: &[], hash: 0, slot: 0 }, connection);
        let finish = Finish::new(merge_of(command), Vec::new, turn.now_us.wrapping_mul(GOLDEN));
        let gather = Gather::new(finish, shard.slots.shards, request.resp);
        let sequence = connection.session.order_mut(spare_orders).gather(gather);
        let address = Address { connection: planned.connection, generation: connection.generation, sequence };
        for other in mesh.others() {
            mesh.batch(other).requests.push(&request, address);
        }
        connection.stall = Stall::Waits;
        let lane =
            Lane { core: shard.index, connection: planned.connection, generation: connection.generation };
        if !shard.is_idle() && !shard.may_run(&request, &lane) {
            self.pauses.late_count += 1;
            return shard.wait(&request, lane, sequence, shard.slots.version);
        }
        let mut own = Out::default();
        let changes_before = shard.changes_bytes();
        shard.execute(&request, turn, &mut own);
        if shard.changes_bytes() != changes_before {
            connection.gate = shard.journal.end_position(&shard.keyspace);
        }
        self.complete_reply(planned.connection, sequence, self.shard.index, &own);
    }

    #[cold]
    fn refuse(&mut self, planned: &Planned) {
        let bytes = planned.source.bytes(&self.ring, &self.held, &self.feeding, &self.scratch);
        let args = Args::new(bytes, planned.spans(&self.spans), planned.source.blocks(&self.feeding));
        let refusal = match resolve(&args) {
            Ok(command) if self.connections.at(planned.connection).session.caller.must_log_in => {
                Refusal::NotLoggedIn(command)
            }
            Ok(command) if self.connections.at(planned.connection).session.caller.is_early => {
                Refusal::Loading(command)
            }
            Ok(command) => Refusal::Watching(command),
            Err(refusal) => refusal,
        };
        let mut error = Vec::new();
        refusal.write_into(&args, &mut error);
        if refusal.closes() {
            // As Redis: nothing more is said, not even what was to be.
            return self.shut(planned.connection);
        }
        if let Refusal::WrongArity(command) | Refusal::NotLoggedIn(command) = refusal
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
        if let Refusal::WrongArity(command) | Refusal::Loading(command) | Refusal::Watching(command) = refusal
        {
            self.count_rejected(command);
        }
        self.reply(planned.connection, |out| out.bytes.extend_from_slice(&error));
    }

    /// Appends a reply behind all others of the connection.
    pub(super) fn reply(&mut self, index: u32, write: impl FnOnce(&mut Out)) {
        let Core { connections, out, segments, spare_orders, shard, .. } = self;
        write_reply(connections.at(index), index, out, segments, spare_orders, |out| {
            let start = out.bytes.len();
            write(out);
            if out.bytes.get(start) == Some(&b'-') {
                shard.tally.count_error(&out.bytes[start..]);
            }
        });
    }

    /// Takes a reply, or a part of one, for the place that waits for it; `index` must be open.
    pub(super) fn complete_reply(&mut self, index: u32, sequence: u32, shard: u16, reply: &Out) {
        let Core { connections, out, segments, .. } = self;
        let connection = connections.at(index);
        complete(connection, index, sequence, shard, reply, Default::default(), reply.mark(), out, segments);
        self.settle(index);
    }

    /// A connection has fewer replies out than before.
    pub(super) fn settle(&mut self, index: u32) {
        let connection = self.connections.at(index);
        if connection.session.in_transaction {
            // Its end settles.
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

    /// Gives out the replies of a connection that were held while a transaction was under way.
    pub(super) fn give_out(&mut self, index: u32) {
        let Core { connections, out, segments, spare_orders, .. } = self;
        let Some(connection) = connections.find_at(index) else {
            return;
        };
        let waits_for_more = connection.session.in_transaction;
        let Some(order) = connection.session.order() else {
            return;
        };
        if waits_for_more && order.held_bytes() < CORKED_BYTES_MAX {
            return;
        }
        let start = out.bytes.len();
        order.drain(out);
        note_reply(connection, index, start, out.bytes.len(), segments);
        if !waits_for_more {
            connection.session.settle(spare_orders);
            if connection.closing == Closing::AfterReplies {
                // A transaction may have ended after this was last looked at, with all its replies still held.
                self.closing.push((connection.generation, index));
            }
        }
        // Its next request may have waited for the room that there is now, and nothing else would wake the core.
        self.has_made_room |= connection.stall == Stall::Crowded;
    }
}

/// Runs a command of the session; what it replies is written aside, since it changes the session that knows where replies go.
pub(super) fn call_session(
    command: &'static Command,
    args: Args,
    caller: &mut Caller,
    turn: &Turn,
) -> (Out, Next) {
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

enum Step {
    Group,
    Entry,
}

impl Planned {
    /// Whether it takes about as long as others, or nothing is run for it here.
    #[inline]
    fn is_steady(&self) -> bool {
        match self.way {
            Way::Local => self.command.is_some_and(|command| command.is_steady),
            Way::Session | Way::Every => false,
            _ => true,
        }
    }

    #[inline]
    pub fn spans<'a>(&self, spans: &'a [Span]) -> &'a [Span] {
        &spans[self.first_span as usize..][..self.span_count as usize]
    }

    #[inline]
    pub fn key<'a>(&self, command: &Command, args: Args<'a>) -> Key<'a> {
        Key { bytes: command.first_key(args), hash: self.hash, slot: self.slot }
    }
}

#[inline]
pub(super) fn request<'a>(
    command: &'static Command,
    args: Args<'a>,
    key: Key<'a>,
    connection: &Connection,
) -> Request<'a> {
    let caller = &connection.session.caller;
    Request { command, args, key, database: caller.database, resp: caller.resp, no_touch: caller.no_touch }
}

/// Appends what `write` writes to the arena if nothing is out, and behind what is out otherwise.
#[inline]
pub(super) fn write_reply(
    connection: &mut Connection,
    index: u32,
    out: &mut Out,
    segments: &mut Vec<Segment>,
    spare_orders: &mut Vec<Box<Order>>,
    write: impl FnOnce(&mut Out),
) {
    if !connection.session.is_settled() {
        let was_dropped = connection.session.order_mut(spare_orders).hold(write);
        if was_dropped && !connection.session.in_transaction {
            connection.session.settle(spare_orders);
        }
        return;
    }
    let start = out.bytes.len();
    write(out);
    note_reply(connection, index, start, out.bytes.len(), segments);
}

/// Remembers that `start..end` of the arena belongs to a connection.
#[inline]
fn note_reply(
    connection: &mut Connection,
    index: u32,
    start: usize,
    end: usize,
    segments: &mut Vec<Segment>,
) {
    if end == start {
        return;
    }
    let position = |bytes: usize| u32::try_from(bytes).expect("the arena is sent long before it is so large");
    let (start, end) = (position(start), position(end));
    let newest = segments.len() as u32;
    let previous = match connection.turn_reply {
        TurnReply::Whole { segment } => Some((segment, segment)),
        TurnReply::Fragmented { first, last } => Some((first, last)),
        TurnReply::None | TurnReply::Staged { .. } => None,
    };
    if let Some((first, last)) = previous {
        let segment = &mut segments[last as usize];
        debug_assert!(segment.connection == index);
        if segment.end == start {
            segment.end = end;
            return;
        }
        segment.next = Some(newest);
        connection.turn_reply = TurnReply::Fragmented { first, last: newest };
    } else {
        connection.turn_reply = TurnReply::Whole { segment: newest };
    }
    segments.push(Segment { connection: index, start, end, next: None });
}

/// Takes the reply `from..to` of `replies` for a place, and appends to the arena what is due.
#[allow(clippy::too_many_arguments, reason = "the parts of a core that are borrowed apart")]
#[inline]
pub(super) fn complete(
    connection: &mut Connection,
    index: u32,
    sequence: u32,
    shard: u16,
    replies: &Out,
    from: Mark,
    to: Mark,
    out: &mut Out,
    segments: &mut Vec<Segment>,
) {
    let start = out.bytes.len();
    let order = connection.session.order().expect("a reply is out");
    order.complete(sequence, shard, replies, from, to, out);
    note_reply(connection, index, start, out.bytes.len(), segments);
}
