//! One run: connections, threads, the time to measure, and one report from all of them.

use std::sync::atomic::Ordering;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::access::{Access, ConnectError};
use crate::arguments::RunArguments;
use crate::arrivals::Arrivals;
use crate::cluster::{ClusterError, Node, SlotMap};
use crate::counts::Counts;
use crate::cpu::{CpuTimes, Observer, ServerTimes, online_cpus};
use crate::interrupt::Interrupt;
use crate::keys::Part;
use crate::latency::Latencies;
use crate::load::Failure;
use crate::mix::{Mix, Route};
use crate::preload::{PreloadError, preload};
use crate::progress::{Bar, Goal};
use crate::recipe::{Recipe, RecipeError};
use crate::report::{CommandReport, Ended, RunReport, ServerReport};
use crate::ring::Link;
use crate::template::TemplateError;
use crate::timeline::{Timeline, TimelinePoint};
use crate::worker::{self, Outcome, Phase, Plan, Progress};
use crate::workload_file::WorkloadFile;

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
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("a cluster of {nodes} nodes needs at least as many connections, not {connections}")]
    FewForCluster { nodes: usize, connections: u64 },
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
    timeline: Vec<TimelinePoint>,
    interrupted: bool,
}

/// What a run found, and all of its latencies.
pub struct Run {
    pub report: RunReport,
    pub latencies: Latencies,
}

/// What is to be run, checked.
struct Prepared<'a> {
    arguments: &'a RunArguments,
    recipe: Recipe,
    mix: Mix,
    access: Access,
    threads: u64,
    server: Option<Pid>,
    /// In a cluster, where keys belong.
    slots: Option<SlotMap>,
}

/// Connections that no thread has taken yet.
struct Connections {
    links: Vec<Link>,
    /// The node of each; all the same outside of a cluster.
    nodes: Vec<Node>,
}

/// Connects, preloads, measures, and reports.
pub fn run(arguments: &RunArguments, interrupt: &Interrupt) -> Result<Run, RunError> {
    // Whatever is wrong with the arguments shows before the server hears of it.
    let mut prepared = Prepared::new(arguments)?;
    let filler = prepared.recipe.preload_mix()?;
    if arguments.cluster {
        prepared.slots = Some(SlotMap::fetch(&prepared.access)?);
    }
    if let Some(mix) = filler {
        prepared.preload(&mix, interrupt)?;
    }
    let mut connections = prepared.connect()?;
    let observer = Observer::new(prepared.server).map_err(RunError::Cpu)?;
    let progress = Progress::default();
    let plans: Vec<Plan<'_>> = (0..prepared.threads)
        .map(|index| prepared.plan(index, &mut connections, &observer, &progress))
        .collect();
    let (outcomes, timeline) = measure(arguments, plans, prepared.server, &progress, interrupt);
    let times = observer.into_times();
    Ok(prepared.report(Measured { outcomes, times, timeline, interrupted: interrupt.is_set() }))
}

impl<'a> Prepared<'a> {
    fn new(arguments: &'a RunArguments) -> Result<Prepared<'a>, RunError> {
        let recipe = recipe(arguments)?;
        let mix = recipe.mix()?;
        let connections = arguments.load.connections;
        let batch_bytes = mix.batch_bytes(arguments.load.pipeline)?;
        if batch_bytes.saturating_mul(connections as usize) > BATCHES_BYTES_MAX {
            return Err(RunError::LargeBatches { connections });
        }
        Ok(Prepared {
            arguments,
            recipe,
            mix,
            access: arguments.access.access(),
            threads: thread_count(arguments)?,
            server: arguments.server_pid.and_then(Pid::from_raw),
            slots: None,
        })
    }

    fn preload(&self, mix: &Mix, interrupt: &Interrupt) -> Result<(), PreloadError> {
        let key_space = self.recipe.key_space;
        let Some(slots) = &self.slots else {
            return preload(&self.access, mix, key_space, None, interrupt).map(drop);
        };
        for (node, access) in slots.accesses(&self.access).iter().enumerate() {
            preload(access, mix, key_space, Some((slots, node as Node)), interrupt)?;
        }
        Ok(())
    }

    /// Opens all connections; in a cluster, dealt out to the nodes in turns.
    fn connect(&self) -> Result<Connections, RunError> {
        let connections = self.arguments.load.connections;
        let accesses = match &self.slots {
            None => vec![self.access.clone()],
            Some(slots) => slots.accesses(&self.access),
        };
        let nodes = accesses.len();
        if nodes as u64 > connections {
            return Err(RunError::FewForCluster { nodes, connections });
        }
        let mut by_node = Vec::new();
        for (index, access) in accesses.iter().enumerate() {
            let wanted = share(connections, nodes as u64, index as u64) as usize;
            by_node.push(access.connect_all(wanted, self.arguments.shard)?.into_iter());
        }
        let mut opened = Connections { links: Vec::new(), nodes: Vec::new() };
        for index in 0..connections as usize {
            let socket =
                by_node[index % nodes].next().expect("shares of the first nodes are the larger ones");
            opened.links.push(Link { socket, batch: Vec::new() });
            opened.nodes.push((index % nodes) as Node);
        }
        Ok(opened)
    }

    /// One thread's share, for which it takes its connections from those that are left.
    fn plan<'b>(
        &'b self,
        index: u64,
        left: &mut Connections,
        observer: &'b Observer,
        progress: &'b Progress,
    ) -> Plan<'b> {
        let (load, cpus) = (&self.arguments.load, &self.arguments.cpus);
        let part = Part { index, count: self.threads };
        let seed = load.seed.wrapping_add(index);
        let rest = left.links.len() - share(load.connections, self.threads, index) as usize;
        let nodes = left.nodes.split_off(rest);
        let route = self.slots.clone().map(|map| Route { map, nodes });
        let arrivals = |rate| Arrivals::new(rate, load.arrivals, part, seed.rotate_left(32));
        Plan {
            links: left.links.split_off(rest),
            composer: self.mix.composer(seed, part, route),
            kinds: self.mix.templates().len(),
            pipeline: load.pipeline,
            arrivals: load.rate.map(arrivals),
            reply_time_max: load.reply_timeout,
            quota: self.arguments.requests.map(|requests| share(requests, self.threads, index)),
            cpu: cpus.as_ref().map(|cpus| cpus.0[index as usize % cpus.0.len()]),
            observer,
            progress,
        }
    }
}

fn recipe(arguments: &RunArguments) -> Result<Recipe, RecipeError> {
    let base = match (&arguments.workload, &arguments.preset) {
        (Some(path), _) => Recipe::of_file(&WorkloadFile::read(path)?)?,
        (None, Some(name)) => Recipe::of_preset(name)?,
        (None, None) => Recipe::default(),
    };
    base.with_flags(&arguments.recipe)
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
pub fn share(total: u64, threads: u64, index: u64) -> u64 {
    total / threads + u64::from(index < total % threads)
}

fn measure(
    arguments: &RunArguments,
    plans: Vec<Plan<'_>>,
    server: Option<Pid>,
    progress: &Progress,
    interrupt: &Interrupt,
) -> (Vec<Outcome>, Vec<TimelinePoint>) {
    let (seconds, goal) = match (arguments.load.seconds, arguments.requests) {
        (None, Some(requests)) => (Duration::MAX, Goal::Requests(requests)),
        (seconds, _) => {
            let seconds = seconds.unwrap_or(SECONDS_DEFAULT);
            (seconds, Goal::Time(seconds))
        }
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
        watch(&threads, warmup, interrupt, |_| ());
        phase.begin_measuring();
        let mut timeline = Timeline::new(server);
        let bar = Bar::new(goal);
        watch(&threads, seconds, interrupt, |elapsed| {
            let requests = progress.requests.load(Ordering::Relaxed);
            timeline.observe(requests);
            bar.show(elapsed, requests, progress.errors.load(Ordering::Relaxed));
        });
        phase.end();
        let join =
            |thread: ScopedJoinHandle<'_, Outcome>| thread.join().expect("a thread returns its failures");
        (threads.into_iter().map(join).collect(), timeline.points())
    })
}

/// Waits for the time to pass, or for something that ends a run early.
fn watch(
    threads: &[ScopedJoinHandle<'_, Outcome>],
    time: Duration,
    interrupt: &Interrupt,
    mut meanwhile: impl FnMut(Duration),
) {
    let began = Instant::now();
    // A thread that has met its quota leaves the others to meet theirs; one that fails ends all.
    let ended = || threads.iter().all(ScopedJoinHandle::is_finished);
    while !interrupt.is_set() && !ended() {
        let elapsed = began.elapsed();
        meanwhile(elapsed);
        match time.checked_sub(elapsed) {
            None | Some(Duration::ZERO) => return,
            Some(rest) => thread::sleep(rest.min(LOOK)),
        }
    }
}

impl Prepared<'_> {
    fn report(&self, measured: Measured) -> Run {
        let load = &self.arguments.load;
        let Measured { outcomes, times, timeline, interrupted } = measured;
        let threads = outcomes.len() as u64;
        let mut counts = Counts::new(self.mix.templates().len());
        let mut failure = None;
        let (mut elapsed, mut cpu) = (Duration::ZERO, Duration::ZERO);
        for outcome in outcomes {
            counts.add(outcome.counts);
            elapsed = elapsed.max(outcome.elapsed);
            cpu += outcome.cpu;
            failure = failure.or(outcome.failure);
        }
        let machine = times.map(|(before, after)| machine_report(before, after, counts.requests));
        let failure = failure
            .map(|failure| describe(&failure, &counts, load.connections))
            .or_else(|| worthless(&counts).filter(|_| !interrupted));
        let latencies = counts.latencies();
        let report = RunReport {
            workload: self.workload_name(),
            command: self.recipe.title(),
            target: self.access.target.to_string(),
            connections: load.connections,
            pipeline: load.pipeline,
            rate: load.rate,
            arrivals: load.rate.map(|_| load.arrivals.to_string()),
            threads,
            keys: self.recipe.keys.to_string(),
            key_space: self.recipe.key_space,
            value_bytes: self.recipe.values.mean().round() as u64,
            value_sizes: self.recipe.values.to_string(),
            seed: load.seed,
            seconds: elapsed.as_secs_f64(),
            requests: counts.requests,
            errors: counts.errors,
            redirected: counts.redirected,
            cluster_nodes: self.slots.as_ref().map(|slots| slots.node_count() as u64),
            unanswered: counts.unanswered,
            requests_per_second: ratio(counts.requests as f64, elapsed.as_secs_f64()),
            latency_us: latencies.summary(),
            latency_curve: latencies.curve(),
            commands: self.command_reports(&counts),
            timeline,
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
        };
        Run { report, latencies }
    }

    fn workload_name(&self) -> Option<String> {
        let file = self.arguments.workload.as_ref().and_then(|path| path.file_stem());
        file.map(|name| name.to_string_lossy().into_owned()).or_else(|| self.arguments.preset.clone())
    }

    fn command_reports(&self, counts: &Counts) -> Vec<CommandReport> {
        let report = |(template, latencies): (&crate::template::Template, &Latencies)| CommandReport {
            command: template.line().to_owned(),
            requests: latencies.count(),
            latency_us: latencies.summary(),
        };
        self.mix.templates().iter().zip(&counts.kinds).map(report).collect()
    }
}

fn describe(failure: &Failure, counts: &Counts, connections: u64) -> String {
    let Counts { requests, errors, .. } = counts;
    format!(
        "{failure} ({requests} requests were answered on {connections} connections, {errors} with an error)"
    )
}

/// Why the figures mean nothing, although no connection has failed.
fn worthless(counts: &Counts) -> Option<String> {
    (counts.requests == 0).then(|| "the server answered no request at all".to_owned())
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
