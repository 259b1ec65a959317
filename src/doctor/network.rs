//! Checks: TCP.

use super::check::{Examination, Verdict};
use super::host::Host;
use super::tree::{Unreadable, odd};

/// Windows below this slow large values down. The kernel's own defaults are not smaller on hosts with some memory.
const WINDOW_BYTES_MIN: i64 = 4 << 20;

pub fn congestion(host: &Host) -> Examination {
    let current = host.tree.text("/proc/sys/net/ipv4/tcp_congestion_control")?;
    let available = host.tree.text("/proc/sys/net/ipv4/tcp_available_congestion_control")?;
    let loopback = &host.settings.loopback_congestion;
    if !loopback.is_empty() && !available.split_whitespace().any(|name| name == loopback) {
        return Verdict::advice(
            format!("loopback-congestion is {loopback}, this host has {available}"),
            [&format!("modprobe tcp_{loopback}")],
        );
    }
    match current.starts_with("bbr") {
        true => Verdict::advice(
            format!("{current} for connections from other hosts"),
            ["sysctl -w net.ipv4.tcp_congestion_control=cubic"],
        ),
        false => Verdict::fine(current),
    }
}

pub fn listen_backlog(host: &Host) -> Examination {
    queue_at_least(host, "/proc/sys/net/core/somaxconn", "net.core.somaxconn")
}

pub fn handshakes(host: &Host) -> Examination {
    queue_at_least(host, "/proc/sys/net/ipv4/tcp_max_syn_backlog", "net.ipv4.tcp_max_syn_backlog")
}

fn queue_at_least(host: &Host, path: &str, name: &str) -> Examination {
    let backlog = i64::from(host.settings.backlog);
    let most = host.tree.number(path)?;
    match most < backlog {
        true => Verdict::advice(
            format!("{most} instead of the {backlog} of tcp-backlog"),
            [&format!("sysctl -w {name}={backlog}")],
        ),
        false => Verdict::fine(format!("{most} for a tcp-backlog of {backlog}")),
    }
}

pub fn tcp_buffers(host: &Host) -> Examination {
    let read = window(host, "/proc/sys/net/ipv4/tcp_rmem")?;
    let written = window(host, "/proc/sys/net/ipv4/tcp_wmem")?;
    if read.min(written) >= WINDOW_BYTES_MIN {
        return Verdict::fine(format!("up to {} and {} KiB", read / 1024, written / 1024));
    }
    Verdict::advice(
        format!("at most {} KiB received and {} KiB sent ahead", read / 1024, written / 1024),
        [
            "sysctl -w net.ipv4.tcp_rmem=\"4096 131072 6291456\"",
            "sysctl -w net.ipv4.tcp_wmem=\"4096 16384 4194304\"",
        ],
    )
}

/// The last of least, first and most bytes.
fn window(host: &Host, path: &str) -> Result<i64, Unreadable> {
    let text = host.tree.text(path)?;
    text.split_whitespace().nth(2).and_then(|word| word.parse().ok()).ok_or_else(|| odd(path, &text))
}

pub fn busy_polling(host: &Host) -> Examination {
    let read = host.tree.number("/proc/sys/net/core/busy_read")?;
    let poll = host.tree.number("/proc/sys/net/core/busy_poll")?;
    match (read, poll) {
        (0, 0) => Verdict::fine("off"),
        _ => Verdict::advice(
            format!("busy_read {read} us, busy_poll {poll} us"),
            ["sysctl -w net.core.busy_read=0 net.core.busy_poll=0"],
        ),
    }
}
