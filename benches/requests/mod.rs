//! Requests that the benches of several layers send.
#![allow(dead_code, reason = "each bench uses some of them")]

use std::fmt;

/// A kind of request; each has keys and values of its own.
#[derive(Clone, Copy)]
pub struct Kind {
    name: &'static str,
    words: fn(usize) -> Vec<Vec<u8>>,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// How many different keys there are.
pub const KEYS: usize = 100_000;

pub fn key(number: usize) -> Vec<u8> {
    // An odd factor scatters the numbers.
    format!("key:{:012}", number.wrapping_mul(2_654_435_761) % KEYS).into_bytes()
}

fn words(words: &[&[u8]]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.to_vec()).collect()
}

fn with_keys(name: &str, number: usize, count: usize, value: Option<&[u8]>) -> Vec<Vec<u8>> {
    let keys = (0..count).flat_map(|nth| [Some(key(number * count + nth)), value.map(<[u8]>::to_vec)]);
    std::iter::once(name.as_bytes().to_vec()).chain(keys.flatten()).collect()
}

pub const GET: Kind = Kind { name: "GET", words: |number| words(&[b"GET", &key(number)]) };
pub const MISS: Kind =
    Kind { name: "GET of no key", words: |number| words(&[b"GET", format!("no:{number}").as_bytes()]) };
pub const SET_64: Kind =
    Kind { name: "SET 64 B", words: |number| with_keys("SET", number, 1, Some(&[b'x'; 64])) };
pub const SET_1K: Kind =
    Kind { name: "SET 1 KiB", words: |number| with_keys("SET", number, 1, Some(&[b'x'; 1024])) };
pub const INCR: Kind =
    Kind { name: "INCR", words: |number| words(&[b"INCR", format!("counter:{}", number % KEYS).as_bytes()]) };
pub const MGET_10: Kind = Kind { name: "MGET of 10", words: |number| with_keys("MGET", number, 10, None) };
pub const MSET_10: Kind =
    Kind { name: "MSET of 10", words: |number| with_keys("MSET", number, 10, Some(&[b'x'; 64])) };
pub const INLINE_GET: Kind =
    Kind { name: "GET, inline", words: |number| words(&[b"", b"GET", &key(number)]) };

/// The words of a request.
pub fn words_of(kind: Kind, number: usize) -> Vec<Vec<u8>> {
    (kind.words)(number)
}

/// Requests one behind the other, as bytes of RESP; a request whose first word is empty is inline.
pub fn pipeline(kind: Kind, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..count {
        let words = words_of(kind, number);
        if words[0].is_empty() {
            bytes.extend(words[1..].join(&b' '));
            bytes.extend(b"\r\n");
            continue;
        }
        bytes.extend(format!("*{}\r\n", words.len()).bytes());
        for word in words {
            bytes.extend(format!("${}\r\n", word.len()).bytes());
            bytes.extend(word);
            bytes.extend(b"\r\n");
        }
    }
    bytes
}
