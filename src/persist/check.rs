//! `basalt check DIR [--fix]`: every file that the manifest names is read, and a line says how it is.

use std::fmt;

use crate::persist::disk::{Disk, DiskError};
use crate::persist::load::{
    self, Damage, LoadError, Log, Scanned, Tail, decide_anyway, read_base, scan, settle,
};
use crate::persist::manifest::{FindError, Manifest, find};
use crate::persist::name::{FileName, MANIFEST};

/// What to do about damaged logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    Nothing,
    /// Cut them, and write that down in the manifest.
    Cut,
}

/// What is to be said of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub file: String,
    pub text: String,
}

/// How the folder is as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is no manifest: nothing was kept here.
    Empty,
    /// A server starts.
    Good,
    /// A server starts with `aof-load-truncated yes`, without what was not synced.
    Torn,
    /// A server does not start.
    Damaged,
    /// What was damaged or torn was cut.
    Fixed,
    /// A base or the manifest is damaged, or the disk fails: nothing here can mend that.
    Hopeless,
}

/// The answer of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub lines: Vec<Line>,
    pub verdict: Verdict,
}

impl Verdict {
    fn text(&self) -> &'static str {
        match self {
            Verdict::Empty => "there is no log of Basalt here; files of Redis are not examined",
            Verdict::Good => "everything is well",
            Verdict::Torn => "a log is torn where the power went: a start cuts it there",
            Verdict::Damaged => "a log is damaged; --fix cuts it there and loses what follows",
            Verdict::Fixed => "cut; what followed is lost, all before it is kept",
            Verdict::Hopeless => "a file is damaged that nothing can replace: restore a copy",
        }
    }

    /// Whether there is nothing left to be done.
    pub fn is_good(&self) -> bool {
        matches!(self, Verdict::Empty | Verdict::Good | Verdict::Fixed)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.file, self.text)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(formatter, "{line}"))?;
        writeln!(formatter, "{}", self.verdict.text())
    }
}

/// Examines a folder; the server must not run. An error is one of the disk while a fix was written.
pub fn check(disk: &dyn Disk, fix: Fix) -> Result<Report, DiskError> {
    let mut lines = Vec::new();
    let manifest = match find(disk) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => {
            let Some(file) = load::leftovers(disk, &Manifest::new(0, 1))?.into_iter().next() else {
                return Ok(Report { lines, verdict: Verdict::Empty });
            };
            lines.push(line(
                MANIFEST,
                format!("is missing, although there are files of a log, such as {file}"),
            ));
            return Ok(Report { lines, verdict: Verdict::Hopeless });
        }
        Err(FindError::Disk(error)) => return Err(error),
        Err(FindError::Manifest(error)) => {
            lines.push(line(MANIFEST, error));
            return Ok(Report { lines, verdict: Verdict::Hopeless });
        }
    };
    lines.push(line(MANIFEST, format_args!("run {}, {} shards", manifest.run, manifest.shards.len())));
    let are_bases_good = check_bases(disk, &manifest, &mut lines);
    let logs = scan_all(disk, &manifest, &mut lines);
    for file in load::leftovers(disk, &manifest)? {
        lines.push(line(file, "not in the manifest: a start removes it"));
    }
    let (true, Some(logs)) = (are_bases_good, logs) else {
        return Ok(Report { lines, verdict: Verdict::Hopeless });
    };
    let is_damaged = logs.iter().any(|log| matches!(log.tail, Tail::Damaged(_)));
    let is_torn = logs.iter().any(|log| matches!(log.tail, Tail::Torn(_)));
    let verdict = match (is_damaged, is_torn) {
        (false, false) => Verdict::Good,
        _ if fix == Fix::Cut => cut(disk, &manifest, &logs, &mut lines)?,
        (true, _) => Verdict::Damaged,
        (false, true) => Verdict::Torn,
    };
    Ok(Report { lines, verdict })
}

fn line(file: impl fmt::Display, text: impl fmt::Display) -> Line {
    Line { file: file.to_string(), text: text.to_string() }
}

fn check_bases(disk: &dyn Disk, manifest: &Manifest, lines: &mut Vec<Line>) -> bool {
    let mut are_good = true;
    for (shard, files) in manifest.shards.iter().enumerate() {
        let Some(base) = files.base else { continue };
        let file = FileName::base(shard as u16, base.number);
        match read_base(disk, file, manifest.folder, |_| Ok(())) {
            Ok(keys) => {
                lines.push(line(file, format_args!("{keys} keys at position {}, good", base.position)))
            }
            Err(error) => {
                are_good = false;
                lines.push(line(file, error));
            }
        }
    }
    are_good
}

fn scan_all<'d>(disk: &'d dyn Disk, manifest: &Manifest, lines: &mut Vec<Line>) -> Option<Vec<Log<'d>>> {
    let mut logs = Vec::new();
    for (shard, files) in manifest.shards.iter().enumerate() {
        match scan(disk, manifest.folder, shard as u16, files, &mut |_| {}) {
            Ok(log) => {
                lines.extend(log.segments.iter().map(|segment| line(segment.file, segment_text(segment))));
                match &log.tail {
                    Tail::Clean => {}
                    Tail::Torn(torn) => {
                        lines.push(line(&torn.file, format_args!("torn at offset {}", torn.offset)))
                    }
                    Tail::Damaged(Damage { file, offset, proof }) => {
                        lines.push(line(file, format_args!("damaged at offset {offset}: {proof}")));
                    }
                }
                logs.push(log);
            }
            Err(error) => lines.push(line(format_args!("log of shard {shard}"), error)),
        }
    }
    (logs.len() == manifest.shards.len()).then_some(logs)
}

fn segment_text(segment: &Scanned) -> String {
    match segment.start {
        None => "nothing was written to it".into(),
        Some(start) => {
            let Scanned { record_count, end, .. } = segment;
            format!("{record_count} records from position {start} to {end}, good")
        }
    }
}

/// Cuts all logs where they stop being good, and what was built on what is lost.
fn cut(
    disk: &dyn Disk,
    manifest: &Manifest,
    logs: &[Log<'_>],
    lines: &mut Vec<Line>,
) -> Result<Verdict, DiskError> {
    let verdicts = match decide_anyway(logs) {
        Ok(verdicts) => verdicts,
        Err(LoadError::Disk(error)) => return Err(error),
        Err(error) => {
            lines.push(line("all logs", error));
            return Ok(Verdict::Hopeless);
        }
    };
    settle(disk, manifest, logs, &verdicts)?.replace(disk)?;
    for (shard, verdict) in verdicts.iter().enumerate() {
        lines.push(line(
            format_args!("log of shard {shard}"),
            format_args!("ends at position {}; {} parts will be dropped", verdict.end, verdict.dropped.len()),
        ));
    }
    Ok(Verdict::Fixed)
}
