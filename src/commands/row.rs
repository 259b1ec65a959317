//! What a row of the command table says: name, arity, flags, where keys sit, which shards it visits, who runs it.

use crate::commands::call::{Call, Next, SessionCall};
use crate::commands::error::CommandError;
pub use crate::commands::flags::{Access, Categories, Flags};
pub use crate::commands::grammar::{Argument, ArgumentKind, Docs};
use crate::protocol::Args;

/// One command or subcommand.
#[derive(Clone, Copy)]
pub struct Command {
    /// Upper case; for a subcommand without its container's name.
    pub name: &'static str,
    /// The name of the command that this is a subcommand of.
    pub container: Option<&'static str>,
    /// Number of arguments with the name; negative: at least so many.
    pub arity: i16,
    pub flags: Flags,
    pub keys: Keys,
    /// What the command does to its keys, for COMMAND, ACL and tracking.
    pub access: Access,
    /// For a command whose access depends on its arguments.
    pub access_by_arguments: Option<fn(&Args) -> Access>,
    pub spread: Spread,
    pub run: Run,
    /// ACL categories beyond those that follow from the flags.
    pub categories: Categories,
    pub docs: &'static Docs,
    pub subcommands: &'static [Command],
}

/// Who runs a command.
#[derive(Clone, Copy)]
pub enum Run {
    /// The shard that owns the keys, or each shard that `Spread` names.
    Shard(fn(&mut Call) -> Result<(), CommandError>),
    /// The session, which sees no keys.
    Session(fn(&mut SessionCall) -> Result<Next, CommandError>),
    /// Nobody: only its subcommands run.
    Container,
}

/// Where the keys of a request sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    None,
    /// The one argument at this index.
    At(u8),
    /// All arguments from this index.
    AllFrom(u8),
}

/// Which shards a request visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// The owner of its only key, or none.
    Owner,
    /// The owner of each key, each with its own keys.
    Split(Merge),
    /// All.
    Every(Merge),
}

/// How the partial replies of several shards become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Integers are added.
    Sum,
    /// Each says OK.
    AllOk,
}

type ShardHandler = fn(&mut Call) -> Result<(), CommandError>;
type SessionHandler = fn(&mut SessionCall) -> Result<Next, CommandError>;

/// A command that reads keys on the shard that owns them.
pub const fn read(
    name: &'static str,
    arity: i16,
    keys: Keys,
    handler: ShardHandler,
    docs: &'static Docs,
) -> Command {
    let access = Access::READ_ONLY.and(Access::ACCESS);
    Command { keys, access, flags: Flags::READONLY, ..row(name, arity, Run::Shard(handler), docs) }
}

/// A command that changes keys on the shard that owns them.
pub const fn write(
    name: &'static str,
    arity: i16,
    keys: Keys,
    handler: ShardHandler,
    docs: &'static Docs,
) -> Command {
    let access = Access::READ_WRITE.and(Access::UPDATE);
    Command { keys, access, flags: Flags::WRITE, ..row(name, arity, Run::Shard(handler), docs) }
}

/// A command that concerns the client or the server, not keys.
pub const fn session(
    name: &'static str,
    arity: i16,
    handler: SessionHandler,
    docs: &'static Docs,
) -> Command {
    row(name, arity, Run::Session(handler), docs)
}

/// A command that only groups others.
pub const fn container(
    name: &'static str,
    arity: i16,
    subcommands: &'static [Command],
    docs: &'static Docs,
) -> Command {
    Command { subcommands, ..row(name, arity, Run::Container, docs) }
}

const fn row(name: &'static str, arity: i16, run: Run, docs: &'static Docs) -> Command {
    Command {
        name,
        container: None,
        arity,
        flags: Flags::NONE,
        keys: Keys::None,
        access: Access::NONE,
        access_by_arguments: None,
        spread: Spread::Owner,
        run,
        categories: Categories::NONE,
        docs,
        subcommands: &[],
    }
}

impl Command {
    /// For a command that does something of its own without a subcommand.
    pub const fn subcommands(self, subcommands: &'static [Command]) -> Self {
        Command { subcommands, ..self }
    }

    pub const fn flags(self, flags: Flags) -> Self {
        Command { flags: self.flags.and(flags), ..self }
    }

    pub const fn access(self, access: Access) -> Self {
        Command { access, ..self }
    }

    /// The access to the keys when it depends on the arguments.
    pub const fn access_by_arguments(self, access: fn(&Args) -> Access) -> Self {
        Command { access_by_arguments: Some(access), ..self }
    }

    /// Says whose subcommand this is.
    pub const fn within(self, container: &'static str) -> Self {
        Command { container: Some(container), ..self }
    }

    pub const fn categories(self, categories: Categories) -> Self {
        Command { categories: self.categories.and(categories), ..self }
    }

    pub const fn split(self, merge: Merge) -> Self {
        Command { spread: Spread::Split(merge), ..self }
    }

    pub const fn every(self, merge: Merge) -> Self {
        Command { spread: Spread::Every(merge), ..self }
    }

    /// Appends the name as clients see it: lower case, `container|subcommand` for a subcommand.
    pub fn write_name(&self, out: &mut Vec<u8>) {
        if let Some(container) = self.container {
            out.extend(container.bytes().map(|byte| byte.to_ascii_lowercase()));
            out.push(b'|');
        }
        out.extend(self.name.bytes().map(|byte| byte.to_ascii_lowercase()));
    }

    /// What `write_name` appends.
    pub fn full_name(&self) -> Vec<u8> {
        let mut name = Vec::new();
        self.write_name(&mut name);
        name
    }

    /// All ACL categories: those of the row and those that follow from its flags.
    pub fn all_categories(&self) -> Categories {
        let implied = [
            (Flags::WRITE, Categories::WRITE),
            (Flags::READONLY, Categories::READ),
            (Flags::ADMIN, Categories::ADMIN.and(Categories::DANGEROUS)),
            (Flags::PUBSUB, Categories::PUBSUB),
            (Flags::BLOCKING, Categories::BLOCKING),
        ];
        let speed = if self.flags.has(Flags::FAST) { Categories::FAST } else { Categories::SLOW };
        implied
            .iter()
            .filter(|(flag, _)| self.flags.has(*flag))
            .fold(self.categories.and(speed), |all, (_, category)| all.and(*category))
    }

    /// What a request does to its keys.
    pub fn access_of(&self, args: &Args) -> Access {
        self.access_by_arguments.map_or(self.access, |access| access(args))
    }

    #[inline]
    pub fn accepts(&self, argument_count: usize) -> bool {
        match self.arity >= 0 {
            true => argument_count == self.arity as usize,
            false => argument_count >= self.arity.unsigned_abs() as usize,
        }
    }

    /// Indices of the arguments that are keys, for a request of `argument_count` arguments.
    pub fn key_indices(&self, argument_count: usize) -> std::ops::Range<usize> {
        match self.keys {
            Keys::None => 0..0,
            Keys::At(index) => index as usize..(index as usize + 1).min(argument_count),
            Keys::AllFrom(index) => index as usize..argument_count,
        }
    }
}
