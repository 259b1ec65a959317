//! Requests of a log run as they were: on one key space that holds everything, without a client, at a time when nothing
//! expires.

use bytes::Bytes;

use crate::cluster::{SlotMap, slot_of};
use crate::codec::aof::{Argument, Request};
use crate::codec::rdb::Compression;
use crate::commands::call::{DebugAccess, Process};
use crate::commands::{Command, Refusal, Run, Turn, resolve};
use crate::data_plane::restore::redis::snapshot::Terms;
use crate::keyspace::Keyspace;
use crate::protocol::{Args, Out, Resp, Span};
use crate::shard::{self, Outcome, Shard};

/// Entries of flushed databases that are freed after each request.
const FREED_ENTRIES: usize = 64;

/// What a request means to whoever reads a log.
pub enum Meaning {
    /// A command runs.
    Run(&'static Command),
    /// What follows is in another database.
    Select,
    /// A transaction begins.
    Multi,
    /// It ends.
    Exec,
    /// It cannot be run here: there is no such command, or none that a log has.
    Missing,
    /// It has the wrong number of arguments.
    Malformed,
}

/// What a request means.
pub fn meaning(args: &Args<'_>) -> Meaning {
    match resolve(args) {
        Err(Refusal::WrongArity(_)) => Meaning::Malformed,
        Err(_) => Meaning::Missing,
        Ok(command) => match (command.run, command.name) {
            (Run::Shard(_) | Run::Across(_), _) => Meaning::Run(command),
            (_, "SELECT") => Meaning::Select,
            (_, "MULTI") => Meaning::Multi,
            (_, "EXEC") => Meaning::Exec,
            _ => Meaning::Missing,
        },
    }
}

/// The arguments of a request of a log, as commands take them; what they borrow from is kept for the next one.
#[derive(Default)]
pub struct Words {
    spans: Vec<Span>,
    blocks: Vec<Bytes>,
}

impl Words {
    pub fn of<'a>(&'a mut self, request: &'a Request) -> Args<'a> {
        self.spans.clear();
        self.blocks.clear();
        for argument in &request.arguments {
            self.spans.push(match argument {
                Argument::Text(start, bytes) => Span::new(*start, *bytes),
                Argument::Block(block) => {
                    self.blocks.push(block.clone());
                    Span::block(self.blocks.len() - 1)
                }
            });
        }
        Args::new(&request.text, &self.spans, &self.blocks)
    }
}

/// Runs requests.
pub struct Executor {
    shard: Shard,
    /// Nothing expires, and keys count as used long ago.
    timeless: Turn,
    /// For those few that count from now on.
    timed: Turn,
    database: u8,
    out: Out,
}

impl Executor {
    /// An executor that fills this key space.
    pub fn new(keyspace: Keyspace, terms: &Terms) -> Self {
        let Terms { databases, string_bytes_max, now_ms, .. } = *terms;
        let process = Process { started_at_us: now_ms * 1000, shards: 1, debug_access: DebugAccess::Nobody };
        let timeless = Turn {
            now_us: 0,
            databases: databases as u8,
            string_bytes_max,
            compression: Compression::Off,
            password: None,
            process,
        };
        Executor {
            shard: Shard::new(0, keyspace, SlotMap::even(1)),
            timeless,
            timed: Turn { now_us: now_ms * 1000, ..timeless },
            database: 0,
            out: Out::default(),
        }
    }

    /// What is to be filled before anything runs.
    pub fn keyspace_mut(&mut self) -> &mut Keyspace {
        &mut self.shard.keyspace
    }

    pub fn into_keyspace(self) -> Keyspace {
        self.shard.keyspace
    }

    /// Each file begins in the first database.
    pub fn begin_file(&mut self) {
        self.database = 0;
    }

    /// Goes to another database; false if there is none of this number.
    pub fn select(&mut self, number: &[u8]) -> bool {
        let number = std::str::from_utf8(number).ok().and_then(|digits| digits.parse().ok());
        let found = number.filter(|&number: &u8| number < self.timeless.databases);
        self.database = found.unwrap_or(self.database);
        found.is_some()
    }

    /// Runs a command. An error is its reply: what could be written to a log once must succeed again.
    pub fn run(&mut self, command: &'static Command, args: &Args<'_>) -> Result<(), String> {
        let bytes = command.first_key(*args);
        let request = shard::Request {
            command,
            args: *args,
            key: self.shard.keyspace.hasher().key(bytes, slot_of(bytes)),
            database: self.database,
            resp: Resp::Two,
            no_touch: true,
        };
        let turn = if counts_from_now(command, args) { &self.timed } else { &self.timeless };
        self.out.clear();
        let outcome = self.shard.execute_part(&request, turn, &mut self.out);
        self.shard.keyspace.free_some(FREED_ENTRIES);
        match outcome {
            Outcome::Replied => Ok(()),
            Outcome::Failed => Err(String::from_utf8_lossy(&self.out.bytes).trim().to_owned()),
        }
    }
}

/// Whether a request names a time from now on. Redis writes points in time, but not everybody who writes such files does.
fn counts_from_now(command: &Command, args: &Args<'_>) -> bool {
    let says = |words: &[&str]| {
        args.iter().skip(2).any(|arg| words.iter().any(|word| arg.eq_ignore_ascii_case(word.as_bytes())))
    };
    match command.name {
        "EXPIRE" | "PEXPIRE" | "SETEX" | "PSETEX" => true,
        "SET" | "GETEX" => args.len() > 3 && says(&["EX", "PX"]),
        "RESTORE" => !says(&["ABSTTL"]),
        _ => false,
    }
}
