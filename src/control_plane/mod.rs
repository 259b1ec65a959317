//! What need not be fast: one thread that waits for signals and samples rates.

use std::io;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::bridge::Bridge;

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// Serves until a signal or a client ends the server.
pub fn run(bridge: &Bridge) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(wait_for_end(bridge))
}

async fn wait_for_end(bridge: &Bridge) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    // As Redis: the end of a terminal session is not the end of the server.
    let _hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut sampling = interval(SAMPLE_INTERVAL);
    sampling.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sampled_at = Instant::now();
    loop {
        tokio::select! {
            _ = terminate.recv() => {
                tracing::warn!("Received SIGTERM scheduling shutdown...");
                return Ok(());
            }
            _ = interrupt.recv() => {
                tracing::warn!("Received SIGINT scheduling shutdown...");
                return Ok(());
            }
            () = bridge.shutdown_asked() => return Ok(()),
            _ = sampling.tick() => {
                bridge.sample_rates(sampled_at.elapsed());
                sampled_at = Instant::now();
            }
        }
    }
}
