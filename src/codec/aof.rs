//! The append-only file of Redis: requests, one behind the other, as clients send them, and remarks in between.
//!
//! ```text
//! #TS:1700000000\r\n | *2\r\n $6\r\n SELECT\r\n $1\r\n 0\r\n | *3\r\n $3\r\n SET\r\n $1\r\n k\r\n $1\r\n v\r\n | ...
//! ```

use std::io::{self, BufRead, ErrorKind, Read};

use bytes::Bytes;

/// An argument of so many bytes or more has a block of its own.
const BLOCK_BYTES_MIN: usize = 16 * 1024;
/// What stands on a line is a count or a remark. Redis takes no longer ones.
const LINE_BYTES_MAX: u64 = 128;
/// All arguments of a request together that have no block of their own.
const TEXT_BYTES_MAX: usize = i32::MAX as usize;
/// So much room is made at first for a block, whatever length is claimed.
const BLOCK_BYTES_FIRST: usize = 1 << 20;

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub enum AofError {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("what stands there is no request")]
    Format,
    #[error("a string of {0} bytes is longer than strings may be")]
    TooLong(u64),
    #[error("a request has too many arguments")]
    TooMany,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `request` has it.
    Request,
    /// The file ends behind a request.
    End,
    /// The file ends in the middle of one.
    Torn,
}

/// Where an argument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// In `text`, from here on, so many bytes.
    Text(usize, usize),
    Block(Bytes),
}

/// The request that was read last.
#[derive(Debug, Default)]
pub struct Request {
    pub text: Vec<u8>,
    pub arguments: Vec<Argument>,
}

impl Request {
    /// The argument at an index; empty beyond the last.
    pub fn at(&self, index: usize) -> &[u8] {
        match self.arguments.get(index) {
            None => &[],
            Some(Argument::Text(start, bytes)) => &self.text[*start..][..*bytes],
            Some(Argument::Block(block)) => block,
        }
    }
}

/// Reads requests one by one: no more is held than one of them, and no more room made than its bytes need.
pub struct Reader<R> {
    input: R,
    /// Behind the last request or remark.
    position: u64,
    /// Read since then.
    ahead: u64,
    string_bytes_max: u64,
    line: Vec<u8>,
    pub request: Request,
}

/// What a line is.
enum Line {
    Whole,
    /// There is no byte of it.
    Missing,
    Torn,
}

impl<R: BufRead> Reader<R> {
    /// A reader of what comes behind the byte at `position` of the file.
    pub fn new(input: R, position: u64, string_bytes_max: u64) -> Self {
        let (line, request) = (Vec::new(), Request::default());
        Reader { input, position, ahead: 0, string_bytes_max, line, request }
    }

    /// Where the request that was read last ends, and one that cannot be read begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next request.
    pub fn step(&mut self) -> Result<Step, AofError> {
        loop {
            match self.read_line()? {
                Line::Missing => return Ok(Step::End),
                Line::Torn => return Ok(Step::Torn),
                Line::Whole if self.line.first() == Some(&b'#') => self.settle(),
                Line::Whole => break,
            }
        }
        let count = self.number(b'*')?;
        if count == 0 {
            return Err(AofError::Format);
        }
        self.request.text.clear();
        self.request.arguments.clear();
        for _ in 0..count {
            match self.read_line()? {
                Line::Missing | Line::Torn => return Ok(Step::Torn),
                Line::Whole => {}
            }
            let bytes = self.number(b'$')?;
            if bytes > self.string_bytes_max {
                return Err(AofError::TooLong(bytes));
            }
            if !self.read_argument(bytes as usize)? {
                return Ok(Step::Torn);
            }
        }
        self.settle();
        Ok(Step::Request)
    }

    fn settle(&mut self) {
        self.position += self.ahead;
        self.ahead = 0;
    }

    fn read_line(&mut self) -> Result<Line, AofError> {
        self.line.clear();
        let read = self.input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        self.ahead += read as u64;
        Ok(match self.line.pop() {
            None => Line::Missing,
            Some(b'\n') => Line::Whole,
            Some(_) if read as u64 == LINE_BYTES_MAX => return Err(AofError::Format),
            Some(_) => Line::Torn,
        })
    }

    /// The number on the line, which stands behind `mark`.
    fn number(&self, mark: u8) -> Result<u64, AofError> {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        let digits = line.strip_prefix(&[mark]).ok_or(AofError::Format)?;
        let add = |number: u64, digit: &u8| {
            let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
            number.checked_mul(10)?.checked_add(digit)
        };
        let number = digits.iter().try_fold(0, add).filter(|_| !digits.is_empty());
        number.ok_or(AofError::Format)
    }

    /// Reads an argument and the end of its line; false if the file ends before.
    fn read_argument(&mut self, bytes: usize) -> Result<bool, AofError> {
        let is_whole = match bytes {
            ..BLOCK_BYTES_MIN => self.read_text(bytes)?,
            _ => self.read_block(bytes)?,
        };
        let mut end = [0; 2];
        if !is_whole || !fill(&mut self.input, &mut end)? {
            return Ok(false);
        }
        self.ahead += (bytes + end.len()) as u64;
        match &end == b"\r\n" {
            true => Ok(true),
            false => Err(AofError::Format),
        }
    }

    fn read_text(&mut self, bytes: usize) -> Result<bool, AofError> {
        let text = &mut self.request.text;
        let start = text.len();
        if start + bytes > TEXT_BYTES_MAX {
            return Err(AofError::TooMany);
        }
        text.resize(start + bytes, 0);
        self.request.arguments.push(Argument::Text(start, bytes));
        Ok(fill(&mut self.input, &mut text[start..])?)
    }

    fn read_block(&mut self, bytes: usize) -> Result<bool, AofError> {
        let mut block = Vec::with_capacity(bytes.min(BLOCK_BYTES_FIRST));
        self.input.by_ref().take(bytes as u64).read_to_end(&mut block)?;
        let is_whole = block.len() == bytes;
        self.request.arguments.push(Argument::Block(block.into()));
        Ok(is_whole)
    }
}

/// Fills `into`; false if the input ends before.
fn fill(input: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
