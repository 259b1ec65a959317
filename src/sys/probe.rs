//! What the host must offer before the server starts; each refusal says what to do.

use std::io;

use io_uring::{IoUring, Probe, opcode};

/// The memory lock limit that glommio demands, in bytes.
pub const MEMLOCK_BYTES_MIN: u64 = 512 * 1024;
/// Descriptors beside those of clients: standard streams, log, signals; and rings, listeners and counters of a shard.
const RESERVED_DESCRIPTORS: u64 = 32;
const RESERVED_DESCRIPTORS_PER_SHARD: u64 = 12;
/// The kernel from which everything used here is there.
pub const KERNEL_MIN: (u32, u32) = (6, 1);

/// Why this host cannot run the server.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error(
        "Linux {0} is too old: Basalt needs 6.1 or newer (io_uring with DEFER_TASKRUN). Upgrade the kernel"
    )]
    Kernel(String),
    #[error(
        "io_uring is not available ({0}). In a container, allow the system calls io_uring_setup, io_uring_enter and \
         io_uring_register in the seccomp profile (with docker: --security-opt seccomp=PROFILE); on the host, see that \
         `sysctl kernel.io_uring_disabled` is 0"
    )]
    Ring(io::Error),
    #[error("the kernel's io_uring lacks the operation {0}. Upgrade the kernel to 6.1 or newer")]
    Operation(&'static str),
    #[error(
        "only {0} bytes of memory may be locked, {MEMLOCK_BYTES_MIN} are needed. Raise the limit: `ulimit -l 1024`, \
         LimitMEMLOCK=1M in a systemd unit, or --ulimit memlock=1048576 with docker"
    )]
    MemoryLock(u64),
    #[error(
        "this processor lacks AES, carry-less multiplication, SSE 4.2 or POPCNT, for which Basalt is built; rebuild it with other \
         target features"
    )]
    Processor,
}

/// Checks kernel, io_uring, processor and memory lock limit.
pub fn check_host() -> Result<(), ProbeError> {
    let release = kernel_release();
    if kernel_version(&release).is_some_and(|version| version < KERNEL_MIN) {
        return Err(ProbeError::Kernel(release));
    }
    #[cfg(target_arch = "x86_64")]
    if !(std::is_x86_feature_detected!("aes")
        && std::is_x86_feature_detected!("pclmulqdq")
        && std::is_x86_feature_detected!("sse4.2")
        && std::is_x86_feature_detected!("popcnt"))
    {
        return Err(ProbeError::Processor);
    }
    check_ring()?;
    let (memlock, _) = limit(libc::RLIMIT_MEMLOCK);
    if memlock < MEMLOCK_BYTES_MIN {
        return Err(ProbeError::MemoryLock(memlock));
    }
    Ok(())
}

/// Makes a ring as a core does, and asks it for the operations that are used.
pub fn check_ring() -> Result<(), ProbeError> {
    let ring: IoUring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .build(8)
        .map_err(ProbeError::Ring)?;
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe).map_err(ProbeError::Ring)?;
    let operations =
        [("ACCEPT", opcode::Accept::CODE), ("RECV", opcode::Recv::CODE), ("SENDMSG", opcode::SendMsg::CODE)];
    match operations.into_iter().find(|(_, code)| !probe.is_supported(*code)) {
        Some((name, _)) => Err(ProbeError::Operation(name)),
        None => Ok(()),
    }
}

fn kernel_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// `6.18.1-foo` is (6, 18); `None` for what cannot be read, which is not refused.
pub fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Soft and hard limit of a resource, `getrlimit(2)`.
fn limit(resource: libc::__rlimit_resource_t) -> (u64, u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live `rlimit`.
    unsafe { libc::getrlimit(resource, &raw mut limit) };
    (limit.rlim_cur, limit.rlim_max)
}

/// Descriptors that the server itself needs.
pub fn reserved_descriptors(shards: usize) -> u64 {
    RESERVED_DESCRIPTORS + RESERVED_DESCRIPTORS_PER_SHARD * shards as u64
}

/// Makes room for `clients` descriptors and those of the server itself; gives how many clients there is room for.
pub fn raise_descriptor_limit(clients: u64, shards: usize) -> u64 {
    let reserved = reserved_descriptors(shards);
    let wanted = clients.saturating_add(reserved);
    let (soft, hard) = limit(libc::RLIMIT_NOFILE);
    if soft >= wanted {
        return clients;
    }
    // The privileged may go beyond the hard limit; others as far as it.
    for attempt in [wanted, hard.min(wanted)] {
        let raised = libc::rlimit { rlim_cur: attempt, rlim_max: hard.max(attempt) };
        // SAFETY: the pointer is to a live `rlimit`.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
            break;
        }
    }
    limit(libc::RLIMIT_NOFILE).0.saturating_sub(reserved).min(clients)
}

#[cfg(test)]
mod tests {
    use super::kernel_version;

    #[test]
    fn kernel_releases_are_compared_by_number() {
        assert_eq!(kernel_version("6.18.44-cloud"), Some((6, 18)));
        assert_eq!(kernel_version("5.10.0-21-amd64"), Some((5, 10)));
        assert!(kernel_version("6.1.0") >= Some((6, 1)) && kernel_version("5.19") < Some((6, 1)));
        assert_eq!(kernel_version("linux"), None);
    }
}
