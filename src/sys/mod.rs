//! What the machine offers, behind safe functions: the ring, queues between cores, sockets, memory, SIMD.

pub mod block;
pub mod buffers;
pub mod crash;
pub mod crc16;
pub mod disk;
pub mod glob;
pub mod host;
pub mod memory;
pub mod probe;
pub mod published;
pub mod quoted;
pub mod ring;
pub mod secret;
pub mod socket;
pub mod spsc;
pub mod stacks;
pub mod ticks;
pub mod waker;
