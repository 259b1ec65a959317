//! A wish to stop: Ctrl-C, or a polite signal from another process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Set once by the first signal and never cleared.
#[derive(Clone, Default)]
pub struct Interrupt {
    set: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on SIGINT, SIGTERM and SIGHUP set the interrupt instead of ending the process.
    pub fn on_signals() -> io::Result<Interrupt> {
        let interrupt = Interrupt::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&interrupt.set))?;
        }
        Ok(interrupt)
    }

    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::Relaxed)
    }
}
