//! The files in which the kernel says how it is set, below a folder that is `/` except in tests.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::cpu_set::CpuSet;

/// Why something cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{0} is missing here")]
    Missing(String),
    #[error("{0} may not be read by this user")]
    Forbidden(String),
    #[error("{path} cannot be read: {source}")]
    Failed { path: String, source: io::Error },
    #[error("{path} says {text:?}, which is not understood")]
    Odd { path: String, text: String },
    /// A sentence of the check's own.
    #[error("{0}")]
    Untold(String),
}

#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    pub fn at(root: &Path) -> Tree {
        Tree { root: root.to_path_buf() }
    }

    fn below_root(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub fn has(&self, path: &str) -> bool {
        self.below_root(path).exists()
    }

    /// The content, without white space at its end.
    pub fn text(&self, path: &str) -> Result<String, Unreadable> {
        let bytes = fs::read(self.below_root(path)).map_err(|error| unreadable(path, error))?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    pub fn number(&self, path: &str) -> Result<i64, Unreadable> {
        let text = self.text(path)?;
        text.trim().parse().map_err(|_| odd(path, &text))
    }

    /// CPUs written as `0-3,8`.
    pub fn cpu_list(&self, path: &str) -> Result<CpuSet, Unreadable> {
        let text = self.text(path)?;
        CpuSet::from_list(&text).ok_or_else(|| odd(path, &text))
    }

    /// CPUs written as bits, such as `ff` or `1,00000000`.
    pub fn cpu_mask(&self, path: &str) -> Result<CpuSet, Unreadable> {
        let text = self.text(path)?;
        CpuSet::from_mask(&text).ok_or_else(|| odd(path, &text))
    }

    /// What a folder holds, in order.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        let entries = fs::read_dir(self.below_root(path)).map_err(|error| unreadable(path, error))?;
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        Ok(names)
    }
}

fn unreadable(path: &str, source: io::Error) -> Unreadable {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::NotFound => Unreadable::Missing(path),
        ErrorKind::PermissionDenied => Unreadable::Forbidden(path),
        _ => Unreadable::Failed { path, source },
    }
}

pub fn odd(path: &str, text: &str) -> Unreadable {
    const SHOWN_CHARACTERS_MAX: usize = 60;
    Unreadable::Odd { path: path.to_owned(), text: text.chars().take(SHOWN_CHARACTERS_MAX).collect() }
}
