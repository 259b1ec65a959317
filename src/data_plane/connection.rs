//! The connections of one core: what is known of each socket, in blocks that never move.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::commands::Command;
use crate::data_plane::inbox::Inbox;
use crate::data_plane::outbox::Outbox;
use crate::session::Session;
use crate::sys::ring::{GENERATIONS, Operation, Token};

/// One client's socket and what is on its way in and out.
pub struct Connection {
    pub session: Session,
    pub socket: OwnedFd,
    pub generation: u32,
    /// Bytes that are no whole request yet, or wait until requests may be dispatched again.
    pub inbox: Option<Box<Inbox>>,
    /// Replies that the socket did not take at once.
    pub outbox: Option<Box<Outbox>>,
    /// Where the log ends with what its requests have changed: replies leave when that is acknowledged.
    pub gate: u64,
    /// Where this turn's replies stand in the arena.
    pub turn_reply: TurnReply,
    pub closing: Closing,
    /// The client has closed its side, or the connection broke.
    pub input_ended: bool,
    /// A receive is outstanding.
    pub receiving: bool,
    pub stall: Stall,
    pub active_at_s: u32,
    /// The last window of `Gathering` in which something arrived.
    pub active_window: u32,
    pub last_command: Option<&'static Command>,
}

/// The replies of one connection in the arena of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TurnReply {
    #[default]
    None,
    /// One segment, by its index.
    Whole { segment: u32 },
    /// Several segments with others' between them: a list from the first to the last.
    Fragmented { first: u32, last: u32 },
    /// On its way, from this range of the arena.
    Staged { start: u32, end: u32 },
}

/// Why requests of a connection are not run for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    No,
    /// Until all its replies are in: one is gathered, or the next request must be alone.
    Waits,
    /// Until there is room: it tries again with the next turn.
    Crowded,
    /// Until CLIENT PAUSE ends.
    Paused,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    No,
    /// When all replies are out.
    AfterReplies,
    /// The socket is shut down; outstanding operations are about to complete.
    Shut,
}

impl Connection {
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Whether requests of this connection may be parsed and run now.
    pub fn may_run(&self) -> bool {
        self.stall == Stall::No && self.closing == Closing::No
    }

    /// Whether replies are out, waiting, or about to be sent.
    pub fn has_replies(&self) -> bool {
        self.turn_reply != TurnReply::None
            || self.outbox.is_some()
            || self.session.has_replies()
            || self.session.in_transaction
    }

    pub fn is_sending(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| outbox.is_sending())
    }
}

const BLOCK: usize = 64;

/// Connections by index. A slot's generation tells its tenants apart.
#[derive(Default)]
pub struct Connections {
    blocks: Vec<Box<[Option<Connection>; BLOCK]>>,
    free: Vec<u32>,
    generation: u32,
    count: usize,
}

impl Connections {
    pub fn count(&self) -> usize {
        self.count
    }

    /// Stores a connection that `make` builds from its generation.
    pub fn insert(&mut self, make: impl FnOnce(u32) -> Connection) -> u32 {
        if self.free.is_empty() {
            let first = (self.blocks.len() * BLOCK) as u32;
            self.blocks.push(Box::new([const { None }; BLOCK]));
            self.free.extend((first..first + BLOCK as u32).rev());
        }
        let index = self.free.pop().expect("a block was just added");
        self.generation = (self.generation + 1) % GENERATIONS;
        self.blocks[index as usize / BLOCK][index as usize % BLOCK] = Some(make(self.generation));
        self.count += 1;
        index
    }

    pub fn remove(&mut self, index: u32) -> Connection {
        let slot = &mut self.blocks[index as usize / BLOCK][index as usize % BLOCK];
        let connection = slot.take().expect("a connection is removed once");
        self.free.push(index);
        self.count -= 1;
        connection
    }

    /// The connection at `index`, which must exist.
    #[inline]
    pub fn at(&mut self, index: u32) -> &mut Connection {
        self.blocks[index as usize / BLOCK][index as usize % BLOCK].as_mut().expect("the connection is open")
    }

    /// The connection that `generation` and `index` named, if it is still there.
    #[inline]
    pub fn find(&mut self, generation: u32, index: u32) -> Option<&mut Connection> {
        let slot = self.blocks.get_mut(index as usize / BLOCK)?[index as usize % BLOCK].as_mut();
        slot.filter(|connection| connection.generation == generation)
    }

    /// The connection at `index`, if there is one.
    pub fn find_at(&mut self, index: u32) -> Option<&mut Connection> {
        self.blocks.get_mut(index as usize / BLOCK)?[index as usize % BLOCK].as_mut()
    }

    pub fn token(&mut self, operation: Operation, index: u32) -> Token {
        Token::new(operation, self.at(index).generation, index)
    }

    /// Indices of all connections.
    pub fn indices(&self) -> Vec<u32> {
        let slots = self.blocks.iter().flat_map(|block| block.iter()).enumerate();
        slots.filter(|(_, slot)| slot.is_some()).map(|(index, _)| index as u32).collect()
    }
}
