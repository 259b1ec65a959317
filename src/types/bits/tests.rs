//! Each loop against a twin that looks at one bit after the other.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Combination, Field, Overflow, bit, combine, count, count_in, position, replace_bit};

/// Bytes in long runs of one value, as bitmaps have them, at lengths around those of words and blocks.
fn bitmap() -> impl Strategy<Value = Vec<u8>> {
    let run = (prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 0usize..90);
    vec(run, 0..6).prop_map(|runs| runs.iter().flat_map(|&(byte, count)| vec![byte; count]).collect())
}

fn all_bits(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |place| byte >> (7 - place) & 1 == 1)).collect()
}

/// A range within the bits of a string, made from two numbers.
fn range_of(bytes: &[u8], (one, other): (u64, u64)) -> Range<u64> {
    let bits = bytes.len() as u64 * 8 + 1;
    let (one, other) = (one % bits, other % bits);
    one.min(other)..one.max(other)
}

fn naive_position(bytes: &[u8], wanted: bool, range: Range<u64>) -> Option<u64> {
    range.clone().find(|&offset| all_bits(bytes)[offset as usize] == wanted)
}

fn naive_combine(combination: Combination, sources: &[Vec<u8>]) -> Vec<u8> {
    let length = sources.iter().map(Vec::len).max().unwrap_or(0);
    let at = |source: &Vec<u8>, index: usize| source.get(index).copied().unwrap_or(0);
    let byte = |index: usize| {
        let bytes = sources.iter().map(|source| at(source, index));
        match combination {
            Combination::And => bytes.fold(0xff, |all, byte| all & byte),
            Combination::Or => bytes.fold(0, |all, byte| all | byte),
            Combination::Xor => bytes.fold(0, |all, byte| all ^ byte),
            Combination::Not => !at(&sources[0], index),
        }
    };
    (0..length).map(byte).collect()
}

fn naive_read(field: Field, is_signed: bool, bytes: &[u8], offset: u64) -> i64 {
    let bits = (offset..offset + u64::from(field.width())).map(|offset| bit(bytes, offset));
    let number = bits.clone().fold(0i128, |number, bit| number << 1 | i128::from(bit));
    let is_negative = is_signed && bits.clone().next() == Some(true);
    (number - if is_negative { 1 << field.width() } else { 0 }) as i64
}

fn field() -> impl Strategy<Value = (Field, bool)> {
    let kind = |(is_signed, width)| Field::new(is_signed, width).map(|field| (field, is_signed));
    (any::<bool>(), 1u32..=64).prop_filter_map("no u64", kind)
}

/// Numbers near the limits of fields as well as any.
fn number() -> impl Strategy<Value = i64> {
    let near_power = (0u32..64, -2i64..3, any::<bool>()).prop_map(|(power, distance, negative)| {
        let power = 1i64.wrapping_shl(power).wrapping_add(distance);
        if negative { power.wrapping_neg() } else { power }
    });
    prop_oneof![any::<i64>(), near_power]
}

proptest! {
    #[test]
    fn bits_are_counted(bytes in bitmap(), ends: (u64, u64)) {
        let bits = all_bits(&bytes);
        prop_assert_eq!(count(&bytes), bits.iter().filter(|&&bit| bit).count() as u64);
        let range = range_of(&bytes, ends);
        let part = &bits[range.start as usize..range.end as usize];
        prop_assert_eq!(count_in(&bytes, range), part.iter().filter(|&&bit| bit).count() as u64);
    }

    #[test]
    fn the_first_bit_is_found(bytes in bitmap(), ends: (u64, u64), wanted: bool) {
        let range = range_of(&bytes, ends);
        let expected = naive_position(&bytes, wanted, range.clone());
        prop_assert_eq!(position(&bytes, wanted, range), expected);
    }

    #[test]
    fn strings_are_combined(sources in vec(bitmap(), 1..4), repeat in 1usize..40) {
        let sources: Vec<Vec<u8>> = sources.iter().map(|source| source.repeat(repeat)).collect();
        let borrowed: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
        for combination in [Combination::And, Combination::Or, Combination::Xor] {
            let expected = naive_combine(combination, &sources);
            prop_assert_eq!(combine(combination, &borrowed), expected);
        }
        let expected = naive_combine(Combination::Not, &sources[..1]);
        prop_assert_eq!(combine(Combination::Not, &borrowed[..1]), expected);
    }

    #[test]
    fn one_bit_is_replaced(bytes in bitmap(), place: u64, is_set: bool) {
        prop_assume!(!bytes.is_empty());
        let offset = place % (bytes.len() as u64 * 8);
        let mut expected = all_bits(&bytes);
        let former = std::mem::replace(&mut expected[offset as usize], is_set);
        let mut changed = bytes.clone();
        prop_assert_eq!(bit(&bytes, offset), former);
        prop_assert_eq!(replace_bit(&mut changed, offset, is_set), former);
        prop_assert_eq!(all_bits(&changed), expected);
        prop_assert!(!bit(&bytes, bytes.len() as u64 * 8 + place % 100));
    }

    #[test]
    fn fields_are_read_and_written(bytes in bitmap(), place: u64, (field, is_signed) in field(), number in number()) {
        let offset = place % (bytes.len() as u64 * 8 + 20);
        prop_assert_eq!(field.read(&bytes, offset), naive_read(field, is_signed, &bytes, offset));
        let end = offset + u64::from(field.width());
        let mut written = bytes.clone();
        written.resize(bytes.len().max(end.div_ceil(8) as usize), 0);
        let mut expected = all_bits(&written);
        for (place, bit) in (offset..end).rev().zip(0..64) {
            expected[place as usize] = number >> bit & 1 == 1;
        }
        field.write(&mut written, offset, number);
        prop_assert_eq!(all_bits(&written), expected);
    }

    #[test]
    fn sums_fit_their_fields((field, is_signed) in field(), one in number(), other in number()) {
        let bits = field.width();
        let held = field.accept(one, Overflow::Wrap).expect("wrapping never fails");
        let number = |number: i64| if is_signed { i128::from(number) } else { i128::from(number as u64) };
        let (least, greatest) = match is_signed {
            true => (-(1i128 << bits) / 2, (1i128 << bits) / 2 - 1),
            false => (0, (1i128 << bits) - 1),
        };
        let modulus = 1i128 << bits;
        let expected = |exact: i128, overflow| match overflow {
            _ if (least..=greatest).contains(&exact) => Some(exact),
            Overflow::Wrap => Some((exact - least).rem_euclid(modulus) + least),
            Overflow::Saturate => Some(if exact < least { least } else { greatest }),
            Overflow::Fail => None,
        };
        for overflow in [Overflow::Wrap, Overflow::Saturate, Overflow::Fail] {
            let sum = i128::from(held) + i128::from(other);
            prop_assert_eq!(field.add(held, other, overflow).map(i128::from), expected(sum, overflow));
            // What counts as large however negative has a test of its own.
            let is_odd = is_signed && bits < 64 && greatest - i128::from(one) > i64::MAX.into();
            if !(is_odd && overflow == Overflow::Saturate) {
                prop_assert_eq!(field.accept(one, overflow).map(i128::from), expected(number(one), overflow));
            }
        }
    }
}

/// As redis-server 7.0.15 does, whose arithmetic wraps there.
#[test]
fn numbers_very_far_below_count_as_large() {
    for (width, number, held) in [
        (32, i64::MIN, i64::from(i32::MAX)),
        (32, -9_223_372_034_707_292_161, i64::from(i32::MAX)),
        (32, -9_223_372_034_707_292_160, i64::from(i32::MIN)),
        (1, i64::MIN, 0),
        (1, i64::MIN + 1, -1),
        (64, i64::MIN, i64::MIN),
    ] {
        let field = Field::new(true, width).expect("a width");
        assert_eq!(field.accept(number, Overflow::Saturate), Some(held), "i{width} {number}");
        assert_eq!(field.accept(number, Overflow::Fail).is_some(), width == 64);
    }
}

#[test]
fn there_are_no_wider_fields() {
    assert!(Field::new(true, 0).is_none() && Field::new(false, 0).is_none());
    assert!(Field::new(true, 64).is_some() && Field::new(true, 65).is_none());
    assert!(Field::new(false, 63).is_some() && Field::new(false, 64).is_none());
}
