//! What other cores send, as `data_plane/remote.rs` deals with it, and what the shard makes of it, for the history.

use basalt::protocol::Out;
use basalt::protocol::reply::Mark;
use basalt::shard::parcel::Parcel;
use basalt::shard::visit::{Agreed, Step};
use basalt::shard::{Answer, Lane};

use super::connection::Stall;
use super::core::Core;
use super::dispatch::complete;
use super::history::{Logged, Part};
use super::mesh::{Address, Batch, End, Message, Post};

/// Messages taken from one core before the next one's turn comes.
const MESSAGES_PER_PEER: usize = 64;

impl Core {
    pub fn read_messages(&mut self) {
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
                        self.take_replies(shard, &batch);
                        self.send_if_many();
                    }
                    Message::Posts(posts) => self.take_posts(shard, posts),
                }
            }
        }
        if any {
            self.deal_with_answers();
            self.follow_map();
        }
    }

    fn run_remote(&mut self, from: u16, mut batch: Box<Batch>) {
        let changes_before = self.shard.changes_bytes();
        let mut replies = std::mem::take(&mut batch.replies);
        for index in 0..batch.requests.len() {
            let end = self.run_remote_request(from, &batch, index, &mut replies);
            batch.ends.push(end);
        }
        batch.replies = replies;
        self.return_batch(from, batch, changes_before);
        self.shard.journal.seal_if_large(&mut self.shard.keyspace);
        self.deal_with_answers();
    }

    fn run_remote_request(&mut self, from: u16, batch: &Batch, index: usize, replies: &mut Out) -> End {
        let request = batch.requests.request(index);
        let Address { connection, generation, sequence } = batch.requests.entry(index).tag;
        let lane = Lane { core: from, connection, generation };
        if !self.shard.is_idle() && !self.shard.may_run(&request, &lane) {
            self.shard.wait(&request, lane, sequence, batch.map_version);
            return End::Waits;
        }
        if self.shard.has_moved(&request, batch.map_version) {
            return End::Moved;
        }
        let start = replies.bytes.len();
        let changes_before = self.shard.changes_bytes();
        self.shard.execute_from(from, &request, &self.turn, replies);
        if self.shard.changes_bytes() != changes_before {
            let end = self.shard.journal.end_position(&self.shard.keyspace);
            let logged = Logged { shard: self.shard.index, end, part_of: None };
            self.recorder.log(self.recorder.at(lane, sequence), logged);
        }
        self.record_run(lane, sequence, &replies.bytes[start..], self.turn.now_us);
        End::Replied(replies.mark())
    }

    fn take_replies(&mut self, shard: u16, batch: &Batch) {
        let mut start = Mark::default();
        for (index, entry) in batch.requests.entries().iter().enumerate() {
            let Address { connection: client, generation, sequence } = entry.tag;
            match batch.ends[index] {
                End::Replied(end) => {
                    if let Some(connection) = self.connections.find(generation, client) {
                        complete(connection, sequence, shard, &batch.replies, start, end);
                        self.settle(client);
                    }
                    start = end;
                }
                End::Moved => {
                    let mut request = Parcel::default();
                    request.push(&batch.requests.request(index), sequence);
                    self.take_back(entry.tag, request);
                }
                End::Waits => {
                    self.late_count += 1;
                    self.hold_back(generation, client);
                }
            }
        }
    }

    fn take_posts(&mut self, from: u16, posts: Vec<Post>) {
        for post in posts {
            match post {
                Post::Step(Step::Answer(visit)) => self.take_visit(visit),
                Post::Step(step) => self.take_step(step),
                Post::Reply { address, reply } => self.take_late_reply(from, address, &reply),
                Post::Moved { address, request } => {
                    self.late_count -= 1;
                    self.take_back(address, request);
                }
            }
        }
        self.deal_with_answers();
        self.send_if_many();
    }

    pub fn take_late_reply(&mut self, shard: u16, address: Address, reply: &Out) {
        self.late_count -= 1;
        if self.connections.find(address.generation, address.connection).is_some() {
            self.complete_reply(address.connection, address.sequence, shard, reply);
        }
    }

    fn hold_back(&mut self, generation: u32, index: u32) {
        if let Some(connection) = self.connections.find(generation, index)
            && connection.stall == Stall::No
            && !connection.session.is_quiet()
        {
            connection.stall = Stall::Waits;
        }
    }

    /// Lets the shard take a step, and notes what ran because of it.
    pub fn take_step(&mut self, step: Step) {
        let before = self.shard.answers.len();
        let mut now_us = self.turn.now_us;
        // The transaction that goes on has its point already.
        let mut begun = 0;
        match &step {
            Step::Run(visit) => {
                begun = 1;
                now_us = now_us.max(visit.now_us);
            }
            Step::Watch(watch) => {
                let keys = watch.keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
                self.watch_keys.insert((watch.lane, watch.sequence), keys);
            }
            _ => {}
        }
        self.shard.take(step, &self.turn);
        if begun > 0 {
            self.note_logged(&self.shard.answers[before]);
        }
        self.record_answers(before + begun, now_us);
    }

    /// Lets the shard run what may run, and notes it.
    pub fn run_waiting(&mut self) {
        let before = self.shard.answers.len();
        self.shard.run_waiting(&self.turn);
        self.record_answers(before, self.turn.now_us);
    }

    /// Notes what the shard has run, in its order: `now_us` is the time of the first, and a transaction may have brought
    /// a later one.
    fn record_answers(&mut self, first: usize, mut now_us: u64) {
        for answer in self.shard.answers.iter().skip(first) {
            self.note_logged(answer);
            match answer {
                Answer::Visited(visit) if visit.agreed == Agreed::SlotMoved => {}
                Answer::Visited(visit) if visit.agreed == Agreed::WatchedChanged => {
                    self.recorder.decide(visit.ticket, visit.now_us, Part::Refused);
                }
                Answer::Visited(visit) if visit.agreed == Agreed::Refused => {
                    self.recorder.decide(visit.ticket, visit.now_us, Part::TurnedAway);
                }
                Answer::Visited(visit) => {
                    self.recorder.decide(visit.ticket, visit.now_us, Part::Whole);
                    now_us = now_us.max(visit.now_us);
                }
                Answer::Reply { lane, sequence, reply, .. } => {
                    match self.watch_keys.remove(&(*lane, *sequence)) {
                        Some(keys) => {
                            self.recorder.run(self.recorder.at(*lane, *sequence), now_us, Part::Watch(keys));
                        }
                        None => self.record_run(*lane, *sequence, &reply.bytes, now_us),
                    }
                }
                Answer::Moved { .. } => {}
            }
        }
        // What a transaction has seen expire, by a later clock, must stay so in this turn.
        self.turn.now_us = self.turn.now_us.max(self.shard.clock_us);
    }

    fn record_run(&self, lane: Lane, sequence: u32, reply: &[u8], now_us: u64) {
        let operation = self.recorder.at(lane, sequence);
        match self.recorder.is_partial(operation) {
            true => self.recorder.run(operation, now_us, self.part(reply)),
            false => self.recorder.run(operation, now_us, self.whole()),
        }
    }
}
