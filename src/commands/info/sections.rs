//! The sections of INFO and their fields, in the order of Redis 7.0.15.
//!
//! A field of Redis is here if its value can be true: features that we do not have count zero. What would have to be
//! made up is absent.

use std::fmt::Display;

use crate::commands::hello::REDIS_VERSION;
use crate::commands::info::InfoFacts;

pub struct Section {
    pub title: &'static str,
    /// What it is called in a request.
    pub names: &'static [&'static str],
    /// Whether it is shown when none is named.
    pub is_default: bool,
    pub write: fn(&InfoFacts, &mut Vec<u8>),
}

const fn shown(
    title: &'static str,
    names: &'static [&'static str],
    write: fn(&InfoFacts, &mut Vec<u8>),
) -> Section {
    Section { title, names, is_default: true, write }
}

const fn on_request(
    title: &'static str,
    names: &'static [&'static str],
    write: fn(&InfoFacts, &mut Vec<u8>),
) -> Section {
    Section { title, names, is_default: false, write }
}

pub const SECTIONS: &[Section] = &[
    shown("Server", &["server"], server),
    shown("Clients", &["clients"], clients),
    shown("Memory", &["memory"], memory),
    shown("Persistence", &["persistence"], persistence),
    shown("Stats", &["stats"], stats),
    shown("Replication", &["replication"], replication),
    shown("CPU", &["cpu"], cpu),
    shown("Modules", &["modules", "module_list"], |_, _| {}),
    on_request("Commandstats", &["commandstats"], command_stats),
    shown("Errorstats", &["errorstats"], error_stats),
    on_request("Latencystats", &["latencystats"], latency_stats),
    shown("Cluster", &["cluster"], |_, out| field("cluster_enabled", 0, out)),
    shown("Keyspace", &["keyspace"], keyspace),
];

fn field(name: &str, value: impl Display, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
}

/// Fields that are zero as long as the feature behind them is missing.
fn zeroes(names: &[&str], out: &mut Vec<u8>) {
    names.iter().for_each(|name| field(name, 0, out));
}

/// A number of bytes as people like to read it.
pub fn human(bytes: u64) -> String {
    const UNITS: [(char, u32); 6] = [('E', 60), ('P', 50), ('T', 40), ('G', 30), ('M', 20), ('K', 10)];
    match UNITS.iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => format!("{:.2}{unit}", bytes as f64 / (1u64 << shift) as f64),
        None => format!("{bytes}B"),
    }
}

/// A quotient with two decimals; 0 when it cannot be had.
fn ratio(dividend: u64, divisor: u64) -> String {
    let quotient = if divisor == 0 { 0.0 } else { dividend as f64 / divisor as f64 };
    format!("{quotient:.2}")
}

fn server(facts: &InfoFacts, out: &mut Vec<u8>) {
    let facts = &facts.server;
    let uptime_s = facts.now_us.saturating_sub(facts.started_at_us) / 1_000_000;
    field("redis_version", REDIS_VERSION, out);
    field("redis_git_sha1", "00000000", out);
    field("redis_git_dirty", 0, out);
    field("redis_build_id", build_id(&facts.basalt_version), out);
    field("basalt_version", &facts.basalt_version, out);
    field("redis_mode", "standalone", out);
    field("os", &facts.operating_system, out);
    field("arch_bits", usize::BITS, out);
    field("multiplexing_api", "io_uring", out);
    field("monotonic_clock", "POSIX clock_gettime", out);
    field("process_id", facts.process_id, out);
    field("process_supervised", "no", out);
    field("run_id", &facts.run_id, out);
    field("tcp_port", facts.tcp_port, out);
    field("server_time_usec", facts.now_us, out);
    field("uptime_in_seconds", uptime_s, out);
    field("uptime_in_days", uptime_s / 86_400, out);
    field("hz", facts.hz, out);
    field("configured_hz", facts.hz, out);
    field("lru_clock", facts.now_us / 1_000_000 % (1 << 24), out);
    field("executable", &facts.executable, out);
    field("config_file", &facts.config_file, out);
    field("io_threads_active", 0, out);
    field("shards", facts.shards, out);
}

/// Sixteen hexadecimal digits that name a version, as exporters want them (FNV-1a of 64 bits).
fn build_id(version: &str) -> String {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", version.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
}

fn clients(facts: &InfoFacts, out: &mut Vec<u8>) {
    field("connected_clients", facts.clients.connected, out);
    field("cluster_connections", 0, out);
    field("maxclients", facts.clients.connected_max, out);
    zeroes(&["blocked_clients", "tracking_clients", "clients_in_timeout_table"], out);
}

/// A field in bytes and its twin for people.
fn size(name: &str, bytes: u64, out: &mut Vec<u8>) {
    field(name, bytes, out);
    field(&format!("{name}_human"), human(bytes), out);
}

fn memory(facts: &InfoFacts, out: &mut Vec<u8>) {
    let facts = &facts.memory;
    size("used_memory", facts.used, out);
    size("used_memory_rss", facts.resident, out);
    size("used_memory_peak", facts.used_peak, out);
    let percent = 100.0 * facts.used as f64 / facts.used_peak.max(1) as f64;
    field("used_memory_peak_perc", format!("{percent:.2}%"), out);
    field("used_memory_overhead", facts.used.saturating_sub(facts.dataset), out);
    field("used_memory_startup", facts.used_at_start, out);
    field("used_memory_dataset", facts.dataset, out);
    let net = facts.used.saturating_sub(facts.used_at_start).max(1);
    let percent = (100.0 * facts.dataset as f64 / net as f64).min(100.0);
    field("used_memory_dataset_perc", format!("{percent:.2}%"), out);
    if let Some(allocator) = &facts.allocator {
        field("allocator_allocated", allocator.allocated, out);
        field("allocator_active", allocator.active, out);
        field("allocator_resident", allocator.resident, out);
    }
    size("total_system_memory", facts.system, out);
    scripts(out);
    size("maxmemory", facts.used_max, out);
    field("maxmemory_policy", &facts.eviction_policy, out);
    if let Some(allocator) = &facts.allocator {
        let (active, resident) = (allocator.active, allocator.resident);
        excess("allocator_frag", active, allocator.allocated, out);
        excess("allocator_rss", resident, active, out);
        excess("rss_overhead", facts.resident, resident, out);
    }
    excess("mem_fragmentation", facts.resident, facts.used, out);
    zeroes(
        &[
            "mem_not_counted_for_evict",
            "mem_replication_backlog",
            "mem_total_replication_buffers",
            "mem_clients_slaves",
        ],
        out,
    );
    field("mem_clients_normal", facts.clients, out);
    zeroes(&["mem_cluster_links", "mem_aof_buffer"], out);
    field("mem_allocator", &facts.allocator_name, out);
    field("active_defrag_running", 0, out);
    field("lazyfree_pending_objects", facts.flushed_keys_pending, out);
    field("lazyfreed_objects", facts.flushed_keys_freed, out);
}

/// How much more one figure is than another, as a ratio and in bytes.
fn excess(name: &str, more: u64, less: u64, out: &mut Vec<u8>) {
    field(&format!("{name}_ratio"), ratio(more, less), out);
    field(&format!("{name}_bytes"), more as i64 - less as i64, out);
}

fn scripts(out: &mut Vec<u8>) {
    zeroes(&["used_memory_lua", "used_memory_vm_eval"], out);
    field("used_memory_lua_human", human(0), out);
    zeroes(
        &[
            "used_memory_scripts_eval",
            "number_of_cached_scripts",
            "number_of_functions",
            "number_of_libraries",
            "used_memory_vm_functions",
        ],
        out,
    );
    size("used_memory_vm_total", 0, out);
    field("used_memory_functions", 0, out);
    size("used_memory_scripts", 0, out);
}

fn status(is_good: bool) -> &'static str {
    if is_good { "ok" } else { "err" }
}

/// Seconds, or -1 for something that has not happened.
fn seconds(taken: Option<u64>) -> i64 {
    taken.map_or(-1, |seconds| seconds as i64)
}

fn persistence(facts: &InfoFacts, out: &mut Vec<u8>) {
    let facts = &facts.persistence;
    field("loading", u8::from(facts.loading.is_some()), out);
    zeroes(&["async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"], out);
    field("current_fork_perc", "0.00", out);
    zeroes(&["current_save_keys_processed", "current_save_keys_total"], out);
    field("rdb_changes_since_last_save", facts.changes_since_save, out);
    let snapshots = &facts.snapshots;
    field("rdb_bgsave_in_progress", u8::from(snapshots.seconds_so_far.is_some()), out);
    field("rdb_last_save_time", snapshots.saved_at_s, out);
    field("rdb_last_bgsave_status", status(!snapshots.has_failed), out);
    field("rdb_last_bgsave_time_sec", seconds(snapshots.last_seconds), out);
    field("rdb_current_bgsave_time_sec", seconds(snapshots.seconds_so_far), out);
    field("rdb_saves", snapshots.count, out);
    zeroes(&["rdb_last_cow_size"], out);
    field("rdb_last_load_keys_expired", facts.loaded_keys_expired, out);
    field("rdb_last_load_keys_loaded", facts.loaded_keys, out);
    field("aof_enabled", u8::from(facts.log.is_some()), out);
    let log = facts.log.clone().unwrap_or_default();
    field("aof_rewrite_in_progress", u8::from(log.is_compacting), out);
    field("aof_rewrite_scheduled", 0, out);
    field("aof_last_rewrite_time_sec", seconds(log.compaction_seconds), out);
    field("aof_current_rewrite_time_sec", -1, out);
    field("aof_last_bgrewrite_status", status(log.compaction_failures == 0), out);
    field("aof_rewrites", log.compactions, out);
    field("aof_rewrites_consecutive_failures", log.compaction_failures, out);
    field("aof_last_write_status", status(!log.is_failing), out);
    zeroes(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"], out);
    if let Some(log) = &facts.log {
        field("aof_current_size", log.base_bytes + log.bytes, out);
        field("aof_base_size", log.base_bytes, out);
        field("aof_pending_rewrite", 0, out);
        field("aof_buffer_length", log.waiting_bytes, out);
        field("aof_pending_bio_fsync", log.syncs_under_way, out);
        field("aof_delayed_fsync", log.delays, out);
    }
    if let Some(loading) = &facts.loading {
        field("loading_start_time", loading.started_at_s, out);
        field("loading_total_bytes", loading.total_bytes, out);
        field("loading_rdb_used_mem", loading.redis_memory_bytes, out);
        field("loading_loaded_bytes", loading.loaded_bytes, out);
        field("loading_loaded_perc", format!("{:.2}", loading.percent), out);
        field("loading_eta_seconds", loading.seconds_left, out);
    }
}

fn stats(facts: &InfoFacts, out: &mut Vec<u8>) {
    let facts = &facts.stats;
    field("total_connections_received", facts.connections, out);
    field("total_commands_processed", facts.commands, out);
    field("instantaneous_ops_per_sec", facts.commands_per_second, out);
    field("total_net_input_bytes", facts.input_bytes, out);
    field("total_net_output_bytes", facts.output_bytes, out);
    zeroes(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"], out);
    field("instantaneous_input_kbps", ratio(facts.input_bytes_per_second, 1024), out);
    field("instantaneous_output_kbps", ratio(facts.output_bytes_per_second, 1024), out);
    field("instantaneous_input_repl_kbps", "0.00", out);
    field("instantaneous_output_repl_kbps", "0.00", out);
    field("rejected_connections", facts.connections_rejected, out);
    zeroes(&["sync_full", "sync_partial_ok", "sync_partial_err"], out);
    field("expired_keys", facts.expired_keys, out);
    field("expired_time_cap_reached_count", facts.expiry_cut_short, out);
    field("expire_cycle_cpu_milliseconds", facts.expiry_us / 1_000, out);
    field("evicted_keys", facts.evicted_keys, out);
    zeroes(&["evicted_clients", "total_eviction_exceeded_time", "current_eviction_exceeded_time"], out);
    field("keyspace_hits", facts.hits, out);
    field("keyspace_misses", facts.misses, out);
    zeroes(MISSING_STATS, out);
    field("unexpected_error_replies", 0, out);
    field("total_error_replies", facts.error_replies, out);
    field("dump_payload_sanitizations", 0, out);
    field("total_reads_processed", facts.reads, out);
    field("total_writes_processed", facts.writes, out);
    zeroes(&["io_threaded_reads_processed", "io_threaded_writes_processed"], out);
    zeroes(&["reply_buffer_shrinks", "reply_buffer_expands"], out);
}

const MISSING_STATS: &[&str] = &[
    "pubsub_channels",
    "pubsub_patterns",
    "pubsubshard_channels",
    "latest_fork_usec",
    "total_forks",
    "migrate_cached_sockets",
    "slave_expires_tracked_keys",
    "active_defrag_hits",
    "active_defrag_misses",
    "active_defrag_key_hits",
    "active_defrag_key_misses",
    "total_active_defrag_time",
    "current_active_defrag_time",
    "tracking_total_keys",
    "tracking_total_items",
    "tracking_total_prefixes",
];

fn replication(facts: &InfoFacts, out: &mut Vec<u8>) {
    field("role", "master", out);
    field("connected_slaves", 0, out);
    field("master_failover_state", "no-failover", out);
    field("master_replid", &facts.replication.id, out);
    field("master_replid2", "0".repeat(40), out);
    field("master_repl_offset", 0, out);
    field("second_repl_offset", -1, out);
    field("repl_backlog_active", 0, out);
    field("repl_backlog_size", facts.replication.backlog_bytes, out);
    zeroes(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"], out);
}

fn cpu(facts: &InfoFacts, out: &mut Vec<u8>) {
    let seconds = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    field("used_cpu_sys", seconds(facts.cpu.system_us), out);
    field("used_cpu_user", seconds(facts.cpu.user_us), out);
    field("used_cpu_sys_children", seconds(0), out);
    field("used_cpu_user_children", seconds(0), out);
    field("used_cpu_sys_main_thread", seconds(facts.cpu.core_system_us), out);
    field("used_cpu_user_main_thread", seconds(facts.cpu.core_user_us), out);
}

fn command_stats(facts: &InfoFacts, out: &mut Vec<u8>) {
    for command in &facts.commands {
        let each = ratio(command.nanoseconds, 1_000 * command.calls);
        let counts = format!(
            "calls={},usec={},usec_per_call={each},rejected_calls={},failed_calls={}",
            command.calls,
            command.nanoseconds / 1_000,
            command.rejected,
            command.failed
        );
        field(&format!("cmdstat_{}", command.name), counts, out);
    }
}

fn latency_stats(facts: &InfoFacts, out: &mut Vec<u8>) {
    for command in facts.commands.iter().filter(|command| !command.percentiles_ns.is_empty()) {
        let percentiles: Vec<String> = command
            .percentiles_ns
            .iter()
            .map(|(percent, nanoseconds)| {
                format!("p{percent}={}.{:03}", nanoseconds / 1_000, nanoseconds % 1_000)
            })
            .collect();
        field(&format!("latency_percentiles_usec_{}", command.name), percentiles.join(","), out);
    }
}

fn error_stats(facts: &InfoFacts, out: &mut Vec<u8>) {
    for (code, count) in &facts.errors {
        field(&format!("errorstat_{code}"), format!("count={count}"), out);
    }
}

fn keyspace(facts: &InfoFacts, out: &mut Vec<u8>) {
    for database in facts.databases.iter().filter(|database| database.keys > 0) {
        let counts = format!(
            "keys={},expires={},avg_ttl={}",
            database.keys, database.expires, database.average_ttl_ms
        );
        field(&format!("db{}", database.index), counts, out);
    }
}
