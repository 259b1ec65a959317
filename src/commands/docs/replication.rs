//! What COMMAND DOCS tells of replication and of what only a cluster needs.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const ROLE: Docs =
    Docs::new("server", "2.8.12", "O(1)", "Tells whether the server follows another, and who follows it.");

const WHOM: &[Argument] = &[Argument::new(
    "args",
    Kind::OneOf(&[
        Argument::new(
            "host-port",
            Kind::Block(&[Argument::new("host", Kind::String), Argument::new("port", Kind::Integer)]),
        ),
        Argument::new("no-one", Kind::Block(&[Argument::word("no", "NO"), Argument::word("one", "ONE")])),
    ]),
)];

pub const REPLICAOF: Docs =
    Docs::new("server", "5.0.0", "O(1)", "Lets the server follow another one, or nobody.").arguments(WHOM);

pub const SLAVEOF: Docs =
    Docs::new("server", "1.0.0", "O(1)", "Lets the server follow another one, or nobody.")
        .deprecated("5.0.0", "`REPLICAOF`")
        .arguments(WHOM);

pub const WAIT: Docs = Docs::new(
    "generic",
    "3.0.0",
    "O(1)",
    "Waits until replicas have what this connection has written, and tells how many do.",
)
.tips(&["request_policy:all_shards", "response_policy:agg_min"])
.arguments(&[Argument::new("numreplicas", Kind::Integer), Argument::new("timeout", Kind::Integer)]);

pub const READONLY: Docs =
    Docs::new("cluster", "3.0.0", "O(1)", "Lets a connection read from a replica in a cluster.");

pub const READWRITE: Docs = Docs::new("cluster", "3.0.0", "O(1)", "Takes back what READONLY allowed.");

pub const ASKING: Docs =
    Docs::new("cluster", "3.0.0", "O(1)", "Announces a request that a cluster has redirected here.");
