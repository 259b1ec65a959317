//! Values as callers hand them in and see them: integers, short bytes, and large shared buffers.

use std::borrow::Cow;

use bytes::Bytes;

/// From this many bytes on a string lives in a buffer of its own, shared by count, instead of in its entry.
pub const LARGE_BYTES_MIN: usize = 16 * 1024;
/// The longest string whose encoding is called `embstr`.
pub const EMBEDDED_BYTES_MAX: usize = 44;
/// The longest decimal form of an `i64`.
const INTEGER_DIGITS_MAX: usize = 20;

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

/// Calls `each` with the decimal form of a number.
#[inline]
pub fn with_decimal<R>(number: i64, each: impl FnOnce(&[u8]) -> R) -> R {
    let mut digits = [0; INTEGER_DIGITS_MAX];
    let mut rest = number.unsigned_abs();
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        digits[start] = b'-';
    }
    each(&digits[start..])
}

/// The length of the decimal form of a number.
fn decimal_bytes(number: i64) -> usize {
    let digits = number.unsigned_abs().checked_ilog10().map_or(1, |power| power + 1) as usize;
    digits + usize::from(number < 0)
}

/// The integer whose decimal form is exactly `bytes`: no sign but a leading minus, no leading zero, no space.
#[inline]
pub fn exact_integer(bytes: &[u8]) -> Option<i64> {
    // Most values are no numbers and are refused by their first byte.
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let plain = matches!(digits, [b'1'..=b'9', ..]) && bytes.len() <= INTEGER_DIGITS_MAX;
    if !plain {
        return (bytes == b"0").then_some(0);
    }
    let mut number = 0i64;
    for &digit in digits {
        let digit = i64::from(digit.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        // Negative numbers reach one further, so the sum is kept below zero.
        number = number.checked_mul(10)?.checked_sub(digit)?;
    }
    if negative { Some(number) } else { number.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::{decimal_bytes, exact_integer, with_decimal};

    #[test]
    fn only_exact_decimal_forms_are_integers() {
        for number in [0, 1, -1, 10, -10, 99, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            assert_eq!(exact_integer(number.to_string().as_bytes()), Some(number));
            assert_eq!(decimal_bytes(number), number.to_string().len());
            with_decimal(number, |digits| assert_eq!(digits, number.to_string().as_bytes()));
        }
        for text in [
            "",
            "-",
            "-0",
            "+1",
            " 1",
            "1 ",
            "01",
            "-01",
            "1a",
            "a",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "123456789012345678901",
        ] {
            assert_eq!(exact_integer(text.as_bytes()), None, "{text}");
        }
    }
}
