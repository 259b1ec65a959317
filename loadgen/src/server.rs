//! A server started for a comparison: on a free port, in a private folder, stopped and cleaned up however we end.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::access::Access;
use crate::arguments::{LoginArguments, NamedCommand};
use crate::folder::TemporaryFolder;
use crate::interrupt::Interrupt;
use crate::launch::{self, LaunchError, Place};
use crate::preload::ping;
use crate::random::Random;
use crate::target::Target;
use crate::words::{self, WordsError};

/// How long a server may take to answer PING.
const READY_TIME_MAX: Duration = Duration::from_secs(20);
/// How long it may take to stop before it is killed.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);
/// Ports below the usual range of outgoing connections, one of which could take a port found free.
const PORTS: std::ops::Range<u64> = 20_000..30_000;
const PORTS_TRIED_MAX: u32 = 200;
/// Where servers are expected to listen.
const HOST: &str = "127.0.0.1";
/// Lines of its output that are shown when a server fails.
const LOG_LINES: usize = 15;

/// Why a server cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("{name}: cannot read its command: {source}")]
    Words { name: String, source: WordsError },
    #[error("{name}: {source}")]
    Launch { name: String, source: LaunchError },
    #[error("{name}: cannot start: {source}")]
    Start { name: String, source: io::Error },
    #[error("no free port between {} and {}", PORTS.start, PORTS.end)]
    NoPort,
    #[error("{name} has ended ({status}){log}")]
    Ended { name: String, status: ExitStatus, log: String },
    #[error("{name} does not answer PING within {} s: {source}{log}", READY_TIME_MAX.as_secs())]
    NotReady { name: String, source: io::Error, log: String },
    #[error("{name}: the process named for it does not exist")]
    NoProcess { name: String },
    #[error("{name} does not answer PING at {target}: {source}")]
    Silent { name: String, target: Target, source: io::Error },
    #[error("interrupted while {name} was starting")]
    Interrupted { name: String },
}

/// A running server.
pub struct ServerProcess {
    pub name: String,
    child: Child,
    access: Access,
    folder: TemporaryFolder,
}

impl ServerProcess {
    /// Starts a server and waits until it answers.
    pub fn start(
        server: &NamedCommand,
        login: &LoginArguments,
        place: Place<'_>,
        interrupt: &Interrupt,
    ) -> Result<ServerProcess, ServerError> {
        let name = || server.name.clone();
        let start_error = |source| ServerError::Start { name: name(), source };
        let words =
            words::split(&server.command).map_err(|source| ServerError::Words { name: name(), source })?;
        let folder = TemporaryFolder::create().map_err(start_error)?;
        let data = folder.path().join("data");
        fs::create_dir(&data).map_err(start_error)?;
        let log = File::create(folder.path().join("log")).map_err(start_error)?;
        let port = free_port()?;
        let fill = |word: &String| {
            word.replace("{port}", &port.to_string()).replace("{dir}", &data.display().to_string())
        };
        let words: Vec<String> = words.iter().map(fill).collect();
        let mut command =
            launch::command(&words, place).map_err(|source| ServerError::Launch { name: name(), source })?;
        command.stdout(log.try_clone().map_err(start_error)?).stderr(log);
        let child = command.spawn().map_err(start_error)?;
        let access = login.access(Target::Tcp { host: HOST.to_owned(), port });
        let mut process = ServerProcess { name: name(), child, access, folder };
        process.wait_until_ready(interrupt)?;
        Ok(process)
    }

    fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<(), ServerError> {
        let began = Instant::now();
        loop {
            self.check_running()?;
            if interrupt.is_set() {
                return Err(ServerError::Interrupted { name: self.name.clone() });
            }
            match ping(&self.access) {
                // Once more: the answer may come from a stranger that took the port just before our server.
                Ok(()) => return self.check_running(),
                Err(source) if began.elapsed() > READY_TIME_MAX => {
                    let (name, log) = (self.name.clone(), self.log_tail());
                    return Err(ServerError::NotReady { name, source, log });
                }
                Err(_) => (),
            }
            thread::sleep(LOOK);
        }
    }

    pub fn access(&self) -> &Access {
        &self.access
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Fails, with the end of its output, when the server has ended.
    pub fn check_running(&mut self) -> Result<(), ServerError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                Err(ServerError::Ended { name: self.name.clone(), status, log: self.log_tail() })
            }
            Err(source) => Err(ServerError::Start { name: self.name.clone(), source }),
        }
    }

    /// Takes the CPU away from it.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        // Only a process that has ended cannot be signalled; `check_running` says so before it is measured. Its id
        // is not given to another before `child` has been waited for.
        let _ = kill_process(self.pid(), signal);
    }

    fn log_tail(&self) -> String {
        // The output explains an error; without it the error stands alone.
        let text = fs::read(self.folder.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_LINES)..];
        tail.iter().map(|line| format!("\n    {line}")).collect()
    }

    fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.thaw();
        self.signal(Signal::TERM);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < STOP_TIME_MAX {
            thread::sleep(LOOK);
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::KILL);
            // A killed process ends; should waiting fail, there is nothing more to do about it.
            let _ = self.child.wait();
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.stop();
        // Children it left in its session. That there are none is the usual case, and an error.
        let _ = kill_process_group(self.pid(), Signal::KILL);
    }
}

fn free_port() -> Result<u16, ServerError> {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let mut random = Random::new(now.as_nanos() as u64 ^ u64::from(std::process::id()) << 48);
    (0..PORTS_TRIED_MAX)
        .map(|_| (PORTS.start + random.below(PORTS.end - PORTS.start)) as u16)
        .find(|&port| TcpListener::bind((HOST, port)).is_ok())
        .ok_or(ServerError::NoPort)
}
