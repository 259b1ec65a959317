//! Loads lines in the syntax of redis.conf: `name value ...`, comments, quotes, `include`. The last line
//! about a setting holds.
//!
//! Whether a value is one that must be refused is judged when everything is read, so that a later line or the
//! command line can still take it back.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Config;
use super::flag::Kind;
use super::flags::{self, DIRECTIVES};
use super::include::expand;
use super::nearest::nearest;
use super::problem::{Line, Place, Problem, Reason, legible};
use super::value::Value;
use super::words::split_words;

/// How many files may be included in all, so that one that includes itself comes to an end.
const INCLUDES_MAX: usize = 200;
/// So many characters of an unknown name are shown.
const NAME_SHOWN: usize = 64;

/// A configuration while it is being read.
pub(super) struct Loader {
    config: Config,
    /// For every row, the last line that set it, and that line's number among all lines loaded.
    origins: Vec<Option<(usize, Line)>>,
    /// With the number of the line among all lines loaded.
    problems: Vec<(usize, Problem)>,
    line_count: usize,
    include_count: usize,
}

impl Loader {
    pub(super) fn new(config: Config) -> Loader {
        let origins = vec![None; config.values.len()];
        Loader { config, origins, problems: Vec::new(), line_count: 0, include_count: 0 }
    }

    /// Takes all lines of a text. `place` says where a line came from, given its number from 1.
    pub(super) fn load(&mut self, text: &[u8], place: impl Fn(usize) -> Place) {
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let text = String::from_utf8_lossy(line).into_owned();
            self.load_line(line, Line { place: place(index + 1), text });
        }
    }

    pub(super) fn load_file_text(&mut self, path: &Path, text: &[u8]) {
        self.load(text, |line| Place::File { path: path.to_owned(), line });
    }

    fn load_line(&mut self, bytes: &[u8], line: Line) {
        self.line_count += 1;
        let number = self.line_count;
        let result = match split_words(bytes) {
            Some(words) if words.is_empty() => Ok(()),
            Some(words) => self.apply(&words[0].to_ascii_lowercase(), &words[1..], &line),
            None => Err(Reason::UnbalancedQuotes),
        };
        if let Err(reason) = result {
            self.problems.push((number, Problem { line, reason }));
        }
    }

    fn apply(&mut self, name: &[u8], words: &[Vec<u8>], line: &Line) -> Result<(), Reason> {
        if let (b"include", [pattern]) = (name, words) {
            return self.include(pattern);
        }
        if let Some(directive) = DIRECTIVES.iter().find(|directive| directive.name.as_bytes() == name) {
            let has_effect = !(directive.name == "user" && grants_default_user_all(words));
            return match directive.refusal {
                Some(why) if has_effect => Err(Reason::RefusedDirective { name: directive.name, why }),
                _ => Ok(()),
            };
        }
        let Some((index, flag, _)) = flags::find(name) else {
            let name = legible(&String::from_utf8_lossy(name), NAME_SHOWN);
            let nearest = nearest(&name);
            return Err(Reason::UnknownName { name, nearest });
        };
        let value = flag.parse(words, &self.config.values[index]).map_err(Reason::Value)?;
        self.assign(index, flag.kind, value);
        self.origins[index] = Some((self.line_count, line.clone()));
        Ok(())
    }

    fn assign(&mut self, index: usize, kind: Kind, mut value: Value) {
        // The first `save` line replaces the default, each other adds points, and an empty one takes all before it back.
        if let (Kind::SavePoints, Value::Integers(added), Value::Integers(before)) =
            (kind, &mut value, &self.config.values[index])
            && !added.is_empty()
            && self.origins[index].is_some()
        {
            added.splice(0..0, before.iter().copied());
        }
        self.config.values[index] = value;
    }

    fn include(&mut self, pattern: &[u8]) -> Result<(), Reason> {
        let base = self.config.path("dir").expect("the directory is set from the start");
        for path in expand(&base, Path::new(OsStr::from_bytes(pattern))) {
            self.include_count += 1;
            match self.include_count.cmp(&INCLUDES_MAX) {
                Ordering::Less => {}
                Ordering::Equal => return Err(Reason::TooManyIncludes(INCLUDES_MAX)),
                // Said already.
                Ordering::Greater => return Ok(()),
            }
            match fs::read(&path) {
                Ok(text) => self.load_file_text(&path, &text),
                Err(source) => return Err(Reason::Include { path, source }),
            }
        }
        Ok(())
    }

    /// The configuration, or all that stands against it.
    pub(super) fn finish(mut self) -> Result<Config, Vec<Problem>> {
        for ((flag, value), origin) in flags::all().zip(&self.config.values).zip(&self.origins) {
            if let (Some(why), Some((number, line))) = (flag.refusal(value), origin) {
                let value = String::from_utf8_lossy(&flag.show(value)).into_owned();
                let reason = Reason::Refused { name: flag.name, value, why, accepted: flag.accepted() };
                self.problems.push((*number, Problem { line: line.clone(), reason }));
            }
        }
        if self.problems.is_empty() {
            return Ok(self.config);
        }
        self.problems.sort_by_key(|(number, _)| *number);
        Err(self.problems.into_iter().map(|(_, problem)| problem).collect())
    }

    /// The configuration as far as it could be read.
    pub(super) fn into_config(self) -> Config {
        self.config
    }
}

/// Whether a `user` line says what is true anyway. CONFIG REWRITE of Redis writes such a line into every
/// file.
fn grants_default_user_all(words: &[Vec<u8>]) -> bool {
    const RIGHTS: [&[u8]; 4] = [b"on", b"nopass", b"~*", b"+@all"];
    const FURTHER: [&[u8]; 5] =
        [b"sanitize-payload", b"skip-sanitize-payload", b"&*", b"allkeys", b"allcommands"];
    let Some((name, rules)) = words.split_first() else {
        return false;
    };
    let is_known = |rule: &Vec<u8>| RIGHTS.contains(&rule.as_slice()) || FURTHER.contains(&rule.as_slice());
    let has = |right: &&[u8]| rules.iter().any(|rule| rule == right);
    name == b"default" && RIGHTS.iter().all(has) && rules.iter().all(is_known)
}
