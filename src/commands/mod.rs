//! The command table: a row and a handler for every command, a file for each family.
//!
//! Routing, COMMAND, documentation, counters and the tests against Redis read the rows; nobody matches on names.

pub mod across;
pub mod call;
pub mod caller;
pub mod client_line;
pub mod dataset;
pub mod debug;
pub mod error;
pub mod flags;
pub mod grammar;
pub mod info;
pub mod memory;
pub mod resolve;
pub mod row;
pub mod secret;
pub mod table;

mod acl;
mod bitfield;
mod bitmap;
mod client;
mod client_filter;
mod connection;
mod counter;
mod describe;
mod docs;
mod document;
mod each_key;
mod expire;
mod generic;
mod hello;
mod help;
mod introspection;
pub mod latency;
mod lcs;
mod login;
mod lolwut;
mod numbers;
mod object;
mod payload;
mod rename;
mod replication;
mod saving;
mod server;
mod set_options;
mod slow_log;
mod string;
mod string_part;
pub mod transaction;
pub mod walk;

pub use call::{Ask, Call, Next, SessionCall, Turn};
pub use caller::Caller;
pub use client_line::ClientFacts;
pub use error::CommandError;
pub use hello::REDIS_VERSION;
pub use info::InfoFacts;
pub use resolve::{Refusal, resolve};
pub use row::{Across, Command, Fetched, Flags, Keys, Merge, Run, Spread, Stored};
pub use table::{COMMANDS, find};

#[cfg(test)]
mod tests;
