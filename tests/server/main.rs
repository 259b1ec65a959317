//! The real binary on real sockets. Tests named `..._as_redis...` compare it with redis-server and need that one too.

#[path = "../common/mod.rs"]
mod common;

mod bitmaps;
mod client_filters;
mod compaction;
mod configuration;
mod connections;
mod doctor;
mod errors;
mod expiry;
mod fragments;
mod importing;
mod importing_refused;
mod information;
mod limits;
mod loading;
mod login;
mod loop_disk;
mod monitor;
mod pause;
mod persistence;
mod pipelines;
mod programs;
mod protocol;
mod real_disks;
mod reload;
mod replicas;
mod rewriting;
mod signals;
mod silence;
mod slow_log;
mod snapshots;
mod startup;
mod statistics;
mod stopping;
mod transactions;
mod values;
mod wire;
