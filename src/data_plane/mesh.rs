//! Queues between cores: own single-producer rings with credits, so that no queue can overflow.
//!
//! A core has at most [`BATCHES_IN_FLIGHT`] batches and [`QUESTIONS_IN_FLIGHT`] questions under way to each other core.
//! A queue has room for these and for as many answers to the other side's: so a push always succeeds, and replies
//! never wait for room. Posts are sent together, when the queue has room beyond what is reserved for those; until then they are kept.
//!
//! A core that is about to sleep says so, looks into its queues once more, and sleeps in its ring; one that pushes to a
//! sleeping core wakes it. Both sides put a full fence between their store and their load, so one of them sees the
//! other (Dekker's algorithm: store, fence, load on both sides).

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use bytes::Bytes;

use crate::bridge::Bridge;
use crate::commands::Caller;
use crate::commands::call::{ClientFilter, Debugging, Pause};
use crate::config::Settings;
use crate::protocol::Out;
use crate::protocol::reply::Mark;
use crate::shard::parcel::Parcel;
use crate::shard::visit::Step;
use crate::sys::spsc::{Receiver, Sender, channel};

/// Batches of requests that one core may have under way to another.
pub const BATCHES_IN_FLIGHT: usize = 32;
/// Questions that one core may have under way to another; more wait at the asking core, one per client at most.
pub const QUESTIONS_IN_FLIGHT: usize = 16;
/// What a queue has room for whatever else is in it: batches and questions of one side, and what comes back for those of the other.
const RESERVED_ROOM: usize = 2 * (BATCHES_IN_FLIGHT + QUESTIONS_IN_FLIGHT);
/// Room beyond it is for posts.
const QUEUE_CAPACITY: usize = (RESERVED_ROOM + 16).next_power_of_two();

/// A batch is sent when it holds so many requests or bytes, or when its turn ends.
const BATCH_REQUESTS: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;
/// Batches that may be filled while none can be sent; then requests for that core wait unread.
const BATCHES_WAITING: usize = 4;
/// Emptied batches that are kept for the next ones.
const SPARE_BATCHES: usize = 64;
/// A vector of posts with more room than for this many is not kept.
const SPARE_POSTS: usize = 1024;
/// A spare batch that has grown beyond this is not kept.
const SPARE_BATCH_BYTES: usize = 1 << 20;

/// Requests of one turn for one other core; comes back with the replies.
#[derive(Default)]
pub struct Batch {
    /// The version of the slot map by which the requests were routed.
    pub map_version: u32,
    pub requests: Parcel<Address>,
    pub replies: Out,
    pub ends: Vec<End>,
    /// Requests that were slow, by index, and how many nanoseconds they took.
    pub slow: Vec<(u32, u64)>,
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
    /// Its reply ends there.
    Replied(Mark),
    /// The other core does not own the keys any more, and ran nothing.
    Moved,
    /// It waits there; the reply will come by itself.
    Waits,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.requests.len() >= BATCH_REQUESTS || self.requests.bytes() >= BATCH_BYTES
    }

    fn clear(&mut self) {
        self.requests.clear();
        self.replies.clear();
        self.ends.clear();
        self.slow.clear();
    }
}

/// One of the things that travel together, in their order, and that need no answer as such.
pub enum Post {
    Step(Step),
    /// The reply to a request that had to wait.
    Reply {
        address: Address,
        reply: Out,
    },
    /// Requests that were run, for clients that are shown them.
    Lines(Bytes),
    /// A request that had to wait and does not belong here any more; its tag is the sequence number.
    Moved {
        address: Address,
        request: Parcel<u32>,
    },
}

/// What one core asks another on behalf of a client, and the answer.
pub struct Question {
    pub connection: u32,
    pub generation: u32,
    pub sequence: u32,
    /// The id of the client that asks.
    pub asker: u64,
    pub subject: Subject,
    /// A reply, or a part of one.
    pub answer: Vec<u8>,
}

/// The matter of a question.
pub enum Subject {
    /// New settings take effect.
    Settings(Arc<Settings>),
    ClientList(ClientFilter),
    ClientKill(ClientFilter),
    Pause(Pause),
    Unpause,
    /// Counters start again at zero.
    ResetCounters,
    /// The log is to be compacted.
    Compact,
    Debug(Debugging),
    /// A connection that another core has accepted.
    Adopt(Option<Box<(OwnedFd, Caller)>>),
}

/// What travels between cores.
pub enum Message {
    Requests(Box<Batch>),
    Replies(Box<Batch>),
    Posts(Vec<Post>),
    Question(Box<Question>),
    Answer(Box<Question>),
}

/// One core's ends of the queues to another.
struct Peer {
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    batches_in_flight: usize,
    batches_returned: u64,
    questions_in_flight: usize,
    /// Batches that are being filled or wait for a credit, oldest first.
    batches: VecDeque<Box<Batch>>,
    questions: VecDeque<Box<Question>>,
    /// What goes out with the next flush for which there is room.
    posts: Vec<Post>,
    pushed: bool,
}

#[repr(align(128))]
#[derive(Default)]
struct Sleeping(AtomicBool);

/// One core's ends of all queues.
pub struct Mesh {
    index: u16,
    peers: Vec<Option<Peer>>,
    sleeping: Arc<[Sleeping]>,
    bridge: Arc<Bridge>,
    spare: Vec<Box<Batch>>,
    spare_posts: Vec<Vec<Post>>,
    /// The version of the slot map by which requests are routed from now on.
    pub map_version: u32,
}

/// The meshes of `shards` cores.
pub fn meshes(bridge: &Arc<Bridge>, shards: u16, map_version: u32) -> Vec<Mesh> {
    let sleeping: Arc<[Sleeping]> = (0..shards).map(|_| Sleeping::default()).collect();
    let mut meshes: Vec<Mesh> = (0..shards)
        .map(|index| Mesh {
            index,
            peers: (0..shards).map(|_| None).collect(),
            sleeping: sleeping.clone(),
            bridge: bridge.clone(),
            spare: Vec::new(),
            spare_posts: Vec::new(),
            map_version,
        })
        .collect();
    for low in 0..shards as usize {
        for high in low + 1..shards as usize {
            let (to_high, from_low) = channel(QUEUE_CAPACITY);
            let (to_low, from_high) = channel(QUEUE_CAPACITY);
            meshes[low].peers[high] = Some(Peer::new(to_high, from_high));
            meshes[high].peers[low] = Some(Peer::new(to_low, from_low));
        }
    }
    meshes
}

impl Peer {
    fn new(sender: Sender<Message>, receiver: Receiver<Message>) -> Self {
        Peer {
            sender,
            receiver,
            batches_in_flight: 0,
            batches_returned: 0,
            questions_in_flight: 0,
            batches: VecDeque::new(),
            questions: VecDeque::new(),
            posts: Vec::new(),
            pushed: false,
        }
    }

    fn push(&mut self, message: Message) {
        self.pushed = true;
        assert!(self.sender.push(message).is_ok(), "credits reserve room for every message");
    }

    /// Sends batches and questions as far as there are credits, and posts if there is room for them.
    fn send_waiting(&mut self) {
        if !self.posts.is_empty() && self.sender.room() > RESERVED_ROOM {
            let posts = std::mem::take(&mut self.posts);
            self.push(Message::Posts(posts));
        }
        while self.batches_in_flight < BATCHES_IN_FLIGHT
            && let Some(batch) = self.batches.pop_front()
        {
            self.batches_in_flight += 1;
            self.push(Message::Requests(batch));
        }
        while self.questions_in_flight < QUESTIONS_IN_FLIGHT
            && let Some(question) = self.questions.pop_front()
        {
            self.questions_in_flight += 1;
            self.push(Message::Question(question));
        }
    }
}

impl Mesh {
    /// The other cores.
    pub fn others(&self) -> impl Iterator<Item = u16> + use<> {
        let own = self.index;
        (0..self.peers.len() as u16).filter(move |&index| index != own)
    }

    fn peer(&mut self, shard: u16) -> &mut Peer {
        self.peers[shard as usize].as_mut().expect("a core sends no messages to itself")
    }

    /// Whether a request for `shard` may be dispatched now. A turn may exceed this by the requests it has planned.
    pub fn has_room(&mut self, shard: u16) -> bool {
        let peer = self.peer(shard);
        peer.batches.len() < BATCHES_WAITING || !peer.batches.back().is_some_and(|batch| batch.is_full())
    }

    /// The batch to which a request for `shard` is added.
    pub fn batch(&mut self, shard: u16) -> &mut Batch {
        let peer = self.peers[shard as usize].as_mut().expect("a core sends no messages to itself");
        let map_version = self.map_version;
        let is_outdated = |batch: &Batch| batch.map_version != map_version;
        if peer.batches.back().is_none_or(|batch| batch.is_full() || is_outdated(batch)) {
            let mut batch = self.spare.pop().unwrap_or_default();
            batch.map_version = self.map_version;
            peer.batches.push_back(batch);
        }
        peer.batches.back_mut().expect("there is one now")
    }

    pub fn ask(&mut self, shard: u16, question: Question) {
        self.peer(shard).questions.push_back(Box::new(question));
    }

    /// Sends something along with the next flush.
    pub fn post(&mut self, shard: u16, post: Post) {
        let peer = self.peers[shard as usize].as_mut().expect("a core sends no messages to itself");
        if peer.posts.capacity() == 0 {
            peer.posts = self.spare_posts.pop().unwrap_or_default();
        }
        peer.posts.push(post);
    }

    /// The bytes of lines that wait to be sent.
    pub fn waiting_lines(&self, shard: u16) -> usize {
        let posts = self.peers[shard as usize].iter().flat_map(|peer| &peer.posts);
        posts.map(|post| if let Post::Lines(lines) = post { lines.len() } else { 0 }).sum()
    }

    /// Whether posts wait for room: then the core must not sleep, for nobody says when there is some.
    pub fn has_posts(&self) -> bool {
        self.peers.iter().flatten().any(|peer| !peer.posts.is_empty())
    }

    /// Keeps the vector of posts that were dealt with for later.
    pub fn recycle_posts(&mut self, posts: Vec<Post>) {
        debug_assert!(posts.is_empty());
        if self.spare_posts.len() < SPARE_BATCHES && posts.capacity() <= SPARE_POSTS {
            self.spare_posts.push(posts);
        }
    }

    /// Returns a batch with its replies to the core it came from.
    pub fn reply(&mut self, shard: u16, batch: Box<Batch>) {
        self.peer(shard).push(Message::Replies(batch));
    }

    pub fn answer(&mut self, shard: u16, question: Box<Question>) {
        self.peer(shard).push(Message::Answer(question));
    }

    /// The next message from `shard`.
    pub fn receive(&mut self, shard: u16) -> Option<Message> {
        let peer = self.peer(shard);
        let message = peer.receiver.pop()?;
        match message {
            Message::Replies(_) => {
                peer.batches_in_flight -= 1;
                peer.batches_returned += 1;
            }
            Message::Answer(_) => peer.questions_in_flight -= 1,
            _ => {}
        }
        Some(message)
    }

    /// Keeps an emptied batch for later.
    pub fn recycle(&mut self, mut batch: Box<Batch>) {
        if self.spare.len() < SPARE_BATCHES
            && batch.requests.reserved_bytes() + batch.replies.bytes.capacity() < SPARE_BATCH_BYTES
        {
            batch.clear();
            self.spare.push(batch);
        }
    }

    /// Sends what the turn has gathered, and wakes those that sleep.
    pub fn flush(&mut self) {
        let mut pushed = false;
        for peer in self.peers.iter_mut().flatten() {
            peer.send_waiting();
            pushed |= peer.pushed;
        }
        if !pushed {
            return;
        }
        // Between our pushes and the look at the flags: see the top of this file.
        fence(Ordering::SeqCst);
        for (shard, peer) in self.peers.iter_mut().enumerate() {
            if peer.as_mut().is_some_and(|peer| std::mem::take(&mut peer.pushed)) {
                let sleeping = &self.sleeping[shard].0;
                if sleeping.load(Ordering::Relaxed) && sleeping.swap(false, Ordering::AcqRel) {
                    self.bridge.wakers[shard].wake();
                }
            }
        }
    }

    /// Whether no replies of other cores are awaited.
    pub fn is_quiet(&self) -> bool {
        self.peers.iter().flatten().all(|peer| peer.batches_in_flight == 0)
    }

    /// How many batches were filled so far for each other core.
    pub fn filled(&self) -> Vec<u64> {
        let filled =
            |peer: &Peer| peer.batches_returned + (peer.batches_in_flight + peer.batches.len()) as u64;
        self.peers.iter().flatten().map(filled).collect()
    }

    /// Whether batches up to these numbers have come back.
    pub fn are_back(&self, filled: &[u64]) -> bool {
        self.peers.iter().flatten().zip(filled).all(|(peer, filled)| peer.batches_returned >= *filled)
    }

    /// Announces that this core is about to sleep; false when a message is there, so that it must not.
    pub fn fall_asleep(&mut self) -> bool {
        if self.peers.len() == 1 {
            return true;
        }
        self.sleeping[self.index as usize].0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let empty = self.peers.iter_mut().flatten().all(|peer| peer.receiver.is_empty());
        if !empty {
            self.wake_up();
        }
        empty
    }

    pub fn wake_up(&mut self) {
        self.sleeping[self.index as usize].0.store(false, Ordering::Relaxed);
    }
}
