//! A request that visits several shards, or an EXEC, driven from the core that serves its client: docs/consistency.md.
//!
//! ```text
//! begin -> hold at shard after shard, in their order -> stages -> release
//!             | refused: releases what it holds, and answers null or begins again
//! ```
//!
//! Pure: what is to be sent is found among the `posts`; what shards answer comes in by `take`.

mod planning;
pub mod stage;

use crate::cluster::SlotMap;
use crate::commands::Run;
use crate::commands::row::Flags;
use crate::commands::transaction::write_refused_exec;
use crate::protocol::reply::Mark;
use crate::protocol::{Out, Reply, Resp};
use crate::session::gather::Gather;
use crate::session::transaction::stage::Crossing;
use crate::shard::parcel::Parcel;
use crate::shard::visit::{Agreed, Outcome, Participant, Share, Step, Then, Ticket, Visit};
use crate::shard::{Hasher, Request};

/// What a transaction needs of the client that it runs for. If the client is gone it runs all the same, and nobody
/// hears of it.
pub trait Client {
    /// Reserves the place of the next reply.
    fn reserve(&mut self, place: Place);
    /// Runs a command of the session, whose reply takes the next place, and which may change the attributes.
    fn run(&mut self, request: &Request, context: &mut Context);
    /// Takes the reply `from..to`, or the part of one that `shard` made, for a place counted from the first reserved.
    fn complete(&mut self, place: u32, shard: u16, replies: &Out, from: Mark, to: Mark);
}

/// The attributes of a client that its commands run under.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    pub database: u8,
    pub resp: Resp,
    pub no_touch: bool,
}

/// The place of one reply.
#[derive(Debug)]
pub enum Place {
    /// It will come in one piece.
    Wait,
    Gather(Gather),
    Reply(Vec<u8>),
}

/// The client of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub connection: u32,
    pub generation: u32,
    pub client: u64,
    /// The sequence number of its first reply.
    pub first_place: u32,
    /// Its only place is reserved already.
    pub has_place: bool,
}

/// The map and the hasher by which a core finds shards.
#[derive(Clone, Copy)]
pub struct Compass<'a> {
    pub slots: &'a SlotMap,
    pub hasher: &'a Hasher,
    /// Whether shards have logs, so that parts must be in all of them before any shard lets go.
    pub is_logged: bool,
}

/// Whether a transaction has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    Waiting,
    /// Everything is released or about to be, and answered; `posts` still has to be sent.
    Done,
}

/// What kind of reply it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// That of its only request.
    Command,
    /// An array of all replies, or null if watched keys have changed.
    Exec,
}

/// What one shard does for the transaction.
struct Part {
    shard: u16,
    /// At home; it is away while the shard works.
    visit: Option<Box<Visit>>,
    /// It has given its locks, and was not told to give them back.
    holds: bool,
    /// The position of its log when it gave them.
    agreed_at: u64,
    /// It keeps effects of earlier stages.
    has_written: bool,
}

impl Part {
    fn new(shard: u16, visit: Box<Visit>) -> Self {
        Part { shard, visit: Some(visit), holds: false, agreed_at: 0, has_written: false }
    }
}

/// A stage that was planned before the last shard has agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// More will follow.
    Inner,
    Last,
}

/// One transaction, at home.
pub struct Transaction {
    pub ticket: Ticket,
    pub origin: Origin,
    pub posts: Vec<(u16, Step)>,
    kind: Kind,
    queue: Parcel<()>,
    /// Shards where the client watches keys.
    watching: Vec<u16>,
    context: Context,
    /// The version of the slot map by which the parts were planned.
    map_version: u32,
    parts: Vec<Part>,
    /// Visits that are not needed now.
    visits: Vec<Box<Visit>>,
    /// Parts that have agreed, from the first.
    held: usize,
    /// The request that is planned next.
    next: usize,
    crossing: Option<Crossing>,
    /// Places that were planned and are not reserved yet.
    planned: Vec<Place>,
    /// The stage that goes with the visit under way.
    early: Option<Stage>,
    /// Visits under way, once all shards have agreed.
    away: usize,
    stage: Stage,
    /// The shards that append a part, once the last stage is planned.
    participants: Vec<Participant>,
    now_us: u64,
    /// No watched key at the shards that hold expires until then.
    watched_until_ms: u64,
    /// Places whose reply is an error.
    pub failed: Vec<u32>,
    /// How long shards have worked for it.
    pub spent_ns: u64,
}

impl Transaction {
    /// One request that goes to several shards, in the memory of a transaction that has ended if there is one.
    pub fn command(
        spare: Option<Box<Self>>,
        ticket: Ticket,
        origin: Origin,
        request: &Request,
        context: Context,
    ) -> Box<Self> {
        let mut transaction = Self::renewed(spare, Kind::Command, ticket, origin, context);
        transaction.queue.push(request, ());
        transaction
    }

    /// All requests of an EXEC, by a client that watches keys at some shards.
    pub fn exec(
        spare: Option<Box<Self>>,
        ticket: Ticket,
        origin: Origin,
        queue: Parcel<()>,
        watching: Vec<u16>,
        context: Context,
    ) -> Box<Self> {
        let mut transaction = Self::renewed(spare, Kind::Exec, ticket, origin, context);
        transaction.queue = queue;
        transaction.watching = watching;
        transaction
    }

    fn renewed(
        spare: Option<Box<Self>>,
        kind: Kind,
        ticket: Ticket,
        origin: Origin,
        context: Context,
    ) -> Box<Self> {
        let Some(mut ended) = spare else {
            return Box::new(Self::new(kind, ticket, origin, context));
        };
        let mut begun = Self::new(kind, ticket, origin, context);
        // What has grown stays grown.
        ended.queue.clear();
        // Some are left if it was refused.
        ended.planned.clear();
        (begun.queue, begun.posts) = (std::mem::take(&mut ended.queue), std::mem::take(&mut ended.posts));
        (begun.parts, begun.visits) = (std::mem::take(&mut ended.parts), std::mem::take(&mut ended.visits));
        begun.planned = std::mem::take(&mut ended.planned);
        *ended = begun;
        ended
    }

    fn new(kind: Kind, ticket: Ticket, origin: Origin, context: Context) -> Self {
        Transaction {
            ticket,
            origin,
            posts: Vec::new(),
            kind,
            queue: Parcel::default(),
            watching: Vec::new(),
            context,
            map_version: 0,
            parts: Vec::new(),
            visits: Vec::new(),
            held: 0,
            next: 0,
            crossing: None,
            planned: Vec::new(),
            early: None,
            away: 0,
            stage: Stage::Inner,
            participants: Vec::new(),
            now_us: 0,
            watched_until_ms: u64::MAX,
            failed: Vec::new(),
            spent_ns: 0,
        }
    }

    /// Shards where the client watches keys, which it no longer does at the end.
    pub fn watching(&self) -> &[u16] {
        &self.watching
    }

    /// What it runs, in its order.
    pub fn requests(&self) -> &Parcel<()> {
        &self.queue
    }

    /// Whether the reply to the request at `index` is an error.
    pub fn has_failed(&self, index: usize) -> bool {
        // The place of an EXEC's header comes first.
        let place = index as u32 + u32::from(self.kind == Kind::Exec);
        self.failed.contains(&place)
    }

    /// The memory that its requests have grown to.
    pub fn memory_bytes(&self) -> usize {
        let visits = self.parts.iter().filter_map(|part| part.visit.as_ref()).chain(&self.visits);
        self.queue.reserved_bytes()
            + visits.map(|visit| visit.work.reserved_bytes() + visit.replies.bytes.capacity()).sum::<usize>()
    }

    /// Finds out what to lock where, and visits the first shard.
    pub fn begin(&mut self, compass: Compass, now_us: u64, client: &mut impl Client) -> Progress {
        self.now_us = now_us;
        self.map_version = compass.slots.version;
        self.plan_parts(compass);
        match self.parts.is_empty() {
            true => self.run(compass, client),
            false => self.visit_next(compass, client),
        }
    }

    /// Takes what a shard answered.
    pub fn take(&mut self, visit: Box<Visit>, compass: Compass, client: &mut impl Client) -> Progress {
        self.spent_ns += visit.spent_ns;
        if self.held == self.parts.len() {
            self.away -= 1;
            self.absorb(visit, client);
            return self.go_on(compass, client);
        }
        match visit.agreed {
            Agreed::Yes => {}
            Agreed::WatchedChanged => return self.give_up(client),
            Agreed::SlotMoved => return self.begin_again(compass, client),
            Agreed::Refused => return self.be_refused(&visit.replies.bytes, client),
        }
        self.now_us = self.now_us.max(visit.now_us);
        self.watched_until_ms = visit.watched_until_ms;
        let part = &mut self.parts[self.held];
        assert!(part.shard == visit.shard, "shards are visited one after the other");
        part.holds = visit.then == Then::Keep;
        part.agreed_at = visit.agreed_at;
        if let Some(last) = self.participants.iter_mut().find(|it| it.shard == visit.shard) {
            last.agreed_at = visit.agreed_at;
        }
        self.held += 1;
        let shard = visit.shard;
        let Some(stage) = self.early.take() else {
            self.parts[self.held - 1].visit = Some(visit);
            if self.held == self.parts.len() {
                return self.run(compass, client);
            }
            return self.visit_next(compass, client);
        };
        self.announce(client);
        self.reserve(client);
        self.absorb(visit, client);
        self.stage = stage;
        // The last one has done its work.
        self.send_stage(Some(shard));
        self.go_on(compass, client)
    }

    /// Asks the next shard to hold; the last one is given the first stage with it, if nothing speaks against that.
    fn visit_next(&mut self, compass: Compass, client: &mut impl Client) -> Progress {
        // What is not held yet may have moved. What is held cannot.
        if compass.slots.version != self.map_version {
            return self.begin_again(compass, client);
        }
        let is_last = self.held + 1 == self.parts.len();
        let has_session_command =
            self.queue.entries().iter().any(|entry| matches!(entry.command.run, Run::Session(_)));
        if is_last && !has_session_command {
            self.early = Some(self.plan_stage(compass, &mut Nobody));
        }
        let (now_us, watched_until_ms, is_all) =
            (self.now_us, self.watched_until_ms, self.early == Some(Stage::Last));
        if is_all {
            self.find_participants(compass);
        }
        let shard = self.parts[self.held].shard;
        let (share, then) = if is_all { self.end_at(shard, None) } else { (Share::Kept, Then::Keep) };
        let mut visit = self.parts[self.held].visit.take().expect("a visit is at home until it goes");
        visit.watcher = self.watching.contains(&shard).then_some(self.origin.client);
        visit.watched_until_ms = watched_until_ms;
        visit.now_us = now_us;
        (visit.share, visit.then) = (share, then);
        self.posts.push((shard, Step::Hold(visit)));
        Progress::Waiting
    }

    /// All shards have agreed, and nothing was run.
    fn run(&mut self, compass: Compass, client: &mut impl Client) -> Progress {
        self.announce(client);
        self.next_stage(compass, client);
        self.go_on(compass, client)
    }

    fn next_stage(&mut self, compass: Compass, client: &mut impl Client) {
        self.stage = self.plan_stage(compass, client);
        self.reserve(client);
        if self.stage == Stage::Last {
            self.find_participants(compass);
        }
        self.send_stage(None);
    }

    /// Plans stage after stage until one is under way, or all is done.
    fn go_on(&mut self, compass: Compass, client: &mut impl Client) -> Progress {
        while self.away == 0 {
            if self.stage == Stage::Last {
                self.release_held();
                return Progress::Done;
            }
            self.next_stage(compass, client);
        }
        Progress::Waiting
    }

    /// Sends the work of a stage, except to a shard that has done it. With the last stage shards append their parts, and
    /// let go as soon as they may.
    fn send_stage(&mut self, done: Option<u16>) {
        let is_last = self.stage == Stage::Last;
        for index in 0..self.parts.len() {
            let shard = self.parts[index].shard;
            if done == Some(shard) {
                continue;
            }
            let (share, then) = if is_last { self.end_at(shard, done) } else { (Share::Kept, Then::Keep) };
            let part = &mut self.parts[index];
            let is_needed = |visit: &mut Box<Visit>| !visit.work.is_empty() || share != Share::Kept;
            let Some(mut visit) = part.visit.take_if(is_needed) else {
                if is_last {
                    part.holds = false;
                    self.posts.push((shard, Step::Release(self.ticket)));
                }
                continue;
            };
            part.holds = then == Then::Keep;
            visit.now_us = self.now_us;
            (visit.share, visit.then) = (share, then);
            self.away += 1;
            self.posts.push((shard, Step::Run(visit)));
        }
    }

    /// Finds out who appends a part, now that all work is planned: who keeps effects, and who may have some.
    fn find_participants(&mut self, compass: Compass) {
        self.participants.clear();
        if !compass.is_logged {
            return;
        }
        let may_write = |part: &&Part| {
            let visit = part.visit.as_ref().expect("visits are at home when a stage is planned");
            let mut work = visit.work.entries().iter();
            part.has_written || work.any(|entry| entry.command.flags.has(Flags::WRITE))
        };
        let who = |part: &Part| Participant { shard: part.shard, agreed_at: part.agreed_at };
        self.participants.extend(self.parts.iter().filter(may_write).map(who));
    }

    /// What `shard` does with its effects at the end, and with its locks: a participant keeps them until all parts are
    /// acknowledged, unless those of the others are, as is that of `done`.
    fn end_at(&self, shard: u16, done: Option<u16>) -> (Share, Then) {
        let parts = &self.participants;
        if !parts.iter().any(|part| part.shard == shard) {
            return (Share::Kept, Then::Release);
        }
        if parts.len() == 1 {
            return (Share::Alone, Then::Release);
        }
        let is_last_one = parts.iter().all(|part| part.shard == shard || Some(part.shard) == done);
        let then = if is_last_one { Then::Release } else { Then::Keep };
        (Share::PartOf(parts.as_slice().into()), then)
    }

    /// Says how many replies will follow.
    fn announce(&mut self, client: &mut impl Client) {
        if self.kind == Kind::Exec {
            let mut header = Out::default();
            Reply::new(&mut header, Resp::Two).array(self.queue.len());
            client.reserve(Place::Reply(header.bytes));
        }
    }

    /// Reserves the places that were planned.
    fn reserve(&mut self, client: &mut impl Client) {
        self.planned.drain(..).for_each(|place| client.reserve(place));
    }

    /// Takes the results of a visit, which is at home again.
    fn absorb(&mut self, mut visit: Box<Visit>, client: &mut impl Client) {
        let mut from = Mark::default();
        for (entry, outcome) in visit.work.entries().iter().zip(visit.outcomes.drain(..)) {
            let place = entry.tag.place;
            let to = match (outcome, &mut self.crossing) {
                (Outcome::Replied(to), _) => to,
                (Outcome::Stored(to, now), Some(Crossing::Store { stored, .. })) => {
                    *stored = now;
                    to
                }
                (Outcome::Checked(yes), Some(Crossing::Check { agreed })) => {
                    *agreed &= yes;
                    continue;
                }
                (Outcome::Fetched(result), Some(Crossing::Fetch { results, .. })) => {
                    results.push((place, result));
                    continue;
                }
                (Outcome::Finished, _) => continue,
                _ => unreachable!("a step is answered before the next one is taken"),
            };
            client.complete(place, visit.shard, &visit.replies, from, to);
            from = to;
        }
        let has_written = visit.has_written;
        visit.clear();
        if let Ok(index) = self.parts.binary_search_by_key(&visit.shard, |part| part.shard) {
            let part = &mut self.parts[index];
            (part.visit, part.has_written) = (Some(visit), has_written);
        }
    }

    /// Tells those that still hold to let go.
    fn release_held(&mut self) {
        for part in self.parts.iter_mut().filter(|part| part.holds) {
            part.holds = false;
            self.posts.push((part.shard, Step::Release(self.ticket)));
        }
    }

    fn give_up(&mut self, client: &mut impl Client) -> Progress {
        self.release_held();
        let mut reply = Out::default();
        Reply::new(&mut reply, self.context.resp).null_array();
        client.reserve(Place::Reply(reply.bytes));
        Progress::Done
    }

    /// A shard cannot write.
    fn be_refused(&mut self, error: &[u8], client: &mut impl Client) -> Progress {
        self.release_held();
        let mut reply = Vec::new();
        match self.kind {
            Kind::Command => reply.extend_from_slice(error),
            Kind::Exec => write_refused_exec(error, &mut reply),
        }
        client.reserve(Place::Reply(reply));
        Progress::Done
    }

    /// A slot has moved since the parts were planned.
    fn begin_again(&mut self, compass: Compass, client: &mut impl Client) -> Progress {
        self.release_held();
        (self.held, self.next, self.crossing, self.early) = (0, 0, None, None);
        self.planned.clear();
        self.begin(compass, self.now_us, client)
    }
}

/// The client while a stage is planned that may still be given up: such a stage has no commands of the session.
struct Nobody;

impl Client for Nobody {
    fn reserve(&mut self, _: Place) {
        unreachable!("places are reserved when all shards have agreed");
    }

    fn run(&mut self, _: &Request, _: &mut Context) {
        unreachable!("commands of the session run when all shards have agreed");
    }

    fn complete(&mut self, _: u32, _: u16, _: &Out, _: Mark, _: Mark) {
        unreachable!("nothing was run yet");
    }
}
