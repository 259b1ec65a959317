//! What clients did and were told: transactions with their times, as values and as lines of text.
//!
//! ```text
//! session invoked completed outcome   steps
//! a       1       4         ok        append x 1 @0; read x 1; read y -; write p 7; see q -; write p -
//! ```
//!
//! `append` and `read` are about lists, which only grow: `@` is the place that the reply told. `write` and `see` are about registers;
//! `-` is an empty list or an absent register. An unknown outcome has no replies, and its time of completion means nothing.

use std::fmt;

pub type Time = u64;
pub type Token = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Committed,
    /// Nothing of it may ever be seen.
    Aborted,
    /// All of it or nothing happened.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Append { key: String, token: Token, place: Option<usize> },
    Read { key: String, tokens: Vec<Token> },
    Write { key: String, value: Option<Token> },
    See { key: String, value: Option<Token> },
}

#[derive(Clone, Debug)]
pub struct Transaction {
    pub session: String,
    pub invoked: Time,
    pub completed: Time,
    pub outcome: Outcome,
    /// Whether all earlier requests of the session come before it and all later ones after it, whatever their keys.
    pub is_gated: bool,
    pub steps: Vec<Step>,
}

impl Step {
    pub fn key(&self) -> &str {
        match self {
            Step::Append { key, .. } | Step::Read { key, .. } => key,
            Step::Write { key, .. } | Step::See { key, .. } => key,
        }
    }

    fn parse(text: &str) -> Step {
        let words: Vec<_> = text.split_whitespace().collect();
        let key = words[1].to_owned();
        let value = || (words[2] != "-").then(|| number(words[2]));
        match words[0] {
            "append" => {
                let place = words.get(3).map(|place| number(place.trim_start_matches('@')) as usize);
                Step::Append { key, token: number(words[2]), place }
            }
            "read" if words[2] == "-" => Step::Read { key, tokens: Vec::new() },
            "read" => Step::Read { key, tokens: words[2].split(',').map(number).collect() },
            "write" => Step::Write { key, value: value() },
            "see" => Step::See { key, value: value() },
            other => panic!("no step is called {other}"),
        }
    }
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

impl Transaction {
    pub fn parse(line: &str) -> Transaction {
        let mut words = line.trim().splitn(5, char::is_whitespace);
        let mut next = || words.next().unwrap_or_else(|| panic!("too few words: {line}"));
        let (session, invoked, completed) = (next().to_owned(), next(), next());
        let outcome = match next() {
            "ok" => Outcome::Committed,
            "aborted" => Outcome::Aborted,
            "unknown" => Outcome::Unknown,
            other => panic!("no outcome is called {other}"),
        };
        let steps: Vec<_> = next().split(';').map(Step::parse).collect();
        let (invoked, completed) = (number(invoked).into(), number(completed).into());
        let is_gated = steps.len() > 1;
        Transaction { session, invoked, completed, outcome, is_gated, steps }
    }

    /// Whether it was answered before the other was asked for.
    pub fn is_answered_before(&self, other: &Transaction) -> bool {
        self.outcome != Outcome::Unknown && self.completed < other.invoked
    }
}

/// The lines of a history, without those that are empty.
pub fn parse(text: &str) -> Vec<Transaction> {
    text.lines().filter(|line| !line.trim().is_empty()).map(Transaction::parse).collect()
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Committed => "ok",
            Outcome::Aborted => "aborted",
            Outcome::Unknown => "unknown",
        };
        let steps: Vec<_> = self.steps.iter().map(Step::to_string).collect();
        write!(f, "{} {} {} {outcome} {}", self.session, self.invoked, self.completed, steps.join("; "))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &Option<Token>| value.map_or("-".into(), |value| value.to_string());
        match self {
            Step::Append { key, token, place: None } => write!(f, "append {key} {token}"),
            Step::Append { key, token, place: Some(place) } => write!(f, "append {key} {token} @{place}"),
            Step::Read { key, tokens } if tokens.is_empty() => write!(f, "read {key} -"),
            Step::Read { key, tokens } => {
                let tokens: Vec<_> = tokens.iter().map(Token::to_string).collect();
                write!(f, "read {key} {}", tokens.join(","))
            }
            Step::Write { key, value: written } => write!(f, "write {key} {}", value(written)),
            Step::See { key, value: seen } => write!(f, "see {key} {}", value(seen)),
        }
    }
}
