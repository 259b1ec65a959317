//! Random requests over few keys, so that everything conflicts with everything.

use basalt::cluster::slot_of;

use super::common::random::Random;
use super::core::MOVE_SLOT;
use super::shape::{Shape, happens};

/// The names of keys; the second and the third share a slot.
const KEYS: [&str; 8] = ["a", "{t}b", "{t}c", "d", "e", "f", "g", "h"];
pub const DATABASES: u8 = 2;

/// The slots of all keys.
pub fn slots() -> impl Iterator<Item = u16> {
    let slots = KEYS.map(|key| slot_of(key.as_bytes()));
    (0..slots.len())
        .filter(move |&index| !slots[..index].contains(&slots[index]))
        .map(move |index| slots[index])
}

pub fn keys() -> &'static [&'static str] {
    &KEYS
}

/// What one client sends, request after request.
pub struct Generator {
    shape: Shape,
    is_queueing: bool,
    values: usize,
    name: u32,
}

impl Generator {
    pub fn new(shape: Shape, name: u32) -> Self {
        Generator { shape, is_queueing: false, values: 0, name }
    }

    pub fn request(&mut self, random: &mut Random) -> Vec<String> {
        let line = self.line(random);
        line.split_whitespace().map(str::to_string).collect()
    }

    fn line(&mut self, random: &mut Random) -> String {
        let shape = self.shape;
        if !self.is_queueing && happens(random, shape.slot_move_odds) {
            let slot = slot_of(key(shape, random).as_bytes());
            return format!("{MOVE_SLOT} {slot} {}", random.below(shape.shards.into()));
        }
        if self.is_queueing && random.once_in(4)
            || !self.is_queueing && happens(random, shape.transaction_odds)
        {
            return self.transaction_line(random);
        }
        if happens(random, shape.everything_odds) {
            return random.pick(&["FLUSHALL", "FLUSHDB", "DBSIZE", "DBSIZE", "SWAPDB 0 1"]).to_string();
        }
        match random.below(40) {
            0 => "PING".into(),
            1 => format!("SELECT {}", random.below(usize::from(DATABASES) + 1)),
            2 => "NOSUCH".into(),
            3 => "ECHO hello".into(),
            4 if random.once_in(8) => "RESET".into(),
            4 if random.once_in(8) => "QUIT".into(),
            _ if happens(random, shape.deadline_odds) => self.deadline_line(random),
            _ => self.data_line(random),
        }
    }

    fn transaction_line(&mut self, random: &mut Random) -> String {
        let keys = some_keys(self.shape, random);
        let choice = if self.is_queueing { random.below(10) } else { 10 + random.below(10) };
        match choice {
            0..=6 => {
                self.is_queueing = false;
                "EXEC".into()
            }
            7 => {
                self.is_queueing = false;
                "DISCARD".into()
            }
            8 => random.pick(&["UNWATCH", "MULTI"]).to_string(),
            9 => format!("WATCH {keys}"),
            10..=14 => {
                self.is_queueing = true;
                "MULTI".into()
            }
            15..=18 => format!("WATCH {keys}"),
            _ => random.pick(&["UNWATCH", "UNWATCH", "EXEC", "DISCARD"]).to_string(),
        }
    }

    fn data_line(&mut self, random: &mut Random) -> String {
        let (one, other) = (key(self.shape, random), key(self.shape, random));
        let (first, second) = (self.value(), self.value());
        match random.below(20) {
            0..=3 => format!("GET {one}"),
            4..=6 => format!("SET {one} {first}"),
            7 => format!("SET {one} {first} {}", random.pick(&["NX", "XX", "GET"])),
            8 => format!("DEL {}", some_keys(self.shape, random)),
            9 => format!("EXISTS {}", some_keys(self.shape, random)),
            10..=11 => format!("MGET {}", some_keys(self.shape, random)),
            12..=13 => format!("MSET {one} {first} {other} {second}"),
            14 => format!("MSETNX {one} {first} {other} {second}"),
            15..=16 => format!("APPEND {one} {first}"),
            17 => format!("{} {one} {other}", random.pick(&["RENAME", "RENAMENX"])),
            18 => format!("COPY {one} {other}{}", random.pick(&["", " REPLACE", " DB 1", " DB 1 REPLACE"])),
            _ => format!("MOVE {one} {}", random.pick(&["0", "1"])),
        }
    }

    fn deadline_line(&mut self, random: &mut Random) -> String {
        let (key, value, after_ms) = (key(self.shape, random), self.value(), 1 + random.below(30));
        match random.below(8) {
            0..=2 => format!("SET {key} {value} PX {after_ms}"),
            3..=4 => format!("PEXPIRE {key} {after_ms}"),
            5 => format!("SET {key} {value} KEEPTTL"),
            6 => format!("PERSIST {key}"),
            _ => format!("PTTL {key}"),
        }
    }

    /// A value that no other request stores.
    fn value(&mut self) -> String {
        self.values += 1;
        format!("v{}.{}", self.name, self.values)
    }
}

fn key(shape: Shape, random: &mut Random) -> &'static str {
    KEYS[random.below(shape.keys)]
}

fn some_keys(shape: Shape, random: &mut Random) -> String {
    let count = 1 + random.below(3);
    (0..count).map(|_| key(shape, random)).collect::<Vec<_>>().join(" ")
}
