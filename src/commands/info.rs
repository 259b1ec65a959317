//! The text of INFO, made from numbers that the server publishes.

mod sections;

#[cfg(test)]
mod tests;

use sections::SECTIONS;

/// What INFO tells. Sizes are bytes; all counters run since the start or since CONFIG RESETSTAT.
#[derive(Clone, Debug, Default)]
pub struct InfoFacts {
    pub server: ServerFacts,
    pub clients: ClientsFacts,
    pub memory: MemoryFacts,
    pub persistence: PersistenceFacts,
    pub stats: StatsFacts,
    pub replication: ReplicationFacts,
    pub cpu: CpuFacts,
    pub commands: Vec<CommandFacts>,
    /// First words of error replies, such as `ERR`, and how many there were.
    pub errors: Vec<(String, u64)>,
    /// By database; those without keys are not shown.
    pub databases: Vec<DatabaseFacts>,
}

#[derive(Clone, Debug, Default)]
pub struct ServerFacts {
    pub basalt_version: String,
    /// Name, release and machine of the operating system.
    pub operating_system: String,
    pub process_id: u32,
    /// 40 hexadecimal digits that differ at every start.
    pub run_id: String,
    pub tcp_port: u16,
    /// Microseconds since the Unix epoch.
    pub now_us: u64,
    pub started_at_us: u64,
    pub executable: String,
    /// What `hz` says, which nothing here goes by.
    pub hz: u32,
    /// Empty when there is none.
    pub config_file: String,
    pub shards: u16,
}

#[derive(Clone, Debug, Default)]
pub struct ClientsFacts {
    pub connected: u64,
    pub connected_max: u64,
}

#[derive(Clone, Debug, Default)]
pub struct MemoryFacts {
    pub used: u64,
    /// When the server was ready.
    pub used_at_start: u64,
    /// Keys and values, without tables.
    pub dataset: u64,
    /// Blocks of connections.
    pub clients: u64,
    /// Keys of emptied databases: those whose memory is not yet free, and those whose memory is.
    pub flushed_keys_pending: u64,
    pub flushed_keys_freed: u64,
    pub used_peak: u64,
    pub resident: u64,
    /// What the allocator says, if it was asked.
    pub allocator: Option<AllocatorFacts>,
    /// Such as `jemalloc-5.3.0`.
    pub allocator_name: String,
    pub system: u64,
    /// 0: no limit.
    pub used_max: u64,
    pub eviction_policy: String,
}

#[derive(Clone, Debug, Default)]
pub struct AllocatorFacts {
    pub allocated: u64,
    pub active: u64,
    pub resident: u64,
}

#[derive(Clone, Debug, Default)]
pub struct PersistenceFacts {
    /// While data of an earlier run is being read.
    pub loading: Option<LoadingFacts>,
    /// Keys of the snapshot that was read at the start, and those of it that had expired.
    pub loaded_keys: u64,
    pub loaded_keys_expired: u64,
    pub changes_since_save: u64,
    pub snapshots: SnapshotFacts,
    pub log: Option<LogFacts>,
}

#[derive(Clone, Debug, Default)]
pub struct LoadingFacts {
    /// Seconds since the Unix epoch.
    pub started_at_s: u64,
    pub total_bytes: u64,
    pub redis_memory_bytes: u64,
    pub loaded_bytes: u64,
    pub percent: f64,
    pub seconds_left: u64,
}

#[derive(Clone, Debug, Default)]
pub struct SnapshotFacts {
    /// Seconds since the Unix epoch; the start of the server when nothing was saved.
    pub saved_at_s: u64,
    pub count: u64,
    pub has_failed: bool,
    /// How long the last one took, and the one under way so far.
    pub last_seconds: Option<u64>,
    pub seconds_so_far: Option<u64>,
}

/// The logs of all shards together.
#[derive(Clone, Debug, Default)]
pub struct LogFacts {
    /// Since the bases, and with them.
    pub bytes: u64,
    pub base_bytes: u64,
    pub waiting_bytes: u64,
    pub syncs_under_way: u64,
    pub delays: u64,
    pub is_failing: bool,
    pub is_compacting: bool,
    /// How often the log was compacted, and how often that has failed since.
    pub compactions: u64,
    pub compaction_failures: u64,
    /// How long the last one took.
    pub compaction_seconds: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub struct StatsFacts {
    pub connections: u64,
    pub connections_rejected: u64,
    pub commands: u64,
    pub commands_per_second: u64,
    pub input_bytes: u64,
    pub output_bytes: u64,
    pub input_bytes_per_second: u64,
    pub output_bytes_per_second: u64,
    pub expired_keys: u64,
    pub expiry_cut_short: u64,
    pub expiry_us: u64,
    pub evicted_keys: u64,
    pub hits: u64,
    pub misses: u64,
    pub error_replies: u64,
    pub reads: u64,
    pub writes: u64,
}

#[derive(Clone, Debug, Default)]
pub struct ReplicationFacts {
    /// 40 hexadecimal digits.
    pub id: String,
    pub backlog_bytes: u64,
}

/// Microseconds that all threads together have run.
#[derive(Clone, Debug, Default)]
pub struct CpuFacts {
    pub system_us: u64,
    pub user_us: u64,
    /// Of the core that answers.
    pub core_system_us: u64,
    pub core_user_us: u64,
}

#[derive(Clone, Debug, Default)]
pub struct CommandFacts {
    /// As in COMMAND INFO: `get`, `config|get`.
    pub name: String,
    pub calls: u64,
    pub nanoseconds: u64,
    /// Not begun: wrong arity, no permission.
    pub rejected: u64,
    pub failed: u64,
    /// Percent of the calls, and the nanoseconds within which they were answered.
    pub percentiles_ns: Vec<(f64, u64)>,
}

#[derive(Clone, Debug, Default)]
pub struct DatabaseFacts {
    pub index: u8,
    pub keys: u64,
    pub expires: u64,
    /// Milliseconds; 0 when it is not estimated.
    pub average_ttl_ms: u64,
}

/// Whether a section that is shown only on request is asked for.
pub fn asks_for<N: AsRef<[u8]>>(names: &[N], section: &str) -> bool {
    let is = |name: &N, word: &str| name.as_ref().eq_ignore_ascii_case(word.as_bytes());
    names.iter().any(|name| is(name, section) || is(name, "all") || is(name, "everything"))
}

/// Appends the sections with the given names; without names, the default ones. Unknown names are passed over.
pub fn write<N: AsRef<[u8]>>(names: &[N], facts: &InfoFacts, out: &mut Vec<u8>) {
    let named = |name: &str| names.iter().any(|each| each.as_ref().eq_ignore_ascii_case(name.as_bytes()));
    let wants_all = named("all") || named("everything");
    let wants_default = names.is_empty() || named("default");
    let begin = out.len();
    for section in SECTIONS {
        let is_wanted =
            wants_all || (wants_default && section.is_default) || section.names.iter().any(|n| named(n));
        if !is_wanted {
            continue;
        }
        if out.len() > begin {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"# ");
        out.extend_from_slice(section.title.as_bytes());
        out.extend_from_slice(b"\r\n");
        (section.write)(facts, out);
    }
}
