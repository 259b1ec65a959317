//! The slot of a key, exactly as Redis Cluster computes it.

use memchr::memchr;

use crate::sys::crc16::crc16;

/// How many slots the key space is cut into.
pub const SLOT_COUNT: usize = 16_384;

/// The slot of `key`: the CRC16 of its hash tag, or of all of it when it has none.
///
/// A hash tag is what stands between the first `{` and the first `}` after it, unless that is nothing.
#[inline]
pub fn slot_of(key: &[u8]) -> u16 {
    crc16(hashed_part(key)) % SLOT_COUNT as u16
}

#[inline]
fn hashed_part(key: &[u8]) -> &[u8] {
    let Some(open) = memchr(b'{', key) else {
        return key;
    };
    let inside = &key[open + 1..];
    match memchr(b'}', inside) {
        Some(0) | None => key,
        Some(length) => &inside[..length],
    }
}

#[cfg(test)]
mod tests {
    use super::slot_of;

    #[test]
    fn slots_are_those_of_redis_cluster() {
        for (key, slot) in [
            ("", 0),
            ("foo", 12182),
            ("bar", 5061),
            ("hello", 866),
            ("123456789", 12739),
            ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015),
        ] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn a_hash_tag_decides_alone() {
        for (key, same) in [
            ("{user1000}.following", "user1000"),
            ("x{user1000}", "user1000"),
            ("foo{bar}{zap}", "bar"),
            ("a{b", "a{b"),
            ("}a{b}", "b"),
        ] {
            assert_eq!(slot_of(key.as_bytes()), slot_of(same.as_bytes()), "{key}");
        }
    }

    #[test]
    fn an_empty_tag_is_no_tag() {
        assert_ne!(slot_of(b"{}a"), slot_of(b"{}b"));
        assert_ne!(slot_of(b"foo{}{bar}"), slot_of(b"bar"));
    }
}
