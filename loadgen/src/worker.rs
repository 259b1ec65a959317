//! One thread of the generator: it moves bytes between its load and its ring, and little else.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::cpu::Observer;
use crate::load::{Counts, Failure, Load};
use crate::random::Random;
use crate::ring::{Link, Ring};
use crate::template::Template;

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
    pub template: &'a Template,
    pub pipeline: u32,
    /// Requests to be answered while measuring; `None`: until the phase ends.
    pub quota: Option<u64>,
    /// The only CPU to run on.
    pub cpu: Option<usize>,
    pub seed: u64,
    pub observer: &'a Observer,
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
    random: Random,
    clock: Instant,
    measuring: bool,
    /// Since when requests are counted, and the thread's CPU time then.
    since: (Instant, Duration),
}

/// Runs a thread's share until the phase ends, its quota is met, or it fails.
pub fn run(mut plan: Plan<'_>, phase: &Phase) -> Outcome {
    if let Some(cpu) = plan.cpu {
        let mut cpus = CpuSet::new();
        cpus.set(cpu);
        // The CPUs were checked when the arguments were read; should one be gone by now, running elsewhere only
        // makes the measurement worse.
        let _ = sched_setaffinity(None, &cpus);
    }
    let links = std::mem::take(&mut plan.links);
    let connections = links.len();
    match Ring::new(links, TICK) {
        Err(error) => Outcome {
            counts: Counts::new(),
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
            failure: Some(Failure::Ring(error)),
        },
        Ok(ring) => {
            let random = Random::new(plan.seed);
            let load = Load::new(connections, plan.pipeline, 0);
            let clock = Instant::now();
            Worker { plan, ring, load, random, clock, measuring: false, since: (clock, thread_cpu()) }
                .run(phase)
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
        Outcome { elapsed, cpu, failure: self.load.failure, counts: self.load.counts }
    }

    /// Sends what is ready, sleeps until something happens, and takes in all of it.
    fn turn(&mut self) -> std::io::Result<()> {
        self.send_ready()?;
        self.ring.wait()?;
        let now_ns = self.now_ns();
        let Worker { ring, load, .. } = self;
        ring.drain(|event| load.on_event(event, now_ns))
    }

    fn send_ready(&mut self) -> std::io::Result<()> {
        let request_bytes = self.plan.template.request_bytes();
        let mut now_ns = self.now_ns();
        let mut queued = 0;
        while let Some((connection, requests)) = self.load.take_ready() {
            if queued == SENDS_PER_SUBMIT {
                self.ring.submit()?;
                now_ns = self.now_ns();
                queued = 0;
            }
            let bytes = requests as usize * request_bytes;
            self.plan.template.draw_keys(&mut self.ring.batch_mut(connection)[..bytes], &mut self.random);
            self.ring.send(connection, bytes)?;
            self.load.note_sent_at(connection, now_ns);
            queued += 1;
        }
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
