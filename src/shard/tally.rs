//! What a shard has run since it was last asked: for the statistics of its core, which knows how long it took.

use crate::commands::Command;
use crate::commands::table::number_of;

/// The longest code of an error that is counted by itself.
const ERROR_CODE_BYTES_MAX: usize = 64;

/// Emptied by the core after every batch.
#[derive(Debug, Default)]
pub struct Tally {
    pub ran: Vec<Ran>,
    /// Codes of error replies, such as `WRONGTYPE`.
    pub errors: Vec<Box<[u8]>>,
}

/// One call of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The number of the row.
    pub command: u16,
    pub has_failed: bool,
}

impl Tally {
    #[inline]
    pub fn count(&mut self, command: &'static Command, has_failed: bool) {
        self.ran.push(Ran { command: number_of(command), has_failed });
    }

    /// Counts an error reply, `-CODE text`.
    #[cold]
    pub fn count_error(&mut self, reply: &[u8]) {
        self.errors.push(error_code(reply).into());
    }

    pub fn clear(&mut self) {
        self.ran.clear();
        self.errors.clear();
    }
}

/// The code of an error reply.
fn error_code(reply: &[u8]) -> &[u8] {
    let text = reply.strip_prefix(b"-").unwrap_or(reply);
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\r')).unwrap_or(text.len());
    &text[..end.min(ERROR_CODE_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::error_code;

    #[test]
    fn the_code_is_the_first_word() {
        assert_eq!(error_code(b"-WRONGTYPE Operation against\r\n"), b"WRONGTYPE");
        assert_eq!(error_code(b"-ERR\r\n"), b"ERR");
        assert_eq!(error_code(&[b'-'; 500]).len(), 64);
    }
}
