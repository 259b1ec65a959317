//! One thread of the generator: it moves bytes between its load and its ring, and little else.

use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::set_current_timer_slack;
use rustix::time::{ClockId, clock_gettime};

use crate::arrivals::Arrivals;
use crate::counts::Counts;
use crate::cpu::{Observer, stay_on};
use crate::load::{Failure, Load, Loop};
use crate::mix::Composer;
use crate::ring::{Event, Link, Ring};

/// Sends handed to the kernel at once. It bounds how far the time noted for a send can lie before the send itself, and
/// costs one system call for as many sends: against 16, 4 takes 4 us off the median of 50 connections for 1.6 % of CPU,
/// and 1 takes 8 us for 5 %.
const SENDS_PER_SUBMIT: usize = 4;
/// How often a thread without replies looks at the phase.
const TICK: Duration = Duration::from_millis(20);

/// What all threads are to do now.
pub struct Phase(AtomicU8);

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const DONE: u8 = 2;

impl Phase {
    pub fn warming() -> Phase {
        Phase(AtomicU8::new(WARMING))
    }

    /// Unless it has ended already.
    pub fn begin_measuring(&self) {
        // Failing means that a thread has failed, and ended the phase for all.
        let _ = self.0.compare_exchange(WARMING, MEASURING, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub fn end(&self) {
        self.0.store(DONE, Ordering::Relaxed);
    }
}

/// What a thread is given.
pub struct Plan<'a> {
    pub links: Vec<Link>,
    pub composer: Composer<'a>,
    /// How many kinds of requests the composer makes.
    pub kinds: usize,
    pub pipeline: u32,
    /// When requests are due; `None` in a closed loop.
    pub arrivals: Option<Arrivals>,
    /// How long the server may leave everything unanswered.
    pub reply_time_max: Duration,
    /// Requests to be answered while measuring; `None`: until the phase ends.
    pub quota: Option<u64>,
    /// The only CPU to run on.
    pub cpu: Option<usize>,
    pub observer: &'a Observer,
    /// Where others see how far this thread is.
    pub progress: &'a Progress,
}

/// Requests and errors of all threads since they measure, as far as they have told.
#[derive(Default)]
pub struct Progress {
    pub requests: AtomicU64,
    pub errors: AtomicU64,
}

/// What a thread gives back.
pub struct Outcome {
    pub counts: Counts,
    /// How long it measured.
    pub elapsed: Duration,
    /// Its CPU time meanwhile.
    pub cpu: Duration,
    pub failure: Option<Failure>,
}

struct Worker<'a> {
    plan: Plan<'a>,
    ring: Ring,
    load: Load,
    clock: Instant,
    measuring: bool,
    /// Since when requests are counted, and the thread's CPU time then.
    since: (Instant, Duration),
    /// Requests and errors that `progress` has been told of.
    told: (u64, u64),
}

/// Runs a thread's share until the phase ends, its quota is met, or it fails.
pub fn run(mut plan: Plan<'_>, phase: &Phase) -> Outcome {
    stay_on(plan.cpu);
    // An open loop sleeps until requests are due: 50 us more, which is usual, would be added to their latency.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let links = std::mem::take(&mut plan.links);
    let connections = links.len();
    match Ring::new(links, TICK) {
        Err(error) => Outcome {
            counts: Counts::new(plan.kinds),
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
            failure: Some(Failure::Ring(error)),
        },
        Ok(ring) => {
            let kind = if plan.arrivals.is_some() { Loop::Open } else { Loop::Closed };
            let stall_ns = plan.reply_time_max.as_nanos() as u64;
            let mut load = Load::new(connections, kind, plan.pipeline, plan.kinds, stall_ns);
            if plan.composer.is_routed() {
                load.follow_redirects();
            }
            let clock = Instant::now();
            let since = (clock, thread_cpu());
            Worker { plan, ring, load, clock, measuring: false, since, told: (0, 0) }.run(phase)
        }
    }
}

impl Worker<'_> {
    fn run(mut self, phase: &Phase) -> Outcome {
        while self.load.failure.is_none() {
            match phase.0.load(Ordering::Relaxed) {
                DONE => break,
                MEASURING if !self.measuring => {
                    self.measuring = true;
                    self.plan.observer.observe();
                    self.load.begin_measuring(self.plan.quota);
                    self.told = (0, 0);
                    self.since = (Instant::now(), thread_cpu());
                }
                _ => (),
            }
            if let Err(error) = self.turn() {
                self.load.failure.get_or_insert(Failure::Ring(error));
            }
            if self.load.is_finished() {
                break;
            }
        }
        if self.load.failure.is_some() {
            phase.end();
        }
        let (since, cpu_before) = self.since;
        let (elapsed, cpu) = (since.elapsed(), thread_cpu() - cpu_before);
        self.plan.observer.observe();
        let now_ns = self.now_ns();
        self.load.finish(self.plan.arrivals.as_mut(), now_ns);
        self.tell();
        Outcome { elapsed, cpu, failure: self.load.failure, counts: self.load.counts }
    }

    /// Sends what may be sent, sleeps until something happens, and takes in all of it.
    fn turn(&mut self) -> io::Result<()> {
        self.send_redirected()?;
        match self.plan.arrivals {
            _ if self.load.is_crowded() => self.ring.wait()?,
            None => {
                self.send_ready()?;
                self.ring.wait()?;
            }
            Some(_) => match self.send_due()? {
                None => self.ring.wait()?,
                Some(rest) => self.ring.wait_for(rest)?,
            },
        }
        let now_ns = self.now_ns();
        let Worker { ring, load, .. } = self;
        let mut ticked = false;
        ring.drain(|event| {
            ticked |= matches!(event, Event::Tick);
            load.on_event(event, now_ns);
        })?;
        self.follow(now_ns);
        if ticked && self.measuring {
            self.tell();
        }
        Ok(())
    }

    /// Learns from redirections where slots are, and sends the requests there.
    fn follow(&mut self, now_ns: u64) {
        let Some(route) = self.plan.composer.route_mut() else { return };
        for again in self.load.take_redirected() {
            let owner = route.map.redirected(&again.redirect, route.nodes[again.connection]);
            route.map.note_owner(&again.redirect, owner);
            let unsent = match owner {
                Some(node) => self.load.send_again(again, &route.nodes, node).err(),
                None => Some(again),
            };
            unsent.iter().for_each(|again| self.load.give_up(again, now_ns));
        }
    }

    /// Sends requests again that other nodes did not answer.
    fn send_redirected(&mut self) -> io::Result<()> {
        while let Some(connection) = self.load.take_ready_again() {
            let batch = self.ring.batch_mut(connection);
            batch.clear();
            self.load.append_again(connection, batch);
            self.ring.send(connection)?;
        }
        Ok(())
    }

    fn send_ready(&mut self) -> io::Result<()> {
        let mut now_ns = self.now_ns();
        let mut queued = 0;
        while let Some((connection, requests)) = self.load.take_ready(u64::MAX) {
            if queued == SENDS_PER_SUBMIT {
                self.ring.submit()?;
                now_ns = self.now_ns();
                queued = 0;
            }
            let batch = self.ring.batch_mut(connection);
            batch.clear();
            for _ in 0..requests {
                let start = batch.len();
                let composed = self.plan.composer.append(connection, batch);
                self.load.note_request(connection, now_ns, composed);
                self.load.keep(connection, composed, &batch[start..]);
            }
            self.ring.send(connection)?;
            queued += 1;
        }
        Ok(())
    }

    /// Sends what is due on connections that have room. Gives the time until more is, unless none has room.
    fn send_due(&mut self) -> io::Result<Option<Duration>> {
        let Worker { plan, ring, load, clock, .. } = self;
        let Plan { arrivals: Some(arrivals), composer, .. } = plan else { return Ok(None) };
        let mut queued = 0;
        loop {
            let now_ns = clock.elapsed().as_nanos() as u64;
            let (due, ready) = (arrivals.due(now_ns), load.ready_count());
            if ready == 0 {
                return Ok(None);
            }
            if due == 0 {
                return Ok(Some(Duration::from_nanos(arrivals.next_ns() - now_ns)));
            }
            // Spread over the connections; several at once when there are more than connections.
            let Some((connection, requests)) = load.take_ready(due.div_ceil(ready)) else { return Ok(None) };
            let batch = ring.batch_mut(connection);
            batch.clear();
            for _ in 0..requests {
                if arrivals.next_ns() > now_ns {
                    break;
                }
                let due_ns = arrivals.take();
                let start = batch.len();
                let composed = composer.append(connection, batch);
                load.note_request(connection, due_ns, composed);
                load.keep(connection, composed, &batch[start..]);
            }
            ring.send(connection)?;
            queued += 1;
            if queued == SENDS_PER_SUBMIT {
                ring.submit()?;
                queued = 0;
            }
        }
    }

    /// Adds what is new to the common count.
    fn tell(&mut self) {
        let now = (self.load.counts.requests, self.load.counts.errors);
        let progress = self.plan.progress;
        progress.requests.fetch_add(now.0 - self.told.0, Ordering::Relaxed);
        progress.errors.fetch_add(now.1 - self.told.1, Ordering::Relaxed);
        self.told = now;
    }

    fn now_ns(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
