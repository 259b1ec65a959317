//! The reply to `... HELP`, in the layout of Redis with explanations of our own.

use crate::protocol::Reply;

/// Subcommands with their arguments, each with what it does.
pub type Lines = &'static [(&'static str, &'static [&'static str])];

const LAST: (&str, &[&str]) = ("HELP", &["Shows this help."]);

/// Replies with the help of a container.
pub fn write(reply: &mut Reply, container: &str, lines: Lines) {
    let count: usize = lines.iter().map(|(_, explanation)| 1 + explanation.len()).sum();
    reply.array(1 + count + 1 + LAST.1.len());
    reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (syntax, explanation) in lines.iter().chain([&LAST]) {
        reply.simple(syntax);
        for line in *explanation {
            reply.simple(&format!("    {line}"));
        }
    }
}
