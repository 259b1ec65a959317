//! Numbers as INCRBYFLOAT counts with them: the 80 bits of x87, read and written as the C library of Redis does.

use rustc_apfloat::Float as _;
use rustc_apfloat::ieee::X87DoubleExtended;

/// The longest text that is read as a number; Redis copies it to a buffer of one byte more.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
/// Digits behind the point.
const FRACTION_DIGITS: usize = 17;
const FRACTION_SCALE: u128 = 10u128.pow(FRACTION_DIGITS as u32);

/// A number of 64 significant bits, or an infinity.
#[derive(Clone, Copy, Debug)]
pub struct Extended(X87DoubleExtended);

impl Extended {
    /// The number that a text stands for: decimal, hexadecimal, or `inf`, with nothing around it. One that is too large, or so
    /// small that it would be 0, is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (is_negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let magnitude = match is_infinity(digits) {
            true => X87DoubleExtended::INFINITY,
            false => magnitude(digits)?,
        };
        Some(Extended(if is_negative { -magnitude } else { magnitude }))
    }

    pub fn from_integer(number: i64) -> Self {
        // 64 significant bits are enough for any.
        Extended(X87DoubleExtended::from_i128(number.into()).value)
    }

    /// The sum, if it is a number and finite.
    pub fn plus(self, other: Self) -> Option<Self> {
        let sum = (self.0 + other.0).value;
        sum.is_finite().then_some(Extended(sum))
    }

    /// The decimal form of a finite number, rounded to 17 digits behind the point, without needless zeroes and without an exponent.
    pub fn to_text(self) -> String {
        let bits = self.0.to_bits();
        let (significand, exponent) = (bits as u64, (bits >> 64) as i32 & 0x7fff);
        // The significand is an integer here; subnormal numbers have the least exponent as well.
        let power = exponent.max(1) - 16_383 - 63;
        let (whole, fraction) = match u32::try_from(power) {
            Ok(power) => (shifted(significand, power), 0),
            Err(_) => split(significand, power.unsigned_abs()),
        };
        let mut text = whole;
        if fraction > 0 {
            let digits = format!("{fraction:0FRACTION_DIGITS$}");
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        if self.0.is_negative() && text != "0" {
            text.insert(0, '-');
        }
        text
    }
}

fn is_infinity(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity")
}

/// The number of a text without sign.
fn magnitude(text: &[u8]) -> Option<X87DoubleExtended> {
    let (is_hexadecimal, digits) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let has_exponent = match is_hexadecimal {
        true => grammar(digits, u8::is_ascii_hexdigit, b'p')?,
        false => grammar(digits, u8::is_ascii_digit, b'e')?,
    };
    let mut text = str::from_utf8(text).expect("the grammar is of ASCII").to_owned();
    if is_hexadecimal && !has_exponent {
        text.push_str("p0");
    }
    let value = X87DoubleExtended::from_str_r(&text, rustc_apfloat::Round::NearestTiesToEven).ok()?.value;
    let significant =
        digits.split(|byte| byte.eq_ignore_ascii_case(if is_hexadecimal { &b'p' } else { &b'e' }));
    let is_zero = significant.take(1).flatten().all(|byte| matches!(byte, b'0' | b'.'));
    (value.is_finite() && value.is_zero() == is_zero).then_some(value)
}

/// Whether digits with at most one point, and perhaps an exponent, are well formed: tells if there is an exponent.
fn grammar(text: &[u8], is_digit: fn(&u8) -> bool, exponent_letter: u8) -> Option<bool> {
    let run = |text: &[u8], is_digit: fn(&u8) -> bool| text.iter().take_while(|byte| is_digit(byte)).count();
    let whole = run(text, is_digit);
    let (fraction, rest) = match &text[whole..] {
        [b'.', rest @ ..] => (run(rest, is_digit), &rest[run(rest, is_digit)..]),
        rest => (0, rest),
    };
    if whole + fraction == 0 {
        return None;
    }
    let exponent = match rest {
        [] => return Some(false),
        [letter, b'+' | b'-', digits @ ..] | [letter, digits @ ..]
            if letter.to_ascii_lowercase() == exponent_letter =>
        {
            digits
        }
        _ => return None,
    };
    (!exponent.is_empty() && run(exponent, u8::is_ascii_digit) == exponent.len()).then_some(true)
}

/// `significand` divided by two to `power`: the whole part as text, and so many units of the last digit.
fn split(significand: u64, power: u32) -> (String, u128) {
    // Less than half of a unit.
    if power > 125 {
        return ("0".into(), 0);
    }
    let whole = u128::from(significand) >> power;
    let rest = u128::from(significand) - (whole << power);
    // The rest has 64 bits at most, and the scale has 57.
    let scaled = rest * FRACTION_SCALE;
    let (units, remainder) = (scaled >> power, scaled & ((1 << power) - 1));
    let half = 1 << (power - 1);
    let is_up = remainder > half || remainder == half && units & 1 == 1;
    let units = units + u128::from(is_up);
    ((whole + units / FRACTION_SCALE).to_string(), units % FRACTION_SCALE)
}

/// The decimal form of `significand` times two to `power`.
fn shifted(significand: u64, power: u32) -> String {
    /// The digits of one limb.
    const LIMB_DIGITS: usize = 18;
    const LIMB: u128 = 10u128.pow(LIMB_DIGITS as u32);
    if power < 64 {
        return (u128::from(significand) << power).to_string();
    }
    // The lowest limb comes first.
    let mut limbs = vec![u128::from(significand) % LIMB, u128::from(significand) / LIMB];
    let mut left = power;
    while left > 0 {
        let step = left.min(32);
        let mut carry = 0;
        for limb in &mut limbs {
            let product = (*limb << step) + carry;
            (*limb, carry) = (product % LIMB, product / LIMB);
        }
        if carry > 0 {
            limbs.push(carry);
        }
        left -= step;
    }
    let digits: String = limbs.iter().rev().map(|limb| format!("{limb:0LIMB_DIGITS$}")).collect();
    digits.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Extended;

    fn read(text: &str) -> Option<String> {
        let number = Extended::parse(text.as_bytes())?;
        Some(number.plus(Extended::from_integer(0)).map_or("not finite".into(), Extended::to_text))
    }

    fn sum(one: &str, other: &str) -> String {
        let [one, other] = [one, other].map(|text| Extended::parse(text.as_bytes()).expect("a number"));
        one.plus(other).expect("a finite sum").to_text()
    }

    /// As redis-server 7.0.15 answers.
    #[test]
    fn texts_are_read_as_the_c_library_does() {
        for (text, number) in [
            ("0.1", "0.1"),
            ("0x1p3", "8"),
            ("0X.8P1", "1"),
            ("0x1.8", "1.5"),
            ("1.", "1"),
            (".5", "0.5"),
            ("+5.0e3", "5000"),
            ("-0", "0"),
            ("-1e-30", "0"),
            ("1e-17", "0.00000000000000001"),
            ("0e99999", "0"),
            ("1e-4950", "0"),
            ("9223372036854775807", "9223372036854775807"),
            ("123456789012345678901234567890", "123456789012345678899921813504"),
            ("-inf", "not finite"),
            ("Infinity", "not finite"),
        ] {
            assert_eq!(read(text).as_deref(), Some(number), "{text}");
        }
        for text in [
            "",
            " 1",
            "1 ",
            "1\0",
            ".",
            "-",
            "1e",
            "1e+",
            "0x",
            "0x.",
            "0x1p",
            "1e5000",
            "1e-5000",
            "0x1p-20000",
            "nan",
            "-nan",
            "nan(1)",
            "infinite",
            "1..2",
            "1e1.5",
            "--1",
            "1_000",
            "0b1",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        let long = |length: usize| format!("1{}", "0".repeat(length - 1));
        assert_eq!(read(&long(4000)).map(|text| text.len()), Some(4000));
        assert_eq!(read(&format!("0.{}", "1".repeat(5117))).as_deref(), Some("0.11111111111111111"));
        assert_eq!(read(&format!("0.{}", "1".repeat(5118))), None);
    }

    #[test]
    fn sums_have_eighty_bits() {
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("9223372036854775807", "1"), "9223372036854775808");
        assert_eq!(sum("-1", "0.999999999999999999999"), "0");
        assert_eq!(sum("1e300", "0").len(), 301);
        let largest = Extended::parse(b"1.18e4932").expect("a number");
        assert!(largest.plus(largest).is_none());
        let endless = Extended::parse(b"inf").expect("a number");
        assert!(endless.plus(Extended::parse(b"-inf").expect("a number")).is_none());
    }

    proptest! {
        /// Integers, and doubles that need fewer digits than are written, have one exact form.
        #[test]
        fn exact_numbers_are_written_exactly(integer: i64, numerator in -1_000_000i64..1_000_000, power in 0u32..10) {
            prop_assert_eq!(Extended::from_integer(integer).to_text(), integer.to_string());
            let fraction = numerator as f64 / f64::from(1u32 << power);
            prop_assert_eq!(read(&fraction.to_string()), Some(fraction.to_string().replace("-0", if fraction == 0.0 { "0" } else { "-0" })));
        }

        #[test]
        fn powers_of_two_are_written_exactly(power in 0u32..128) {
            let text = format!("0x1p{power}");
            prop_assert_eq!(read(&text), Some((1u128 << power.min(127)).to_string()).filter(|_| power < 128));
        }
    }
}
