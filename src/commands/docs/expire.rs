//! What COMMAND DOCS tells of the commands on the deadlines of keys.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const EXPIRE: Docs = Docs::new("generic", "1.0.0", "O(1)", "Lets a key live for so many seconds.")
    .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
    .arguments(&[
        Argument::new("key", Kind::Key(0)),
        Argument::new("seconds", Kind::Integer),
        Argument::new(
            "condition",
            Kind::OneOf(&[
                Argument::word("nx", "NX"),
                Argument::word("xx", "XX"),
                Argument::word("gt", "GT"),
                Argument::word("lt", "LT"),
            ]),
        )
        .since("7.0.0")
        .optional(),
    ]);

pub const PEXPIRE: Docs = Docs::new("generic", "2.6.0", "O(1)", "Lets a key live for so many milliseconds.")
    .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
    .arguments(&[
        Argument::new("key", Kind::Key(0)),
        Argument::new("milliseconds", Kind::Integer),
        Argument::new(
            "condition",
            Kind::OneOf(&[
                Argument::word("nx", "NX"),
                Argument::word("xx", "XX"),
                Argument::word("gt", "GT"),
                Argument::word("lt", "LT"),
            ]),
        )
        .since("7.0.0")
        .optional(),
    ]);

pub const EXPIREAT: Docs = Docs::new("generic", "1.2.0", "O(1)", "Lets a key live until a time in seconds.")
    .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
    .arguments(&[
        Argument::new("key", Kind::Key(0)),
        Argument::new("unix-time-seconds", Kind::UnixTime),
        Argument::new(
            "condition",
            Kind::OneOf(&[
                Argument::word("nx", "NX"),
                Argument::word("xx", "XX"),
                Argument::word("gt", "GT"),
                Argument::word("lt", "LT"),
            ]),
        )
        .since("7.0.0")
        .optional(),
    ]);

pub const PEXPIREAT: Docs =
    Docs::new("generic", "2.6.0", "O(1)", "Lets a key live until a time in milliseconds.")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .arguments(&[
            Argument::new("key", Kind::Key(0)),
            Argument::new("unix-time-milliseconds", Kind::UnixTime),
            Argument::new(
                "condition",
                Kind::OneOf(&[
                    Argument::word("nx", "NX"),
                    Argument::word("xx", "XX"),
                    Argument::word("gt", "GT"),
                    Argument::word("lt", "LT"),
                ]),
            )
            .since("7.0.0")
            .optional(),
        ]);

pub const TTL: Docs = Docs::new("generic", "1.0.0", "O(1)", "Tells how many seconds a key has to live.")
    .history(&[("2.8.0", "Added the -2 reply.")])
    .tips(&["nondeterministic_output"])
    .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const PTTL: Docs =
    Docs::new("generic", "2.6.0", "O(1)", "Tells how many milliseconds a key has to live.")
        .history(&[("2.8.0", "Added the -2 reply.")])
        .tips(&["nondeterministic_output"])
        .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const EXPIRETIME: Docs =
    Docs::new("generic", "7.0.0", "O(1)", "Tells until when a key lives, in seconds.")
        .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const PEXPIRETIME: Docs =
    Docs::new("generic", "7.0.0", "O(1)", "Tells until when a key lives, in milliseconds.")
        .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const PERSIST: Docs = Docs::new("generic", "2.2.0", "O(1)", "Lets a key live for ever.")
    .arguments(&[Argument::new("key", Kind::Key(0))]);
