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
