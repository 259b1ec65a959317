//! What a block costs: the size classes of the general allocator, as plain arithmetic.
//!
//! Used memory is a logical count. It rounds as jemalloc does, four classes to each doubling, so that it stays within
//! a few percent of what the allocator reports.

/// The bytes that jemalloc sets aside for a request of `bytes`.
pub const fn allocated_bytes(bytes: usize) -> usize {
    if bytes <= 128 {
        return if bytes <= 8 { 8 } else { bytes.next_multiple_of(16) };
    }
    let step = 1 << ((bytes - 1).ilog2() - 2);
    bytes.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::allocated_bytes;

    #[test]
    fn classes_are_those_of_jemalloc() {
        for (bytes, class) in [
            (1, 8),
            (9, 16),
            (17, 32),
            (88, 96),
            (128, 128),
            (129, 160),
            (161, 192),
            (257, 320),
            (1025, 1280),
            (16_384, 16_384),
            (16_385, 20_480),
            (65_537, 81_920),
        ] {
            assert_eq!(allocated_bytes(bytes), class, "{bytes}");
        }
    }
}
