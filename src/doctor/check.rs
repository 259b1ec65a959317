//! What a check is, and what comes of one.

use super::host::Host;
use super::tree::Unreadable;

/// Titles make a column.
pub const TITLE_CHARACTERS_MAX: usize = 15;

/// One row: a setting of the host, why it matters, and the function that looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Names the row for programs.
    pub name: &'static str,
    /// A few words for people.
    pub title: &'static str,
    /// The section of `tuning.md`, as its heading is linked to.
    pub anchor: &'static str,
    /// One sentence.
    pub why: &'static str,
    /// A command that shows the setting; `DIR` and `PORT` stand for the server's own.
    pub look: &'static str,
    pub examine: fn(&Host) -> Examination,
}

/// A verdict, or why there can be none.
pub type Examination = Result<Verdict, Unreadable>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// In a few words, what was found.
    Fine(String),
    Wrong(Finding),
}

/// What is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub weight: Weight,
    pub found: String,
    /// Commands, or a sentence where no command helps.
    pub set: Vec<String>,
}

/// From the heaviest to the lightest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The server refuses to start, serves fewer clients than it was told to, or loses much of its speed.
    Important,
    /// May be better or worse here: measure it.
    Advice,
}

impl Verdict {
    pub fn fine(text: impl Into<String>) -> Examination {
        Ok(Verdict::Fine(text.into()))
    }

    pub fn important(found: impl Into<String>, set: impl IntoIterator<Item: Into<String>>) -> Examination {
        Ok(Verdict::wrong(Weight::Important, found.into(), set))
    }

    pub fn advice(found: impl Into<String>, set: impl IntoIterator<Item: Into<String>>) -> Examination {
        Ok(Verdict::wrong(Weight::Advice, found.into(), set))
    }

    /// Empty lines are left out.
    fn wrong(weight: Weight, found: String, set: impl IntoIterator<Item: Into<String>>) -> Verdict {
        let set = set.into_iter().map(Into::into).filter(|line: &String| !line.is_empty());
        Verdict::Wrong(Finding { weight, found, set: set.collect() })
    }
}
