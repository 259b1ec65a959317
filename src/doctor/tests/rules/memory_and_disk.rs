//! Checks of memory, NUMA and the filesystem.

use crate::sys::disk::Space;

use super::super::Fake;
use super::{advice, fine, important, untold};

#[test]
fn memory() {
    let enabled = "/sys/kernel/mm/transparent_hugepage/enabled";
    important(
        Fake::good().with(enabled, "[always] madvise never"),
        "transparent-huge-pages",
        &format!("always => echo madvise > {enabled}"),
    );
    fine(Fake::good().with(enabled, "always madvise [never]"), "transparent-huge-pages", "never");
    untold(Fake::good().without(enabled), "transparent-huge-pages", &format!("{enabled} is missing here"));
    let swaps = |used: u32| {
        Fake::good().with(
            "/proc/swaps",
            &format!("Filename Type Size Used Priority\n/dev/sdb partition 9999 {used} -2\n"),
        )
    };
    let set = "MemorySwapMax=0         # in the systemd unit; sysctl -w vm.swappiness=1";
    advice(swaps(2048), "swap", &format!("2 MiB in use, swappiness 60 => {set}"));
    advice(swaps(0), "swap", &format!("0 bytes in use, swappiness 60 => {set}"));
    fine(swaps(0).with("/proc/sys/vm/swappiness", "10"), "swap", "not in use, swappiness 10");
    advice(
        Fake::good().with("/proc/sys/vm/overcommit_memory", "2"),
        "overcommit",
        "2: memory that is reserved counts as used, and allocations may fail early => sysctl -w vm.overcommit_memory=0",
    );
    fine(
        Fake::good().with("/proc/sys/vm/overcommit_memory", "1"),
        "overcommit",
        "1: enough, as Basalt never forks",
    );
}

#[test]
fn numa() {
    let nodes = || {
        Fake::good()
            .with("/sys/devices/system/node/online", "0-2")
            .with("/sys/devices/system/node/node0/cpulist", "0-1")
            .with("/sys/devices/system/node/node1/cpulist", "2-3")
            .with("/sys/devices/system/node/node2/cpulist", "")
            .with("/sys/class/net/eth0/device/numa_node", "1")
    };
    advice(
        nodes(),
        "numa-nodes",
        "shards on nodes 0-1 => basalt --cpus 2-3; or numactl --cpunodebind=1 --membind=1 basalt",
    );
    let within = || nodes().flags(&["--cpus", "2-3"]).with("/sys/class/net/eth0/queues/rx-0/rps_cpus", "3");
    fine(within(), "numa-nodes", "all shards on node 1");
    advice(
        within().with("/proc/sys/kernel/numa_balancing", "1"),
        "numa-balancing",
        "1 => sysctl -w kernel.numa_balancing=0",
    );
    advice(
        within().with("/proc/sys/vm/zone_reclaim_mode", "1"),
        "zone-reclaim",
        "1 => sysctl -w vm.zone_reclaim_mode=0",
    );
    fine(Fake::good().with("/proc/sys/kernel/numa_balancing", "1"), "numa-balancing", "one node");
    fine(Fake::good().without("/sys/devices/system/node"), "numa-nodes", "one node");
}

#[test]
fn the_filesystem_of_the_directory() {
    fine(Fake::good(), "filesystem", "xfs");
    let at = |path: &'static str| Fake::good().probing(move |probes| probes.folder = Ok(path.into()));
    fine(at("/home"), "filesystem", "ext4");
    let mounts = "/proc/self/mountinfo";
    let set = "basalt --dir PATH        # on ext4 or xfs of a local disk";
    advice(
        Fake::good().edit(mounts, "- xfs", "- tmpfs"),
        "filesystem",
        &format!("tmpfs is memory: what is written is gone after a restart of the host => {set}"),
    );
    advice(
        Fake::good().edit(mounts, "- xfs", "- fuse.sshfs"),
        "filesystem",
        &format!("fuse.sshfs is a program's filesystem, which each sync waits for => {set}"),
    );
    advice(
        Fake::good().edit(mounts, "rw,attr2", "rw,nobarrier"),
        "filesystem",
        "xfs is mounted with nobarrier => remove nobarrier from the line in /etc/fstab and mount it again",
    );
    // A name with a space, mounted over another one.
    let spaced = at("/mnt/my disk/data").edit(mounts, "/var/lib ", "/mnt/my\\040disk ");
    fine(spaced, "filesystem", "xfs");
    important(
        Fake::good().probing(|probes| probes.folder = Err("Permission denied".into())),
        "filesystem",
        "/: Permission denied => let this user enter /",
    );
    untold(
        Fake::good().with(mounts, "nonsense"),
        "filesystem",
        "/proc/self/mountinfo says \"nonsense\", which is not understood",
    );
    let space = |free_bytes| {
        let space = Space { total_bytes: 100 << 30, free_bytes };
        Fake::good().probing(move |probes| probes.space = Ok(space))
    };
    advice(space(9 << 30), "free-space", "9 GiB free, 9 % => basalt --dir PATH        # with more room");
    fine(space(10 << 30), "free-space", "10 GiB free, 10 %");
    advice(
        Fake::good().probing(|probes| probes.direct_io = Ok(false)),
        "direct-io",
        &format!("refused by this filesystem => {set}"),
    );
    untold(
        Fake::good().probing(|probes| probes.direct_io = Err("Read-only file system".into())),
        "direct-io",
        "no file could be made to try it: Read-only file system",
    );
}
