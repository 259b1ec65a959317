//! What COMMAND DOCS tells of MULTI and what belongs to it.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const MULTI: Docs = Docs::new("transactions", "1.2.0", "O(1)", "Queues the commands that follow.");

pub const EXEC: Docs = Docs::new(
    "transactions",
    "1.2.0",
    "Depends on commands in the transaction",
    "Runs what is queued, with nothing in between.",
);

pub const DISCARD: Docs = Docs::new(
    "transactions",
    "2.0.0",
    "O(N), when N is the number of queued commands",
    "Drops what is queued.",
);

pub const WATCH: Docs = Docs::new(
    "transactions",
    "2.2.0",
    "O(1) for every key.",
    "Lets the next EXEC run only if none of the keys has changed by then.",
)
.arguments(&[Argument::new("key", Kind::Key(0)).multiple()]);

pub const UNWATCH: Docs =
    Docs::new("transactions", "2.2.0", "O(1)", "Forgets all keys that the client watches.");
