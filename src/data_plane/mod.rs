//! The world as one core sees it: its executor, its ring, its connections, and the queues to the other cores.

mod accept;
mod answer;
mod batch;
mod close;
mod connection;
mod core;
mod debug;
mod facts;
mod follow;
mod gathering;
pub mod housekeeping;
mod inbox;
pub mod launch;
mod mesh;
mod outbox;
mod pause;
mod receive;
mod remote;
mod send;
mod transactions;

#[cfg(test)]
mod tests;
