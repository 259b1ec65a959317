//! What COMMAND DOCS tells of the commands on keys of any type.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const DEL: Docs = Docs::new(
    "generic",
    "1.0.0",
    "O(N) where N is the number of keys that will be removed. When a key to remove holds a \
  value other than a string, the individual complexity for this key is O(M) where M is the \
  number of elements in the list, set, sorted set or hash. Removing a single key that holds \
  a string value is O(1).",
    "Removes keys and says how many there were.",
)
.tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
.arguments(&[Argument::new("key", Kind::Key(0)).multiple()]);

pub const EXISTS: Docs = Docs::new(
    "generic",
    "1.0.0",
    "O(N) where N is the number of keys to check.",
    "Counts how many of the named keys are there.",
)
.history(&[("3.0.3", "Accepts multiple `key` arguments.")])
.tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
.arguments(&[Argument::new("key", Kind::Key(0)).multiple()]);

pub const UNLINK: Docs = Docs::new(
    "generic",
    "4.0.0",
    "O(1) for each key removed regardless of its size. Then the command does O(N) work in a \
  different thread in order to reclaim memory, where N is the number of allocations the \
  deleted objects where composed of.",
    "Removes keys; their memory is freed later.",
)
.tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
.arguments(&[Argument::new("key", Kind::Key(0)).multiple()]);

pub const TOUCH: Docs = Docs::new(
    "generic",
    "3.2.1",
    "O(N) where N is the number of keys that will be touched.",
    "Marks keys as used now and says how many there were.",
)
.tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
.arguments(&[Argument::new("key", Kind::Key(0)).multiple()]);

pub const RENAME: Docs =
    Docs::new("generic", "1.0.0", "O(1)", "Gives a key another name, in place of the key that has it.")
        .arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("newkey", Kind::Key(1))]);

pub const RENAMENX: Docs =
    Docs::new("generic", "1.0.0", "O(1)", "Gives a key another name, unless there is a key of that name.")
        .history(&[(
            "3.2.0",
            "The command no longer returns an error when source and destination names are the same.",
        )])
        .arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("newkey", Kind::Key(1))]);

pub const COPY: Docs = Docs::new(
    "generic",
    "6.2.0",
    "O(N) worst case for collections, where N is the number of nested items. O(1) for string \
  values.",
    "Copies a key to another name or database.",
)
.arguments(&[
    Argument::new("source", Kind::Key(0)),
    Argument::new("destination", Kind::Key(1)),
    Argument::new("destination-db", Kind::Integer).token("DB").optional(),
    Argument::word("replace", "REPLACE").optional(),
]);

pub const KEYS: Docs = Docs::new(
    "generic",
    "1.0.0",
    "O(N) with N being the number of keys in the database, under the assumption that the key \
  names in the database and the given pattern have limited length.",
    "Lists the keys that match a pattern.",
)
.tips(&["request_policy:all_shards", "nondeterministic_output_order"])
.arguments(&[Argument::new("pattern", Kind::Pattern)]);

pub const RANDOMKEY: Docs = Docs::new("generic", "1.0.0", "O(1)", "Names a key by chance.")
    .tips(&["request_policy:all_shards", "nondeterministic_output"]);

pub const SCAN: Docs = Docs::new(
    "generic",
    "2.8.0",
    "O(1) for every call. O(N) for a complete iteration, including enough command calls for \
  the cursor to return back to 0. N is the number of elements inside the collection.",
    "Walks over the keys in many small steps.",
)
.history(&[("6.0.0", "Added the `TYPE` subcommand.")])
.tips(&["nondeterministic_output", "request_policy:special"])
.arguments(&[
    Argument::new("cursor", Kind::Integer),
    Argument::new("pattern", Kind::Pattern).token("MATCH").optional(),
    Argument::new("count", Kind::Integer).token("COUNT").optional(),
    Argument::new("type", Kind::String).token("TYPE").since("6.0.0").optional(),
]);

pub const TYPE: Docs = Docs::new("generic", "1.0.0", "O(1)", "Tells what type of value a key holds.")
    .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const MOVE: Docs = Docs::new("generic", "1.0.0", "O(1)", "Moves a key to another database.")
    .arguments(&[Argument::new("key", Kind::Key(0)), Argument::new("db", Kind::Integer)]);

pub const OBJECT: Docs = Docs::new(
    "generic",
    "2.2.3",
    "Depends on subcommand.",
    "Groups the commands that look into how keys are stored.",
);

pub const OBJECT_REFCOUNT: Docs =
    Docs::new("generic", "2.2.3", "O(1)", "Tells how often the value of a key is referred to.")
        .tips(&["nondeterministic_output"])
        .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const OBJECT_ENCODING: Docs =
    Docs::new("generic", "2.2.3", "O(1)", "Names the way in which the value of a key is stored.")
        .tips(&["nondeterministic_output"])
        .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const OBJECT_IDLETIME: Docs =
    Docs::new("generic", "2.2.3", "O(1)", "Tells how many seconds ago a key was used last.")
        .tips(&["nondeterministic_output"])
        .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const OBJECT_FREQ: Docs =
    Docs::new("generic", "4.0.0", "O(1)", "Tells how often a key is used, on a logarithmic scale.")
        .tips(&["nondeterministic_output"])
        .arguments(&[Argument::new("key", Kind::Key(0))]);

pub const OBJECT_HELP: Docs = Docs::new("generic", "6.2.0", "O(1)", "Lists the subcommands of OBJECT.");
