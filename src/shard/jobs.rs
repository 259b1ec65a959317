//! What waits at a shard: requests and visits, for locks, and behind others of their lane.
//!
//! A job takes its locks one after the other, in their order. Jobs of one lane stand in a row, and only the first of
//! them asks for locks. Nothing here runs a command: what may run is named by `next_ready`.

use std::collections::VecDeque;

use ahash::AHashMap;

use crate::commands::Command;
use crate::commands::row::Flags;
use crate::keyspace::{Hasher, Save};
use crate::shard::locks::{JobId, Locks, Mode, WHOLE, Want, key_lock};
use crate::shard::parcel::Parcel;
use crate::shard::visit::{Visit, Watch};
use crate::shard::{Lane, Request, Shard};

/// The jobs of one shard.
#[derive(Default)]
pub struct Jobs {
    pub locks: Locks,
    jobs: Vec<Option<Job>>,
    free: Vec<JobId>,
    lanes: AHashMap<Lane, VecDeque<JobId>>,
    /// Jobs that were given a lock and may go on.
    given: VecDeque<JobId>,
    ready: VecDeque<JobId>,
}

pub struct Job {
    pub wants: Vec<Want>,
    /// How many of them it has.
    had: usize,
    pub matter: Matter,
}

pub enum Matter {
    Request {
        lane: Lane,
        /// The sequence number of its reply is the tag.
        request: Parcel<u32>,
        /// The version of the slot map by which it was routed.
        map_version: u32,
    },
    Visit(Box<Visit>),
    /// Keys that are written now are watched when that is done.
    Watch(Box<Watch>),
    /// A base begins when nothing that writes is under way.
    Cut(Save),
}

/// What a request needs of a shard that owns all its keys: the whole shard, then its keys. One without keys looks at all.
pub fn wants_of<'a>(request: &Request<'a>, hasher: &'a Hasher) -> impl Iterator<Item = Want> + 'a {
    let (args, first_hash) = (request.args, request.key.hash);
    let (intent, mode) = modes_of(request.command);
    let keys = request.command.key_indices(args.len());
    let whole = (WHOLE, if keys.len() > 0 { intent } else { mode });
    let keys = keys.enumerate().map(move |(position, index)| {
        let hash = if position == 0 { first_hash } else { hasher.hash(args.at(index)) };
        (key_lock(hash), mode)
    });
    std::iter::once(whole).chain(keys)
}

/// How a command holds the shard and its keys.
pub fn modes_of(command: &Command) -> (Mode, Mode) {
    match command.flags.has(Flags::WRITE) {
        true => (Mode::IntentWrite, Mode::Exclusive),
        false => (Mode::IntentRead, Mode::Shared),
    }
}

/// Puts wants in the order of locks, and makes one of several for the same lock.
pub fn tidy(wants: &mut Vec<Want>) {
    // The strongest mode comes first and stays.
    wants.sort_unstable_by_key(|&(lock, mode)| (lock, std::cmp::Reverse(mode)));
    wants.dedup_by_key(|&mut (lock, _)| lock);
}

impl Jobs {
    /// Whether all of this could be had at once.
    pub fn are_free(&self, wants: &[Want]) -> bool {
        wants.iter().all(|&want| self.locks.is_free(want))
    }

    /// Nothing waits, and nothing is about to run.
    pub fn are_idle(&self) -> bool {
        self.locks.are_idle() && self.lanes.is_empty() && self.jobs.iter().all(Option::is_none)
    }

    pub fn is_waiting(&self, lane: &Lane) -> bool {
        self.lanes.contains_key(lane)
    }

    /// Lets a job wait for its turn.
    pub fn add(&mut self, wants: Vec<Want>, matter: Matter) {
        let id = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() as JobId - 1
        });
        let lane = match &matter {
            Matter::Request { lane, .. } => Some(*lane),
            Matter::Visit(_) | Matter::Watch(_) | Matter::Cut(_) => None,
        };
        self.jobs[id as usize] = Some(Job { wants, had: 0, matter });
        if let Some(lane) = lane {
            let row = self.lanes.entry(lane).or_default();
            row.push_back(id);
            if row.len() > 1 {
                return;
            }
        }
        self.acquire(id);
    }

    /// Takes locks for a job until it must wait or has all.
    fn acquire(&mut self, id: JobId) {
        let job = self.jobs[id as usize].as_mut().expect("a job that waits is there");
        while let Some(&want) = job.wants.get(job.had) {
            if !self.locks.acquire(want, id) {
                return;
            }
            job.had += 1;
        }
        self.ready.push_back(id);
    }

    /// Takes back locks, and lets those go on who waited for them.
    pub fn release(&mut self, wants: &[Want]) {
        for &want in wants {
            self.locks.release(want, &mut self.given);
        }
        while let Some(id) = self.given.pop_front() {
            self.jobs[id as usize].as_mut().expect("a job that waits is there").had += 1;
            self.acquire(id);
        }
    }

    /// Lets a client watch nothing of what it still waits to watch.
    pub fn forget_watches(&mut self, client: u64) {
        for job in self.jobs.iter_mut().flatten() {
            if let Matter::Watch(watch) = &mut job.matter
                && watch.client == client
            {
                watch.keys.clear();
            }
        }
    }

    /// A job that has all its locks; it leaves its lane, so that the next one there asks for its own.
    pub fn next_ready(&mut self) -> Option<Job> {
        let id = self.ready.pop_front()?;
        self.free.push(id);
        self.jobs[id as usize].take()
    }

    /// Lets the next job of a lane go on, when the one before it has run.
    pub fn advance(&mut self, lane: &Lane) {
        let row = self.lanes.get_mut(lane).expect("the lane of a job is there until it has run");
        row.pop_front();
        match row.front().copied() {
            Some(next) => self.acquire(next),
            None => drop(self.lanes.remove(lane)),
        }
    }
}

impl Shard {
    /// Whether a request may run at once; to be asked when the shard is not idle.
    pub fn may_run(&self, request: &Request, lane: &Lane) -> bool {
        if self.jobs.is_waiting(lane) {
            return false;
        }
        wants_of(request, self.keyspace.hasher()).all(|want| self.jobs.locks.is_free(want))
    }

    /// Makes a job of a request that may not run, routed by this version of the map; its reply comes among the answers.
    pub fn wait(&mut self, request: &Request, lane: Lane, sequence: u32, map_version: u32) {
        let mut wants = wants_of(request, self.keyspace.hasher()).collect();
        tidy(&mut wants);
        let mut parcel = Parcel::default();
        parcel.push(request, sequence);
        self.jobs.add(wants, Matter::Request { lane, request: parcel, map_version });
    }
}
