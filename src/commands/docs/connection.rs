//! What COMMAND DOCS tells of the commands on the connection itself.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const PING: Docs = Docs::new(
    "connection",
    "1.0.0",
    "O(1)",
    "Answers, to show that the connection and the server are alive.",
)
.tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
.arguments(&[Argument::new("message", Kind::String).optional()]);

pub const ECHO: Docs = Docs::new("connection", "1.0.0", "O(1)", "Answers with its argument.")
    .arguments(&[Argument::new("message", Kind::String)]);

pub const AUTH: Docs = Docs::new(
    "connection",
    "1.0.0",
    "O(N) where N is the number of passwords defined for the user",
    "Logs the client in.",
)
.history(&[("6.0.0", "Added ACL style (username and password).")])
.arguments(&[
    Argument::new("username", Kind::String).since("6.0.0").optional(),
    Argument::new("password", Kind::String),
]);

pub const HELLO: Docs = Docs::new(
    "connection",
    "6.0.0",
    "O(1)",
    "Chooses the version of the protocol, and may log in and name the client.",
)
.history(&[(
    "6.2.0",
    "`protover` made optional; when called without arguments the command reports the current \
  connection's context.",
)])
.arguments(&[Argument::new(
    "arguments",
    Kind::Block(&[
        Argument::new("protover", Kind::Integer),
        Argument::new(
            "username_password",
            Kind::Block(&[Argument::new("username", Kind::String), Argument::new("password", Kind::String)]),
        )
        .token("AUTH")
        .optional(),
        Argument::new("clientname", Kind::String).token("SETNAME").optional(),
    ]),
)
.optional()]);

pub const SELECT: Docs = Docs::new(
    "connection",
    "1.0.0",
    "O(1)",
    "Chooses the database for the commands that follow on this connection.",
)
.arguments(&[Argument::new("index", Kind::Integer)]);

pub const QUIT: Docs = Docs::new("connection", "1.0.0", "O(1)", "Closes the connection after answering.");

pub const RESET: Docs =
    Docs::new("connection", "6.2.0", "O(1)", "Returns the connection to the state of a new one.");
