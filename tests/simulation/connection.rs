//! The connections of one core, without sockets. Plays the part of `data_plane/connection.rs`.

use std::collections::VecDeque;
use std::rc::Rc;

use basalt::protocol::{Args, Out, Span};
use basalt::session::Session;

/// A request as it was received.
pub struct Line {
    /// Its index in the history.
    pub operation: usize,
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl Line {
    pub fn new(operation: usize, words: &[String]) -> Self {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for word in words {
            spans.push(Span::new(bytes.len(), word.len()));
            bytes.extend_from_slice(word.as_bytes());
        }
        Line { operation, bytes, spans }
    }

    pub fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans, &[])
    }
}

/// What comes from a client.
pub enum Received {
    Request(Rc<Line>),
    /// The client sends nothing more, but wants its replies.
    End,
    /// The connection is broken.
    Broken,
}

pub struct Connection {
    pub session: Session,
    pub generation: u32,
    /// The client, by its number in the simulation.
    pub client: u32,
    /// What is on its way here, with the time at which it arrives.
    pub arriving: VecDeque<(u64, Received)>,
    /// Requests that were received and not run.
    pub inbox: VecDeque<Rc<Line>>,
    /// Replies of this turn.
    pub out: Out,
    /// Replies that wait, each with the position that the log must be acknowledged to.
    pub outbox: VecDeque<(u64, Vec<u8>)>,
    /// That position for what is replied from now on.
    pub gate: u64,
    /// What is on its way to the client.
    pub sent: Vec<u8>,
    pub closing: Closing,
    pub input_ended: bool,
    pub stall: Stall,
    /// Turns for which the kernel keeps it when it is shut.
    pub lingers: u32,
}

/// Why requests of a connection are not run for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    No,
    Waits,
    Crowded,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    No,
    AfterReplies,
    Shut,
}

impl Connection {
    pub fn may_run(&self) -> bool {
        self.stall == Stall::No && self.closing == Closing::No
    }

    pub fn has_replies(&self) -> bool {
        !self.out.is_empty()
            || !self.outbox.is_empty()
            || !self.session.is_settled()
            || self.session.in_transaction
    }
}

/// Connections by index. A generation tells the tenants of an index apart.
#[derive(Default)]
pub struct Connections {
    slots: Vec<Option<Connection>>,
    generation: u32,
}

impl Connections {
    /// Stores a connection at the first free index, so that indices are soon used again.
    pub fn insert(&mut self, session: Session, client: u32) -> u32 {
        let free = self.slots.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.generation += 1;
        self.slots[index] = Some(Connection {
            session,
            generation: self.generation,
            client,
            arriving: VecDeque::new(),
            inbox: VecDeque::new(),
            out: Out::default(),
            outbox: VecDeque::new(),
            gate: 0,
            sent: Vec::new(),
            closing: Closing::No,
            input_ended: false,
            stall: Stall::No,
            lingers: self.generation % 3,
        });
        index as u32
    }

    pub fn remove(&mut self, index: u32) {
        self.slots[index as usize] = None;
    }

    pub fn at(&mut self, index: u32) -> &mut Connection {
        self.slots[index as usize].as_mut().expect("the connection is open")
    }

    pub fn find(&mut self, generation: u32, index: u32) -> Option<&mut Connection> {
        self.find_at(index).filter(|connection| connection.generation == generation)
    }

    pub fn find_at(&mut self, index: u32) -> Option<&mut Connection> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    pub fn indices(&self) -> Vec<u32> {
        let open = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some());
        open.map(|(index, _)| index as u32).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().flatten()
    }
}
