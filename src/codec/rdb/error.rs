//! What was wrong with bytes that should be a snapshot, and where.

use std::fmt;

/// The first thing that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: {problem}")]
pub struct RdbError {
    /// Of what could not be read, counted from the first byte.
    pub position: u64,
    pub problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("this is no RDB file: it does not begin with REDIS and a version of four digits")]
    NotRdb,
    #[error("RDB version {0} is not one of those that can be read, 1 to 11")]
    Version(u16),
    #[error("{0} is neither an opcode nor a type of value")]
    Opcode(u8),
    #[error("{0:#04x} begins no length")]
    Length(u8),
    #[error("an encoded string or its flag stands where a number should")]
    NotNumber,
    #[error("a string of {0} bytes is longer than strings may be")]
    StringTooLong(u64),
    #[error("a compressed string does not yield the {0} bytes that it should")]
    Compression(u64),
    #[error("modules written for versions before 4.0 cannot be told from their data")]
    OldModule,
    #[error("{0} begins no part of a module's data")]
    ModulePart(u64),
    #[error("functions as a candidate of 7.0 wrote them are not supported, nor are they by Redis")]
    OldFunction,
    #[error("the checksum {found} should be {expected}")]
    Checksum { expected: Sum, found: Sum },
    #[error("it ends in the middle")]
    Ended,
}

/// A checksum as it is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sum(pub u64);

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
