//! Values that say where they belong: `g3.17;g3.17;g3.` is a value of group 3. Bytes of two values in one are seen, and so is
//! a value at the key of another group.

use super::common::random::Random;
use super::common::{Value, shown};

pub const GROUPS: usize = 8;

/// How large values of a key are at most, by what its name begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// Mostly below 100 bytes.
    Small,
    /// Up to 64 KiB.
    Medium,
    /// Up to 10 MB.
    Large,
}

impl Size {
    pub fn draw(random: &mut Random) -> Self {
        match random.below(3000) {
            0..12 => Size::Large,
            12..150 => Size::Medium,
            _ => Size::Small,
        }
    }

    pub fn bytes_max(self) -> usize {
        match self {
            Size::Small => 200,
            Size::Medium => 64 << 10,
            Size::Large => 10_000_000,
        }
    }

    /// All values of a database together stay below 90 MB.
    fn keys(self) -> usize {
        match self {
            Size::Small => 300,
            Size::Medium => 8,
            Size::Large => 1,
        }
    }
}

pub fn key(group: usize, size: Size, random: &mut Random) -> String {
    let letter = ['s', 'm', 'l'][size as usize];
    format!("{letter}:{group}:{}", random.below(size.keys()))
}

pub fn value(group: usize, size: Size, random: &mut Random) -> Vec<u8> {
    let unit = format!("g{group}.{};", random.below(1_000_000));
    // Sizes of all magnitudes.
    let most = size.bytes_max() >> random.below(6);
    let bytes = random.below(1 + most);
    unit.bytes().cycle().take(bytes).collect()
}

/// Whether this is a value of the group as it was written.
pub fn check(group: usize, value: &[u8]) {
    let start = format!("g{group}.");
    let begins = value.iter().zip(start.as_bytes()).all(|(byte, other)| byte == other);
    assert!(begins, "no value of group {group}: {}", shown(value));
    let Some(end) = value.iter().position(|byte| *byte == b';') else {
        return assert!(value.len() < 16, "no end of the first tag: {}", shown(value));
    };
    let unit = end + 1;
    let repeats = value[unit..] == value[..value.len() - unit];
    assert!(repeats, "another value in a value of group {group}, of {} bytes: {}", value.len(), shown(value));
}

/// The same for a reply: nothing, or such a value.
pub fn check_reply(group: usize, reply: &Value) {
    match reply {
        Value::NullBulk | Value::Null => {}
        Value::Bulk(value) => check(group, value),
        other => panic!("a value of group {group} was asked for: {other:?}"),
    }
}

#[test]
fn a_value_that_was_cut_and_glued_is_seen() {
    let is_right = |value: &[u8]| std::panic::catch_unwind(|| check(3, value)).is_ok();
    for right in ["", "g", "g3.", "g3.1", "g3.17;", "g3.17;g3.17;g3"] {
        assert!(is_right(right.as_bytes()), "{right}");
    }
    for wrong in ["x", "g4.17;", "g3.17;g3.18;", "g3.17;g3.17;x", "g3.17;17;"] {
        assert!(!is_right(wrong.as_bytes()), "{wrong}");
    }
}
