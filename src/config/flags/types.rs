//! Rows: up to what size values keep their compact encodings.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};
use super::{BYTES_MAX, INT_MAX, LONG_MAX};

const INT_MIN: i64 = i32::MIN as i64;

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("hash-max-listpack-entries", Integer(0, LONG_MAX), "512", Live, Later, "Fields up to which a hash is kept compact.").also("hash-max-ziplist-entries"),
    row("hash-max-listpack-value", Memory(0, BYTES_MAX), "64", Live, Later, "Bytes of a field or value up to which a hash is kept compact.").also("hash-max-ziplist-value"),
    row("list-max-listpack-size", Integer(INT_MIN, INT_MAX), "-2", Live, Later, "Elements in a block of a list, or with -1 to -5 its size from 4 to 64 KiB.").also("list-max-ziplist-size"),
    row("list-compress-depth", Integer(0, INT_MAX), "0", Live, Later, "Blocks at each end of a list that are not compressed; 0 compresses none."),
    row("set-max-intset-entries", Integer(0, LONG_MAX), "512", Live, Later, "Members up to which a set of integers is kept compact."),
    row("zset-max-listpack-entries", Integer(0, LONG_MAX), "128", Live, Later, "Members up to which a sorted set is kept compact.").also("zset-max-ziplist-entries"),
    row("zset-max-listpack-value", Memory(0, BYTES_MAX), "64", Live, Later, "Bytes of a member up to which a sorted set is kept compact.").also("zset-max-ziplist-value"),
    row("hll-sparse-max-bytes", Memory(0, BYTES_MAX), "3000", Live, Later, "Bytes up to which a HyperLogLog is kept sparse."),
    row("stream-node-max-bytes", Memory(0, BYTES_MAX), "4096", Live, Later, "Bytes in a block of a stream; 0 is no limit."),
    row("stream-node-max-entries", Integer(0, LONG_MAX), "100", Live, Later, "Entries in a block of a stream; 0 is no limit."),
    row("sanitize-dump-payload", Choice(&["no", "yes", "clients"]), "no", Live, Later, "Check all of what RESTORE is given; it is always checked."),
];
