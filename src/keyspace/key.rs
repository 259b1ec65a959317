//! A key on its way to the table: its bytes, its slot and its hash, each computed once.

use std::hash::{BuildHasher, Hasher as _};

use ahash::RandomState;

/// A key with what routing and lookup need.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub bytes: &'a [u8],
    pub hash: u64,
    pub slot: u16,
}

/// Hashes keys. All shards of a process share one, so that a slot's table can move between them.
#[derive(Clone, Debug)]
pub struct Hasher(RandomState);

impl Hasher {
    /// A hasher with a seed that nobody outside can guess, so that clients cannot aim at one group.
    pub fn with_seeds(seeds: [u64; 4]) -> Self {
        Hasher(RandomState::with_seeds(seeds[0], seeds[1], seeds[2], seeds[3]))
    }

    /// A hasher that gives the same hashes for the same `seed`.
    pub fn seeded(seed: u64) -> Self {
        Hasher(RandomState::with_seeds(
            seed,
            seed.rotate_left(17) ^ 0x5851_f42d_4c95_7f2d,
            !seed,
            0x1405_7b7e,
        ))
    }

    /// `bytes` in `slot`, with its hash.
    #[inline]
    pub fn key<'a>(&self, bytes: &'a [u8], slot: u16) -> Key<'a> {
        Key { bytes, hash: self.hash(bytes), slot }
    }

    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}
