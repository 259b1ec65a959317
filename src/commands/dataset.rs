//! DEBUG POPULATE, DIGEST and DIGEST-VALUE: keys that are made up, and digests by which data sets are compared.
//!
//! A data set has the digest that Redis gives it: `mix` takes a text into a digest in order, `xor` without regard to it.
//!
//! ```text
//! value:     mix(type) mix(bytes), xor("!!expire!!") if it has a deadline
//! database:  xor(key's digest) of all keys, where a key's digest is mix(key) and then that of its value
//! data set:  for each database with keys: mix(number), then xor of what the database has
//! ```
//!
//! What stands behind the number of a database is a sum by xor, so each shard can make its own.

use bytes::Bytes;
use sha1::{Digest as _, Sha1};

use crate::commands::error::CommandError;
use crate::keyspace::{Cause, Deadline, EntryRef, Key, Keyspace, LARGE_BYTES_MIN, SLOT_COUNT, Value};
use crate::protocol::Reply;
use crate::protocol::request::integer;

/// The bytes of a digest.
const BYTES: usize = 20;

/// The keys that are made at once at most: each is looked at by every core.
const KEYS_MAX: u64 = 1 << 32;

/// What the digests of several shards become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digested {
    /// A reply for each of the keys that were named.
    Keys,
    /// One reply for all databases.
    Databases,
}

#[derive(Clone, Copy, Default)]
struct Digest([u8; BYTES]);

impl Digest {
    fn xor_bytes(&mut self, other: &[u8]) {
        self.0.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
    }

    fn xor(&mut self, text: &[u8]) {
        self.xor_bytes(&Sha1::digest(text));
    }

    fn mix(&mut self, text: &[u8]) {
        self.xor(text);
        self.0 = Sha1::digest(self.0).into();
    }

    fn mix_value(&mut self, entry: EntryRef<'_>) {
        // So far there is one type, whose number is 0.
        self.mix(&0u32.to_be_bytes());
        entry.value().with_bytes(|bytes| self.mix(bytes));
        if entry.deadline_ms().is_some() {
            self.xor(b"!!expire!!");
        }
    }
}

/// Appends this shard's part of the digest of each key: nothing but zeroes for one that is not here.
pub fn digest_keys<'a>(
    keyspace: &mut Keyspace,
    database: u8,
    keys: impl Iterator<Item = Option<Key<'a>>>,
    now_ms: u64,
    out: &mut Vec<u8>,
) {
    for key in keys {
        let mut digest = Digest::default();
        if let Some(entry) = key.and_then(|key| keyspace.peek(database.into(), &key, now_ms)) {
            digest.mix_value(entry);
        }
        out.extend_from_slice(&digest.0);
    }
}

/// Appends this shard's part of the digest of each database.
pub fn digest_databases(keyspace: &Keyspace, now_ms: u64, out: &mut Vec<u8>) {
    for database in 0..keyspace.database_count() {
        let mut sum = Digest::default();
        keyspace.scan(database, 0, SLOT_COUNT, usize::MAX, now_ms, |entry| {
            let mut digest = Digest::default();
            digest.mix(entry.key());
            digest.mix_value(entry);
            sum.xor(&digest.0);
        });
        out.extend_from_slice(&sum.0);
    }
}

/// Replies with the digests whose parts these are, one part from each shard.
pub fn write_digests<'a>(digested: Digested, parts: impl Iterator<Item = &'a [u8]>, reply: &mut Reply) {
    let mut sums: Vec<Digest> = Vec::new();
    for part in parts {
        let digests = part.chunks_exact(BYTES);
        sums.resize_with(digests.len(), Digest::default);
        sums.iter_mut().zip(digests).for_each(|(sum, other)| sum.xor_bytes(other));
    }
    let write = |digest: &Digest, reply: &mut Reply| {
        let digits: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        reply.simple(&digits);
    };
    if digested == Digested::Keys {
        reply.array(sums.len());
        return sums.iter().for_each(|sum| write(sum, reply));
    }
    let mut whole = Digest::default();
    // A database without keys has a sum of zeroes, and one with keys has another.
    for (number, sum) in sums.iter().enumerate().filter(|(_, sum)| sum.0 != [0; BYTES]) {
        whole.mix(&(number as u32).to_be_bytes());
        whole.xor_bytes(&sum.0);
    }
    write(&whole, reply);
}

/// Keys to be made up: `prefix:0`, `prefix:1` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    pub database: u8,
    count: u64,
    prefix: Bytes,
    /// The length of each value; 0 is that of `value:1` and the like.
    value_bytes: usize,
}

impl Population {
    /// Reads what stands behind POPULATE.
    pub fn parse<'a>(
        database: u8,
        mut words: impl Iterator<Item = &'a [u8]>,
        value_bytes_max: u64,
    ) -> Result<Self, CommandError> {
        const NOT_POSITIVE: CommandError = CommandError::Text("ERR value is out of range, must be positive");
        let number = |word| integer(word).and_then(|number| u64::try_from(number).ok()).ok_or(NOT_POSITIVE);
        let count = number(words.next().unwrap_or_default())?;
        let prefix = Bytes::copy_from_slice(words.next().unwrap_or(b"key"));
        let value_bytes = words.next().map_or(Ok(0), number)?;
        if count > KEYS_MAX {
            return Err(NOT_POSITIVE);
        }
        if value_bytes > value_bytes_max {
            return Err(CommandError::StringTooLong);
        }
        Ok(Population { database, count, prefix, value_bytes: value_bytes as usize })
    }

    /// Makes the keys that belong to a shard: `find` gives the key of a name if it does. Those that exist stay as they are.
    pub fn make(
        &self,
        keyspace: &mut Keyspace,
        find: impl for<'a> Fn(&'a [u8]) -> Option<Key<'a>>,
        now_ms: u64,
    ) {
        let mut name = Vec::new();
        for number in 0..self.count {
            name.clear();
            name.extend_from_slice(&self.prefix);
            name.extend_from_slice(format!(":{number}").as_bytes());
            let Some(key) = find(&name) else {
                continue;
            };
            if keyspace.peek(self.database.into(), &key, now_ms).is_none() {
                let value = self.value(number);
                let stored = match value.len() {
                    0..LARGE_BYTES_MIN => Value::Text(&value),
                    _ => Value::Large(value.into()),
                };
                keyspace.set(self.database.into(), &key, stored, Deadline::Clear, Cause::Set, now_ms);
            }
        }
    }

    /// Cut to its length, or filled up with zeroes.
    fn value(&self, number: u64) -> Vec<u8> {
        let mut value = format!("value:{number}").into_bytes();
        if self.value_bytes > 0 {
            value.resize(self.value_bytes, 0);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS_MAX, Population};
    use crate::commands::error::CommandError;

    fn refusal(line: &str) -> Option<Vec<u8>> {
        let words = line.split(' ').map(str::as_bytes);
        let error = |error: CommandError| {
            let mut text = Vec::new();
            error.write_into(&mut text);
            text
        };
        Population::parse(0, words, 1000).err().map(error)
    }

    #[test]
    fn no_more_and_no_larger_keys_are_made_than_the_bounds_say() {
        assert_eq!(refusal(&format!("{KEYS_MAX} p 1000")), None);
        let out_of_range = Some(b"-ERR value is out of range, must be positive\r\n".to_vec());
        assert_eq!(refusal(&format!("{} p", KEYS_MAX + 1)), out_of_range);
        let too_long = b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n".to_vec();
        assert_eq!(refusal("1 p 1001"), Some(too_long));
    }
}
