//! Checks of TCP, interrupts and the steering of packets.

use super::super::Fake;
use super::{Told, advice, fine, told, untold};

#[test]
fn interrupts_of_the_network() {
    let set = "echo 0 > /proc/irq/31/smp_affinity_list";
    fine(Fake::good(), "interrupts", "no shard is interrupted by eth0");
    let effective = "/proc/irq/31/effective_affinity_list";
    advice(
        Fake::good().with(effective, "2"),
        "interrupts",
        &format!("eth0 interrupts shards: 31 at CPU 2 => {set}"),
    );
    // Without the CPU that it really goes to, the ones it may go to count.
    advice(
        Fake::good().without(effective),
        "interrupts",
        &format!("eth0 interrupts shards: 31 at CPUs 0-3 => {set}"),
    );
    let mut many = Fake::good();
    let mut counts = String::from("  CPU0 CPU1\n");
    for number in 31..=36 {
        counts += &format!(" {number}: 5 5 5 5 PCI eth0-{number}\n");
        many = many
            .with(&format!("/proc/irq/{number}/effective_affinity_list"), "1")
            .with(&format!("/sys/class/net/eth0/device/msi_irqs/{number}"), "msix");
    }
    advice(
        many.with("/proc/interrupts", &counts),
        "interrupts",
        "eth0 interrupts shards: 31 at CPU 1, 32 at CPU 1, 33 at CPU 1, 34 at CPU 1 ... => \
         for i in $(ls /sys/class/net/eth0/device/msi_irqs); do echo 0 > /proc/irq/$i/smp_affinity_list; done",
    );
    untold(
        Fake::good().without("/sys/class/net/eth0/device/msi_irqs"),
        "interrupts",
        "the kernel does not say which interrupts eth0 has (/sys/class/net/eth0/device/msi_irqs is missing)",
    );
    // As virtio has it.
    let above = Fake::good()
        .without("/sys/class/net/eth0/device/msi_irqs")
        .with("/sys/class/net/eth0/msi_irqs/31", "msix")
        .with(effective, "3");
    advice(above, "interrupts", &format!("eth0 interrupts shards: 31 at CPU 3 => {set}"));
    fine(Fake::good().without("/sys/class/net/eth0"), "interrupts", "no network device with interrupts");
}

#[test]
fn irqbalance_is_seen_by_its_name() {
    fine(Fake::good(), "irqbalance", "not running");
    let running = || Fake::good().with("/proc/77/comm", "irqbalance\n");
    fine(running(), "irqbalance", "running, and leaves isolated CPUs alone");
    let report = running().with("/sys/devices/system/cpu/isolated", "").report();
    let text = "running, so it may move interrupts to CPUs of shards at any time => \
        IRQBALANCE_BANNED_CPULIST=1-3    # in /etc/default/irqbalance; systemctl restart irqbalance";
    assert_eq!(told(&report, "irqbalance"), Told::Advice(text.into()));
}

#[test]
fn packets_are_steered_away_from_shards() {
    let receive = "/sys/class/net/eth0/queues/rx-0/rps_cpus";
    fine(Fake::good(), "packet-steering", "eth0: nothing to steer");
    advice(
        Fake::good().with(receive, "00000000,0000000c"),
        "packet-steering",
        &format!("eth0 rx-0 hands packets to CPUs 2-3, some with shards => echo 1 > {receive}"),
    );
    advice(
        Fake::good().flags(&["--cpus", "2-3"]),
        "packet-steering",
        &format!("eth0 has one receive queue, so one CPU handles all packets => echo 3 > {receive}"),
    );
    fine(
        Fake::good().flags(&["--cpus", "2-3"]).with(receive, "3"),
        "packet-steering",
        "eth0: nothing to steer",
    );
    let two = Fake::good().with("/sys/class/net/eth0/queues/tx-1/xps_cpus", "f");
    advice(
        two,
        "packet-steering",
        "eth0 has 2 transmit queues, and tx-0 is tied to no CPU => \
         echo MASK > /sys/class/net/eth0/queues/tx-0/xps_cpus    # a bit for each CPU",
    );
}

#[test]
fn tcp() {
    let set = "sysctl -w net.ipv4.tcp_congestion_control=cubic";
    advice(
        Fake::good().with("/proc/sys/net/ipv4/tcp_congestion_control", "bbr"),
        "tcp-congestion-control",
        &format!("bbr for connections from other hosts => {set}"),
    );
    advice(
        Fake::good().flags(&["--loopback-congestion", "dctcp"]),
        "tcp-congestion-control",
        "loopback-congestion is dctcp, this host has reno cubic => modprobe tcp_dctcp",
    );
    fine(Fake::good(), "tcp-congestion-control", "cubic");
    advice(
        Fake::good().with("/proc/sys/net/core/somaxconn", "128"),
        "listen-backlog",
        "128 instead of the 511 of tcp-backlog => sysctl -w net.core.somaxconn=511",
    );
    fine(Fake::good(), "listen-backlog", "4096 for a tcp-backlog of 511");
    advice(
        Fake::good().flags(&["--tcp-backlog", "4096"]),
        "handshakes",
        "2048 instead of the 4096 of tcp-backlog => sysctl -w net.ipv4.tcp_max_syn_backlog=4096",
    );
    untold(
        Fake::good().without("/proc/sys/net/core/somaxconn"),
        "listen-backlog",
        "/proc/sys/net/core/somaxconn is missing here",
    );
    let sets = "sysctl -w net.ipv4.tcp_rmem=\"4096 131072 6291456\"; sysctl -w net.ipv4.tcp_wmem=\"4096 16384 4194304\"";
    advice(
        Fake::good().with("/proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t65536"),
        "tcp-buffers",
        &format!("at most 6144 KiB received and 64 KiB sent ahead => {sets}"),
    );
    untold(
        Fake::good().with("/proc/sys/net/ipv4/tcp_wmem", "4096"),
        "tcp-buffers",
        "/proc/sys/net/ipv4/tcp_wmem says \"4096\", which is not understood",
    );
    fine(Fake::good(), "tcp-buffers", "up to 6144 and 4096 KiB");
    advice(
        Fake::good().with("/proc/sys/net/core/busy_read", "50"),
        "busy-polling",
        "busy_read 50 us, busy_poll 0 us => sysctl -w net.core.busy_read=0 net.core.busy_poll=0",
    );
}
