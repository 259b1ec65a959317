//! Values as callers hand them in and see them: integers, short bytes, and large shared buffers.

use std::borrow::Cow;

use bytes::Bytes;

use crate::types::decimal::{decimal_bytes, with_decimal};

/// From this many bytes on a string lives in a buffer of its own, shared by count, instead of in its entry.
pub const LARGE_BYTES_MIN: usize = 16 * 1024;
/// The longest string whose encoding is called `embstr`.
pub const EMBEDDED_BYTES_MAX: usize = 44;

/// What kind of collection, or string, a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    String = 0,
    List = 1,
    Hash = 2,
    Set = 3,
    Zset = 4,
    Stream = 5,
}

impl Kind {
    /// The name that TYPE gives it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Hash => "hash",
            Kind::Set => "set",
            Kind::Zset => "zset",
            Kind::Stream => "stream",
        }
    }
}

/// A string to store.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Stored as an integer when it is the decimal form of one.
    Bytes(&'a [u8]),
    /// Stored as bytes even if it looks like a number (INCRBYFLOAT).
    Text(&'a [u8]),
    /// Stored as bytes whose encoding is `raw` however short (APPEND, SETRANGE).
    Raw(&'a [u8]),
    Int(i64),
    /// A buffer whose ownership passes to the key space, if it holds `LARGE_BYTES_MIN` bytes or more.
    Large(Bytes),
}

/// A stored string, borrowed. A `Large` one may be cloned: the clone pins the bytes, and a writer replaces them.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Large(&'a Bytes),
}

impl<'a> ValueRef<'a> {
    /// How many bytes the string has; integers count as decimal.
    pub fn len(self) -> usize {
        match self {
            ValueRef::Int(number) => decimal_bytes(number),
            ValueRef::Bytes(bytes) => bytes.len(),
            ValueRef::Large(bytes) => bytes.len(),
        }
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Calls `each` with the bytes of the string; integers become decimal.
    #[inline]
    pub fn with_bytes<R>(self, each: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            ValueRef::Int(number) => with_decimal(number, each),
            ValueRef::Bytes(bytes) => each(bytes),
            ValueRef::Large(bytes) => each(bytes),
        }
    }

    /// The bytes of the string, borrowed if they are stored as such.
    pub fn to_bytes(self) -> Cow<'a, [u8]> {
        match self {
            ValueRef::Int(number) => Cow::Owned(with_decimal(number, <[u8]>::to_vec)),
            ValueRef::Bytes(bytes) => Cow::Borrowed(bytes),
            ValueRef::Large(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// The string as owned bytes; integers become decimal.
    pub fn to_vec(self) -> Vec<u8> {
        match self {
            ValueRef::Int(number) => number.to_string().into_bytes(),
            ValueRef::Bytes(bytes) => bytes.to_vec(),
            ValueRef::Large(bytes) => bytes.to_vec(),
        }
    }
}

/// How a value is stored, by the name that OBJECT ENCODING gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Int,
    Embstr,
    Raw,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw => "raw",
        }
    }
}
