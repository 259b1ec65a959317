//! Where a reader stands: what may come next, and what was said about the key that comes.

use std::ops::RangeInclusive;

use super::cursor::{Cursor, Stop};
use super::error::Problem;
use super::length::read_number;
use super::opcode;
use super::reader::{Entry, Event, Step, Used};
use super::shape::{OLD_MODULE, Part, STRING, shape_of};
use super::text::{self, Text};
use super::walk::Walk;

pub const MAGIC: &[u8; 5] = b"REDIS";
/// The versions that can be read: those of Redis up to 7.2.
const VERSIONS: RangeInclusive<u16> = 1..=11;
/// Since this version a checksum stands at the end.
const CHECKSUM_SINCE: u16 = 5;

/// What a module left outside of keys: its name, when it wrote this, and its data.
const MODULE_AUX: &[Part] = &[Part::Length, Part::Length, Part::Length, Part::Module];

pub struct State {
    place: Place,
    /// Past a value that cannot be decoded.
    walk: Walk,
    pending: Pending,
    string_bytes_max: u64,
}

/// Which part of the file comes next.
#[derive(Clone, Copy)]
enum Place {
    Header,
    Body { version: u16 },
    Checksum,
    Over,
}

/// What was said about the next key.
#[derive(Clone, Copy, Default)]
pub struct Pending {
    expire_ms: Option<u64>,
    used: Option<Used>,
}

/// An event whose strings are not decoded yet.
pub enum Found<'a> {
    /// Something was read that is no event by itself.
    Nothing,
    Aux(Text<'a>, Text<'a>),
    Database(u64),
    Size {
        keys: u64,
        expiring: u64,
    },
    Entry {
        key: Text<'a>,
        value: Text<'a>,
        pending: Pending,
    },
    Other(Text<'a>, &'static str),
    Function(Text<'a>),
    ModuleAux,
    Checksum(u64),
    End,
}

impl State {
    pub fn new(string_bytes_max: u64) -> Self {
        State { place: Place::Header, walk: Walk::default(), pending: Pending::default(), string_bytes_max }
    }

    /// Reads what comes next. If it is not all there, the cursor stays before it.
    #[inline]
    pub fn read<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Found<'a>, Stop> {
        if !self.walk.is_over() {
            self.walk.go_on(cursor)?;
        }
        let start = cursor.at();
        let found = match self.place {
            Place::Body { version } => self.read_body(version, cursor),
            Place::Header => self.read_header(cursor),
            Place::Checksum => cursor.array().map(u64::from_le_bytes).map(Found::Checksum),
            Place::Over => Ok(Found::End),
        };
        match found {
            Ok(found) => Ok(found),
            Err(stop) => {
                cursor.back_to(start);
                Err(stop)
            }
        }
    }

    fn read_header<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Found<'a>, Stop> {
        let not_rdb = Stop::Wrong(0, Problem::NotRdb);
        if cursor.take(MAGIC.len())? != MAGIC {
            return Err(not_rdb);
        }
        let digits: [u8; 4] = cursor.array()?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(not_rdb);
        }
        let version = digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
        if !VERSIONS.contains(&version) {
            return Err(cursor.wrong(4, Problem::Version(version)));
        }
        self.place = Place::Body { version };
        Ok(Found::Nothing)
    }

    #[inline]
    fn read_body<'a>(&mut self, version: u16, cursor: &mut Cursor<'a>) -> Result<Found<'a>, Stop> {
        let code = cursor.byte()?;
        if code == STRING {
            let key = text::read(cursor, self.string_bytes_max)?;
            let value = text::read(cursor, self.string_bytes_max)?;
            return Ok(Found::Entry { key, value, pending: std::mem::take(&mut self.pending) });
        }
        match shape_of(code) {
            None => self.read_opcode(code, version, cursor),
            Some(shape) => {
                let key = text::read(cursor, self.string_bytes_max)?;
                self.pending = Pending::default();
                self.walk.start(shape.parts);
                Ok(Found::Other(key, shape.type_name))
            }
        }
    }

    fn read_opcode<'a>(
        &mut self,
        code: u8,
        version: u16,
        cursor: &mut Cursor<'a>,
    ) -> Result<Found<'a>, Stop> {
        let text = |cursor: &mut Cursor<'a>| text::read(cursor, self.string_bytes_max);
        match code {
            opcode::EXPIRE_MS => {
                // It is signed, and before 1970 is as good as at its beginning.
                self.pending.expire_ms = Some(i64::from_le_bytes(cursor.array()?).max(0) as u64);
            }
            opcode::EXPIRE_S => {
                let seconds = i32::from_le_bytes(cursor.array()?).max(0);
                self.pending.expire_ms = Some(seconds as u64 * 1000);
            }
            opcode::IDLE => self.pending.used = Some(Used::Idle(read_number(cursor)?)),
            opcode::FREQUENCY => self.pending.used = Some(Used::Frequency(cursor.byte()?)),
            opcode::AUX => return Ok(Found::Aux(text(cursor)?, text(cursor)?)),
            opcode::SELECT => return Ok(Found::Database(read_number(cursor)?)),
            opcode::RESIZE => {
                return Ok(Found::Size { keys: read_number(cursor)?, expiring: read_number(cursor)? });
            }
            opcode::FUNCTION => return Ok(Found::Function(text(cursor)?)),
            opcode::FUNCTION_OLD => return Err(cursor.wrong(1, Problem::OldFunction)),
            opcode::MODULE_AUX => {
                self.walk.start(MODULE_AUX);
                return Ok(Found::ModuleAux);
            }
            opcode::END => {
                self.place = if version < CHECKSUM_SINCE { Place::Over } else { Place::Checksum };
            }
            OLD_MODULE => return Err(cursor.wrong(1, Problem::OldModule)),
            _ => return Err(cursor.wrong(1, Problem::Opcode(code))),
        }
        Ok(Found::Nothing)
    }

    /// The checksum was right.
    pub fn end(&mut self) {
        self.place = Place::Over;
    }
}

impl<'a> Found<'a> {
    /// The event, with what was compressed in these two buffers.
    #[inline]
    pub fn decode<'s>(self, first: &'s mut Vec<u8>, second: &'s mut Vec<u8>) -> Result<Step<'s>, Stop>
    where
        'a: 's,
    {
        Ok(Step::Event(match self {
            Found::Entry { key, value, pending: Pending { expire_ms, used } } => {
                Event::Entry(Entry { key: key.bytes(first)?, value: value.value(second)?, expire_ms, used })
            }
            Found::Aux(name, value) => Event::Aux { name: name.bytes(first)?, value: value.bytes(second)? },
            Found::Database(index) => Event::Database(index),
            Found::Size { keys, expiring } => Event::Size { keys, expiring },
            Found::Other(key, type_name) => Event::Other { key: key.bytes(first)?, type_name },
            Found::Function(code) => Event::Function(code.bytes(first)?),
            Found::ModuleAux => Event::ModuleAux,
            Found::End => return Ok(Step::End),
            Found::Nothing | Found::Checksum(_) => unreachable!("these are not told to anybody"),
        }))
    }
}
