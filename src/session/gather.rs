//! One reply made from the partial replies of several shards.

use std::collections::VecDeque;

use crate::commands::Merge;
use crate::commands::dataset::{Digested, write_digests};
use crate::protocol::reply::{Mark, Resp};
use crate::protocol::{Out, Reply};

/// How the parts become one reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Integer replies are added.
    Sum,
    /// The first part is the reply.
    Same,
    /// The elements of arrays, one part behind the other.
    Chain,
    /// The elements of arrays, taken from the part of each of these shards in turn.
    InOrder(Vec<u16>),
    /// Each part is an array of a weight and a value; one of the values, by this random number.
    Weighted(u64),
    /// The only part that says something; the others are empty.
    Sole,
    /// Lines of text, ordered by the number behind their first `=`, or those with these numbers (CLIENT LIST).
    Lines(Option<Vec<u64>>),
    /// Digests, of which each part has as many (DEBUG DIGEST).
    Digests(Digested),
    /// Integer replies are added; OK if the sum is not zero, else an error (CLIENT KILL of one address).
    KilledOne,
}

impl Finish {
    /// How the parts of a row are merged: `owners` has the shard of each key, `random` is a fresh random number.
    pub fn new(merge: Merge, owners: impl FnOnce() -> Vec<u16>, random: u64) -> Self {
        match merge {
            Merge::Sum => Finish::Sum,
            Merge::Same => Finish::Same,
            Merge::Chain => Finish::Chain,
            Merge::InKeyOrder => Finish::InOrder(owners()),
            Merge::Weighted => Finish::Weighted(random),
        }
    }
}

/// A reply in the making.
#[derive(Debug)]
pub struct Gather {
    finish: Finish,
    resp: Resp,
    waiting: u16,
    parts: Vec<Part>,
}

/// What one shard replied.
#[derive(Debug)]
struct Part {
    shard: u16,
    reply: Out,
}

impl Gather {
    /// A reply of `parts` parts, at least one.
    pub fn new(finish: Finish, parts: u16, resp: Resp) -> Self {
        debug_assert!(parts > 0);
        Gather { finish, resp, waiting: parts, parts: Vec::with_capacity(parts.into()) }
    }

    /// Takes the part of a shard, which is `from..to` of `replies` (`Lines`: bare text, `Digests`: bare bytes); true when it was the last.
    pub fn take(&mut self, shard: u16, replies: &Out, from: Mark, to: Mark) -> bool {
        debug_assert!(self.waiting > 0);
        self.waiting -= 1;
        let mut reply = Out::default();
        reply.append_range(replies, from, to);
        self.parts.push(Part { shard, reply });
        self.waiting == 0
    }

    /// Appends the whole reply: the first part that is an error, or what the parts make together.
    pub fn finish(self, out: &mut Out) {
        debug_assert!(self.waiting == 0);
        let error = self.parts.iter().find(|part| part.reply.bytes.first() == Some(&b'-'));
        if let Some(Part { reply, .. }) = error
            && !matches!(self.finish, Finish::Lines(_) | Finish::Digests(_))
        {
            return out.append_range(reply, Mark::default(), reply.mark());
        }
        let sum = || self.parts.iter().map(|part| integer(&part.reply.bytes)).sum::<i64>();
        let mut reply = Reply::new(out, self.resp);
        match &self.finish {
            Finish::Sum => reply.integer(sum()),
            Finish::KilledOne if sum() > 0 => reply.ok(),
            Finish::KilledOne => reply.error(b"ERR No such client"),
            Finish::Same => {
                let first = &self.parts[0].reply;
                out.append_range(first, Mark::default(), first.mark());
            }
            Finish::Sole => {
                let said = self.parts.iter().find(|part| !part.reply.is_empty());
                let reply = &said.expect("one part says something").reply;
                out.append_range(reply, Mark::default(), reply.mark());
            }
            Finish::Digests(digested) => {
                let parts = self.parts.iter().map(|part| &part.reply.bytes[..]);
                write_digests(*digested, parts, &mut reply);
            }
            Finish::Chain => chain(&self.parts, out),
            Finish::InOrder(owners) => in_order(&self.parts, owners, out),
            Finish::Weighted(random) => weighted(&self.parts, *random, &mut reply),
            Finish::Lines(numbers) => {
                let text: Vec<u8> = self.parts.iter().flat_map(|part| &part.reply.bytes).copied().collect();
                reply.verbatim("txt", &ordered_lines(&text, numbers.as_deref()));
            }
        }
    }
}

/// Elements of an array reply, in their order, as ranges of it.
struct Elements<'a> {
    reply: &'a Out,
    at: Mark,
}

impl<'a> Elements<'a> {
    /// The elements of an array reply, and how many it says there are.
    fn of(reply: &'a Out) -> (i64, Self) {
        let end = line_end(&reply.bytes, 0);
        (number(&reply.bytes[1..end - 2]), Elements { reply, at: Mark { bytes: end, shared: 0 } })
    }
}

impl Iterator for Elements<'_> {
    type Item = (Mark, Mark);

    fn next(&mut self) -> Option<(Mark, Mark)> {
        let Elements { reply, at: from } = *self;
        let &kind = reply.bytes.get(from.bytes)?;
        let header_end = line_end(&reply.bytes, from.bytes);
        let mut to = Mark { bytes: header_end, ..from };
        if kind == b'$' {
            let length = number(&reply.bytes[from.bytes + 1..header_end - 2]);
            let is_shared = reply.shared.get(from.shared).is_some_and(|(at, _)| *at == header_end);
            match usize::try_from(length) {
                // The absence of a value has no bytes.
                Err(_) => {}
                Ok(_) if is_shared => to = Mark { bytes: header_end + 2, shared: from.shared + 1 },
                Ok(length) => to.bytes = header_end + length + 2,
            }
        }
        self.at = to;
        Some((from, to))
    }
}

/// The position behind the line that begins at `from`.
fn line_end(bytes: &[u8], from: usize) -> usize {
    let length = bytes[from..].iter().position(|&byte| byte == b'\n').expect("a reply ends its lines");
    from + length + 1
}

/// The integer that an integer reply holds.
fn integer(reply: &[u8]) -> i64 {
    match reply {
        [b':', digits @ .., b'\r', b'\n'] => number(digits),
        other => unreachable!("a part is an integer or an error, not {other:?}"),
    }
}

fn number(digits: &[u8]) -> i64 {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).expect("we wrote a number")
}

fn chain(parts: &[Part], out: &mut Out) {
    let arrays = || parts.iter().map(|part| Elements::of(&part.reply));
    let count: i64 = arrays().map(|(count, _)| count).sum();
    Reply::new(out, Resp::Two).array(count as usize);
    for (part, (_, elements)) in parts.iter().zip(arrays()) {
        out.append_range(&part.reply, elements.at, part.reply.mark());
    }
}

fn in_order(parts: &[Part], owners: &[u16], out: &mut Out) {
    let mut elements: VecDeque<_> = parts.iter().map(|part| (part, Elements::of(&part.reply).1)).collect();
    Reply::new(out, Resp::Two).array(owners.len());
    for &owner in owners {
        let (part, elements) =
            elements.iter_mut().find(|(part, _)| part.shard == owner).expect("each owner has replied");
        let (from, to) = elements.next().expect("an element for each key");
        out.append_range(&part.reply, from, to);
    }
}

fn weighted(parts: &[Part], random: u64, reply: &mut Reply) {
    let weighed = || {
        parts.iter().map(|part| {
            let mut elements = Elements::of(&part.reply).1;
            let (from, to) = elements.next().expect("a weight");
            (
                integer(&part.reply.bytes[from.bytes..to.bytes]) as u64,
                elements.next().map(|value| (part, value)),
            )
        })
    };
    let total: u64 = weighed().map(|(weight, _)| weight).sum();
    let mut rank = ((u128::from(random) * u128::from(total)) >> 64) as u64;
    let chosen = weighed().find(|(weight, _)| {
        let is_here = rank < *weight;
        rank = rank.saturating_sub(*weight);
        is_here
    });
    match chosen {
        Some((_, Some((part, (from, to))))) => reply.out.append_range(&part.reply, from, to),
        _ => reply.null(),
    }
}

/// Orders lines such as `id=12 addr=...` by that number; or takes the lines of these numbers, as often as they come.
fn ordered_lines(text: &[u8], numbers: Option<&[u64]>) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    lines.sort_by_key(|line| line_number(line));
    let Some(numbers) = numbers else {
        return lines.concat();
    };
    let line_of = |number: &u64| {
        let found = lines.binary_search_by_key(number, |line| line_number(line));
        found.map_or(&[][..], |index| lines[index])
    };
    numbers.iter().map(line_of).collect::<Vec<_>>().concat()
}

fn line_number(line: &[u8]) -> u64 {
    let digits =
        line.iter().skip_while(|byte| !byte.is_ascii_digit()).take_while(|byte| byte.is_ascii_digit());
    digits.fold(0u64, |number, digit| number.wrapping_mul(10).wrapping_add((digit - b'0') as u64))
}
