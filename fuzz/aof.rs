//! Fuzzes the reader of Redis' append-only files: `scripts/fuzz.sh aof` runs it.

#![no_main]

// The file alone, under the name that `check_aof` knows it by: the whole server takes minutes to build.
extern crate self as basalt;

#[path = "../src/codec/aof.rs"]
pub mod aof;
mod check_aof;

pub mod codec {
    pub use crate::aof;
}

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check_aof::logs_are_the_same_in_pieces(bytes));
