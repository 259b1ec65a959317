//! The longest sequence of bytes that two strings have in common, in order though not side by side (LCS).

use std::ops::Range;

/// The table of lengths for two strings, which a walk from its last cell to its first leads along the sequence.
pub struct Table<'a> {
    first: &'a [u8],
    second: &'a [u8],
    /// The length for the first so many bytes of each, a row for each byte of `first` and one before.
    lengths: Vec<u32>,
}

/// Bytes that are the same in both strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub first: Range<usize>,
    pub second: Range<usize>,
}

/// The memory of a table for strings of these lengths.
pub fn table_bytes(first: usize, second: usize) -> u64 {
    (first as u64 + 1).saturating_mul(second as u64 + 1).saturating_mul(size_of::<u32>() as u64)
}

/// The length of the sequence, by two rows of the table.
pub fn length(first: &[u8], second: &[u8]) -> u32 {
    let mut above = vec![0; second.len() + 1];
    let mut row = above.clone();
    for &byte in first {
        fill_row(byte, second, &above, &mut row);
        std::mem::swap(&mut above, &mut row);
    }
    above[second.len()]
}

/// The row below `above`, for one more byte of the first string. Its first cell stays.
fn fill_row(byte: u8, second: &[u8], above: &[u32], row: &mut [u32]) {
    let mut left = 0;
    for (index, &other) in second.iter().enumerate() {
        left = if byte == other { above[index] + 1 } else { left.max(above[index + 1]) };
        row[index + 1] = left;
    }
}

impl<'a> Table<'a> {
    pub fn new(first: &'a [u8], second: &'a [u8]) -> Self {
        let width = second.len() + 1;
        let mut lengths = vec![0; (first.len() + 1) * width];
        for (index, &byte) in first.iter().enumerate() {
            let (above, rest) = lengths[index * width..].split_at_mut(width);
            fill_row(byte, second, above, &mut rest[..width]);
        }
        Table { first, second, lengths }
    }

    /// The length of the sequence.
    pub fn length(&self) -> u32 {
        self.at(self.first.len(), self.second.len())
    }

    fn at(&self, row: usize, column: usize) -> u32 {
        self.lengths[row * (self.second.len() + 1) + column]
    }

    /// The matches that make up the sequence, from the last to the first. Where it has a choice it is that of Redis.
    pub fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut row, mut column) = (self.first.len(), self.second.len());
        while row > 0 && column > 0 {
            if self.first[row - 1] == self.second[column - 1] {
                match matches.last_mut().filter(|last| last.first.start == row && last.second.start == column)
                {
                    Some(last) => (last.first.start, last.second.start) = (row - 1, column - 1),
                    None => matches.push(Match { first: row - 1..row, second: column - 1..column }),
                }
                (row, column) = (row - 1, column - 1);
            } else if self.at(row - 1, column) > self.at(row, column - 1) {
                row -= 1;
            } else {
                column -= 1;
            }
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{Match, Table, length, table_bytes};

    /// By trying both ways at each difference.
    fn naive_length(first: &[u8], second: &[u8]) -> u32 {
        match (first, second) {
            ([one, rest @ ..], [other, others @ ..]) if one == other => 1 + naive_length(rest, others),
            ([_, rest @ ..], [_, others @ ..]) => naive_length(rest, second).max(naive_length(first, others)),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn the_length_is_the_greatest(first in vec(0u8..3, 0..9), second in vec(0u8..3, 0..9)) {
            let table = Table::new(&first, &second);
            prop_assert_eq!(table.length(), naive_length(&first, &second));
            prop_assert_eq!(length(&first, &second), table.length());
        }

        #[test]
        fn matches_are_the_sequence(first in vec(0u8..4, 0..60), second in vec(0u8..4, 0..60)) {
            let table = Table::new(&first, &second);
            let (mut sum, mut ends) = (0, (first.len(), second.len()));
            for Match { first: one, second: other } in table.matches() {
                prop_assert_eq!(&first[one.clone()], &second[other.clone()]);
                prop_assert!(one.end <= ends.0 && other.end <= ends.1, "matches come from the end");
                sum += one.len();
                ends = (one.start, other.start);
            }
            prop_assert_eq!(sum, table.length() as usize);
        }
    }

    #[test]
    fn the_memory_of_a_table_never_overflows() {
        assert_eq!(table_bytes(0, 0), 4);
        assert_eq!(table_bytes(9, 3), 160);
        assert_eq!(table_bytes(usize::MAX - 1, usize::MAX - 1), u64::MAX);
    }
}
