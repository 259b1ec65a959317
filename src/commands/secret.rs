//! Which arguments of a request are secrets, so that neither MONITOR nor the slow log shows them.

use crate::commands::row::Command;
use crate::protocol::Args;

/// What is shown instead.
pub const REDACTED: &[u8] = b"(redacted)";

/// Parameters whose values are passwords.
const SECRET_PARAMETERS: [&str; 5] =
    ["requirepass", "masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass"];

/// Whether the argument at `index` is one.
pub fn is_secret(command: &Command, args: &Args, index: usize) -> bool {
    match (command.container, command.name) {
        (None, "AUTH") => index > 0,
        (None, "HELLO") => follows_auth(args, index),
        (Some("CONFIG"), "SET") => {
            index >= 3
                && index % 2 == 1
                && SECRET_PARAMETERS
                    .iter()
                    .any(|name| args.at(index - 1).eq_ignore_ascii_case(name.as_bytes()))
        }
        _ => false,
    }
}

/// HELLO's AUTH is followed by a user and a password. Options begin behind the version.
fn follows_auth(args: &Args, index: usize) -> bool {
    let mut at = 2;
    while at < args.len() {
        let is = |word: &str| args.at(at).eq_ignore_ascii_case(word.as_bytes());
        let operands = if is("AUTH") { 2 } else { 1 };
        if is("AUTH") && (at + 1..=at + 2).contains(&index) {
            return true;
        }
        at += 1 + operands;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_secret;
    use crate::commands::resolve;
    use crate::protocol::{Args, Span};

    fn shown(line: &str) -> String {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for word in line.split(' ') {
            spans.push(Span::new(bytes.len(), word.len()));
            bytes.extend_from_slice(word.as_bytes());
        }
        let args = Args::new(&bytes, &spans, &[]);
        let command = resolve(&args).ok().expect("a known command");
        let words = (0..args.len()).map(|index| match is_secret(command, &args, index) {
            true => "*".to_owned(),
            false => String::from_utf8_lossy(args.at(index)).into_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn passwords_are_secrets() {
        for (line, expected) in [
            ("HELLO 3 AUTH default foo SETNAME x", "HELLO 3 AUTH * * SETNAME x"),
            ("HELLO 3 SETNAME auth AUTH default foo", "HELLO 3 SETNAME auth AUTH * *"),
            ("CONFIG SET port 1 requirepass foo", "CONFIG SET port 1 requirepass *"),
            ("CONFIG SET maxmemory requirepass", "CONFIG SET maxmemory requirepass"),
            ("SET auth foo", "SET auth foo"),
        ] {
            assert_eq!(shown(line), expected);
        }
    }
}
