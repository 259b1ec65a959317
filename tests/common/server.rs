//! A server process in a folder of its own, on a free port, ready when `start` returns and killed when dropped.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{Client, oracle};

/// How long a server may take to answer its first PING, or to leave.
const START_WAIT: Duration = Duration::from_secs(20);

/// How often another port is tried.
const STARTS_MAX: usize = 5;

/// A server that has yet to be started.
#[derive(Clone)]
pub struct Launch {
    program: PathBuf,
    flags: Vec<String>,
    /// The limit of open files, when it is not the tests' own.
    open_files_max: Option<u32>,
}

pub struct Server {
    child: Child,
    pub port: u16,
    pub folder: PathBuf,
}

/// A process that ended by itself.
pub struct Ended {
    pub status: ExitStatus,
    pub output: String,
}

impl Launch {
    /// The server of this project.
    pub fn basalt() -> Self {
        Launch { program: env!("CARGO_BIN_EXE_basalt").into(), flags: Vec::new(), open_files_max: None }
    }

    /// The server it is compared with.
    pub fn redis() -> Self {
        Launch { program: oracle::redis_server(), flags: Vec::new(), open_files_max: None }
    }

    /// A flag and its value, as on the command line.
    pub fn with(mut self, flag: &str, value: impl ToString) -> Self {
        self.flags.extend([format!("--{flag}"), value.to_string()]);
        self
    }

    /// Shards are ours alone: Redis is started without them.
    pub fn shards(self, count: usize) -> Self {
        self.with("shards", count)
    }

    /// An argument before all flags: a configuration file.
    pub fn file(mut self, path: &Path) -> Self {
        self.flags.insert(0, path.display().to_string());
        self
    }

    pub fn open_files_max(self, count: u32) -> Self {
        Launch { open_files_max: Some(count), ..self }
    }

    /// Starts on a free port and waits until it answers.
    pub fn start(&self) -> Server {
        for _ in 0..STARTS_MAX {
            let port = free_port();
            let mut server = self.clone().with("port", port).spawn(port, temporary_folder());
            if server.wait_until(|| Client::tcp("127.0.0.1", port).is_ok_and(|mut client| pongs(&mut client)))
            {
                return server;
            }
            assert!(server.log().contains("in use"), "the server did not start:\n{}", server.log());
        }
        panic!("no port was free in {STARTS_MAX} attempts");
    }

    /// Starts as told, in this folder, and waits until `is_ready` or the process ends.
    pub fn start_when(&self, folder: PathBuf, is_ready: impl Fn() -> bool) -> Server {
        let mut server = self.spawn(0, folder);
        assert!(server.wait_until(is_ready), "the server did not start:\n{}", server.log());
        server
    }

    /// Runs until the process ends by itself, which it must.
    pub fn run_to_end(&self) -> Ended {
        let mut server = self.spawn(0, temporary_folder());
        let status = server.wait_for_end();
        Ended { status, output: server.log() }
    }

    fn spawn(&self, port: u16, folder: PathBuf) -> Server {
        let log = File::create(folder.join("output.txt")).expect("the folder is ours");
        let mut command = match self.open_files_max {
            None => Command::new(&self.program),
            Some(count) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("ulimit -n {count} && exec \"$0\" \"$@\"")).arg(&self.program);
                shell
            }
        };
        command.args(&self.flags);
        for (flag, value) in [("--dir", folder.to_str().expect("a plain path")), ("--save", "")] {
            if !self.flags.iter().any(|given| given == flag) {
                command.args([flag, value]);
            }
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        Server { child, port, folder }
    }
}

impl Server {
    pub fn client(&self) -> Client {
        Client::tcp("127.0.0.1", self.port).expect("the server accepts")
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// What the server printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("output.txt")).expect("the output file is there")
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").arg("-c").arg(line).status().expect("sh runs").success());
    }

    /// Kills the process as `kill -9` does, and starts it again as `launch` says, with the same port and folder.
    pub fn kill_and_restart(&mut self, launch: &Launch) {
        self.child.kill().expect("it was running");
        self.restart(launch);
    }

    /// Starts the process again when it has ended.
    pub fn restart(&mut self, launch: &Launch) {
        self.child.wait().expect("our child");
        let (port, folder) = (self.port, self.folder.clone());
        let launch = launch.clone().with("port", port);
        let deadline = Instant::now() + START_WAIT;
        loop {
            let again = launch.spawn(port, folder.clone());
            // What is dropped here must not take the folder with it.
            std::mem::replace(self, again).folder = temporary_folder();
            let is_ready = || Client::tcp("127.0.0.1", port).is_ok_and(|mut client| pongs(&mut client));
            if self.wait_until(is_ready) {
                return;
            }
            // The kernel takes the ring of a killed process apart a little later, and keeps its port until then.
            let may_try = self.log().contains("in use") && Instant::now() < deadline;
            assert!(may_try, "the server did not start again:\n{}", self.log());
        }
    }

    pub fn wait_for_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + START_WAIT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the server did not end:\n{}", self.log());
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our child").is_none()
    }

    /// Resident bytes now.
    pub fn resident_bytes(&self) -> u64 {
        let status = self.proc_file("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS is there");
        let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
        kib * 1024
    }

    /// Processor time of all threads so far, in clock ticks of 10 ms.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = self.proc_file("stat");
        let fields: Vec<_> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
        fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
    }

    pub fn proc_file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("the server runs")
    }

    /// Whether `is_true` within the bound; false at once when the process ended.
    pub fn wait_until(&mut self, is_true: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + START_WAIT;
        while Instant::now() < deadline && self.is_running() {
            if is_true() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error says that the process ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        match std::thread::panicking() {
            true => eprintln!("output of {}:\n{}", self.child.id(), tail(&self.log())),
            false => fs::remove_dir_all(&self.folder).expect("the folder is ours"),
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn pongs(client: &mut Client) -> bool {
    client.try_send(b"PING\r\n").is_ok()
        && client.try_read().is_ok_and(|reply| !reply.is_error() || reply.string().starts_with("NOAUTH"))
}

/// A port that nobody listened on a moment ago.
pub fn free_port() -> u16 {
    // Below the ports that the kernel gives to clients: one of those may take the port between two starts of a
    // server. Test processes begin at different places, and each goes round.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 15_000 + (std::process::id().wrapping_mul(97).wrapping_add(step * 7)) % 15_000;
        if TcpListener::bind(("0.0.0.0", port as u16)).is_ok() {
            return port as u16;
        }
    }
}

/// A new empty folder; a `Server` removes its own.
pub fn temporary_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("basalt-test-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder
}
