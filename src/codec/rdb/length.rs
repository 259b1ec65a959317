//! Lengths, in as few bytes as they need.
//!
//! ```text
//! 00nnnnnn                6 bits
//! 01nnnnnn nnnnnnnn       14 bits
//! 10000000 and 4 bytes    32 bits, big end first
//! 10000001 and 8 bytes    64 bits, big end first
//! 11eeeeee                no length: a string in the encoding e follows
//! ```

use super::cursor::{Cursor, Stop};
use super::error::Problem;

const BITS_32: u8 = 0x80;
const BITS_64: u8 = 0x81;
/// The two bits that say that an encoding follows.
pub const ENCODED: u8 = 0xc0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Plain(u64),
    /// A string in a special encoding.
    Encoded(u8),
}

#[inline]
pub fn read(cursor: &mut Cursor) -> Result<Length, Stop> {
    let first = cursor.byte()?;
    let low = first & 0x3f;
    Ok(match first {
        ..0x40 => Length::Plain(low.into()),
        0x40..0x80 => Length::Plain(u64::from(low) << 8 | u64::from(cursor.byte()?)),
        BITS_32 => Length::Plain(u32::from_be_bytes(cursor.array()?).into()),
        BITS_64 => Length::Plain(u64::from_be_bytes(cursor.array()?)),
        ENCODED.. => Length::Encoded(low),
        _ => return Err(cursor.wrong(1, Problem::Length(first))),
    })
}

/// A length where no string can stand.
#[inline]
pub fn read_number(cursor: &mut Cursor) -> Result<u64, Stop> {
    match read(cursor)? {
        Length::Plain(number) => Ok(number),
        Length::Encoded(_) => Err(cursor.wrong(1, Problem::NotNumber)),
    }
}

#[inline]
pub fn write(number: u64, out: &mut Vec<u8>) {
    match number {
        ..0x40 => out.push(number as u8),
        0x40..0x4000 => out.extend(((number as u16) | 0x4000).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.push(BITS_32);
            out.extend((number as u32).to_be_bytes());
        }
        _ => {
            out.push(BITS_64);
            out.extend(number.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cursor::{Cursor, Stop};
    use super::super::error::Problem;
    use super::{Length, read, read_number, write};

    #[test]
    fn lengths_take_as_few_bytes_as_they_need() {
        for (number, bytes) in [
            (0, &b"\x00"[..]),
            (63, b"\x3f"),
            (64, b"\x40\x40"),
            (16_383, b"\x7f\xff"),
            (16_384, b"\x80\x00\x00\x40\x00"),
            (u32::MAX.into(), b"\x80\xff\xff\xff\xff"),
            (1 << 32, b"\x81\x00\x00\x00\x01\x00\x00\x00\x00"),
            (u64::MAX, b"\x81\xff\xff\xff\xff\xff\xff\xff\xff"),
        ] {
            let mut out = Vec::new();
            write(number, &mut out);
            assert_eq!(out, bytes, "{number}");
            let mut cursor = Cursor::new(bytes, 0);
            assert_eq!(read(&mut cursor), Ok(Length::Plain(number)));
            assert_eq!(cursor.at(), bytes.len());
            for end in 0..bytes.len() {
                let stop = read(&mut Cursor::new(&bytes[..end], 0)).expect_err("it is cut off");
                assert!(matches!(stop, Stop::Short(needed) if needed > end), "{stop:?}");
            }
        }
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for byte in 0x82..0xc0 {
            assert_eq!(
                read(&mut Cursor::new(&[byte, 0, 0, 0, 0], 0)),
                Err(Stop::Wrong(0, Problem::Length(byte)))
            );
        }
        assert_eq!(read(&mut Cursor::new(&[0xc3], 0)), Ok(Length::Encoded(3)));
        assert_eq!(read_number(&mut Cursor::new(&[0xc3], 0)), Err(Stop::Wrong(0, Problem::NotNumber)));
    }
}
