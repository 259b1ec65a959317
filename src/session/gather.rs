//! One reply made from the partial replies of several shards.

use crate::commands::Merge;
use crate::protocol::reply::Resp;
use crate::protocol::{Out, Reply};

/// How the parts become one reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Integer replies are added.
    Sum,
    /// Each part says OK.
    AllOk,
    /// Lines of text, ordered by the number behind their first `=` (CLIENT LIST).
    Lines,
    /// Integer replies are added; OK if the sum is not zero, else an error (CLIENT KILL of one address).
    KilledOne,
}

impl From<Merge> for Finish {
    fn from(merge: Merge) -> Self {
        match merge {
            Merge::Sum => Finish::Sum,
            Merge::AllOk => Finish::AllOk,
        }
    }
}

/// A reply in the making.
#[derive(Debug)]
pub struct Gather {
    finish: Finish,
    resp: Resp,
    waiting: u16,
    sum: i64,
    text: Vec<u8>,
    /// The first part that was an error: it is the reply.
    error: Option<Vec<u8>>,
}

impl Gather {
    /// A reply of `parts` parts, at least one.
    pub fn new(finish: Finish, parts: u16, resp: Resp) -> Self {
        debug_assert!(parts > 0);
        Gather { finish, resp, waiting: parts, sum: 0, text: Vec::new(), error: None }
    }

    /// Takes one part, as the bytes of a reply (`Lines`: as bare text); true when it was the last.
    pub fn take(&mut self, part: &[u8]) -> bool {
        debug_assert!(self.waiting > 0);
        self.waiting -= 1;
        match (self.finish, part) {
            (Finish::Lines, text) => self.text.extend_from_slice(text),
            (_, [b'-', ..]) => {
                self.error.get_or_insert_with(|| part.to_vec());
            }
            (Finish::Sum | Finish::KilledOne, [b':', digits @ .., b'\r', b'\n']) => {
                self.sum +=
                    std::str::from_utf8(digits).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
            }
            (Finish::AllOk, _) => {}
            (_, other) => unreachable!("a part is an integer or an error, not {other:?}"),
        }
        self.waiting == 0
    }

    /// Appends the whole reply.
    pub fn finish(mut self, out: &mut Out) {
        debug_assert!(self.waiting == 0);
        if let Some(error) = self.error {
            return out.bytes.extend_from_slice(&error);
        }
        let mut reply = Reply::new(out, self.resp);
        match self.finish {
            Finish::Sum => reply.integer(self.sum),
            Finish::AllOk => reply.ok(),
            Finish::KilledOne if self.sum > 0 => reply.ok(),
            Finish::KilledOne => reply.error(b"ERR No such client"),
            Finish::Lines => {
                sort_lines(&mut self.text);
                reply.verbatim("txt", &self.text);
            }
        }
    }
}

/// Orders lines such as `id=12 addr=...` by that number.
fn sort_lines(text: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    lines.sort_by_key(|line| {
        let digits =
            line.iter().skip_while(|byte| !byte.is_ascii_digit()).take_while(|byte| byte.is_ascii_digit());
        digits.fold(0u64, |number, digit| number.wrapping_mul(10).wrapping_add((digit - b'0') as u64))
    });
    *text = lines.concat();
}
