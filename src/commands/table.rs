//! All rows, and the search by name: a hash table built at compile time.

use crate::commands::row::Command;
use crate::commands::{connection, generic, introspection, server, string};

const FAMILIES: &[&[Command]] =
    &[string::COMMANDS, generic::COMMANDS, connection::COMMANDS, server::COMMANDS, introspection::COMMANDS];

const COUNT: usize = {
    let mut count = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        count += FAMILIES[family].len();
        family += 1;
    }
    count
};

/// Every command, by family.
pub static COMMANDS: [Command; COUNT] = {
    let mut rows = [FAMILIES[0][0]; COUNT];
    let (mut family, mut filled) = (0, 0);
    while family < FAMILIES.len() {
        let mut index = 0;
        while index < FAMILIES[family].len() {
            rows[filled] = FAMILIES[family][index];
            filled += 1;
            index += 1;
        }
        family += 1;
    }
    rows
};

/// The row that has this name among the subcommands of `container`, in any case.
pub fn find_sub(container: &'static Command, name: &[u8]) -> Option<&'static Command> {
    container.subcommands.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
}

/// The row with a name as COMMAND INFO takes it: `get` or `config|get`, in any case.
pub fn find_full(name: &[u8]) -> Option<&'static Command> {
    let mut parts = name.split(|&byte| byte == b'|');
    let row = &COMMANDS[find(parts.next()?)?];
    match (parts.next(), parts.next()) {
        (None, _) => Some(row),
        (Some(sub), None) => find_sub(row, sub),
        (Some(_), Some(_)) => None,
    }
}

const BUCKETS: usize = 1024;
const EMPTY: u16 = u16::MAX;

/// Rows by hash of their names; at most a quarter full, collisions go to the next bucket.
static INDEX: [u16; BUCKETS] = {
    assert!(COUNT * 4 <= BUCKETS, "the index is at most a quarter full");
    let mut index = [EMPTY; BUCKETS];
    let mut row = 0;
    while row < COUNT {
        let mut bucket = bucket_of(COMMANDS[row].name.as_bytes());
        while index[bucket] != EMPTY {
            bucket = (bucket + 1) % BUCKETS;
        }
        index[bucket] = row as u16;
        row += 1;
    }
    index
};

/// Mixes length, first, middle and last letters without their case: enough to tell the names apart.
const fn bucket_of(name: &[u8]) -> usize {
    let length = name.len();
    if length == 0 {
        return 0;
    }
    let first = (name[0] | 0x20) as u32;
    let middle = (name[length / 2] | 0x20) as u32;
    let second = (name[if length > 1 { 1 } else { 0 }] | 0x20) as u32;
    let last = (name[length - 1] | 0x20) as u32;
    let mixed = (first | middle << 8 | second << 16 | last << 24).wrapping_add(length as u32 * 0x51);
    (mixed.wrapping_mul(0x9E37_79B1) >> 22) as usize
}

const _: () = assert!(BUCKETS == 1 << 10, "the hash keeps ten bits");

/// The index of the row with this name, in any case.
#[inline]
pub fn find(name: &[u8]) -> Option<usize> {
    let mut bucket = bucket_of(name);
    loop {
        let row = INDEX[bucket];
        if row == EMPTY {
            return None;
        }
        if COMMANDS[row as usize].name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(row as usize);
        }
        bucket = (bucket + 1) % BUCKETS;
    }
}
