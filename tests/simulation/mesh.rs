//! The queues between cores: first in, first out, slow, and with little room. Plays the part of `data_plane/mesh.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use basalt::protocol::Out;
use basalt::protocol::reply::Mark;
use basalt::shard::parcel::Parcel;
use basalt::shard::visit::Step;

use super::common::random::Random;

/// How much room there is, and how long messages travel.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub batches_in_flight: usize,
    pub batches_waiting: usize,
    pub batch_requests: usize,
    /// Posts wait while so many messages are in the queue.
    pub queue_messages: usize,
    pub delay_us_max: usize,
}

/// Requests of one turn for one other core; comes back with the replies.
#[derive(Default)]
pub struct Batch {
    pub map_version: u32,
    pub requests: Parcel<Address>,
    pub replies: Out,
    pub ends: Vec<End>,
}

/// Where the reply to a request goes.
#[derive(Clone, Copy)]
pub struct Address {
    pub connection: u32,
    pub generation: u32,
    pub sequence: u32,
}

/// What became of a request in a batch.
#[derive(Clone, Copy)]
pub enum End {
    Replied(Mark),
    Moved,
    Waits,
}

pub enum Post {
    Step(Step),
    Reply { address: Address, reply: Out },
    Moved { address: Address, request: Parcel<u32> },
}

pub enum Message {
    Requests(Box<Batch>),
    Replies(Box<Batch>),
    Posts(Vec<Post>),
}

/// What is on its way between all cores.
pub struct Network {
    /// Messages from one core to another, with the time at which they arrive.
    queues: Vec<Vec<VecDeque<(u64, Message)>>>,
    random: Random,
    delay_us_max: usize,
    pub now_us: u64,
}

impl Network {
    pub fn shared(shards: u16, delay_us_max: usize, random: Random) -> Rc<RefCell<Self>> {
        let queues = (0..shards).map(|_| (0..shards).map(|_| VecDeque::new()).collect()).collect();
        Rc::new(RefCell::new(Network { queues, random, delay_us_max, now_us: 0 }))
    }

    pub fn is_empty(&self) -> bool {
        self.queues.iter().flatten().all(VecDeque::is_empty)
    }

    fn push(&mut self, from: u16, to: u16, message: Message) {
        let delay_us = self.random.below(self.delay_us_max + 1) as u64;
        self.queues[from as usize][to as usize].push_back((self.now_us + delay_us, message));
    }

    fn pop(&mut self, from: u16, to: u16) -> Option<Message> {
        let queue = &mut self.queues[from as usize][to as usize];
        let is_here = queue.front().is_some_and(|(arrival_us, _)| *arrival_us <= self.now_us);
        is_here.then(|| queue.pop_front()).flatten().map(|(_, message)| message)
    }
}

/// One core's side of the queue to another.
#[derive(Default)]
struct Peer {
    batches_in_flight: usize,
    batches: VecDeque<Box<Batch>>,
    posts: Vec<Post>,
}

/// One core's ends of all queues.
pub struct Mesh {
    index: u16,
    peers: Vec<Peer>,
    limits: Limits,
    network: Rc<RefCell<Network>>,
    /// The version of the slot map by which requests are routed from now on.
    pub map_version: u32,
}

impl Mesh {
    pub fn new(
        index: u16,
        shards: u16,
        limits: Limits,
        network: Rc<RefCell<Network>>,
        map_version: u32,
    ) -> Self {
        Mesh { index, peers: (0..shards).map(|_| Peer::default()).collect(), limits, network, map_version }
    }

    pub fn others(&self) -> impl Iterator<Item = u16> + use<> {
        let own = self.index;
        (0..self.peers.len() as u16).filter(move |&index| index != own)
    }

    fn is_full(&self, batch: &Batch) -> bool {
        batch.requests.len() >= self.limits.batch_requests
    }

    pub fn has_room(&self, shard: u16) -> bool {
        let batches = &self.peers[shard as usize].batches;
        batches.len() < self.limits.batches_waiting
            || !batches.back().is_some_and(|batch| self.is_full(batch))
    }

    pub fn batch(&mut self, shard: u16) -> &mut Batch {
        let map_version = self.map_version;
        let newest = self.peers[shard as usize].batches.back();
        let is_usable = newest.is_some_and(|batch| !self.is_full(batch) && batch.map_version == map_version);
        let batches = &mut self.peers[shard as usize].batches;
        if !is_usable {
            batches.push_back(Box::new(Batch { map_version, ..Batch::default() }));
        }
        batches.back_mut().expect("there is one now")
    }

    pub fn post(&mut self, shard: u16, post: Post) {
        self.peers[shard as usize].posts.push(post);
    }

    pub fn reply(&mut self, shard: u16, batch: Box<Batch>) {
        self.network.borrow_mut().push(self.index, shard, Message::Replies(batch));
    }

    pub fn receive(&mut self, shard: u16) -> Option<Message> {
        let message = self.network.borrow_mut().pop(shard, self.index)?;
        if matches!(message, Message::Replies(_)) {
            self.peers[shard as usize].batches_in_flight -= 1;
        }
        Some(message)
    }

    /// Sends what the turn has gathered, as far as there is room.
    pub fn flush(&mut self) {
        let mut network = self.network.borrow_mut();
        for (shard, peer) in self.peers.iter_mut().enumerate() {
            let in_queue = network.queues[self.index as usize][shard].len();
            if !peer.posts.is_empty() && in_queue < self.limits.queue_messages {
                network.push(self.index, shard as u16, Message::Posts(std::mem::take(&mut peer.posts)));
            }
            while peer.batches_in_flight < self.limits.batches_in_flight
                && let Some(batch) = peer.batches.pop_front()
            {
                peer.batches_in_flight += 1;
                network.push(self.index, shard as u16, Message::Requests(batch));
            }
        }
    }

    /// Whether posts wait for room: then the core must not sleep, for nobody says when there is some.
    pub fn has_posts(&self) -> bool {
        self.peers.iter().any(|peer| !peer.posts.is_empty())
    }

    /// Whether a message has arrived.
    pub fn has_messages(&self) -> bool {
        let network = self.network.borrow();
        let queues = network.queues.iter().map(|queues| &queues[self.index as usize]);
        queues.filter_map(|queue| queue.front()).any(|(arrival_us, _)| *arrival_us <= network.now_us)
    }

    /// Nothing waits to be sent, and nothing that was sent is out.
    pub fn is_idle(&self) -> bool {
        self.peers
            .iter()
            .all(|peer| peer.posts.is_empty() && peer.batches.is_empty() && peer.batches_in_flight == 0)
    }
}
