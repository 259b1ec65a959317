//! What a transaction brings to one shard, and what it takes home: docs/consistency.md.

use crate::cluster::SlotMap;
use crate::commands::{CommandError, Fetched, Stored};
use crate::keyspace::{MovedSlot, Save};
use crate::protocol::Out;
use crate::protocol::reply::Mark;
use crate::shard::Lane;
use crate::shard::locks::Want;
use crate::shard::parcel::Parcel;

/// Names a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The core that drives it.
    pub home: u16,
    pub number: u64,
}

/// A message from or to one part of a transaction.
pub enum Step {
    /// Takes locks, looks at watched keys, does the work, and keeps the locks or not.
    Hold(Box<Visit>),
    /// Does more work at a shard that holds.
    Run(Box<Visit>),
    /// Gives back what a shard holds. Nothing is answered.
    Release(Ticket),
    /// Begins to watch keys for a client, and replies.
    Watch(Box<Watch>),
    /// Forgets what a client watches. Nothing is answered.
    Unwatch(u64),
    /// Comes home from `Hold` or `Run`.
    Answer(Box<Visit>),
}

/// What is to be done at a shard, and then what was done.
pub struct Visit {
    pub ticket: Ticket,
    /// The shard that is visited.
    pub shard: u16,
    /// The slots of the keys it wants, which must be owned here.
    pub slots: Vec<u16>,
    /// The client whose watched keys must be unchanged.
    pub watcher: Option<u64>,
    /// No key that the client watches, here or at shards visited before, expires until then.
    pub watched_until_ms: u64,
    /// What is to be locked, in the order of locks.
    pub wants: Vec<Want>,
    /// The time at which the work is done. When the locks are given it becomes the shard's, if that is later.
    pub now_us: u64,
    pub work: Parcel<Task>,
    /// A slot that changes its owner.
    pub handover: Option<Handover>,
    /// A walk for a snapshot begins with this.
    pub save: Option<Save>,
    pub then: Then,
    /// What becomes of the effects of the work.
    pub share: Share,

    /// What the shard said.
    pub agreed: Agreed,
    /// The position of its log when it gave the locks.
    pub agreed_at: u64,
    /// It keeps effects that are not in its log yet.
    pub has_written: bool,
    /// Where its log ends with the share of this transaction. The visit comes home when that is acknowledged.
    pub logged_to: u64,
    pub replies: Out,
    /// What became of each task.
    pub outcomes: Vec<Outcome>,
    /// How long the shard worked, to be noted by its core.
    pub spent_ns: u64,
}

/// Keys of one shard that a client watches from now on.
pub struct Watch {
    pub lane: Lane,
    pub sequence: u32,
    pub client: u64,
    pub database: u8,
    pub keys: Vec<Box<[u8]>>,
}

/// Whether the locks are kept when the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Keep,
    Release,
}

/// What a shard is to do with the effects of its work: docs/persistence.md.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// It keeps them with its locks: more stages follow, or there is no log.
    Kept,
    /// It appends them: no other shard has any.
    Alone,
    /// It appends them as a part, also if there are none. A participant that is about to agree fills its place in.
    PartOf(Box<[Participant]>),
}

/// A shard that appends a part of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participant {
    pub shard: u16,
    /// The position of its log when it gave its locks.
    pub agreed_at: u64,
}

/// Whether a shard gave its locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreed {
    Yes,
    /// A watched key has changed. Nothing is held.
    WatchedChanged,
    /// A slot that it needs has moved away. Nothing is held.
    SlotMoved,
    /// It cannot write; its only reply says why. Nothing is held.
    Refused,
}

/// One request of the work and what it is for.
pub struct Task {
    /// The place of its reply among those of the transaction.
    pub place: u32,
    pub kind: TaskKind,
}

pub enum TaskKind {
    /// Runs the command.
    Run,
    /// Asks whether a split command may run.
    Check,
    /// Reads the key, for a command that stores at another shard.
    Fetch,
    /// Stores at the key what was fetched elsewhere.
    Store(Vec<Fetched>),
    /// Does to the key what is left to do when the others have stored.
    Finish,
}

/// What became of a task.
pub enum Outcome {
    /// The reply ends there.
    Replied(Mark),
    Checked(bool),
    Fetched(Result<Fetched, CommandError>),
    /// The reply ends there.
    Stored(Mark, Stored),
    Finished,
}

/// One half of a slot's way to another owner.
pub enum Handover {
    /// The old owner: takes the tables out.
    Take { slot: u16, to: u16 },
    /// What it took out, by database, and the map from now on.
    Taken { tables: Vec<(usize, MovedSlot)>, map: SlotMap },
    /// The new owner puts them in.
    Put { slot: u16, tables: Vec<(usize, MovedSlot)>, map: SlotMap },
    /// Who is neither only follows the map.
    Follow(SlotMap),
    /// The map is followed from now on.
    Done(SlotMap),
}

impl Visit {
    /// A first visit, which wants nothing yet.
    pub fn new(ticket: Ticket, shard: u16) -> Self {
        Visit {
            ticket,
            shard,
            slots: Vec::new(),
            watcher: None,
            watched_until_ms: u64::MAX,
            wants: Vec::new(),
            now_us: 0,
            work: Parcel::default(),
            handover: None,
            save: None,
            then: Then::Keep,
            share: Share::Kept,
            agreed: Agreed::Yes,
            agreed_at: 0,
            has_written: false,
            logged_to: 0,
            replies: Out::default(),
            outcomes: Vec::new(),
            spent_ns: 0,
        }
    }

    /// A first visit, in the memory of one that is over if there is one.
    pub fn renewed(spare: Option<Box<Visit>>, ticket: Ticket, shard: u16) -> Box<Self> {
        let Some(mut visit) = spare else {
            return Box::new(Visit::new(ticket, shard));
        };
        visit.clear();
        visit.wants.clear();
        visit.slots.clear();
        let mut begun = Visit::new(ticket, shard);
        (begun.wants, begun.slots) = (std::mem::take(&mut visit.wants), std::mem::take(&mut visit.slots));
        (begun.work, begun.replies) = (std::mem::take(&mut visit.work), std::mem::take(&mut visit.replies));
        begun.outcomes = std::mem::take(&mut visit.outcomes);
        *visit = begun;
        visit
    }

    /// Empties it for more work.
    pub fn clear(&mut self) {
        self.work.clear();
        self.replies.clear();
        self.outcomes.clear();
        self.share = Share::Kept;
        self.has_written = false;
        self.logged_to = 0;
        self.spent_ns = 0;
    }
}
