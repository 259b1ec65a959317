//! What COMMAND DOCS tells of COMMAND itself.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const COMMAND: Docs = Docs::new(
    "server",
    "2.8.13",
    "O(N) where N is the total number of Redis commands",
    "Describes all commands.",
)
.tips(&["nondeterministic_output_order"]);

pub const COMMAND_COUNT: Docs = Docs::new("server", "2.8.13", "O(1)", "Counts the commands.");

pub const COMMAND_INFO: Docs = Docs::new(
    "server",
    "2.8.13",
    "O(N) where N is the number of commands to look up",
    "Describes the named commands, or all.",
)
.history(&[("7.0.0", "Allowed to be called with no argument to get info on all commands.")])
.tips(&["nondeterministic_output_order"])
.arguments(&[Argument::new("command-name", Kind::String).optional().multiple()]);

pub const COMMAND_DOCS: Docs = Docs::new(
    "server",
    "7.0.0",
    "O(N) where N is the number of commands to look up",
    "Documents the named commands, or all.",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[Argument::new("command-name", Kind::String).optional().multiple()]);

pub const COMMAND_LIST: Docs = Docs::new(
    "server",
    "7.0.0",
    "O(N) where N is the total number of Redis commands",
    "Lists the names of commands.",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[Argument::new(
    "filterby",
    Kind::OneOf(&[
        Argument::new("module-name", Kind::String).token("MODULE"),
        Argument::new("category", Kind::String).token("ACLCAT"),
        Argument::new("pattern", Kind::Pattern).token("PATTERN"),
    ]),
)
.token("FILTERBY")
.optional()]);

pub const COMMAND_GETKEYS: Docs = Docs::new(
    "server",
    "2.8.13",
    "O(N) where N is the number of arguments to the command",
    "Lists the keys in a whole command.",
);

pub const COMMAND_GETKEYSANDFLAGS: Docs = Docs::new(
    "server",
    "7.0.0",
    "O(N) where N is the number of arguments to the command",
    "Lists the keys in a whole command, each with what the command does to it.",
);

pub const COMMAND_HELP: Docs = Docs::new("server", "5.0.0", "O(1)", "Lists the subcommands of COMMAND.");
