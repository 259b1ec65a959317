//! What the clients of one run share: where the server is, until when, how fast, and what has been done.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::common::{Client, Value, words};

/// By this name the disturber knows whom it may kill.
pub const VICTIM: &str = "victim";

/// The longest that a client sleeps to keep to the rate, so that it sees the end.
const SLEEP_MAX: Duration = Duration::from_millis(200);

#[derive(Default)]
pub struct Totals {
    pub requests: AtomicU64,
    pub connections: AtomicU64,
    /// Connections that were closed though their client had not asked for it.
    pub lost: AtomicU64,
    pub kills: AtomicU64,
    pub pauses: AtomicU64,
    pub moves: AtomicU64,
    pub flushes: AtomicU64,
    pub left_midway: AtomicU64,
}

pub struct Field {
    port: u16,
    pub shards: usize,
    begin: Instant,
    /// Milliseconds from the begin until clients leave.
    end_ms: AtomicU64,
    /// Requests that all together may send in a second.
    rate: Option<f64>,
    is_broken: AtomicBool,
    pub totals: Totals,
}

impl Field {
    pub fn new(port: u16, shards: usize, rate: Option<f64>) -> Self {
        Field {
            port,
            shards,
            begin: Instant::now(),
            end_ms: AtomicU64::new(0),
            rate,
            is_broken: AtomicBool::new(false),
            totals: Totals::default(),
        }
    }

    /// Clients may come from now on for this time.
    pub fn open(&self, time: Duration) {
        self.end_ms.store((self.elapsed() + time).as_millis() as u64, Ordering::Relaxed);
    }

    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Whether clients go on.
    pub fn is_open(&self) -> bool {
        let end = Duration::from_millis(self.end_ms.load(Ordering::Relaxed));
        self.elapsed() < end && !self.is_broken.load(Ordering::Relaxed)
    }

    /// A connection that may be killed, in the protocol of its number.
    pub fn connect(&self, protocol: usize) -> Client {
        let mut client = self.connect_quietly();
        client.send(
            &[words(&format!("HELLO {protocol}")), words(&format!("CLIENT SETNAME {VICTIM}"))].concat(),
        );
        for _ in 0..2 {
            // It may be killed right away.
            match client.try_read() {
                Ok(reply) => assert!(!reply.is_error(), "{reply:?}"),
                Err(_) => return self.connect_again(protocol),
            }
        }
        client
    }

    fn connect_again(&self, protocol: usize) -> Client {
        count(&self.totals.lost, 1);
        self.connect(protocol)
    }

    /// A connection without a name, which nobody kills.
    pub fn connect_quietly(&self) -> Client {
        count(&self.totals.connections, 1);
        Client::tcp("127.0.0.1", self.port).expect("the server accepts")
    }

    /// Counts requests, and waits as long as they are ahead of the rate.
    pub fn pace(&self, requests: usize) {
        let sent = count(&self.totals.requests, requests as u64) as f64;
        if let Some(rate) = self.rate {
            let ahead = sent / rate - self.elapsed().as_secs_f64();
            if ahead > 0.0 {
                std::thread::sleep(Duration::from_secs_f64(ahead).min(SLEEP_MAX));
            }
        }
    }

    /// The replies to what is sent, or `None` when the connection was closed instead.
    pub fn ask(&self, client: &mut Client, bytes: &[u8], replies: usize) -> Option<Vec<Value>> {
        self.pace(replies);
        if client.try_send(bytes).is_err() {
            return None;
        }
        (0..replies).map(|_| next(client)).collect()
    }
}

/// The next reply, or `None` when the connection is closed. It is a bug when nothing comes.
pub fn next(client: &mut Client) -> Option<Value> {
    match client.try_read() {
        Ok(value) => Some(value),
        Err(error) if is_closed(&error) => None,
        Err(error) => panic!("no reply in time: {error}"),
    }
}

fn is_closed(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// Adds, and gives the sum.
pub fn count(total: &AtomicU64, more: u64) -> u64 {
    total.fetch_add(more, Ordering::Relaxed) + more
}

/// Ends the run when its thread has failed.
pub struct Guard<'a>(pub &'a Field);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.is_broken.store(true, Ordering::Relaxed);
        }
    }
}
