//! Rows: the memory limit, eviction, expiry and freeing.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};
use super::{BYTES_MAX, INT_MAX, LONG_MAX};

const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];
const NO_LIMIT: &str = "the memory limit is not built yet, so memory would grow past it";
const NO_CLIENT_LIMIT: &str = "the memory limit for all clients together is not built yet";
const NO_DEFRAG: &str = "active defragmentation is not built yet";

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("maxmemory", Memory(0, u64::MAX), "0", Live, LaterOnly(&["0"], NO_LIMIT), "Bytes that data may take; 0 is no limit."),
    row("maxmemory-policy", Choice(POLICIES), "noeviction", Live, Later, "Which keys make room when memory is full."),
    row("maxmemory-samples", Integer(1, INT_MAX), "5", Live, Later, "Keys looked at to find one to evict."),
    row("maxmemory-eviction-tenacity", Integer(0, 100), "10", Live, Later, "How long eviction may hold up clients."),
    row("maxmemory-clients", MemoryOrPercent, "0", Live, LaterOnly(&["0"], NO_CLIENT_LIMIT), "Bytes that all clients' buffers may take, or a share of the memory limit; 0 is no limit."),
    row("lfu-log-factor", Integer(0, INT_MAX), "10", Live, Built, "How many uses it takes for a key to count as used often."),
    row("lfu-decay-time", Integer(0, INT_MAX), "1", Live, Built, "Minutes after which a key's count of uses is lowered."),
    row("active-expire-effort", Integer(1, 10), "1", Live, Later, "How hard to look for keys that have expired."),
    row("hz", Clamped(1, 500), "10", Live, Later, "How often in a second background work runs in Redis."),
    row("dynamic-hz", Bool, "yes", Live, Later, "Run background work more often when there are many clients."),
    row("activerehashing", Bool, "yes", Live, Later, "Spend idle time on growing tables; tables here grow in small steps."),
    row("lazyfree-lazy-eviction", Bool, "no", Live, Later, "Free evicted values in the background."),
    row("lazyfree-lazy-expire", Bool, "no", Live, Later, "Free expired values in the background."),
    row("lazyfree-lazy-server-del", Bool, "no", Live, Later, "Free overwritten values in the background."),
    row("lazyfree-lazy-user-del", Bool, "no", Live, Later, "Make DEL free as UNLINK does."),
    row("lazyfree-lazy-user-flush", Bool, "no", Live, Later, "Make FLUSHALL and FLUSHDB free in the background."),
    row("jemalloc-bg-thread", Bool, "yes", Live, Later, "Let the allocator give memory back from a thread of its own."),
    row("activedefrag", Bool, "no", Live, LaterOnly(&["no"], NO_DEFRAG), "Move values together to give memory back."),
    row("active-defrag-ignore-bytes", Memory(1, BYTES_MAX), "104857600", Live, Later, "Wasted bytes below which nothing is moved."),
    row("active-defrag-threshold-lower", Integer(0, 1000), "10", Live, Later, "Percent wasted at which moving begins."),
    row("active-defrag-threshold-upper", Integer(0, 1000), "100", Live, Later, "Percent wasted at which moving takes all the time it may."),
    row("active-defrag-cycle-min", Integer(1, 99), "1", Live, Later, "Least percent of a CPU to spend on moving."),
    row("active-defrag-cycle-max", Integer(1, 99), "25", Live, Later, "Most percent of a CPU to spend on moving."),
    row("active-defrag-max-scan-fields", Integer(1, LONG_MAX), "1000", Live, Later, "Elements of one collection to look at in one step."),
];
