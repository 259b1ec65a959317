//! What is kept on the disk, over a seam: names, manifest, segments, recovery and replay. docs/persistence.md has the bytes.
//!
//! ```text
//! manifest ─► load: scan each shard's log ─► recovery: which parts count, where logs end ─► load: replay
//!                    segment (records of a file)   touched (keys of effects)                replay (into the key space)
//! ```
//!
//! Nothing here opens a file, reads a clock or starts a thread: whoever calls brings a `Disk` and the time.

pub mod base;
pub mod check;
pub mod disk;
pub mod effects;
pub mod load;
pub mod manifest;
pub mod name;
pub mod recovery;
pub mod replay;
pub mod segment;
pub mod snapshot;
mod touched;

#[cfg(test)]
mod tests;
