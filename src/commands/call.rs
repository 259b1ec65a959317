//! What a handler is given, and what it may ask for when it cannot finish alone.

use std::time::Duration;

use bytes::Bytes;

use crate::cluster::{SlotMap, slot_of};
use crate::codec::rdb::Compression;
use crate::commands::caller::Caller;
use crate::commands::dataset::Population;
use crate::keyspace::{EntryRef, Key, Keyspace, Look, Place};
use crate::protocol::{Args, Reply};
use crate::sys::secret::Secret;

/// The circumstances of one turn of a core: handlers have no clock of their own.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Microseconds since the Unix epoch.
    pub now_us: u64,
    /// Databases that may be selected.
    pub databases: u8,
    /// The longest string that a command may make.
    pub string_bytes_max: u64,
    /// Of long strings, by DUMP.
    pub compression: Compression,
    /// Of the default user; `None` lets everybody in.
    pub password: Option<Secret>,
    pub process: Process,
}

/// What never changes while the server runs.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub started_at_us: u64,
    pub shards: u16,
    pub debug_access: DebugAccess,
}

/// Who may call DEBUG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugAccess {
    Nobody,
    /// Clients of this host.
    Local,
    Everybody,
}

impl Turn {
    pub fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }
}

/// A request that runs on a shard.
pub struct Call<'a> {
    pub args: Args<'a>,
    /// The first key, hashed when the request was routed.
    pub key: Key<'a>,
    pub database: u8,
    /// Whether reading leaves the key's idle time alone (CLIENT NO-TOUCH).
    pub no_touch: bool,
    pub keyspace: &'a mut Keyspace,
    /// Which shard owns which slot.
    pub slots: &'a SlotMap,
    pub lookups: &'a mut Lookups,
    pub reply: Reply<'a>,
    pub turn: &'a Turn,
}

/// How many reads found their key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    pub hits: u64,
    pub misses: u64,
}

impl Lookups {
    #[inline]
    pub fn count(&mut self, is_hit: bool) {
        match is_hit {
            true => self.hits += 1,
            false => self.misses += 1,
        }
    }
}

impl<'a> Call<'a> {
    /// The key at an argument's index.
    pub fn key_at(&self, index: usize) -> Key<'a> {
        let bytes = self.args.at(index);
        self.keyspace.hasher().key(bytes, slot_of(bytes))
    }

    /// The entry of the first key, and where to write about it. This is a use of the key, unless the client said
    /// NO-TOUCH.
    #[inline]
    pub fn read(&mut self) -> (Option<EntryRef<'_>>, &mut Reply<'a>) {
        let (database, now_ms) = (self.database.into(), self.turn.now_ms());
        let entry = match self.no_touch {
            false => self.keyspace.find(database, &self.key, now_ms),
            true => self.keyspace.peek(database, &self.key, now_ms),
        };
        self.lookups.count(entry.is_some());
        (entry, &mut self.reply)
    }

    /// The same without being a use of the key.
    #[inline]
    pub fn peek(&mut self) -> (Option<EntryRef<'_>>, &mut Reply<'a>) {
        let entry = self.keyspace.peek(self.database.into(), &self.key, self.turn.now_ms());
        self.lookups.count(entry.is_some());
        (entry, &mut self.reply)
    }

    /// The same as `read` for a command that writes: not counted among the hits and misses.
    #[inline]
    pub fn find(&mut self) -> (Option<EntryRef<'_>>, &mut Reply<'a>) {
        let (database, now_ms) = (self.database.into(), self.turn.now_ms());
        let entry = match self.no_touch {
            false => self.keyspace.find(database, &self.key, now_ms),
            true => self.keyspace.peek(database, &self.key, now_ms),
        };
        (entry, &mut self.reply)
    }

    /// The same, with the place of the key, to which the command can write without another search.
    #[inline]
    pub fn place(&mut self) -> (Place<'_, 'a>, &mut Reply<'a>) {
        let look = if self.no_touch { Look::Peek } else { Look::Use };
        let place = self.keyspace.place(self.database.into(), &self.key, look, self.turn.now_ms());
        (place, &mut self.reply)
    }
}

/// A request that runs on the session.
pub struct SessionCall<'a> {
    pub args: Args<'a>,
    pub caller: &'a mut Caller,
    pub reply: Reply<'a>,
    pub turn: &'a Turn,
}

/// What is left to do when a session's handler returns.
#[derive(Debug)]
pub enum Next {
    /// The reply is written.
    Done,
    /// The reply is written; what the client sent behind this request is dropped and the connection closed.
    Close,
    /// The reply is written; what the client has queued and what it watches is forgotten.
    Forget,
    /// Replies are wanted or not from now on.
    Mute(ReplyMode),
    /// The core gathers the reply, from other cores if need be.
    Ask(Ask),
}

/// Which replies a client wants: CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    On,
    Off,
    /// All but the next one.
    Skip,
    /// All, as after RESET.
    Reset,
}

/// What a session cannot know by itself.
#[derive(Debug)]
pub enum Ask {
    ConfigGet(Vec<Bytes>),
    /// Names and values.
    ConfigSet(Vec<(Bytes, Bytes)>),
    ConfigRewrite,
    ConfigResetStat,
    /// Names of sections; none: the default ones.
    Info(Vec<Bytes>),
    Memory(MemoryMatter),
    ClientInfo,
    ClientList(ClientFilter),
    ClientKill {
        filter: ClientFilter,
        style: KillStyle,
    },
    Pause(Pause),
    Unpause,
    /// Gives a slot to another shard.
    MoveSlot {
        slot: u16,
        to: u16,
    },
    Shutdown(Shutdown),
    /// Requests are queued from now on.
    Multi,
    /// What is queued runs.
    Exec,
    /// What is queued is dropped.
    Discard,
    Watch(Vec<Box<[u8]>>),
    Unwatch,
    /// Random hexadecimal digits, so many.
    Password(usize),
    /// Replies when a write has reached so many replicas, or after so many milliseconds; 0 is forever.
    Replicas {
        wanted: i64,
        for_ms: u64,
    },
    Debug(Debugging),
    /// The client is shown all requests from now on.
    Monitor,
    SlowLog(SlowLogQuery),
    Latency(LatencyQuery),
    Save(Saving),
}

/// What is to be put on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// A snapshot, for whose end the client waits.
    Now,
    /// A snapshot.
    InBackground,
    /// New bases for the logs.
    Log,
    /// When the last snapshot was saved.
    LastTime,
}

/// What SLOWLOG asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowLogQuery {
    Newest(usize),
    Length,
    Reset,
}

/// What LATENCY asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LatencyQuery {
    Latest,
    History(Bytes),
    Graph(Bytes),
    Doctor,
    /// Events to forget; all if there are none.
    Reset(Vec<Bytes>),
    /// Commands whose calls are shown; all that were called if there are none.
    Histogram(Vec<Bytes>),
}

/// What MEMORY asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryMatter {
    Figures,
    Advice,
    /// What the allocator tells of itself.
    Allocator,
    /// The allocator gives unused pages back.
    Purge,
}

/// What DEBUG asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Debugging {
    ChangeReplicationId,
    /// The digest of all that is stored.
    Digest,
    /// The digest of the value of each of these keys.
    KeyDigests {
        database: u8,
        keys: Vec<Bytes>,
    },
    /// Keys are made up.
    Populate(Population),
    Log(Bytes),
    Object {
        database: u8,
        key: Bytes,
    },
    /// Whether expired keys are removed although nobody looks at them.
    ActiveExpiry(bool),
    /// The process ends by a fault, a bug or a broken promise.
    Fault(Fault),
    /// All cores stop for so long.
    Sleep(Duration),
    /// What is in memory is replaced by the snapshot.
    Reload {
        saves: bool,
        flushes: bool,
    },
    /// And by the log.
    LoadLog,
}

/// How DEBUG ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Segment,
    Panic,
    Assertion,
}

/// Which clients are meant; all conditions given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFilter {
    pub ids: Option<Vec<u64>>,
    pub kind: Option<ClientKind>,
    /// `ip:port` or the path of a Unix socket with `:0`, as in CLIENT LIST.
    pub address: Option<Bytes>,
    pub local_address: Option<Bytes>,
    pub user: Option<Bytes>,
    pub skip_me: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    Normal,
    Replica,
    Master,
    PubSub,
}

/// The two forms of CLIENT KILL answer differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillStyle {
    /// `CLIENT KILL ip:port`: OK, or an error when there is none.
    ByAddress,
    /// `CLIENT KILL filter value ...`: the number killed.
    ByFilter,
}

/// For how long clients are paused, and which of their requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    pub for_ms: u64,
    pub writes_only: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    pub save: Option<bool>,
    pub now: bool,
    pub force: bool,
    pub abort: bool,
}
