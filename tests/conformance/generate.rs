//! Requests from the rows: each follows the grammar of one command, and some are broken afterwards.

use std::collections::BTreeSet;
use std::fmt;

use basalt::commands::row::{Argument, ArgumentKind};
use basalt::commands::{COMMANDS, Command, Run};

use super::common::random::Random;
use super::common::{request as encoded, shown};
use super::comparers::{Comparer, comparer_of};
use super::{mutate, samples};

/// A command that can be sent: a row with the words that name it.
#[derive(Clone)]
pub struct Leaf {
    pub words: Vec<&'static str>,
    pub row: &'static Command,
}

impl Leaf {
    /// `GET`, `CLIENT|KILL`.
    pub fn path(&self) -> String {
        self.words.join("|")
    }

    fn has_keys(&self) -> bool {
        self.row.key_indices(usize::from(self.row.arity.unsigned_abs())).len() > 0
    }
}

/// Everything that can be sent: commands, and subcommands in place of what only groups them.
pub fn leaves() -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for row in &COMMANDS {
        if !matches!(row.run, Run::Container) {
            leaves.push(Leaf { words: vec![row.name], row });
        }
        leaves.extend(row.subcommands.iter().map(|sub| Leaf { words: vec![row.name, sub.name], row: sub }));
    }
    leaves
}

#[derive(Clone)]
pub struct Request {
    /// Of the command it means, or was made from when it means none.
    pub path: String,
    pub arguments: Vec<Vec<u8>>,
}

impl Request {
    pub fn bytes(&self) -> Vec<u8> {
        encoded(&self.arguments)
    }

    /// Whether both name some key of the tests.
    pub fn touches_keys_of(&self, other: &Request) -> bool {
        let keys = |request: &Request| -> Vec<Vec<u8>> {
            let is_key = |argument: &&Vec<u8>| samples::KEYS.contains(&argument.as_slice());
            request.arguments.iter().filter(is_key).cloned().collect()
        };
        let theirs = keys(other);
        keys(self).iter().any(|key| theirs.contains(key))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> =
            self.arguments.iter().map(|argument| format!("\"{}\"", shown(argument))).collect();
        f.write_str(&words.join(" "))
    }
}

/// How often one command is tried before another is chosen.
const ATTEMPTS_MAX: usize = 20;

/// A request for any of the commands; those with keys are asked more often. Now and then
/// a key gets a value of some kind, so that all of them are there to meet.
pub fn request(leaves: &[Leaf], redis_alone: &BTreeSet<String>, random: &mut Random) -> Request {
    let keyed: Vec<_> = leaves.iter().filter(|leaf| leaf.has_keys()).collect();
    if random.once_in(12) {
        return Request { path: "SET".into(), arguments: samples::new_value(random) };
    }
    loop {
        let leaf = match random.once_in(3) {
            true => random.pick(leaves),
            false => *random.pick(&keyed),
        };
        // Commands that are mostly not for sending come as often as others.
        let mut attempts = (0..ATTEMPTS_MAX).map(|_| request_for(leaf, leaves, random));
        if let Some(request) = attempts.find(|request| is_for_sending(request, redis_alone)) {
            return request;
        }
    }
}

fn request_for(leaf: &Leaf, leaves: &[Leaf], random: &mut Random) -> Request {
    let mut arguments = valid(leaf, leaves, random);
    if random.once_in(4) {
        mutate::mutate(&mut arguments, random);
    }
    Request { path: path_meant(&arguments).unwrap_or_else(|| leaf.path()), arguments }
}

fn is_for_sending(Request { path, arguments }: &Request, redis_alone: &BTreeSet<String>) -> bool {
    let is_skipped = matches!(comparer_of(path), Some(Comparer::Skip(_)));
    let is_absent = samples::means_redis_alone(arguments, redis_alone);
    let disturbs = samples::ends_other_connections(arguments) || samples::expires_soon(arguments);
    !is_skipped && !is_absent && !disturbs
}

/// The command that a request names, which may be another than the one it was made from.
fn path_meant(arguments: &[Vec<u8>]) -> Option<String> {
    let is_named = |word: &str, index: usize| {
        arguments.get(index).is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
    };
    let row = COMMANDS.iter().find(|row| is_named(row.name, 0))?;
    let sub = row.subcommands.iter().find(|sub| is_named(sub.name, 1));
    Some(sub.map_or_else(|| row.name.to_owned(), |sub| format!("{}|{}", row.name, sub.name)))
}

/// A request as the grammar allows it; the values in it may still be refused.
fn valid(leaf: &Leaf, leaves: &[Leaf], random: &mut Random) -> Vec<Vec<u8>> {
    let mut arguments: Vec<Vec<u8>> = leaf.words.iter().map(|word| in_some_case(word, random)).collect();
    let path = leaf.path();
    if samples::takes_a_command(&path) {
        let inner: Vec<_> = leaves.iter().filter(|leaf| !samples::takes_a_command(&leaf.path())).collect();
        let chosen = *random.pick(&inner[..]);
        arguments.extend(valid(chosen, leaves, random));
        return arguments;
    }
    expand(&path, leaf.row.docs.arguments, random, &mut arguments);
    arguments
}

fn expand(path: &str, grammar: &[Argument], random: &mut Random, out: &mut Vec<Vec<u8>>) {
    for argument in grammar {
        if argument.optional && random.once_in(2) {
            continue;
        }
        let repetitions = if argument.multiple { 1 + random.below(3) } else { 1 };
        for repetition in 0..repetitions {
            if let Some(token) = argument.token
                && (repetition == 0 || argument.multiple_token)
            {
                out.push(in_some_case(token, random));
            }
            expand_one(path, argument, random, out);
        }
    }
}

fn expand_one(path: &str, argument: &Argument, random: &mut Random, out: &mut Vec<Vec<u8>>) {
    match argument.kind {
        ArgumentKind::PureToken => {}
        ArgumentKind::OneOf(choices) => {
            let choice = std::slice::from_ref(random.pick(choices));
            expand(path, choice, random, out);
        }
        ArgumentKind::Block(parts) => expand(path, parts, random, out),
        ArgumentKind::Key(_) => out.push(random.pick(samples::KEYS).to_vec()),
        _ => out.push(samples::value(path, argument, random)),
    }
}

/// Upper case mostly, as people write; lower and mixed case now and then.
fn in_some_case(word: &str, random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => word.to_lowercase().into_bytes(),
        1 => word
            .bytes()
            .map(|byte| if random.once_in(2) { byte.to_ascii_lowercase() } else { byte })
            .collect(),
        _ => word.as_bytes().to_vec(),
    }
}
