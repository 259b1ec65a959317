//! The types of values as plain data and algorithms: no requests, no keys, no time.

pub mod bits;
pub mod decimal;
pub mod float;
pub mod subsequence;
