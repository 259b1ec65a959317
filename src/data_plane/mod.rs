//! The world as one core sees it: its executor, its ring, its connections, and the queues to the other cores.

mod accept;
mod answer;
mod batch;
mod close;
mod connection;
mod core;
mod debug;
mod disk;
mod facts;
mod follow;
mod gathering;
pub mod housekeeping;
mod inbox;
mod keeper;
pub mod launch;
mod loading;
mod log;
mod mesh;
mod monitor;
mod outbox;
mod pause;
mod receive;
mod reload;
mod remote;
mod replicas;
pub mod restore;
mod saving;
mod send;
mod slow_log;
mod snapshot_file;
mod spikes;
mod timing;
mod transactions;

#[cfg(test)]
mod tests;
