//! The commands once more, as simply as can be: one map, one thread.

use std::collections::{BTreeMap, BTreeSet};

use super::common::Value;
use super::generate::DATABASES;

type Name = (u8, String);

/// All keys. Worlds that differ only in keys of which nobody can know whether they have expired are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    keys: BTreeMap<Name, Entry>,
    /// What will be left of them when the server has died.
    kept: BTreeMap<Name, Entry>,
    /// Keys that were found expired, which a shard may still count.
    expired: BTreeSet<Name>,
    /// The moment at which a key last changed.
    changed: BTreeMap<Name, u64>,
    /// Keys that the request at an index has begun to watch, with the moment and whether they were there.
    watched: BTreeMap<(usize, String), (u64, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    value: String,
    deadline_ms: Option<u64>,
}

impl Entry {
    /// Whether it has not expired by anybody's clock.
    fn is_certain(&self, step: &Step) -> bool {
        self.deadline_ms.is_none_or(|deadline| step.now_ms + step.skew_ms <= deadline)
    }
}

/// The circumstances of one request.
pub struct Step<'a> {
    pub database: u8,
    pub now_ms: u64,
    pub moment: u64,
    pub skew_ms: u64,
    /// Whether what it changes is kept when the server dies.
    pub is_kept: bool,
    /// Whether it has certainly changed something.
    pub has_changed: bool,
    pub choices: &'a mut Choices,
}

/// What could have been either way: the first time always the first way, and then all others one after the other.
#[derive(Default)]
pub struct Choices {
    taken: Vec<(usize, usize)>,
    next: usize,
    /// How many combinations there were.
    pub rounds: usize,
}

impl Choices {
    /// One of so many ways.
    pub fn choose(&mut self, count: usize) -> usize {
        if self.next == self.taken.len() {
            self.taken.push((0, count));
        }
        self.next += 1;
        self.taken[self.next - 1].0
    }

    /// Goes on to the next way; false if all were taken.
    pub fn advance(&mut self) -> bool {
        self.next = 0;
        self.rounds += 1;
        while let Some((way, count)) = self.taken.pop() {
            if way + 1 < count {
                self.taken.push((way + 1, count));
                return true;
            }
        }
        false
    }
}

pub fn ok() -> Value {
    Value::Simple(b"OK".to_vec())
}

fn error(text: &str) -> Value {
    Value::Error(text.as_bytes().to_vec())
}

fn flag(yes: bool) -> Value {
    Value::Integer(yes.into())
}

impl Model {
    /// The server has died, and the next one begins with what was kept. Nobody watches anything.
    pub fn die(&mut self) {
        *self = Model { keys: self.kept.clone(), kept: std::mem::take(&mut self.kept), ..Model::default() };
    }

    /// Runs one request and gives its reply.
    pub fn run(&mut self, words: &[String], step: &mut Step) -> Value {
        let key = |index: usize| (step.database, words[index].clone());
        match words[0].as_str() {
            "GET" => self.get(&key(1), step),
            "SET" => self.set(key(1), words, step),
            "DEL" => {
                let keys: Vec<_> = (1..words.len()).map(key).collect();
                Value::Integer(keys.into_iter().map(|key| i64::from(self.delete(&key, step))).sum())
            }
            "EXISTS" => {
                let keys: Vec<_> = (1..words.len()).map(key).collect();
                Value::Integer(keys.into_iter().map(|key| i64::from(self.is_there(&key, step))).sum())
            }
            "MGET" => {
                let keys: Vec<_> = (1..words.len()).map(key).collect();
                Value::Array(keys.into_iter().map(|key| self.get(&key, step)).collect())
            }
            "MSET" => {
                self.set_pairs(words, step);
                ok()
            }
            "MSETNX" => {
                let keys: Vec<_> = (1..words.len()).step_by(2).map(key).collect();
                // Each key is looked at, since looking may remove it.
                let present = keys.iter().filter(|key| self.is_there(key, step)).count();
                if present == 0 {
                    self.set_pairs(words, step);
                }
                flag(present == 0)
            }
            "APPEND" => self.append(key(1), &words[2], step),
            "RENAME" | "RENAMENX" => self.rename(key(1), key(2), words[0] == "RENAME", step),
            "COPY" => self.copy(words, step),
            "MOVE" => self.move_key(key(1), words[2].parse().expect("a database"), step),
            "PEXPIRE" | "PERSIST" | "PTTL" => self.deadline(key(1), words, step),
            "FLUSHALL" => {
                (0..DATABASES).for_each(|database| self.flush(database, step));
                ok()
            }
            "FLUSHDB" => {
                self.flush(step.database, step);
                ok()
            }
            "SWAPDB" => {
                self.swap(step);
                ok()
            }
            other => panic!("the model does not know {other}"),
        }
    }

    /// Whether a key is there. One that has expired is removed; if clocks differ, it may also stay for those whose
    /// clock is behind.
    fn is_there(&mut self, key: &Name, step: &mut Step) -> bool {
        let Some(entry) = self.keys.get(key) else {
            return false;
        };
        let Some(deadline_ms) = entry.deadline_ms else {
            return true;
        };
        if step.now_ms + step.skew_ms <= deadline_ms {
            return true;
        }
        let is_certain = step.now_ms > deadline_ms + step.skew_ms;
        match if is_certain { 1 } else { step.choices.choose(3) } {
            0 => true,
            1 => {
                // No change: it was one when the key expired, which whoever watches it sees.
                self.keys.remove(key);
                self.expired.insert(key.clone());
                false
            }
            _ => false,
        }
    }

    fn change(&mut self, key: &Name, step: &Step) {
        self.changed.insert(key.clone(), step.moment);
    }

    fn remove(&mut self, key: &Name, step: &mut Step) {
        let entry = self.keys.remove(key);
        step.has_changed |= entry.is_some_and(|entry| entry.is_certain(step));
        self.change(key, step);
        if step.is_kept {
            self.kept.remove(key);
        }
    }

    fn insert(&mut self, key: Name, entry: Entry, step: &mut Step) {
        self.change(&key, step);
        self.expired.remove(&key);
        step.has_changed = true;
        if step.is_kept {
            self.kept.insert(key.clone(), entry.clone());
        }
        self.keys.insert(key, entry);
    }

    fn get(&mut self, key: &Name, step: &mut Step) -> Value {
        match self.is_there(key, step) {
            true => Value::Bulk(self.keys[key].value.clone().into_bytes()),
            false => Value::NullBulk,
        }
    }

    fn set(&mut self, key: Name, words: &[String], step: &mut Step) -> Value {
        let options: Vec<&str> = words[3..].iter().map(String::as_str).collect();
        let is_there = self.is_there(&key, step);
        let former = match is_there {
            true => Value::Bulk(self.keys[&key].value.clone().into_bytes()),
            false => Value::NullBulk,
        };
        if options == ["NX"] && is_there || options == ["XX"] && !is_there {
            return Value::NullBulk;
        }
        let deadline_ms = match options[..] {
            ["PX", after_ms] => Some(step.now_ms + after_ms.parse::<u64>().expect("milliseconds")),
            ["KEEPTTL"] if is_there => self.keys[&key].deadline_ms,
            _ => None,
        };
        self.insert(key, Entry { value: words[2].clone(), deadline_ms }, step);
        if options == ["GET"] { former } else { ok() }
    }

    fn delete(&mut self, key: &Name, step: &mut Step) -> bool {
        let is_there = self.is_there(key, step);
        if is_there {
            self.remove(key, step);
        }
        is_there
    }

    fn set_pairs(&mut self, words: &[String], step: &mut Step) {
        for pair in words[1..].chunks(2) {
            let entry = Entry { value: pair[1].clone(), deadline_ms: None };
            self.insert((step.database, pair[0].clone()), entry, step);
        }
    }

    fn append(&mut self, key: Name, tail: &str, step: &mut Step) -> Value {
        let former = self.is_there(&key, step).then(|| self.keys[&key].clone());
        let mut entry = former.unwrap_or(Entry { value: String::new(), deadline_ms: None });
        entry.value += tail;
        let length = entry.value.len();
        self.insert(key, entry, step);
        Value::Integer(length as i64)
    }

    fn rename(&mut self, from: Name, to: Name, replaces: bool, step: &mut Step) -> Value {
        if !self.is_there(&from, step) {
            return error("ERR no such key");
        }
        if from == to {
            return if replaces { ok() } else { flag(false) };
        }
        if !replaces && self.is_there(&to, step) {
            return flag(false);
        }
        let entry = self.keys[&from].clone();
        self.remove(&from, step);
        self.insert(to, entry, step);
        if replaces { ok() } else { flag(true) }
    }

    fn copy(&mut self, words: &[String], step: &mut Step) -> Value {
        let options: Vec<&str> = words[3..].iter().map(String::as_str).collect();
        let database = if options.contains(&"DB") { 1 } else { step.database };
        let (from, to) = ((step.database, words[1].clone()), (database, words[2].clone()));
        if from == to {
            return error("ERR source and destination objects are the same");
        }
        if !self.is_there(&from, step) || !options.contains(&"REPLACE") && self.is_there(&to, step) {
            return flag(false);
        }
        let entry = self.keys[&from].clone();
        self.insert(to, entry, step);
        flag(true)
    }

    fn move_key(&mut self, from: Name, database: u8, step: &mut Step) -> Value {
        let to = (database, from.1.clone());
        if from == to {
            return error("ERR source and destination objects are the same");
        }
        if self.is_there(&to, step) || !self.is_there(&from, step) {
            return flag(false);
        }
        let entry = self.keys[&from].clone();
        self.remove(&from, step);
        self.insert(to, entry, step);
        flag(true)
    }

    fn deadline(&mut self, key: Name, words: &[String], step: &mut Step) -> Value {
        let is_there = self.is_there(&key, step);
        let present_ms = if is_there { self.keys[&key].deadline_ms } else { None };
        match words[0].as_str() {
            "PTTL" if !is_there => Value::Integer(-2),
            "PTTL" => {
                Value::Integer(present_ms.map_or(-1, |deadline| deadline.saturating_sub(step.now_ms) as i64))
            }
            "PERSIST" if present_ms.is_none() => flag(false),
            "PEXPIRE" if !is_there => flag(false),
            name => {
                let after_ms = || words[2].parse::<u64>().expect("milliseconds");
                let deadline_ms = (name == "PEXPIRE").then(|| step.now_ms + after_ms());
                let value = self.keys[&key].value.clone();
                self.insert(key, Entry { value, deadline_ms }, step);
                flag(true)
            }
        }
    }

    fn flush(&mut self, database: u8, step: &mut Step) {
        for key in self.expired.clone().into_iter().filter(|key| key.0 == database) {
            if step.choices.choose(2) == 1 {
                self.change(&key, step);
            }
        }
        let names: Vec<_> = self.keys.keys().filter(|key| key.0 == database).cloned().collect();
        names.iter().for_each(|key| self.remove(key, step));
        self.expired.retain(|key| key.0 != database);
        if step.is_kept {
            self.kept.retain(|key, _| key.0 != database);
        }
    }

    /// A watched name counts as changed if there is a key in either database.
    fn swap(&mut self, step: &mut Step) {
        let expired = std::mem::take(&mut self.expired);
        for (_, name) in &expired {
            if step.choices.choose(2) == 1 {
                self.change(&(0, name.clone()), step);
                self.change(&(1, name.clone()), step);
            }
        }
        self.expired = expired.into_iter().map(|(database, name)| (1 - database, name)).collect();
        if step.is_kept {
            let kept = std::mem::take(&mut self.kept).into_iter();
            self.kept = kept.map(|((database, name), entry)| ((1 - database, name), entry)).collect();
        }
        let keys = std::mem::take(&mut self.keys);
        for ((database, name), entry) in keys {
            let is_certain = entry.is_certain(step);
            step.has_changed |= is_certain;
            // One that has expired may have been removed before, unseen.
            if !is_certain && step.choices.choose(2) == 1 {
                continue;
            }
            self.change(&(0, name.clone()), step);
            self.change(&(1, name.clone()), step);
            self.keys.insert((1 - database, name), entry);
        }
    }

    /// How many keys a database has for which `counts` is true; of those that may have expired, all and none.
    pub fn count(&self, step: &Step, counts: impl Fn(&str) -> bool) -> (usize, usize) {
        let mut range = (0, 0);
        for (_, entry) in self.keys.iter().filter(|(key, _)| key.0 == step.database && counts(&key.1)) {
            let is_certain = entry.is_certain(step);
            range.0 += usize::from(is_certain);
            range.1 += 1;
        }
        range.1 += self.expired.iter().filter(|key| key.0 == step.database && counts(&key.1)).count();
        range
    }

    /// Begins to watch a key for the request at an index.
    pub fn watch(&mut self, operation: usize, key: &str, step: &mut Step) {
        let is_there = self.is_there(&(step.database, key.to_string()), step);
        self.watched.entry((operation, key.to_string())).or_insert((step.moment, is_there));
    }

    /// Whether a key has changed since the request at an index began to watch it.
    pub fn has_changed(&mut self, operation: usize, key: &str, step: &mut Step) -> bool {
        let name = (step.database, key.to_string());
        let Some(&(since, was_there)) = self.watched.get(&(operation, key.to_string())) else {
            return false;
        };
        let is_there = self.is_there(&name, step);
        was_there && !is_there || self.changed.get(&name).is_some_and(|&changed| changed > since)
    }
}
