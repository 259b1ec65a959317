//! What tests of the program share: starting it, and a small server in this process that can misbehave.

// Each test file uses a part of it.
#![allow(dead_code)]

pub mod redis;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How the server answers one request.
#[derive(Clone, Copy)]
pub enum Answer {
    Value,
    Error,
    /// Closes the connection after so many requests of it.
    CloseAfter(u64),
    Garbage,
    /// Each reply twice.
    TooMuch,
    /// After a while.
    Late(Duration),
    /// One byte after the other.
    Pieces,
    /// Never.
    Silent,
    /// At once, but for one pause that begins so long after the first request and is as long as the second says. During
    /// it nobody is answered.
    Pausing {
        after: Duration,
        pause: Duration,
    },
    /// AUTH is refused.
    NoEntry,
}

/// A folder for results, gone at the end of the test.
pub struct Results(pub PathBuf);

impl Results {
    pub fn new() -> Results {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("basalt-load-test-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Results(path)
    }

    pub fn path(&self) -> String {
        self.0.join("results.json").display().to_string()
    }

    pub fn document(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path()).unwrap()).unwrap()
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Starts a server on a free port; gives the port and the number of requests it has seen.
pub fn serve(answer: Answer) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let began = OnceLock::new();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let counter = Arc::clone(&counter);
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            let began = *began.get_or_init(Instant::now);
            thread::spawn(move || answer_all(stream, answer, &counter, began));
        }
    });
    (port, seen)
}

/// Answers until the client goes. Requests are counted by their arrays' headers: no argument here holds a `*`.
pub fn answer_all(mut stream: impl Read + Write, answer: Answer, seen: &AtomicU64, began: Instant) {
    let mut block = [0; 4096];
    let mut served = 0;
    while let Ok(length @ 1..) = stream.read(&mut block) {
        let requests = block[..length].iter().filter(|&&byte| byte == b'*').count() as u64;
        seen.fetch_add(requests, Ordering::Relaxed);
        served += requests;
        let reply: &[u8] = match answer {
            Answer::CloseAfter(limit) if served > limit => return,
            Answer::Error => b"-ERR no such thing\r\n",
            Answer::Garbage => b"HTTP/1.1 400 Bad Request\r\n",
            Answer::TooMuch => b"+OK\r\n+OK\r\n",
            Answer::NoEntry => b"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
            Answer::Silent => continue,
            _ => b"$5\r\nhello\r\n",
        };
        match answer {
            Answer::Late(time) => thread::sleep(time),
            Answer::Pausing { after, pause } if began.elapsed() >= after => {
                thread::sleep((after + pause).saturating_sub(began.elapsed()));
            }
            _ => (),
        }
        let replies = reply.repeat(requests as usize);
        let pieces = if matches!(answer, Answer::Pieces) { 1 } else { replies.len() };
        if replies.chunks(pieces).any(|piece| stream.write_all(piece).is_err()) {
            return;
        }
    }
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_basalt-load"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn run(port: u16, arguments: &[&str]) -> Output {
    program().args(["run", "--port", &port.to_string()]).args(arguments).output().unwrap()
}

pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

pub fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

pub fn wait_until(condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "it did not come about");
        thread::sleep(Duration::from_millis(5));
    }
}
