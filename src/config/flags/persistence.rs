//! Rows: snapshots and the append-only file.

use super::super::flag::{Change::*, Emptiness, Flag, Kind::*, Status::*, row};
use super::{BYTES_MAX, INT_MAX};

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("save", SavePoints, "3600 1 300 100 60 10000", Live, Built, "When to save a snapshot: after so many seconds if there were so many changes."),
    row("dbfilename", FileName(Emptiness::Allowed), "dump.rdb", Protected, Built, "File name of the snapshot, which is loaded at the start."),
    row("rdbcompression", Bool, "yes", Live, Built, "Compress long strings in snapshots and payloads of DUMP."),
    row("rdbchecksum", Bool, "yes", Immutable, Built, "End snapshots with a checksum, and refuse those whose checksum is wrong."),
    row("rdb-del-sync-files", Bool, "no", Live, Later, "Delete snapshots made for replication once they are used."),
    row("rdb-save-incremental-fsync", Bool, "yes", Live, Later, "Sync a snapshot to disk bit by bit while it is written."),
    row("stop-writes-on-bgsave-error", Bool, "yes", Live, Built, "Refuse writes after a snapshot has failed."),
    row("appendonly", Bool, "no", Live, Built, "Log every write, to replay it after a restart."),
    row("appendfilename", FileName(Emptiness::Refused), "appendonly.aof", Immutable, Built, "First part of the names of the log files of Redis, which are read where there are none of ours."),
    row("appenddirname", FileName(Emptiness::Refused), "appendonlydir", Immutable, Built, "Directory of the log files, inside the working directory."),
    row("appendfsync", Choice(&["everysec", "always", "no"]), "everysec", Live, Built, "When the log is synced to disk."),
    row("no-appendfsync-on-rewrite", Bool, "no", Live, Later, "Do not sync the log while it is compacted."),
    row("auto-aof-rewrite-percentage", Integer(0, INT_MAX), "100", Live, Built, "Growth in percent after which the log is compacted; 0 never does."),
    row("auto-aof-rewrite-min-size", Memory(0, BYTES_MAX), "67108864", Live, Built, "Bytes below which the log is not compacted."),
    row("aof-load-truncated", Bool, "yes", Live, Built, "Start although the log ends in the middle of a record."),
    row("aof-use-rdb-preamble", Bool, "yes", Live, Later, "Write the base of a compacted log as a snapshot."),
    row("aof-timestamp-enabled", Bool, "no", Live, Later, "Put times into the log, to restore it up to one."),
    row("aof-rewrite-incremental-fsync", Bool, "yes", Live, Later, "Sync a compacted log bit by bit while it is written."),
    row("aof-disable-auto-gc", Bool, "no", Live, Later, "Keep log files that are no longer needed."),
];
