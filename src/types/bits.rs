//! Strings as arrays of bits: the first bit is the highest one of the first byte, and past the end all are zero.
//!
//! The loops work on words of 64 bits, or on whole blocks of bytes that the compiler turns into vectors. Each has a twin
//! in the tests that looks at one bit after the other.

use std::ops::Range;

pub use field::{Field, Overflow};

mod field;

#[cfg(test)]
mod tests;

/// A word of the counting and searching loops.
const WORD_BYTES: usize = 8;
/// So many bytes of each source are combined before the next ones: they stay in the first cache meanwhile.
const BLOCK_BYTES: usize = 4096;

/// The bit at `offset`.
#[inline]
pub fn bit(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset / 8).ok().and_then(|index| bytes.get(index));
    byte.is_some_and(|byte| byte & mask(offset) != 0)
}

/// Gives the bit at `offset`, which must be within the bytes, the value `is_set`, and tells which it had.
#[inline]
pub fn replace_bit(bytes: &mut [u8], offset: u64, is_set: bool) -> bool {
    let byte = &mut bytes[(offset / 8) as usize];
    let former = *byte & mask(offset) != 0;
    *byte = if is_set { *byte | mask(offset) } else { *byte & !mask(offset) };
    former
}

fn mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}

/// How many bits are set.
pub fn count(bytes: &[u8]) -> u64 {
    // Four sums of their own keep four words under way at once.
    let mut sums = [0u64; 4];
    let (blocks, rest) = bytes.as_chunks::<{ 4 * WORD_BYTES }>();
    for block in blocks {
        let (words, _) = block.as_chunks::<WORD_BYTES>();
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum += u64::from(u64::from_ne_bytes(*word).count_ones());
        }
    }
    sums.iter().sum::<u64>() + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// How many of the bits in `range`, which must be within the bytes, are set.
pub fn count_in(bytes: &[u8], range: Range<u64>) -> u64 {
    let Some(parts) = Parts::new(bytes, range) else {
        return 0;
    };
    let edges = [parts.head, parts.tail].map(|edge| u64::from((edge.byte & edge.mask).count_ones()));
    count(parts.middle) + edges.iter().sum::<u64>()
}

/// The first bit in `range`, which must be within the bytes, that is `wanted`.
pub fn position(bytes: &[u8], wanted: bool, range: Range<u64>) -> Option<u64> {
    let parts = Parts::new(bytes, range.clone())?;
    let in_edge = |edge: Edge| {
        let candidates = if wanted { edge.byte } else { !edge.byte } & edge.mask;
        (candidates != 0).then(|| u64::from(candidates.leading_zeros()))
    };
    let first_byte = range.start / 8;
    let middle_at = first_byte + 1;
    let tail_at = (range.end - 1) / 8;
    in_edge(parts.head)
        .map(|bit| first_byte * 8 + bit)
        .or_else(|| position_in_bytes(parts.middle, wanted).map(|bit| middle_at * 8 + bit))
        .or_else(|| in_edge(parts.tail).map(|bit| tail_at * 8 + bit))
}

/// The first bit that is `wanted`.
fn position_in_bytes(bytes: &[u8], wanted: bool) -> Option<u64> {
    let passed_word = if wanted { 0 } else { u64::MAX };
    let (blocks, _) = bytes.as_chunks::<{ 4 * WORD_BYTES }>();
    let is_passed = |block: &&[u8; 4 * WORD_BYTES]| {
        let (words, _) = block.as_chunks::<WORD_BYTES>();
        words.iter().fold(0, |differs, word| differs | (u64::from_ne_bytes(*word) ^ passed_word)) == 0
    };
    let passed_bytes = blocks.iter().take_while(is_passed).count() * 4 * WORD_BYTES;
    let passed_byte = passed_word as u8;
    let found = bytes[passed_bytes..].iter().position(|&byte| byte != passed_byte)? + passed_bytes;
    let candidates = bytes[found] ^ passed_byte;
    Some(found as u64 * 8 + u64::from(candidates.leading_zeros()))
}

/// A range of bits as the whole bytes in its middle and what it has of a byte at either end.
struct Parts<'a> {
    head: Edge,
    middle: &'a [u8],
    tail: Edge,
}

/// A byte of which only some bits count.
#[derive(Clone, Copy)]
struct Edge {
    byte: u8,
    mask: u8,
}

impl<'a> Parts<'a> {
    /// None if the range is empty.
    fn new(bytes: &'a [u8], range: Range<u64>) -> Option<Self> {
        if range.is_empty() {
            return None;
        }
        let (first, last) = ((range.start / 8) as usize, ((range.end - 1) / 8) as usize);
        let from_start = 0xff >> (range.start % 8);
        let to_end = 0xff << (7 - (range.end - 1) % 8);
        Some(match first == last {
            true => {
                let head = Edge { byte: bytes[first], mask: from_start & to_end };
                Parts { head, middle: &[], tail: Edge { byte: 0, mask: 0 } }
            }
            false => Parts {
                head: Edge { byte: bytes[first], mask: from_start },
                middle: &bytes[first + 1..last],
                tail: Edge { byte: bytes[last], mask: to_end },
            },
        })
    }
}

/// How strings are combined bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combination {
    And,
    Or,
    Xor,
    /// Of the first source alone.
    Not,
}

/// Combines `sources`, at least one, into a string as long as the longest; shorter ones end in zeroes.
pub fn combine(combination: Combination, sources: &[&[u8]]) -> Vec<u8> {
    let length = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    // Exactly as large as it gets, so that it becomes a shared buffer without a copy.
    let mut combined = Vec::with_capacity(length);
    for start in (0..length).step_by(BLOCK_BYTES) {
        let range = start..length.min(start + BLOCK_BYTES);
        let of = |source: &'_ [u8]| range.start.min(source.len())..range.end.min(source.len());
        combined.extend_from_slice(&sources[0][of(sources[0])]);
        combined.resize(range.end, 0);
        let block = &mut combined[range.clone()];
        for source in &sources[1..] {
            merge(combination, block, &source[of(source)]);
        }
        if combination == Combination::Not {
            block.iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
    combined
}

/// Combines a block with one of a source, which may be shorter.
fn merge(combination: Combination, block: &mut [u8], other: &[u8]) {
    let (both, beyond) = block.split_at_mut(other.len());
    let pairs = both.iter_mut().zip(other);
    match combination {
        Combination::And => {
            pairs.for_each(|(byte, other)| *byte &= other);
            beyond.fill(0);
        }
        Combination::Or => pairs.for_each(|(byte, other)| *byte |= other),
        Combination::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
        Combination::Not => {}
    }
}
