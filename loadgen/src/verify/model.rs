//! What one connection has written, and so what the server has to answer to it, to the byte.
//!
//! Every connection has keys of its own and the server answers it in order: the reply to a request is known when the
//! request is made. Keys with an even number hold texts, the others counters.

use crate::access::Protocol;
use crate::random::Random;

/// A text that has grown longer is written anew.
const TEXT_BYTES_MAX: usize = 4096;
const VALUES_AT_ONCE: usize = 3;

/// Keys of one connection.
pub struct Model {
    prefix: String,
    protocol: Protocol,
    values: Vec<Value>,
    value_bytes: usize,
    random: Random,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    /// What is there is not known: before the first write, and after a reply that was wrong.
    Unknown,
    Absent,
    Text(Vec<u8>),
    Counter(i64),
}

/// A request and what has to come back.
pub struct Question {
    pub request: Vec<u8>,
    pub reply: Vec<u8>,
    /// Numbers of the keys that it is about.
    pub keys: Vec<usize>,
}

impl Model {
    pub fn new(prefix: String, keys: usize, value_bytes: usize, protocol: Protocol, seed: u64) -> Model {
        let values = vec![Value::Unknown; keys];
        Model { prefix, protocol, values, value_bytes, random: Random::new(seed) }
    }

    pub fn keys(&self) -> usize {
        self.values.len()
    }

    /// Says that a key may hold anything from now on.
    pub fn forget(&mut self, key: usize) {
        self.values[key] = Value::Unknown;
    }

    /// A request drawn at random, whose effect the model takes on.
    pub fn ask(&mut self) -> Question {
        let key = self.random.below(self.values.len() as u64) as usize;
        let choice = self.random.below(10);
        match (&self.values[key], choice) {
            (Value::Unknown, _) | (_, 0..=2) => self.write(key),
            (_, 3) => self.delete(key),
            (_, 4) => self.change(key),
            (_, 5) => self.read_several(key),
            _ => self.read(key),
        }
    }

    fn write(&mut self, key: usize) -> Question {
        let value = if key.is_multiple_of(2) {
            Value::Text(self.text(self.value_bytes))
        } else {
            Value::Counter(self.random.below(1_000_000) as i64)
        };
        let bytes = value.bytes().unwrap_or_default();
        self.values[key] = value;
        self.question(key, &[b"SET", self.name(key).as_bytes(), &bytes], b"+OK\r\n".to_vec())
    }

    fn delete(&mut self, key: usize) -> Question {
        let was_there = u8::from(self.values[key] != Value::Absent);
        self.values[key] = Value::Absent;
        self.question(key, &[b"DEL", self.name(key).as_bytes()], integer(i64::from(was_there)))
    }

    /// A counter counts, a text grows.
    fn change(&mut self, key: usize) -> Question {
        let name = self.name(key);
        if !key.is_multiple_of(2) {
            let before = if let Value::Counter(number) = self.values[key] { number } else { 0 };
            self.values[key] = Value::Counter(before + 1);
            return self.question(key, &[b"INCR", name.as_bytes()], integer(before + 1));
        }
        let mut text = self.values[key].bytes().unwrap_or_default();
        if text.len() > TEXT_BYTES_MAX {
            return self.write(key);
        }
        let more = self.text(3);
        text.extend_from_slice(&more);
        let bytes = text.len() as i64;
        self.values[key] = Value::Text(text);
        self.question(key, &[b"APPEND", name.as_bytes(), &more], integer(bytes))
    }

    /// Of a key whose value is known.
    pub fn read(&self, key: usize) -> Question {
        self.question(key, &[b"GET", self.name(key).as_bytes()], self.bulk(key))
    }

    /// True when `read` knows what has to come.
    pub fn knows(&self, key: usize) -> bool {
        self.values[key] != Value::Unknown
    }

    fn read_several(&mut self, key: usize) -> Question {
        let mut keys = vec![key];
        for _ in 1..VALUES_AT_ONCE {
            let other = self.random.below(self.values.len() as u64) as usize;
            keys.extend(Some(other).filter(|&other| self.knows(other)));
        }
        let names: Vec<String> = keys.iter().map(|&key| self.name(key)).collect();
        let words: Vec<&[u8]> =
            [&b"MGET"[..]].into_iter().chain(names.iter().map(String::as_bytes)).collect();
        let mut reply = format!("*{}\r\n", keys.len()).into_bytes();
        keys.iter().for_each(|&key| reply.extend(self.bulk(key)));
        Question { request: request(&words), reply, keys }
    }

    fn bulk(&self, key: usize) -> Vec<u8> {
        match self.values[key].bytes() {
            Some(bytes) => bulk(&bytes),
            None if self.protocol == Protocol::Resp3 => b"_\r\n".to_vec(),
            None => b"$-1\r\n".to_vec(),
        }
    }

    fn question(&self, key: usize, words: &[&[u8]], reply: Vec<u8>) -> Question {
        Question { request: request(words), reply, keys: vec![key] }
    }

    fn name(&self, key: usize) -> String {
        format!("{}:{key}", self.prefix)
    }

    fn text(&mut self, bytes: usize) -> Vec<u8> {
        (0..bytes).map(|_| b'a' + self.random.below(26) as u8).collect()
    }
}

impl Value {
    fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Value::Unknown | Value::Absent => None,
            Value::Text(text) => Some(text.clone()),
            Value::Counter(number) => Some(number.to_string().into_bytes()),
        }
    }
}

fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    words.iter().for_each(|word| bytes.extend(bulk(word)));
    bytes
}

fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn integer(number: i64) -> Vec<u8> {
    format!(":{number}\r\n").into_bytes()
}
