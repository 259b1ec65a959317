//! Lengths in as few bytes as they need: 7 bits a byte, lowest first, the eighth says that more follow.

/// The most bytes that a length takes.
pub const VARINT_BYTES_MAX: usize = 10;

/// Appends a length.
#[inline]
pub fn write(buffer: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

/// The length that `bytes` begin with, and what follows it. `None` if they end too early, or if no `u64` is written like
/// this.
#[inline]
pub fn read(bytes: &[u8]) -> Option<(u64, &[u8])> {
    match bytes {
        [first, rest @ ..] if *first < 0x80 => Some((u64::from(*first), rest)),
        _ => read_longer(bytes),
    }
}

fn read_longer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, &byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index as u32;
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            // Each number has one form, so that equal effects are equal bytes.
            let is_shortest = byte > 0 || index == 0;
            return is_shortest.then_some((number, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{VARINT_BYTES_MAX, read, write};

    #[test]
    fn numbers_come_back_from_as_few_bytes_as_they_need() {
        for (number, length) in
            [(0, 1), (1, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (1 << 56, 9), (u64::MAX, 10)]
        {
            let mut bytes = Vec::new();
            write(&mut bytes, number);
            assert_eq!(bytes.len(), length, "{number}");
            bytes.extend(b"rest");
            assert_eq!(read(&bytes), Some((number, &b"rest"[..])));
        }
        const { assert!(VARINT_BYTES_MAX == 10) };
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bytes in [
            &b""[..],
            b"\x80",
            b"\xff\xff",
            // Longer than needed.
            b"\x80\x00",
            b"\xff\x00",
            // One bit too many, and one byte too many.
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00",
        ] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
