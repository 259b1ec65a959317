//! Fuzzes the reader of snapshots: `scripts/fuzz.sh rdb` runs it.

#![no_main]

// The room alone, under the name that `check_rdb` knows it by: the whole server takes minutes to build.
extern crate self as basalt;

mod check_rdb;
#[path = "../src/codec/mod.rs"]
pub mod codec;
mod types;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check_rdb::snapshots_are_the_same_in_pieces(bytes));
