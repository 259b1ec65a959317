//! Checks: how fast the CPUs run, how deep they sleep, and what tells the time.

use super::check::{Examination, Verdict};
use super::host::Host;
use super::tree::Unreadable;

/// Leaving a state that takes longer is felt beside a wake-up of some 40 us.
const WAKE_US_MAX: i64 = 20;
/// Clocks that the kernel reads without leaving user space, or nearly.
const FAST_CLOCKS: [&str; 2] = ["tsc", "arch_sys_counter"];

pub fn frequency(host: &Host) -> Examination {
    let cpus = host.shard_cpus()?;
    for cpu in cpus.iter() {
        let folder = format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq");
        let governor = match host.tree.text(&format!("{folder}/scaling_governor")) {
            Err(Unreadable::Missing(_)) => return Err(untold_frequency(host, &folder)),
            other => other?,
        };
        let preference = host.tree.text(&format!("{folder}/energy_performance_preference")).ok();
        let driver = host.tree.text(&format!("{folder}/scaling_driver")).unwrap_or_default();
        let set = format!("cpupower -c {cpus} frequency-set -g performance");
        match (governor.as_str(), preference.as_deref()) {
            ("performance", _) | (_, Some("performance")) => {}
            // With these the word means "as the preference says", with others the lowest frequency.
            ("powersave", None)
                if !driver.starts_with("intel_pstate") && !driver.starts_with("amd-pstate") =>
            {
                return Verdict::important(format!("CPU {cpu} stays at its lowest frequency"), [&set]);
            }
            (governor, Some(preference)) => {
                return Verdict::advice(
                    format!("CPU {cpu}: governor {governor}, preference {preference}"),
                    [&set],
                );
            }
            (governor, None) => return Verdict::advice(format!("CPU {cpu}: governor {governor}"), [&set]),
        }
    }
    Verdict::fine("performance")
}

fn untold_frequency(host: &Host, folder: &str) -> Unreadable {
    let chooser = if host.is_virtual() { "the hypervisor" } else { "the firmware or the kernel" };
    Unreadable::Untold(format!("{folder} is missing: {chooser} decides"))
}

pub fn idle_states(host: &Host) -> Examination {
    let cpus = host.shard_cpus()?;
    let mut deepest: Option<(i64, String)> = None;
    for cpu in cpus.iter() {
        let folder = format!("/sys/devices/system/cpu/cpu{cpu}/cpuidle");
        for state in host.tree.names(&folder)?.iter().filter(|name| name.starts_with("state")) {
            let state = format!("{folder}/{state}");
            let is_off = host.tree.number(&format!("{state}/disable")).is_ok_and(|off| off != 0);
            let latency_us = host.tree.number(&format!("{state}/latency"))?;
            let is_deeper = deepest.as_ref().is_none_or(|(most_us, _)| latency_us > *most_us);
            if !is_off && is_deeper {
                let name = host.tree.text(&format!("{state}/name"))?;
                deepest = Some((latency_us, format!("CPU {cpu} may enter {name}")));
            }
        }
    }
    match deepest {
        Some((latency_us, state)) if latency_us > WAKE_US_MAX => Verdict::advice(
            format!("{state}, which takes {latency_us} us to leave"),
            [&format!("cpupower -c {cpus} idle-set -D {WAKE_US_MAX}")],
        ),
        Some((latency_us, _)) => Verdict::fine(format!("left within {latency_us} us")),
        None => Verdict::fine("none"),
    }
}

pub fn clock_source(host: &Host) -> Examination {
    const FOLDER: &str = "/sys/devices/system/clocksource/clocksource0";
    let current = host.tree.text(&format!("{FOLDER}/current_clocksource"))?;
    let available = host.tree.text(&format!("{FOLDER}/available_clocksource")).unwrap_or_default();
    // The processor's word on whether its counter keeps one rate; what the server itself asks.
    let is_steady = host.processor_has("nonstop_tsc")?;
    if !FAST_CLOCKS.contains(&current.as_str()) {
        let set = match available.split_whitespace().any(|name| name == "tsc") {
            true => format!("echo tsc > {FOLDER}/current_clocksource"),
            false => "dmesg | grep -i tsc        # says why the kernel gave it up".to_owned(),
        };
        return Verdict::advice(current, [&set]);
    }
    match is_steady {
        Some(false) => Verdict::advice(
            "the time stamp counter is not steady, so the server asks the system for the time",
            ["boot the virtual machine with an invariant TSC, if its hypervisor has that"],
        ),
        _ => Verdict::fine(current),
    }
}
