//! Which sections are shown, and how.

use super::sections::human;
use super::{CommandFacts, CpuFacts, DatabaseFacts, InfoFacts, MemoryFacts, ServerFacts, write};

fn text(names: &[&str], facts: &InfoFacts) -> String {
    let mut out = Vec::new();
    write(names, facts, &mut out);
    String::from_utf8(out).unwrap()
}

fn titles(names: &[&str]) -> Vec<String> {
    let text = text(names, &InfoFacts::default());
    text.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect()
}

const DEFAULT: [&str; 11] = [
    "Server",
    "Clients",
    "Memory",
    "Persistence",
    "Stats",
    "Replication",
    "CPU",
    "Modules",
    "Errorstats",
    "Cluster",
    "Keyspace",
];

#[test]
fn sections_are_chosen_by_name() {
    assert_eq!(titles(&[]), DEFAULT);
    assert_eq!(titles(&["cluster", "Default", "nosuch"]), DEFAULT);
    assert_eq!(titles(&["keyspace", "CLUSTER"]), ["Cluster", "Keyspace"]);
    assert_eq!(titles(&["nosuch", ""]), [""; 0]);
    assert_eq!(titles(&["ALL"]).len(), 13);
    assert_eq!(titles(&["everything"]), titles(&["all"]));
    assert_eq!(titles(&["commandstats", "latencystats"]), ["Commandstats", "Latencystats"]);
}

#[test]
fn sections_are_parted_by_an_empty_line() {
    let facts = InfoFacts {
        databases: vec![
            DatabaseFacts { index: 0, keys: 3, expires: 1, average_ttl_ms: 0 },
            DatabaseFacts::default(),
            DatabaseFacts { index: 2, keys: 1, ..DatabaseFacts::default() },
        ],
        errors: vec![("ERR".into(), 2)],
        commands: vec![CommandFacts {
            name: "get".into(),
            calls: 4,
            nanoseconds: 31_000,
            rejected: 3,
            failed: 1,
            percentiles_ns: vec![(50.0, 250), (99.9, 31_007)],
        }],
        cpu: CpuFacts { system_us: 1_000_007, ..CpuFacts::default() },
        ..InfoFacts::default()
    };
    let expected = "# Cluster\r\ncluster_enabled:0\r\n\r\n\
                    # Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb2:keys=1,expires=0,avg_ttl=0\r\n";
    assert_eq!(text(&["keyspace", "cluster"], &facts), expected);
    assert_eq!(text(&["errorstats"], &facts), "# Errorstats\r\nerrorstat_ERR:count=2\r\n");
    let expected = "# Commandstats\r\ncmdstat_get:calls=4,usec=31,usec_per_call=7.75,rejected_calls=3,failed_calls=1\r\n";
    assert_eq!(text(&["commandstats"], &facts), expected);
    let expected = "# Latencystats\r\nlatency_percentiles_usec_get:p50=0.250,p99.9=31.007\r\n";
    assert_eq!(text(&["latencystats"], &facts), expected);
    assert!(
        text(&["cpu"], &facts).starts_with("# CPU\r\nused_cpu_sys:1.000007\r\nused_cpu_user:0.000000\r\n")
    );
}

#[test]
fn every_line_is_a_field() {
    let text = text(&["all"], &InfoFacts::default());
    let mut names = Vec::new();
    for line in text.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        names.push(line.split_once(':').expect(line).0);
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "no field is there twice");
    assert!(text.starts_with("# Server\r\nredis_version:7.0.15\r\n"));
}

#[test]
fn sizes_and_times_are_derived() {
    let facts = InfoFacts {
        server: ServerFacts { now_us: 90_000_900_000, started_at_us: 100_000, ..ServerFacts::default() },
        memory: MemoryFacts { used: 1024, used_peak: 2048, resident: 1_149_720, ..MemoryFacts::default() },
        ..InfoFacts::default()
    };
    let text = text(&["server", "memory"], &facts);
    for field in [
        "uptime_in_seconds:90000",
        "uptime_in_days:1",
        "used_memory_human:1.00K",
        "used_memory_rss_human:1.10M",
        "used_memory_peak_perc:50.00%",
        "mem_fragmentation_ratio:1122.77",
        "mem_fragmentation_bytes:1148696",
    ] {
        assert!(text.contains(&format!("\r\n{field}\r\n")), "{field}");
    }
}

#[test]
fn sizes_for_people() {
    for (bytes, shown) in [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (1_139_808, "1.09M"),
        (25_276_510_208, "23.54G"),
        (1 << 40, "1.00T"),
        (u64::MAX, "16.00E"),
    ] {
        assert_eq!(human(bytes), shown);
    }
}
