//! RDB, the snapshots of Redis: written as 7.0 does (version 10), read as 7.2 and all before it wrote them.
//!
//! Strings are decoded. Values of other types are walked past, so that whoever reads knows which there are.

mod cursor;
mod error;
mod length;
mod opcode;
mod pieces;
mod reader;
mod shape;
mod state;
mod text;
mod walk;
mod writer;

pub(super) use cursor::{Cursor, Stop};
pub use error::{Problem, RdbError, Sum};
pub use pieces::PIECE_BYTES;
pub use reader::{Checksum, Entry, Event, Reader, Step, Used};
pub(super) use shape::{OLD_MODULE, STRING, shape_of};
pub use text::{Compression, StringValue, TextWriter};
pub(super) use text::{Text, read as read_text};
pub use writer::{EntryWriter, Facts, Replication, Writer};

/// The version that is written.
pub const VERSION: u16 = 10;
