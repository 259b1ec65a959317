//! What COMMAND DOCS tells of CLIENT and its subcommands.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const CLIENT: Docs =
    Docs::new("connection", "2.4.0", "Depends on subcommand.", "Groups the commands about connections.");

pub const CLIENT_ID: Docs =
    Docs::new("connection", "5.0.0", "O(1)", "Gives the number of this connection, which no other ever has.");

pub const CLIENT_INFO: Docs =
    Docs::new("connection", "6.2.0", "O(1)", "Describes this connection in one line.")
        .tips(&["nondeterministic_output"]);

pub const CLIENT_LIST: Docs = Docs::new(
    "connection",
    "2.4.0",
    "O(N) where N is the number of client connections",
    "Describes connections, one on each line.",
)
.history(&[
    ("2.8.12", "Added unique client `id` field."),
    ("5.0.0", "Added optional `TYPE` filter."),
    ("6.0.0", "Added `user` field."),
    ("6.2.0", "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter."),
    ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
    ("7.0.3", "Added `ssub` field."),
])
.tips(&["nondeterministic_output"])
.arguments(&[
    Argument::new(
        "normal_master_replica_pubsub",
        Kind::OneOf(&[
            Argument::word("normal", "NORMAL"),
            Argument::word("master", "MASTER"),
            Argument::word("replica", "REPLICA"),
            Argument::word("pubsub", "PUBSUB"),
        ]),
    )
    .token("TYPE")
    .since("5.0.0")
    .optional(),
    Argument::new("id", Kind::Block(&[Argument::new("client-id", Kind::Integer).multiple()]))
        .token("ID")
        .since("6.2.0")
        .optional(),
]);

pub const CLIENT_REPLY: Docs =
    Docs::new("connection", "3.2.0", "O(1)", "Says which replies this connection wants.").arguments(&[
        Argument::new(
            "on_off_skip",
            Kind::OneOf(&[
                Argument::word("on", "ON"),
                Argument::word("off", "OFF"),
                Argument::word("skip", "SKIP"),
            ]),
        ),
    ]);

pub const CLIENT_GETREDIR: Docs = Docs::new(
    "connection",
    "6.0.0",
    "O(1)",
    "Gives the number of the connection that is told of changed keys in place of this one.",
);

pub const CLIENT_TRACKINGINFO: Docs =
    Docs::new("connection", "6.2.0", "O(1)", "Tells which changes of keys this connection is told of.");

pub const CLIENT_KILL: Docs = Docs::new(
    "connection",
    "2.4.0",
    "O(N) where N is the number of client connections",
    "Closes the connections that match.",
)
.history(&[
    ("2.8.12", "Added new filter format."),
    ("2.8.12", "`ID` option."),
    ("3.2.0", "Added `master` type in for `TYPE` option."),
    (
        "5.0.0",
        "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward \
  compatibility.",
    ),
    ("6.2.0", "`LADDR` option."),
])
.arguments(&[Argument::new(
    "filter",
    Kind::OneOf(&[
        Argument::new("ip:port", Kind::String).deprecated_since("2.8.12"),
        Argument::new(
            "new-format",
            Kind::OneOf(&[
                Argument::new("client-id", Kind::Integer).token("ID").since("2.8.12").optional(),
                Argument::new(
                    "normal_master_slave_pubsub",
                    Kind::OneOf(&[
                        Argument::word("normal", "NORMAL"),
                        Argument::word("master", "MASTER").since("3.2.0"),
                        Argument::word("slave", "SLAVE"),
                        Argument::word("replica", "REPLICA").since("5.0.0"),
                        Argument::word("pubsub", "PUBSUB"),
                    ]),
                )
                .token("TYPE")
                .since("2.8.12")
                .optional(),
                Argument::new("username", Kind::String).token("USER").optional(),
                Argument::new("ip:port", Kind::String).token("ADDR").optional(),
                Argument::new("ip:port", Kind::String).token("LADDR").since("6.2.0").optional(),
                Argument::new("yes/no", Kind::String).token("SKIPME").optional(),
            ]),
        )
        .multiple(),
    ]),
)]);

pub const CLIENT_GETNAME: Docs =
    Docs::new("connection", "2.6.9", "O(1)", "Gives the name that the client gave to this connection.");

pub const CLIENT_SETNAME: Docs = Docs::new("connection", "2.6.9", "O(1)", "Names this connection.")
    .arguments(&[Argument::new("connection-name", Kind::String)]);

pub const CLIENT_SETINFO: Docs = Docs::new(
    "connection",
    "7.2.0",
    "O(1)",
    "Records the name or the version of the client library of this connection.",
)
.tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
.arguments(&[Argument::new(
    "attr",
    Kind::OneOf(&[
        Argument::new("libname", Kind::String).token("LIB-NAME"),
        Argument::new("libver", Kind::String).token("LIB-VER"),
    ]),
)]);

pub const CLIENT_PAUSE: Docs = Docs::new(
    "connection",
    "2.9.50",
    "O(1)",
    "Lets requests of all clients wait for some time, or only those that write.",
)
.history(&[("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option.")])
.arguments(&[
    Argument::new("timeout", Kind::Integer),
    Argument::new("mode", Kind::OneOf(&[Argument::word("write", "WRITE"), Argument::word("all", "ALL")]))
        .since("6.2.0")
        .optional(),
]);

pub const CLIENT_UNPAUSE: Docs = Docs::new(
    "connection",
    "6.2.0",
    "O(N) Where N is the number of paused clients",
    "Ends a pause of clients.",
);

pub const CLIENT_UNBLOCK: Docs = Docs::new(
    "connection",
    "5.0.0",
    "O(log N) where N is the number of client connections",
    "Ends the wait of a client in a blocking command.",
)
.arguments(&[
    Argument::new("client-id", Kind::Integer),
    Argument::new(
        "timeout_error",
        Kind::OneOf(&[Argument::word("timeout", "TIMEOUT"), Argument::word("error", "ERROR")]),
    )
    .optional(),
]);

pub const CLIENT_NO_EVICT: Docs = Docs::new(
    "connection",
    "7.0.0",
    "O(1)",
    "Exempts this connection from being closed to save memory, or no longer.",
)
.arguments(&[Argument::new(
    "enabled",
    Kind::OneOf(&[Argument::word("on", "ON"), Argument::word("off", "OFF")]),
)]);

pub const CLIENT_NO_TOUCH: Docs = Docs::new(
    "connection",
    "7.2.0",
    "O(1)",
    "Lets the reads of this connection leave idle times alone, or no longer.",
)
.arguments(&[Argument::new(
    "enabled",
    Kind::OneOf(&[Argument::word("on", "ON"), Argument::word("off", "OFF")]),
)]);

pub const CLIENT_HELP: Docs = Docs::new("connection", "5.0.0", "O(1)", "Lists the subcommands of CLIENT.");
