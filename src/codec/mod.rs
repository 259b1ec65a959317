//! Values as bytes: one encoding for snapshots and for DUMP. No keys of a table, no commands, no files.

pub mod crc64;
pub mod dump;
pub mod lzf;
pub mod rdb;
