//! The payload of DUMP and RESTORE: a value, the version of its encoding, and a checksum of both.
//!
//! ```text
//! type, 1 byte | value as in a snapshot | RDB version, 2 bytes | CRC-64 of all before, 8 bytes
//! ```

use crate::codec::crc64::crc64;
use crate::codec::rdb::{Compression, OLD_MODULE, STRING, StringValue, TextWriter, VERSION};
use crate::codec::rdb::{Cursor, Stop, Text, read_text, shape_of};

/// Version and checksum.
const FOOTER_BYTES: usize = 10;

/// Why a payload was not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpError {
    /// It is too short, newer than what is known here, or not as it was written.
    Footer,
    /// Its checksum is right, but what is in it is no value.
    Format,
    /// It holds a value of a type that cannot be restored.
    Other(&'static str),
}

/// Appends the payload of a value.
pub fn write(value: StringValue, compression: Compression, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(STRING);
    TextWriter::new(compression).value(value, out);
    out.extend_from_slice(&VERSION.to_le_bytes());
    let sum = crc64(&out[start..]);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// The value in a payload, of at most `string_bytes_max` bytes; a compressed one is put into `scratch`.
pub fn read<'a>(
    payload: &'a [u8],
    string_bytes_max: u64,
    scratch: &'a mut Vec<u8>,
) -> Result<StringValue<'a>, DumpError> {
    let body = verified(payload).ok_or(DumpError::Footer)?;
    let (&code, encoded) = body.split_first().ok_or(DumpError::Format)?;
    if code != STRING {
        let other = shape_of(code).map(|shape| shape.type_name);
        let module = (code == OLD_MODULE).then_some("module");
        return Err(other.or(module).map_or(DumpError::Format, DumpError::Other));
    }
    // What stands behind the value does not matter, as in Redis.
    decoded(encoded, string_bytes_max, scratch).map_err(|_| DumpError::Format)
}

fn decoded<'a>(
    encoded: &'a [u8],
    string_bytes_max: u64,
    scratch: &'a mut Vec<u8>,
) -> Result<StringValue<'a>, Stop> {
    let text: Text<'a> = read_text(&mut Cursor::new(encoded, 0), string_bytes_max)?;
    text.value(scratch)
}

/// The payload without its footer, if that is right.
fn verified(payload: &[u8]) -> Option<&[u8]> {
    let (body, footer) = payload.split_last_chunk::<FOOTER_BYTES>()?;
    let [low, high, sum @ ..] = *footer;
    let is_known = u16::from_le_bytes([low, high]) <= VERSION;
    let is_whole = crc64(&payload[..payload.len() - size_of::<u64>()]) == u64::from_le_bytes(sum);
    (is_known && is_whole).then_some(body)
}
