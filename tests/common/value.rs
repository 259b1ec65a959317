//! Replies as values, of both protocol versions.

use std::fmt;

use super::shown;

/// One reply. Doubles and big numbers keep their text, which is what is compared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    NullBulk,
    NullArray,
    Null,
    Bool(bool),
    Double(Vec<u8>),
    BigNumber(Vec<u8>),
    BulkError(Vec<u8>),
    /// With its format: `txt:...`.
    Verbatim(Vec<u8>),
    Array(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// The bytes of anything that is text.
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(bytes) | Value::Bulk(bytes) | Value::Error(bytes) => Some(bytes),
            Value::Verbatim(bytes) => bytes.get(4..),
            _ => None,
        }
    }

    /// The text of a reply that must be text.
    pub fn string(&self) -> String {
        let text = self.text().unwrap_or_else(|| panic!("not a text: {self:?}"));
        String::from_utf8_lossy(text).into_owned()
    }

    pub fn integer(&self) -> i64 {
        match self {
            Value::Integer(number) => *number,
            other => panic!("not an integer: {other:?}"),
        }
    }

    /// Items of an array, a set or a push, or the keys and values of a map one after the other.
    pub fn items(&self) -> Vec<Value> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items.clone(),
            Value::Map(pairs) => pairs.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect(),
            other => panic!("not an aggregate: {other:?}"),
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_) | Value::BulkError(_))
    }

    /// The length of the value at the start of `bytes`, if it is all there.
    pub fn extent(bytes: &[u8]) -> Option<usize> {
        let line_end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let count = std::str::from_utf8(&bytes[1..line_end]).ok().and_then(|text| text.parse::<usize>().ok());
        let start = line_end + 2;
        match (bytes[0], count) {
            (b'$' | b'=' | b'!', Some(length)) => Some(start + length + 2).filter(|end| *end <= bytes.len()),
            (b'*' | b'~' | b'>' | b'%', Some(count)) => {
                let values = if bytes[0] == b'%' { count * 2 } else { count };
                (0..values).try_fold(start, |at, _| Some(at + Self::extent(&bytes[at..])?))
            }
            _ => Some(start),
        }
    }

    /// Parses the value at the start of `bytes`: itself and its length; `None` when it is not all there.
    pub fn parse(bytes: &[u8]) -> Option<(Value, usize)> {
        let line_end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, next) = (&bytes[1..line_end], line_end + 2);
        let number = || -> i64 {
            let text = std::str::from_utf8(line).ok();
            text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no number: {}", shown(bytes)))
        };
        let line_value = match bytes[0] {
            b'+' => Value::Simple(line.to_vec()),
            b'-' => Value::Error(line.to_vec()),
            b':' => Value::Integer(number()),
            b'_' => Value::Null,
            b'#' => Value::Bool(line == b"t"),
            b',' => Value::Double(line.to_vec()),
            b'(' => Value::BigNumber(line.to_vec()),
            b'$' if line == b"-1" => Value::NullBulk,
            b'*' if line == b"-1" => Value::NullArray,
            b'$' | b'=' | b'!' => return Self::parse_bulk(bytes, next, number() as usize),
            b'*' | b'~' | b'>' | b'%' => return Self::parse_aggregate(bytes, next, number() as usize),
            other => panic!("no reply begins with {:?}: {}", other as char, shown(bytes)),
        };
        Some((line_value, next))
    }

    fn parse_bulk(bytes: &[u8], start: usize, length: usize) -> Option<(Value, usize)> {
        let end = start + length;
        if bytes.len() < end + 2 {
            return None;
        }
        assert!(&bytes[end..end + 2] == b"\r\n", "a bulk ends with CRLF: {}", shown(&bytes[end..]));
        let body = bytes[start..end].to_vec();
        let value = match bytes[0] {
            b'$' => Value::Bulk(body),
            b'=' => Value::Verbatim(body),
            _ => Value::BulkError(body),
        };
        Some((value, end + 2))
    }

    fn parse_aggregate(bytes: &[u8], start: usize, count: usize) -> Option<(Value, usize)> {
        let mut position = start;
        let values = if bytes[0] == b'%' { count * 2 } else { count };
        let mut items = Vec::new();
        for _ in 0..values {
            let rest = &bytes[position..];
            let (item, length) = if rest.is_empty() { None } else { Self::parse(rest) }?;
            items.push(item);
            position += length;
        }
        let value = match bytes[0] {
            b'*' => Value::Array(items),
            b'~' => Value::Set(items),
            b'>' => Value::Push(items),
            _ => Value::Map(items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()),
        };
        Some((value, position))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Simple(text) => write!(f, "+{}", shown(text)),
            Value::Error(text) => write!(f, "-{}", shown(text)),
            Value::Integer(number) => write!(f, ":{number}"),
            Value::Bulk(text) => write!(f, "\"{}\"", shown(text)),
            Value::NullBulk => f.write_str("$-1"),
            Value::NullArray => f.write_str("*-1"),
            Value::Null => f.write_str("_"),
            Value::Bool(truth) => write!(f, "#{truth}"),
            Value::Double(text) => write!(f, ",{}", shown(text)),
            Value::BigNumber(text) => write!(f, "({}", shown(text)),
            Value::BulkError(text) => write!(f, "!{}", shown(text)),
            Value::Verbatim(text) => write!(f, "=\"{}\"", shown(text)),
            Value::Array(items) => f.debug_list().entries(items).finish(),
            Value::Set(items) => f.debug_set().entries(items).finish(),
            Value::Push(items) => f.write_str(">").and_then(|()| f.debug_list().entries(items).finish()),
            Value::Map(pairs) => {
                f.debug_map().entries(pairs.iter().map(|(key, value)| (key, value))).finish()
            }
        }
    }
}
