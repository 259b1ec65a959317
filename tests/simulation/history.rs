//! What happened in one run, as the checker wants it: each request with the moments at which it was sent, ran, and was
//! answered. Moments are numbers that only grow; no two events share one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::rc::Rc;

use basalt::shard::Lane;
use basalt::shard::visit::Ticket;

use super::common::Value;

/// Everything that clients did and were told.
#[derive(Default)]
pub struct History {
    pub operations: Vec<Operation>,
    /// The moments at which servers died.
    pub deaths: Vec<u64>,
    /// How far the clocks of two cores may be apart; 0 when they all show the same time.
    pub skew_ms: u64,
}

/// One request.
#[derive(Default)]
pub struct Operation {
    pub client: u32,
    pub words: Vec<String>,
    pub sent: u64,
    /// When it took effect: one point, or one on each shard for a request that visits them each at its own moment.
    pub points: Vec<Point>,
    pub answer: Option<(u64, Value)>,
    /// Where logs have what it has changed.
    pub logged: Vec<Logged>,
    pub fate: Fate,
    /// It was given a ticket, so it has run only when all shards have agreed.
    pub is_transaction: bool,
}

/// A place in a log.
#[derive(Clone, Copy, Debug)]
pub struct Logged {
    pub shard: u16,
    /// A position behind what was changed.
    pub end: u64,
    /// The transaction whose part it is, with the number of its parts.
    pub part_of: Option<(Ticket, usize)>,
}

/// What has become of what a request has changed when the server has died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    #[default]
    Kept,
    Lost,
    /// Lost, and should not be.
    Betrayed,
}

/// A moment at which a request took effect.
#[derive(Clone, Debug)]
pub struct Point {
    pub moment: u64,
    /// The time by which it ran.
    pub now_ms: u64,
    pub part: Part,
}

/// How much of a request took effect at a point.
#[derive(Clone, Debug)]
pub enum Part {
    Whole,
    /// It ran where nothing could be written, so what writes was refused.
    Unwritable,
    /// It was an EXEC, and did not run because a watched key had changed.
    Refused,
    /// It did not run because a shard cannot write.
    TurnedAway,
    /// What one shard said of the keys of these slots.
    Shard {
        slots: Vec<u16>,
        reply: Vec<u8>,
    },
    /// These keys are watched from now on.
    Watch(Vec<String>),
}

impl Operation {
    pub fn name(&self) -> &str {
        &self.words[0]
    }

    /// Whether this is an EXEC that did not run.
    pub fn was_refused(&self) -> bool {
        let is_null = self.answer.as_ref().is_some_and(|(_, value)| *value == Value::NullArray);
        is_null || self.points.iter().any(|point| matches!(point.part, Part::Refused | Part::TurnedAway))
    }

    /// Whether all that it has changed is in the memory of logs, or more.
    pub fn is_logged(&self) -> bool {
        let parts = self.logged.iter().filter_map(|logged| logged.part_of);
        let count = parts.clone().count();
        !self.logged.is_empty() && parts.map(|(_, all)| all).max().is_none_or(|all| all == count)
    }

    /// The point of a request that has but one.
    pub fn point(&self) -> Option<&Point> {
        self.points.first()
    }
}

impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Operation { client, words, sent, .. } = self;
        write!(f, "client {client} sent {sent}: {}; ran", words.join(" "))?;
        for Point { moment, now_ms, part } in &self.points {
            write!(f, " {moment} (at {now_ms} ms")?;
            match part {
                Part::Whole => {}
                Part::Unwritable => write!(f, ", unwritable")?,
                Part::TurnedAway => write!(f, ", turned away")?,
                Part::Refused => write!(f, ", refused")?,
                Part::Shard { slots, reply } => write!(f, ", {slots:?} {}", reply.escape_ascii())?,
                Part::Watch(keys) => write!(f, ", {}", keys.join(" "))?,
            }
            write!(f, ")")?;
        }
        match &self.answer {
            Some((moment, value)) => write!(f, "; answered {moment}: {value:?}")?,
            None => write!(f, "; not answered")?,
        }
        for Logged { shard, end, part_of } in &self.logged {
            write!(f, "; logged by {shard} to {end}")?;
            if let Some((ticket, all)) = part_of {
                write!(f, " as part of {}.{} of {all}", ticket.home, ticket.number)?;
            }
        }
        match self.fate {
            Fate::Kept => Ok(()),
            fate => write!(f, "; {fate:?}"),
        }
    }
}

/// Writes a history while it happens. Clones write the same one.
#[derive(Clone, Default)]
pub struct Recorder(Rc<RefCell<Record>>);

#[derive(Default)]
struct Record {
    moment: u64,
    operations: Vec<Operation>,
    places: HashMap<(Lane, u32), usize>,
    tickets: HashMap<Ticket, usize>,
    deaths: Vec<u64>,
    /// The first operation since the server started.
    first_of_life: usize,
}

impl Record {
    fn tick(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    fn point(&mut self, now_us: u64, part: Part) -> Point {
        Point { moment: self.tick(), now_ms: now_us / 1000, part }
    }
}

impl Recorder {
    pub fn send(&self, client: u32, words: Vec<String>) -> usize {
        let mut record = self.0.borrow_mut();
        let sent = record.tick();
        record.operations.push(Operation { client, words, sent, ..Operation::default() });
        record.operations.len() - 1
    }

    /// The reply to an operation will come for this place.
    pub fn place(&self, lane: Lane, sequence: u32, operation: usize) {
        self.0.borrow_mut().places.insert((lane, sequence), operation);
    }

    /// A ticket was given to the transaction that an operation is.
    pub fn begin(&self, ticket: Ticket, operation: usize, now_us: u64) {
        let mut record = self.0.borrow_mut();
        record.tickets.insert(ticket, operation);
        let point = record.point(now_us, Part::Whole);
        record.operations[operation].points = vec![point];
        record.operations[operation].is_transaction = true;
    }

    /// A moment.
    pub fn tick(&self) -> u64 {
        self.0.borrow_mut().tick()
    }

    /// The operation that a transaction is.
    pub fn of(&self, ticket: Ticket) -> usize {
        self.0.borrow().tickets[&ticket]
    }

    /// A log has what an operation has changed, or will have.
    pub fn log(&self, operation: usize, logged: Logged) {
        self.0.borrow_mut().operations[operation].logged.push(logged);
    }

    /// The server has died. Shows each operation of its life, to be told what became of it.
    pub fn die(&self, mut judge: impl FnMut(&Operation) -> Fate) {
        let mut record = self.0.borrow_mut();
        let moment = record.tick();
        record.deaths.push(moment);
        let first = record.operations.len();
        let first = std::mem::replace(&mut record.first_of_life, first);
        for operation in &mut record.operations[first..] {
            operation.fate = judge(operation);
            // Nobody has seen anything of a transaction that was under way.
            let is_under_way = operation.answer.is_none() && !operation.is_logged();
            if operation.is_transaction && is_under_way && !operation.was_refused() {
                operation.points.clear();
            }
        }
    }

    /// The operation for whose reply a place waits.
    pub fn at(&self, lane: Lane, sequence: u32) -> usize {
        self.0.borrow().places[&(lane, sequence)]
    }

    /// Whether an operation is made of parts that each run at their own moment.
    pub fn is_partial(&self, operation: usize) -> bool {
        self.0.borrow().operations[operation].name() == "DBSIZE"
    }

    /// An operation has run.
    pub fn run(&self, operation: usize, now_us: u64, part: Part) {
        let mut record = self.0.borrow_mut();
        let point = record.point(now_us, part);
        let operation = &mut record.operations[operation];
        let is_partial = matches!(point.part, Part::Shard { .. } | Part::Watch(_));
        assert!(operation.points.is_empty() || is_partial, "{operation} ran twice");
        operation.points.push(point);
    }

    /// A shard has agreed to a transaction, or has refused it: until another one is asked, this is its point.
    pub fn decide(&self, ticket: Ticket, now_us: u64, part: Part) {
        let mut record = self.0.borrow_mut();
        let point = record.point(now_us, part);
        let operation = record.tickets[&ticket];
        record.operations[operation].points = vec![point];
    }

    pub fn answer(&self, operation: usize, value: Value) {
        let mut record = self.0.borrow_mut();
        let moment = record.tick();
        let operation = &mut record.operations[operation];
        assert!(operation.answer.is_none(), "{operation} is answered once");
        operation.answer = Some((moment, value));
    }

    pub fn finish(&self, skew_ms: u64) -> History {
        let mut record = self.0.borrow_mut();
        let (operations, deaths) =
            (std::mem::take(&mut record.operations), std::mem::take(&mut record.deaths));
        History { operations, deaths, skew_ms }
    }
}
