//! CPU time as the kernel accounts it: of a server's threads, of this process, of the whole machine.
//!
//! A server's time is read twice, from the nanoseconds in `/proc/PID/task/*/schedstat` and from the ticks in
//! `/proc/PID/stat`. The first is exact but forgets threads that have ended; the second counts them, in steps of
//! 10 ms. Where both agree, the first is the figure.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// CPU times since some fixed moment; differences of two are what counts.
#[derive(Clone, Copy, Debug)]
pub struct CpuTimes {
    /// When they were read.
    pub at: Instant,
    pub server: Option<ServerTimes>,
    /// Of this process.
    pub own: Duration,
    /// Of everything on the machine.
    pub machine: Duration,
}

/// One server's time by two accounts.
#[derive(Clone, Copy, Debug)]
pub struct ServerTimes {
    pub by_nanoseconds: Duration,
    pub by_ticks: Duration,
}

impl CpuTimes {
    /// Fails when the server is gone.
    pub fn now(server: Option<Pid>) -> io::Result<CpuTimes> {
        let own = clock_gettime(ClockId::ProcessCPUTime);
        Ok(CpuTimes {
            at: Instant::now(),
            server: server.map(ServerTimes::now).transpose()?,
            own: Duration::new(own.tv_sec as u64, own.tv_nsec as u32),
            machine: machine_busy()?,
        })
    }
}

impl ServerTimes {
    fn now(server: Pid) -> io::Result<ServerTimes> {
        let server = server.as_raw_nonzero();
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{server}/task"))? {
            // A thread may end between being listed and being read.
            if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
                nanoseconds +=
                    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0u64);
            }
        }
        let stat = fs::read_to_string(format!("/proc/{server}/stat"))?;
        Ok(ServerTimes {
            by_nanoseconds: Duration::from_nanos(nanoseconds),
            by_ticks: parse_process_ticks(&stat).ok_or_else(|| unreadable("/proc/PID/stat"))?,
        })
    }
}

/// The CPU time of a server's threads so far.
pub fn server_cpu(server: Pid) -> io::Result<Duration> {
    ServerTimes::now(server).map(|times| times.by_nanoseconds)
}

/// The CPU times when the first thread began to measure and when the last one ended: read by the threads themselves,
/// so that the requests which they count are those of the time between.
pub struct Observer {
    server: Option<Pid>,
    observed: Mutex<Option<(CpuTimes, CpuTimes)>>,
}

impl Observer {
    /// Fails when the server or the kernel's accounts cannot be read.
    pub fn new(server: Option<Pid>) -> io::Result<Observer> {
        CpuTimes::now(server)?;
        Ok(Observer { server, observed: Mutex::new(None) })
    }

    /// A thread begins or ends.
    pub fn observe(&self) {
        // A server that is gone has no times any more; that its connections broke is the better message.
        let Ok(now) = CpuTimes::now(self.server).or_else(|_| CpuTimes::now(None)) else {
            return;
        };
        let mut observed = self.observed.lock().expect("no thread panics while it observes");
        let first = observed.map_or(now, |(first, _)| first);
        *observed = Some((first, now));
    }

    pub fn into_times(self) -> Option<(CpuTimes, CpuTimes)> {
        self.observed.into_inner().expect("no thread panics while it observes")
    }
}

/// User and system time from `/proc/PID/stat`. The name in parentheses may hold anything, so fields count from its end.
fn parse_process_ticks(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(from_ticks(user + system))
}

/// Time of all CPUs spent on anything but idling, waiting for disks, and other virtual machines.
fn machine_busy() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    parse_machine_busy(&text).ok_or_else(|| unreadable("/proc/stat"))
}

fn parse_machine_busy(text: &str) -> Option<Duration> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = fields.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _wait, interrupts, soft_interrupts, ..] = fields[..] else {
        return None;
    };
    Some(from_ticks(user + nice + system + interrupts + soft_interrupts))
}

fn unreadable(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("cannot read {path}"))
}

fn from_ticks(ticks: u64) -> Duration {
    Duration::from_secs(ticks) / clock_ticks_per_second() as u32
}

/// Lets this thread run on one CPU only, if one is given.
pub fn stay_on(cpu: Option<usize>) {
    if let Some(cpu) = cpu {
        let mut cpus = CpuSet::new();
        cpus.set(cpu);
        // The CPUs were checked when the arguments were read; should one be gone by now, running elsewhere only
        // makes the measurement worse.
        let _ = sched_setaffinity(None, &cpus);
    }
}

/// The CPUs that exist and are not offline.
pub fn online_cpus() -> io::Result<HashSet<usize>> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online")?;
    let cpus = parse_cpu_list(text.trim()).ok_or_else(|| unreadable("/sys/devices/system/cpu/online"))?;
    Ok(cpus.into_iter().collect())
}

/// Reads a list such as `0,2-3`.
pub fn parse_cpu_list(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high): (usize, usize) = (low.parse().ok()?, high.parse().ok()?);
        if low > high || high >= rustix::thread::CpuSet::MAX_CPU {
            return None;
        }
        cpus.extend(low..=high);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::process::Pid;

    use super::{CpuTimes, parse_cpu_list, parse_machine_busy, parse_process_ticks};

    #[test]
    fn cpu_lists_hold_numbers_and_ranges() {
        assert_eq!(parse_cpu_list("0"), Some(vec![0]));
        assert_eq!(parse_cpu_list("3,0-2"), Some(vec![3, 0, 1, 2]));
        for wrong in ["", "x", "1-", "2-1", "0,,1", "999999"] {
            assert_eq!(parse_cpu_list(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn kernel_files_are_read_by_field() {
        let stat = "12 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(parse_process_ticks(stat), Some(Duration::from_secs(3)));
        let machine = "cpu  100 100 100 5000 6000 50 50 700 0 0\ncpu0 1 2 3\n";
        assert_eq!(parse_machine_busy(machine), Some(Duration::from_secs(4)));
        assert_eq!(parse_machine_busy("intr 1 2 3"), None);
    }

    #[test]
    fn both_accounts_of_a_process_agree() {
        // Of another process: threads of this one, tests as they are, end and take their nanoseconds with them.
        let mut busy = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let pid = Some(Pid::from_child(&busy));
        let before = CpuTimes::now(pid).unwrap();
        let began = Instant::now();
        let spent = || CpuTimes::now(pid).unwrap().server.unwrap().by_nanoseconds;
        while spent() < Duration::from_millis(300) && began.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(10));
        }
        let after = CpuTimes::now(pid).unwrap();
        busy.kill().unwrap();
        busy.wait().unwrap();
        let (before, after) = (before.server.unwrap(), after.server.unwrap());
        let exact = (after.by_nanoseconds - before.by_nanoseconds).as_secs_f64();
        let ticks = (after.by_ticks - before.by_ticks).as_secs_f64();
        assert!(exact > 0.2 && (exact - ticks).abs() < 0.1, "{exact} {ticks}");
    }
}
