//! LZF, the compression of strings in snapshots: fast, simple, and only ever within one string.
//!
//! ```text
//! 000nnnnn                     n + 1 bytes as they are follow            1 to 32
//! nnnooooo oooooooo            n + 2 bytes from o + 1 bytes back         3 to 8, from 1 to 8192 back
//! 111ooooo nnnnnnnn oooooooo   n + 9 bytes from o + 1 bytes back         9 to 264
//! ```

/// Bytes as they are, in one run.
const RUN_BYTES_MAX: usize = 32;
/// The shortest and the longest repetition that one reference says.
const REPEAT_BYTES_MIN: usize = 3;
const REPEAT_BYTES_MAX: usize = 264;
/// How far back a reference reaches.
const DISTANCE_MAX: usize = 8192;
/// No compressed byte stands for more than this: three of them say the longest repetition.
pub const RATIO_MAX: usize = REPEAT_BYTES_MAX / 3;

/// The table of places has so many bits at least and at most.
const TABLE_BITS_MIN: u32 = 7;
const TABLE_BITS_MAX: u32 = 14;
/// After so many bytes without a repetition every second is looked at, then every third.
const PATIENCE_SHIFT: u32 = 7;

/// Compresses strings; keeps its table of places from one to the next.
#[derive(Default)]
pub struct Compressor {
    /// Where three bytes with this hash were last seen, counted from 1.
    places: Vec<u32>,
}

/// Compressed bytes as far as they fit.
struct Packed<'o> {
    out: &'o mut Vec<u8>,
    end: usize,
}

impl Compressor {
    /// Appends the compressed form of `bytes` if it has `packed_bytes_max` bytes at most. Tells whether it did.
    pub fn pack(&mut self, bytes: &[u8], packed_bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        // Places have 32 bits.
        let fits = u32::try_from(bytes.len()).is_ok()
            && self.pack_into(bytes, &mut Packed { end: start + packed_bytes_max, out }).is_some();
        if !fits {
            out.truncate(start);
        }
        fits
    }

    fn pack_into(&mut self, bytes: &[u8], packed: &mut Packed) -> Option<()> {
        let shift = self.clear_for(bytes.len());
        // `kept` is where the bytes begin that no reference has covered yet.
        let (mut at, mut kept) = (0, 0);
        while let Some(&[a, b, c]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let place = &mut self.places[hash([a, b, c], shift)];
            let former = std::mem::replace(place, at as u32 + 1) as usize;
            let repeats =
                former > 0 && at + 1 - former <= DISTANCE_MAX && bytes[former - 1..].starts_with(&[a, b, c]);
            if !repeats {
                at += 1 + ((at - kept) >> PATIENCE_SHIFT);
                continue;
            }
            let from = former - 1;
            let length = REPEAT_BYTES_MIN
                + same_bytes(&bytes[from + REPEAT_BYTES_MIN..], &bytes[at + REPEAT_BYTES_MIN..]);
            packed.plain(&bytes[kept..at])?;
            packed.reference(at - from, length)?;
            at += length;
            kept = at;
            // The end of a repetition often begins another.
            for end in [at - 2, at - 1] {
                if let Some(&three) = bytes[end..].first_chunk() {
                    self.places[hash(three, shift)] = end as u32 + 1;
                }
            }
        }
        packed.plain(&bytes[kept..])
    }

    /// Forgets all places, in a table that suits so many bytes. Gives the shift of its hash.
    fn clear_for(&mut self, bytes: usize) -> u32 {
        let bits = (usize::BITS - bytes.leading_zeros()).clamp(TABLE_BITS_MIN, TABLE_BITS_MAX);
        self.places.clear();
        self.places.resize(1 << bits, 0);
        u32::BITS - bits
    }
}

fn hash([a, b, c]: [u8; 3], shift: u32) -> usize {
    (u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9e37_79b1) >> shift) as usize
}

/// How many bytes agree, as far as one reference can say.
fn same_bytes(former: &[u8], present: &[u8]) -> usize {
    let pairs = former.iter().zip(present).take(REPEAT_BYTES_MAX - REPEAT_BYTES_MIN);
    pairs.take_while(|(a, b)| a == b).count()
}

impl Packed<'_> {
    fn plain(&mut self, bytes: &[u8]) -> Option<()> {
        for run in bytes.chunks(RUN_BYTES_MAX) {
            self.need(1 + run.len())?;
            self.out.push(run.len() as u8 - 1);
            self.out.extend_from_slice(run);
        }
        Some(())
    }

    fn reference(&mut self, distance: usize, length: usize) -> Option<()> {
        let (high, low) = (((distance - 1) >> 8) as u8, (distance - 1) as u8);
        self.need(3)?;
        match length - 2 {
            short @ ..7 => self.out.extend([(short as u8) << 5 | high, low]),
            long => self.out.extend([7 << 5 | high, (long - 7) as u8, low]),
        }
        Some(())
    }

    fn need(&self, bytes: usize) -> Option<()> {
        (self.out.len() + bytes <= self.end).then_some(())
    }
}

/// Appends the `bytes` bytes that were compressed; `None`, with `out` as it was, if they are not so many or the packed bytes
/// make no sense.
pub fn unpack(packed: &[u8], bytes: usize, out: &mut Vec<u8>) -> Option<()> {
    // Memory is taken only for what the packed bytes can stand for.
    if bytes > packed.len().saturating_mul(RATIO_MAX) {
        return None;
    }
    let start = out.len();
    out.reserve(bytes);
    let unpacked = unpack_into(packed, start, start + bytes, out);
    if unpacked.is_none() {
        out.truncate(start);
    }
    unpacked
}

fn unpack_into(mut packed: &[u8], start: usize, end: usize, out: &mut Vec<u8>) -> Option<()> {
    while let Some((&control, rest)) = packed.split_first() {
        let length = usize::from(control >> 5);
        if length == 0 {
            let (run, rest) = rest.split_at_checked(usize::from(control) + 1)?;
            if run.len() > end - out.len() {
                return None;
            }
            out.extend_from_slice(run);
            packed = rest;
            continue;
        }
        let (more, rest) = if length == 7 { rest.split_first()? } else { (&0, rest) };
        let (&low, rest) = rest.split_first()?;
        packed = rest;
        let distance = (usize::from(control & 0x1f) << 8 | usize::from(low)) + 1;
        repeat(distance, length + usize::from(*more) + 2, start, end, out)?;
    }
    (out.len() == end).then_some(())
}

/// Appends what stands `distance` bytes back, which may reach into what is appended.
fn repeat(distance: usize, length: usize, start: usize, end: usize, out: &mut Vec<u8>) -> Option<()> {
    if distance > out.len() - start || length > end - out.len() {
        return None;
    }
    let from = out.len() - distance;
    let mut left = length;
    while left > 0 {
        let part = left.min(out.len() - from);
        out.extend_from_within(from..from + part);
        left -= part;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Compressor, RATIO_MAX, unpack};

    fn packed(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        let fits = Compressor::default().pack(bytes, bytes.len(), &mut out);
        assert!(out.starts_with(b"before") && (fits || out.len() == 6), "what was there stays");
        fits.then(|| out.split_off(6))
    }

    fn unpacked(packed: &[u8], bytes: usize) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        let done = unpack(packed, bytes, &mut out);
        assert!(out.starts_with(b"before") && (done.is_some() || out.len() == 6), "what was there stays");
        done.map(|()| out.split_off(6))
    }

    #[test]
    fn repetitions_shrink_and_come_back() {
        for text in [
            "a".repeat(21),
            "a".repeat(264),
            "a".repeat(100_000),
            "hello world ".repeat(1000),
            "ab".repeat(40),
        ] {
            let packed = packed(text.as_bytes()).expect("it shrinks");
            assert!(packed.len() <= text.len() / 4 + 8, "{} of {}", packed.len(), text.len());
            assert_eq!(unpacked(&packed, text.len()).as_deref(), Some(text.as_bytes()));
        }
    }

    #[test]
    fn what_does_not_shrink_is_not_packed() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(0xd129_42f2_fb36_2a2d).wrapping_add(0x9e37_79b9);
            (state >> 56) as u8
        };
        let odd: Vec<u8> = (0..10_000).map(|_| random()).collect();
        for bytes in [&b""[..], b"a", b"abc", b"abcdefghijklmnopqrstuvwxyz", &odd] {
            assert_eq!(packed(bytes), (bytes.is_empty()).then(Vec::new), "{} bytes", bytes.len());
        }
    }

    #[test]
    fn packed_bytes_of_redis_come_back() {
        let text = [&b"\x0chello world h"[..], b"\xe0\x0b\x0b", b"\x01ld"].concat();
        let hello = "hello world ".repeat(3);
        assert_eq!(unpacked(&text, 35).as_deref(), Some(&hello.as_bytes()[..35]));
    }

    #[test]
    fn a_claim_beyond_what_packed_bytes_can_say_takes_no_memory() {
        let mut out = Vec::new();
        assert_eq!(unpack(&[0xff; 10], 10 * RATIO_MAX + 1, &mut out), None);
        assert_eq!(out.capacity(), 0);
        assert_eq!(unpack(&[0, b'a'], usize::MAX, &mut out), None);
        assert_eq!(out.capacity(), 0);
    }

    #[test]
    fn a_repetition_from_before_the_beginning_is_refused() {
        assert_eq!(unpacked(b"\x00a\x20\x00", 4).as_deref(), Some(&b"aaaa"[..]));
        assert_eq!(unpacked(b"\x00a\x20\x01", 4), None);
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(
            words in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..6),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..400),
        ) {
            let bytes: Vec<u8> = order.iter().flat_map(|index| index.get(&words).clone()).collect();
            if let Some(packed) = packed(&bytes) {
                prop_assert!(packed.len() <= bytes.len());
                prop_assert_eq!(unpacked(&packed, bytes.len()), Some(bytes.clone()));
                prop_assert_eq!(unpacked(&packed, bytes.len() + 1), None);
                for end in 0..packed.len() {
                    prop_assert_eq!(unpacked(&packed[..end], bytes.len()), None);
                }
            }
        }

        #[test]
        fn anything_is_unpacked_or_refused(packed in prop::collection::vec(any::<u8>(), 0..200), bytes in 0usize..3000) {
            if let Some(unpacked) = unpacked(&packed, bytes) {
                prop_assert_eq!(unpacked.len(), bytes);
            }
        }
    }
}
