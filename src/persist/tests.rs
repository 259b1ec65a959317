//! Persistence against a simulated disk, and its pieces against naive models.

mod crashes;
mod damage;
#[allow(dead_code, reason = "the simulation of servers uses the rest")]
mod disk;
mod resolution;
mod restoring;
mod segments;
mod store;
