//! One run: connections, threads, the time to measure, and one report from all of them.

use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::arguments::RunArguments;
use crate::cpu::{CpuTimes, Observer, ServerTimes, online_cpus};
use crate::interrupt::Interrupt;
use crate::load::{Counts, Failure};
use crate::preload::{PreloadError, preload};
use crate::report::{Ended, RunReport, ServerReport};
use crate::ring::Link;
use crate::target::ConnectError;
use crate::template::{Template, TemplateError};
use crate::worker::{self, Outcome, Phase, Plan};

/// How long to measure when neither time nor requests are given.
const SECONDS_DEFAULT: Duration = Duration::from_secs(10);
/// How often the main thread looks for an end before time: threads that have failed or finished, or an interrupt.
const LOOK: Duration = Duration::from_millis(20);
/// Most bytes of all connections' batches.
const BATCHES_BYTES_MAX: usize = 1 << 30;
/// How far two accounts of a CPU time may differ: some ticks of 10 ms, as user and system time are sampled apart and
/// each thread rounds, and a part of the whole.
const ACCOUNTS_TICKS: Duration = Duration::from_millis(40);
const ACCOUNTS_PART: f64 = 0.02;

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Preload(#[from] PreloadError),
    #[error("{threads} threads need at least as many connections, not {connections}")]
    FewConnections { threads: u64, connections: u64 },
    #[error("the batches of {connections} connections take more than {BATCHES_BYTES_MAX} bytes")]
    LargeBatches { connections: u64 },
    #[error("cannot read the CPU time of the server or the machine: {0}")]
    Cpu(std::io::Error),
}

/// What all threads brought home.
struct Measured {
    outcomes: Vec<Outcome>,
    /// CPU times at the beginning and the end.
    times: Option<(CpuTimes, CpuTimes)>,
    interrupted: bool,
}

/// Connects, preloads, measures, and reports.
pub fn run(arguments: &RunArguments, interrupt: &Interrupt) -> Result<RunReport, RunError> {
    let load = &arguments.load;
    let template = Template::parse(&arguments.command, load.placeholders())?;
    let filler =
        load.preload.as_deref().map(|line| Template::parse(line, load.placeholders())).transpose()?;
    let target = arguments.target();
    // Plans first: whatever is wrong with the arguments shows before the server hears of it.
    let batch = template.batch(load.pipeline)?;
    if batch.len().saturating_mul(load.connections as usize) > BATCHES_BYTES_MAX {
        return Err(RunError::LargeBatches { connections: load.connections });
    }
    let threads = thread_count(arguments)?;
    if let Some(filler) = &filler {
        preload(&target, filler, load.key_space, interrupt)?;
    }
    let sockets = target.connect_all(load.connections as usize, arguments.shard)?;
    let mut links: Vec<Link> =
        sockets.into_iter().map(|socket| Link { socket, batch: batch.clone() }).collect();
    let observer = Observer::new(arguments.server_pid.and_then(Pid::from_raw)).map_err(RunError::Cpu)?;
    let plans = (0..threads).map(|index| Plan {
        links: links.split_off(links.len() - share(load.connections, threads, index) as usize),
        template: &template,
        pipeline: load.pipeline,
        quota: arguments.requests.map(|requests| share(requests, threads, index)),
        cpu: arguments.cpus.as_ref().map(|cpus| cpus.0[index as usize % cpus.0.len()]),
        seed: load.seed.wrapping_add(index),
        observer: &observer,
    });
    let outcomes = measure(arguments, plans.collect(), interrupt);
    let times = observer.into_times();
    Ok(report(arguments, Measured { outcomes, times, interrupted: interrupt.is_set() }))
}

fn thread_count(arguments: &RunArguments) -> Result<u64, RunError> {
    let connections = arguments.load.connections;
    let by_cpus = arguments.cpus.as_ref().map(|cpus| cpus.0.len() as u64);
    let threads = arguments.load.threads.or(by_cpus).unwrap_or(1);
    if threads > connections {
        return Err(RunError::FewConnections { threads, connections });
    }
    Ok(threads)
}

/// The part of `total` that falls to one of `threads`; all parts add up to it and differ by at most one.
fn share(total: u64, threads: u64, index: u64) -> u64 {
    total / threads + u64::from(index < total % threads)
}

fn measure(arguments: &RunArguments, plans: Vec<Plan<'_>>, interrupt: &Interrupt) -> Vec<Outcome> {
    let seconds = match (arguments.load.seconds, arguments.requests) {
        (None, Some(_)) => Duration::MAX,
        (seconds, _) => seconds.unwrap_or(SECONDS_DEFAULT),
    };
    let phase = Phase::warming();
    let warmup = arguments.load.warmup.unwrap_or_default();
    if warmup.is_zero() {
        // Before any thread starts: so not one request goes uncounted.
        phase.begin_measuring();
    }
    thread::scope(|scope| {
        let phase = &phase;
        let threads: Vec<_> =
            plans.into_iter().map(|plan| scope.spawn(move || worker::run(plan, phase))).collect();
        watch(&threads, warmup, interrupt);
        phase.begin_measuring();
        watch(&threads, seconds, interrupt);
        phase.end();
        threads.into_iter().map(|thread| thread.join().expect("a thread returns its failures")).collect()
    })
}

/// Waits for the time to pass, or for something that ends a run early.
fn watch(threads: &[ScopedJoinHandle<'_, Outcome>], time: Duration, interrupt: &Interrupt) {
    let began = Instant::now();
    // A thread that has met its quota leaves the others to meet theirs; one that fails ends all.
    let ended = || threads.iter().all(ScopedJoinHandle::is_finished);
    while !interrupt.is_set() && !ended() {
        match time.checked_sub(began.elapsed()) {
            None | Some(Duration::ZERO) => return,
            Some(rest) => thread::sleep(rest.min(LOOK)),
        }
    }
}

fn report(arguments: &RunArguments, measured: Measured) -> RunReport {
    let load = &arguments.load;
    let Measured { outcomes, times, interrupted } = measured;
    let threads = outcomes.len() as u64;
    let mut counts = Counts::new();
    let mut failure = None;
    let (mut elapsed, mut cpu) = (Duration::ZERO, Duration::ZERO);
    for outcome in outcomes {
        counts.add(outcome.counts);
        elapsed = elapsed.max(outcome.elapsed);
        cpu += outcome.cpu;
        failure = failure.or(outcome.failure);
    }
    let machine = times.map(|(before, after)| machine_report(before, after, counts.requests));
    let failure = failure.map(|failure| describe(&failure, &counts, load.connections)).or_else(|| {
        (counts.requests == 0 && !interrupted).then(|| "the server answered no request at all".to_owned())
    });
    RunReport {
        command: arguments.command.clone(),
        target: arguments.target().to_string(),
        connections: load.connections,
        pipeline: load.pipeline,
        threads,
        key_space: load.key_space,
        value_bytes: load.value_size,
        seed: load.seed,
        seconds: elapsed.as_secs_f64(),
        requests: counts.requests,
        errors: counts.errors,
        requests_per_second: ratio(counts.requests as f64, elapsed.as_secs_f64()),
        latency_us: counts.latencies.summary(),
        cpu_us_per_request: per_request(cpu, counts.requests),
        cpu_percent: percent(cpu, elapsed * threads as u32),
        other_cpu_percent: machine.map_or(0.0, |machine| machine.other_cpu_percent),
        server: machine.and_then(|machine| machine.server),
        error_examples: counts.error_examples,
        ended: match (&failure, interrupted) {
            (Some(_), _) => Ended::Failed,
            (None, true) => Ended::Interrupted,
            (None, false) => Ended::Completed,
        },
        failure,
    }
}

fn describe(failure: &Failure, counts: &Counts, connections: u64) -> String {
    let Counts { requests, errors, .. } = counts;
    format!(
        "{failure} ({requests} requests were answered on {connections} connections, {errors} with an error)"
    )
}

#[derive(Clone, Copy)]
struct MachineReport {
    server: Option<ServerReport>,
    other_cpu_percent: f64,
}

fn machine_report(before: CpuTimes, after: CpuTimes, requests: u64) -> MachineReport {
    let window = after.at - before.at;
    let server = before.server.zip(after.server).map(|(before, after)| ServerTimes {
        // A thread that has ended takes its nanoseconds with it.
        by_nanoseconds: after.by_nanoseconds.saturating_sub(before.by_nanoseconds),
        by_ticks: after.by_ticks.saturating_sub(before.by_ticks),
    });
    let ours = (after.own - before.own) + server.map_or(Duration::ZERO, |server| server.by_nanoseconds);
    let others = after.machine.saturating_sub(before.machine).saturating_sub(ours);
    // Not those this process may use, but all whose time is in the sum.
    let cpus = online_cpus().map_or(1, |cpus| cpus.len().max(1));
    MachineReport {
        server: server.map(|times| server_report(times, requests, window)),
        other_cpu_percent: percent(others, window * cpus as u32),
    }
}

fn server_report(times: ServerTimes, requests: u64, window: Duration) -> ServerReport {
    let allowed = ACCOUNTS_TICKS + times.by_ticks.mul_f64(ACCOUNTS_PART);
    ServerReport {
        cpu_us_per_request: per_request(times.by_nanoseconds, requests),
        tick_cpu_us_per_request: per_request(times.by_ticks, requests),
        cpu_percent: percent(times.by_nanoseconds, window),
        accounts_agree: times.by_nanoseconds.abs_diff(times.by_ticks) <= allowed,
    }
}

fn per_request(time: Duration, requests: u64) -> f64 {
    ratio(time.as_secs_f64() * 1e6, requests as f64)
}

fn percent(part: Duration, whole: Duration) -> f64 {
    100.0 * ratio(part.as_secs_f64(), whole.as_secs_f64())
}

/// Zero when nothing was measured: JSON has no word for "undefined" numbers.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests;
