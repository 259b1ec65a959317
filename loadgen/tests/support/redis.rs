//! A real redis-server on a free port, in a folder of its own, gone at the end of the test.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{Results, wait_until};

pub struct Redis {
    child: Child,
    pub port: u16,
    pub folder: Results,
}

impl Redis {
    /// Starts one with more options, once it listens.
    pub fn start(options: &[&str]) -> Redis {
        let program = program();
        let folder = Results::new();
        let port = free_port();
        let child = Command::new(&program)
            .args(["--port", &port.to_string(), "--save", "", "--appendonly", "no", "--dir"])
            .arg(&folder.0)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} starts: {error}", program.display()));
        let redis = Redis { child, port, folder };
        wait_until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        redis
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// In `target/oracle`, or installed.
fn program() -> PathBuf {
    let unpacked = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/oracle/redis-server");
    if unpacked.exists() { unpacked } else { PathBuf::from("redis-server") }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A port that is free now, below the usual range of outgoing connections; a bus of a cluster has room above it.
fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 11_000 + (std::process::id() % 1000) as u16 * 9;
    let ports = (0..8000).map(|_| 11_000 + (start - 11_000 + NEXT.fetch_add(1, Ordering::Relaxed)) % 9000);
    let is_free = |port: &u16| {
        let bind = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        bind(*port) && bind(*port + 10_000)
    };
    ports.into_iter().find(is_free).expect("some port is free")
}
