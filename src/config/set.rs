//! CONFIG SET: several settings at once, all or none.

use super::Config;
use super::flag::{Change, Flag};
use super::flags;
use super::value::ValueError;

/// Why a CONFIG SET is refused. Nothing has changed then.
#[derive(Debug)]
pub enum SetError<'a> {
    Unknown {
        name: &'a [u8],
    },
    Failed {
        /// As the client or, when the value was wrong, as the table spells it.
        name: &'a [u8],
        reason: SetFailure,
    },
}

/// Why one setting cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum SetFailure {
    #[error("can't set immutable config")]
    Immutable,
    #[error("can't set protected config")]
    Protected,
    #[error("duplicate parameter")]
    Duplicate,
    #[error("{0}")]
    Value(ValueError),
}

impl SetError<'_> {
    /// Appends the text that clients see, from its `ERR`, without the marks of the protocol.
    pub fn write_into(&self, out: &mut Vec<u8>) {
        match self {
            SetError::Unknown { name } => {
                out.extend_from_slice(b"ERR Unknown option or number of arguments for CONFIG SET - '");
                write_name(name, out);
                out.push(b'\'');
            }
            SetError::Failed { name, reason } => {
                out.extend_from_slice(b"ERR CONFIG SET failed (possibly related to argument '");
                write_name(name, out);
                out.extend_from_slice(format!("') - {reason}").as_bytes());
            }
        }
    }
}

/// An error is one line, so line breaks in a name become spaces; and Redis ends a name at its first zero
/// byte.
fn write_name(name: &[u8], out: &mut Vec<u8>) {
    let printed = name.iter().take_while(|byte| **byte != 0);
    out.extend(printed.map(|byte| if b"\r\n".contains(byte) { b' ' } else { *byte }));
}

impl Config {
    /// Sets all pairs of name and value, and returns the names of the rows whose values are now others.
    ///
    /// # Errors
    /// The first name that may not be set, or else the first value that may not; then nothing has changed.
    pub fn set<'a>(&mut self, pairs: &[(&'a [u8], &'a [u8])]) -> Result<Vec<&'static str>, SetError<'a>> {
        let rows = find_rows(pairs)?;
        let mut values = self.values.clone();
        for ((index, flag, spelled), (_, value)) in rows.iter().zip(pairs) {
            let name = spelled.as_bytes();
            let failed = |error| SetError::Failed { name, reason: SetFailure::Value(error) };
            let value = flag.parse(&[value.to_vec()], &values[*index]).map_err(failed)?;
            if let Some(why) = flag.refusal(&value) {
                return Err(failed(ValueError::Refused(why)));
            }
            values[*index] = value;
        }
        let before = std::mem::replace(&mut self.values, values);
        let changed = |(index, flag): (usize, &'static Flag)| {
            (before[index] != self.values[index]).then_some(flag.name)
        };
        Ok(flags::all().enumerate().filter_map(changed).collect())
    }
}

type Row = (usize, &'static Flag, &'static str);

/// The rows that the names stand for. The alias of a row is no duplicate of it, as in Redis.
fn find_rows<'a>(pairs: &[(&'a [u8], &'a [u8])]) -> Result<Vec<Row>, SetError<'a>> {
    let mut rows: Vec<Row> = Vec::with_capacity(pairs.len());
    for &(name, _) in pairs {
        let row = flags::find(name).ok_or(SetError::Unknown { name })?;
        let (_, flag, spelled) = row;
        let reason = match flag.change {
            Change::Immutable => Some(SetFailure::Immutable),
            Change::Protected => Some(SetFailure::Protected),
            Change::Live => rows.iter().any(|other| other.2 == spelled).then_some(SetFailure::Duplicate),
        };
        if let Some(reason) = reason {
            return Err(SetError::Failed { name, reason });
        }
        rows.push(row);
    }
    Ok(rows)
}
