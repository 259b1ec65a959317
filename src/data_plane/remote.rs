//! What other cores send: batches of requests to run, replies to pass on, questions and answers.

use crate::cluster::slot_of;
use crate::data_plane::batch::complete;
use crate::data_plane::core::Core;
use crate::data_plane::mesh::{Batch, Message, Question};
use crate::keyspace::Key;
use crate::protocol::Out;
use crate::protocol::reply::Mark;
use crate::shard::Request;

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
                    Message::Question(question) => self.consider(shard, question),
                    Message::Answer(question) => self.take_answer(shard, *question),
                }
            }
        }
        any
    }

    /// Runs a batch of another core and returns it with the replies.
    fn run_remote(&mut self, from: u16, mut batch: Box<Batch>) {
        let count = batch.requests.len();
        for remote in &batch.requests {
            let key = Key { bytes: &[], hash: remote.hash, slot: remote.slot };
            self.shard.keyspace.prefetch_group(remote.database.into(), &key);
        }
        for remote in &batch.requests {
            let key = Key { bytes: &[], hash: remote.hash, slot: remote.slot };
            self.shard.keyspace.prefetch_entry(remote.database.into(), &key);
        }
        let rerouted = batch.map_version != self.shard.slots.version;
        let mut replies = std::mem::take(&mut batch.replies);
        for index in 0..count {
            let request = batch.request(index);
            let end = match rerouted && !self.shard.owns(&request) {
                true => None,
                false => {
                    self.shard.execute(&request, &self.turn, &mut replies);
                    Some(replies.mark())
                }
            };
            batch.ends.push(end);
        }
        batch.replies = replies;
        self.counters().remote_messages.add(1);
        self.mesh.reply(from, batch);
    }

    /// Passes replies on to the clients whose requests they answer.
    fn take_replies(&mut self, shard: u16, batch: Box<Batch>) {
        let mut start = Mark::default();
        for (index, remote) in batch.requests.iter().enumerate() {
            let end = batch.ends[index];
            if let Some(connection) = self.connections.find(remote.generation, remote.connection) {
                match end {
                    Some(end) => {
                        let (out, segments) = (&mut self.out, &mut self.segments);
                        complete(
                            connection,
                            remote.connection,
                            remote.sequence,
                            shard,
                            &batch.replies,
                            start,
                            end,
                            out,
                            segments,
                        );
                        self.settle(remote.connection);
                    }
                    None => self.reroute(&batch, index),
                }
            }
            start = end.unwrap_or(start);
        }
        self.mesh.recycle(batch);
    }

    /// Sends a request to the owner that the present map names.
    fn reroute(&mut self, batch: &Batch, index: usize) {
        let (request, remote) = (batch.request(index), &batch.requests[index]);
        let owner = self.shard.slots.owner(slot_of(request.key.bytes));
        if owner != self.shard.index {
            return self.mesh.batch(owner).push(
                &request,
                remote.connection,
                remote.generation,
                remote.sequence,
            );
        }
        let mut reply = Out::default();
        self.shard.execute(&request, &self.turn, &mut reply);
        self.complete_reply(remote.connection, remote.sequence, self.shard.index, &reply);
    }

    fn take_answer(&mut self, shard: u16, question: Question) {
        if self.connections.find(question.generation, question.connection).is_some() {
            let reply = Out { bytes: question.answer, shared: Vec::new() };
            self.complete_reply(question.connection, question.sequence, shard, &reply);
        }
    }
}

impl Batch {
    fn request(&self, index: usize) -> Request<'_> {
        let (remote, args) = (&self.requests[index], self.args(index));
        let bytes = remote.command.first_key(&args);
        Request {
            command: remote.command,
            args,
            key: Key { bytes, hash: remote.hash, slot: remote.slot },
            database: remote.database,
            resp: remote.resp,
            no_touch: remote.no_touch,
        }
    }
}
