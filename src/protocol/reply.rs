//! Replies: RESP2 or RESP3 bytes, appended to a buffer; large values ride along as shared blocks.

use bytes::Bytes;

/// The version of the protocol that a client has chosen with HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resp {
    #[default]
    Two,
    Three,
}

/// A value of this size or more is sent from where it is stored instead of being copied into the reply.
pub const SHARED_VALUE_BYTES: usize = 16 * 1024;

/// Reply bytes on their way out: small ones copied, large values shared at their place among them.
#[derive(Debug, Default)]
pub struct Out {
    pub bytes: Vec<u8>,
    /// Blocks to be sent at a position of `bytes`, in order.
    pub shared: Vec<(usize, Bytes)>,
}

impl Out {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.shared.is_empty()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.shared.clear();
    }

    /// A place to come back to with `truncate`.
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), shared: self.shared.len() }
    }

    /// Drops all that was appended since `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.shared.truncate(mark.shared);
    }

    /// Appends what `other` holds from `from` to `to`.
    #[inline]
    pub fn append_range(&mut self, other: &Out, from: Mark, to: Mark) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes[from.bytes..to.bytes]);
        for (position, block) in &other.shared[from.shared..to.shared] {
            self.shared.push((base + position - from.bytes, block.clone()));
        }
    }

    /// What the client will be sent, in bytes.
    pub fn wire_bytes(&self) -> usize {
        self.bytes.len() + self.shared.iter().map(|(_, block)| block.len()).sum::<usize>()
    }
}

/// A place in an `Out`; the default is its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub bytes: usize,
    pub shared: usize,
}

/// Appends the parts of one reply in the client's version of the protocol.
pub struct Reply<'a> {
    pub out: &'a mut Out,
    pub resp: Resp,
}

impl<'a> Reply<'a> {
    pub fn new(out: &'a mut Out, resp: Resp) -> Self {
        Reply { out, resp }
    }

    #[inline]
    pub fn ok(&mut self) {
        self.out.bytes.extend_from_slice(b"+OK\r\n");
    }

    /// A status line. `text` must hold no line break.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        self.out.bytes.push(b'+');
        self.out.bytes.extend_from_slice(text.as_bytes());
        self.line_end();
    }

    /// `text` begins with its code, such as `ERR`; line breaks become spaces.
    pub fn error(&mut self, text: &[u8]) {
        self.out.bytes.push(b'-');
        self.out
            .bytes
            .extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.line_end();
    }

    #[inline]
    pub fn integer(&mut self, number: i64) {
        self.header(b':', number);
    }

    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        self.header(b'$', value.len() as i64);
        self.out.bytes.extend_from_slice(value);
        self.line_end();
    }

    /// A bulk that is sent from its block when it is large.
    pub fn shared_bulk(&mut self, value: &Bytes) {
        if value.len() < SHARED_VALUE_BYTES {
            return self.bulk(value);
        }
        self.header(b'$', value.len() as i64);
        self.out.shared.push((self.out.bytes.len(), value.clone()));
        self.line_end();
    }

    /// A bulk that holds the decimal digits of `number`.
    pub fn bulk_integer(&mut self, number: i64) {
        let mut digits = [0; DECIMAL_BYTES_MAX];
        let digits = decimal(number, &mut digits);
        self.bulk(digits);
    }

    /// The absence of a value: `$-1` or `_`.
    #[inline]
    pub fn null(&mut self) {
        self.out.bytes.extend_from_slice(match self.resp {
            Resp::Two => b"$-1\r\n",
            Resp::Three => b"_\r\n",
        });
    }

    /// The absence of an array: `*-1` or `_`.
    pub fn null_array(&mut self) {
        self.out.bytes.extend_from_slice(match self.resp {
            Resp::Two => b"*-1\r\n",
            Resp::Three => b"_\r\n",
        });
    }

    pub fn array(&mut self, count: usize) {
        self.header(b'*', count as i64);
    }

    /// A map of `count` pairs, flattened for RESP2.
    pub fn map(&mut self, count: usize) {
        match self.resp {
            Resp::Two => self.header(b'*', 2 * count as i64),
            Resp::Three => self.header(b'%', count as i64),
        }
    }

    pub fn set(&mut self, count: usize) {
        match self.resp {
            Resp::Two => self.header(b'*', count as i64),
            Resp::Three => self.header(b'~', count as i64),
        }
    }

    pub fn boolean(&mut self, value: bool) {
        self.out.bytes.extend_from_slice(match (self.resp, value) {
            (Resp::Two, true) => b":1\r\n",
            (Resp::Two, false) => b":0\r\n",
            (Resp::Three, true) => b"#t\r\n",
            (Resp::Three, false) => b"#f\r\n",
        });
    }

    /// A number with a fraction, as text.
    pub fn double(&mut self, digits: &str) {
        self.number(b',', digits);
    }

    /// An integer of any size, as text.
    pub fn big_number(&mut self, digits: &str) {
        self.number(b'(', digits);
    }

    fn number(&mut self, kind: u8, digits: &str) {
        if self.resp == Resp::Two {
            return self.bulk(digits.as_bytes());
        }
        self.out.bytes.push(kind);
        self.out.bytes.extend_from_slice(digits.as_bytes());
        self.line_end();
    }

    /// What is told to the client although it did not ask; RESP3 alone.
    pub fn push(&mut self, count: usize) {
        debug_assert!(self.resp == Resp::Three);
        self.header(b'>', count as i64);
    }

    /// Pairs that say more about the reply behind them; RESP3 alone.
    pub fn attribute(&mut self, count: usize) {
        debug_assert!(self.resp == Resp::Three);
        self.header(b'|', count as i64);
    }

    /// Text for people, with its format named in RESP3 (`txt` or `mkd`).
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if self.resp == Resp::Two {
            return self.bulk(text);
        }
        debug_assert!(format.len() == 3);
        self.header(b'=', text.len() as i64 + 4);
        self.out.bytes.extend_from_slice(format.as_bytes());
        self.out.bytes.push(b':');
        self.out.bytes.extend_from_slice(text);
        self.line_end();
    }

    #[inline]
    fn line_end(&mut self) {
        self.out.bytes.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn header(&mut self, kind: u8, number: i64) {
        if (0..10).contains(&number) {
            return self.out.bytes.extend_from_slice(&[kind, b'0' + number as u8, b'\r', b'\n']);
        }
        let mut digits = [0; DECIMAL_BYTES_MAX];
        let digits = decimal(number, &mut digits);
        self.out.bytes.push(kind);
        self.out.bytes.extend_from_slice(digits);
        self.line_end();
    }
}

/// The digits of `i64::MIN` and its sign.
pub const DECIMAL_BYTES_MAX: usize = 20;

/// Writes `number` at the end of `buffer` and gives the part written.
#[inline]
pub fn decimal(number: i64, buffer: &mut [u8; DECIMAL_BYTES_MAX]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        buffer[start] = b'-';
    }
    &buffer[start..]
}
