//! What a transaction locks where, and what each shard does in its next stage.
//!
//! A *stage* is, for each shard, a list of tasks in the order of the queue. It ends where data has to cross shards: before
//! a command that asks or fetches everywhere, and after each step of it.

use crate::cluster::slot_of;
use crate::commands::Stored;
use crate::commands::row::Flags;
use crate::session::gather::{Finish, Gather};
use crate::session::route::{Route, Routed, route};
use crate::session::transaction::stage::{self, Crossing};
use crate::session::transaction::{Client, Compass, Context, Kind, Part, Place, Stage, Transaction};
use crate::shard::Request;
use crate::shard::locks::{Mode, WHOLE, Want};
use crate::shard::parcel::Parcel;
use crate::shard::visit::{Task, TaskKind, Visit};

impl Transaction {
    pub(super) fn plan_parts(&mut self, compass: Compass) {
        self.visits.extend(self.parts.drain(..).filter_map(|part| part.visit));
        let (mut parts, mut visits) = (std::mem::take(&mut self.parts), std::mem::take(&mut self.visits));
        let ticket = self.ticket;
        let mut want = |shard: u16, want: Want, slot: Option<u16>| {
            let index = parts.binary_search_by_key(&shard, |part| part.shard).unwrap_or_else(|index| {
                let visit = Visit::renewed(visits.pop(), ticket, shard);
                parts.insert(index, Part::new(shard, visit));
                index
            });
            let visit = parts[index].visit.as_mut().expect("all visits are at home before the first is made");
            // Each key wants the whole shard in the same mode again.
            if want.0 != WHOLE || !visit.wants.contains(&want) {
                visit.wants.push(want);
            }
            visit.slots.extend(slot);
        };
        for index in 0..self.queue.len() {
            let request = self.queue.request(index);
            let route = self.route(&request, compass).route;
            stage::for_each_want(&request, route, compass.slots, compass.hasher, &mut want);
        }
        for &shard in &self.watching {
            want(shard, (WHOLE, Mode::IntentRead), None);
        }
        for visit in parts.iter_mut().filter_map(|part| part.visit.as_mut()) {
            strengthen(&mut visit.wants);
        }
        (self.parts, self.visits) = (parts, visits);
    }

    /// Fills the visits with what can be done before data has to cross shards.
    pub(super) fn plan_stage(&mut self, compass: Compass, client: &mut impl Client) -> Stage {
        if let Some(crossing) = self.crossing.take() {
            self.cross(crossing, compass);
        }
        while self.crossing.is_none() && self.next < self.queue.len() {
            // Taken out, so that its requests can be read while the parts are filled.
            let queue = std::mem::take(&mut self.queue);
            let is_planned = self.plan_request(&self.in_context(queue.request(self.next)), compass, client);
            self.queue = queue;
            if !is_planned {
                break;
            }
        }
        match self.crossing.is_none() && self.next >= self.queue.len() {
            true => Stage::Last,
            false => Stage::Inner,
        }
    }

    /// Plans the next request; false if the stage has to end before it.
    fn plan_request(&mut self, request: &Request, compass: Compass, client: &mut impl Client) -> bool {
        let routed = self.route(request, compass);
        match routed.route {
            // It may look at what the commands before it do, unless it is one that is quick because it does not.
            Route::Session if !request.command.flags.has(Flags::FAST) && self.has_work() => return false,
            Route::Session => {
                self.reserve(client);
                client.run(request, &mut self.context);
            }
            Route::One(shard) => {
                let place = self.place(self.next);
                let task = Task { place, kind: TaskKind::Run };
                let key = compass.hasher.key(request.key.bytes, routed.slot);
                self.work(shard).push(&Request { key, ..*request }, task);
                self.planned.push(Place::Wait);
            }
            Route::Every => self.plan_split(request, compass),
            Route::Transaction => match Crossing::of(request.command) {
                None => self.plan_split(request, compass),
                Some(_) if self.has_work() => return false,
                Some(crossing) => {
                    self.plan_first_step(request, &crossing, compass);
                    self.crossing = Some(crossing);
                    return true;
                }
            },
        }
        self.next += 1;
        true
    }

    /// Each shard does its part, and their replies become one.
    fn plan_split(&mut self, request: &Request, compass: Compass) {
        let place = self.place(self.next);
        let task = || Task { place, kind: TaskKind::Run };
        let owners = stage::owners(request, compass.slots);
        let shards = distinct(&owners, compass.slots.shards);
        for &shard in &shards {
            match owners.is_empty() {
                true => self.work(shard).push(request, task()),
                false => {
                    stage::push_part(request, &owners, shard, compass.hasher, task(), self.work(shard));
                }
            }
        }
        let random = self.now_us.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let finish = Finish::new(stage::merge_of(request.command), || owners, random);
        self.planned.push(Place::Gather(Gather::new(finish, shards.len() as u16, request.resp)));
    }

    fn plan_first_step(&mut self, request: &Request, crossing: &Crossing, compass: Compass) {
        let place = self.place(self.next);
        match crossing {
            Crossing::Check { .. } => {
                let owners = stage::owners(request, compass.slots);
                for shard in distinct(&owners, compass.slots.shards) {
                    let task = Task { place, kind: TaskKind::Check };
                    stage::push_part(request, &owners, shard, compass.hasher, task, self.work(shard));
                }
            }
            Crossing::Fetch { steps, .. } => {
                for index in steps.sources(request.command, request.args.len()) {
                    self.push_step(request, index, index as u32, TaskKind::Fetch, compass);
                }
            }
            Crossing::Store { .. } => unreachable!("fetching comes first"),
        }
    }

    /// Takes the next step of the command that crosses shards, now that the one before it is answered.
    fn cross(&mut self, crossing: Crossing, compass: Compass) {
        let queue = std::mem::take(&mut self.queue);
        let request = self.in_context(queue.request(self.next));
        match crossing {
            Crossing::Check { agreed: true } => self.plan_split(&request, compass),
            Crossing::Check { agreed: false } => self.planned.push(Place::Reply(b":0\r\n".to_vec())),
            Crossing::Fetch { steps, mut results } => {
                results.sort_by_key(|(index, _)| *index);
                let fetched: Result<Vec<_>, _> = results.into_iter().map(|(_, result)| result).collect();
                match fetched {
                    Ok(fetched) => {
                        let (place, destination) = (self.place(self.next), usize::from(steps.destination));
                        let store = TaskKind::Store(fetched);
                        self.push_step(&request, destination, place, store, compass);
                        self.planned.push(Place::Wait);
                        self.crossing = Some(Crossing::Store { steps, stored: Stored::No });
                    }
                    Err(error) => {
                        let mut reply = Vec::new();
                        error.write_into(&mut reply);
                        self.planned.push(Place::Reply(reply));
                    }
                }
            }
            Crossing::Store { steps, stored } => {
                if stored == Stored::Yes && steps.finish.is_some() {
                    for index in steps.sources(request.command, request.args.len()) {
                        self.push_step(&request, index, 0, TaskKind::Finish, compass);
                    }
                }
            }
        }
        self.queue = queue;
        if self.crossing.is_none() {
            self.next += 1;
        }
    }

    fn push_step(&mut self, request: &Request, index: usize, place: u32, kind: TaskKind, compass: Compass) {
        let owner = compass.slots.owner(slot_of(request.args.at(index)));
        stage::push_step(request, index, compass.hasher, place, kind, self.work(owner));
    }

    fn work(&mut self, shard: u16) -> &mut Parcel<Task> {
        let index = self.parts.binary_search_by_key(&shard, |part| part.shard);
        let part = &mut self.parts[index.expect("every shard that works was asked to hold")];
        &mut part.visit.as_mut().expect("a visit is at home when work is planned").work
    }

    /// Whether the stage that is being planned has tasks.
    fn has_work(&self) -> bool {
        self.parts.iter().any(|part| part.visit.as_ref().is_some_and(|visit| !visit.work.is_empty()))
    }

    /// The place of the request at `index`.
    fn place(&self, index: usize) -> u32 {
        index as u32 + u32::from(self.kind == Kind::Exec)
    }

    fn in_context<'a>(&self, request: Request<'a>) -> Request<'a> {
        let Context { database, resp, no_touch } = self.context;
        Request { database, resp, no_touch, ..request }
    }

    fn route(&self, request: &Request, compass: Compass) -> Routed {
        route(request.command, &request.args, compass.slots, compass.hasher, self.ticket.home)
    }
}

/// Whoever reads a whole shard and writes keys of it needs all of it.
fn strengthen(wants: &mut Vec<Want>) {
    let holds = |mode| wants.contains(&(WHOLE, mode));
    if holds(Mode::Shared) && holds(Mode::IntentWrite) {
        wants.push((WHOLE, Mode::Exclusive));
    }
}

/// The shards among `owners`, once each; all of them if there are no keys.
fn distinct(owners: &[u16], shards: u16) -> Vec<u16> {
    if owners.is_empty() {
        return (0..shards).collect();
    }
    let mut distinct = owners.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}
