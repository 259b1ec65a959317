//! Chance that replays: SplitMix64, seeded from `BASALT_SEED` or the time, and printed.

use std::time::{SystemTime, UNIX_EPOCH};

pub struct Random {
    state: u64,
}

impl Random {
    pub fn from_seed(seed: u64) -> Self {
        Random { state: seed }
    }

    /// A generator whose seed a failing test prints; `BASALT_SEED` sets it.
    pub fn printed() -> (Self, u64) {
        let seed = match std::env::var("BASALT_SEED") {
            Ok(text) => text.parse().expect("BASALT_SEED is a number"),
            Err(_) => {
                SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64 >> 10
            }
        };
        println!("BASALT_SEED={seed}");
        (Random::from_seed(seed), seed)
    }

    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Another generator, whose numbers have nothing to do with those of this one.
    pub fn split(&mut self) -> Self {
        Random::from_seed(self.number())
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
