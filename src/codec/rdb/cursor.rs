//! A place in bytes of which more may come: whoever reads past them is told how many it takes.

use super::error::Problem;

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// So many bytes are needed in all, from the first one on.
    Short(usize),
    /// The bytes at this place are wrong.
    Wrong(usize, Problem),
}

pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Cursor { bytes, at }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes back to where something begins that is not all there.
    pub fn back_to(&mut self, at: usize) {
        assert!(at <= self.at, "back, not forth");
        self.at = at;
    }

    /// How many bytes are there from here on.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Stop> {
        let end = self.at.saturating_add(count);
        let taken = self.bytes.get(self.at..end).ok_or(Stop::Short(end))?;
        self.at = end;
        Ok(taken)
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let rest = &self.bytes[self.at..];
        let array = rest.first_chunk().ok_or(Stop::Short(self.at + N))?;
        self.at += N;
        Ok(*array)
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8, Stop> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::Short(self.at + 1))?;
        self.at += 1;
        Ok(byte)
    }

    /// Says that what was read last, so many bytes, is wrong.
    pub fn wrong(&self, bytes: usize, problem: Problem) -> Stop {
        Stop::Wrong(self.at - bytes, problem)
    }
}
