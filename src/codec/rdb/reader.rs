//! Reads a snapshot from pieces as they come: events borrow from the piece, and nothing is held that has been told.
//!
//! ```text
//! REDIS 0010 | AUX name value ... | SELECT database | RESIZE keys expiring | key ... | SELECT ... | END checksum
//! key: [EXPIRE time] [IDLE seconds | FREQUENCY counter] type key value
//! ```

use super::cursor::{Cursor, Stop};
use super::error::{Problem, RdbError, Sum};
use super::pieces::Pieces;
use super::state::{Found, State};
use super::text::StringValue;

/// Whether the checksum at the end must be right: `rdbchecksum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    Ignore,
    Verify,
}

/// One thing that a snapshot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A remark about the file.
    Aux {
        name: &'a [u8],
        value: &'a [u8],
    },
    /// What comes is in this database.
    Database(u64),
    /// About how many keys the database has, and how many of them have a deadline.
    Size {
        keys: u64,
        expiring: u64,
    },
    Entry(Entry<'a>),
    /// A key whose value cannot be decoded; it is walked past.
    Other {
        key: &'a [u8],
        type_name: &'static str,
    },
    /// The code of a library of functions.
    Function(&'a [u8]),
    /// Something that a module left outside of keys; it is walked past.
    ModuleAux,
}

/// A key with its value, to be written, or as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: &'a [u8],
    pub value: StringValue<'a>,
    /// Milliseconds since 1970.
    pub expire_ms: Option<u64>,
    pub used: Option<Used>,
}

/// How the key was used, if the snapshot tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// Not for so many seconds.
    Idle(u64),
    /// So often, as a logarithmic counter.
    Frequency(u8),
}

/// What comes of asking for the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Event(Event<'a>),
    /// A further piece is needed: `space` and `filled`, or `feed`.
    More,
    /// The snapshot is over and its checksum right. What stands behind it is in `rest`.
    End,
}

pub struct Reader {
    checksum: Checksum,
    pieces: Pieces,
    state: State,
    /// So many bytes of the pieces must be there before looking again is worth while.
    needed: usize,
    /// Strings that were compressed: a key and a value.
    scratch: [Vec<u8>; 2],
}

impl Reader {
    /// A reader that refuses keys and strings of more than `string_bytes_max` bytes.
    pub fn new(checksum: Checksum, string_bytes_max: u64) -> Self {
        Reader {
            checksum,
            pieces: Pieces::default(),
            state: State::new(string_bytes_max),
            needed: 0,
            scratch: Default::default(),
        }
    }

    /// Room for the next piece; `filled` says how much of it was used.
    pub fn space(&mut self) -> &mut [u8] {
        let (space, forgotten) = self.pieces.space();
        self.needed = self.needed.saturating_sub(forgotten);
        space
    }

    pub fn filled(&mut self, bytes: usize) {
        assert!(bytes <= self.pieces.bytes.len() - self.pieces.filled, "there is no more room than that");
        self.pieces.filled += bytes;
    }

    /// Takes a piece that lies somewhere else.
    pub fn feed(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let space = self.space();
            let count = space.len().min(piece.len());
            space[..count].copy_from_slice(&piece[..count]);
            self.filled(count);
            piece = &piece[count..];
        }
    }

    /// How many bytes were read, all in all.
    pub fn position(&self) -> u64 {
        self.pieces.gone + self.pieces.at as u64
    }

    /// What was fed and not read: behind the end of the snapshot.
    pub fn rest(&self) -> &[u8] {
        &self.pieces.bytes[self.pieces.at..self.pieces.filled]
    }

    /// What is wrong when no further piece comes although one is needed.
    pub fn ended(&self) -> RdbError {
        RdbError { position: self.pieces.gone + self.pieces.filled as u64, problem: Problem::Ended }
    }

    /// The next event. After an error there is nothing more to ask.
    #[inline]
    pub fn step(&mut self) -> Result<Step<'_>, RdbError> {
        let Pieces { bytes, filled, at, gone, counted } = &mut self.pieces;
        let bytes = &bytes[..*filled];
        if bytes.len() < self.needed {
            return Ok(Step::More);
        }
        let mut cursor = Cursor::new(bytes, *at);
        let found = loop {
            let found = self.state.read(&mut cursor);
            *at = cursor.at();
            match found {
                Ok(Found::Nothing) => {}
                other => break other,
            }
        };
        let [first, second] = &mut self.scratch;
        let step = match found {
            Ok(Found::Checksum(found)) => {
                counted.count(bytes, *at - size_of::<u64>());
                check(self.checksum, counted.sum(), found, *at).map(|()| {
                    self.state.end();
                    Step::End
                })
            }
            Ok(found) => found.decode(first, second),
            Err(stop) => Err(stop),
        };
        match step {
            Ok(step) => Ok(step),
            Err(Stop::Short(needed)) => {
                self.needed = needed;
                Ok(Step::More)
            }
            Err(Stop::Wrong(at, problem)) => Err(RdbError { position: *gone + at as u64, problem }),
        }
    }
}

/// Compares a checksum whose bytes end at `at`; 0 stands where none was counted.
fn check(checksum: Checksum, expected: u64, found: u64, at: usize) -> Result<(), Stop> {
    match checksum == Checksum::Ignore || found == 0 || found == expected {
        true => Ok(()),
        false => {
            let problem = Problem::Checksum { expected: Sum(expected), found: Sum(found) };
            Err(Stop::Wrong(at - size_of::<u64>(), problem))
        }
    }
}
