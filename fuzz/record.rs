//! Fuzzes the decoders of records and effects: `scripts/fuzz.sh record` runs it.

#![no_main]

// These files alone, under the names that `check` knows them by: the whole server takes minutes to build.
extern crate self as basalt;

#[path = "check_record.rs"]
mod check;
#[path = "../src/codec/effect.rs"]
pub mod effect;
#[path = "../src/codec/record.rs"]
pub mod record;
#[path = "../src/codec/varint.rs"]
pub mod varint;

pub mod codec {
    pub use crate::{effect, record, varint};
}

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check::records_are_read_without_harm(bytes));
