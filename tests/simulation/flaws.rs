//! The simulation, checked: each mistake that a server could make is found.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::flaw::Flaw;
use super::run_mortal;

/// Several times what the rarest one takes.
const SEEDS_MAX: u64 = 5000;

#[test]
fn each_flaw_is_found() {
    for &flaw in Flaw::ALL {
        let is_found = |seed: &u64| {
            let outcome = catch_unwind(AssertUnwindSafe(|| run_mortal(*seed, Some(flaw))));
            !matches!(outcome, Ok(Ok(_)))
        };
        let found = (0..SEEDS_MAX).find(is_found);
        println!("{flaw:?}: {found:?}");
        assert!(found.is_some(), "{flaw:?} is not found in {SEEDS_MAX} runs");
    }
}
