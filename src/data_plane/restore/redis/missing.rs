//! What was found that is not built yet: counted by kind, with a few names, so that somebody knows what it is about.

use std::collections::BTreeMap;
use std::fmt;

use crate::sys::quoted::write_quoted;

/// Kinds that are told apart; what comes beyond is counted as one. A hostile file may name any number of them.
const KINDS_MAX: usize = 32;
/// Names that are told of a kind, and how much of each.
const NAMES_MAX: usize = 3;
const NAME_BYTES_MAX: usize = 64;

/// The kind of what is beyond the others.
const OTHERS: &str = "other things";

/// What is not built yet, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    kinds: BTreeMap<String, Kind>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kind {
    count: u64,
    names: Vec<String>,
}

impl Missing {
    /// Counts one thing of a kind, about the key or whatever has this name.
    pub fn add(&mut self, kind: &str, name: &[u8]) {
        let is_known = self.kinds.contains_key(kind);
        let kind = if is_known || self.kinds.len() < KINDS_MAX { kind } else { OTHERS };
        let found = self.kinds.entry(kind.to_owned()).or_default();
        found.count += 1;
        if found.names.len() < NAMES_MAX && !name.is_empty() {
            let mut quoted = Vec::new();
            write_quoted(&name[..name.len().min(NAME_BYTES_MAX)], &mut quoted);
            let quoted = String::from_utf8_lossy(&quoted).into_owned();
            if !found.names.contains(&quoted) {
                found.names.push(quoted);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, Kind { count, names })) in self.kinds.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            write!(formatter, "{comma}{kind}: {count}")?;
            if !names.is_empty() {
                let more = if *count > names.len() as u64 { ", ..." } else { "" };
                write!(formatter, " ({}{more})", names.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS_MAX, Missing};

    #[test]
    fn kinds_are_counted_with_a_few_names() {
        let mut missing = Missing::default();
        assert!(missing.is_empty());
        (0..5).for_each(|index| missing.add("keys of type hash", format!("h{index}").as_bytes()));
        missing.add("functions", b"");
        assert_eq!(missing.to_string(), r#"functions: 1; keys of type hash: 5 ("h0", "h1", "h2", ...)"#);
    }

    #[test]
    fn there_is_an_end_to_kinds_and_names() {
        let mut missing = Missing::default();
        (0..1000).for_each(|index| missing.add(&format!("command {index}"), &[b'x'; 1000]));
        assert!(missing.kinds.len() == KINDS_MAX + 1 && missing.to_string().len() < 4096, "{missing}");
        assert!(missing.to_string().contains("other things: 968"), "{missing}");
    }
}
