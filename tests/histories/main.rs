//! Histories of several clients on several shards, judged for strict serializability, and money that must not get lost.

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
mod transfers;
mod workload;
