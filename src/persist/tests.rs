//! Persistence against a simulated disk, and its pieces against naive models.

mod crashes;
mod damage;
mod disk;
mod resolution;
mod restoring;
mod segments;
mod store;
