//! What need not be fast: one thread that waits for signals and samples rates.

use std::io;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::bridge::Bridge;

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// The thread's runtime, and the signals that it has taken over.
pub struct ControlPlane {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    /// As Redis: the end of a terminal session is not the end of the server.
    _hangup: Signal,
}

impl ControlPlane {
    /// Takes over the signals: from now on they do what a server promises, and wait until `run` looks at them.
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let _hangup = signal(SignalKind::hangup())?;
        drop(entered);
        Ok(ControlPlane { runtime, terminate, interrupt, _hangup })
    }

    /// Serves until a signal or a client ends the server.
    pub fn run(mut self, bridge: &Bridge) {
        self.runtime.block_on(wait_for_end(bridge, &mut self.terminate, &mut self.interrupt));
    }
}

async fn wait_for_end(bridge: &Bridge, terminate: &mut Signal, interrupt: &mut Signal) {
    let mut sampling = interval(SAMPLE_INTERVAL);
    sampling.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sampled_at = Instant::now();
    loop {
        tokio::select! {
            _ = terminate.recv() => return tracing::warn!("Received SIGTERM scheduling shutdown..."),
            _ = interrupt.recv() => return tracing::warn!("Received SIGINT scheduling shutdown..."),
            () = bridge.shutdown_asked() => return,
            _ = sampling.tick() => {
                bridge.sample_rates(sampled_at.elapsed());
                sampled_at = Instant::now();
            }
        }
    }
}
