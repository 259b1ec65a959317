//! What COMMAND DOCS tells of DUMP and RESTORE.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const DUMP: Docs = Docs::new(
    "generic",
    "2.6.0",
    "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of \
  Redis objects composing the value and M their average size. For small string values the \
  time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
    "Gives the value of a key as bytes that RESTORE takes.",
)
.tips(&["nondeterministic_output"])
.arguments(&[Argument::new("key", Kind::Key(0))]);

pub const RESTORE: Docs = Docs::new("generic", "2.6.0", RESTORE_COST, "Creates a key from what DUMP gave.")
    .history(RESTORE_HISTORY)
    .arguments(RESTORE_ARGUMENTS);

pub const RESTORE_ASKING: Docs = Docs::new(
    "server",
    "3.0.0",
    RESTORE_COST,
    "Creates a key in a slot that is on its way to this node of a cluster.",
)
.for_system()
.history(RESTORE_HISTORY)
.arguments(RESTORE_ARGUMENTS);

const RESTORE_COST: &str = "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where \
  N is the number of Redis objects composing the value and M their average size. For small \
  string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). \
  However for sorted set values the complexity is O(N*M*log(N)) because inserting values into \
  sorted sets is O(log(N)).";

const RESTORE_HISTORY: &[(&str, &str)] = &[
    ("3.0.0", "Added the `REPLACE` modifier."),
    ("5.0.0", "Added the `ABSTTL` modifier."),
    ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
];

const RESTORE_ARGUMENTS: &[Argument] = &[
    Argument::new("key", Kind::Key(0)),
    Argument::new("ttl", Kind::Integer),
    Argument::new("serialized-value", Kind::String),
    Argument::word("replace", "REPLACE").since("3.0.0").optional(),
    Argument::word("absttl", "ABSTTL").since("5.0.0").optional(),
    Argument::new("seconds", Kind::Integer).token("IDLETIME").since("5.0.0").optional(),
    Argument::new("frequency", Kind::Integer).token("FREQ").since("5.0.0").optional(),
];
