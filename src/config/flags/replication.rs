//! Rows: replicas and their primaries.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};
use super::{BYTES_MAX, INT_MAX, LONG_MAX, PORT_MAX};

const NO_REPLICAS: &str = "replication is not built yet, so this would be a primary of its own";
const NO_QUORUM: &str = "replication is not built yet, so no write could wait for replicas";
const DISKLESS_LOADS: &[&str] = &["disabled", "on-empty-db", "swapdb"];
const ERROR_BEHAVIORS: &[&str] = &["ignore", "panic", "panic-on-replicas"];

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("replicaof", Primary, "", Immutable, LaterOnly(&[""], NO_REPLICAS), "Primary to copy: host and port.").also("slaveof"),
    row("masterauth", Text, "", Live, Later, "Password to give to the primary."),
    row("masteruser", Text, "", Live, Later, "User name to give to the primary."),
    row("replica-read-only", Bool, "yes", Live, Later, "Refuse writes of clients on a replica.").also("slave-read-only"),
    row("replica-serve-stale-data", Bool, "yes", Live, Later, "Answer clients while the primary is out of reach.").also("slave-serve-stale-data"),
    row("replica-priority", Integer(0, INT_MAX), "100", Live, Later, "Order in which replicas are made primaries; 0 never is.").also("slave-priority"),
    row("replica-announced", Bool, "yes", Live, Later, "Be listed as a replica."),
    row("replica-announce-ip", Text, "", Live, Later, "Address to give to the primary.").also("slave-announce-ip"),
    row("replica-announce-port", Integer(0, PORT_MAX), "0", Live, Later, "Port to give to the primary; 0 is the real one.").also("slave-announce-port"),
    row("replica-ignore-maxmemory", Bool, "yes", Live, Later, "Leave eviction to the primary.").also("slave-ignore-maxmemory"),
    row("replica-lazy-flush", Bool, "no", Live, Later, "Free old data in the background before loading the primary's.").also("slave-lazy-flush"),
    row("replica-ignore-disk-write-errors", Bool, "no", Live, Later, "Let a replica go on when its disk fails."),
    row("min-replicas-to-write", Integer(0, INT_MAX), "0", Live, LaterOnly(&["0"], NO_QUORUM), "Replicas that must be in touch for writes to be taken.").also("min-slaves-to-write"),
    row("min-replicas-max-lag", Integer(0, INT_MAX), "10", Live, Later, "Seconds of silence after which a replica is out of touch.").also("min-slaves-max-lag"),
    row("repl-timeout", Integer(1, INT_MAX), "60", Live, Later, "Seconds of silence after which the other side is given up."),
    row("repl-ping-replica-period", Integer(1, INT_MAX), "10", Live, Later, "Seconds between pings to replicas.").also("repl-ping-slave-period"),
    row("repl-backlog-size", Memory(1, BYTES_MAX), "1048576", Live, Later, "Bytes of writes kept for replicas that come back."),
    row("repl-backlog-ttl", Integer(0, LONG_MAX), "3600", Live, Later, "Seconds that these are kept when there are no replicas."),
    row("repl-disable-tcp-nodelay", Bool, "no", Live, Later, "Send fewer and larger packets to replicas, later."),
    row("repl-diskless-sync", Bool, "yes", Live, Later, "Send a full copy without writing it to disk."),
    row("repl-diskless-sync-delay", Integer(0, INT_MAX), "5", Live, Later, "Seconds to wait for more replicas that want the same copy."),
    row("repl-diskless-sync-max-replicas", Integer(0, INT_MAX), "0", Live, Later, "Replicas after which not to wait; 0 is no such count."),
    row("repl-diskless-load", Choice(DISKLESS_LOADS), "disabled", Live, Later, "Load a full copy straight from the socket."),
    row("propagation-error-behavior", Choice(ERROR_BEHAVIORS), "ignore", Live, Later, "What to do when a replicated command fails."),
];
