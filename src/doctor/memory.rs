//! Checks: how the kernel manages memory.

use super::check::{Examination, Verdict};
use super::cpu_set::CpuSet;
use super::host::{Host, chosen_word, show_bytes};
use super::tree::{Unreadable, odd};

/// Above this the kernel pages out memory of programs while there is plenty.
const SWAPPINESS_MAX: i64 = 10;
/// `vm.overcommit_memory`: what is asked for must be there.
const OVERCOMMIT_NEVER: i64 = 2;

pub fn huge_pages(host: &Host) -> Examination {
    const ENABLED: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
    let text = host.tree.text(ENABLED)?;
    match chosen_word(&text) {
        Some("always") => Verdict::important("always", [&format!("echo madvise > {ENABLED}")]),
        Some(mode) => Verdict::fine(mode),
        None => Err(odd(ENABLED, &text)),
    }
}

pub fn swap(host: &Host) -> Examination {
    const SWAPS: &str = "/proc/swaps";
    let text = host.tree.text(SWAPS)?;
    let mut used_bytes = 0u64;
    let mut areas = 0;
    for line in text.lines().skip(1) {
        let used = line.split_whitespace().nth(3).and_then(|word| word.parse::<u64>().ok());
        let used_kib = used.ok_or_else(|| odd(SWAPS, line))?;
        used_bytes = used_kib.saturating_mul(1024).saturating_add(used_bytes);
        areas += 1;
    }
    if areas == 0 {
        return Verdict::fine("none");
    }
    let swappiness = host.tree.number("/proc/sys/vm/swappiness")?;
    if used_bytes == 0 && swappiness <= SWAPPINESS_MAX {
        return Verdict::fine(format!("not in use, swappiness {swappiness}"));
    }
    Verdict::advice(
        format!("{} in use, swappiness {swappiness}", show_bytes(used_bytes)),
        ["MemorySwapMax=0         # in the systemd unit", "sysctl -w vm.swappiness=1"],
    )
}

pub fn overcommit(host: &Host) -> Examination {
    match host.tree.number("/proc/sys/vm/overcommit_memory")? {
        OVERCOMMIT_NEVER => Verdict::advice(
            "2: memory that is reserved counts as used, and allocations may fail early",
            ["sysctl -w vm.overcommit_memory=0"],
        ),
        mode => Verdict::fine(format!("{mode}: enough, as Basalt never forks")),
    }
}

pub fn numa_nodes(host: &Host) -> Examination {
    let nodes = nodes(host)?;
    if nodes.len() == 1 {
        return Verdict::fine("one node");
    }
    let shards = host.shard_cpus()?;
    let used: CpuSet = nodes.iter().filter(|(_, cpus)| cpus.meets(&shards)).map(|(node, _)| *node).collect();
    if used.len() == 1 {
        return Verdict::fine(format!("all shards on node {used}"));
    }
    let (node, cpus) = node_of_network(host, &nodes);
    Verdict::advice(
        format!("shards on nodes {used}"),
        [
            &format!("basalt --cpus {cpus}"),
            &format!("or numactl --cpunodebind={node} --membind={node} basalt"),
        ],
    )
}

/// The node of the first network device that has one, else the first node.
fn node_of_network(host: &Host, nodes: &[(usize, CpuSet)]) -> (usize, CpuSet) {
    let devices = host.network_devices().unwrap_or_default();
    let mut near = devices
        .iter()
        .filter_map(|device| host.tree.number(&format!("/sys/class/net/{device}/device/numa_node")).ok());
    let near = near.find_map(|near| nodes.iter().find(|(node, _)| *node as i64 == near));
    near.unwrap_or(&nodes[0]).clone()
}

/// Nodes that have CPUs.
fn nodes(host: &Host) -> Result<Vec<(usize, CpuSet)>, Unreadable> {
    let online = match host.tree.cpu_list("/sys/devices/system/node/online") {
        // A kernel without NUMA.
        Err(Unreadable::Missing(_)) => return Ok(vec![(0, host.online()?)]),
        other => other?,
    };
    let mut nodes = Vec::new();
    for node in online.iter() {
        let cpus = host.tree.cpu_list(&format!("/sys/devices/system/node/node{node}/cpulist"))?;
        if !cpus.is_empty() {
            nodes.push((node, cpus));
        }
    }
    match nodes.is_empty() {
        true => Err(Unreadable::Untold("no NUMA node has CPUs".into())),
        false => Ok(nodes),
    }
}

pub fn numa_balancing(host: &Host) -> Examination {
    off_unless_one_node(host, "/proc/sys/kernel/numa_balancing", "kernel.numa_balancing")
}

pub fn zone_reclaim(host: &Host) -> Examination {
    off_unless_one_node(host, "/proc/sys/vm/zone_reclaim_mode", "vm.zone_reclaim_mode")
}

fn off_unless_one_node(host: &Host, path: &str, name: &str) -> Examination {
    if nodes(host)?.len() == 1 {
        return Verdict::fine("one node");
    }
    match host.tree.number(path)? {
        0 => Verdict::fine("off"),
        mode => Verdict::advice(mode.to_string(), [&format!("sysctl -w {name}=0")]),
    }
}
