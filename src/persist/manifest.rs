//! The manifest: which files count. Text, a line for each fact, and a checksum of all lines before in the last one.
//!
//! ```text
//! basalt manifest 1
//! folder 5f0c2a9e71b3d48c
//! run 17
//! next 23
//! shards 2
//! base 0 12 8400
//! segment 0 14
//! segment 0 19
//! segment 1 15 120934
//! segment 1 20
//! check 8d0f66a1
//! ```

use std::collections::BTreeSet;
use std::fmt::Write;

use crc32c::crc32c;

use crate::persist::disk::{Disk, DiskError, read_whole};
use crate::persist::name::{FileName, MANIFEST, MANIFEST_NEW};

const FIRST_LINE: &str = "basalt manifest 1";
/// Far more than all files of all shards need.
const MANIFEST_BYTES_MAX: usize = 64 << 20;

/// Which files count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// A number by chance, part of every checksum.
    pub folder: u64,
    /// Counts the starts of servers.
    pub run: u64,
    /// The next number of a file.
    pub next: u64,
    /// By shard.
    pub shards: Vec<ShardFiles>,
}

/// The files of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardFiles {
    pub base: Option<Base>,
    /// In the order of their positions.
    pub segments: Vec<Segment>,
}

/// The keys of a shard at a position of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    pub number: u64,
    pub position: u64,
}

/// A segment of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub number: u64,
    /// The position where it ends, if a recovery has said so: what lies behind does not count.
    pub end: Option<u64>,
}

/// What is wrong with a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MANIFEST}, line {line}: {reason}")]
pub struct ManifestError {
    /// From 1.
    pub line: usize,
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("the first line must be `basalt manifest 1`")]
    Version,
    #[error("the checksum is wrong")]
    Checksum,
    #[error("the last line must be `check` and a checksum")]
    NoChecksum,
    #[error("the file is not text")]
    NotText,
    #[error("expected `{0}` here")]
    Expected(&'static str),
    #[error("a number is missing or malformed")]
    Number,
    #[error("there are too many words")]
    TooManyWords,
    #[error("there is no such shard")]
    Shard,
    #[error("the number of the file was given before or is not below `next`")]
    FileNumber,
    #[error("a shard has one base, and it comes before its segments")]
    Order,
}

impl Manifest {
    /// That of a folder that holds nothing yet.
    pub fn new(folder: u64, shard_count: usize) -> Self {
        Manifest { folder, run: 0, next: 1, shards: vec![ShardFiles::default(); shard_count] }
    }

    /// A number that no file has or had.
    pub fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// The files that count.
    pub fn files(&self) -> impl Iterator<Item = FileName> {
        self.shards.iter().enumerate().flat_map(|(shard, files)| {
            let shard = shard as u16;
            let base = files.base.iter().map(move |base| FileName::base(shard, base.number));
            base.chain(files.segments.iter().map(move |segment| FileName::log(shard, segment.number)))
        })
    }

    pub fn format(&self) -> String {
        let mut text = format!(
            "{FIRST_LINE}\nfolder {:016x}\nrun {}\nnext {}\nshards {}\n",
            self.folder,
            self.run,
            self.next,
            self.shards.len()
        );
        let mut line = |line: std::fmt::Arguments<'_>| {
            writeln!(text, "{line}").expect("text takes what is written");
        };
        for (shard, files) in self.shards.iter().enumerate() {
            if let Some(Base { number, position }) = files.base {
                line(format_args!("base {shard} {number} {position}"));
            }
            for segment in &files.segments {
                match segment.end {
                    Some(end) => line(format_args!("segment {shard} {} {end}", segment.number)),
                    None => line(format_args!("segment {shard} {}", segment.number)),
                }
            }
        }
        let checksum = crc32c(text.as_bytes());
        text += &format!("check {checksum:08x}\n");
        text
    }

    pub fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        let first = ManifestError { line: 1, reason: Reason::NotText };
        let text = std::str::from_utf8(bytes).map_err(|_| first)?;
        let last_line = text.lines().count().max(1);
        let no_checksum = ManifestError { line: last_line, reason: Reason::NoChecksum };
        let body = text.strip_suffix('\n').ok_or(no_checksum)?;
        let at = body.rfind('\n').ok_or(no_checksum)? + 1;
        let checksum = body[at..].strip_prefix("check ").ok_or(no_checksum)?;
        if checksum != format!("{:08x}", crc32c(&bytes[..at])) {
            return Err(ManifestError { line: last_line, reason: Reason::Checksum });
        }
        let mut lines = Lines { lines: text[..at].lines(), number: 0 };
        if lines.next() != Some(FIRST_LINE) {
            return Err(lines.error(Reason::Version));
        }
        let folder = lines.hexadecimal("folder")?;
        let (run, next) = (lines.number("run")?, lines.number("next")?);
        let shard_count = u16::try_from(lines.number("shards")?).map_err(|_| lines.error(Reason::Number))?;
        let mut manifest = Manifest { run, next, ..Manifest::new(folder, usize::from(shard_count)) };
        let mut numbers = BTreeSet::new();
        while let Some(line) = lines.next() {
            manifest.take_line(line, &mut numbers).map_err(|reason| lines.error(reason))?;
        }
        Ok(manifest)
    }

    /// Takes a line about a file.
    fn take_line(&mut self, line: &str, numbers: &mut BTreeSet<u64>) -> Result<(), Reason> {
        let mut words = line.split(' ');
        let what = words.next();
        let mut figure = || words.next().map(decimal).transpose();
        let (shard, number, third) = (figure()?, figure()?, figure()?);
        if words.next().is_some() {
            return Err(Reason::TooManyWords);
        }
        let (shard, number) = shard.zip(number).ok_or(Reason::Number)?;
        let shard = usize::try_from(shard).map_err(|_| Reason::Shard)?;
        let files = self.shards.get_mut(shard).ok_or(Reason::Shard)?;
        if number >= self.next || !numbers.insert(number) {
            return Err(Reason::FileNumber);
        }
        match what {
            Some("base") if files.base.is_none() && files.segments.is_empty() => {
                files.base = Some(Base { number, position: third.ok_or(Reason::Number)? });
            }
            Some("base") => return Err(Reason::Order),
            Some("segment") => files.segments.push(Segment { number, end: third }),
            _ => return Err(Reason::Expected("base` or `segment")),
        }
        Ok(())
    }

    /// Makes this the manifest of the folder: on the disk as a whole, or, after an error, perhaps not at all.
    pub fn replace(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        let names = disk.list().map_err(DiskError::of("list", "the folder"))?;
        if names.iter().any(|name| name == MANIFEST_NEW) {
            disk.remove(MANIFEST_NEW).map_err(DiskError::of("remove", MANIFEST_NEW))?;
        }
        disk.create(MANIFEST_NEW).map_err(DiskError::of("create", MANIFEST_NEW))?;
        let text = self.format();
        disk.write_at(MANIFEST_NEW, 0, text.as_bytes()).map_err(DiskError::of("write", MANIFEST_NEW))?;
        disk.sync(MANIFEST_NEW).map_err(DiskError::of("sync", MANIFEST_NEW))?;
        // The files that it names must not come later than it does.
        disk.sync_folder().map_err(DiskError::of("sync the folder of", MANIFEST_NEW))?;
        disk.rename(MANIFEST_NEW, MANIFEST).map_err(DiskError::of("replace", MANIFEST))?;
        disk.sync_folder().map_err(DiskError::of("sync the folder of", MANIFEST))
    }
}

/// Why there is no manifest to go by.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// The manifest of the folder, if there is one.
pub fn find(disk: &dyn Disk) -> Result<Option<Manifest>, FindError> {
    let names = disk.list().map_err(DiskError::of("list", "the folder"))?;
    if !names.iter().any(|name| name == MANIFEST) {
        return Ok(None);
    }
    let length = disk.length(MANIFEST).map_err(DiskError::of("measure", MANIFEST))?;
    if length > MANIFEST_BYTES_MAX as u64 {
        return Err(ManifestError { line: 1, reason: Reason::NotText }.into());
    }
    Ok(Some(Manifest::parse(&read_whole(disk, MANIFEST)?)?))
}

struct Lines<'a> {
    lines: std::str::Lines<'a>,
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.number += 1;
        self.lines.next()
    }

    fn error(&self, reason: Reason) -> ManifestError {
        ManifestError { line: self.number, reason }
    }

    /// What follows `name` on the next line.
    fn fact(&mut self, name: &'static str) -> Result<&'a str, ManifestError> {
        let line = self.next().unwrap_or("");
        let fact = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
        fact.ok_or(self.error(Reason::Expected(name)))
    }

    fn number(&mut self, name: &'static str) -> Result<u64, ManifestError> {
        decimal(self.fact(name)?).map_err(|reason| self.error(reason))
    }

    fn hexadecimal(&mut self, name: &'static str) -> Result<u64, ManifestError> {
        let digits = self.fact(name)?;
        u64::from_str_radix(digits, 16).map_err(|_| self.error(Reason::Number))
    }
}

fn decimal(digits: &str) -> Result<u64, Reason> {
    digits.parse().map_err(|_| Reason::Number)
}

#[cfg(test)]
mod tests;
