//! What a row of the command table says: name, arity, flags, where keys sit, which shards it visits, who runs it.

pub use crate::commands::across::{Across, Fetched, Stored};
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
    /// Its place in the table; `SUBCOMMAND` for one that is found by its container.
    pub number: u16,
    /// The name of the command that this is a subcommand of.
    pub container: Option<&'static str>,
    /// Number of arguments with the name; negative: at least so many.
    pub arity: i16,
    pub flags: Flags,
    pub keys: Keys,
    /// What the command does to its keys, for COMMAND, ACL and tracking.
    pub access: Access,
    /// What it does to the keys behind the first, if that is something else.
    pub access_behind: Option<Access>,
    /// For a command whose access depends on its arguments.
    pub access_by_arguments: Option<fn(&Args) -> Access>,
    pub spread: Spread,
    /// Asked on the owner of each key before any of them runs a split command: one no, and the reply is 0.
    pub only_if: Option<fn(&mut Call) -> bool>,
    pub run: Run,
    /// Its calls are all about as long, so that nobody has to know which of several took the time.
    pub is_steady: bool,
    /// Runs at once although MULTI is queueing: it ends the queue, or leaves it alone.
    pub at_once: bool,
    /// Runs when everything before it is answered, for it concerns several shards.
    pub alone: bool,
    /// ACL categories beyond those that follow from the flags.
    pub categories: Categories,
    pub docs: &'static Docs,
    pub subcommands: &'static [Command],
}

/// Instead of the number of a subcommand's row.
pub const SUBCOMMAND: u16 = u16::MAX;

/// Who runs a command.
#[derive(Clone, Copy)]
pub enum Run {
    /// The shard that owns the keys, or each shard that `Spread` names.
    Shard(fn(&mut Call) -> Result<(), CommandError>),
    /// The shards that own the keys: some are read, and what was read decides what is stored at one.
    Across(&'static Across),
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
    /// The first of each two arguments from this index: each key has a value behind it.
    PairsFrom(u8),
    /// The arguments from one index to another, both included.
    Between(u8, u8),
}

impl Keys {
    /// Whether the last key of a request of so many arguments has no value behind it, although it should.
    pub fn lack_a_value(self, argument_count: usize) -> bool {
        matches!(self, Keys::PairsFrom(index) if !(argument_count - usize::from(index)).is_multiple_of(2))
    }
}

/// Which shards a request visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// The owner of its only key, or none.
    Owner,
    /// The owner of each key, each with its own keys.
    Split(Merge),
    /// All. Those that write do so at once everywhere.
    Every(Merge),
    /// The owner of the slot that the cursor at this index stands in.
    Cursor(u8),
}

/// How the partial replies of several shards become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Integers are added.
    Sum,
    /// All say the same, which is the reply.
    Same,
    /// Arrays become one.
    Chain,
    /// Arrays of an element for each key become one, in the order of the request's keys.
    InKeyOrder,
    /// Each names how many keys it has and one of them (an array of the two): one key, each of all as likely.
    Weighted,
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

/// A command that reads some keys and writes another, wherever they live.
pub const fn across(
    name: &'static str,
    arity: i16,
    keys: Keys,
    steps: &'static Across,
    docs: &'static Docs,
) -> Command {
    let access = Access::READ_WRITE.and(Access::UPDATE);
    Command { keys, access, flags: Flags::WRITE, ..row(name, arity, Run::Across(steps), docs) }
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
        number: SUBCOMMAND,
        container: None,
        arity,
        flags: Flags::NONE,
        keys: Keys::None,
        access: Access::NONE,
        access_behind: None,
        access_by_arguments: None,
        spread: Spread::Owner,
        only_if: None,
        run,
        is_steady: false,
        at_once: false,
        alone: false,
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

    /// The access to the keys behind the first.
    pub const fn access_behind(self, access: Access) -> Self {
        Command { access_behind: Some(access), ..self }
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

    pub const fn only_if(self, check: fn(&mut Call) -> bool) -> Self {
        Command { only_if: Some(check), ..self }
    }

    pub const fn every(self, merge: Merge) -> Self {
        Command { spread: Spread::Every(merge), ..self }
    }

    pub const fn at_once(self) -> Self {
        Command { at_once: true, ..self }
    }

    /// For a command of the session that names keys.
    pub const fn session_keys(self, keys: Keys, access: Access) -> Self {
        Command { keys, access, ..self }
    }

    pub const fn alone(self) -> Self {
        Command { alone: true, ..self }
    }

    pub const fn by_cursor(self, index: u8) -> Self {
        Command { spread: Spread::Cursor(index), ..self }
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

    /// Whether a row is to be steady: what is fast, or takes constant time.
    pub const fn takes_steady_time(&self) -> bool {
        let complexity = self.docs.complexity.as_bytes();
        self.flags.has(Flags::FAST) || matches!(complexity, [b'O', b'(', b'1', b')', ..])
    }

    /// Runs the command on the shard that has all its keys.
    #[inline]
    pub fn run_here(&'static self, call: &mut Call) -> Result<(), CommandError> {
        match self.run {
            Run::Shard(handler) => handler(call),
            Run::Across(steps) => steps.run(self, call),
            Run::Session(_) | Run::Container => unreachable!("only shard commands are routed to shards"),
        }
    }

    /// What a request does to the key at an index.
    pub fn access_of(&self, args: &Args, index: usize) -> Access {
        let is_first = self.key_indices(args.len()).next() == Some(index);
        match (self.access_by_arguments, self.access_behind) {
            (Some(access), _) => access(args),
            (None, Some(access)) if !is_first => access,
            _ => self.access,
        }
    }

    pub fn runs_on_session(&self) -> bool {
        matches!(self.run, Run::Session(_))
    }

    #[inline]
    pub fn accepts(&self, argument_count: usize) -> bool {
        match self.arity >= 0 {
            true => argument_count == self.arity as usize,
            false => argument_count >= self.arity.unsigned_abs() as usize,
        }
    }

    /// Indices of the arguments that are keys, for a request of `argument_count` arguments.
    #[inline]
    pub fn key_indices(&self, argument_count: usize) -> std::iter::StepBy<std::ops::Range<usize>> {
        let (range, step) = match self.keys {
            Keys::None => (0..0, 1),
            Keys::At(index) => (index as usize..(index as usize + 1).min(argument_count), 1),
            Keys::AllFrom(index) => (index as usize..argument_count, 1),
            Keys::PairsFrom(index) => (index as usize..argument_count, 2),
            Keys::Between(first, last) => (first as usize..(last as usize + 1).min(argument_count), 1),
        };
        range.step_by(step)
    }

    /// The first key of a request; empty if it has none. Takes a copy, so that the caller's arguments may stay in registers.
    #[inline]
    pub fn first_key<'a>(&self, args: Args<'a>) -> &'a [u8] {
        self.key_indices(args.len()).next().map_or(&[], |index| args.at(index))
    }
}
