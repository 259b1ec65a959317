//! From received bytes to planned requests.

use crate::commands::row::Flags;
use crate::commands::{Command, resolve};
use crate::data_plane::batch::{BATCH_REQUESTS, Planned, Source, Way};
use crate::data_plane::connection::{Closing, Stall};
use crate::data_plane::core::Core;
use crate::data_plane::inbox::Inbox;
use crate::protocol::request::{self, Limits};
use crate::protocol::{Args, Parse, Progress, ProtocolError};
use crate::session::Standing;
use crate::session::multi::{InMulti, in_multi};
use crate::session::order::Mute;
use crate::session::route::{Route, Routed, route};
use crate::sys::ring::{Completion, Operation, Owned, Token};

/// From so many missing bytes on, a large bulk is received straight into its block.
const DIRECT_BYTES_MIN: usize = 64 * 1024;
/// What a stalled connection may keep unread by us before we stop receiving.
const STALLED_BYTES_MAX: usize = 1 << 20;

/// The longest argument, whatever `proto-max-bulk-len` says: lengths in entries are of 32 bits.
const BULK_BYTES_MAX: u64 = 1 << 30;

/// Why parsing of a stretch of bytes came to its end.
enum Stop {
    /// The rest is no whole request.
    Incomplete,
    /// The rest begins with a large bulk of this size.
    LargeBulk(usize),
    /// The connection stalled or is closing.
    Halted,
    Error(ProtocolError),
}

impl Core {
    /// Bytes arrived, or the receive ended.
    pub(super) fn received(&mut self, completion: Completion) {
        let token = completion.token;
        let Some(connection) = self.connections.find(token.generation, token.index) else {
            self.ring_give_back(completion);
            return;
        };
        connection.receiving = completion.more;
        connection.active_at_s = (self.turn.now_us / 1_000_000) as u32;
        self.gathering.note(&mut connection.active_window);
        let goes_on =
            completion.result > 0 || [-libc::ENOBUFS, -libc::ECANCELED].contains(&completion.result);
        if connection.closing == Closing::Shut || !goes_on {
            self.ring_give_back(completion);
            self.run_batch();
            return match self.connections.at(token.index).closing {
                Closing::Shut => self.shut(token.index),
                _ => self.end_input(token.index),
            };
        }
        if let Some(received) = completion.received {
            self.held.push(received);
            self.take_in(token.index);
        }
        self.keep_receiving(token.index);
    }

    fn ring_give_back(&mut self, completion: Completion) {
        if let Some(received) = completion.received {
            self.ring.give_back(received);
        }
    }

    /// Arms the next receive, unless one is outstanding or the connection must not be read for now.
    pub(super) fn keep_receiving(&mut self, index: u32) {
        let connection = self.connections.at(index);
        if connection.receiving || connection.input_ended || connection.closing != Closing::No {
            return;
        }
        let (fd, generation) = (connection.fd(), connection.generation);
        let missing = connection.inbox.as_ref().map_or(0, |inbox| inbox.missing_bytes());
        let kept = connection.inbox.as_ref().map_or(0, |inbox| inbox.kept_bytes());
        if connection.stall != Stall::No && kept > STALLED_BYTES_MAX {
            return;
        }
        connection.receiving = true;
        let token = |operation| Token::new(operation, generation, index);
        if missing >= DIRECT_BYTES_MIN
            && let Some((block, target)) = connection.inbox.as_mut().and_then(|inbox| inbox.lend_block())
        {
            return self.ring.receive_block(fd, token(Operation::ReceiveBlock), block, target);
        }
        self.ring.receive(fd, token(Operation::Receive));
    }

    /// A part of a large bulk arrived in its block.
    pub(super) fn received_block(&mut self, completion: Completion) {
        let (token, Some(Owned::Block(block))) = (completion.token, completion.owned) else {
            return;
        };
        let Some(connection) = self.connections.find(token.generation, token.index) else {
            return;
        };
        connection.receiving = false;
        connection.active_at_s = (self.turn.now_us / 1_000_000) as u32;
        if completion.result <= 0 || connection.closing == Closing::Shut {
            return match connection.closing {
                Closing::Shut => self.shut(token.index),
                _ => self.end_input(token.index),
            };
        }
        self.bridge.counters[self.shard.index as usize].input_bytes.add(completion.result as u64);
        if let Some(inbox) = &mut connection.inbox {
            inbox.return_block(block);
        }
        self.check_inbox_limit(token.index);
        self.feed_inbox(token.index);
        self.keep_receiving(token.index);
    }

    /// Deals with the buffer that was held last.
    fn take_in(&mut self, index: u32) {
        let chunk = self.held.len() - 1;
        let bytes = self.ring.received(&self.held[chunk]);
        let counters = &self.bridge.counters[self.shard.index as usize];
        counters.input_bytes.add(bytes.len() as u64);
        counters.reads.add(1);
        let connection = self.connections.at(index);
        if let Some(inbox) = &mut connection.inbox {
            inbox.append(bytes);
            let stop_reading = connection.stall != Stall::No
                && inbox.kept_bytes() > STALLED_BYTES_MAX
                && connection.receiving;
            if stop_reading {
                let token = self.connections.token(Operation::Receive, index);
                self.ring.cancel(token);
            }
            self.check_inbox_limit(index);
            return self.feed_inbox(index);
        }
        if connection.closing == Closing::No {
            match connection.stall {
                Stall::No => self.feed_chunk(index, chunk),
                _ => {
                    connection.inbox = Some(Box::new(Inbox::new(bytes, Progress::default(), [].into_iter())))
                }
            }
        }
    }

    /// Parses a receive buffer in place; what is no whole request moves to the inbox.
    fn feed_chunk(&mut self, index: u32, chunk: usize) {
        let mut progress = Progress::default();
        let (stop, begin, first_span) = self.parse(index, Source::Chunk(chunk as u32), &mut progress);
        let bytes = &self.ring.received(&self.held[chunk])[begin..];
        let is_open = self.connections.at(index).closing == Closing::No;
        if !bytes.is_empty() && is_open && !matches!(stop, Stop::Error(_)) {
            let spans = self.spans[first_span..].iter().map(|span| span.rebased(begin));
            let inbox = Box::new(Inbox::new(bytes, progress.rebased(begin), spans));
            self.connections.at(index).inbox = Some(inbox);
        }
        self.spans.truncate(first_span);
        if let (Stop::LargeBulk(count), Some(inbox)) = (&stop, &mut self.connections.at(index).inbox) {
            inbox.begin_block(*count);
            self.feed_inbox(index);
            self.prefer_direct_receive(index);
        }
        self.finish(index, stop);
    }

    /// Parses what a connection's inbox holds.
    pub(super) fn feed_inbox(&mut self, index: u32) {
        let Some(inbox) =
            self.connections.find_at(index).filter(|it| it.may_run()).and_then(|it| it.inbox.take())
        else {
            return;
        };
        let spare = std::mem::replace(&mut self.feeding, inbox);
        let stop = loop {
            if self.feeding.is_filling() {
                break Stop::Incomplete;
            }
            let mut progress = self.feeding.progress;
            let first_span = self.spans.len();
            self.spans.append(&mut self.feeding.spans);
            let (stop, begin, request_span) =
                self.parse_from(index, Source::Inbox, &mut progress, first_span);
            self.run_batch();
            self.feeding.spans.extend_from_slice(&self.spans[request_span..]);
            self.spans.truncate(first_span);
            self.feeding.progress = progress;
            if begin > self.feeding.begin {
                self.feeding.consume(begin);
            }
            match stop {
                Stop::LargeBulk(count) => self.feeding.begin_block(count),
                other => break other,
            }
        };
        let inbox = std::mem::replace(&mut self.feeding, spare);
        let connection = self.connections.at(index);
        if !inbox.is_empty() && connection.closing == Closing::No {
            connection.inbox = Some(inbox);
        }
        self.prefer_direct_receive(index);
        self.keep_receiving(index);
        self.finish(index, stop);
    }

    /// Ends the multishot receive when a block waits for much more than a receive buffer brings.
    fn prefer_direct_receive(&mut self, index: u32) {
        let connection = self.connections.at(index);
        let missing = connection.inbox.as_ref().map_or(0, |inbox| inbox.missing_bytes());
        if missing >= DIRECT_BYTES_MIN && connection.receiving {
            let token = self.connections.token(Operation::Receive, index);
            self.ring.cancel(token);
        }
    }

    fn finish(&mut self, index: u32, stop: Stop) {
        if let Stop::Error(error) = stop {
            self.run_batch();
            self.reply(index, |out| error.write_into(&mut out.bytes));
            self.close_after_replies(index);
        }
    }

    /// Parses and plans requests until something stops it. Gives the start of the request that stopped it, and
    /// the first of its spans.
    fn parse(&mut self, index: u32, source: Source, progress: &mut Progress) -> (Stop, usize, usize) {
        self.parse_from(index, source, progress, self.spans.len())
    }

    fn parse_from(
        &mut self,
        index: u32,
        source: Source,
        progress: &mut Progress,
        first_span: usize,
    ) -> (Stop, usize, usize) {
        let mut limits = self.limits(index);
        let begins_at = if let Source::Inbox = source { self.feeding.begin } else { 0 };
        let (mut begin, mut first_span) = (begins_at, first_span);
        loop {
            let bytes = source.received(&self.ring, &self.held, &self.feeding);
            let outcome = match self.feeding.is_whole {
                // It was parsed before, and had to wait.
                true => Parse::Request,
                false => request::parse(bytes, progress, &limits, &mut self.spans, &mut self.scratch),
            };
            self.feeding.is_whole = false;
            let source = match outcome {
                Parse::Request => source,
                Parse::Decoded => Source::Scratch,
                Parse::Nothing => {
                    begin = progress.position;
                    self.forget_skip(index);
                    continue;
                }
                Parse::Incomplete => return (Stop::Incomplete, begin, first_span),
                Parse::LargeBulk(count) => return (Stop::LargeBulk(count), begin, first_span),
                Parse::Error(error) => return (Stop::Error(error), begin, first_span),
            };
            let plan = match self.plan(index, source, first_span) {
                Plan::Crowded | Plan::NotQuiet | Plan::Paused => {
                    // What stands before it may be all that it waits for.
                    self.run_batch();
                    self.plan(index, source, first_span)
                }
                plan => plan,
            };
            match plan {
                Plan::Together if self.planned.len() < BATCH_REQUESTS => {}
                Plan::Together | Plan::Alone => {
                    self.run_batch();
                    self.forget_arguments(source);
                    // It may have logged in or out.
                    limits = self.limits(index);
                }
                Plan::Crowded | Plan::NotQuiet | Plan::Paused => {
                    self.let_wait(index, plan);
                    match source.blocks(&self.feeding).is_empty() {
                        true => {
                            // It is parsed again.
                            *progress = Progress::at(begin);
                            self.spans.truncate(first_span);
                        }
                        // Blocks cannot be: the request stays as it is.
                        false => self.feeding.is_whole = true,
                    }
                    return (Stop::Halted, begin, first_span);
                }
            }
            begin = progress.position;
            first_span = self.spans.len();
            if !self.connections.at(index).may_run() {
                return (Stop::Halted, begin, first_span);
            }
        }
    }

    /// An empty request is the one whose reply CLIENT REPLY SKIP drops, as in Redis.
    #[cold]
    fn forget_skip(&mut self, index: u32) {
        if self.connections.at(index).session.is_skipping() {
            // One that came before may have used it up.
            self.run_batch();
            if self.connections.at(index).session.is_skipping() {
                self.connections.at(index).session.mute(Mute::No, &mut self.spare_orders);
            }
        }
    }

    /// What a client may announce now.
    fn limits(&mut self, index: u32) -> Limits {
        let bulk_bytes_max = self.settings.bulk_bytes_max.min(BULK_BYTES_MAX) as i64;
        match self.connections.at(index).session.caller.must_log_in {
            false => Limits::logged_in(bulk_bytes_max),
            true => Limits::stranger(bulk_bytes_max),
        }
    }

    /// Drops arguments that live beside the received bytes, once their request has run.
    fn forget_arguments(&mut self, source: Source) {
        match source {
            Source::Inbox => self.feeding.blocks.clear(),
            Source::Scratch => self.scratch.clear(),
            Source::Chunk(_) => {}
        }
    }

    /// Lets a connection wait with its next request.
    fn let_wait(&mut self, index: u32, plan: Plan) {
        let connection = self.connections.at(index);
        if connection.stall != Stall::No {
            return;
        }
        match plan {
            Plan::NotQuiet => connection.stall = Stall::Waits,
            Plan::Paused => self.let_pause(index),
            _ => {
                connection.stall = Stall::Crowded;
                self.crowded.push((connection.generation, index));
            }
        }
    }

    /// Finds command, keys and owner of a parsed request, and puts it among those that run next.
    #[inline]
    fn plan(&mut self, index: u32, source: Source, first_span: usize) -> Plan {
        let connection = self.connections.at(index);
        let (session, generation) = (&connection.session, connection.generation);
        let (standing, may_dispatch) = (session.standing(), session.may_dispatch());
        // What is planned is about to be out.
        let is_quiet = session.is_quiet() && self.planned.is_empty();
        let bytes = source.bytes(&self.ring, &self.held, &self.feeding, &self.scratch);
        let blocks = source.blocks(&self.feeding);
        let args = Args::new(bytes, &self.spans[first_span..], blocks);
        let is_plain = blocks.is_empty() && !matches!(source, Source::Scratch);
        let (command, argument_count) = (resolve(&args).ok(), args.len());
        let is_paused =
            self.pauses.end().is_some() && self.pauses.stops(command, &self.connections.at(index).session);
        let (way, hash, slot) = match command {
            Some(command) => self.way(command, &args, standing),
            None => (Way::Refused, 0, 0),
        };
        let plan = match way {
            _ if is_paused => Plan::Paused,
            _ if !may_dispatch => Plan::Crowded,
            Way::Remote(owner) if !self.mesh.has_room(owner) => Plan::Crowded,
            Way::Transaction if !is_quiet => Plan::NotQuiet,
            Way::Session if command.is_some_and(|command| command.alone) && !is_quiet => Plan::NotQuiet,
            // A refusal may be the end of what is queued.
            Way::Refused if standing != Standing::Free => Plan::Alone,
            Way::Local | Way::Remote(_) | Way::Refused | Way::Queued if is_plain => Plan::Together,
            _ => Plan::Alone,
        };
        if matches!(plan, Plan::Together | Plan::Alone) {
            self.planned.push(Planned {
                connection: index,
                generation,
                source,
                first_span: first_span as u32,
                span_count: argument_count as u32,
                command,
                hash,
                slot,
                way,
            });
        }
        plan
    }

    /// Who runs a request, and hash and slot of its first key.
    #[inline]
    fn way(&self, command: &'static Command, args: &Args, standing: Standing) -> (Way, u64, u16) {
        let home = self.shard.index;
        let Routed { route, hash, slot } = route(command, args, &self.shard.slots, &self.hasher, home);
        if standing != Standing::Free
            && let Some(way) = detour(command, standing)
        {
            return (way, hash, slot);
        }
        let way = match route {
            Route::Session => Way::Session,
            Route::One(owner) if owner == home => Way::Local,
            Route::One(owner) => Way::Remote(owner),
            Route::Every => Way::Every,
            Route::Transaction => Way::Transaction,
        };
        (way, hash, slot)
    }
}

/// Where a request goes that its client may not have run now.
#[cold]
fn detour(command: &Command, standing: Standing) -> Option<Way> {
    match (standing, in_multi(command)) {
        (Standing::Stranger { .. }, _) if !command.flags.has(Flags::NO_AUTH) => Some(Way::Refused),
        (Standing::Early { .. }, _) if !command.flags.has(Flags::LOADING) => Some(Way::Refused),
        (Standing::Watcher { .. }, _) if touches_keys(command) => Some(Way::Refused),
        (
            Standing::Free
            | Standing::Stranger { is_queueing: false }
            | Standing::Early { is_queueing: false }
            | Standing::Watcher { is_queueing: false },
            _,
        ) => None,
        (_, InMulti::Queued) => Some(Way::Queued),
        (_, InMulti::Forbidden) => Some(Way::Forbidden),
        (_, InMulti::AtOnce) => None,
    }
}

fn touches_keys(command: &Command) -> bool {
    command.flags.has(Flags::READONLY) || command.flags.has(Flags::WRITE)
}

/// How a planned request is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// With those before and behind it.
    Together,
    /// At once, before the next one is parsed: it may change what comes next.
    Alone,
    /// Not now: there is no room.
    Crowded,
    /// Not before everything that the connection has sent is answered.
    NotQuiet,
    /// Not before CLIENT PAUSE ends.
    Paused,
}
