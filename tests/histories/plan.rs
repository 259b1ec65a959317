//! What a session sends as one unit, and what the replies make of it: a step or two of a history for each command.

use super::common::{Value, request};
use super::history::{Outcome, Step, Token};

/// A token in a list: seven digits and a comma.
const TOKEN_BYTES: usize = 8;

#[derive(Clone, Debug)]
pub enum Command {
    Append {
        key: String,
        token: Token,
    },
    Get {
        key: String,
    },
    /// Of lists.
    Mget {
        keys: Vec<String>,
    },
    /// Of registers.
    See {
        keys: Vec<String>,
    },
    Mset {
        pairs: Vec<(String, Token)>,
    },
    /// The session knows which value is there: nobody else writes it.
    Rename {
        from: String,
        to: String,
        value: Token,
    },
    Copy {
        from: String,
        to: String,
        value: Token,
    },
    MoveSlot {
        slot: u16,
        shard: usize,
    },
    Pause {
        mode: &'static str,
        for_ms: usize,
    },
    KillOthers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Single,
    Exec,
    Discarded,
    /// With a command that nobody knows, so that EXEC refuses.
    Refused,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub form: Form,
    pub commands: Vec<Command>,
}

impl Plan {
    pub fn single(command: Command) -> Self {
        Plan { form: Form::Single, commands: vec![command] }
    }

    pub fn requests(&self) -> Vec<u8> {
        let commands = self.commands.iter().flat_map(|command| request(&command.arguments()));
        let around = |end: &[&str]| {
            let multi = request(&["MULTI"]).into_iter();
            multi.chain(commands.clone()).chain(end.iter().flat_map(|word| request(&[word]))).collect()
        };
        match self.form {
            Form::Single => commands.collect(),
            Form::Exec => around(&["EXEC"]),
            Form::Discarded => around(&["DISCARD"]),
            Form::Refused => around(&["NOSUCH", "EXEC"]),
        }
    }

    pub fn reply_count(&self) -> usize {
        match self.form {
            Form::Single => 1,
            Form::Exec | Form::Discarded => self.commands.len() + 2,
            Form::Refused => self.commands.len() + 3,
        }
    }

    /// What happened, from all replies.
    pub fn outcome(&self, replies: &[Value]) -> (Outcome, Vec<Step>) {
        assert_eq!(replies.len(), self.reply_count());
        let last = replies.last().expect("at least one");
        match self.form {
            Form::Single => (Outcome::Committed, self.commands[0].steps(last)),
            Form::Exec => {
                let results = last.items();
                assert_eq!(results.len(), self.commands.len(), "{self:?} {replies:?}");
                let steps =
                    self.commands.iter().zip(&results).flat_map(|(command, reply)| command.steps(reply));
                (Outcome::Committed, steps.collect())
            }
            Form::Discarded => {
                assert_eq!(last.string(), "OK", "{self:?}");
                (Outcome::Aborted, self.writes())
            }
            Form::Refused => {
                assert!(last.string().starts_with("EXECABORT"), "{self:?} {last:?}");
                (Outcome::Aborted, self.writes())
            }
        }
    }

    /// What it would write; all that is known of it without replies.
    pub fn writes(&self) -> Vec<Step> {
        self.commands.iter().flat_map(Command::writes).collect()
    }
}

pub fn token_text(token: Token) -> String {
    format!("{token:07},")
}

/// The tokens of a list; it must consist of whole ones.
pub fn tokens(reply: &Value) -> Vec<Token> {
    if *reply == Value::NullBulk {
        return Vec::new();
    }
    let text = reply.string();
    let words = text.as_bytes().chunks(TOKEN_BYTES).map(|word| match word {
        [digits @ .., b','] if word.len() == TOKEN_BYTES => std::str::from_utf8(digits).ok()?.parse().ok(),
        _ => None,
    });
    words.collect::<Option<_>>().unwrap_or_else(|| panic!("no list of tokens: {text}"))
}

fn value(reply: &Value) -> Option<Token> {
    (*reply != Value::NullBulk).then(|| reply.string().parse().expect("a value is a number"))
}

impl Command {
    fn arguments(&self) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        match self {
            Command::Append { key, token } => words(&["APPEND", key, &token_text(*token)]),
            Command::Get { key } => words(&["GET", key]),
            Command::Mget { keys } | Command::See { keys } => {
                std::iter::once("MGET".to_owned()).chain(keys.iter().cloned()).collect()
            }
            Command::Mset { pairs } => {
                let pairs = pairs.iter().flat_map(|(key, value)| [key.clone(), value.to_string()]);
                std::iter::once("MSET".to_owned()).chain(pairs).collect()
            }
            Command::Rename { from, to, .. } => words(&["RENAME", from, to]),
            Command::Copy { from, to, .. } => words(&["COPY", from, to, "REPLACE"]),
            Command::MoveSlot { slot, shard } => {
                words(&["DEBUG", "MOVE-SLOT", &slot.to_string(), &shard.to_string()])
            }
            Command::Pause { mode, for_ms } => words(&["CLIENT", "PAUSE", &for_ms.to_string(), mode]),
            Command::KillOthers => words(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]),
        }
    }

    fn steps(&self, reply: &Value) -> Vec<Step> {
        assert!(!reply.is_error(), "{self:?} was answered {reply:?}");
        let replies = || reply.items();
        match self {
            Command::Append { key, token } => {
                let length = reply.integer() as usize;
                assert!(length >= TOKEN_BYTES && length.is_multiple_of(TOKEN_BYTES), "{self:?} {reply:?}");
                let place = Some(length / TOKEN_BYTES - 1);
                vec![Step::Append { key: key.clone(), token: *token, place }]
            }
            Command::Get { key } => vec![Step::Read { key: key.clone(), tokens: tokens(reply) }],
            Command::Mget { keys } => {
                let read =
                    |(key, reply): (&String, &Value)| Step::Read { key: key.clone(), tokens: tokens(reply) };
                keys.iter().zip(&replies()).map(read).collect()
            }
            Command::See { keys } => {
                let see =
                    |(key, reply): (&String, &Value)| Step::See { key: key.clone(), value: value(reply) };
                keys.iter().zip(&replies()).map(see).collect()
            }
            Command::Copy { .. } => {
                assert_eq!(reply.integer(), 1, "{self:?}");
                self.writes()
            }
            Command::Mset { .. } | Command::Rename { .. } => {
                assert_eq!(reply.string(), "OK", "{self:?}");
                self.writes()
            }
            Command::MoveSlot { .. } | Command::Pause { .. } | Command::KillOthers => Vec::new(),
        }
    }

    fn writes(&self) -> Vec<Step> {
        let write = |key: &String, value| Step::Write { key: key.clone(), value };
        match self {
            Command::Append { key, token } => {
                vec![Step::Append { key: key.clone(), token: *token, place: None }]
            }
            Command::Mset { pairs } => pairs.iter().map(|(key, value)| write(key, Some(*value))).collect(),
            Command::Rename { from, to, value } => vec![write(from, None), write(to, Some(*value))],
            Command::Copy { to, value, .. } => vec![write(to, Some(*value))],
            Command::Get { .. } | Command::Mget { .. } | Command::See { .. } => Vec::new(),
            Command::MoveSlot { .. } | Command::Pause { .. } | Command::KillOthers => Vec::new(),
        }
    }
}
