//! A host made up for a test: a folder of files, settings, and what system calls would have said.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::{Config, Start};
use crate::sys::disk::Space;

use super::super::host::{Host, Probes};
use super::super::report::Report;
use super::super::tree::Tree;

static MADE: AtomicUsize = AtomicUsize::new(0);

/// Four CPUs, one node, a network device with one queue whose interrupt comes to CPU 0, and nothing to complain about for a
/// server on CPUs 1 to 3.
pub const GOOD_HOST: &[(&str, &str)] = &[
    ("/proc/sys/kernel/osrelease", "6.12.9-good"),
    ("/proc/sys/kernel/io_uring_disabled", "0"),
    ("/proc/self/status", "Name:\tbasalt\nCapEff:\t0000000000000000\nSeccomp:\t0\nCpus_allowed_list:\t0-3\n"),
    (
        "/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max core file size        unlimited            unlimited            bytes     \n\
         Max open files            1024                 524288               files     \n\
         Max locked memory         8388608              8388608              bytes     \n",
    ),
    ("/proc/self/cgroup", "0::/basalt.service\n"),
    ("/sys/fs/cgroup/basalt.service/cpu.max", "max 100000"),
    (
        "/proc/self/mountinfo",
        "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
         21 20 8:2 / /var/lib rw,noatime shared:2 - xfs /dev/sda2 rw,attr2\n",
    ),
    ("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc aes\n"),
    ("/proc/stat", "cpu  1000 0 500 90000 10 0 5 0 0 0\ncpu0 1 0 1 1 1 1 1 1 1 1\n"),
    ("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n"),
    (
        "/proc/interrupts",
        "           CPU0  CPU1  CPU2  CPU3\n 30:        0     0     0     0  PCI eth0-config\n 31:      900     0     0     0  PCI eth0-rx\n",
    ),
    ("/proc/irq/30/smp_affinity_list", "0-3"),
    ("/proc/irq/31/smp_affinity_list", "0-3"),
    ("/proc/irq/31/effective_affinity_list", "0"),
    ("/proc/1/comm", "init"),
    ("/proc/sys/fs/nr_open", "1048576"),
    ("/proc/sys/kernel/numa_balancing", "0"),
    ("/proc/sys/kernel/perf_event_paranoid", "1"),
    ("/proc/sys/kernel/kptr_restrict", "0"),
    ("/proc/sys/kernel/core_pattern", "core"),
    ("/proc/sys/vm/zone_reclaim_mode", "0"),
    ("/proc/sys/vm/overcommit_memory", "0"),
    ("/proc/sys/vm/swappiness", "60"),
    ("/proc/sys/net/core/somaxconn", "4096"),
    ("/proc/sys/net/core/busy_read", "0"),
    ("/proc/sys/net/core/busy_poll", "0"),
    ("/proc/sys/net/ipv4/tcp_max_syn_backlog", "2048"),
    ("/proc/sys/net/ipv4/tcp_congestion_control", "cubic"),
    ("/proc/sys/net/ipv4/tcp_available_congestion_control", "reno cubic"),
    ("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456"),
    ("/proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t4194304"),
    ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
    ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
    ("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm"),
    ("/sys/devices/system/cpu/online", "0-3"),
    ("/sys/devices/system/cpu/isolated", "1-3"),
    ("/sys/devices/system/node/online", "0"),
    ("/sys/devices/system/node/node0/cpulist", "0-3"),
    ("/sys/class/net/lo/operstate", "unknown"),
    ("/sys/class/net/eth0/device/msi_irqs/30", "msix"),
    ("/sys/class/net/eth0/device/msi_irqs/31", "msix"),
    ("/sys/class/net/eth0/device/numa_node", "0"),
    ("/sys/class/net/eth0/queues/rx-0/rps_cpus", "0"),
    ("/sys/class/net/eth0/queues/tx-0/xps_cpus", "0"),
];

const FLAGS: [&str; 4] = ["--cpus", "1-3", "--dir", "/"];

pub struct Fake {
    root: PathBuf,
    flags: Vec<String>,
    pub probes: Probes,
}

impl Fake {
    pub fn good() -> Fake {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("basalt-doctor-{}-{number}", std::process::id()));
        let space = Space { total_bytes: 100 << 30, free_bytes: 50 << 30 };
        let probes = Probes {
            ring: Ok(()),
            folder: Ok(PathBuf::from("/var/lib/basalt")),
            space: Ok(space),
            direct_io: Ok(true),
        };
        let fake = Fake { root, flags: FLAGS.map(str::to_owned).into(), probes };
        let per_cpu = (0..4).flat_map(|cpu| {
            let folder = format!("/sys/devices/system/cpu/cpu{cpu}");
            [
                (format!("{folder}/topology/thread_siblings_list"), cpu.to_string()),
                (format!("{folder}/cpufreq/scaling_governor"), "performance".to_owned()),
                (format!("{folder}/cpufreq/scaling_driver"), "acpi-cpufreq".to_owned()),
                (format!("{folder}/cpuidle/state0/name"), "POLL".to_owned()),
                (format!("{folder}/cpuidle/state0/latency"), "0".to_owned()),
                (format!("{folder}/cpuidle/state0/disable"), "0".to_owned()),
                (format!("{folder}/cpuidle/state1/name"), "C6".to_owned()),
                (format!("{folder}/cpuidle/state1/latency"), "133".to_owned()),
                (format!("{folder}/cpuidle/state1/disable"), "1".to_owned()),
            ]
        });
        let fixed = GOOD_HOST.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        fixed.chain(per_cpu).fold(fake, |fake, (path, text)| fake.with(&path, &text))
    }

    /// Writes a file anew.
    pub fn with(self, path: &str, text: &str) -> Fake {
        let path = self.root.join(&path[1..]);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("created");
        fs::write(path, text).expect("written");
        self
    }

    /// Takes a file or folder away.
    pub fn without(self, path: &str) -> Fake {
        let path = self.root.join(&path[1..]);
        match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        }
        .expect("removed");
        self
    }

    /// Replaces a part of a file that has it.
    pub fn edit(self, path: &str, old: &str, new: &str) -> Fake {
        let text = fs::read_to_string(self.root.join(&path[1..])).expect("there");
        assert!(text.contains(old), "{path} has no {old:?}");
        self.with(path, &text.replace(old, new))
    }

    /// Flags of the server; later ones hold over earlier ones.
    pub fn flags(mut self, flags: &[&str]) -> Fake {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    pub fn probing(mut self, change: impl FnOnce(&mut Probes)) -> Fake {
        change(&mut self.probes);
        self
    }

    pub fn report(&self) -> Report {
        let arguments = self.flags.iter().map(Into::into);
        let Ok(Start::Serve(config)) =
            Config::from_args_in(PathBuf::from("/"), arguments, &mut std::io::empty())
        else {
            panic!("the flags {:?} are wrong", self.flags)
        };
        let host =
            Host { tree: Tree::at(&self.root), settings: config.settings(), probes: self.probes.clone() };
        Report::of(&host)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // A test that has removed it all is not to fail for it.
        let _ = fs::remove_dir_all(&self.root);
    }
}
