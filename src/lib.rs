//! Basalt: a Redis-compatible in-memory data store, one shard, one ring and one log per core.
//!
//! ```text
//!   client bytes                                             signals, HTTP, metrics
//!        |                                                            |
//!   data_plane  one executor and one ring per core             control_plane  one thread
//!        |  \________________________  bridge  ______________________/
//!     session   one client: attributes, order of replies
//!        |
//!      shard    one core's keys: the one path on which commands run
//!        |
//!    commands   rows and handlers          cluster  slot of a key, owner of a slot
//!        |
//!    keyspace   table, entries, expiry     protocol  requests and replies
//!        |                                 codec     values as bytes: snapshots, DUMP
//!      types    values as plain data and algorithms
//!        |
//!       sys     ring, queues, sockets, memory, SIMD      config  the table of flags
//! ```
//!
//! `doctor` stands apart and looks at the host. Imports point downwards only; `docs/architecture.md` says what each room must not know.

pub mod bridge;
pub mod cluster;
pub mod codec;
pub mod commands;
pub mod config;
pub mod control_plane;
pub mod data_plane;
pub mod doctor;
pub mod keyspace;
pub mod persist;
pub mod protocol;
pub mod session;
pub mod shard;
pub mod sys;
pub mod types;
