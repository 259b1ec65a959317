//! The reply to COMMAND INFO for one row.

use crate::commands::row::{Access, Command, Keys};
use crate::protocol::Reply;

/// Replies with the names of rows.
pub fn names(rows: &[&Command], reply: &mut Reply) {
    reply.array(rows.len());
    for row in rows {
        reply.bulk(&row.full_name());
    }
}

/// Replies with name, arity, flags, places of keys, ACL categories, tips, key specifications and subcommands.
pub fn describe(row: &Command, reply: &mut Reply) {
    reply.array(10);
    reply.bulk(&row.full_name());
    reply.integer(row.arity.into());
    words(row.flags.names(), "", reply);
    let (first, last, step) = match row.keys {
        Keys::None => (0, 0, 0),
        Keys::At(index) => (index.into(), index.into(), 1),
        Keys::AllFrom(index) => (index.into(), -1, 1),
        Keys::PairsFrom(index) => (index.into(), -1, 2),
        Keys::Between(first, last) => (first.into(), last.into(), 1),
    };
    for place in [first, last, step] {
        reply.integer(place);
    }
    words(row.all_categories().names(), "@", reply);
    reply.set(row.docs.tips.len());
    for tip in row.docs.tips {
        reply.bulk(tip.as_bytes());
    }
    key_specifications(row, reply);
    match row.subcommands {
        // Redis gives none of them as an empty set.
        [] => reply.set(0),
        subcommands => reply.array(subcommands.len()),
    }
    for row in row.subcommands {
        describe(row, reply);
    }
}

fn words(names: impl Iterator<Item = &'static str> + Clone, prefix: &str, reply: &mut Reply) {
    reply.set(names.clone().count());
    for name in names {
        reply.simple(&format!("{prefix}{name}"));
    }
}

fn key_specifications(row: &Command, reply: &mut Reply) {
    // The last key, relative to the first; negative: from the end.
    let (first, last, step) = match row.keys {
        Keys::None => return reply.set(0),
        Keys::At(index) => (index, 0, 1),
        Keys::AllFrom(index) => (index, -1, 1),
        Keys::PairsFrom(index) => (index, -1, 2),
        Keys::Between(first, last) => (first, i64::from(last - first), 1),
    };
    match row.access_behind {
        None => {
            reply.set(1);
            key_specification(row, row.access, (first, last, step), reply);
        }
        Some(behind) => {
            reply.set(2);
            key_specification(row, row.access, (first, 0, 1), reply);
            let last = if last < 0 { last } else { last - 1 };
            key_specification(row, behind, (first + 1, last, step), reply);
        }
    }
}

/// Replies with what is done to the keys from `first` to `last`, which is relative to it, or to the end if negative.
fn key_specification(row: &Command, access: Access, (first, last, step): (u8, i64, i64), reply: &mut Reply) {
    reply.map(3 + row.docs.key_notes.iter().len());
    if let Some(notes) = row.docs.key_notes {
        reply.bulk(b"notes");
        reply.bulk(notes.as_bytes());
    }
    reply.bulk(b"flags");
    words(access.names(), "", reply);
    search("begin_search", "index", &[("index", first.into())], reply);
    search("find_keys", "range", &[("lastkey", last), ("keystep", step), ("limit", 0)], reply);
}

/// One half of a key specification: a way of searching with its parameters.
fn search(name: &str, way: &str, parameters: &[(&str, i64)], reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(way.as_bytes());
    reply.bulk(b"spec");
    reply.map(parameters.len());
    for (name, number) in parameters {
        reply.bulk(name.as_bytes());
        reply.integer(*number);
    }
}
