//! Which of the files that Redis has left count: a log in parts, a log in one file, or a snapshot.
//!
//! ```text
//! appendonlydir/appendonly.aof.manifest      file appendonly.aof.2.base.rdb seq 2 type b
//!                                            file appendonly.aof.2.incr.aof seq 2 type i
//! appendonly.aof                             before 7.0
//! dump.rdb
//! ```

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::Settings;
use crate::data_plane::restore::redis::snapshot::{Terms, is_log_base};
use crate::data_plane::restore::redis::{Files, ImportError, Kind};
use crate::persist::name::MANIFEST;
use crate::protocol::inline::split_words;
use crate::protocol::{Args, Span};

/// What the names of manifests end with.
const MANIFEST_END: &str = ".manifest";
/// Far longer than manifests are: they have some lines.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// What Redis would start with, and what it would not in its folder of the log: a snapshot where there is no log yet.
pub fn find(settings: &Settings) -> Result<Option<Files>, ImportError> {
    let name = &settings.log.redis_name;
    let mut manifest = name.clone().into_os_string();
    manifest.push(MANIFEST_END);
    let manifest = settings.log.folder.join(manifest);
    if manifest.exists() {
        return parts_of(&manifest).map(Some);
    }
    if name.is_file() {
        return Ok(Some(Files { kind: Kind::Log, name: name.clone(), parts: vec![name.clone()] }));
    }
    let snapshot = settings.snapshot.file.as_ref().filter(|file| file.exists());
    Ok(snapshot.map(|file| Files { kind: Kind::Snapshot, name: file.clone(), parts: vec![file.clone()] }))
}

/// What is at a path that somebody names: a snapshot, a log, or the folder of one.
pub fn at(path: &Path, terms: &Terms) -> Result<Files, ImportError> {
    let failed = |source| ImportError::Read { file: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.is_dir() {
        return parts_of(&only_manifest(path)?);
    }
    if path.as_os_str().as_encoded_bytes().ends_with(MANIFEST_END.as_bytes()) {
        return parts_of(path);
    }
    let mut first = [0];
    let read = File::open(path).and_then(|mut file| file.read(&mut first)).map_err(failed)?;
    let is_log = match first[..read] {
        [b'*' | b'#'] => true,
        _ => is_log_base(path, terms)?,
    };
    let kind = if is_log { Kind::Log } else { Kind::Snapshot };
    Ok(Files { kind, name: path.to_owned(), parts: vec![path.to_owned()] })
}

/// The manifest in a folder.
fn only_manifest(folder: &Path) -> Result<PathBuf, ImportError> {
    let failed = |source| ImportError::Read { file: folder.to_owned(), source };
    let names = fs::read_dir(folder).map_err(failed)?.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    let manifests: Vec<_> = names
        .iter()
        .map(fs::DirEntry::file_name)
        .filter(|name| name != MANIFEST && name.as_encoded_bytes().ends_with(MANIFEST_END.as_bytes()))
        .collect();
    match &manifests[..] {
        [manifest] => Ok(folder.join(manifest)),
        _ => Err(ImportError::NoManifest { folder: folder.to_owned(), count: manifests.len() }),
    }
}

/// The parts that a manifest names, in their order. All must be there.
fn parts_of(manifest: &Path) -> Result<Files, ImportError> {
    let failed = |source| ImportError::Read { file: manifest.to_owned(), source };
    let mut text = Vec::new();
    let file = File::open(manifest).map_err(failed)?;
    file.take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
    let names = parse(&text).map_err(|line| ImportError::Manifest { file: manifest.to_owned(), line })?;
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let parts: Vec<_> = names.into_iter().map(|name| folder.join(name)).collect();
    for part in &parts {
        fs::metadata(part).map_err(|source| ImportError::Read { file: part.clone(), source })?;
    }
    Ok(Files { kind: Kind::Log, name: manifest.to_owned(), parts })
}

/// The names of the base and of what follows it, or the number of the line that is wrong.
fn parse(text: &[u8]) -> Result<Vec<String>, usize> {
    let (mut base, mut increments, mut last) = (None, Vec::new(), 0);
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let Part { name, number, kind } = part(line).ok_or(index + 1)?;
        match kind {
            'b' if base.is_none() => base = Some(name),
            'i' if number > last => {
                last = number;
                increments.push(name);
            }
            // What it is about to delete.
            'h' => {}
            _ => return Err(index + 1),
        }
    }
    Ok(base.into_iter().chain(increments).collect())
}

struct Part {
    name: String,
    number: u64,
    kind: char,
}

/// A line: names and values by turns, of which some may be unknown.
fn part(line: &[u8]) -> Option<Part> {
    let (mut decoded, mut spans): (Vec<u8>, Vec<Span>) = (Vec::new(), Vec::new());
    split_words(line, &mut decoded, &mut spans)?;
    let args = Args::new(&decoded, &spans, &[]);
    let words = args.iter().map(|word| std::str::from_utf8(word).ok()).collect::<Option<Vec<_>>>()?;
    let value = |wanted: &str| {
        let mut pairs = words.chunks_exact(2);
        pairs.find(|pair| pair[0].eq_ignore_ascii_case(wanted)).map(|pair| pair[1])
    };
    let name = value("file")?;
    let is_plain = !name.is_empty() && !name.contains('/') && words.len().is_multiple_of(2);
    let kind = value("type")?.chars().next()?;
    let number = value("seq")?.parse().ok()?;
    is_plain.then(|| Part { name: name.to_owned(), number, kind })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_manifest_names_base_and_increments_in_their_order() {
        let text = b"# remark\nfile a.1.base.rdb seq 1 type b\nfile a.0.base.rdb seq 0 type h\n\
            file \"a b.1.incr.aof\" seq 1 type i\nfile a.2.incr.aof seq 2 type i future 7\n";
        assert_eq!(
            parse(text),
            Ok(vec!["a.1.base.rdb".into(), "a b.1.incr.aof".into(), "a.2.incr.aof".into()])
        );
        assert_eq!(parse(b""), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_in_a_manifest_is_named_by_its_line() {
        let good = "file a seq 1 type i\n";
        for bad in [
            "file a seq 1 type i",
            "file b seq 2 type x",
            "file b seq two type i",
            "file ../b seq 2 type i",
            "file b seq 2 type",
            "file b type i",
            "file \"b seq 2 type i",
            "seq 2 type i",
        ] {
            assert_eq!(parse(format!("{good}{bad}\n").as_bytes()), Err(2), "{bad}");
        }
        assert_eq!(parse(b"file a seq 1 type b\nfile b seq 2 type b\n"), Err(2), "two bases");
    }
}
