//! The report as people and as programs see it.

use serde_json::Value;

use super::super::checks::CHECKS;
use super::super::report::Report;
use super::super::text::{Paint, render};
use super::super::{Format, Request, json, request};
use super::Fake;

fn poor() -> Report {
    Fake::good()
        .with("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
        .with("/proc/sys/net/ipv4/tcp_congestion_control", "bbr")
        .with("/proc/sys/net/core/somaxconn", "128")
        .edit("/proc/self/limits", "8388608              8388608", "65536 65536")
        .without("/sys/devices/system/cpu/cpu1/cpufreq")
        .report()
}

const TEXT: &str = "\
basalt doctor
Linux 6.12.9-good, CPUs 0-3; 3 shards on CPUs 1-3

 1  Locked memory  important
    found  64 KiB; the server does not start below 512 KiB
    why    The executors pin buffers for their rings; the rings themselves need
           no locked memory since Linux 5.12.
    set    ulimit -l 1024
           LimitMEMLOCK=1M        # in the systemd unit
    check  ulimit -l; grep -i locked /proc/$(pidof basalt)/limits
    more   tuning.md#locked-memory

 2  Huge pages  important
    found  always
    why    With 'always', a first write clears 2 MiB at once (6 to 8 ms
           measured) and a key takes 1.7 times the memory.
    set    echo madvise > /sys/kernel/mm/transparent_hugepage/enabled
    check  cat /sys/kernel/mm/transparent_hugepage/enabled
    more   tuning.md#transparent-huge-pages

 3  Congestion  worth trying
    found  bbr for connections from other hosts
    why    BBR paces every send by timers, which costs CPU and which short
           replies in a data centre do not need.
    set    sysctl -w net.ipv4.tcp_congestion_control=cubic
    check  sysctl net.ipv4.tcp_congestion_control; ss -ti sport = :6379
    more   tuning.md#tcp-congestion-control

 4  Listen backlog  worth trying
    found  128 instead of the 511 of tcp-backlog
    why    The kernel cuts tcp-backlog to this; of a burst of new connections
           the rest has to try again, after a second.
    set    sysctl -w net.core.somaxconn=511
    check  sysctl net.core.somaxconn; ss -ltn sport = :6379
    more   tuning.md#listen-backlog

Cannot be told here
    CPU frequency    /sys/devices/system/cpu/cpu1/cpufreq is missing: the
                     firmware or the kernel decides

Fine
    Kernel           Linux 6.12.9-good
    io_uring         a ring can be made
";

#[test]
fn the_text_tells_the_important_first_and_the_fine_in_a_line_each() {
    let text = render(&poor(), Paint::Plain);
    assert!(text.starts_with(TEXT), "{text}");
    assert!(text.ends_with("\n2 important, 2 worth trying, 1 cannot be told, 26 fine.\n"), "{text}");
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert_eq!(wide, [""; 0]);
}

#[test]
fn commands_name_the_directory_and_the_port_of_the_server() {
    let report = Fake::good()
        .with("/proc/sys/net/core/somaxconn", "10")
        .probing(|probes| probes.direct_io = Ok(false))
        .flags(&["--port", "7001"])
        .report();
    let looks: Vec<&str> = report.findings.iter().map(|complaint| complaint.look.as_str()).collect();
    let direct = "dd if=/dev/zero of=/var/lib/basalt/try bs=4k count=1 oflag=direct; rm /var/lib/basalt/try";
    assert_eq!(looks, ["sysctl net.core.somaxconn; ss -ltn sport = :7001", direct]);
}

#[test]
fn colours_add_nothing_but_colours() {
    let report = poor();
    let coloured = render(&report, Paint::Colours);
    assert!(coloured.contains("\x1b[31mimportant\x1b[0m"), "{coloured:?}");
    let mut plain = String::new();
    for (index, part) in coloured.split("\x1b[").enumerate() {
        plain += if index == 0 { part } else { part.split_once('m').expect("an ended sequence").1 };
    }
    assert_eq!(plain, render(&report, Paint::Plain));
}

#[test]
fn the_document_tells_the_same() {
    let report = poor();
    let document: Value = serde_json::from_str(&json::render(&report)).expect("JSON");
    assert_eq!(document["healthy"], false);
    assert_eq!(document["host"], report.host);
    let first = &document["findings"][0];
    let expected = serde_json::json!({
        "check": "locked-memory",
        "title": "Locked memory",
        "weight": "important",
        "found": "64 KiB; the server does not start below 512 KiB",
        "why": "The executors pin buffers for their rings; the rings themselves need no locked memory since Linux 5.12.",
        "set": ["ulimit -l 1024", "LimitMEMLOCK=1M        # in the systemd unit"],
        "look": "ulimit -l; grep -i locked /proc/$(pidof basalt)/limits",
        "more": "tuning.md#locked-memory",
    });
    assert_eq!(*first, expected);
    assert_eq!(document["untold"][0]["check"], "cpu-frequency");
    assert_eq!(document["fine"][0]["state"], "Linux 6.12.9-good");
    let rows = |name: &str| document[name].as_array().map_or(0, Vec::len);
    assert_eq!(rows("findings") + rows("untold") + rows("fine"), CHECKS.len());
}

#[test]
fn flags_of_the_server_are_read_around_those_of_the_doctor() {
    let ask = |words: &[&str]| request(words.iter().map(Into::into).collect());
    match ask(&["--cpus", "0", "--json", "--maxclients", "77"]) {
        Ok(Request::Examine(settings, Format::Json)) => {
            assert_eq!((settings.cpus, settings.maxclients), (vec![0], 77));
        }
        _ => panic!("it is a request for JSON"),
    }
    assert!(matches!(ask(&[]), Ok(Request::Examine(_, Format::Text))));
    assert!(matches!(ask(&["--help"]), Ok(Request::Help)));
    assert!(ask(&["--cpus", "none"]).is_err());
}
