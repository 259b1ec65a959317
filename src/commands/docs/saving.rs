//! What COMMAND DOCS tells of the commands that put all keys on the disk.

use crate::commands::row::Docs;

pub const BGREWRITEAOF: Docs =
    Docs::new("server", "1.0.0", "O(1)", "Compacts the append-only log in the background.");

pub const LASTSAVE: Docs = Docs::new("server", "1.0.0", "O(1)", "Gives the time of the last save.")
    .tips(&["nondeterministic_output"]);
