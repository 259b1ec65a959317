//! What other cores send: batches of requests to run, replies to pass on, posts, questions and answers.

use std::ops::Range;

use crate::commands::Spread;
use crate::config::Fsync;
use crate::data_plane::batch::complete;
use crate::data_plane::connection::Stall;
use crate::data_plane::core::Core;
use crate::data_plane::log::Parked;
use crate::data_plane::mesh::{Address, Batch, End, Message, Post, Question};
use crate::data_plane::slow_log::shown_arguments;
use crate::keyspace::Key;
use crate::protocol::Out;
use crate::protocol::reply::Mark;
use crate::shard::Lane;
use crate::shard::parcel::Parcel;
use crate::shard::visit::Step;

/// Messages taken from one core before the next one's turn comes.
const MESSAGES_PER_PEER: usize = 64;

impl Core {
    /// Deals with what other cores have sent; tells whether there was anything.
    pub(super) fn read_messages(&mut self) -> bool {
        let mut any = false;
        for shard in self.mesh.others() {
            for _ in 0..MESSAGES_PER_PEER {
                let Some(message) = self.mesh.receive(shard) else {
                    break;
                };
                any = true;
                match message {
                    Message::Requests(batch) => self.run_remote(shard, batch),
                    Message::Replies(batch) => {
                        self.take_replies(shard, batch);
                        self.send_if_many();
                    }
                    Message::Posts(posts) => self.take_posts(shard, posts),
                    Message::Question(question) => self.consider(shard, question),
                    Message::Answer(question) => self.take_answer(shard, *question),
                }
            }
        }
        if any {
            self.deal_with_answers();
            self.follow_map();
        }
        any
    }

    /// Runs a batch of another core and returns it with the replies.
    fn run_remote(&mut self, from: u16, mut batch: Box<Batch>) {
        self.prefetch_remote(&batch);
        let changes_before = self.shard.changes_bytes();
        let mut replies = std::mem::take(&mut batch.replies);
        self.timing.begin();
        let mut first = 0;
        for index in 0..batch.requests.len() {
            let is_alone = self.timing.is_precise || !batch.requests.entry(index).command.is_steady;
            if is_alone {
                self.lap_remote(&mut batch, first..index);
                first = index;
            }
            let end = self.run_remote_request(from, &batch, index, &mut replies);
            batch.ends.push(end);
            if is_alone {
                self.lap_remote(&mut batch, first..index + 1);
                first = index + 1;
            }
        }
        let all = first..batch.requests.len();
        self.lap_remote(&mut batch, all);
        batch.replies = replies;
        self.counters().remote_messages.add(1);
        // Who has only read may be told of what is not synced, but not of what is not even written.
        let has_written = self.shard.changes_bytes() != changes_before;
        let may_hear = self.settings.log.fsync == Fsync::Always && !has_written;
        let position = if may_hear { 0 } else { self.shard.journal.end_position(&self.shard.keyspace) };
        let replies = Parked::Replies(from, batch, has_written);
        if let Some(Parked::Replies(from, batch, _)) = self.park(position, replies) {
            self.mesh.reply(from, batch);
        }
        self.shard.journal.seal_if_large(&mut self.shard.keyspace);
        self.deal_with_answers();
    }

    /// Reads the clock behind requests of a batch; those that were slow are logged at home, which knows the client.
    #[inline]
    fn lap_remote(&mut self, batch: &mut Batch, requests: Range<usize>) {
        if let Some(nanoseconds) = self.lap() {
            batch.slow.extend(requests.map(|index| (index as u32, nanoseconds)));
        }
    }

    fn prefetch_remote(&self, batch: &Batch) {
        let entries = batch.requests.entries();
        let key = |hash, slot| Key { bytes: &[], hash, slot };
        for entry in entries {
            self.shard.keyspace.prefetch_group(entry.database.into(), &key(entry.hash, entry.slot));
        }
        for entry in entries {
            self.shard.keyspace.prefetch_entry(entry.database.into(), &key(entry.hash, entry.slot));
        }
    }

    #[inline]
    fn run_remote_request(&mut self, from: u16, batch: &Batch, index: usize, replies: &mut Out) -> End {
        let request = batch.requests.request(index);
        if !self.shard.is_idle() {
            // A copy has an address, so that the request itself needs none and stays in registers: words that were stored
            // just now would be read 16 bytes at a time, and wait until all stores before them have left the core.
            let copy = request;
            let Address { connection, generation, sequence } = batch.requests.entry(index).tag;
            let lane = Lane { core: from, connection, generation };
            if !self.shard.may_run(&copy, &lane) {
                self.shard.wait(&copy, lane, sequence, batch.map_version);
                return End::Waits;
            }
        }
        if self.shard.has_moved(&request, batch.map_version) {
            return End::Moved;
        }
        self.shard.execute_from(from, &request, &self.turn, replies);
        End::Replied(replies.mark())
    }

    /// Passes replies on to the clients whose requests they answer.
    fn take_replies(&mut self, shard: u16, batch: Box<Batch>) {
        let mut start = Mark::default();
        for (index, entry) in batch.requests.entries().iter().enumerate() {
            let Address { connection: client, generation, sequence } = entry.tag;
            match batch.ends[index] {
                End::Replied(end) => {
                    if let Some(connection) = self.connections.find(generation, client) {
                        let (out, segments) = (&mut self.out, &mut self.segments);
                        complete(
                            connection,
                            client,
                            sequence,
                            shard,
                            &batch.replies,
                            start,
                            end,
                            out,
                            segments,
                        );
                        self.settle(client);
                    }
                    start = end;
                }
                End::Moved => {
                    let mut request = Parcel::default();
                    request.push(&batch.requests.request(index), sequence);
                    self.take_back(entry.tag, request);
                }
                // What comes behind it may have to wait as well: not more than is out already.
                End::Waits => {
                    self.pauses.late_count += 1;
                    self.hold_back(generation, client);
                }
            }
        }
        self.log_slow_remote(&batch);
        self.mesh.recycle(batch);
    }

    fn log_slow_remote(&mut self, batch: &Batch) {
        for &(index, nanoseconds) in &batch.slow {
            if !matches!(batch.ends[index as usize], End::Replied(_)) {
                continue;
            }
            let Address { connection, generation, .. } = batch.requests.entry(index as usize).tag;
            let request = batch.requests.request(index as usize);
            // The core of the client logs what every shard does.
            if !matches!(request.command.spread, Spread::Every(_)) {
                let arguments = shown_arguments(request.command, &request.args);
                self.log_slow(connection, generation, request.command, arguments, nanoseconds);
            }
        }
    }

    fn take_posts(&mut self, from: u16, mut posts: Vec<Post>) {
        for post in posts.drain(..) {
            match post {
                Post::Step(Step::Answer(visit)) => self.take_visit(visit),
                Post::Step(step) => {
                    self.take_step(step);
                    self.catch_up();
                }
                Post::Lines(lines) => self.show_here(&lines),
                Post::Reply { address, reply } => self.take_late_reply(from, address, &reply),
                Post::Moved { address, request } => {
                    self.pauses.late_count -= 1;
                    self.take_back(address, request);
                }
            }
        }
        self.mesh.recycle_posts(posts);
        self.deal_with_answers();
        self.send_if_many();
    }

    /// Takes the reply to a request that had to wait at a shard.
    pub(super) fn take_late_reply(&mut self, shard: u16, address: Address, reply: &Out) {
        self.pauses.late_count -= 1;
        if self.connections.find(address.generation, address.connection).is_some() {
            self.complete_reply(address.connection, address.sequence, shard, reply);
        }
    }

    /// Dispatches nothing more of a connection until its requests are answered.
    fn hold_back(&mut self, generation: u32, index: u32) {
        if let Some(connection) = self.connections.find(generation, index)
            && connection.stall == Stall::No
            && !connection.session.is_quiet()
        {
            connection.stall = Stall::Waits;
        }
    }

    pub(super) fn take_answer(&mut self, shard: u16, question: Question) {
        if self.connections.find(question.generation, question.connection).is_some() {
            let reply = Out { bytes: question.answer, shared: Vec::new() };
            let start = self.out.bytes.len();
            self.complete_reply(question.connection, question.sequence, shard, &reply);
            if self.out.bytes.get(start) == Some(&b'-') {
                self.count_late_failure(question.connection, start, shard);
            }
        }
    }
}
