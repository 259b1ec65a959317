//! The settings that parts of the server use, as plain values: nobody outside this room reads rows.

use std::path::PathBuf;

use super::flags::SHUTDOWN;
use super::lists::cpu_numbers;
use super::value::{OutputLimit, Value};
use super::{Config, flags, index_of};
use crate::sys::secret::Secret;

/// The values of everything that is built.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub port: u16,
    pub bind: Vec<BindAddress>,
    pub unixsocket: Option<PathBuf>,
    /// Permission bits; none leaves those of the umask.
    pub unixsocketperm: Option<u32>,
    pub protected_mode: bool,
    /// Of the default user; `None` lets everybody in.
    pub password: Option<Secret>,
    /// Connections.
    pub backlog: u32,
    /// 0 means never.
    pub keepalive_s: u32,
    /// 0 means never.
    pub timeout_s: u32,
    pub maxclients: u32,
    pub output_limits: OutputLimits,
    pub query_buffer_bytes_max: u64,
    pub bulk_bytes_max: u64,
    /// How uses of keys are counted; `None` when only the time of the last one matters.
    pub lfu: Option<Lfu>,
    pub databases: u16,
    /// 0 means one for each CPU.
    pub shards: usize,
    /// Empty means those of the affinity mask.
    pub cpus: Vec<usize>,
    pub spin_us: u32,
    /// 0 means that the first request wakes a core.
    pub gather_us: u32,
    /// Empty means the system's choice.
    pub loopback_congestion: String,
    pub log_level: LogLevel,
    pub log_format: LogFormat,
    pub logfile: Option<PathBuf>,
    pub pidfile: Option<PathBuf>,
    pub dir: PathBuf,
    pub debug_command: Access,
    /// Requests that take longer are logged; `None` logs none.
    pub slow_us: Option<u64>,
    pub slow_log_max: usize,
    /// What takes longer is kept as a sample; 0 keeps none.
    pub spike_ms: u64,
    pub tracks_latency: bool,
    pub hz: u32,
    /// From 0 to 100.
    pub latency_percentiles: Vec<f64>,
    /// Whether snapshots and DUMP compress long strings.
    pub compresses_strings: bool,
    /// Whether a fault is reported to the log.
    pub crash_log: bool,
    pub snapshot: SnapshotSettings,
    pub log: LogSettings,
    pub shutdown_on_sigint: ShutdownHow,
    pub shutdown_on_sigterm: ShutdownHow,
}

/// When all keys are saved to a file, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSettings {
    /// Within the working directory; `None` if there is to be none.
    pub file: Option<PathBuf>,
    /// After so many seconds if there were so many changes.
    pub points: Vec<(u64, u64)>,
    /// Whether it has a checksum, which must be right.
    pub has_checksum: bool,
    /// Writes are refused when the last one has failed.
    pub stops_writes: bool,
}

/// How the server is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownHow {
    /// Whether a snapshot is saved; if nothing is said, when there are save points.
    pub save: Option<bool>,
    /// It ends although that has failed.
    pub force: bool,
}

/// How changes are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub is_on: bool,
    /// Within the working directory.
    pub folder: PathBuf,
    /// What the names of Redis' own files begin with.
    pub redis_name: PathBuf,
    pub fsync: Fsync,
    /// What was torn off by a crash is cut; otherwise the server does not start.
    pub cuts_torn_end: bool,
    /// Growth in percent after which a log is compacted; 0 never does.
    pub compaction_percentage: u64,
    pub compaction_bytes_min: u64,
}

/// When what was written is synced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    EverySec,
    /// Before anybody hears of it.
    Always,
    /// The kernel decides.
    No,
}

/// Who may send a command that needs permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    No,
    Yes,
    /// Clients of this host.
    Local,
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindAddress {
    /// `*` is all of IPv4, `::*` all of IPv6; otherwise an address or a host name.
    pub address: String,
    /// Whether it may be missing on this host.
    pub is_optional: bool,
}

/// How uses of keys are counted under a policy that evicts those used least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lfu {
    pub log_factor: u32,
    /// 0 means that counts are not lowered.
    pub decay_minutes: u32,
}

/// When clients that read too slowly are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimits {
    pub normal: OutputLimit,
    pub replica: OutputLimit,
    pub pubsub: OutputLimit,
}

/// From the most talkative to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Debug,
    Verbose,
    Notice,
    Warning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// The present values. Cheap enough to take anew after each change.
    pub fn settings(&self) -> Settings {
        Settings {
            port: self.integer("port"),
            bind: self.bind_addresses(),
            unixsocket: self.path("unixsocket"),
            unixsocketperm: Some(self.integer("unixsocketperm")).filter(|permissions| *permissions != 0),
            protected_mode: *self.value("protected-mode") == Value::Bool(true),
            password: Some(self.text("requirepass")).filter(|text| !text.is_empty()).map(Secret::of),
            backlog: self.integer("tcp-backlog"),
            keepalive_s: self.integer("tcp-keepalive"),
            timeout_s: self.integer("timeout"),
            maxclients: self.integer("maxclients"),
            output_limits: self.output_limits(),
            query_buffer_bytes_max: self.bytes("client-query-buffer-limit"),
            bulk_bytes_max: self.bytes("proto-max-bulk-len"),
            lfu: self.lfu(),
            databases: self.integer("databases"),
            shards: self.integer("shards"),
            cpus: cpu_numbers(self.text("cpus")).expect("the row's kind has checked the list"),
            spin_us: self.integer("spin-us"),
            gather_us: self.integer("gather-us"),
            loopback_congestion: String::from_utf8_lossy(self.text("loopback-congestion")).into_owned(),
            log_level: self.log_level(),
            log_format: self.log_format(),
            logfile: self.path("logfile"),
            pidfile: self.path("pidfile"),
            dir: self.path("dir").expect("the directory is set from the start"),
            debug_command: self.access("enable-debug-command"),
            slow_us: u64::try_from(self.integer::<i64>("slowlog-log-slower-than")).ok(),
            slow_log_max: self.integer("slowlog-max-len"),
            spike_ms: self.integer("latency-monitor-threshold"),
            tracks_latency: *self.value("latency-tracking") == Value::Bool(true),
            hz: self.integer("hz"),
            latency_percentiles: self.fractions("latency-tracking-info-percentiles"),
            compresses_strings: *self.value("rdbcompression") == Value::Bool(true),
            crash_log: *self.value("crash-log-enabled") == Value::Bool(true),
            snapshot: self.snapshot_settings(),
            log: self.log_settings(),
            shutdown_on_sigint: self.shutdown_how("shutdown-on-sigint"),
            shutdown_on_sigterm: self.shutdown_how("shutdown-on-sigterm"),
        }
    }

    fn snapshot_settings(&self) -> SnapshotSettings {
        let Value::Integers(points) = self.value("save") else { unreachable!("save points are numbers") };
        SnapshotSettings {
            file: self.path("dbfilename"),
            points: points.chunks_exact(2).map(|pair| (pair[0] as u64, pair[1].max(0) as u64)).collect(),
            has_checksum: *self.value("rdbchecksum") == Value::Bool(true),
            stops_writes: *self.value("stop-writes-on-bgsave-error") == Value::Bool(true),
        }
    }

    fn shutdown_how(&self, name: &str) -> ShutdownHow {
        let words = self.values[index_of(name)].clone();
        let Value::Choices(set) = words else { unreachable!("{name} is a set of words") };
        let has = |word: &str| {
            let index = SHUTDOWN.iter().position(|known| *known == word).expect("it is one of the words");
            set & 1 << index != 0
        };
        let save = (has("save") || has("nosave")).then(|| has("save"));
        ShutdownHow { save, force: has("force") }
    }

    fn log_settings(&self) -> LogSettings {
        LogSettings {
            is_on: *self.value("appendonly") == Value::Bool(true),
            folder: self.path("appenddirname").expect("the row refuses an empty name"),
            redis_name: self.path("appendfilename").expect("the row refuses an empty name"),
            fsync: match self.value("appendfsync") {
                Value::Choice(0) => Fsync::EverySec,
                Value::Choice(1) => Fsync::Always,
                _ => Fsync::No,
            },
            cuts_torn_end: *self.value("aof-load-truncated") == Value::Bool(true),
            compaction_percentage: self.integer("auto-aof-rewrite-percentage"),
            compaction_bytes_min: self.bytes("auto-aof-rewrite-min-size"),
        }
    }

    fn integer<T: TryFrom<i64>>(&self, name: &str) -> T {
        let Value::Integer(number) = self.values[index_of(name)] else {
            unreachable!("{name} is an integer")
        };
        T::try_from(number).ok().expect("the row's bounds fit the type")
    }

    fn bytes(&self, name: &str) -> u64 {
        let Value::Bytes(bytes) = *self.value(name) else { unreachable!("{name} is a memory value") };
        bytes
    }

    fn fractions(&self, name: &str) -> Vec<f64> {
        let Value::Fractions(fractions) = self.value(name) else {
            unreachable!("{name} is a list of numbers")
        };
        fractions.clone()
    }

    fn bind_addresses(&self) -> Vec<BindAddress> {
        let Value::Words(words) = self.value("bind") else { unreachable!("bind is a list of words") };
        let address = |word: &Vec<u8>| {
            let text = String::from_utf8_lossy(word);
            match text.strip_prefix('-') {
                Some(address) => BindAddress { address: address.to_owned(), is_optional: true },
                None => BindAddress { address: text.into_owned(), is_optional: false },
            }
        };
        words.iter().map(address).collect()
    }

    fn output_limits(&self) -> OutputLimits {
        let Value::OutputLimits([normal, replica, pubsub]) = *self.value("client-output-buffer-limit") else {
            unreachable!("the row's kind is output limits")
        };
        OutputLimits { normal, replica, pubsub }
    }

    fn log_level(&self) -> LogLevel {
        match self.value("loglevel") {
            Value::Choice(0) => LogLevel::Debug,
            Value::Choice(1) => LogLevel::Verbose,
            Value::Choice(2) => LogLevel::Notice,
            _ => LogLevel::Warning,
        }
    }

    fn access(&self, name: &str) -> Access {
        match self.value(name) {
            Value::Choice(0) => Access::No,
            Value::Choice(1) => Access::Yes,
            _ => Access::Local,
        }
    }

    fn lfu(&self) -> Option<Lfu> {
        let row = flags::all().find(|row| row.name == "maxmemory-policy").expect("the row is there");
        let policy = row.show(self.value(row.name));
        policy.ends_with(b"-lfu").then(|| Lfu {
            log_factor: self.integer("lfu-log-factor"),
            decay_minutes: self.integer("lfu-decay-time"),
        })
    }

    fn log_format(&self) -> LogFormat {
        match self.value("log-format") {
            Value::Choice(0) => LogFormat::Text,
            _ => LogFormat::Json,
        }
    }
}
