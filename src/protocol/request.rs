//! Requests: a resumable parser that yields spans over the received bytes and copies nothing.
//!
//! ```text
//! *3\r\n $3\r\n SET \r\n $1\r\n k \r\n $2\r\n 42 \r\n
//!              ^^^            ^            ^^          three spans
//! ```
//!
//! A bulk of [`LARGE_BULK_BYTES`] or more is not awaited in the receive buffer: the parser stops at its first
//! byte, the caller collects it in a block of its own and resumes behind it.

use bytes::Bytes;
use memchr::memchr2;

use crate::protocol::inline;

/// A bulk of this size or more lands in a block of its own, which becomes the value.
pub const LARGE_BULK_BYTES: usize = 16 * 1024;

/// The longest inline request, and the longest line that announces a count, as in Redis.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// The largest number of arguments that a request may announce.
pub const ARGUMENTS_MAX: i64 = i32::MAX as i64;

/// How many arguments a client may announce, and how long each may be, before it has logged in.
const STRANGER_ARGUMENTS_MAX: i64 = 10;
const STRANGER_BULK_BYTES_MAX: i64 = 16_384;

/// Where an argument lies: in the bytes that were parsed, or in a block of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    bytes: u32,
}

impl Span {
    const IN_BLOCK: u32 = u32::MAX;

    pub fn new(start: usize, bytes: usize) -> Self {
        debug_assert!(start < Self::IN_BLOCK as usize && bytes <= u32::MAX as usize);
        Span { start: start as u32, bytes: bytes as u32 }
    }

    /// An argument that is the block at `index`.
    pub fn block(index: usize) -> Self {
        Span { start: Self::IN_BLOCK, bytes: index as u32 }
    }

    /// The same argument in bytes that begin `offset` later.
    pub fn rebased(self, offset: usize) -> Self {
        if self.start == Self::IN_BLOCK { self } else { Span { start: self.start - offset as u32, ..self } }
    }
}

/// The arguments of one request, the command's name first.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    blocks: &'a [Bytes],
}

impl<'a> Args<'a> {
    pub fn new(bytes: &'a [u8], spans: &'a [Span], blocks: &'a [Bytes]) -> Self {
        Args { bytes, spans, blocks }
    }

    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a request has at least its name")]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The argument at `index`; panics beyond the last.
    #[inline]
    pub fn at(&self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        if span.start == Span::IN_BLOCK {
            return &self.blocks[span.bytes as usize];
        }
        &self.bytes[span.start as usize..][..span.bytes as usize]
    }

    /// The argument at `index` as a shareable block, without a copy, if it arrived as one.
    pub fn block_at(&self, index: usize) -> Option<Bytes> {
        let span = self.spans[index];
        (span.start == Span::IN_BLOCK).then(|| self.blocks[span.bytes as usize].clone())
    }

    /// The arguments from `first` on: a request within a request.
    pub fn tail(&self, first: usize) -> Args<'a> {
        Args { spans: &self.spans[first..], ..*self }
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        (0..self.len()).map(|index| self.at(index))
    }
}

/// What a client may announce.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub arguments_max: i64,
    pub bulk_bytes_max: i64,
    /// `proto-max-bulk-len`: what it may announce once it has logged in.
    pub bulk_bytes_later: i64,
}

impl Limits {
    pub fn logged_in(bulk_bytes_max: i64) -> Self {
        Limits { arguments_max: ARGUMENTS_MAX, bulk_bytes_max, bulk_bytes_later: bulk_bytes_max }
    }

    /// For a client that has yet to log in, who could be anybody.
    pub fn stranger(bulk_bytes_later: i64) -> Self {
        let bulk_bytes_max = bulk_bytes_later.min(STRANGER_BULK_BYTES_MAX);
        Limits { arguments_max: STRANGER_ARGUMENTS_MAX, bulk_bytes_max, bulk_bytes_later }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::logged_in(512 * 1024 * 1024)
    }
}

/// How far an unfinished request has been parsed. The default is the start of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The first byte not yet parsed.
    pub position: usize,
    /// The header of the request was seen.
    in_request: bool,
    /// Arguments still to come.
    arguments_left: usize,
    /// The announced length of the bulk at `position`, plus one; 0 when its header has yet to be read.
    bulk_plus_one: usize,
}

impl Progress {
    /// The start of a request at `position`.
    pub fn at(position: usize) -> Self {
        Progress { position, ..Progress::default() }
    }

    /// Resumes behind a large bulk that was collected elsewhere, when its closing CRLF was taken as well.
    pub fn skip_large_bulk(&mut self) {
        debug_assert!(self.bulk_plus_one > LARGE_BULK_BYTES && self.arguments_left > 0);
        self.bulk_plus_one = 0;
        self.arguments_left -= 1;
    }

    /// The same progress in bytes that begin `offset` later.
    pub fn rebased(mut self, offset: usize) -> Self {
        self.position -= offset;
        self
    }
}

/// What `parse` found at `progress.position`.
#[derive(Debug, PartialEq, Eq)]
pub enum Parse {
    /// A whole request; its spans were pushed and `progress` stands behind it.
    Request,
    /// An inline request whose arguments had to be decoded; they were appended to `scratch`, spans over it pushed.
    Decoded,
    /// Nothing to answer, such as an empty line or `*0`; `progress` stands behind it.
    Nothing,
    /// More bytes are needed.
    Incomplete,
    /// `progress.position` is the first byte of a bulk of `usize` bytes, which wants a block.
    LargeBulk(usize),
    Error(ProtocolError),
}

/// A violation of the protocol: the client is told and disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    TooBigInline,
    UnbalancedQuotes,
    TooBigCount,
    InvalidCount,
    UnauthenticatedCount,
    TooBigBulkCount,
    ExpectedDollar(u8),
    InvalidBulk,
    UnauthenticatedBulk,
}

impl ProtocolError {
    /// Appends the error reply that Redis sends before it closes.
    pub fn write_into(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR Protocol error: ");
        match self {
            Self::TooBigInline => out.extend_from_slice(b"too big inline request"),
            Self::UnbalancedQuotes => out.extend_from_slice(b"unbalanced quotes in request"),
            Self::TooBigCount => out.extend_from_slice(b"too big mbulk count string"),
            Self::InvalidCount => out.extend_from_slice(b"invalid multibulk length"),
            Self::UnauthenticatedCount => out.extend_from_slice(b"unauthenticated multibulk length"),
            Self::TooBigBulkCount => out.extend_from_slice(b"too big bulk count string"),
            Self::ExpectedDollar(got) => {
                out.extend_from_slice(b"expected '$', got '");
                // As Redis: a byte that would break the reply's line becomes a space.
                out.push(if got == b'\r' || got == b'\n' { b' ' } else { got });
                out.push(b'\'');
            }
            Self::InvalidBulk => out.extend_from_slice(b"invalid bulk length"),
            Self::UnauthenticatedBulk => out.extend_from_slice(b"unauthenticated bulk length"),
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Parses one request at `progress.position`, pushing its spans, or resumes one.
#[inline]
pub fn parse(
    bytes: &[u8],
    progress: &mut Progress,
    limits: &Limits,
    spans: &mut Vec<Span>,
    scratch: &mut Vec<u8>,
) -> Parse {
    if !progress.in_request {
        match bytes.get(progress.position) {
            None => return Parse::Incomplete,
            Some(b'*') => {}
            Some(_) => return inline::parse(bytes, progress, spans, scratch),
        }
        match header(bytes, progress.position + 1) {
            Header::Incomplete if bytes.len() - progress.position > LINE_BYTES_MAX => {
                return Parse::Error(ProtocolError::TooBigCount);
            }
            Header::Incomplete => return Parse::Incomplete,
            Header::Number(count, next) if count <= limits.arguments_max => {
                progress.position = next;
                if count <= 0 {
                    return Parse::Nothing;
                }
                progress.in_request = true;
                progress.arguments_left = count as usize;
            }
            Header::Number(count, _) if count <= ARGUMENTS_MAX => {
                return Parse::Error(ProtocolError::UnauthenticatedCount);
            }
            _ => return Parse::Error(ProtocolError::InvalidCount),
        }
    }
    arguments(bytes, progress, limits, spans)
}

fn arguments(bytes: &[u8], progress: &mut Progress, limits: &Limits, spans: &mut Vec<Span>) -> Parse {
    while progress.arguments_left > 0 {
        if progress.bulk_plus_one == 0 {
            match bytes.get(progress.position) {
                None => return Parse::Incomplete,
                Some(b'$') => {}
                // Redis looks for the end of the line before it looks at the first byte.
                Some(&got) => {
                    return match find_line_end(&bytes[progress.position..], b'\r') {
                        Some(end) if progress.position + end + 1 < bytes.len() => {
                            Parse::Error(ProtocolError::ExpectedDollar(got))
                        }
                        None if bytes.len() - progress.position > LINE_BYTES_MAX => {
                            Parse::Error(ProtocolError::TooBigBulkCount)
                        }
                        _ => Parse::Incomplete,
                    };
                }
            }
            match header(bytes, progress.position + 1) {
                Header::Incomplete if bytes.len() - progress.position > LINE_BYTES_MAX => {
                    return Parse::Error(ProtocolError::TooBigBulkCount);
                }
                Header::Incomplete => return Parse::Incomplete,
                Header::Number(count, next) if (0..=limits.bulk_bytes_max).contains(&count) => {
                    progress.position = next;
                    progress.bulk_plus_one = count as usize + 1;
                }
                Header::Number(count, _) if (0..=limits.bulk_bytes_later).contains(&count) => {
                    return Parse::Error(ProtocolError::UnauthenticatedBulk);
                }
                _ => return Parse::Error(ProtocolError::InvalidBulk),
            }
        }
        let count = progress.bulk_plus_one - 1;
        if count >= LARGE_BULK_BYTES {
            return Parse::LargeBulk(count);
        }
        if bytes.len() < progress.position + count + 2 {
            return Parse::Incomplete;
        }
        spans.push(Span::new(progress.position, count));
        progress.position += count + 2;
        progress.bulk_plus_one = 0;
        progress.arguments_left -= 1;
    }
    progress.in_request = false;
    Parse::Request
}

enum Header {
    /// The number and the position behind its CRLF.
    Number(i64, usize),
    Incomplete,
    Invalid,
}

/// Reads the decimal number and CRLF at `start`; one and two digits, nearly all there are, without a search.
#[inline]
fn header(bytes: &[u8], start: usize) -> Header {
    if let Some(&[first, second, third, fourth]) = bytes.get(start..start + 4) {
        let tens = first.wrapping_sub(b'0');
        if tens <= 9 && second == b'\r' {
            return Header::Number(tens as i64, start + 3);
        }
        let ones = second.wrapping_sub(b'0');
        if (1..=9).contains(&tens) && ones <= 9 && third == b'\r' {
            let _line_feed = fourth;
            return Header::Number((tens * 10 + ones) as i64, start + 4);
        }
    }
    long_header(bytes, start)
}

#[cold]
fn long_header(bytes: &[u8], start: usize) -> Header {
    let Some(end) = bytes.get(start..).and_then(|rest| find_line_end(rest, b'\r')) else {
        return Header::Incomplete;
    };
    if start + end + 1 >= bytes.len() {
        return Header::Incomplete;
    }
    match integer(&bytes[start..start + end]) {
        Some(number) => Header::Number(number, start + end + 2),
        None => Header::Invalid,
    }
}

/// Finds the byte that ends a line. As in Redis, which searches C strings, nothing is found behind a NUL.
pub(super) fn find_line_end(bytes: &[u8], end: u8) -> Option<usize> {
    memchr2(end, 0, bytes).filter(|&index| bytes[index] == end)
}

/// A decimal integer exactly as Redis prints one: no plus sign, no leading zero, no space (`string2ll`).
#[inline]
pub fn integer(digits: &[u8]) -> Option<i64> {
    let (negative, magnitude) = match digits {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, digits),
    };
    match magnitude {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if magnitude.len() <= 19 => {}
        _ => return None,
    }
    let mut value: u64 = 0;
    for digit in magnitude {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + digit as u64;
    }
    match negative {
        true if value <= 1 << 63 => Some((value as i64).wrapping_neg()),
        false if value < 1 << 63 => Some(value as i64),
        _ => None,
    }
}
