//! Histories of several clients on several shards, judged for strict serializability.

#[path = "../common/mod.rs"]
mod common;

mod check;
mod examples;
mod graph;
mod history;
mod lists;
mod orders;
mod plan;
mod registers;
mod session;
mod workload;
