//! The walk past a value, or past what a module left, holding nothing of it: it may stop wherever bytes are missing.

use super::cursor::{Cursor, Stop};
use super::error::Problem;
use super::length;
use super::shape::Part;
use super::text;

/// No value is nested deeper: a stream has groups, these consumers, these ids.
const DEPTH_MAX: usize = 4;

/// Lengths before a decimal number that stand for no number, and for the two infinities.
const NO_DECIMAL: u8 = 253;

/// Where a walk stands.
#[derive(Default)]
pub struct Walk {
    frames: Vec<Frame>,
    /// Bytes to be passed over before anything else.
    skipped_bytes: u64,
}

struct Frame {
    parts: &'static [Part],
    /// The part that comes next.
    index: usize,
    /// How often the parts are still to come, the present time included.
    times: u64,
}

impl Walk {
    pub fn start(&mut self, parts: &'static [Part]) {
        assert!(self.is_over(), "one walk at a time");
        self.frames.push(Frame { parts, index: 0, times: 1 });
    }

    #[inline]
    pub fn is_over(&self) -> bool {
        self.frames.is_empty() && self.skipped_bytes == 0
    }

    /// Goes as far as the bytes reach, and leaves the cursor there.
    pub fn go_on(&mut self, cursor: &mut Cursor) -> Result<(), Stop> {
        loop {
            self.skip(cursor)?;
            let Some(part) = self.next_part() else {
                return Ok(());
            };
            // What the part was read from is read again if the rest of it is missing.
            let start = cursor.at();
            let passed = self.pass(part, cursor);
            if let Err(Stop::Short(_)) = passed {
                cursor.back_to(start);
            }
            passed?;
        }
    }

    fn skip(&mut self, cursor: &mut Cursor) -> Result<(), Stop> {
        let there = self.skipped_bytes.min(cursor.left() as u64);
        cursor.take(there as usize)?;
        self.skipped_bytes -= there;
        match self.skipped_bytes {
            0 => Ok(()),
            _ => Err(Stop::Short(cursor.at() + 1)),
        }
    }

    /// The part that stands at the cursor; frames that are over are left.
    fn next_part(&mut self) -> Option<Part> {
        while let Some(frame) = self.frames.last_mut() {
            if frame.times > 0
                && let Some(part) = frame.parts.get(frame.index)
            {
                return Some(*part);
            }
            frame.times = frame.times.saturating_sub(1);
            frame.index = 0;
            if frame.times == 0 {
                self.frames.pop();
            }
        }
        None
    }

    fn pass(&mut self, part: Part, cursor: &mut Cursor) -> Result<(), Stop> {
        match part {
            Part::Length => drop(length::read_number(cursor)?),
            Part::Text => self.skipped_bytes = text::read_extent(cursor)?,
            Part::Raw(bytes) => self.skipped_bytes = bytes.into(),
            Part::Decimal => {
                let digits = cursor.byte()?;
                self.skipped_bytes = if digits < NO_DECIMAL { digits.into() } else { 0 };
            }
            Part::Repeat(parts) => {
                let times = length::read_number(cursor)?;
                self.step();
                self.frames.push(Frame { parts, index: 0, times });
                assert!(self.frames.len() <= DEPTH_MAX, "the shapes say how deep values are");
                return Ok(());
            }
            Part::Module => match self.pass_module_part(cursor)? {
                ModulePart::End => {}
                ModulePart::More => return Ok(()),
            },
        }
        self.step();
        Ok(())
    }

    /// The part is passed: the one behind it is next.
    fn step(&mut self) {
        self.frames.last_mut().expect("a part is of a frame").index += 1;
    }

    fn pass_module_part(&mut self, cursor: &mut Cursor) -> Result<ModulePart, Stop> {
        let at = cursor.at();
        match length::read_number(cursor)? {
            0 => return Ok(ModulePart::End),
            1 | 2 => drop(length::read_number(cursor)?),
            3 => self.skipped_bytes = 4,
            4 => self.skipped_bytes = 8,
            5 => self.skipped_bytes = text::read_extent(cursor)?,
            other => return Err(Stop::Wrong(at, Problem::ModulePart(other))),
        }
        Ok(ModulePart::More)
    }
}

enum ModulePart {
    End,
    More,
}
