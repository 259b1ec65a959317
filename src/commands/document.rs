//! The reply to COMMAND DOCS for one row.

use crate::commands::row::{Argument, ArgumentKind, Command};
use crate::protocol::Reply;

/// Replies with the name of a row and a map of what is told about it.
pub fn document(row: &Command, reply: &mut Reply) {
    let docs = row.docs;
    reply.bulk(&row.full_name());
    let has_complexity = !docs.complexity.is_empty();
    let has_flags = !docs.flags.is_empty();
    let has_history = !docs.history.is_empty();
    let has_arguments = !docs.arguments.is_empty();
    let has_subcommands = !row.subcommands.is_empty();
    let more = [has_complexity, has_flags, has_history, has_arguments, has_subcommands];
    reply.map(3 + more.iter().filter(|has| **has).count() + 2 * docs.deprecated.iter().len());
    field("summary", docs.summary, reply);
    field("since", docs.since, reply);
    field("group", docs.group, reply);
    if has_complexity {
        field("complexity", docs.complexity, reply);
    }
    if has_flags {
        reply.bulk(b"doc_flags");
        reply.set(docs.flags.len());
        docs.flags.iter().for_each(|name| reply.simple(name));
    }
    if let Some((since, instead)) = docs.deprecated {
        field("deprecated_since", since, reply);
        field("replaced_by", instead, reply);
    }
    if has_history {
        history(docs.history, reply);
    }
    if has_arguments {
        arguments(docs.arguments, reply);
    }
    if has_subcommands {
        reply.bulk(b"subcommands");
        reply.map(row.subcommands.len());
        for row in row.subcommands {
            document(row, reply);
        }
    }
}

fn field(name: &str, text: &str, reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    reply.bulk(text.as_bytes());
}

fn history(changes: &[(&str, &str)], reply: &mut Reply) {
    reply.bulk(b"history");
    reply.set(changes.len());
    for (version, change) in changes {
        reply.array(2);
        reply.bulk(version.as_bytes());
        reply.bulk(change.as_bytes());
    }
}

fn arguments(arguments: &[Argument], reply: &mut Reply) {
    reply.bulk(b"arguments");
    reply.array(arguments.len());
    for each in arguments {
        argument(each, reply);
    }
}

fn argument(argument: &Argument, reply: &mut Reply) {
    let (kind, key_specification, parts) = match argument.kind {
        ArgumentKind::String => ("string", None, None),
        ArgumentKind::Integer => ("integer", None, None),
        ArgumentKind::Double => ("double", None, None),
        ArgumentKind::Key(index) => ("key", Some(index), None),
        ArgumentKind::Pattern => ("pattern", None, None),
        ArgumentKind::UnixTime => ("unix-time", None, None),
        ArgumentKind::PureToken => ("pure-token", None, None),
        ArgumentKind::OneOf(parts) => ("oneof", None, Some(parts)),
        ArgumentKind::Block(parts) => ("block", None, Some(parts)),
    };
    let texts = [
        ("token", argument.token),
        ("since", argument.since),
        ("deprecated_since", argument.deprecated_since),
    ];
    let flags = [
        ("optional", argument.optional),
        ("multiple", argument.multiple),
        ("multiple_token", argument.multiple_token),
    ];
    let flags = flags.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name);
    let has_flags = flags.clone().next().is_some();
    let texts = texts.iter().filter_map(|(name, text)| text.map(|text| (*name, text)));
    reply.map(
        2 + key_specification.iter().len()
            + texts.clone().count()
            + usize::from(has_flags)
            + parts.iter().len(),
    );
    field("name", argument.name, reply);
    field("type", kind, reply);
    if let Some(index) = key_specification {
        reply.bulk(b"key_spec_index");
        reply.integer(index.into());
    }
    texts.for_each(|(name, text)| field(name, text, reply));
    if has_flags {
        reply.bulk(b"flags");
        reply.set(flags.clone().count());
        flags.for_each(|name| reply.simple(name));
    }
    if let Some(parts) = parts {
        arguments(parts, reply);
    }
}
