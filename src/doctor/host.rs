//! What is known of the host and of the server that is to run on it, and the facts that several checks need.

use std::path::PathBuf;

use crate::config::Settings;
use crate::sys::disk::{Space, accepts_direct_io, space};
use crate::sys::probe::{ProbeError, check_ring};

use super::cpu_set::CpuSet;
use super::tree::{Tree, Unreadable, odd};

const STATUS: &str = "/proc/self/status";
const LIMITS: &str = "/proc/self/limits";

/// Everything a check may look at.
#[derive(Debug)]
pub struct Host {
    pub tree: Tree,
    pub settings: Settings,
    pub probes: Probes,
}

/// What has to be tried or asked by system calls instead of read.
#[derive(Clone, Debug)]
pub struct Probes {
    /// Whether a ring as the server needs it can be made, or why not.
    pub ring: Result<(), String>,
    /// The working directory without links, or why it cannot be entered.
    pub folder: Result<PathBuf, String>,
    pub space: Result<Space, String>,
    /// Whether files in the working directory can be written without the page cache.
    pub direct_io: Result<bool, String>,
}

impl Probes {
    pub fn of_this_host(settings: &Settings) -> Probes {
        let folder = settings.dir.canonicalize();
        let path = folder.as_deref().unwrap_or(&settings.dir);
        Probes {
            ring: check_ring().map_err(reason),
            space: space(path).map_err(|error| error.to_string()),
            direct_io: accepts_direct_io(path).map_err(|error| error.to_string()),
            folder: folder.map_err(|error| error.to_string()),
        }
    }
}

/// What to do about it is the finding's to say.
fn reason(error: ProbeError) -> String {
    match error {
        ProbeError::Ring(source) => source.to_string(),
        other => other.to_string(),
    }
}

/// A privilege, by its bit (`linux/capability.h`).
#[derive(Clone, Copy, Debug)]
pub enum Capability {
    IpcLock = 14,
    SysAdmin = 21,
    SysResource = 24,
    PerfMon = 38,
}

/// Soft and hard limit of a resource; no limit is `u64::MAX`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub soft: u64,
    pub hard: u64,
}

impl Host {
    pub fn online(&self) -> Result<CpuSet, Unreadable> {
        self.tree.cpu_list("/sys/devices/system/cpu/online")
    }

    /// CPUs on which this process may run.
    pub fn allowed(&self) -> Result<CpuSet, Unreadable> {
        let list = self.status("Cpus_allowed_list")?;
        CpuSet::from_list(&list).ok_or_else(|| odd(STATUS, &list))
    }

    /// The CPU of each shard, chosen as the server does when it starts.
    pub fn placement(&self) -> Result<Vec<usize>, Unreadable> {
        let chosen = match self.settings.cpus.is_empty() {
            true => self.allowed()?.iter().collect(),
            false => self.settings.cpus.clone(),
        };
        if chosen.is_empty() {
            return Err(Unreadable::Untold("no CPU is left to this process".into()));
        }
        let shards = if self.settings.shards == 0 { chosen.len() } else { self.settings.shards };
        Ok((0..shards).map(|shard| chosen[shard % chosen.len()]).collect())
    }

    pub fn shard_cpus(&self) -> Result<CpuSet, Unreadable> {
        Ok(self.placement()?.into_iter().collect())
    }

    /// CPUs that run no shard.
    pub fn spare_cpus(&self) -> Result<CpuSet, Unreadable> {
        Ok(self.online()?.without(&self.shard_cpus()?))
    }

    /// All CPUs but the first, which is left to everything else; `None` if there is only one.
    pub fn cpus_but_one(&self) -> Result<Option<CpuSet>, Unreadable> {
        let fewer: CpuSet = self.online()?.iter().skip(1).collect();
        Ok(Some(fewer).filter(|cpus| !cpus.is_empty()))
    }

    /// A line of the status of this process.
    pub fn status(&self, name: &str) -> Result<String, Unreadable> {
        let text = self.tree.text(STATUS)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| value.trim().to_owned())
            .ok_or_else(|| Unreadable::Untold(format!("{STATUS} has no line {name}")))
    }

    pub fn has(&self, capability: Capability) -> Result<bool, Unreadable> {
        let text = self.status("CapEff")?;
        let bits = u64::from_str_radix(&text, 16).map_err(|_| odd(STATUS, &text))?;
        Ok(bits & (1 << capability as u32) != 0)
    }

    /// A line of the limits of this process, such as `Max open files`.
    pub fn limit(&self, name: &str) -> Result<Limit, Unreadable> {
        let text = self.tree.text(LIMITS)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("");
        let mut words = line.split_whitespace().map(|word| match word {
            "unlimited" => Some(u64::MAX),
            number => number.parse().ok(),
        });
        match (words.next().flatten(), words.next().flatten()) {
            (Some(soft), Some(hard)) => Ok(Limit { soft, hard }),
            _ => Err(Unreadable::Untold(format!("{LIMITS} has no line {name}"))),
        }
    }

    /// A word among the flags of the first processor; `None` where the kernel lists none, as beside x86.
    pub fn processor_has(&self, flag: &str) -> Result<Option<bool>, Unreadable> {
        let text = self.tree.text("/proc/cpuinfo")?;
        let flags = text.lines().find(|line| line.starts_with("flags"));
        Ok(flags.map(|line| line.split_whitespace().any(|word| word == flag)))
    }

    pub fn is_virtual(&self) -> bool {
        matches!(self.processor_has("hypervisor"), Ok(Some(true)))
    }

    /// Network devices with hardware, or what a hypervisor shows as such.
    pub fn network_devices(&self) -> Result<Vec<String>, Unreadable> {
        let names = self.tree.names("/sys/class/net")?;
        Ok(names.into_iter().filter(|name| self.tree.has(&format!("/sys/class/net/{name}/device"))).collect())
    }
}

/// What stands in brackets, as in `always [madvise] never`.
pub fn chosen_word(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(word, _)| word)
}

/// `8 MiB`, `500 KiB`: rounded down to the largest unit that leaves a number above 0.
pub fn show_bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        _ if bytes == u64::MAX => "unlimited".to_owned(),
        Some((size, unit)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} bytes"),
    }
}
