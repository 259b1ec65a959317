//! Numbers among the arguments, with the refusals of those that are none.

use crate::commands::call::Turn;
use crate::commands::error::CommandError;
use crate::protocol::request::integer;
use crate::types::float::Extended;

/// An integer of 64 bits.
pub fn long(word: &[u8]) -> Result<i64, CommandError> {
    integer(word).ok_or(CommandError::NotInteger)
}

/// An integer of 32 bits.
pub fn int(word: &[u8]) -> Result<i32, CommandError> {
    i32::try_from(long(word)?).map_err(|_| CommandError::NotInt)
}

/// A number of 80 bits.
pub fn extended(word: &[u8]) -> Result<Extended, CommandError> {
    Extended::parse(word).ok_or(CommandError::NotFloat)
}

/// A database that may be selected.
pub fn database(index: i32, turn: &Turn) -> Result<u8, CommandError> {
    u8::try_from(index)
        .ok()
        .filter(|database| *database < turn.databases)
        .ok_or(CommandError::DatabaseOutOfRange)
}
