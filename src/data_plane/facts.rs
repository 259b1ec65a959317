//! The figures of INFO and MEMORY, gathered from what the cores publish.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use hdrhistogram::Histogram;

use crate::bridge::Bridge;
use crate::bridge::command_stats::RowStats;
use crate::bridge::counters::{Counter, Counters, sum};
use crate::bridge::latencies::NANOSECONDS_MAX;
use crate::commands::Command;
use crate::commands::info::{
    AllocatorFacts, ClientsFacts, CommandFacts, CpuFacts, DatabaseFacts, InfoFacts, LoadingFacts, LogFacts,
    MemoryFacts, PersistenceFacts, ReplicationFacts, ServerFacts, SnapshotFacts, StatsFacts, asks_for,
};
use crate::commands::memory::{DatabaseOverhead, MemoryFigures};
use crate::commands::table::numbered;
use crate::config::Settings;
use crate::data_plane::connection::Connection;
use crate::data_plane::spikes::counts_of;
use crate::sys::{host, memory};

/// All facts as of now.
pub fn info_facts<N: AsRef<[u8]>>(
    bridge: &Bridge,
    settings: &Settings,
    now_us: u64,
    sections: &[N],
) -> InfoFacts {
    InfoFacts {
        server: server_facts(bridge, settings, now_us),
        clients: ClientsFacts {
            connected: bridge.client_count(),
            connected_max: u64::from(settings.maxclients),
        },
        memory: memory_facts(bridge, settings),
        persistence: persistence_facts(bridge, settings, now_us),
        stats: stats_facts(bridge),
        replication: ReplicationFacts { id: bridge.replication_id(), backlog_bytes: 1 << 20 },
        cpu: cpu_facts(),
        commands: command_facts(
            bridge,
            if asks_for(sections, "latencystats") { &settings.latency_percentiles } else { &[] },
        ),
        errors: error_facts(bridge),
        databases: database_facts(bridge, settings),
    }
}

fn persistence_facts(bridge: &Bridge, settings: &Settings, now_us: u64) -> PersistenceFacts {
    let most = |pick: fn(&Counters) -> &Counter| {
        bridge.counters.iter().map(|core| pick(core).read()).max().unwrap_or_default()
    };
    let log = LogFacts {
        bytes: sum(&bridge.counters, |core| &core.log_bytes),
        base_bytes: sum(&bridge.counters, |core| &core.log_base_bytes),
        waiting_bytes: sum(&bridge.counters, |core| &core.log_waiting_bytes),
        syncs_under_way: sum(&bridge.counters, |core| &core.log_syncing),
        delays: sum(&bridge.counters, |core| &core.log_delays),
        is_failing: sum(&bridge.counters, |core| &core.log_failing) > 0,
        is_compacting: sum(&bridge.counters, |core| &core.log_compacting) > 0,
        compactions: most(|core| &core.log_compactions),
        compaction_failures: most(|core| &core.log_compaction_failures),
        compaction_seconds: most(|core| &core.log_compaction_seconds).checked_sub(1),
    };
    let loading = bridge.loading.progress().map(|progress| LoadingFacts {
        started_at_s: progress.started_at_s,
        total_bytes: progress.total_bytes,
        redis_memory_bytes: progress.redis_memory_bytes,
        loaded_bytes: progress.loaded_bytes,
        percent: progress.percent(),
        seconds_left: progress.seconds_left(now_us / 1_000_000),
    });
    let (loaded_keys, loaded_keys_expired) = bridge.loading.keys();
    let snapshots = bridge.snapshots.figures();
    let changes = sum(&bridge.counters, |core| &core.changes);
    PersistenceFacts {
        loading,
        loaded_keys,
        loaded_keys_expired,
        changes_since_save: changes.saturating_sub(snapshots.changes_saved),
        snapshots: SnapshotFacts {
            saved_at_s: snapshots.saved_at_s,
            count: snapshots.count,
            has_failed: snapshots.has_failed,
            last_seconds: snapshots.last_seconds,
            seconds_so_far: snapshots.seconds_so_far,
        },
        log: settings.log.is_on.then_some(log),
    }
}

fn server_facts(bridge: &Bridge, settings: &Settings, now_us: u64) -> ServerFacts {
    static HOST: OnceLock<(String, String)> = OnceLock::new();
    let (operating_system, executable) = HOST.get_or_init(|| (host::operating_system(), host::executable()));
    let config_file = bridge.config().file().map_or(String::new(), |path| path.display().to_string());
    ServerFacts {
        basalt_version: env!("CARGO_PKG_VERSION").to_owned(),
        operating_system: operating_system.clone(),
        process_id: std::process::id(),
        run_id: bridge.run_id.clone(),
        tcp_port: settings.port,
        now_us,
        started_at_us: bridge.started_at_us,
        executable: executable.clone(),
        config_file,
        hz: settings.hz,
        shards: bridge.counters.len() as u16,
    }
}

/// The figures of MEMORY as of now.
pub fn memory_figures(bridge: &Bridge, settings: &Settings) -> MemoryFigures {
    let figures = memory::memory_use();
    let total = |pick: fn(&Counters) -> &[Counter; 16], index: usize| {
        sum(&bridge.counters, |core| &pick(core)[index])
    };
    let all = 0..usize::from(settings.databases);
    let overhead = |index: usize| DatabaseOverhead {
        index: index as u8,
        table_bytes: total(|core| &core.table_bytes, index),
        schedule_bytes: total(|core| &core.schedule_bytes, index),
    };
    let logical = sum(&bridge.counters, |core| &core.used_memory);
    let found = all.clone().map(overhead).map(|found| found.table_bytes + found.schedule_bytes).sum();
    let key_count = |index: usize| total(|core| &core.keys, index);
    MemoryFigures {
        used: figures.allocated,
        used_peak: bridge.note_memory_peak(figures.allocated),
        resident: figures.rss,
        allocator: AllocatorFacts {
            allocated: figures.allocated,
            active: figures.active,
            resident: figures.resident,
        },
        dataset: logical.saturating_sub(found),
        key_count: all.clone().map(key_count).sum(),
        databases: all.filter(|&index| key_count(index) > 0).map(overhead).collect(),
    }
}

fn memory_facts(bridge: &Bridge, settings: &Settings) -> MemoryFacts {
    let figures = memory_figures(bridge, settings);
    let flushed = sum(&bridge.counters, |core| &core.flushed_keys);
    let pending = sum(&bridge.counters, |core| &core.flushed_keys_pending);
    MemoryFacts {
        used: figures.used,
        used_at_start: bridge.memory_at_start.load(Ordering::Relaxed),
        dataset: figures.dataset,
        clients: bridge.client_count() * size_of::<Connection>() as u64,
        flushed_keys_pending: pending,
        flushed_keys_freed: flushed.saturating_sub(pending),
        used_peak: figures.used_peak,
        resident: figures.resident,
        allocator: Some(figures.allocator),
        allocator_name: "jemalloc-5.3.1".to_owned(),
        system: memory::total_memory(),
        used_max: 0,
        eviction_policy: "noeviction".to_owned(),
    }
}

fn stats_facts(bridge: &Bridge) -> StatsFacts {
    let total = |pick: fn(&Counters) -> &Counter| sum(&bridge.counters, pick);
    let rates = bridge.rates();
    StatsFacts {
        connections: total(|core| &core.connections_received),
        connections_rejected: total(|core| &core.connections_rejected),
        commands: total(|core| &core.commands),
        commands_per_second: rates.commands,
        input_bytes: total(|core| &core.input_bytes),
        output_bytes: total(|core| &core.output_bytes),
        input_bytes_per_second: rates.input_bytes,
        output_bytes_per_second: rates.output_bytes,
        expired_keys: total(|core| &core.expired_keys),
        expiry_cut_short: total(|core| &core.expiry_cut_short),
        expiry_us: total(|core| &core.expiry_us),
        evicted_keys: 0,
        hits: total(|core| &core.keyspace_hits),
        misses: total(|core| &core.keyspace_misses),
        error_replies: total(|core| &core.error_replies),
        reads: total(|core| &core.reads),
        writes: total(|core| &core.writes),
    }
}

/// What is told of the commands that were called or refused.
fn command_facts(bridge: &Bridge, percents: &[f64]) -> Vec<CommandFacts> {
    let facts = numbered().map(|(number, row)| {
        let total = |pick: fn(&RowStats) -> &Counter| -> u64 {
            bridge.commands.iter().map(|core| pick(core.row(number)).read()).sum()
        };
        CommandFacts {
            name: String::from_utf8_lossy(&row.full_name()).into_owned(),
            calls: total(|row| &row.calls),
            nanoseconds: total(|row| &row.nanoseconds),
            rejected: total(|row| &row.rejected),
            failed: total(|row| &row.failed),
            percentiles_ns: percentiles(bridge, row, percents),
        }
    });
    facts.filter(|facts| facts.calls + facts.rejected > 0).collect()
}

/// The time within which so many percent of the calls were answered, nanoseconds; nothing if no calls were tracked.
fn percentiles(bridge: &Bridge, row: &'static Command, percents: &[f64]) -> Vec<(f64, u64)> {
    if percents.is_empty() {
        return Vec::new();
    }
    let counts = counts_of(&bridge.commands, row);
    if counts.is_empty() {
        return Vec::new();
    }
    let mut histogram =
        Histogram::<u64>::new_with_bounds(1, NANOSECONDS_MAX, 2).expect("the bounds are in order");
    for (nanoseconds, calls) in counts {
        histogram.saturating_record_n(nanoseconds, calls);
    }
    percents.iter().map(|&percent| (percent, histogram.value_at_percentile(percent))).collect()
}

/// Error replies by code.
fn error_facts(bridge: &Bridge) -> Vec<(String, u64)> {
    let mut errors = BTreeMap::<String, u64>::new();
    for (code, count) in bridge.commands.iter().flat_map(|core| core.errors()) {
        *errors.entry(String::from_utf8_lossy(&code).into_owned()).or_default() += count;
    }
    errors.into_iter().collect()
}

fn cpu_facts() -> CpuFacts {
    let cpu = memory::cpu_use();
    let (core_user_us, core_system_us) = memory::cpu_use_of_thread();
    CpuFacts { system_us: cpu.system_us, user_us: cpu.user_us, core_system_us, core_user_us }
}

fn database_facts(bridge: &Bridge, settings: &Settings) -> Vec<DatabaseFacts> {
    let of = |index: usize| DatabaseFacts {
        index: index as u8,
        keys: sum(&bridge.counters, |core| &core.keys[index]),
        expires: sum(&bridge.counters, |core| &core.keys_with_deadline[index]),
        average_ttl_ms: 0,
    };
    (0..usize::from(settings.databases)).map(of).filter(|facts| facts.keys > 0).collect()
}
