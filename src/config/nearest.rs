//! The known name that a mistyped one most likely stands for.

use super::flags::{DIRECTIVES, all};

/// More edits than this and it is another word.
const EDITS_MAX: usize = 3;

/// The nearest name of a setting or directive, if one is near. `--name=value` finds the name before the `=`.
pub(super) fn nearest(mistyped: &str) -> Option<&'static str> {
    let typed = mistyped.split('=').next().unwrap_or_default().trim_start_matches('-').replace('_', "-");
    let budget = EDITS_MAX.min(typed.len() / 2);
    let directives = DIRECTIVES.iter().map(|directive| directive.name);
    let names = all().flat_map(|flag| flag.names()).chain(directives).chain(["include"]);
    names
        .map(|name| (edit_count(typed.as_bytes(), name.as_bytes()), name))
        .filter(|(edits, _)| *edits <= budget)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// How many bytes must be inserted, removed or replaced to turn one word into the other (Levenshtein, row by
/// row).
fn edit_count(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (left_index, left_byte) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = left_index + 1;
        for (right_index, right_byte) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(left_byte != right_byte);
            diagonal = row[right_index + 1];
            row[right_index + 1] = replaced.min(diagonal + 1).min(row[right_index] + 1);
        }
    }
    row[right.len()]
}
