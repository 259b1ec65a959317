//! Values as bytes: the records of a log, snapshots, what DUMP gives, and the append-only file of Redis. No keys of a table, no commands, no files.

pub mod aof;
pub mod crc64;
pub mod dump;
pub mod effect;
pub mod lzf;
pub mod rdb;
pub mod record;
pub mod varint;
