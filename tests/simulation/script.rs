//! What each request of one connection means: in which database it runs, whether MULTI keeps it, what EXEC runs.

use super::common::Value;
use super::core::MOVE_SLOT;
use super::generate::DATABASES;
use super::history::Operation;
use super::model::ok;

/// What a request does, and so what it may be answered.
#[derive(Clone, Debug)]
pub enum Meaning {
    /// It touches no keys, and this is its answer.
    Says(Value),
    /// It touches no keys, and is refused.
    Refused,
    /// It runs on keys.
    Runs(Item),
    Exec {
        items: Vec<Meaning>,
        watched: Vec<Watched>,
    },
    Watch {
        database: u8,
    },
    MovesSlot,
}

/// A request with the database in which it runs.
#[derive(Clone, Debug)]
pub struct Item {
    pub database: u8,
    pub words: Vec<String>,
}

/// A key that is watched when EXEC comes.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The index of the WATCH.
    pub operation: usize,
    pub database: u8,
    pub key: String,
}

#[derive(Default)]
struct Session {
    database: u8,
    queue: Option<Vec<Vec<String>>>,
    is_aborted: bool,
    watched: Vec<Watched>,
}

/// The meanings of the requests of one connection, which come with their indices.
pub fn meanings<'a>(operations: impl Iterator<Item = (usize, &'a Operation)>) -> Vec<(usize, Meaning)> {
    let mut session = Session::default();
    operations.map(|(index, operation)| (index, session.take(index, operation))).collect()
}

fn says(text: &str) -> Meaning {
    Meaning::Says(Value::Simple(text.as_bytes().to_vec()))
}

/// What a request of the session says outside of EXEC and within.
fn session_word(words: &[String], database: &mut u8) -> Option<Meaning> {
    Some(match words[0].as_str() {
        "PING" => says("PONG"),
        "ECHO" => Meaning::Says(Value::Bulk(words[1].clone().into_bytes())),
        "UNWATCH" => says("OK"),
        "SELECT" => match words[1].parse() {
            Ok(index) if index < DATABASES => {
                *database = index;
                says("OK")
            }
            _ => Meaning::Refused,
        },
        _ => return None,
    })
}

impl Session {
    fn take(&mut self, index: usize, operation: &Operation) -> Meaning {
        let words = &operation.words;
        match (words[0].as_str(), &mut self.queue) {
            ("EXEC", _) => self.exec(operation),
            ("DISCARD", None) => Meaning::Refused,
            ("RESET", _) => {
                *self = Session::default();
                says("RESET")
            }
            ("DISCARD", Some(_)) => {
                *self = Session { database: self.database, ..Session::default() };
                says("OK")
            }
            ("QUIT", _) => says("OK"),
            ("MULTI", None) => {
                self.queue = Some(Vec::new());
                says("OK")
            }
            ("MULTI" | "WATCH", Some(_)) => Meaning::Refused,
            ("NOSUCH", _) => {
                self.is_aborted = self.queue.is_some();
                Meaning::Refused
            }
            (_, Some(queue)) => {
                queue.push(words.clone());
                says("QUEUED")
            }
            ("WATCH", None) => {
                let database = self.database;
                let watched = |key: &String| Watched { operation: index, database, key: key.clone() };
                self.watched.extend(words[1..].iter().map(watched));
                Meaning::Watch { database }
            }
            ("UNWATCH", None) => {
                self.watched.clear();
                says("OK")
            }
            (MOVE_SLOT, None) => Meaning::MovesSlot,
            (_, None) => session_word(words, &mut self.database)
                .unwrap_or_else(|| Meaning::Runs(Item { database: self.database, words: words.clone() })),
        }
    }

    fn exec(&mut self, operation: &Operation) -> Meaning {
        let Some(queue) = self.queue.take() else {
            return Meaning::Refused;
        };
        let watched = std::mem::take(&mut self.watched);
        if std::mem::take(&mut self.is_aborted) {
            return Meaning::Refused;
        }
        let mut database = self.database;
        let items = queue
            .into_iter()
            .map(|words| {
                session_word(&words, &mut database).unwrap_or(Meaning::Runs(Item { database, words }))
            })
            .collect();
        // What SELECT says in a transaction that does not run is nothing.
        if !operation.was_refused() {
            self.database = database;
        }
        Meaning::Exec { items, watched }
    }
}

/// The answer to a slot that was moved.
pub fn moved() -> Value {
    ok()
}
