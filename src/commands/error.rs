//! The mistakes of clients, as values; `write_into` holds the exact bytes that Redis 7.0.15 answers.

use crate::commands::row::Command;

/// What was wrong with the arguments of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    Syntax,
    /// Not an integer, or out of its range.
    NotInteger,
    /// An integer, but not one of 32 bits.
    NotInt,
    /// No number with a fraction.
    NotFloat,
    WrongType,
    NoSuchKey,
    SameObject,
    /// Longer than `proto-max-bulk-len`.
    StringTooLong,
    /// The command's lower-case name: `container|subcommand` for a subcommand.
    WrongArity(&'static str),
    InvalidExpireTime(&'static str),
    DatabaseOutOfRange,
    /// A text with its code, which stands nowhere else.
    Text(&'static str),
    /// A text that repeats what the client sent.
    Quoting(Box<[u8]>),
}

impl CommandError {
    /// An error that repeats `quoted` between two texts; the first begins with the code.
    pub fn quoting(before: &str, quoted: &[u8], after: &str) -> Self {
        Self::Quoting([before.as_bytes(), until_nul(quoted), after.as_bytes()].concat().into())
    }

    /// Appends the error reply.
    pub fn write_into(&self, out: &mut Vec<u8>) {
        out.push(b'-');
        match self {
            Self::Syntax => out.extend_from_slice(b"ERR syntax error"),
            Self::NotInteger => out.extend_from_slice(b"ERR value is not an integer or out of range"),
            Self::NotInt => out.extend_from_slice(
                b"ERR value is out of range, value must between -2147483648 and 2147483647",
            ),
            Self::NotFloat => out.extend_from_slice(b"ERR value is not a valid float"),
            Self::WrongType => {
                out.extend_from_slice(b"WRONGTYPE Operation against a key holding the wrong kind of value");
            }
            Self::StringTooLong => {
                out.extend_from_slice(b"ERR string exceeds maximum allowed size (proto-max-bulk-len)");
            }
            Self::SameObject => {
                out.extend_from_slice(b"ERR source and destination objects are the same");
            }
            Self::NoSuchKey => out.extend_from_slice(b"ERR no such key"),
            Self::WrongArity(name) => {
                write_quoting("ERR wrong number of arguments for '", name, "' command", out);
            }
            Self::InvalidExpireTime(name) => {
                write_quoting("ERR invalid expire time in '", name, "' command", out);
            }
            Self::DatabaseOutOfRange => out.extend_from_slice(b"ERR DB index is out of range"),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Quoting(text) => out.extend(one_line(text)),
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn write_quoting(before: &str, name: &str, after: &str, out: &mut Vec<u8>) {
    for part in [before, name, after] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Line breaks would end the reply early; Redis turns them into spaces.
fn one_line(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte })
}

/// What Redis repeats of an argument: it formats errors with C strings.
pub fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// How much of an unknown command and of all its arguments together an error repeats.
const ECHO_BYTES_MAX: usize = 128;

fn write_name(name: &[u8], out: &mut Vec<u8>) {
    let name = until_nul(name);
    out.extend(one_line(&name[..name.len().min(ECHO_BYTES_MAX)]));
}

/// Appends the refusal of a command that is not in the table.
pub fn write_unknown<'a>(name: &[u8], arguments: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"-ERR unknown command '");
    write_name(name, out);
    out.extend_from_slice(b"', with args beginning with: ");
    let mut echoed = 0;
    for argument in arguments {
        if echoed >= ECHO_BYTES_MAX {
            break;
        }
        let argument = until_nul(argument);
        let shown = argument.len().min(ECHO_BYTES_MAX - echoed);
        out.push(b'\'');
        out.extend(one_line(&argument[..shown]));
        out.extend_from_slice(b"' ");
        echoed += shown + 3;
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the refusal of a subcommand that its container does not have.
pub fn write_unknown_subcommand(container: &str, name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"-ERR unknown subcommand '");
    write_name(name, out);
    out.extend_from_slice(b"'. Try ");
    out.extend_from_slice(container.as_bytes());
    out.extend_from_slice(b" HELP.\r\n");
}

/// Appends the refusal of a request whose number of arguments does not fit its row.
pub fn write_wrong_arity(command: &Command, out: &mut Vec<u8>) {
    out.extend_from_slice(b"-ERR wrong number of arguments for '");
    command.write_name(out);
    out.extend_from_slice(b"' command\r\n");
}
