//! What COMMAND DOCS tells of the commands on the whole server.

use crate::commands::row::{Argument, ArgumentKind as Kind, Docs};

pub const DBSIZE: Docs = Docs::new("server", "1.0.0", "O(1)", "Counts the keys of the selected database.")
    .tips(&["request_policy:all_shards", "response_policy:agg_sum"]);

pub const FLUSHALL: Docs = Docs::new(
    "server",
    "1.0.0",
    "O(N) where N is the total number of keys in all databases",
    "Removes all keys of all databases.",
)
.history(&[
    ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
    ("6.2.0", "Added the `SYNC` flushing mode modifier."),
])
.tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
.arguments(&[Argument::new(
    "async",
    Kind::OneOf(&[
        Argument::word("async", "ASYNC").since("4.0.0"),
        Argument::word("sync", "SYNC").since("6.2.0"),
    ]),
)
.optional()]);

pub const INFO: Docs = Docs::new("server", "1.0.0", "O(1)", "Reports figures about the server, by section.")
    .history(&[("7.0.0", "Added support for taking multiple section arguments.")])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .arguments(&[Argument::new("section", Kind::String).optional().multiple()]);

pub const TIME: Docs =
    Docs::new("server", "2.6.0", "O(1)", "Gives the server's time.").tips(&["nondeterministic_output"]);

pub const LOLWUT: Docs = Docs::new("server", "5.0.0", "", "Draws something, and names the version.")
    .arguments(&[Argument::new("version", Kind::Integer).token("VERSION").optional()]);

pub const SHUTDOWN: Docs = Docs::new(
    "server",
    "1.0.0",
    "O(N) when saving, where N is the total number of keys in all databases when saving data, \
  otherwise O(1)",
    "Stops the server.",
)
.history(&[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")])
.arguments(&[
    Argument::new(
        "nosave_save",
        Kind::OneOf(&[Argument::word("nosave", "NOSAVE"), Argument::word("save", "SAVE")]),
    )
    .optional(),
    Argument::word("now", "NOW").since("7.0.0").optional(),
    Argument::word("force", "FORCE").since("7.0.0").optional(),
    Argument::word("abort", "ABORT").since("7.0.0").optional(),
]);

pub const CONFIG: Docs = Docs::new(
    "server",
    "2.0.0",
    "Depends on subcommand.",
    "Groups the commands that read and change the configuration.",
);

pub const CONFIG_GET: Docs = Docs::new(
    "server",
    "2.0.0",
    "O(N) when N is the number of configuration parameters provided",
    "Lists the configuration parameters that match the patterns, with their values.",
)
.history(&[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")])
.arguments(
    &[Argument::new("parameter", Kind::Block(&[Argument::new("parameter", Kind::String)])).multiple()],
);

pub const CONFIG_SET: Docs = Docs::new(
    "server",
    "2.0.0",
    "O(N) when N is the number of configuration parameters provided",
    "Changes configuration parameters while the server runs, all or none.",
)
.history(&[("7.0.0", "Added the ability to set multiple parameters in one call.")])
.tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
.arguments(&[Argument::new(
    "parameter_value",
    Kind::Block(&[Argument::new("parameter", Kind::String), Argument::new("value", Kind::String)]),
)
.multiple()]);

pub const CONFIG_REWRITE: Docs = Docs::new(
    "server",
    "2.8.0",
    "O(1)",
    "Brings the configuration file up to date with the configuration in use.",
);

pub const CONFIG_RESETSTAT: Docs =
    Docs::new("server", "2.0.0", "O(1)", "Sets the counters that INFO reports back to zero.");

pub const CONFIG_HELP: Docs = Docs::new("server", "5.0.0", "O(1)", "Lists the subcommands of CONFIG.");

pub const FLUSHDB: Docs = Docs::new(
    "server",
    "1.0.0",
    "O(N) where N is the number of keys in the selected database",
    "Removes all keys of the selected database.",
)
.history(&[
    ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
    ("6.2.0", "Added the `SYNC` flushing mode modifier."),
])
.tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
.arguments(&[Argument::new(
    "async",
    Kind::OneOf(&[
        Argument::word("async", "ASYNC").since("4.0.0"),
        Argument::word("sync", "SYNC").since("6.2.0"),
    ]),
)
.optional()]);

pub const SWAPDB: Docs = Docs::new(
    "server",
    "4.0.0",
    "O(N) where N is the count of clients watching or blocking on keys from both databases.",
    "Exchanges the keys of two databases.",
)
.arguments(&[Argument::new("index1", Kind::Integer), Argument::new("index2", Kind::Integer)]);

pub const DEBUG: Docs = Docs::new(
    "server",
    "1.0.0",
    "Depends on subcommand.",
    "Groups the commands for debugging and for tests.",
)
.for_system();

pub const MEMORY: Docs =
    Docs::new("server", "4.0.0", "Depends on subcommand.", "Groups the commands that tell of memory.");

const ABOUT_ALL_SHARDS: &[&str] =
    &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

pub const MEMORY_STATS: Docs =
    Docs::new("server", "4.0.0", "O(1)", "Shows figures about the memory of the server.")
        .tips(ABOUT_ALL_SHARDS);

pub const MEMORY_DOCTOR: Docs =
    Docs::new("server", "4.0.0", "O(1)", "Says what about the use of memory looks wrong.")
        .tips(ABOUT_ALL_SHARDS);

pub const MEMORY_MALLOC_STATS: Docs = Docs::new(
    "server",
    "4.0.0",
    "Depends on how much memory is allocated, could be slow",
    "Shows what the allocator tells of itself.",
)
.tips(ABOUT_ALL_SHARDS);

pub const MEMORY_PURGE: Docs = Docs::new(
    "server",
    "4.0.0",
    "Depends on how much memory is allocated, could be slow",
    "Has the allocator give unused pages back to the system.",
)
.tips(&["request_policy:all_shards", "response_policy:all_succeeded"]);

pub const MEMORY_USAGE: Docs = Docs::new(
    "server",
    "4.0.0",
    "O(N) where N is the number of samples.",
    "Tells how many bytes a key and its value take.",
)
.arguments(&[
    Argument::new("key", Kind::Key(0)),
    Argument::new("count", Kind::Integer).token("SAMPLES").optional(),
]);

pub const MEMORY_HELP: Docs = Docs::new("server", "4.0.0", "O(1)", "Lists the subcommands of MEMORY.");
