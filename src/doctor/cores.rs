//! Checks: which CPUs the shards have, and who else uses them.

use std::collections::BTreeSet;

use super::check::{Examination, Verdict};
use super::cpu_set::CpuSet;
use super::host::Host;
use super::tree::{Unreadable, odd};

/// Percent of the time that CPUs were wanted.
const STEAL_ADVICE: f64 = 1.0;
const STEAL_IMPORTANT: f64 = 10.0;

pub fn shards_and_cpus(host: &Host) -> Examination {
    let placement = host.placement()?;
    let cpus = host.shard_cpus()?;
    let allowed = host.allowed()?;
    if !cpus.is_within(&allowed) {
        let denied = cpus.without(&allowed);
        return Verdict::important(
            format!("{} not among those that this process may use ({allowed})", denied.named()),
            [&format!("basalt --cpus {allowed}")],
        );
    }
    if placement.len() > cpus.len() {
        return Verdict::important(
            format!("{} shards share {}", placement.len(), cpus.named()),
            [&format!("basalt --shards {}", cpus.len())],
        );
    }
    let doubled = cpus_beside_a_sibling(host, &cpus)?;
    if !doubled.is_empty() {
        return Verdict::advice(
            format!("shards run on both threads of a core: {}", doubled.named()),
            [&format!("basalt --cpus {}", cpus.without(&doubled))],
        );
    }
    Verdict::fine(format!("{} on {}", shards_named(placement.len()), cpus.named()))
}

/// Those of the set whose core has a lower CPU of the set. Nothing where the kernel does not tell siblings.
fn cpus_beside_a_sibling(host: &Host, cpus: &CpuSet) -> Result<CpuSet, Unreadable> {
    let mut doubled = BTreeSet::new();
    for cpu in cpus.iter() {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        match host.tree.cpu_list(&path) {
            Ok(siblings) if siblings.iter().any(|other| other < cpu && cpus.contains(other)) => {
                doubled.insert(cpu);
            }
            Ok(_) | Err(Unreadable::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(doubled.into_iter().collect())
}

/// `1 shard` or `2 shards`.
pub fn shards_named(count: usize) -> String {
    format!("{count} shard{}", if count == 1 { "" } else { "s" })
}

pub fn cpu_quota(host: &Host) -> Examination {
    let groups = host.tree.text("/proc/self/cgroup")?;
    let mut least: Option<f64> = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
            return Err(odd("/proc/self/cgroup", line));
        };
        for folder in group_and_parents(controllers, group) {
            let quota = quota_of(host, &folder)?;
            least = [least, quota].into_iter().flatten().reduce(f64::min);
        }
    }
    let shards = host.placement()?.len();
    match least {
        None => Verdict::fine("none"),
        Some(cpus) if cpus >= shards as f64 => Verdict::fine(format!("{cpus:.1} CPUs")),
        Some(cpus) => Verdict::important(
            format!("{cpus:.1} CPUs for {}", shards_named(shards)),
            [
                &format!("basalt --shards {}", (cpus as usize).max(1)),
                "CPUQuota= in the systemd unit, --cpus with docker, limits.cpu in Kubernetes",
            ],
        ),
    }
}

/// Folders whose quota holds for a process of this group.
fn group_and_parents(controllers: &str, group: &str) -> Vec<String> {
    let tops: &[&str] = match controllers {
        "" => &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
        names if names.split(',').any(|name| name == "cpu") => {
            &["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"]
        }
        _ => &[],
    };
    let mut paths = vec![""];
    let group = group.trim_end_matches('/');
    paths.extend(group.match_indices('/').skip(1).map(|(at, _)| &group[..at]));
    paths.extend(Some(group).filter(|group| !group.is_empty()));
    tops.iter().flat_map(|top| paths.iter().map(move |path| format!("{top}{path}"))).collect()
}

/// In CPUs, of a control group of either version.
fn quota_of(host: &Host, folder: &str) -> Result<Option<f64>, Unreadable> {
    let newer = format!("{folder}/cpu.max");
    let (path, text) = match host.tree.text(&newer) {
        Ok(text) => (newer, text),
        Err(Unreadable::Missing(_)) => {
            let older = format!("{folder}/cpu.cfs_quota_us");
            match host.tree.text(&older) {
                Ok(quota) => {
                    (older, format!("{quota} {}", host.tree.text(&format!("{folder}/cpu.cfs_period_us"))?))
                }
                Err(Unreadable::Missing(_)) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Err(error) => return Err(error),
    };
    match text.split_once(' ') {
        Some(("max" | "-1", _)) => Ok(None),
        Some((quota, period)) => match (quota.parse::<f64>(), period.trim().parse::<f64>()) {
            (Ok(quota), Ok(period)) if period > 0.0 => Ok(Some(quota / period)),
            _ => Err(odd(&path, &text)),
        },
        None => Err(odd(&path, &text)),
    }
}

pub fn isolation(host: &Host) -> Examination {
    let shards = host.shard_cpus()?;
    let isolated = host.tree.cpu_list("/sys/devices/system/cpu/isolated")?;
    let partitions = host.tree.cpu_list("/sys/fs/cgroup/cpuset.cpus.isolated").unwrap_or_default();
    let isolated = isolated.and(&partitions);
    if shards.is_within(&isolated) {
        return Verdict::fine(format!("of {}", shards.named()));
    }
    if host.spare_cpus()?.is_empty() {
        let Some(fewer) = host.cpus_but_one()? else {
            return Verdict::fine("only one CPU, which is shared with everything");
        };
        return Verdict::advice(
            format!("all {} CPUs run shards, so all other work interrupts one", shards.len()),
            [&format!("basalt --cpus {fewer}        # gives up a CPU")],
        );
    }
    let spare = host.spare_cpus()?;
    Verdict::advice(
        format!("other processes may run on {}", shards.without(&isolated).named()),
        [
            &format!("systemctl set-property --runtime system.slice AllowedCPUs={spare}"),
            &format!("systemctl set-property --runtime user.slice AllowedCPUs={spare}"),
            &format!("systemd-run --slice=basalt.slice basalt --cpus {shards}"),
            &format!("or boot with isolcpus={shards} nohz_full={shards}"),
        ],
    )
}

pub fn stolen_time(host: &Host) -> Examination {
    const STAT: &str = "/proc/stat";
    let text = host.tree.text(STAT)?;
    let line = text.lines().next().unwrap_or("");
    let times: Option<Vec<f64>> =
        line.strip_prefix("cpu ").map(|rest| rest.split_whitespace().flat_map(str::parse).collect());
    let Some([user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen, ..]) =
        times.as_deref()
    else {
        return Err(odd(STAT, line));
    };
    let wanted = user + nice + system + interrupts + soft_interrupts + stolen;
    let percent = if wanted > 0.0 { 100.0 * stolen / wanted } else { 0.0 };
    let found = format!("{percent:.1} % of the CPU time wanted since the start");
    let ask = ["ask for dedicated or pinned CPUs: nothing inside the guest helps"];
    match percent {
        percent if percent >= STEAL_IMPORTANT => Verdict::important(found, ask),
        percent if percent >= STEAL_ADVICE => Verdict::advice(found, ask),
        _ => Verdict::fine(format!("{percent:.1} %")),
    }
}

pub fn spinning(host: &Host) -> Examination {
    let spin = host.settings.spin_us;
    if spin == 0 {
        return Verdict::fine("spin-us 0: an idle core sleeps");
    }
    if host.spare_cpus()?.is_empty() {
        return Verdict::advice(
            format!("spin-us {spin}, and no CPU is without a shard"),
            ["basalt --spin-us 0"],
        );
    }
    Verdict::fine(format!("spin-us {spin}, with CPUs to spare"))
}
