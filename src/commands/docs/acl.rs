//! What COMMAND DOCS tells of ACL and its subcommands.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const ACL: Docs = Docs::new(
    "server",
    "6.0.0",
    "Depends on subcommand.",
    "Groups the commands about users and their rights.",
);

pub const ACL_CAT: Docs = Docs::new(
    "server",
    "6.0.0",
    "O(1) since the categories and commands are a fixed set.",
    "Lists the categories of commands, or the commands of one.",
)
.arguments(&[Argument::new("categoryname", Kind::String).optional()]);

pub const ACL_GENPASS: Docs = Docs::new("server", "6.0.0", "O(1)", "Makes a password by chance.")
    .arguments(&[Argument::new("bits", Kind::Integer).optional()]);

pub const ACL_HELP: Docs = Docs::new("server", "6.0.0", "O(1)", "Lists the subcommands of ACL.");

pub const ACL_WHOAMI: Docs =
    Docs::new("server", "6.0.0", "O(1)", "Gives the name of the user that the connection is logged in as.");
