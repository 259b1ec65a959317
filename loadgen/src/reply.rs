//! Counting whole replies in a stream of RESP2 or RESP3 bytes, cut anywhere.
//!
//! Contents are skipped, not kept: only a header line that is cut by the end of a block is copied. A push is no
//! reply, and an attribute belongs to the reply that follows it. Errors inside of an array are data.

/// Most levels of arrays within arrays.
const NESTING_MAX: usize = 128;
/// Most bytes of a line: a simple string, an error, a number or a header.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Most digits of the length of a bulk that is taken as a whole: a longer one does not come in one block of bytes.
const WHOLE_BULK_DIGITS_MAX: usize = 6;
/// Most bytes kept of a bulk error's text.
const ERROR_BYTES_MAX: usize = 256;

/// The bytes are not RESP.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum MalformedReply {
    #[error("a reply begins with {0:?}")]
    UnknownType(char),
    #[error("a length reads {0:?}")]
    BadLength(String),
    #[error("a line or a bulk does not end in CR LF")]
    MissingEnd,
    #[error("a line is longer than {LINE_BYTES_MAX} bytes")]
    LongLine,
    #[error("arrays are nested deeper than {NESTING_MAX}")]
    DeepNesting,
    #[error("a streamed reply ends, or goes on, where none began")]
    StrayStream,
}

/// Where the stream stands between two blocks of bytes.
#[derive(Debug, Default)]
pub struct ReplyParser {
    place: Place,
    nesting: Vec<Level>,
    /// The part of a line that came so far, or the text of a bulk error.
    partial: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Place {
    /// At the beginning of a line, or within it when `partial` holds something.
    #[default]
    Line,
    /// Within a bulk: bytes to come, with the CR LF.
    Bulk { rest: usize, use_as: Use },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Use {
    /// An element, or a reply.
    Element,
    /// An element whose text is an error's.
    Error,
    /// A part of a streamed string.
    Part,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    /// Elements to come; `None`: until a line says that it ends.
    rest: Option<u64>,
    kind: LevelKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum LevelKind {
    Element,
    Push,
    Attribute,
    StreamedString,
}

/// What one line was.
enum Step {
    Completed,
    /// Nothing ended: a level was opened, or bytes follow.
    Continues,
}

impl ReplyParser {
    /// Reads a block of bytes; gives the number of replies which ended in it. `on_error` sees the text of every
    /// reply that is an error, and the number of replies before it in the block. After a `MalformedReply` the stream is lost.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        on_error: &mut impl FnMut(u64, &[u8]),
    ) -> Result<u64, MalformedReply> {
        let mut replies = 0;
        while !bytes.is_empty() {
            if self.is_between_replies()
                && let Some(length) = whole_reply_bytes(bytes)
            {
                replies += 1;
                bytes = &bytes[length..];
                continue;
            }
            let on_error = &mut |text: &[u8]| on_error(replies, text);
            let step = match self.place {
                Place::Bulk { rest, use_as } => self.skip(&mut bytes, rest, use_as, on_error)?,
                Place::Line => match self.line(&mut bytes, on_error)? {
                    Some(step) => step,
                    None => break,
                },
            };
            if let Step::Completed = step {
                replies += self.complete();
            }
        }
        Ok(replies)
    }

    fn is_between_replies(&self) -> bool {
        self.place == Place::Line && self.nesting.is_empty() && self.partial.is_empty()
    }

    /// Takes a line from the bytes; `None` when its end is yet to come.
    fn line(
        &mut self,
        bytes: &mut &[u8],
        on_error: &mut impl FnMut(&[u8]),
    ) -> Result<Option<Step>, MalformedReply> {
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
            self.keep_partial(bytes)?;
            *bytes = &[];
            return Ok(None);
        };
        let (head, tail) = bytes.split_at(end + 1);
        *bytes = tail;
        if self.partial.is_empty() {
            return self.read_line(head, on_error).map(Some);
        }
        self.keep_partial(head)?;
        let line = std::mem::take(&mut self.partial);
        let step = self.read_line(&line, on_error).map(Some);
        // A bulk error keeps its text in `partial`, which is empty as yet: the allocation can go back.
        self.partial = line;
        self.partial.clear();
        step
    }

    fn keep_partial(&mut self, bytes: &[u8]) -> Result<(), MalformedReply> {
        if self.partial.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(MalformedReply::LongLine);
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    fn read_line(&mut self, line: &[u8], on_error: &mut impl FnMut(&[u8])) -> Result<Step, MalformedReply> {
        let Some((&kind, rest)) = line.strip_suffix(b"\r\n").and_then(<[u8]>::split_first) else {
            return Err(MalformedReply::MissingEnd);
        };
        let inside_string = self.nesting.last().is_some_and(|level| level.kind == LevelKind::StreamedString);
        if inside_string != (kind == b';') {
            return Err(MalformedReply::StrayStream);
        }
        match kind {
            b'+' | b':' | b',' | b'#' | b'(' | b'_' => Ok(Step::Completed),
            b'-' => {
                if self.nesting.is_empty() {
                    on_error(rest);
                }
                Ok(Step::Completed)
            }
            b'$' if rest == b"-1" => Ok(Step::Completed),
            b'$' if rest == b"?" => self.open(None, LevelKind::StreamedString),
            b'$' | b'=' => self.open_bulk(rest, Use::Element),
            b'!' => self.open_bulk(rest, Use::Error),
            b';' if rest == b"0" => {
                self.nesting.pop();
                Ok(Step::Completed)
            }
            b';' => self.open_bulk(rest, Use::Part),
            b'*' if rest == b"-1" => Ok(Step::Completed),
            b'*' | b'~' => self.open_aggregate(rest, 1, LevelKind::Element),
            b'%' => self.open_aggregate(rest, 2, LevelKind::Element),
            b'>' => self.open_aggregate(rest, 1, LevelKind::Push),
            b'|' => self.open_aggregate(rest, 2, LevelKind::Attribute),
            b'.' => self.end_stream(),
            unknown => Err(MalformedReply::UnknownType(char::from(unknown))),
        }
    }

    fn open_bulk(&mut self, length: &[u8], use_as: Use) -> Result<Step, MalformedReply> {
        let rest = usize::try_from(parse_length(length)?).map_err(|_| bad_length(length))? + 2;
        self.place = Place::Bulk { rest, use_as };
        Ok(Step::Continues)
    }

    fn open_aggregate(&mut self, length: &[u8], each: u64, kind: LevelKind) -> Result<Step, MalformedReply> {
        if length == b"?" {
            return self.open(None, kind);
        }
        match parse_length(length)? * each {
            0 if kind == LevelKind::Element => Ok(Step::Completed),
            0 => Ok(Step::Continues),
            rest => self.open(Some(rest), kind),
        }
    }

    fn open(&mut self, rest: Option<u64>, kind: LevelKind) -> Result<Step, MalformedReply> {
        if self.nesting.len() == NESTING_MAX {
            return Err(MalformedReply::DeepNesting);
        }
        self.nesting.push(Level { rest, kind });
        Ok(Step::Continues)
    }

    fn end_stream(&mut self) -> Result<Step, MalformedReply> {
        match self.nesting.pop() {
            Some(Level { rest: None, kind: LevelKind::Element }) => Ok(Step::Completed),
            Some(Level { rest: None, .. }) => Ok(Step::Continues),
            _ => Err(MalformedReply::StrayStream),
        }
    }

    /// Passes over the bytes of a bulk and looks at its CR LF only.
    fn skip(
        &mut self,
        bytes: &mut &[u8],
        rest: usize,
        use_as: Use,
        on_error: &mut impl FnMut(&[u8]),
    ) -> Result<Step, MalformedReply> {
        let taken = rest.min(bytes.len());
        let (head, tail) = bytes.split_at(taken);
        *bytes = tail;
        let left = rest - taken;
        check_bulk_end(head, left)?;
        if use_as == Use::Error {
            let text = &head[..taken - 2usize.saturating_sub(left).min(taken)];
            let room = ERROR_BYTES_MAX.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&text[..text.len().min(room)]);
        }
        if left > 0 {
            self.place = Place::Bulk { rest: left, use_as };
            return Ok(Step::Continues);
        }
        self.place = Place::Line;
        if use_as == Use::Error {
            if self.nesting.is_empty() {
                on_error(&self.partial);
            }
            self.partial.clear();
        }
        Ok(if use_as == Use::Part { Step::Continues } else { Step::Completed })
    }

    /// An element has ended, and with it perhaps those around it. Gives 1 when a reply has ended.
    fn complete(&mut self) -> u64 {
        while let Some(level) = self.nesting.last_mut() {
            let Some(rest) = &mut level.rest else { return 0 };
            *rest -= 1;
            if *rest > 0 {
                return 0;
            }
            let ended = self.nesting.pop().expect("the level was looked at above");
            if ended.kind != LevelKind::Element {
                return 0;
            }
        }
        1
    }
}

/// The length of the reply that bytes begin with, if it is one of the kinds that loads are made of, and all there: `+OK`
/// or a bulk. Whatever else it is, or is wrong with it, is left to be found line by line.
fn whole_reply_bytes(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"+OK\r\n") {
        return Some(5);
    }
    let digits = bytes.strip_prefix(b"$")?;
    let mut length = 0;
    for (count, &digit) in digits.iter().take(WHOLE_BULK_DIGITS_MAX + 1).enumerate() {
        match digit {
            b'0'..=b'9' => length = length * 10 + usize::from(digit - b'0'),
            b'\r' if count > 0 => {
                let content = count + 3;
                let reply = bytes.get(..content + length + 2)?;
                let ends_well = reply[content - 1] == b'\n' && reply.ends_with(b"\r\n");
                return ends_well.then_some(reply.len());
            }
            _ => return None,
        }
    }
    None
}

/// Of the bytes of a bulk with `left` yet to come, those that are its CR LF must be.
fn check_bulk_end(head: &[u8], left: usize) -> Result<(), MalformedReply> {
    let matches = match left {
        0 if head.len() >= 2 => head.ends_with(b"\r\n"),
        0 => head == b"\n",
        1 => head.ends_with(b"\r"),
        _ => true,
    };
    if matches { Ok(()) } else { Err(MalformedReply::MissingEnd) }
}

/// A length of at most 15 digits: far above any real one, and safe to add and double.
fn parse_length(digits: &[u8]) -> Result<u64, MalformedReply> {
    if digits.is_empty() || digits.len() > 15 {
        return Err(bad_length(digits));
    }
    digits.iter().try_fold(0u64, |number, &digit| match digit {
        b'0'..=b'9' => Ok(number * 10 + u64::from(digit - b'0')),
        _ => Err(bad_length(digits)),
    })
}

fn bad_length(digits: &[u8]) -> MalformedReply {
    MalformedReply::BadLength(String::from_utf8_lossy(&digits[..digits.len().min(32)]).into_owned())
}

#[cfg(test)]
mod tests;
