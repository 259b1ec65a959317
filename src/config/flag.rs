//! What a row of the flags table is made of: a name, what values it takes, when it may change, and how far it
//! is built.

use super::value::Value;

/// One setting. Its line in the help, its key in a configuration file and its place in CONFIG all come from
/// here.
#[derive(Debug)]
pub struct Flag {
    pub name: &'static str,
    /// A second name for the same value, shown by CONFIG GET beside the first.
    pub alias: Option<&'static str>,
    pub kind: Kind,
    /// As it would be written in a configuration file.
    pub default: &'static str,
    pub change: Change,
    pub status: Status,
    pub help: &'static str,
}

/// What values a flag takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A whole number between two bounds, both included.
    Integer(i64, i64),
    /// A whole number, not negative, of which a lower or higher one than these bounds becomes the bound.
    Clamped(i64, i64),
    /// Bytes between two bounds, both included; units may follow (k, kb, m, mb, g, gb).
    Memory(u64, u64),
    /// Bytes, or a share such as `5%`.
    MemoryOrPercent,
    /// File permissions, in octal, of at most this value.
    Octal(i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any of these words but the first, which stands for none of them.
    Choices(&'static [&'static str]),
    Text,
    /// A file name without a path.
    FileName(Emptiness),
    /// An existing directory.
    Directory,
    /// A DNS name.
    HostName,
    /// Addresses to listen on; `-` before one says that it need not exist.
    Addresses,
    /// CPU numbers and ranges, such as `0,2-5`.
    Cpus,
    /// Pairs of seconds and changes.
    SavePoints,
    /// Class, hard limit, soft limit and soft seconds, for one or more classes of clients.
    OutputLimits,
    /// Three scores for the kernel's out-of-memory killer.
    OomScores,
    /// Letters for the classes of keyspace events.
    Events,
    /// Numbers from 0 to 100.
    Percentiles,
    /// A template with `{variables}` for the name of the process.
    Title,
    /// A host and a port, or `no one`.
    Primary,
}

/// Whether a file name may be left empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptiness {
    Allowed,
    Refused,
}

/// When a flag may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// At any time, with CONFIG SET.
    Live,
    /// At start only.
    Immutable,
    /// At start only, because a client could misuse it to write files elsewhere.
    Protected,
}

/// How far a flag is built.
#[derive(Clone, Copy, Debug)]
pub enum Status {
    /// The value does what the help says.
    Built,
    /// Any valid value is kept and shown, nothing acts on it yet, and nobody loses data or safety by that.
    Later,
    /// Not built yet. Only the values listed are accepted: another would be missed without a sign.
    LaterOnly(&'static [&'static str], &'static str),
    /// Never to be built. Only the values listed are accepted.
    Fixed(&'static [&'static str], &'static str),
}

/// The value of an ordinary row; `also`, where it has a second name.
pub(super) const fn row(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    change: Change,
    status: Status,
    help: &'static str,
) -> Flag {
    Flag { name, alias: None, kind, default, change, status, help }
}

impl Flag {
    pub(super) const fn also(mut self, alias: &'static str) -> Flag {
        self.alias = Some(alias);
        self
    }

    /// The name and, if there is one, the alias.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.alias)
    }

    /// Why this value may not be set, if it is one whose absence would be missed without a sign.
    pub fn refusal(&self, value: &Value) -> Option<&'static str> {
        let (Status::LaterOnly(accepted, why) | Status::Fixed(accepted, why)) = self.status else {
            return None;
        };
        let shown = self.show(value);
        let is_accepted = accepted.iter().any(|text| text.as_bytes() == shown);
        (!is_accepted).then_some(why)
    }

    /// The value to set in place of a refused one.
    pub fn accepted(&self) -> &'static [&'static str] {
        match self.status {
            Status::LaterOnly(accepted, _) | Status::Fixed(accepted, _) => accepted,
            Status::Built | Status::Later => &[],
        }
    }
}

impl Kind {
    /// Whether the value is several words, which CONFIG SET takes as one argument with single spaces.
    pub(super) fn is_list(self) -> bool {
        matches!(
            self,
            Kind::Choices(_)
                | Kind::Addresses
                | Kind::SavePoints
                | Kind::OutputLimits
                | Kind::OomScores
                | Kind::Events
                | Kind::Percentiles
        )
    }

    /// What may be written, for the help and the reference page.
    pub fn describe(self) -> String {
        match self {
            Kind::Bool => "yes, no".into(),
            Kind::Integer(min, i64::MAX) => format!("integer from {min}"),
            Kind::Integer(min, max) | Kind::Clamped(min, max) => format!("integer {min}..{max}"),
            Kind::Memory(0, _) => "memory".into(),
            Kind::Memory(min, _) => format!("memory from {min}"),
            Kind::MemoryOrPercent => "memory or percent".into(),
            Kind::Octal(max) => format!("octal 0..{max:o}"),
            Kind::Choice(words) => words.join(", "),
            Kind::Choices(words) => format!("{} or any of {}", words[0], words[1..].join(", ")),
            Kind::Text => "text".into(),
            Kind::FileName(_) => "file name".into(),
            Kind::Directory => "directory".into(),
            Kind::HostName => "host name".into(),
            Kind::Addresses => "addresses".into(),
            Kind::Cpus => "CPU list".into(),
            Kind::SavePoints => "pairs of seconds and changes".into(),
            Kind::OutputLimits => "class hard soft seconds".into(),
            Kind::OomScores => "three integers -2000..2000".into(),
            Kind::Events => "letters".into(),
            Kind::Percentiles => "numbers 0..100".into(),
            Kind::Title => "template".into(),
            Kind::Primary => "host and port".into(),
        }
    }
}
