//! Planned requests run together: first the memory that they will touch is fetched, then each is run in order.

use bytes::Bytes;

use crate::cluster::slot_of;
use crate::commands::{Command, Next, Run, SessionCall, Spread, resolve};
use crate::data_plane::connection::{Closing, Connection, TurnReply};
use crate::data_plane::core::{Core, Segment};
use crate::data_plane::inbox::Inbox;
use crate::keyspace::Key;
use crate::protocol::reply::Mark;
use crate::protocol::{Args, Out, Reply, Span};
use crate::session::gather::{Finish, Gather};
use crate::session::order::Order;
use crate::shard::Request;
use crate::sys::buffers::Received;
use crate::sys::ring::{Ring, Wait};

/// How many requests are planned before they are run: enough to hide the latency of memory.
pub const BATCH_REQUESTS: usize = 32;

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
    pub route: Route,
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
#[derive(Clone, Copy)]
pub enum Route {
    /// Nobody: it is answered by an error.
    Refused,
    Session,
    /// This core's shard.
    Local,
    /// The shard of another core.
    Remote(u16),
    /// The owners of its keys, each a part.
    Split,
    /// Every shard.
    Every,
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
        for request in &planned {
            self.dispatch(request);
        }
        self.counters().commands.add(planned.len() as u64);
        self.planned = planned;
        self.planned.clear();
        self.send_if_many();
    }

    /// Sends the replies so far when the arena has grown large.
    pub(super) fn send_if_many(&mut self) {
        if self.out.bytes.len() > ARENA_BYTES {
            self.send_replies(Wait::No);
        }
    }

    /// Fetches the groups, then the entries, of all keys that are here.
    fn prefetch(&mut self, planned: &[Planned]) {
        for step in [Step::Group, Step::Entry] {
            for request in planned.iter().filter(|request| matches!(request.route, Route::Local)) {
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
        if !connection.may_run() {
            return;
        }
        let Some(command) = planned.command else {
            return self.refuse(planned);
        };
        connection.last_command = Some(command);
        match planned.route {
            Route::Local => self.run_local(planned, command),
            Route::Remote(owner) => self.send_remote(planned, command, owner),
            Route::Session => self.run_session(planned, command),
            Route::Split => self.run_split(planned, command),
            Route::Every => self.run_every(planned, command),
            Route::Refused => self.refuse(planned),
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
            ..
        } = self;
        let bytes = planned.source.bytes(ring, held, feeding, scratch);
        let args = Args::new(bytes, planned.spans(spans), planned.source.blocks(feeding));
        let connection = connections.at(planned.connection);
        let key = planned.key(command, &args);
        let request = request(command, args, key, connection);
        write_reply(connection, planned.connection, out, segments, spare_orders, |out| {
            shard.execute(&request, turn, out);
        });
    }

    fn send_remote(&mut self, planned: &Planned, command: &'static Command, owner: u16) {
        let Core {
            ring, held, feeding, scratch, spans, mesh, connections, spare_orders, bridge, shard, ..
        } = self;
        let bytes = planned.source.bytes(ring, held, feeding, scratch);
        let args = Args::new(bytes, planned.spans(spans), planned.source.blocks(feeding));
        let connection = connections.at(planned.connection);
        let key = planned.key(command, &args);
        let request = request(command, args, key, connection);
        let sequence = connection.session.order_mut(spare_orders).wait();
        mesh.batch(owner).push(&request, planned.connection, connection.generation, sequence);
        bridge.counters[shard.index as usize].remote_requests.add(1);
    }

    fn run_session(&mut self, planned: &Planned, command: &'static Command) {
        let Core {
            ring, held, feeding, scratch, spans, connections, turn, out, segments, spare_orders, ..
        } = self;
        let bytes = planned.source.bytes(ring, held, feeding, scratch);
        let args = Args::new(bytes, planned.spans(spans), planned.source.blocks(feeding));
        let Run::Session(handler) = command.run else {
            unreachable!("a container is resolved to one of its subcommands");
        };
        let mut next = Next::Done;
        let index = planned.connection;
        let connection = connections.at(index);
        // The handler writes aside: it changes the session that knows where the reply has to go.
        let mut reply = Out::default();
        let resp = connection.session.caller.resp;
        let mut call = SessionCall {
            args,
            caller: &mut connection.session.caller,
            reply: Reply::new(&mut reply, resp),
            turn,
        };
        match handler(&mut call) {
            Ok(then) => next = then,
            Err(error) => {
                reply.clear();
                error.write_into(&mut reply.bytes);
            }
        }
        if !reply.is_empty() {
            write_reply(connection, index, out, segments, spare_orders, |out| {
                out.append_range(&reply, Default::default(), reply.mark());
            });
        }
        match next {
            Next::Done => {}
            Next::Close => self.close_after_replies(index),
            Next::Ask(ask) => self.answer(index, ask),
        }
    }

    /// One part for each owner of keys, with its own keys; the session waits for all of them.
    fn run_split(&mut self, planned: &Planned, command: &'static Command) {
        let bytes = planned.source.bytes(&self.ring, &self.held, &self.feeding, &self.scratch);
        let args = Args::new(bytes, planned.spans(&self.spans), planned.source.blocks(&self.feeding));
        let keys = command.key_indices(args.len());
        let mut parts: Vec<(u16, Vec<Span>)> = Vec::new();
        let name = planned.spans(&self.spans)[0];
        for index in keys {
            let owner = self.shard.slots.owner(slot_of(args.at(index)));
            let span = planned.spans(&self.spans)[index];
            match parts.iter_mut().find(|(shard, _)| *shard == owner) {
                Some((_, spans)) => spans.push(span),
                None => parts.push((owner, vec![name, span])),
            }
        }
        if let [(owner, _)] = parts[..] {
            let first = command.first_key(&args);
            let (slot, hash) = (slot_of(first), self.hasher.hash(first));
            let whole = Planned { slot, hash, ..*planned };
            return match owner == self.shard.index {
                true => self.run_local(&whole, command),
                false => self.send_remote(&whole, command, owner),
            };
        }
        self.run_parts(planned, command, parts);
    }

    /// The same request for every shard.
    fn run_every(&mut self, planned: &Planned, command: &'static Command) {
        let spans = planned.spans(&self.spans).to_vec();
        let shards = self.shard.slots.shards;
        self.run_parts(planned, command, (0..shards).map(|shard| (shard, spans.clone())).collect());
    }

    fn run_parts(&mut self, planned: &Planned, command: &'static Command, parts: Vec<(u16, Vec<Span>)>) {
        let Core {
            ring,
            held,
            feeding,
            scratch,
            spans,
            shard,
            connections,
            mesh,
            turn,
            hasher,
            spare_orders,
            ..
        } = self;
        let bytes = planned.source.bytes(ring, held, feeding, scratch);
        let connection = connections.at(planned.connection);
        let (Spread::Split(merge) | Spread::Every(merge)) = command.spread else {
            unreachable!("the route was made from the spread");
        };
        let whole = Args::new(bytes, planned.spans(spans), planned.source.blocks(feeding));
        let owners = || {
            command
                .key_indices(whole.len())
                .map(|index| shard.slots.owner(slot_of(whole.at(index))))
                .collect()
        };
        let finish = Finish::new(merge, owners, turn.now_us);
        let gather = Gather::new(finish, parts.len() as u16, connection.session.caller.resp);
        let sequence = connection.session.order_mut(spare_orders).gather(gather);
        let mut own = None;
        for (owner, spans) in &parts {
            let args = Args::new(bytes, spans, planned.source.blocks(feeding));
            let first_key = command.first_key(&args);
            let key = hasher.key(first_key, slot_of(first_key));
            let request = request(command, args, key, connection);
            match *owner == shard.index {
                true => {
                    let mut reply = Out::default();
                    shard.execute(&request, turn, &mut reply);
                    own = Some(reply);
                }
                false => {
                    mesh.batch(*owner).push(&request, planned.connection, connection.generation, sequence)
                }
            }
        }
        connection.stalled = true;
        if let Some(reply) = own {
            self.complete_reply(planned.connection, sequence, self.shard.index, &reply);
        }
    }

    #[cold]
    fn refuse(&mut self, planned: &Planned) {
        let bytes = planned.source.bytes(&self.ring, &self.held, &self.feeding, &self.scratch);
        let args = Args::new(bytes, planned.spans(&self.spans), planned.source.blocks(&self.feeding));
        let Err(refusal) = resolve(&args) else {
            return;
        };
        let mut error = Vec::new();
        refusal.write_into(&args, &mut error);
        if refusal.closes() {
            // As Redis: nothing more is said, not even what was to be.
            return self.shut(planned.connection);
        }
        self.counters().error_replies.add(1);
        self.reply(planned.connection, |out| out.bytes.extend_from_slice(&error));
    }

    /// Appends a reply behind all others of the connection.
    pub(super) fn reply(&mut self, index: u32, write: impl FnOnce(&mut Out)) {
        let Core { connections, out, segments, spare_orders, .. } = self;
        write_reply(connections.at(index), index, out, segments, spare_orders, write);
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
        connection.session.settle(&mut self.spare_orders);
        if connection.closing == Closing::AfterReplies {
            self.closing.push((connection.generation, index));
        }
        if connection.session.is_settled() && connection.stalled {
            connection.stalled = false;
            self.resumable.push(index);
        }
    }
}

enum Step {
    Group,
    Entry,
}

impl Planned {
    #[inline]
    fn spans<'a>(&self, spans: &'a [Span]) -> &'a [Span] {
        &spans[self.first_span as usize..][..self.span_count as usize]
    }

    #[inline]
    fn key<'a>(&self, command: &Command, args: &Args<'a>) -> Key<'a> {
        Key { bytes: command.first_key(args), hash: self.hash, slot: self.slot }
    }
}

#[inline]
fn request<'a>(
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
fn write_reply(
    connection: &mut Connection,
    index: u32,
    out: &mut Out,
    segments: &mut Vec<Segment>,
    spare_orders: &mut Vec<Box<Order>>,
    write: impl FnOnce(&mut Out),
) {
    if !connection.session.is_settled() {
        return connection.session.order_mut(spare_orders).hold(write);
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
