//! Every check: what it finds, what it lets pass, and what it says when it cannot tell.

mod cores;
mod memory_and_disk;
mod network;

use super::super::check::{Check, Finding, Weight};
use super::super::checks::CHECKS;
use super::super::report::Report;
use super::{Fake, GOOD_HOST};

/// What a host is told about one check.
#[derive(Debug, PartialEq)]
enum Told {
    Important(String),
    Advice(String),
    Fine(String),
    Untold(String),
}

fn told(report: &Report, name: &str) -> Told {
    let finding = report.findings.iter().find(|complaint| complaint.check.name == name);
    if let Some(Finding { weight, found, set }) = finding.map(|complaint| &complaint.finding) {
        assert!(!set.is_empty(), "{name} says what to do");
        let text = format!("{found} => {}", set.join("; "));
        return if *weight == Weight::Important { Told::Important(text) } else { Told::Advice(text) };
    }
    let text = |rows: &[(&Check, String)]| {
        rows.iter().find(|(check, _)| check.name == name).map(|(_, text)| text.clone())
    };
    match text(&report.fine) {
        Some(state) => Told::Fine(state),
        None => Told::Untold(text(&report.untold).unwrap_or_else(|| panic!("{name} is not in the report"))),
    }
}

fn check(fake: Fake, name: &str, expected: Told) {
    let report = fake.report();
    assert_eq!(told(&report, name), expected, "{name}");
    // One change of a good host is one finding.
    let others = report.findings.iter().map(|complaint| complaint.check.name).filter(|other| *other != name);
    assert_eq!(others.collect::<Vec<_>>(), [""; 0], "beside {name}");
}

fn important(fake: Fake, name: &str, text: &str) {
    check(fake, name, Told::Important(text.into()));
}

fn advice(fake: Fake, name: &str, text: &str) {
    check(fake, name, Told::Advice(text.into()));
}

fn fine(fake: Fake, name: &str, text: &str) {
    check(fake, name, Told::Fine(text.into()));
}

fn untold(fake: Fake, name: &str, text: &str) {
    check(fake, name, Told::Untold(text.into()));
}

#[test]
fn a_good_host_has_nothing_but_fine_rows() {
    let report = Fake::good().report();
    assert_eq!((report.findings.len(), report.untold.len()), (0, 0), "{report:#?}");
    assert_eq!(report.fine.len(), CHECKS.len());
    assert!(report.is_healthy());
}

#[test]
fn without_proc_and_sys_nothing_is_guessed() {
    let report = Fake::good().without("/proc").without("/sys").report();
    let fine: Vec<&str> = report.fine.iter().map(|(check, _)| check.name).collect();
    // Asked by system calls and settings; the rings have been tried.
    assert_eq!(fine, ["io_uring", "spinning", "free-space", "direct-io"]);
    assert_eq!(report.findings.len(), 0, "{report:#?}");
    assert!(report.untold.iter().all(|(_, reason)| reason.contains(" is missing")), "{report:#?}");
}

#[test]
fn odd_files_do_not_stop_the_other_checks() {
    let texts = [
        "",
        "\n\n",
        "x",
        "-1",
        "18446744073709551615",
        "cpu  1 1 1 1 1 1 1 1",
        "a - b",
        "[",
        "0-9999999,",
        "\u{fffd}",
    ];
    let mut fake = Fake::good();
    for (path, good) in GOOD_HOST {
        for text in texts {
            fake = fake.with(path, text);
            let report = fake.report();
            let told = report.findings.len() + report.untold.len() + report.fine.len();
            assert_eq!(told, CHECKS.len(), "{path} {text:?}");
        }
        fake = fake.with(path, good);
    }
}

#[test]
fn kernel_and_rings() {
    let release = "/proc/sys/kernel/osrelease";
    important(
        Fake::good().with(release, "5.15.0-1"),
        "kernel",
        "Linux 5.15.0-1 => upgrade the kernel to 6.1 or newer",
    );
    fine(Fake::good().with(release, "6.1.0"), "kernel", "Linux 6.1.0");
    untold(
        Fake::good().with(release, "unknown"),
        "kernel",
        "/proc/sys/kernel/osrelease says \"unknown\", which is not understood",
    );
    let switch = "/proc/sys/kernel/io_uring_disabled";
    let set = "sysctl -w kernel.io_uring_disabled=0";
    let refused = || Fake::good().probing(|probes| probes.ring = Err("not permitted".into()));
    important(refused().with(switch, "2"), "io_uring", &format!("kernel.io_uring_disabled is 2 => {set}"));
    advice(
        Fake::good().with(switch, "1"),
        "io_uring",
        &format!("allowed to this user, but kernel.io_uring_disabled is 1 for others => {set}"),
    );
    important(
        refused().edit("/proc/self/status", "Seccomp:\t0", "Seccomp:\t2"),
        "io_uring",
        "a seccomp filter is active, and no ring can be made: not permitted => \
         docker run --security-opt seccomp=PROFILE.json ...; \
         PROFILE.json allows io_uring_setup, io_uring_enter, io_uring_register",
    );
    important(
        refused(),
        "io_uring",
        "not permitted => see whether the kernel was built with CONFIG_IO_URING, or a sandbox denies it",
    );
    fine(Fake::good().without(switch), "io_uring", "a ring can be made");
}

#[test]
fn limits_of_the_process() {
    let limits = "/proc/self/limits";
    let locked = |bytes: &str| Fake::good().edit(limits, "8388608              8388608", bytes);
    important(
        locked("65536 65536"),
        "locked-memory",
        "64 KiB; the server does not start below 512 KiB => ulimit -l 1024; LimitMEMLOCK=1M        # in the systemd unit",
    );
    let many = ["--shards", "3", "--cpus", "1-3"];
    advice(
        locked("524288 524288").flags(&many),
        "locked-memory",
        "512 KiB, the rings of this server want 576 KiB => ulimit -l 576; LimitMEMLOCK= in the systemd unit",
    );
    let ipc_lock =
        |fake: Fake| fake.edit("/proc/self/status", "CapEff:\t0000000000000000", "CapEff:\t0000000000004000");
    fine(ipc_lock(locked("524288 524288")), "locked-memory", "512 KiB, of which buffers pin 576 KiB");
    fine(locked("unlimited unlimited"), "locked-memory", "unlimited, of which buffers pin 576 KiB");
    untold(locked("much more"), "locked-memory", "/proc/self/limits has no line Max locked memory");

    let files = |hard: &str| Fake::good().edit(limits, "524288", hard);
    important(
        files("4096"),
        "open-files",
        "4096: room for 4028 clients, maxclients is 10000 => ulimit -n 10068; LimitNOFILE=10068    # in the systemd unit",
    );
    fine(files("4096").flags(&["--maxclients", "4028"]), "open-files", "enough for 4028 clients");
    let privileged = files("4096").edit("/proc/self/status", "0000000000000000", "0000000001000000");
    fine(privileged, "open-files", "enough for 10000 clients");
    let capped = files("4096").edit("/proc/self/status", "0000000000000000", "0000000001000000");
    important(
        capped.with("/proc/sys/fs/nr_open", "8192"),
        "open-files",
        "8192: room for 8124 clients, maxclients is 10000 => sysctl -w fs.nr_open=1048576; ulimit -n 10068; \
         LimitNOFILE=10068    # in the systemd unit",
    );
}

#[test]
fn profiles_and_core_files() {
    let paranoid = "/proc/sys/kernel/perf_event_paranoid";
    let privileged = |fake: Fake| fake.edit("/proc/self/status", "0000000000000000", "0000004000000000");
    advice(
        Fake::good().with(paranoid, "2"),
        "flame-graphs",
        "perf_event_paranoid is 2, so perf shows no kernel functions => sysctl -w kernel.perf_event_paranoid=1",
    );
    fine(
        privileged(Fake::good().with(paranoid, "2")),
        "flame-graphs",
        "this user may profile the kernel (2)",
    );
    advice(
        Fake::good().with("/proc/sys/kernel/kptr_restrict", "1"),
        "flame-graphs",
        "kptr_restrict is 1, so kernel functions have no names => sysctl -w kernel.kptr_restrict=0",
    );
    fine(Fake::good(), "core-dumps", "written as core");
    advice(
        Fake::good().edit("/proc/self/limits", "unlimited            unlimited", "0 unlimited"),
        "core-dumps",
        "a crash leaves no core file: the limit is 0 => ulimit -c unlimited; LimitCORE=infinity      # in the systemd unit",
    );
    fine(
        Fake::good().with("/proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P"),
        "core-dumps",
        "given to /usr/lib/systemd/systemd-coredump",
    );
}
