//! The append-only file of Redis, whole or in parts: each part is scanned first, and run when it is known how far it counts
//! and that all of it can be run.
//!
//! ```text
//! [snapshot] requests ... requests | MULTI ... (a transaction that does not end counts for nothing)
//!                                  ^ end
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::bridge::loading::Loading;
use crate::codec::aof::{AofError, Reader, Step};
use crate::data_plane::restore::redis::executor::{Executor, Meaning, Words, meaning};
use crate::data_plane::restore::redis::missing::Missing;
use crate::data_plane::restore::redis::snapshot::{self, Terms};
use crate::data_plane::restore::redis::{Files, ImportError};

/// So much is read at once.
const BUFFER_BYTES: usize = 1 << 20;
/// How a snapshot begins.
const MAGIC: &[u8] = b"REDIS";

/// What of one part counts.
struct Part<'p> {
    path: &'p Path,
    /// Behind the snapshot with which it begins, if it does.
    begin: u64,
    /// Behind the last request that counts.
    end: u64,
}

/// Fills an executor with what the parts of a log say.
pub fn read(
    files: &Files,
    terms: &Terms,
    executor: &mut Executor,
    progress: &Loading,
) -> Result<(), ImportError> {
    let mut missing = Missing::default();
    let mut parts = Vec::new();
    for (index, path) in files.parts.iter().enumerate() {
        let begin = match begins_with_snapshot(path)? {
            false => 0,
            true if index == 0 => read_snapshot(path, terms, executor, &mut missing, progress)?,
            true => {
                return Err(ImportError::Format { file: path.clone(), offset: 0, error: AofError::Format });
            }
        };
        let is_last = index + 1 == files.parts.len();
        let (end, is_torn) = scan(path, begin, terms, &mut missing)?;
        if is_torn && !(is_last && terms.cuts_torn_end) {
            return Err(ImportError::Torn { file: path.clone(), offset: end, is_last });
        }
        if is_torn {
            tracing::warn!(
                "{} ends in the middle of a request or of a transaction: what comes behind byte {end} does not count",
                path.display()
            );
        }
        parts.push(Part { path, begin, end });
    }
    if !missing.is_empty() {
        return Err(ImportError::Missing { file: files.name.clone(), missing });
    }
    parts.iter().try_for_each(|part| run(part, terms, executor, progress))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ImportError {
    move |source| ImportError::Read { file: path.to_owned(), source }
}

fn begins_with_snapshot(path: &Path) -> Result<bool, ImportError> {
    let mut first = Vec::new();
    let file = File::open(path).map_err(failed(path))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut first).map_err(failed(path))?;
    Ok(first == MAGIC)
}

fn read_snapshot(
    path: &Path,
    terms: &Terms,
    executor: &mut Executor,
    missing: &mut Missing,
    progress: &Loading,
) -> Result<u64, ImportError> {
    // Requests may be about keys that have expired since.
    let terms = Terms { now_ms: 0, ..*terms };
    let figures = snapshot::read(path, &terms, missing, progress, &mut |found| {
        snapshot::store(executor.keyspace_mut(), &found, 0);
        Ok(())
    })?;
    Ok(figures.bytes)
}

/// The requests of a file from `begin` on.
fn requests(path: &Path, begin: u64, terms: &Terms) -> Result<Reader<BufReader<File>>, ImportError> {
    let mut file = File::open(path).map_err(failed(path))?;
    file.seek(SeekFrom::Start(begin)).map_err(failed(path))?;
    Ok(Reader::new(BufReader::with_capacity(BUFFER_BYTES, file), begin, terms.string_bytes_max))
}

fn wrong<R: io::BufRead>(path: &Path, reader: &Reader<R>, error: AofError) -> ImportError {
    let file = path.to_owned();
    match error {
        AofError::Read(source) => ImportError::Read { file, source },
        error => ImportError::Format { file, offset: reader.position(), error },
    }
}

/// Finds where the last request ends that counts, and whether anything comes behind it; counts what is not built.
fn scan(path: &Path, begin: u64, terms: &Terms, missing: &mut Missing) -> Result<(u64, bool), ImportError> {
    let mut reader = requests(path, begin, terms)?;
    let mut words = Words::default();
    // Where a transaction begins that has not ended.
    let mut transaction = None;
    loop {
        let begins_at = reader.position();
        match reader.step().map_err(|error| wrong(path, &reader, error))? {
            Step::Request => {}
            step => {
                let end = transaction.unwrap_or(reader.position());
                return Ok((end, step == Step::Torn || transaction.is_some()));
            }
        }
        let args = words.of(&reader.request);
        match meaning(&args) {
            Meaning::Multi => transaction = Some(begins_at),
            Meaning::Exec => transaction = None,
            Meaning::Run(_) | Meaning::Select => {}
            Meaning::Missing => {
                let name = String::from_utf8_lossy(reader.request.at(0)).to_uppercase();
                let name: String = name.chars().take(COMMAND_NAME_MAX).collect();
                missing.add(&format!("calls of {name}"), reader.request.at(1));
            }
            Meaning::Malformed => {
                let (file, error) = (path.to_owned(), AofError::Format);
                return Err(ImportError::Format { file, offset: begins_at, error });
            }
        }
    }
}

/// How much is told of the name of a command that is unknown.
const COMMAND_NAME_MAX: usize = 64;

/// Runs what counts of a part. The transactions in it are whole.
fn run(
    part: &Part<'_>,
    terms: &Terms,
    executor: &mut Executor,
    progress: &Loading,
) -> Result<(), ImportError> {
    let Part { path, begin, end } = *part;
    let mut reader = requests(path, begin, terms)?;
    let mut words = Words::default();
    executor.begin_file();
    let mut told = begin;
    while reader.position() < end {
        let offset = reader.position();
        let step = reader.step().map_err(|error| wrong(path, &reader, error))?;
        // The last thing may be a remark; a file that has become shorter meanwhile is none of ours.
        if step != Step::Request {
            break;
        }
        let args = words.of(&reader.request);
        let outcome = match meaning(&args) {
            Meaning::Run(command) => executor.run(command, &args),
            Meaning::Select if !executor.select(args.at(1)) => {
                Err("there is no such database: more are needed (`databases`)".to_owned())
            }
            Meaning::Select | Meaning::Multi | Meaning::Exec => Ok(()),
            Meaning::Missing | Meaning::Malformed => Err("the file has changed while it was read".to_owned()),
        };
        outcome.map_err(|reply| ImportError::Request {
            file: path.to_owned(),
            offset,
            command: String::from_utf8_lossy(args.at(0)).chars().take(COMMAND_NAME_MAX).collect(),
            reply,
        })?;
        if reader.position() - told >= BUFFER_BYTES as u64 {
            progress.add_bytes(reader.position() - told);
            told = reader.position();
        }
    }
    progress.add_bytes(reader.position() - told);
    Ok(())
}
