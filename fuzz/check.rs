//! What must hold for the request parser, whatever the bytes: the fuzzer and the tests run this on theirs.

use basalt::protocol::request::{LINE_BYTES_MAX, parse};
use basalt::protocol::{Args, Limits, Parse, Progress, ProtocolError, Span};
use bytes::Bytes;

/// Where the parser stood when there was nothing more to read.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Clean,
    InRequest,
    Error(ProtocolError),
}

/// Bytes mean the same requests whether they come at once, in two pieces or one by one.
pub fn requests_are_the_same_in_pieces(bytes: &[u8]) {
    // Beyond this a line may be too long or not, depending on when its end comes: as in Redis.
    let bytes = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let whole = requests(bytes, bytes.len().max(1));
    // A cut that depends on the bytes, so that the fuzzer can move it.
    let cut =
        1 + bytes.iter().fold(0usize, |sum, &byte| sum.wrapping_mul(31) + byte as usize) % bytes.len().max(1);
    assert_eq!(whole, requests(bytes, cut), "in pieces of {cut} bytes");
    if bytes.len() <= 512 {
        assert_eq!(whole, requests(bytes, 1), "one byte at a time");
    }
}

/// All requests of `bytes`, given to the parser in pieces of `piece` bytes.
fn requests(bytes: &[u8], piece: usize) -> (Vec<Vec<Vec<u8>>>, End) {
    let mut found = Vec::new();
    let mut request = Unfinished::default();
    for end in (piece..bytes.len()).step_by(piece).chain([bytes.len()]) {
        match request.resume(&bytes[..end], &mut found) {
            Some(error) => return (found, End::Error(error)),
            None => assert!(request.progress.position <= end, "the parser stays in its bytes"),
        }
    }
    let is_clean = request.progress == Progress::at(bytes.len());
    (found, if is_clean { End::Clean } else { End::InRequest })
}

/// A request as far as it came.
#[derive(Default)]
struct Unfinished {
    progress: Progress,
    spans: Vec<Span>,
    scratch: Vec<u8>,
    blocks: Vec<Bytes>,
}

impl Unfinished {
    /// Parses on in `bytes`, which begin where they began before, until they are used up.
    fn resume(&mut self, bytes: &[u8], found: &mut Vec<Vec<Vec<u8>>>) -> Option<ProtocolError> {
        loop {
            let before = self.progress.position;
            let limits = Limits::default();
            match parse(bytes, &mut self.progress, &limits, &mut self.spans, &mut self.scratch) {
                Parse::Request => self.finish(bytes, found),
                Parse::Decoded => {
                    let decoded = std::mem::take(&mut self.scratch);
                    self.finish(&decoded, found);
                }
                Parse::Nothing => {
                    assert!(self.progress.position > before, "nothing is something that was read")
                }
                Parse::Incomplete => return None,
                Parse::LargeBulk(count) => {
                    let start = self.progress.position;
                    if bytes.len() < start + count + 2 {
                        return None;
                    }
                    self.take_block(Bytes::copy_from_slice(&bytes[start..start + count]));
                }
                Parse::Error(error) => return Some(error),
            }
        }
    }

    fn take_block(&mut self, block: Bytes) {
        self.progress.position += block.len() + 2;
        self.progress.skip_large_bulk();
        self.spans.push(Span::block(self.blocks.len()));
        self.blocks.push(block);
    }

    fn finish(&mut self, bytes: &[u8], found: &mut Vec<Vec<Vec<u8>>>) {
        let arguments = Args::new(bytes, &self.spans, &self.blocks);
        found.push(arguments.iter().map(<[u8]>::to_vec).collect());
        *self = Unfinished { progress: self.progress, ..Unfinished::default() };
    }
}
