//! Visits of transactions, and what waited for them: locks are given, work is done, locks go back.

use crate::cluster::slot_of;
use crate::commands::call::Turn;
use crate::commands::{Run, Stored};
use crate::keyspace::{Purpose, Save};
use crate::protocol::Out;
use crate::shard::jobs::{Job, Matter, tidy};
use crate::shard::locks::{Mode, WHOLE, Want, key_lock};
use crate::shard::parcel::Parcel;
use crate::shard::visit::{Agreed, Handover, Outcome, Share, Step, TaskKind, Then, Ticket, Visit, Watch};
use crate::shard::{Answer, Held, Lane, Request, Shard, refuse};

impl Shard {
    /// Takes one step of a transaction. What comes of it is among the answers.
    pub fn take(&mut self, step: Step, turn: &Turn) {
        match step {
            Step::Hold(visit) => self.hold(visit, turn),
            Step::Run(visit) => {
                self.journal.seal(&mut self.keyspace);
                let mut visit = self.work(visit, turn);
                // Who only follows a new map holds nothing.
                let held = self.held.get_mut(&visit.ticket);
                let earlier = held.map(|held| std::mem::take(&mut held.effects));
                let kept = self.settle_effects(&mut visit, earlier.unwrap_or_default());
                if let Some(held) = self.held.get_mut(&visit.ticket) {
                    held.effects = kept;
                }
                if visit.then == Then::Release {
                    // Its memory goes home.
                    visit.wants = self.release(visit.ticket);
                }
                self.answers.push_back(Answer::Visited(visit));
            }
            Step::Release(ticket) => drop(self.release(ticket)),
            Step::Watch(watch) => self.watch(watch, turn),
            Step::Unwatch(client) => self.unwatch(client),
            Step::Answer(_) => unreachable!("answers go to the core that asked"),
        }
        self.run_waiting(turn);
    }

    /// Watches keys once nobody is about to write them: what a transaction that has its point writes later is no change.
    fn watch(&mut self, watch: Box<Watch>, turn: &Turn) {
        let hasher = self.keyspace.hasher();
        let keys = watch.keys.iter().map(|key| (key_lock(hasher.hash(key)), Mode::Shared));
        let mut wants: Vec<Want> = std::iter::once((WHOLE, Mode::IntentRead)).chain(keys).collect();
        tidy(&mut wants);
        match self.is_idle() || self.jobs.are_free(&wants) {
            true => self.begin_watch(&watch, turn),
            false => self.jobs.add(wants, Matter::Watch(watch)),
        }
    }

    /// Begins a walk for a base, and parts the log there, once nothing that writes is under way: so that each transaction is
    /// in the base or behind it as a whole. The journal has a barrier then.
    pub fn ask_for_cut(&mut self, save: Save) {
        let wants = vec![(WHOLE, Mode::Shared)];
        match self.is_idle() || self.jobs.are_free(&wants) {
            true => self.cut(save),
            false => self.jobs.add(wants, Matter::Cut(save)),
        }
    }

    fn cut(&mut self, save: Save) {
        self.journal.set_barrier(&mut self.keyspace);
        self.keyspace.begin_walk(Purpose::Base, save);
    }

    fn unwatch(&mut self, client: u64) {
        self.watches.forget(client, &mut self.keyspace);
        if !self.is_idle() {
            self.jobs.forget_watches(client);
        }
    }

    fn begin_watch(&mut self, watch: &Watch, turn: &Turn) {
        for bytes in &watch.keys {
            let slot = slot_of(bytes);
            let key = self.keyspace.hasher().key(bytes, slot);
            let is_owned = self.slots.owner(slot) == self.index;
            self.watches.watch(
                watch.client,
                watch.database,
                &key,
                &mut self.keyspace,
                turn.now_ms(),
                is_owned,
            );
        }
        let (lane, sequence) = (watch.lane, watch.sequence);
        let reply = Out { bytes: b"+OK\r\n".to_vec(), shared: Vec::new() };
        self.answers.push_back(Answer::Reply { lane, sequence, reply, logged_to: 0 });
    }

    fn hold(&mut self, mut visit: Box<Visit>, turn: &Turn) {
        if let Some(client) = visit.watcher {
            self.watches.add_wants(client, &mut visit.wants);
        }
        tidy(&mut visit.wants);
        if !self.is_idle() && !self.jobs.are_free(&visit.wants) {
            let wants = std::mem::take(&mut visit.wants);
            return self.jobs.add(wants, Matter::Visit(visit));
        }
        // Nothing comes between the work and the release, so nothing has to be locked.
        let keeps = visit.then == Then::Keep;
        let wants = std::mem::take(&mut visit.wants);
        let (mut visit, effects) = self.agree(visit, &wants, turn);
        if keeps && visit.agreed == Agreed::Yes {
            wants.iter().for_each(|&want| self.jobs.locks.take(want));
            self.keep(&visit, wants, effects);
        } else {
            // Its memory goes home.
            visit.wants = wants;
        }
        self.answers.push_back(Answer::Visited(visit));
    }

    /// A visit has all its locks: looks at the map and at what is watched, and does the work unless that has changed. Gives
    /// effects to be kept with the locks as well.
    fn agree(&mut self, mut visit: Box<Visit>, wants: &[Want], turn: &Turn) -> (Box<Visit>, Vec<u8>) {
        // Not before the locks are given: by then the move has ended, and home knows the new map.
        if !visit.slots.iter().all(|&slot| self.slots.owner(slot) == self.index) {
            visit.agreed = Agreed::SlotMoved;
            return (visit, Vec::new());
        }
        visit.now_us = visit.now_us.max(turn.now_us);
        let now_ms = visit.now_us / 1000;
        if let Some(client) = visit.watcher {
            let until_ms = self.watches.unchanged_until_ms(client, &mut self.keyspace, now_ms);
            visit.watched_until_ms = visit.watched_until_ms.min(until_ms.unwrap_or(0));
        }
        if now_ms > visit.watched_until_ms {
            visit.agreed = Agreed::WatchedChanged;
            return (visit, Vec::new());
        }
        let writes = |want: &Want| *want == (WHOLE, Mode::IntentWrite) || want.1 == Mode::Exclusive;
        if let Some(refusal) = &self.write_refusal
            && wants.iter().any(writes)
        {
            visit.agreed = Agreed::Refused;
            visit.replies.bytes.extend_from_slice(refusal);
            return (visit, Vec::new());
        }
        self.journal.seal(&mut self.keyspace);
        visit.agreed_at = self.journal.end_position(&self.keyspace);
        if let Share::PartOf(all) = &mut visit.share {
            let own = all.iter_mut().find(|part| part.shard == self.index);
            own.expect("who appends a part is a participant").agreed_at = visit.agreed_at;
        }
        let mut visit = self.work(visit, turn);
        let effects = self.settle_effects(&mut visit, Vec::new());
        (visit, effects)
    }

    /// Appends what the work has changed, and `earlier` work, or gives it back to be kept with the locks.
    fn settle_effects(&mut self, visit: &mut Visit, mut earlier: Vec<u8>) -> Vec<u8> {
        if !self.journal.is_on() {
            return Vec::new();
        }
        earlier.append(&mut self.journal.take_effects(&mut self.keyspace));
        let before = self.journal.end_position(&self.keyspace);
        match &visit.share {
            Share::Kept if visit.then == Then::Keep => {
                visit.has_written = !earlier.is_empty();
                return earlier;
            }
            Share::Kept | Share::Alone => self.journal.put_effects(&mut self.keyspace, &earlier),
            Share::PartOf(all) => self.journal.put_part(&mut self.keyspace, visit.ticket, all, &earlier),
        }
        let end = self.journal.end_position(&self.keyspace);
        visit.logged_to = if end > before { end } else { 0 };
        Vec::new()
    }

    fn keep(&mut self, visit: &Visit, wants: Vec<Want>, effects: Vec<u8>) {
        let before = self.held.insert(visit.ticket, Held { wants, agreed_us: visit.now_us, effects });
        assert!(before.is_none(), "a transaction visits a shard once to hold");
        self.guard_expiry();
    }

    /// Gives back what a transaction holds, and says what that was.
    fn release(&mut self, ticket: Ticket) -> Vec<Want> {
        let held = self.held.remove(&ticket).expect("a transaction releases what it holds, once");
        self.jobs.release(&held.wants);
        self.guard_expiry();
        held.wants
    }

    /// What transactions hold must not vanish under them: while there are any, keys are removed by the clock of the oldest
    /// agreement. With a log none are removed at all, for a transaction may have brought them here or changed their deadlines and
    /// still be found incomplete: then nothing in the log may have touched them. Nor are any while nothing can be written.
    pub fn guard_expiry(&mut self) {
        let oldest_us = match self.journal.is_on() {
            true => (!self.held.is_empty() || self.write_refusal.is_some()).then_some(0),
            false => self.held.values().map(|held| held.agreed_us).min(),
        };
        self.keyspace.keep_expired_since(oldest_us.map(|us| us / 1000));
    }

    /// Runs what has all its locks now, and what may run because of that.
    pub fn run_waiting(&mut self, turn: &Turn) {
        while let Some(job) = self.jobs.next_ready() {
            let Job { wants, matter, .. } = job;
            // A transaction may have run by a later clock, and what it has seen expire must stay so.
            let turn = &Turn { now_us: turn.now_us.max(self.clock_us), ..*turn };
            match matter {
                Matter::Visit(visit) => {
                    let (visit, effects) = self.agree(visit, &wants, turn);
                    match visit.then == Then::Keep && visit.agreed == Agreed::Yes {
                        true => self.keep(&visit, wants, effects),
                        false => self.jobs.release(&wants),
                    }
                    self.answers.push_back(Answer::Visited(visit));
                }
                Matter::Watch(watch) => {
                    self.begin_watch(&watch, turn);
                    self.jobs.release(&wants);
                }
                Matter::Cut(save) => {
                    self.cut(save);
                    self.jobs.release(&wants);
                }
                Matter::Request { lane, request, map_version } => {
                    self.run_waited(lane, request, map_version, turn);
                    self.jobs.release(&wants);
                    self.jobs.advance(&lane);
                }
            }
        }
    }

    fn run_waited(&mut self, lane: Lane, parcel: Parcel<u32>, map_version: u32, turn: &Turn) {
        let (request, sequence) = (parcel.request(0), parcel.entry(0).tag);
        if self.has_moved(&request, map_version) {
            return self.answers.push_back(Answer::Moved { lane, sequence, request: parcel });
        }
        let mut reply = Out::default();
        let before = self.journal.end_position(&self.keyspace);
        self.execute_from(lane.core, &request, turn, &mut reply);
        let end = self.journal.end_position(&self.keyspace);
        let logged_to = if end > before { end } else { 0 };
        self.answers.push_back(Answer::Reply { lane, sequence, reply, logged_to });
    }

    /// Does the work of a visit, at its time.
    fn work(&mut self, mut visit: Box<Visit>, turn: &Turn) -> Box<Visit> {
        let turn = Turn { now_us: visit.now_us, ..*turn };
        self.clock_us = self.clock_us.max(visit.now_us);
        let mut work = std::mem::take(&mut visit.work);
        for index in 0..work.len() {
            let kind = std::mem::replace(&mut work.tag_mut(index).kind, TaskKind::Run);
            let outcome = self.perform(kind, &work.request(index), &turn, &mut visit.replies);
            visit.outcomes.push(outcome);
        }
        visit.work = work;
        visit.handover = visit.handover.take().map(|handover| self.hand_over(handover));
        if let Some(save) = visit.save.take() {
            self.keyspace.begin_walk(Purpose::Snapshot, save);
        }
        visit
    }

    fn perform(&mut self, kind: TaskKind, request: &Request, turn: &Turn, replies: &mut Out) -> Outcome {
        let mark = replies.mark();
        let steps = match request.command.run {
            Run::Across(steps) => Some(steps),
            _ => None,
        };
        let mut call = self.call(request, turn, replies);
        match (kind, steps) {
            (TaskKind::Check, _) => {
                Outcome::Checked(request.command.only_if.is_none_or(|check| check(&mut call)))
            }
            (TaskKind::Fetch, Some(steps)) => Outcome::Fetched((steps.fetch)(&mut call)),
            (TaskKind::Store(fetched), Some(steps)) => match (steps.store)(&mut call, fetched) {
                Ok(stored) => Outcome::Stored(replies.mark(), stored),
                Err(error) => {
                    refuse(&error, mark, replies);
                    Outcome::Stored(replies.mark(), Stored::No)
                }
            },
            (TaskKind::Finish, Some(steps)) => {
                if let Some(finish) = steps.finish {
                    finish(&mut call);
                }
                Outcome::Finished
            }
            _ => {
                // Its home counts it.
                self.run_part(request, turn, replies);
                Outcome::Replied(replies.mark())
            }
        }
    }

    fn hand_over(&mut self, handover: Handover) -> Handover {
        match handover {
            Handover::Take { slot, to } => {
                self.keyspace.record_handover(slot);
                let databases = 0..self.keyspace.database_count();
                let tables = databases
                    .filter_map(|database| Some((database, self.keyspace.take_slot(database, slot)?)))
                    .collect();
                self.slots = self.slots.with_owner(slot, to);
                self.lost_at_version = self.slots.version;
                Handover::Taken { tables, map: self.slots.clone() }
            }
            Handover::Put { slot, tables, map } => {
                self.keyspace.record_handover(slot);
                for (database, table) in tables {
                    self.keyspace.put_slot(database, table);
                }
                self.slots = map.own_copy();
                Handover::Done(map)
            }
            Handover::Follow(map) => {
                self.slots = map.own_copy();
                Handover::Done(map)
            }
            other => other,
        }
    }
}
