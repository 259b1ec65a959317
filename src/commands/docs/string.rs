//! What COMMAND DOCS tells of the commands on strings.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const GET: Docs = Docs::new("string", "1.0.0", "O(1)", "Gives the string stored at a key.")
    .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const SET: Docs =
    Docs::new("string", "1.0.0", "O(1)", "Stores a string at a key, whatever the key held before.")
        .history(&[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ])
        .key_notes("RW and ACCESS due to the optional `GET` argument")
        .arguments(&[
            Argument::new("key", Kind::Key(0)),
            Argument::new("value", Kind::String),
            Argument::new(
                "condition",
                Kind::OneOf(&[Argument::word("nx", "NX"), Argument::word("xx", "XX")]),
            )
            .since("2.6.12")
            .optional(),
            Argument::word("get", "GET").since("6.2.0").optional(),
            Argument::new(
                "expiration",
                Kind::OneOf(&[
                    Argument::new("seconds", Kind::Integer).token("EX").since("2.6.12"),
                    Argument::new("milliseconds", Kind::Integer).token("PX").since("2.6.12"),
                    Argument::new("unix-time-seconds", Kind::UnixTime).token("EXAT").since("6.2.0"),
                    Argument::new("unix-time-milliseconds", Kind::UnixTime).token("PXAT").since("6.2.0"),
                    Argument::word("keepttl", "KEEPTTL").since("6.0.0"),
                ]),
            )
            .optional(),
        ]);

pub const MGET: Docs = Docs::new(
    "string",
    "1.0.0",
    "O(N) where N is the number of keys to retrieve.",
    "Gives the strings stored at keys.",
)
.tips(&["request_policy:multi_shard"])
.arguments(&[Argument::new("key", Kind::Key(0)).multiple()]);

pub const MSET: Docs = Docs::new(
    "string",
    "1.0.1",
    "O(N) where N is the number of keys to set.",
    "Stores a string at each of several keys.",
)
.tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
.arguments(&[Argument::new(
    "key_value",
    Kind::Block(&[Argument::new("key", Kind::Key(0)), Argument::new("value", Kind::String)]),
)
.multiple()]);

pub const MSETNX: Docs = Docs::new(
    "string",
    "1.0.1",
    "O(N) where N is the number of keys to set.",
    "Stores a string at each of several keys, unless one of them is there already.",
)
.tips(&["request_policy:multi_shard", "response_policy:agg_min"])
.arguments(&[Argument::new(
    "key_value",
    Kind::Block(&[Argument::new("key", Kind::Key(0)), Argument::new("value", Kind::String)]),
)
.multiple()]);

pub const APPEND: Docs = Docs::new(
    "string",
    "2.0.0",
    "O(1). The amortized time complexity is O(1) assuming the appended value is small and the \
  already present value is of any size, since the dynamic string library used by Redis \
  will double the free space available on every reallocation.",
    "Adds bytes to the end of a string.",
)
.arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("value", Kind::String)]);

pub const STRLEN: Docs = Docs::new("string", "2.2.0", "O(1)", "Gives the length of a string.")
    .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const INCR: Docs = Docs::new("string", "1.0.0", "O(1)", "Adds one to an integer.")
    .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const DECR: Docs = Docs::new("string", "1.0.0", "O(1)", "Takes one from an integer.")
    .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const INCRBY: Docs = Docs::new("string", "1.0.0", "O(1)", "Adds to an integer.")
    .arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("increment", Kind::Integer)]);

pub const DECRBY: Docs = Docs::new("string", "1.0.0", "O(1)", "Takes from an integer.")
    .arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("decrement", Kind::Integer)]);

pub const GETSET: Docs =
    Docs::new("string", "1.0.0", "O(1)", "Stores a string at a key and gives the one that was there.")
        .deprecated("6.2.0", "`SET` with the `!GET` argument")
        .arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("value", Kind::String)]);

pub const SETNX: Docs = Docs::new("string", "1.0.0", "O(1)", "Stores a string at a key that is not there.")
    .arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("value", Kind::String)]);

pub const SETEX: Docs = Docs::new("string", "2.0.0", "O(1)", "Stores a string at a key for some seconds.")
    .arguments(&[
        Argument::new("key", Kind::Key(0)),
        Argument::new("seconds", Kind::Integer),
        Argument::new("value", Kind::String),
    ]);

pub const PSETEX: Docs =
    Docs::new("string", "2.6.0", "O(1)", "Stores a string at a key for some milliseconds.").arguments(&[
        Argument::new("key", Kind::Key(0)),
        Argument::new("milliseconds", Kind::Integer),
        Argument::new("value", Kind::String),
    ]);

pub const GETDEL: Docs =
    Docs::new("string", "6.2.0", "O(1)", "Gives the string stored at a key and removes the key.")
        .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const GETEX: Docs = Docs::new(
    "string",
    "6.2.0",
    "O(1)",
    "Gives the string stored at a key and may change how long it lives.",
)
.key_notes("RW and UPDATE because it changes the TTL")
.arguments(&[
    Argument::new("key", Kind::Key(0)),
    Argument::new(
        "expiration",
        Kind::OneOf(&[
            Argument::new("seconds", Kind::Integer).token("EX"),
            Argument::new("milliseconds", Kind::Integer).token("PX"),
            Argument::new("unix-time-seconds", Kind::UnixTime).token("EXAT"),
            Argument::new("unix-time-milliseconds", Kind::UnixTime).token("PXAT"),
            Argument::word("persist", "PERSIST"),
        ]),
    )
    .optional(),
]);

pub const GETRANGE: Docs = Docs::new(
    "string",
    "2.4.0",
    "O(N) where N is the length of the returned string. The complexity is ultimately \
  determined by the returned length, but because creating a substring from an existing \
  string is very cheap, it can be considered O(1) for small strings.",
    "Gives a part of a string.",
)
.arguments(&[
    Argument::new("key", Kind::Key(0)),
    Argument::new("start", Kind::Integer),
    Argument::new("end", Kind::Integer),
]);

pub const SUBSTR: Docs = Docs::new(
    "string",
    "1.0.0",
    "O(N) where N is the length of the returned string. The complexity is ultimately \
  determined by the returned length, but because creating a substring from an existing \
  string is very cheap, it can be considered O(1) for small strings.",
    "Gives a part of a string.",
)
.deprecated("2.0.0", "`GETRANGE`")
.arguments(&[
    Argument::new("key", Kind::Key(0)),
    Argument::new("start", Kind::Integer),
    Argument::new("end", Kind::Integer),
]);

pub const SETRANGE: Docs = Docs::new(
    "string",
    "2.2.0",
    "O(1), not counting the time taken to copy the new string in place. Usually, this string \
  is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M \
  being the length of the value argument.",
    "Overwrites a part of a string.",
)
.arguments(&[
    Argument::new("key", Kind::Key(0)),
    Argument::new("offset", Kind::Integer),
    Argument::new("value", Kind::String),
]);

pub const INCRBYFLOAT: Docs =
    Docs::new("string", "2.6.0", "O(1)", "Adds to a number that may have a fraction.")
        .arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("increment", Kind::Double)]);

pub const LCS: Docs = Docs::new(
    "string",
    "7.0.0",
    "O(N*M) where N and M are the lengths of s1 and s2, respectively",
    "Gives the longest sequence of bytes that two strings have in common.",
)
.arguments(&[
    Argument::new("key1", Kind::Key(0)),
    Argument::new("key2", Kind::Key(0)),
    Argument::word("len", "LEN").optional(),
    Argument::word("idx", "IDX").optional(),
    Argument::new("len", Kind::Integer).token("MINMATCHLEN").optional(),
    Argument::word("withmatchlen", "WITHMATCHLEN").optional(),
]);
