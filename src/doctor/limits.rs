//! Checks: what the server cannot start without, and the limits that it meets.

use crate::sys::probe::{KERNEL_MIN, MEMLOCK_BYTES_MIN, kernel_version, reserved_descriptors};

use super::check::{Examination, Verdict};
use super::host::{Capability, Host, show_bytes};
use super::tree::odd;

/// What the rings of one executor register: three times 64 KiB.
const PINNED_BYTES_PER_SHARD: u64 = 3 * 64 * 1024;
/// `Seccomp:` in the status of a process that a filter watches.
const SECCOMP_FILTER: &str = "2";

pub fn kernel(host: &Host) -> Examination {
    const RELEASE: &str = "/proc/sys/kernel/osrelease";
    let release = host.tree.text(RELEASE)?;
    let (major, minor) = KERNEL_MIN;
    match kernel_version(&release) {
        Some(version) if version < KERNEL_MIN => Verdict::important(
            format!("Linux {release}"),
            [&format!("upgrade the kernel to {major}.{minor} or newer")],
        ),
        Some(_) => Verdict::fine(format!("Linux {release}")),
        None => Err(odd(RELEASE, &release)),
    }
}

pub fn io_uring(host: &Host) -> Examination {
    const ALLOW: &str = "sysctl -w kernel.io_uring_disabled=0";
    // Kernels before 6.6 have no such switch.
    let disabled = host.tree.number("/proc/sys/kernel/io_uring_disabled").unwrap_or(0);
    let is_filtered = host.status("Seccomp").is_ok_and(|mode| mode == SECCOMP_FILTER);
    match &host.probes.ring {
        Ok(()) if disabled == 0 => Verdict::fine("a ring can be made"),
        Ok(()) => Verdict::advice(
            format!("allowed to this user, but kernel.io_uring_disabled is {disabled} for others"),
            [ALLOW],
        ),
        Err(_) if disabled != 0 => {
            Verdict::important(format!("kernel.io_uring_disabled is {disabled}"), [ALLOW])
        }
        Err(reason) if is_filtered => Verdict::important(
            format!("a seccomp filter is active, and no ring can be made: {reason}"),
            [
                "docker run --security-opt seccomp=PROFILE.json ...",
                "PROFILE.json allows io_uring_setup, io_uring_enter, io_uring_register",
            ],
        ),
        Err(reason) => Verdict::important(
            reason.clone(),
            ["see whether the kernel was built with CONFIG_IO_URING, or a sandbox denies it"],
        ),
    }
}

pub fn locked_memory(host: &Host) -> Examination {
    const RAISE: [&str; 2] = ["ulimit -l 1024", "LimitMEMLOCK=1M        # in the systemd unit"];
    let limit = host.limit("Max locked memory")?;
    let shown = show_bytes(limit.soft);
    let pinned = PINNED_BYTES_PER_SHARD * host.placement()?.len() as u64;
    if limit.soft < MEMLOCK_BYTES_MIN {
        return Verdict::important(
            format!("{shown}; the server does not start below {}", show_bytes(MEMLOCK_BYTES_MIN)),
            RAISE,
        );
    }
    if limit.soft < pinned && !host.has(Capability::IpcLock)? {
        return Verdict::advice(
            format!("{shown}, the rings of this server want {}", show_bytes(pinned)),
            [&format!("ulimit -l {}", pinned / 1024), "LimitMEMLOCK= in the systemd unit"],
        );
    }
    Verdict::fine(format!("{shown}, of which buffers pin {}", show_bytes(pinned)))
}

pub fn open_files(host: &Host) -> Examination {
    let limit = host.limit("Max open files")?;
    let shards = host.placement()?.len();
    let clients = u64::from(host.settings.maxclients);
    let wanted = clients + reserved_descriptors(shards);
    let most = host.tree.number("/proc/sys/fs/nr_open").map_or(u64::MAX, i64::unsigned_abs);
    let reachable = if host.has(Capability::SysResource)? { most } else { limit.hard };
    if reachable >= wanted {
        return Verdict::fine(format!("enough for {clients} clients"));
    }
    let fewer = reachable.saturating_sub(reserved_descriptors(shards));
    Verdict::important(
        format!("{reachable}: room for {fewer} clients, maxclients is {clients}"),
        [
            if most < wanted { "sysctl -w fs.nr_open=1048576" } else { "" },
            &format!("ulimit -n {wanted}"),
            &format!("LimitNOFILE={wanted}    # in the systemd unit"),
        ],
    )
}
