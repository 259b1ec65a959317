//! Rows: which CPUs the server runs on, and how.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};

const ONE_THREAD_PER_CORE: &str =
    "the server pins one thread to each of its own CPUs; choose them with 'cpus'";

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("shards", Integer(0, 1024), "0", Immutable, Built, "Shards of the data, each on a core of its own; 0 makes one for each CPU the process may use."),
    row("cpus", Cpus, "", Immutable, Built, "CPUs to pin cores to, such as `0,2-5`; empty takes those of the affinity mask."),
    row("spin-us", Integer(0, 1000), "0", Live, Built, "Microseconds for which an idle core polls before it sleeps."),
    row("gather-us", Integer(0, 1000), "50", Live, Built, "Microseconds for which a core with many active clients waits for several requests; 0 wakes it for the first."),
    row("loopback-congestion", Text, "reno", Immutable, Built, "TCP congestion control for peers on this host; empty leaves the system's choice."),
    row("io-threads", Integer(1, 128), "1", Immutable, Later, "Without effect: each core does its own network work."),
    row("io-threads-do-reads", Bool, "no", Immutable, Later, "Without effect: each core does its own network work."),
    row("server_cpulist", Text, "", Immutable, Fixed(&[""], ONE_THREAD_PER_CORE), "CPUs of the server's threads in Redis; use `cpus`."),
    row("bio_cpulist", Text, "", Immutable, Later, "Without effect: there are no background threads to place."),
    row("aof_rewrite_cpulist", Text, "", Immutable, Later, "Without effect: no child process rewrites the log."),
    row("bgsave_cpulist", Text, "", Immutable, Later, "Without effect: no child process saves."),
];
