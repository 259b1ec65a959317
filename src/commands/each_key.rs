//! One pass over all keys of a request, whose entries are asked from memory together.

use crate::commands::call::Call;
use crate::keyspace::Key;

/// How many keys are asked for before the first of them is used: more than that, and the first may be gone again.
const FETCHED_MAX: usize = 32;

impl<'a> Call<'a> {
    /// Calls `each` with the index of every key from the first argument on, of which each `step`th is one. The key is
    /// `call.key` meanwhile.
    #[inline]
    pub fn each_key(&mut self, step: usize, mut each: impl FnMut(&mut Self, usize)) {
        let count = (self.args.len() - 1).div_ceil(step);
        if count == 1 {
            return each(self, 1);
        }
        let first = self.key;
        for start in (0..count).step_by(FETCHED_MAX) {
            let fetched = FETCHED_MAX.min(count - start);
            let keys: [Key<'a>; FETCHED_MAX] = std::array::from_fn(|nth| match start + nth {
                // Routing has hashed it.
                0 => first,
                nth if nth < count => self.key_at(1 + nth * step),
                _ => Key { bytes: &[], hash: 0, slot: 0 },
            });
            self.fetch(&keys[..fetched]);
            for (nth, key) in keys[..fetched].iter().enumerate() {
                self.key = *key;
                each(self, 1 + (start + nth) * step);
            }
        }
        self.key = first;
    }

    fn fetch(&self, keys: &[Key<'a>]) {
        let database = self.database.into();
        for key in keys {
            self.keyspace.prefetch_group(database, key);
        }
        for key in keys {
            self.keyspace.prefetch_entry(database, key);
        }
    }
}
