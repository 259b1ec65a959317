//! Strings: as they are, as an integer of up to 32 bits, or compressed.

use super::cursor::{Cursor, Stop};
use super::error::Problem;
use super::length::{self, ENCODED, Length};
use crate::codec::lzf::{self, Compressor};
use crate::types::decimal::{exact_integer, with_decimal};

const INT_8: u8 = 0;
const INT_16: u8 = 1;
const INT_32: u8 = 2;
const PACKED: u8 = 3;

/// The longest decimal form of an integer of 32 bits; longer strings are not tried.
const INT_BYTES_MAX: usize = 11;
/// Up to this length nothing is compressed.
const PLAIN_BYTES_MAX: usize = 20;
/// Compression must save more than the lengths that it costs.
const SAVED_BYTES_MIN: usize = 4;

/// Whether long strings are compressed: `rdbcompression`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Off,
    On,
}

/// A string as it stands in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    Int(i32),
    Plain(&'a [u8]),
    /// Compressed; how many bytes it is to yield, and where it begins.
    Packed {
        packed: &'a [u8],
        bytes: u64,
        at: usize,
    },
}

/// A string to be written, or read: nothing here says where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringValue<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

/// Reads a string whose bytes are all there, of at most `bytes_max` bytes.
#[inline]
pub fn read<'a>(cursor: &mut Cursor<'a>, bytes_max: u64) -> Result<Text<'a>, Stop> {
    let at = cursor.at();
    let encoding = match length::read(cursor)? {
        Length::Plain(bytes) => return plain(cursor, at, bytes, bytes_max).map(Text::Plain),
        Length::Encoded(encoding) => encoding,
    };
    Ok(match encoding {
        INT_8 => Text::Int(i8::from_le_bytes(cursor.array()?).into()),
        INT_16 => Text::Int(i16::from_le_bytes(cursor.array()?).into()),
        INT_32 => Text::Int(i32::from_le_bytes(cursor.array()?)),
        PACKED => {
            let packed_bytes = length::read_number(cursor)?;
            let bytes = length::read_number(cursor)?;
            check_length(at, bytes, bytes_max)?;
            Text::Packed { packed: plain(cursor, at, packed_bytes, bytes_max)?, bytes, at }
        }
        _ => return Err(Stop::Wrong(at, Problem::Length(ENCODED | encoding))),
    })
}

/// How many bytes of a string are still to come behind its lengths, which are read: for who does not want to know them.
pub fn read_extent(cursor: &mut Cursor) -> Result<u64, Stop> {
    let at = cursor.at();
    Ok(match length::read(cursor)? {
        Length::Plain(bytes) => bytes,
        Length::Encoded(INT_8) => 1,
        Length::Encoded(INT_16) => 2,
        Length::Encoded(INT_32) => 4,
        Length::Encoded(PACKED) => {
            let packed_bytes = length::read_number(cursor)?;
            length::read_number(cursor)?;
            packed_bytes
        }
        Length::Encoded(encoding) => return Err(Stop::Wrong(at, Problem::Length(ENCODED | encoding))),
    })
}

fn plain<'a>(cursor: &mut Cursor<'a>, at: usize, bytes: u64, bytes_max: u64) -> Result<&'a [u8], Stop> {
    check_length(at, bytes, bytes_max)?;
    cursor.take(bytes as usize)
}

fn check_length(at: usize, bytes: u64, bytes_max: u64) -> Result<(), Stop> {
    match bytes <= bytes_max {
        true => Ok(()),
        false => Err(Stop::Wrong(at, Problem::StringTooLong(bytes))),
    }
}

impl<'a> Text<'a> {
    /// The string; a compressed one is put into `scratch` in place of what that held.
    #[inline]
    pub fn value<'s>(self, scratch: &'s mut Vec<u8>) -> Result<StringValue<'s>, Stop>
    where
        'a: 's,
    {
        Ok(match self {
            Text::Int(number) => StringValue::Int(number.into()),
            Text::Plain(bytes) => StringValue::Bytes(bytes),
            Text::Packed { packed, bytes, at } => {
                scratch.clear();
                lzf::unpack(packed, bytes as usize, scratch)
                    .ok_or(Stop::Wrong(at, Problem::Compression(bytes)))?;
                StringValue::Bytes(scratch)
            }
        })
    }

    /// The same for a string that nobody takes for a number.
    #[inline]
    pub fn bytes<'s>(self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], Stop>
    where
        'a: 's,
    {
        if let Text::Int(number) = self {
            scratch.clear();
            with_decimal(number.into(), |digits| scratch.extend_from_slice(digits));
            return Ok(scratch);
        }
        match self.value(scratch)? {
            StringValue::Bytes(bytes) => Ok(bytes),
            StringValue::Int(_) => unreachable!("integers were written in decimal above"),
        }
    }
}

/// Writes strings; keeps what it compresses with.
pub struct TextWriter {
    compression: Compression,
    compressor: Compressor,
    packed: Vec<u8>,
}

impl TextWriter {
    pub fn new(compression: Compression) -> Self {
        TextWriter { compression, compressor: Compressor::default(), packed: Vec::new() }
    }

    #[inline]
    pub fn value(&mut self, value: StringValue, out: &mut Vec<u8>) {
        match value {
            StringValue::Int(number) => match i32::try_from(number) {
                Ok(number) => write_int(number, out),
                Err(_) => with_decimal(number, |digits| write_plain(digits, out)),
            },
            StringValue::Bytes(bytes) => self.bytes(bytes, out),
        }
    }

    #[inline]
    pub fn bytes(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if bytes.len() <= INT_BYTES_MAX
            && let Some(number) = exact_integer(bytes).and_then(|number| i32::try_from(number).ok())
        {
            return write_int(number, out);
        }
        if bytes.len() > PLAIN_BYTES_MAX && self.compression == Compression::On && self.pack(bytes, out) {
            return;
        }
        write_plain(bytes, out);
    }

    fn pack(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        self.packed.clear();
        let fits = self.compressor.pack(bytes, bytes.len() - SAVED_BYTES_MIN, &mut self.packed);
        if fits {
            out.push(ENCODED | PACKED);
            length::write(self.packed.len() as u64, out);
            length::write(bytes.len() as u64, out);
            out.extend_from_slice(&self.packed);
        }
        fits
    }
}

#[inline]
fn write_plain(bytes: &[u8], out: &mut Vec<u8>) {
    length::write(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn write_int(number: i32, out: &mut Vec<u8>) {
    if let Ok(number) = i8::try_from(number) {
        out.extend([ENCODED | INT_8, number as u8]);
    } else if let Ok(number) = i16::try_from(number) {
        out.push(ENCODED | INT_16);
        out.extend(number.to_le_bytes());
    } else {
        out.push(ENCODED | INT_32);
        out.extend(number.to_le_bytes());
    }
}
