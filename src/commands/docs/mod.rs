//! What COMMAND DOCS tells: grammar, history, cost and one sentence for each row, a file for each family.

pub mod acl;
pub mod bitmap;
pub mod client;
pub mod connection;
pub mod diagnosis;
pub mod expire;
pub mod generic;
pub mod introspection;
pub mod payload;
pub mod replication;
pub mod saving;
pub mod server;
pub mod string;
pub mod transaction;
