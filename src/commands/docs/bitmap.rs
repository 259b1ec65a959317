//! What COMMAND DOCS tells of the commands on bits.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const SETBIT: Docs = Docs::new("bitmap", "2.2.0", "O(1)", "Sets or clears one bit of a string.")
    .arguments(&[
        Argument::new("key", Kind::Key(0)),
        Argument::new("offset", Kind::Integer),
        Argument::new("value", Kind::Integer),
    ]);

pub const GETBIT: Docs = Docs::new("bitmap", "2.2.0", "O(1)", "Gives one bit of a string.")
    .arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("offset", Kind::Integer)]);

const UNIT: Argument =
    Argument::new("index_unit", Kind::OneOf(&[Argument::word("byte", "BYTE"), Argument::word("bit", "BIT")]))
        .since("7.0.0")
        .optional();

pub const BITCOUNT: Docs = Docs::new("bitmap", "2.6.0", "O(N)", "Counts the bits of a string that are set.")
    .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
    .arguments(&[
        Argument::new("key", Kind::Key(0)),
        Argument::new(
            "index",
            Kind::Block(&[Argument::new("start", Kind::Integer), Argument::new("end", Kind::Integer), UNIT]),
        )
        .optional(),
    ]);

pub const BITPOS: Docs =
    Docs::new("bitmap", "2.8.7", "O(N)", "Finds the first bit of a string that is set, or clear.")
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
        .arguments(&[
            Argument::new("key", Kind::Key(0)),
            Argument::new("bit", Kind::Integer),
            Argument::new(
                "index",
                Kind::Block(&[
                    Argument::new("start", Kind::Integer),
                    Argument::new("end_index", Kind::Block(&[Argument::new("end", Kind::Integer), UNIT]))
                        .optional(),
                ]),
            )
            .optional(),
        ]);

pub const BITOP: Docs =
    Docs::new("bitmap", "2.6.0", "O(N)", "Combines strings bit by bit and stores what comes of it.")
        .arguments(&[
            Argument::new("operation", Kind::String),
            Argument::new("destkey", Kind::Key(0)),
            Argument::new("key", Kind::Key(1)).multiple(),
        ]);

const GET: Argument = Argument::new(
    "encoding_offset",
    Kind::Block(&[Argument::new("encoding", Kind::String), Argument::new("offset", Kind::Integer)]),
)
.token("GET");

const OVERFLOW: Argument = Argument::new(
    "wrap_sat_fail",
    Kind::OneOf(&[
        Argument::word("wrap", "WRAP"),
        Argument::word("sat", "SAT"),
        Argument::word("fail", "FAIL"),
    ]),
)
.token("OVERFLOW")
.optional();

const WRITE: Argument = Argument::new(
    "write_operation",
    Kind::OneOf(&[
        Argument::new(
            "encoding_offset_value",
            Kind::Block(&[
                Argument::new("encoding", Kind::String),
                Argument::new("offset", Kind::Integer),
                Argument::new("value", Kind::Integer),
            ]),
        )
        .token("SET"),
        Argument::new(
            "encoding_offset_increment",
            Kind::Block(&[
                Argument::new("encoding", Kind::String),
                Argument::new("offset", Kind::Integer),
                Argument::new("increment", Kind::Integer),
            ]),
        )
        .token("INCRBY"),
    ]),
);

pub const BITFIELD: Docs = Docs::new(
    "bitmap",
    "3.2.0",
    "O(1) for each subcommand specified",
    "Reads and changes integers of any width among the bits of a string.",
)
.key_notes("This command allows both access and modification of the key")
.arguments(&[
    Argument::new("key", Kind::Key(0)),
    Argument::new("operation", Kind::OneOf(&[GET, Argument::new("write", Kind::Block(&[OVERFLOW, WRITE]))]))
        .optional()
        .multiple(),
]);

pub const BITFIELD_RO: Docs = Docs::new(
    "bitmap",
    "6.0.0",
    "O(1) for each subcommand specified",
    "Reads integers of any width among the bits of a string.",
)
.arguments(&[Argument::new("key", Kind::Key(0)), GET.optional().multiple_token()]);
