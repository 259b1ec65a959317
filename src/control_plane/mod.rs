//! What need not be fast: one thread that waits for signals and samples rates.

use std::fs::DirEntry;
use std::io;
use std::iter;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::bridge::Bridge;
use crate::bridge::counters::sum;
use crate::bridge::report::report;
use crate::bridge::snapshots::{Wanted, temporary_snapshot};
use crate::config::ShutdownHow;
use crate::sys::stacks;

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// The thread's runtime, and the signals that it has taken over.
pub struct ControlPlane {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    /// `kill -USR1`: what the server is doing goes to the log.
    report: Signal,
    /// As Redis: the end of a terminal session is not the end of the server.
    _hangup: Signal,
}

impl ControlPlane {
    /// Takes over the signals: from now on they do what a server promises, and wait until `run` looks at them.
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let report = signal(SignalKind::user_defined1())?;
        let _hangup = signal(SignalKind::hangup())?;
        drop(entered);
        stacks::enable();
        Ok(ControlPlane { runtime, terminate, interrupt, report, _hangup })
    }

    /// Serves until a signal or a client ends the server.
    pub fn run(mut self, bridge: &Bridge) {
        self.runtime.block_on(serve(bridge, &mut self.terminate, &mut self.interrupt, &mut self.report));
    }
}

async fn serve(bridge: &Bridge, terminate: &mut Signal, interrupt: &mut Signal, asked: &mut Signal) {
    loop {
        let how = wait_for_end(bridge, terminate, interrupt, asked).await;
        if !bridge.loading.has_failed() {
            tracing::info!("User requested shutdown...");
        }
        let is_saved = tokio::select! {
            is_saved = save_finally(bridge, how) => is_saved,
            _ = terminate.recv() => insist(),
            _ = interrupt.recv() => insist(),
        };
        if is_saved || how.force {
            return;
        }
        tracing::warn!("Errors trying to shut down the server. Check the logs for more information.");
        bridge.refuse_shutdown();
    }
}

/// Whoever asks again does not want to wait.
fn insist() -> ! {
    tracing::warn!("You insist... exiting now.");
    // A snapshot under way is worth nothing.
    let _ = std::fs::remove_file(temporary_snapshot());
    std::process::exit(1)
}

/// Saves all keys before the end, if that is wanted. Tells whether it is done.
async fn save_finally(bridge: &Bridge, how: ShutdownHow) -> bool {
    let has_points = !bridge.config().settings().snapshot.points.is_empty();
    // While data is being read there is none to be saved, and what is there must stay.
    if !how.save.unwrap_or(has_points) || bridge.loading.is_on() {
        return true;
    }
    tracing::info!("Saving the final RDB snapshot before exiting.");
    bridge.snapshots.save_finally(|| bridge.wakers[0].wake()).await
}

/// Asks for a snapshot if a save point wants one.
fn follow_save_points(bridge: &Bridge) {
    let points = bridge.config().settings().snapshot.points;
    let changes = sum(&bridge.counters, |core| &core.changes);
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    if !bridge.loading.is_on() && bridge.snapshots.is_due(&points, changes, now_s) {
        bridge.snapshots.want(Wanted::InBackground);
        bridge.wakers[0].wake();
    }
}

async fn wait_for_end(
    bridge: &Bridge,
    terminate: &mut Signal,
    interrupt: &mut Signal,
    asked: &mut Signal,
) -> ShutdownHow {
    let mut sampling = interval(SAMPLE_INTERVAL);
    sampling.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sampled_at = Instant::now();
    loop {
        tokio::select! {
            _ = terminate.recv() => {
                tracing::warn!("Received SIGTERM scheduling shutdown...");
                return bridge.config().settings().shutdown_on_sigterm;
            }
            _ = interrupt.recv() => {
                tracing::warn!("Received SIGINT scheduling shutdown...");
                return bridge.config().settings().shutdown_on_sigint;
            }
            _ = asked.recv() => log_report(bridge),
            how = bridge.shutdown_asked() => return how,
            _ = sampling.tick() => {
                bridge.sample_rates(sampled_at.elapsed());
                sampled_at = Instant::now();
                follow_save_points(bridge);
            }
        }
    }
}

/// Each line is one of the log, as those that read it expect.
fn log_report(bridge: &Bridge) {
    tracing::info!("Received SIGUSR1: this is what the server is doing");
    report(bridge).lines().for_each(|line| tracing::info!("{line}"));
    threads().iter().for_each(|line| tracing::info!("{line}"));
    tracing::info!("End of the report");
}

/// What the kernel tells of each thread: whether it runs, where it waits, and its processor time in ticks; then its
/// stack, innermost first.
fn threads() -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let describe = |task: DirEntry| {
        // A thread may end meanwhile.
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let stat = read("stat");
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or("?");
        let line = format!(
            "thread {}: name={} state={} user_ticks={} system_ticks={} waits_in={}",
            task.file_name().display(),
            read("comm").trim(),
            field(0),
            field(11),
            field(12),
            read("wchan").trim(),
        );
        iter::once(line).chain(stack_lines(&task))
    };
    tasks.flatten().flat_map(describe).collect()
}

fn stack_lines(task: &DirEntry) -> Vec<String> {
    let Some(thread) = task.file_name().to_str().and_then(|name| name.parse().ok()) else {
        return Vec::new();
    };
    match stacks::stack_of(thread) {
        Ok(names) => names.iter().enumerate().map(|(depth, name)| format!("  {depth}: {name}")).collect(),
        Err(reason) => vec![format!("  no stack: {reason}")],
    }
}
