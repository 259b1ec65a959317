//! Snapshots and DUMP's payloads: round and back, broken, of old versions, and to and from redis-server.

#[path = "../../fuzz/check_rdb.rs"]
mod check;
#[path = "../common/mod.rs"]
mod common;

mod broken;
mod files;
mod old;
mod payloads;
mod round;

use basalt::codec::rdb::{Checksum, Compression, Facts, Writer};

pub const FACTS: Facts = Facts {
    redis_version: "7.0.15",
    created_s: 1_700_000_000,
    used_memory_bytes: 1 << 33,
    replication: None,
    is_log_base: false,
};

pub fn writer(compression: Compression) -> Writer {
    Writer::new(compression, Checksum::Verify, &FACTS)
}
