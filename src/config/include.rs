//! The files that an `include` line names: one file, or all that match a pattern, in order of their names.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::sys::glob::{Case, glob_match};

/// A path without wildcards is returned as it is, so that it is missed if it does not exist. A pattern may
/// match nothing.
pub(super) fn expand(base: &Path, pattern: &Path) -> Vec<PathBuf> {
    if !has_wildcard(pattern.as_os_str()) {
        return vec![base.join(pattern)];
    }
    let mut found = vec![base.to_owned()];
    for component in pattern.components() {
        match component {
            Component::Normal(name) if has_wildcard(name) => {
                found = found.iter().flat_map(|directory| matching_entries(directory, name)).collect();
            }
            other => found.iter_mut().for_each(|path| path.push(other)),
        }
    }
    found.retain(|path| path.exists());
    found
}

fn has_wildcard(text: &OsStr) -> bool {
    text.as_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// As in a shell, a name that begins with a dot matches only a pattern that does too.
fn matching_entries(directory: &Path, pattern: &OsStr) -> Vec<PathBuf> {
    let pattern = pattern.as_bytes();
    // A directory that cannot be read has no files that match, as for glob(3).
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.file_name())
        .filter(|name| name.as_bytes().starts_with(b".") == pattern.starts_with(b"."))
        .filter(|name| glob_match(pattern, name.as_bytes(), Case::Sensitive))
        .map(|name| directory.join(name))
        .collect();
    paths.sort();
    paths
}
