//! What is told about a command: since when, at what cost, and the grammar of its arguments.

/// What COMMAND DOCS tells, and what the tests generate requests from.
#[derive(Clone, Copy)]
pub struct Docs {
    /// One sentence of our own.
    pub summary: &'static str,
    pub since: &'static str,
    pub group: &'static str,
    pub complexity: &'static str,
    /// What clients should know about it: `syscmd`, `deprecated`.
    pub flags: &'static [&'static str],
    /// Since when not to use it, and what to use instead.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Version and change, oldest first.
    pub history: &'static [(&'static str, &'static str)],
    pub tips: &'static [&'static str],
    /// A remark on the key specification in COMMAND INFO.
    pub key_notes: Option<&'static str>,
    pub arguments: &'static [Argument],
}

impl Docs {
    pub const fn new(
        group: &'static str,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        Docs {
            summary,
            since,
            group,
            complexity,
            flags: &[],
            deprecated: None,
            history: &[],
            tips: &[],
            key_notes: None,
            arguments: &[],
        }
    }

    /// A command that only an operator or a tool has use for.
    pub const fn for_system(self) -> Self {
        Docs { flags: &["syscmd"], ..self }
    }

    pub const fn deprecated(self, since: &'static str, instead: &'static str) -> Self {
        Docs { flags: &["deprecated"], deprecated: Some((since, instead)), ..self }
    }

    pub const fn history(self, history: &'static [(&'static str, &'static str)]) -> Self {
        Docs { history, ..self }
    }

    pub const fn tips(self, tips: &'static [&'static str]) -> Self {
        Docs { tips, ..self }
    }

    pub const fn key_notes(self, notes: &'static str) -> Self {
        Docs { key_notes: Some(notes), ..self }
    }

    pub const fn arguments(self, arguments: &'static [Argument]) -> Self {
        Docs { arguments, ..self }
    }
}

/// One argument of a command's grammar.
#[derive(Clone, Copy)]
pub struct Argument {
    pub name: &'static str,
    pub kind: ArgumentKind,
    /// The word that stands before the argument, or that is the argument.
    pub token: Option<&'static str>,
    pub since: Option<&'static str>,
    pub deprecated_since: Option<&'static str>,
    pub optional: bool,
    pub multiple: bool,
    /// The token is repeated with each repetition.
    pub multiple_token: bool,
}

#[derive(Clone, Copy)]
pub enum ArgumentKind {
    String,
    Integer,
    Double,
    /// A key, with the index of its key specification.
    Key(u8),
    Pattern,
    UnixTime,
    PureToken,
    OneOf(&'static [Argument]),
    Block(&'static [Argument]),
}

impl Argument {
    pub const fn new(name: &'static str, kind: ArgumentKind) -> Self {
        Argument {
            name,
            kind,
            token: None,
            since: None,
            deprecated_since: None,
            optional: false,
            multiple: false,
            multiple_token: false,
        }
    }

    /// An argument that is just a word.
    pub const fn word(name: &'static str, token: &'static str) -> Self {
        Argument::new(name, ArgumentKind::PureToken).token(token)
    }

    pub const fn token(self, token: &'static str) -> Self {
        Argument { token: Some(token), ..self }
    }

    pub const fn since(self, version: &'static str) -> Self {
        Argument { since: Some(version), ..self }
    }

    pub const fn deprecated_since(self, version: &'static str) -> Self {
        Argument { deprecated_since: Some(version), ..self }
    }

    pub const fn optional(self) -> Self {
        Argument { optional: true, ..self }
    }

    pub const fn multiple(self) -> Self {
        Argument { multiple: true, ..self }
    }

    pub const fn multiple_token(self) -> Self {
        Argument { multiple_token: true, ..self.multiple() }
    }
}
