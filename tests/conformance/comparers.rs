//! How the replies of each row are compared. Refusals are compared byte by byte everywhere.

/// What may differ between two good replies.
#[derive(Clone, Copy, Debug)]
pub enum Comparer {
    /// Nothing.
    Exact,
    /// The values of these fields of a map.
    Except(&'static [&'static str]),
    /// The order of fields, the values of these, and fields that only we have.
    Configuration { differing: &'static [&'static str], ours: &'static [&'static str] },
    /// The values of INFO's lines, and which of Redis' fields are there; ours beside them.
    Info { ours: &'static [&'static str] },
    /// The values of each line's `name=value` fields, and ours at its end.
    ClientLines { ours: &'static [&'static str] },
    /// The values of a map of figures, and which databases it tells of; these we do not have.
    Figures { absent: &'static [&'static str] },
    /// The number.
    AnyInteger,
    /// The number by some seconds, unless it is negative: a time in units of so many milliseconds.
    Time { unit_ms: u64 },
    /// The order of elements.
    Unordered,
    /// Which text it is: one of the keys by chance, or prose.
    AnyText,
    /// The cursor and what was found up to there: state.rs compares whole walks.
    Scan,
    /// Rows that only one of the two has, and the order of rows.
    CommandInfo,
    /// The same, and summaries.
    CommandDocs,
    /// Names that only one of the two has, and their order.
    CommandNames,
    /// Which subcommands there are, and the wording of what they do.
    Help,
    /// How the value of a payload of DUMP is compressed.
    Payload,
    /// Not sent at all.
    Skip(&'static str),
}

use Comparer::*;

const IN_TRANSACTIONS: &str = "what it replies depends on what is queued: tests/conformance/transactions.rs";

pub const COMPARERS: &[(&str, Comparer)] = &[
    ("GET", Exact),
    ("SET", Exact),
    ("MGET", Exact),
    ("MSET", Exact),
    ("MSETNX", Exact),
    ("APPEND", Exact),
    ("STRLEN", Exact),
    ("GETRANGE", Exact),
    ("SUBSTR", Exact),
    ("SETRANGE", Exact),
    ("INCR", Exact),
    ("DECR", Exact),
    ("INCRBY", Exact),
    ("DECRBY", Exact),
    ("INCRBYFLOAT", Exact),
    ("LCS", Exact),
    ("SETBIT", Exact),
    ("GETBIT", Exact),
    ("BITCOUNT", Exact),
    ("BITPOS", Exact),
    ("BITOP", Exact),
    ("BITFIELD", Exact),
    ("BITFIELD_RO", Exact),
    ("GETSET", Exact),
    ("SETNX", Exact),
    ("SETEX", Exact),
    ("PSETEX", Exact),
    ("GETDEL", Exact),
    ("GETEX", Exact),
    ("DEL", Exact),
    ("UNLINK", Exact),
    ("TOUCH", Exact),
    ("RENAME", Exact),
    ("RENAMENX", Exact),
    ("COPY", Exact),
    ("MOVE", Exact),
    ("DUMP", Payload),
    ("RESTORE", Exact),
    ("RESTORE-ASKING", Exact),
    ("TYPE", Exact),
    ("EXPIRE", Exact),
    ("PEXPIRE", Exact),
    ("EXPIREAT", Exact),
    ("PEXPIREAT", Exact),
    ("TTL", Time { unit_ms: 1000 }),
    ("PTTL", Time { unit_ms: 1 }),
    ("EXPIRETIME", Time { unit_ms: 1000 }),
    ("PEXPIRETIME", Time { unit_ms: 1 }),
    ("PERSIST", Exact),
    ("OBJECT|ENCODING", Exact),
    ("OBJECT|FREQ", Exact),
    ("OBJECT|IDLETIME", AnyInteger),
    ("OBJECT|REFCOUNT", AnyInteger),
    ("OBJECT|HELP", Help),
    ("MEMORY|USAGE", AnyInteger),
    ("MEMORY|STATS", Figures { absent: &["startup.allocated", "clients.normal"] }),
    ("MEMORY|DOCTOR", AnyText),
    ("MEMORY|MALLOC-STATS", AnyText),
    ("MEMORY|PURGE", Exact),
    ("MEMORY|HELP", Help),
    ("KEYS", Unordered),
    ("SCAN", Scan),
    ("RANDOMKEY", AnyText),
    ("EXISTS", Exact),
    ("MULTI", Skip(IN_TRANSACTIONS)),
    ("EXEC", Skip(IN_TRANSACTIONS)),
    ("DISCARD", Skip(IN_TRANSACTIONS)),
    ("WATCH", Skip(IN_TRANSACTIONS)),
    ("UNWATCH", Exact),
    ("CLIENT|PAUSE", Skip("stops all clients: tests/server/pause.rs")),
    ("CLIENT|REPLY", Skip("some requests have no reply then: tests/server/silence.rs")),
    ("CLIENT|GETREDIR", Exact),
    ("CLIENT|TRACKINGINFO", Exact),
    ("TIME", Skip("the time differs: tests/server/information.rs")),
    ("LASTSAVE", AnyInteger),
    ("SAVE", Exact),
    ("BGSAVE", Skip("a reply depends on what is under way: tests/server/snapshots.rs")),
    ("BGREWRITEAOF", Skip("there is no log here: tests/server/compaction.rs")),
    ("LOLWUT", AnyText),
    ("ROLE", Exact),
    ("REPLICAOF", Skip("makes Redis follow a server: tests/server/replicas.rs")),
    ("SLAVEOF", Skip("makes Redis follow a server: tests/server/replicas.rs")),
    ("WAIT", Skip("waits for long: tests/server/replicas.rs")),
    ("READONLY", Exact),
    ("READWRITE", Exact),
    ("ASKING", Exact),
    ("ACL|WHOAMI", Exact),
    ("ACL|CAT", CommandNames),
    ("ACL|GENPASS", AnyText),
    ("ACL|HELP", Help),
    ("CLIENT|UNPAUSE", Exact),
    ("CLIENT|UNBLOCK", Exact),
    ("DBSIZE", Exact),
    ("FLUSHALL", Exact),
    ("FLUSHDB", Exact),
    ("SWAPDB", Exact),
    ("DEBUG", Exact),
    ("MONITOR", Skip("shows requests from then on: tests/server/monitor.rs")),
    ("SLOWLOG|GET", Skip("shows times: tests/server/slow_log.rs")),
    ("SLOWLOG|LEN", AnyInteger),
    ("SLOWLOG|RESET", Exact),
    ("SLOWLOG|HELP", Help),
    ("LATENCY|LATEST", Exact),
    ("LATENCY|HISTORY", Exact),
    ("LATENCY|GRAPH", Exact),
    ("LATENCY|RESET", Exact),
    ("LATENCY|DOCTOR", Skip("says it in our words: tests/server/slow_log.rs")),
    ("LATENCY|HISTOGRAM", Skip("shows times: tests/server/slow_log.rs")),
    ("LATENCY|HELP", Help),
    ("SHUTDOWN", Skip("ends the server: tests/server/stopping.rs")),
    ("INFO", Info { ours: &["basalt_version", "shards"] }),
    ("CONFIG|GET", Configuration { differing: DIFFERENT_FLAGS, ours: OWN_FLAGS }),
    ("CONFIG|SET", Exact),
    ("CONFIG|REWRITE", Exact),
    ("CONFIG|RESETSTAT", Exact),
    ("CONFIG|HELP", Help),
    ("PING", Exact),
    ("ECHO", Exact),
    ("AUTH", Exact),
    ("HELLO", Except(&["id"])),
    ("SELECT", Exact),
    ("QUIT", Exact),
    ("RESET", Exact),
    ("CLIENT|ID", AnyInteger),
    ("CLIENT|SETNAME", Exact),
    ("CLIENT|GETNAME", Exact),
    ("CLIENT|SETINFO", Skip("newer than the Redis compared with")),
    ("CLIENT|LIST", ClientLines { ours: OWN_CLIENT_FIELDS }),
    ("CLIENT|INFO", ClientLines { ours: OWN_CLIENT_FIELDS }),
    ("CLIENT|KILL", Exact),
    ("CLIENT|NO-EVICT", Exact),
    ("CLIENT|NO-TOUCH", Skip("newer than the Redis compared with")),
    ("CLIENT|HELP", Help),
    ("COMMAND", CommandInfo),
    ("COMMAND|COUNT", AnyInteger),
    ("COMMAND|INFO", CommandInfo),
    ("COMMAND|DOCS", CommandDocs),
    ("COMMAND|LIST", CommandNames),
    ("COMMAND|GETKEYS", Exact),
    ("COMMAND|GETKEYSANDFLAGS", Exact),
    ("COMMAND|HELP", Help),
];

/// Settings of the test's own servers, and defaults that differ on purpose (docs/differences.md).
const DIFFERENT_FLAGS: &[&str] = &["dir", "port", "save"];

/// Flags that Redis does not have.
const OWN_FLAGS: &[&str] = &["shards", "cpus", "loopback-congestion", "log-format", "spin-us", "gather-us"];

/// Fields of CLIENT LIST that Redis 7.0 does not have.
const OWN_CLIENT_FIELDS: &[&str] = &["shard", "lib-name", "lib-ver"];

pub fn comparer_of(path: &str) -> Option<Comparer> {
    COMPARERS.iter().find(|(name, _)| *name == path).map(|(_, comparer)| *comparer)
}
