//! Checking every reply of a server against a model of what was written.

mod check;
mod model;

use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::access::{Access, ConnectError};
use crate::arguments::{Cpus, VerifyArguments};
use crate::cpu::stay_on;
use crate::interrupt::Interrupt;
use crate::load::Failure;
use crate::report::{Ended, grouped};
use crate::ring::{Event, Link, Ring};
use crate::run::share;

use check::{Checker, Findings};
use model::{Model, Question};

/// How often time and interrupts are looked at when nothing comes.
const TICK: Duration = Duration::from_millis(20);

/// What a verification found, as its JSON document has it.
#[derive(Debug, Serialize)]
pub struct VerifyReport {
    pub target: String,
    pub connections: u64,
    pub pipeline: u32,
    pub seed: u64,
    pub seconds: f64,
    /// Replies that were compared.
    pub checked: u64,
    pub wrong: u64,
    /// Of the wrong ones, those that hold nothing where a value was written.
    pub missing: u64,
    pub late: u64,
    pub unanswered: u64,
    pub slowest_us: f64,
    pub examples: Vec<String>,
    pub ended: Ended,
    pub failure: Option<String>,
}

/// What the connections are doing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Reading and writing at random.
    Asking,
    /// Reading every key once.
    Sweeping,
    Done,
}

/// One thread's part.
struct Verifying<'a> {
    arguments: &'a VerifyArguments,
    ring: Ring,
    checkers: Vec<Checker>,
    /// For each connection, whether a send is under way, and the next key of the sweep.
    sending: Vec<bool>,
    swept: Vec<usize>,
    findings: Findings,
    clock: Instant,
    replied_at: Duration,
    failure: Option<Failure>,
}

/// What a thread brings home, or all of them.
#[derive(Default)]
struct Outcome {
    findings: Findings,
    unanswered: u64,
    failure: Option<Failure>,
    /// Whether it ended before its time without a failure of its own.
    cut_short: bool,
}

/// Writes and reads until the time is over, then reads every key once more.
pub fn verify(arguments: &VerifyArguments, interrupt: &Interrupt) -> Result<VerifyReport, ConnectError> {
    let access = arguments.access.access();
    let cpus = Cpus::of_threads(arguments.cpus.as_ref(), arguments.connections as usize);
    let mut sockets = access.connect_all(arguments.connections as usize, None)?.into_iter();
    let (clock, failed) = (Instant::now(), AtomicBool::new(false));
    let mut first = 0;
    let mut all = Outcome::default();
    thread::scope(|scope| {
        let (access, failed) = (&access, &failed);
        let mut threads = Vec::new();
        for (index, &cpu) in cpus.iter().enumerate() {
            let count = share(arguments.connections, cpus.len() as u64, index as u64) as usize;
            let sockets: Vec<OwnedFd> = sockets.by_ref().take(count).collect();
            let checkers = (first..first + count).map(|index| checker(arguments, access, index)).collect();
            first += count;
            threads.push(scope.spawn(move || {
                stay_on(cpu);
                let outcome = Verifying::run_all(arguments, sockets, checkers, clock, (interrupt, failed));
                failed.fetch_or(outcome.failure.is_some(), Ordering::Relaxed);
                outcome
            }));
        }
        for thread in threads {
            all.add(thread.join().expect("a thread returns its failures"));
        }
    });
    Ok(all.report(arguments, &access, clock.elapsed()))
}

fn checker(arguments: &VerifyArguments, access: &Access, index: usize) -> Checker {
    let prefix = format!("verify:{}:{index}", arguments.seed);
    let seed = arguments.seed.wrapping_add(index as u64);
    let (keys, bytes) = (arguments.keys as usize, arguments.value_size as usize);
    let model = Model::new(prefix, keys, bytes, access.protocol, seed);
    Checker::new(model, arguments.late_after.as_nanos() as u64)
}

impl Verifying<'_> {
    /// Checks on some connections until the end, an interrupt or the failure of any thread.
    fn run_all(
        arguments: &VerifyArguments,
        sockets: Vec<OwnedFd>,
        checkers: Vec<Checker>,
        clock: Instant,
        (interrupt, failed): (&Interrupt, &AtomicBool),
    ) -> Outcome {
        let links = sockets.into_iter().map(|socket| Link { socket, batch: Vec::new() }).collect();
        let ring = match Ring::new(links, TICK) {
            Ok(ring) => ring,
            Err(error) => return Outcome { failure: Some(Failure::Ring(error)), ..Outcome::default() },
        };
        let mut verifying = Verifying {
            arguments,
            ring,
            sending: vec![false; checkers.len()],
            swept: vec![0; checkers.len()],
            checkers,
            findings: Findings::default(),
            clock,
            replied_at: clock.elapsed(),
            failure: None,
        };
        let cut_short = verifying.run(|| interrupt.is_set() || failed.load(Ordering::Relaxed));
        let unanswered = verifying.unanswered();
        let Verifying { findings, failure, .. } = verifying;
        Outcome { findings, unanswered, failure, cut_short }
    }

    /// True when it was told to stop.
    fn run(&mut self, is_stopped: impl Fn() -> bool) -> bool {
        let mut stage = Stage::Asking;
        while self.failure.is_none() && stage != Stage::Done {
            if is_stopped() {
                return true;
            }
            stage = self.next_stage(stage);
            if let Err(error) = self.turn(stage) {
                self.failure.get_or_insert(Failure::Ring(error));
            }
            let silent = self.clock.elapsed().saturating_sub(self.replied_at);
            if self.unanswered() > 0 && silent > self.arguments.reply_timeout {
                let seconds = self.arguments.reply_timeout.as_secs_f64();
                self.failure.get_or_insert(Failure::Stalled { seconds });
            }
        }
        false
    }

    fn next_stage(&self, stage: Stage) -> Stage {
        let swept = |(next, checker): (&usize, &Checker)| *next == checker.model.keys();
        match stage {
            Stage::Asking if self.clock.elapsed() >= self.arguments.seconds => Stage::Sweeping,
            Stage::Sweeping if self.swept.iter().zip(&self.checkers).all(swept) && self.unanswered() == 0 => {
                Stage::Done
            }
            _ => stage,
        }
    }

    fn turn(&mut self, stage: Stage) -> std::io::Result<()> {
        for connection in 0..self.checkers.len() {
            self.send(connection, stage)?;
        }
        self.ring.wait()?;
        let now = self.clock.elapsed();
        let now_ns = now.as_nanos() as u64;
        let Verifying { ring, checkers, sending, findings, failure, replied_at, .. } = self;
        ring.drain(|event| match event {
            Event::Received { connection, bytes } => {
                *replied_at = now;
                if let Err(error) = checkers[connection].receive(bytes, now_ns, findings) {
                    failure.get_or_insert(error);
                }
            }
            Event::Sent { connection } => sending[connection] = false,
            Event::Lost { error } => {
                failure.get_or_insert(error.map_or(Failure::Closed, Failure::Broken));
            }
            Event::Tick => (),
        })
    }

    /// Sends a batch on a connection whose last one is answered.
    fn send(&mut self, connection: usize, stage: Stage) -> std::io::Result<()> {
        if self.sending[connection] || self.checkers[connection].awaited() > 0 {
            return Ok(());
        }
        let checker = &mut self.checkers[connection];
        let batch = self.ring.batch_mut(connection);
        batch.clear();
        let now_ns = self.clock.elapsed().as_nanos() as u64;
        for _ in 0..self.arguments.pipeline {
            let question = match stage {
                Stage::Asking => Some(checker.model.ask()),
                Stage::Sweeping => next_of_sweep(&checker.model, &mut self.swept[connection]),
                Stage::Done => None,
            };
            let Some(question) = question else { break };
            checker.send(question, now_ns, batch);
        }
        if !batch.is_empty() {
            self.sending[connection] = true;
            self.ring.send(connection)?;
        }
        Ok(())
    }

    fn unanswered(&self) -> u64 {
        self.checkers.iter().map(|checker| checker.awaited() as u64).sum()
    }
}

impl Outcome {
    fn add(&mut self, other: Outcome) {
        self.findings.add(other.findings);
        self.unanswered += other.unanswered;
        self.failure = self.failure.take().or(other.failure);
        self.cut_short |= other.cut_short;
    }

    fn report(self, arguments: &VerifyArguments, access: &Access, elapsed: Duration) -> VerifyReport {
        let Findings { checked, wrong, missing, late, slowest_ns, examples } = self.findings;
        let failure = self.failure.map(|failure| failure.to_string());
        VerifyReport {
            target: access.target.to_string(),
            connections: arguments.connections,
            pipeline: arguments.pipeline,
            seed: arguments.seed,
            seconds: elapsed.as_secs_f64(),
            checked,
            wrong,
            missing,
            late,
            unanswered: self.unanswered,
            slowest_us: slowest_ns as f64 / 1e3,
            examples,
            ended: match (&failure, self.cut_short) {
                (Some(_), _) => Ended::Failed,
                (None, true) => Ended::Interrupted,
                (None, false) => Ended::Completed,
            },
            failure,
        }
    }
}

fn next_of_sweep(model: &Model, next: &mut usize) -> Option<Question> {
    while *next < model.keys() {
        *next += 1;
        if model.knows(*next - 1) {
            return Some(model.read(*next - 1));
        }
    }
    None
}

impl VerifyReport {
    /// True when nothing at all is wrong.
    pub fn is_clean(&self) -> bool {
        self.wrong == 0 && self.late == 0 && self.failure.is_none() && self.checked > 0
    }

    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            writeln!(text, "  {name:<12} {value}").expect("a String takes all text");
        };
        let (connections, pipeline) = (self.connections, self.pipeline);
        row("load", format!("{connections} connections, pipeline {pipeline}, {}", self.target));
        row("checked", format!("{} replies in {:.2} s", grouped(self.checked), self.seconds));
        row("wrong", format!("{}, {} of them missing", grouped(self.wrong), grouped(self.missing)));
        self.examples.iter().for_each(|example| row("", example.clone()));
        row("late", format!("{} (slowest {:.1} ms)", grouped(self.late), self.slowest_us / 1e3));
        row("unanswered", grouped(self.unanswered));
        text
    }
}
