//! Clients who behave: pipelines of string and key commands on shared, tagged keys, and counters of their own.

use super::common::random::Random;
use super::common::{Client, Value, request};
use super::field::{Field, count};
use super::tagged::{self, GROUPS, Size};

const PIPELINE_MAX: usize = 40;

/// What the reply to a request must be.
enum Expected {
    Tagged(usize),
    /// An array of those.
    AllTagged(usize),
    /// An old value, `OK`, or nothing.
    OkOrTagged(usize),
    Ok,
    OkOrNoSuchKey,
    Integer(i64, i64),
    /// Units of one's own one after the other.
    Appended,
    Page,
}

pub fn run(field: &Field, index: usize, mut random: Random) {
    let mut worker = Worker { index, incremented: 0, protocol: 2 + index % 2 };
    let mut client = field.connect(worker.protocol);
    while field.is_open() {
        let (bytes, expected) = worker.batch(&mut random);
        let Some(replies) = field.ask(&mut client, &bytes, expected.len()) else {
            count(&field.totals.lost, 1);
            client = field.connect(worker.protocol);
            continue;
        };
        for (expected, reply) in expected.iter().zip(&replies) {
            expected.check(reply);
        }
    }
    leave(client);
}

/// Ends the connection as a client library does.
fn leave(mut client: Client) {
    // It may have been killed.
    let _ = client.try_send(&request(&["QUIT"]));
}

struct Worker {
    index: usize,
    /// How often the own counter was incremented since the run began.
    incremented: i64,
    protocol: usize,
}

impl Worker {
    /// Requests in one write. One with a large value goes alone, so that neither side waits for the other to read.
    fn batch(&mut self, random: &mut Random) -> (Vec<u8>, Vec<Expected>) {
        let size = Size::draw(random);
        let requests = if size == Size::Small { 1 + random.below(PIPELINE_MAX) } else { 1 };
        let mut bytes = Vec::new();
        let expected = (0..requests).map(|_| {
            let (arguments, expected) = self.request(size, random);
            bytes.extend(request(&arguments));
            expected
        });
        let expected = expected.collect();
        (bytes, expected)
    }

    fn request(&mut self, size: Size, random: &mut Random) -> (Vec<Vec<u8>>, Expected) {
        let group = random.below(GROUPS);
        let key = tagged::key(group, size, random);
        let other = tagged::key(group, size, random);
        let most = size.bytes_max() as i64;
        match random.below(20) {
            0..4 => (words(&["GET", &key]), Expected::Tagged(group)),
            4..8 => self.set(group, &key, size, random),
            8 => (words(&["GETDEL", &key]), Expected::Tagged(group)),
            9 => (with(&["GETSET", &key], tagged::value(group, size, random)), Expected::Tagged(group)),
            10 => {
                let keys = [&key, &other].map(|key| key.as_bytes().to_vec());
                let values = [(); 2].map(|()| tagged::value(group, size, random));
                let [first, second] = keys;
                let [one, two] = values;
                (vec![b"MSET".to_vec(), first, one, second, two], Expected::Ok)
            }
            11 => (words(&["MGET", &key, &other, &key]), Expected::AllTagged(group)),
            12 => (words(&["RENAME", &key, &other]), Expected::OkOrNoSuchKey),
            13 => (words(&["COPY", &key, &other, "DB", "1", "REPLACE"]), Expected::Integer(0, 1)),
            14 => (words(&["UNLINK", &key, &other]), Expected::Integer(0, 2)),
            15 => (words(&["STRLEN", &key]), Expected::Integer(0, most)),
            16 => self.about_time(group, &key, random),
            17 => self.counter(),
            18 => self.appended(random),
            _ => match random.below(3) {
                0 => (words(&["SCAN", "0", "COUNT", "20"]), Expected::Page),
                1 => (words(&["DBSIZE"]), Expected::Integer(0, 1_000_000)),
                _ => (words(&["TOUCH", &key, &other]), Expected::Integer(0, 2)),
            },
        }
    }

    fn set(&self, group: usize, key: &str, size: Size, random: &mut Random) -> (Vec<Vec<u8>>, Expected) {
        let mut arguments = with(&["SET", key], tagged::value(group, size, random));
        match random.below(8) {
            0 => arguments.extend(words(&["PX", &(1 + random.below(300)).to_string()])),
            1 => arguments.extend(words(&["EX", "1"])),
            2 => arguments.extend(words(&["KEEPTTL"])),
            3 => arguments.extend(words(&["NX"])),
            4 => arguments.extend(words(&["XX", "GET"])),
            _ => {}
        }
        (arguments, Expected::OkOrTagged(group))
    }

    fn about_time(&self, group: usize, key: &str, random: &mut Random) -> (Vec<Vec<u8>>, Expected) {
        match random.below(5) {
            0 => (words(&["PEXPIRE", key, "50"]), Expected::Integer(0, 1)),
            1 => (words(&["EXPIRE", key, "2", "LT"]), Expected::Integer(0, 1)),
            2 => (words(&["PTTL", key]), Expected::Integer(-2, 2000)),
            3 => (words(&["PERSIST", key]), Expected::Integer(0, 1)),
            _ => (words(&["GETEX", key, "PX", "100"]), Expected::Tagged(group)),
        }
    }

    /// Its value is what was added since somebody flushed.
    fn counter(&mut self) -> (Vec<Vec<u8>>, Expected) {
        self.incremented += 1;
        (words(&["INCR", &format!("count:{}", self.index)]), Expected::Integer(1, self.incremented))
    }

    fn appended(&self, random: &mut Random) -> (Vec<Vec<u8>>, Expected) {
        let key = format!("list:{}", self.index);
        match random.below(8) {
            0 => (words(&["GETDEL", &key]), Expected::Appended),
            1..3 => (words(&["GET", &key]), Expected::Appended),
            _ => (words(&["APPEND", &key, "unit;"]), Expected::Integer(5, 10_000_000)),
        }
    }
}

impl Expected {
    fn check(&self, reply: &Value) {
        match (self, reply) {
            (Expected::Ok | Expected::OkOrNoSuchKey | Expected::OkOrTagged(_), Value::Simple(text)) => {
                assert!(text == b"OK", "{reply:?}");
            }
            (Expected::OkOrNoSuchKey, Value::Error(text)) => assert!(text == b"ERR no such key", "{reply:?}"),
            (Expected::Tagged(group) | Expected::OkOrTagged(group), _) => tagged::check_reply(*group, reply),
            (Expected::AllTagged(group), Value::Array(items)) => {
                assert!(items.len() == 3, "three keys were asked for: {reply:?}");
                items.iter().for_each(|item| tagged::check_reply(*group, item));
            }
            (Expected::Integer(least, most), Value::Integer(number)) => {
                assert!((least..=most).contains(&number), "{number} is not within {least} and {most}");
            }
            (Expected::Appended, Value::NullBulk | Value::Null) => {}
            (Expected::Appended, Value::Bulk(value)) => {
                assert!(value.chunks(5).all(|unit| unit == b"unit;"), "not what was appended: {reply:?}");
            }
            (Expected::Page, Value::Array(parts)) => assert!(parts.len() == 2, "{reply:?}"),
            _ => panic!("not what was asked for: {reply:?}"),
        }
    }
}

fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn with(start: &[&str], last: Vec<u8>) -> Vec<Vec<u8>> {
    let mut arguments = words(start);
    arguments.push(last);
    arguments
}
