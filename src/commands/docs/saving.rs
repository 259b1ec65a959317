//! What COMMAND DOCS tells of the commands that put all keys on the disk.

use crate::commands::row::{Argument, Docs};

pub const SAVE: Docs = Docs::new(
    "server",
    "1.0.0",
    "O(N) where N is the total number of keys in all databases",
    "Saves all keys to the snapshot file, and replies when that is done.",
);

pub const BGSAVE: Docs =
    Docs::new("server", "1.0.0", "O(1)", "Saves all keys to the snapshot file in the background.")
        .history(&[("3.2.2", "Added the `SCHEDULE` option.")])
        .arguments(&[Argument::word("schedule", "SCHEDULE").since("3.2.2").optional()]);

pub const BGREWRITEAOF: Docs =
    Docs::new("server", "1.0.0", "O(1)", "Compacts the append-only log in the background.");

pub const LASTSAVE: Docs = Docs::new("server", "1.0.0", "O(1)", "Gives the time of the last save.")
    .tips(&["nondeterministic_output"]);
