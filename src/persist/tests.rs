//! Persistence against a simulated disk, and its pieces against naive models.

mod crashes;
mod disk;
mod resolution;
mod restoring;
mod segments;
mod store;
