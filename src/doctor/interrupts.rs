//! Checks: which CPUs take the interrupts of the network, and which do the work that follows.

use super::check::{Examination, Verdict};
use super::cpu_set::CpuSet;
use super::host::Host;
use super::tree::{Tree, Unreadable};

/// More interrupts than these are not listed, and set in a loop over all of the device.
const LISTED_MAX: usize = 4;

pub fn interrupts(host: &Host) -> Examination {
    let shards = host.shard_cpus()?;
    let devices = host.network_devices()?;
    if devices.is_empty() {
        return Verdict::fine("no network device with interrupts");
    }
    if host.online()?.len() == 1 {
        return Verdict::fine("only one CPU to take them");
    }
    let counts = host.tree.text("/proc/interrupts")?;
    for device in &devices {
        let folder = folder_of(&host.tree, device)?;
        let mut on_shards = Vec::new();
        for number in host.tree.names(&folder)?.into_iter().filter(|number| has_fired(&counts, number)) {
            let cpus = cpus_of(&host.tree, &number)?;
            if cpus.meets(&shards) {
                on_shards.push((number, cpus));
            }
        }
        if !on_shards.is_empty() {
            return report(host, device, &folder, &on_shards);
        }
    }
    Verdict::fine(format!("no shard is interrupted by {}", devices.join(", ")))
}

fn report(host: &Host, device: &str, folder: &str, on_shards: &[(String, CpuSet)]) -> Examination {
    let shown = on_shards.iter().take(LISTED_MAX);
    let shown: Vec<String> = shown.map(|(number, cpus)| format!("{number} at {}", cpus.named())).collect();
    let more = if on_shards.len() > LISTED_MAX { " ..." } else { "" };
    let found = format!("{device} interrupts shards: {}{more}", shown.join(", "));
    let spare = host.spare_cpus()?;
    let (flags, target) = match (spare.is_empty(), host.cpus_but_one()?) {
        (true, Some(fewer)) => {
            (format!("basalt --cpus {fewer}        # gives up a CPU"), host.online()?.without(&fewer))
        }
        _ => (String::new(), spare),
    };
    let move_to = |number: &str| format!("echo {target} > /proc/irq/{number}/smp_affinity_list");
    let mut set = vec![flags];
    match on_shards.len() > LISTED_MAX {
        true => set.extend([format!("for i in $(ls {folder})"), format!("do {}; done", move_to("$i"))]),
        false => set.extend(on_shards.iter().map(|(number, _)| move_to(number))),
    }
    Verdict::advice(found, set)
}

/// Names the interrupts of a device. Those of virtio belong to the PCI device above it.
fn folder_of(tree: &Tree, device: &str) -> Result<String, Unreadable> {
    let own = format!("/sys/class/net/{device}/device/msi_irqs");
    let above = format!("/sys/class/net/{device}/device/../msi_irqs");
    match [&own, &above].into_iter().find(|folder| tree.has(folder)) {
        Some(folder) => Ok(folder.clone()),
        None => Err(Unreadable::Untold(format!(
            "the kernel does not say which interrupts {device} has ({own} is missing)"
        ))),
    }
}

/// Where it is delivered, or where it may be delivered if the kernel does not tell the former.
fn cpus_of(tree: &Tree, number: &str) -> Result<CpuSet, Unreadable> {
    match tree.cpu_list(&format!("/proc/irq/{number}/effective_affinity_list")) {
        Ok(cpus) if !cpus.is_empty() => Ok(cpus),
        _ => tree.cpu_list(&format!("/proc/irq/{number}/smp_affinity_list")),
    }
}

/// Some are only reserved, for changes of the configuration and the like.
fn has_fired(counts: &str, number: &str) -> bool {
    let line = counts.lines().find_map(|line| line.trim_start().strip_prefix(number)?.strip_prefix(':'));
    let Some(line) = line else { return false };
    line.split_whitespace().map_while(|word| word.parse::<u64>().ok()).any(|count| count > 0)
}

pub fn irqbalance(host: &Host) -> Examination {
    if !is_running(&host.tree, "irqbalance")? {
        return Verdict::fine("not running");
    }
    let shards = host.shard_cpus()?;
    let isolated = host.tree.cpu_list("/sys/devices/system/cpu/isolated").unwrap_or_default();
    if shards.is_within(&isolated) {
        return Verdict::fine("running, and leaves isolated CPUs alone");
    }
    Verdict::advice(
        "running, so it may move interrupts to CPUs of shards at any time",
        [
            &format!("IRQBALANCE_BANNED_CPULIST={shards}    # in /etc/default/irqbalance"),
            "systemctl restart irqbalance",
        ],
    )
}

fn is_running(tree: &Tree, program: &str) -> Result<bool, Unreadable> {
    let processes = tree.names("/proc")?;
    let mut processes = processes.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    // One that ended meanwhile is not it.
    Ok(processes.any(|process| tree.text(&format!("/proc/{process}/comm")).is_ok_and(|name| name == program)))
}

pub fn steering(host: &Host) -> Examination {
    let shards = host.shard_cpus()?;
    let spare = host.spare_cpus()?;
    let devices = host.network_devices()?;
    for device in &devices {
        let folder = format!("/sys/class/net/{device}/queues");
        let queues = host.tree.names(&folder)?;
        let receive: Vec<&String> = queues.iter().filter(|name| name.starts_with("rx-")).collect();
        let transmit = queues.iter().filter(|name| name.starts_with("tx-")).count();
        for queue in &receive {
            let path = format!("{folder}/{queue}/rps_cpus");
            let cpus = host.tree.cpu_mask(&path)?;
            if cpus.meets(&shards) && !spare.is_empty() {
                return Verdict::advice(
                    format!("{device} {queue} hands packets to {}, some with shards", cpus.named()),
                    [&format!("echo {} > {path}", spare.mask())],
                );
            }
            if cpus.is_empty() && receive.len() == 1 && spare.len() > 1 {
                return Verdict::advice(
                    format!("{device} has one receive queue, so one CPU handles all packets"),
                    [&format!("echo {} > {path}", spare.mask())],
                );
            }
        }
        if transmit > 1
            && let Some(queue) = queue_without_cpus(&host.tree, &folder, &queues)
        {
            return Verdict::advice(
                format!("{device} has {transmit} transmit queues, and {queue} is tied to no CPU"),
                [&format!("echo MASK > {folder}/{queue}/xps_cpus    # a bit for each CPU")],
            );
        }
    }
    match devices.is_empty() {
        true => Verdict::fine("no network device with queues"),
        false => Verdict::fine(format!("{}: nothing to steer", devices.join(", "))),
    }
}

/// The first transmit queue that is told to serve no CPU. Devices that cannot be told have no such file.
fn queue_without_cpus<'a>(tree: &Tree, folder: &str, queues: &'a [String]) -> Option<&'a String> {
    let mut transmit = queues.iter().filter(|name| name.starts_with("tx-"));
    transmit
        .find(|queue| tree.cpu_mask(&format!("{folder}/{queue}/xps_cpus")).is_ok_and(|cpus| cpus.is_empty()))
}
