//! Integers in decimal, and which strings are exactly one.

/// The longest decimal form of an `i64`.
const INTEGER_DIGITS_MAX: usize = 20;

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
pub fn decimal_bytes(number: i64) -> usize {
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
