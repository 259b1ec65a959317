//! All rows, and the search by name: a hash table built at compile time.

use crate::commands::row::{Command, SUBCOMMAND};
use crate::commands::{
    acl, bitfield, bitmap, connection, counter, debug, expire, generic, introspection, latency, lcs, memory,
    object, payload, rename, replication, saving, server, slow_log, string, string_part, transaction, walk,
};

const FAMILIES: &[&[Command]] = &[
    string::COMMANDS,
    string_part::COMMANDS,
    counter::COMMANDS,
    lcs::COMMANDS,
    bitmap::COMMANDS,
    bitfield::COMMANDS,
    generic::COMMANDS,
    expire::COMMANDS,
    object::COMMANDS,
    transaction::COMMANDS,
    rename::COMMANDS,
    payload::COMMANDS,
    walk::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
    saving::COMMANDS,
    memory::COMMANDS,
    debug::COMMANDS,
    introspection::COMMANDS,
    slow_log::COMMANDS,
    latency::COMMANDS,
    acl::COMMANDS,
    replication::COMMANDS,
];

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
            rows[filled].number = filled as u16;
            rows[filled].is_steady = rows[filled].takes_steady_time();
            filled += 1;
            index += 1;
        }
        family += 1;
    }
    rows
};

/// The number of the first subcommand of each row: they are counted behind the rows.
static FIRST_SUBCOMMANDS: [u16; COUNT + 1] = {
    let mut firsts = [COUNT as u16; COUNT + 1];
    let mut row = 0;
    while row < COUNT {
        firsts[row + 1] = firsts[row] + COMMANDS[row].subcommands.len() as u16;
        row += 1;
    }
    firsts
};

/// How many rows there are, subcommands included.
pub fn row_count() -> usize {
    FIRST_SUBCOMMANDS[COUNT].into()
}

/// The number of a row, below `row_count`.
#[inline]
pub fn number_of(command: &'static Command) -> u16 {
    match command.number {
        SUBCOMMAND => number_of_subcommand(command),
        number => number,
    }
}

#[cold]
fn number_of_subcommand(command: &Command) -> u16 {
    let container =
        command.container.and_then(|name| find(name.as_bytes())).expect("the container is in the table");
    let rows = COMMANDS[container].subcommands;
    let position = rows.iter().position(|row| row.name == command.name).expect("it is one of them");
    FIRST_SUBCOMMANDS[container] + position as u16
}

/// The row with a number.
pub fn row(number: u16) -> &'static Command {
    let number = usize::from(number);
    match COMMANDS.get(number) {
        Some(row) => row,
        None => numbered().find(|(other, _)| *other == number).expect("numbers are below the count").1,
    }
}

/// All rows with their numbers; subcommands stand behind their container.
pub fn numbered() -> impl Iterator<Item = (usize, &'static Command)> {
    COMMANDS.iter().enumerate().flat_map(|(number, row)| {
        let first = usize::from(FIRST_SUBCOMMANDS[number]);
        let subcommands = row.subcommands.iter().enumerate();
        std::iter::once((number, row)).chain(subcommands.map(move |(at, sub)| (first + at, sub)))
    })
}

/// All rows, subcommands included.
pub fn all_rows() -> impl Iterator<Item = &'static Command> {
    numbered().map(|(_, row)| row)
}

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
const _: () = assert!(BUCKETS == 1 << 10, "the hash keeps ten bits");

/// A bucket of the index: what tells a row's name from others without looking at the row.
#[derive(Clone, Copy)]
struct Cell {
    /// `folded` of the name.
    folded: u64,
    length: u16,
    row: u16,
    /// Whether an equal fold of the same length is an equal name: it has at most eight bytes, all of them letters.
    is_telling: bool,
}

/// Its fold is that of no name: no name keeps the bits of case.
const EMPTY: Cell = Cell { folded: u64::MAX, length: 0, row: u16::MAX, is_telling: false };

/// Rows by hash of their names; at most a quarter full, collisions go to the next bucket.
static INDEX: [Cell; BUCKETS] = {
    assert!(COUNT * 4 <= BUCKETS, "the index is at most a quarter full");
    let mut index = [EMPTY; BUCKETS];
    let mut row = 0;
    while row < COUNT {
        let name = COMMANDS[row].name.as_bytes();
        let folded = folded(name);
        let mut bucket = bucket_of(folded, name.len());
        while index[bucket].row != EMPTY.row {
            bucket = (bucket + 1) % BUCKETS;
        }
        let is_telling = name.len() <= 8 && is_letters(name);
        index[bucket] = Cell { folded, length: name.len() as u16, row: row as u16, is_telling };
        row += 1;
    }
    index
};

const fn is_letters(name: &[u8]) -> bool {
    let mut index = 0;
    while index < name.len() {
        if !name[index].is_ascii_uppercase() {
            return false;
        }
        index += 1;
    }
    true
}

/// The first eight bytes, shorter names filled up with zeroes, without the bit that tells the case of a letter.
#[inline]
const fn folded(name: &[u8]) -> u64 {
    const CASE_BITS: u64 = u64::from_le_bytes([0x20; 8]);
    let word = match *name {
        [a, b, c, d, e, f, g, h, ..] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        // Two halves that overlap where both have the same bytes.
        [a, b, c, d, ..] => {
            let end = name.len() - 4;
            let high = u32::from_le_bytes([name[end], name[end + 1], name[end + 2], name[end + 3]]);
            u32::from_le_bytes([a, b, c, d]) as u64 | (high as u64) << (8 * end)
        }
        [a, b, c] => u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]),
        [a, b] => u64::from_le_bytes([a, b, 0, 0, 0, 0, 0, 0]),
        [a] => a as u64,
        [] => 0,
    };
    word & !CASE_BITS
}

#[inline]
const fn bucket_of(folded: u64, length: usize) -> usize {
    ((folded ^ length as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
}

/// The index of the row with this name, in any case.
#[inline]
pub fn find(name: &[u8]) -> Option<usize> {
    let folded = folded(name);
    let mut bucket = bucket_of(folded, name.len());
    loop {
        let cell = &INDEX[bucket];
        if cell.folded == folded && cell.length as usize == name.len() {
            let row = cell.row as usize;
            if cell.is_telling || COMMANDS[row].name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(row);
            }
        }
        if cell.row == EMPTY.row {
            return None;
        }
        bucket = (bucket + 1) % BUCKETS;
    }
}
