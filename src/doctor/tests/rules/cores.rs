//! Checks of cores, quotas, isolation and power.

use super::super::Fake;
use super::{Told, advice, fine, important, told, untold};

#[test]
fn cpus_of_the_shards() {
    let name = "shards-and-cpus";
    fine(Fake::good(), name, "3 shards on CPUs 1-3");
    let status = "/proc/self/status";
    important(
        Fake::good().edit(status, "0-3", "0,2-3"),
        name,
        "CPU 1 not among those that this process may use (0,2-3) => basalt --cpus 0,2-3",
    );
    important(Fake::good().flags(&["--shards", "6"]), name, "6 shards share CPUs 1-3 => basalt --shards 3");
    let sibling = "/sys/devices/system/cpu/cpu3/topology/thread_siblings_list";
    advice(
        Fake::good().with(sibling, "2-3"),
        name,
        "shards run on both threads of a core: CPU 3 => basalt --cpus 1-2",
    );
    fine(Fake::good().with(sibling, "0,3"), name, "3 shards on CPUs 1-3");
}

#[test]
fn quotas_of_control_groups() {
    let name = "cpu-quota";
    fine(Fake::good(), name, "none");
    let newer = "/sys/fs/cgroup/basalt.service/cpu.max";
    let set = "CPUQuota= in the systemd unit, --cpus with docker, limits.cpu in Kubernetes";
    important(
        Fake::good().with(newer, "150000 100000"),
        name,
        &format!("1.5 CPUs for 3 shards => basalt --shards 1; {set}"),
    );
    fine(Fake::good().with(newer, "300000 100000"), name, "3.0 CPUs");
    // A group above it, in the older layout.
    let older = Fake::good()
        .with("/proc/self/cgroup", "4:memory:/a\n3:cpu,cpuacct:/a/b\n")
        .with("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000")
        .with("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000")
        .with("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1")
        .with("/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000");
    important(older, name, &format!("0.5 CPUs for 3 shards => basalt --shards 1; {set}"));
    untold(
        Fake::good().with(newer, "much"),
        name,
        "/sys/fs/cgroup/basalt.service/cpu.max says \"much\", which is not understood",
    );
}

#[test]
fn isolation_and_stolen_time() {
    let isolated = "/sys/devices/system/cpu/isolated";
    fine(Fake::good(), "isolation", "of CPUs 1-3");
    advice(
        Fake::good().with(isolated, ""),
        "isolation",
        "other processes may run on CPUs 1-3 => systemctl set-property --runtime system.slice AllowedCPUs=0; \
         systemctl set-property --runtime user.slice AllowedCPUs=0; systemd-run --slice=basalt.slice basalt --cpus 1-3; or boot with isolcpus=1-3 nohz_full=1-3",
    );
    let partition = Fake::good().with(isolated, "1").with("/sys/fs/cgroup/cpuset.cpus.isolated", "2-3");
    fine(partition, "isolation", "of CPUs 1-3");

    let stat =
        |stolen: u32| Fake::good().with("/proc/stat", &format!("cpu  900 0 0 5000 0 0 0 {stolen} 0 0\n"));
    let set = "ask for dedicated or pinned CPUs: nothing inside the guest helps";
    let since = "of the CPU time wanted since the start";
    important(stat(100), "stolen-time", &format!("10.0 % {since} => {set}"));
    advice(stat(20), "stolen-time", &format!("2.2 % {since} => {set}"));
    fine(stat(1), "stolen-time", "0.1 %");
    untold(
        Fake::good().with("/proc/stat", "cpu 1 2"),
        "stolen-time",
        "/proc/stat says \"cpu 1 2\", which is not understood",
    );
}

#[test]
fn all_cpus_taken_is_said_wherever_it_matters() {
    let report = Fake::good().flags(&["--cpus", "0-3", "--spin-us", "20"]).report();
    let expected = [
        ("spinning", "spin-us 20, and no CPU is without a shard => basalt --spin-us 0"),
        (
            "interrupts",
            concat!(
                "eth0 interrupts shards: 31 at CPU 0 => basalt --cpus 1-3        # gives up a CPU; ",
                "echo 0 > /proc/irq/31/smp_affinity_list"
            ),
        ),
        (
            "isolation",
            "all 4 CPUs run shards, so all other work interrupts one => basalt --cpus 1-3        # gives up a CPU",
        ),
    ];
    for (name, text) in expected {
        let Told::Advice(found) = told(&report, name) else { panic!("{name}: {report:#?}") };
        assert_eq!(found, text);
    }
    assert_eq!(report.findings.len(), expected.len(), "{report:#?}");
    fine(Fake::good().flags(&["--spin-us", "20"]), "spinning", "spin-us 20, with CPUs to spare");
}

#[test]
fn power_and_time() {
    let frequency = |file: &str, text: &str| {
        Fake::good().with(&format!("/sys/devices/system/cpu/cpu2/cpufreq/{file}"), text)
    };
    let governor = |name: &str| frequency("scaling_governor", name);
    let driver = "/sys/devices/system/cpu/cpu2/cpufreq/scaling_driver";
    let preference = "/sys/devices/system/cpu/cpu2/cpufreq/energy_performance_preference";
    let set = "cpupower -c 1-3 frequency-set -g performance";
    fine(Fake::good(), "cpu-frequency", "performance");
    important(
        governor("powersave"),
        "cpu-frequency",
        &format!("CPU 2 stays at its lowest frequency => {set}"),
    );
    advice(governor("schedutil"), "cpu-frequency", &format!("CPU 2: governor schedutil => {set}"));
    advice(
        governor("powersave").with(driver, "intel_pstate"),
        "cpu-frequency",
        &format!("CPU 2: governor powersave => {set}"),
    );
    advice(
        governor("powersave").with(preference, "balance_power"),
        "cpu-frequency",
        &format!("CPU 2: governor powersave, preference balance_power => {set}"),
    );
    fine(governor("powersave").with(preference, "performance"), "cpu-frequency", "performance");
    untold(
        Fake::good().without("/sys/devices/system/cpu/cpu1/cpufreq").edit(
            "/proc/cpuinfo",
            "aes",
            "hypervisor",
        ),
        "cpu-frequency",
        "/sys/devices/system/cpu/cpu1/cpufreq is missing: the hypervisor decides",
    );

    let disabled = "/sys/devices/system/cpu/cpu3/cpuidle/state1/disable";
    fine(Fake::good(), "idle-states", "left within 0 us");
    advice(
        Fake::good().with(disabled, "0"),
        "idle-states",
        "CPU 3 may enter C6, which takes 133 us to leave => cpupower -c 1-3 idle-set -D 20",
    );
    untold(
        Fake::good().without("/sys/devices/system/cpu/cpu1/cpuidle"),
        "idle-states",
        "/sys/devices/system/cpu/cpu1/cpuidle is missing here",
    );

    let clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let available = "/sys/devices/system/clocksource/clocksource0/available_clocksource";
    advice(Fake::good().with(clock, "hpet"), "clock-source", &format!("hpet => echo tsc > {clock}"));
    advice(
        Fake::good().with(clock, "hpet").with(available, "hpet acpi_pm"),
        "clock-source",
        "hpet => dmesg | grep -i tsc        # says why the kernel gave it up",
    );
    advice(
        Fake::good().edit("/proc/cpuinfo", " nonstop_tsc", ""),
        "clock-source",
        "the time stamp counter is not steady, so the server asks the system for the time => \
         boot the virtual machine with an invariant TSC, if its hypervisor has that",
    );
    let arm = Fake::good()
        .with("/proc/cpuinfo", "processor\t: 0\nFeatures\t: fp\n")
        .with(clock, "arch_sys_counter");
    fine(arm, "clock-source", "arch_sys_counter");
}
