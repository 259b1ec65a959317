//! Fuzzes the request parser: `scripts/fuzz.sh request` runs it.

#![no_main]

// The room alone, under the name that `check` knows it by: the whole server takes minutes to build.
extern crate self as basalt;

mod check;
#[path = "../src/protocol/mod.rs"]
pub mod protocol;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check::requests_are_the_same_in_pieces(bytes));
