//! CRC16 in the variant called XMODEM (polynomial 0x1021, nothing reflected), which places keys in slots.
//!
//! On x86-64 eight bytes are one carry-less Barrett reduction. For a 64-bit polynomial `v` the wanted remainder is
//! `v·x^16 mod P`. With `M = floor(x^80 / P)` the quotient is exactly `floor(v·M / x^64)`: writing
//! `x^80 = M·P + s`, the error `v·s / x^64` has degree below 16, as has what the division drops. The low 16 bits of
//! `v·x^16` are zero, so the remainder is the low half of `quotient·P`. There are no tables, and the two
//! multiplications are short enough that the CRCs of several keys overlap in the pipeline.

/// The generator polynomial with its leading term.
const POLYNOMIAL: u64 = 0x1_1021;

/// The CRC16/XMODEM of `bytes`, as Redis Cluster uses it.
#[inline]
pub fn crc16(bytes: &[u8]) -> u16 {
    #[cfg(all(target_arch = "x86_64", target_feature = "pclmulqdq"))]
    return carry_less::crc16(bytes);
    #[cfg(not(all(target_arch = "x86_64", target_feature = "pclmulqdq")))]
    return sliced::crc16(bytes);
}

#[cfg(all(target_arch = "x86_64", target_feature = "pclmulqdq"))]
mod carry_less {
    use std::arch::x86_64::{_mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_srli_si128};

    use super::POLYNOMIAL;

    /// `floor(x^80 / P)` without its leading `x^64`.
    const QUOTIENT: u64 = quotient();

    const fn quotient() -> u64 {
        // Long division of x^80: the remainder starts as x^16 mod P and is shifted up 64 times.
        let mut remainder = POLYNOMIAL & 0xffff;
        let mut quotient = 0u64;
        let mut step = 0;
        while step < 64 {
            remainder <<= 1;
            quotient <<= 1;
            if remainder & 0x1_0000 != 0 {
                remainder ^= POLYNOMIAL;
                quotient |= 1;
            }
            step += 1;
        }
        quotient
    }

    #[inline]
    pub fn crc16(bytes: &[u8]) -> u16 {
        let (odd, whole) = bytes.split_at(bytes.len() % 8);
        // Leading zero bytes do not change a CRC that starts at zero, so the odd bytes come first.
        let mut crc = if odd.is_empty() { 0 } else { reduce(big_endian(odd)) };
        for chunk in whole.chunks_exact(8) {
            let word = u64::from_be_bytes(chunk.try_into().expect("chunks have eight bytes"));
            crc = reduce(word ^ crc << 48);
        }
        crc as u16
    }

    /// One to seven bytes as a number, by two overlapping loads where possible.
    #[inline]
    fn big_endian(bytes: &[u8]) -> u64 {
        let length = bytes.len();
        if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            let (first, last) = (u32::from_be_bytes(*first), u32::from_be_bytes(*last));
            return (u64::from(first) << (8 * (length - 4))) | u64::from(last);
        }
        // Two bytes repeat the middle one and one byte repeats itself, each time in its own place.
        let (first, middle, last) = (bytes[0], bytes[length / 2], bytes[length - 1]);
        let high = u64::from(first) << (8 * (length - 1));
        let middle = u64::from(middle) << (8 * (length - 1 - length / 2));
        high | middle | u64::from(last)
    }

    /// `word · x^16 mod P`.
    #[inline]
    fn reduce(word: u64) -> u64 {
        // SAFETY: these intrinsics need SSE2 and PCLMULQDQ, and this module is compiled only with both.
        unsafe {
            let scaled =
                _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(word as i64), _mm_cvtsi64_si128(QUOTIENT as i64));
            let quotient = word ^ _mm_cvtsi128_si64(_mm_srli_si128::<8>(scaled)) as u64;
            let product = _mm_clmulepi64_si128::<0>(
                _mm_cvtsi64_si128(quotient as i64),
                _mm_cvtsi64_si128(POLYNOMIAL as i64),
            );
            _mm_cvtsi128_si64(product) as u64 & 0xffff
        }
    }
}

/// The portable form: eight table look-ups that do not wait for each other take the place of a multiplication.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "pclmulqdq"))))]
mod sliced {
    use super::POLYNOMIAL;

    /// `TABLES[n][byte]` is the CRC of `byte` followed by `n` zero bytes.
    static TABLES: [[u16; 256]; 8] = tables();

    const fn tables() -> [[u16; 256]; 8] {
        let mut tables = [[0u16; 256]; 8];
        let mut row = 0;
        while row < 8 {
            let mut byte = 0;
            while byte < 256 {
                let start = if row == 0 { (byte as u16) << 8 } else { tables[row - 1][byte] };
                tables[row][byte] = shift_byte(start);
                byte += 1;
            }
            row += 1;
        }
        tables
    }

    const fn shift_byte(mut crc: u16) -> u16 {
        let mut step = 0;
        while step < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ (POLYNOMIAL & 0xffff) as u16 } else { crc << 1 };
            step += 1;
        }
        crc
    }

    pub fn crc16(bytes: &[u8]) -> u16 {
        let mut chunks = bytes.chunks_exact(8);
        let mut crc = 0u16;
        for chunk in &mut chunks {
            let mut word: [u8; 8] = chunk.try_into().expect("chunks have eight bytes");
            word[0] ^= (crc >> 8) as u8;
            word[1] ^= crc as u8;
            crc = word
                .iter()
                .zip(TABLES.iter().rev())
                .fold(0, |sum, (&byte, table)| sum ^ table[usize::from(byte)]);
        }
        chunks
            .remainder()
            .iter()
            .fold(crc, |crc, &byte| (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)])
    }
}

#[cfg(test)]
mod tests {
    use super::{crc16, sliced};

    fn bit_by_bit(bytes: &[u8]) -> u16 {
        let mut crc = 0u16;
        for &byte in bytes {
            crc ^= u16::from(byte) << 8;
            for _ in 0..8 {
                crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            }
        }
        crc
    }

    #[test]
    fn the_published_check_value_holds() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
    }

    #[test]
    fn all_forms_agree_at_every_length() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                state = state.wrapping_mul(0xd129_42f2_fb36_2a2d).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        for start in 0..24 {
            for end in start..bytes.len() {
                let part = &bytes[start..end];
                let expected = bit_by_bit(part);
                assert_eq!(crc16(part), expected);
                assert_eq!(sliced::crc16(part), expected);
            }
        }
    }
}
