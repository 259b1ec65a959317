//! Checks: what is needed to see inside a running server, or one that has ended.

use super::check::{Examination, Verdict};
use super::host::{Capability, Host};

/// `kernel.perf_event_paranoid`: the kernel's own functions are shown to everybody up to here.
const PARANOID_MAX: i64 = 1;
/// `kernel.kptr_restrict`: addresses are hidden from everybody from here on.
const POINTERS_HIDDEN: i64 = 2;

pub fn flame_graphs(host: &Host) -> Examination {
    let paranoid = host.tree.number("/proc/sys/kernel/perf_event_paranoid")?;
    let hidden = host.tree.number("/proc/sys/kernel/kptr_restrict")?;
    let may = host.has(Capability::PerfMon)? || host.has(Capability::SysAdmin)?;
    if paranoid > PARANOID_MAX && !may {
        return Verdict::advice(
            format!("perf_event_paranoid is {paranoid}, so perf shows no kernel functions"),
            [&format!("sysctl -w kernel.perf_event_paranoid={PARANOID_MAX}")],
        );
    }
    match hidden >= POINTERS_HIDDEN || (hidden > 0 && !may) {
        true => Verdict::advice(
            format!("kptr_restrict is {hidden}, so kernel functions have no names"),
            ["sysctl -w kernel.kptr_restrict=0"],
        ),
        false => Verdict::fine(format!("this user may profile the kernel ({paranoid})")),
    }
}

pub fn core_dumps(host: &Host) -> Examination {
    let pattern = host.tree.text("/proc/sys/kernel/core_pattern")?;
    if let Some(program) = pattern.strip_prefix('|') {
        let program = program.split_whitespace().next().unwrap_or("");
        return Verdict::fine(format!("given to {program}"));
    }
    match host.limit("Max core file size")?.soft {
        0 => Verdict::advice(
            "a crash leaves no core file: the limit is 0",
            ["ulimit -c unlimited", "LimitCORE=infinity      # in the systemd unit"],
        ),
        _ => Verdict::fine(format!("written as {pattern}")),
    }
}
