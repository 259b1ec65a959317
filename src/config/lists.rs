//! Values of several words: addresses, save points, output limits, event letters and the like.

use std::fmt::Display;

use super::value::{OutputLimit, Value, ValueError, find_word, loose_integer, memory_bytes};

/// As many addresses as Redis listens on.
const ADDRESSES_MAX: usize = 16;

/// CPU numbers stay below this, so that a range such as 0-4000000000 is refused and not expanded.
const CPUS_MAX: usize = 4096;

/// The classes in the order in which they are shown, and all names that each may be called by.
const CLIENT_CLASSES: [&[&str]; 3] = [&["normal"], &["slave", "replica"], &["pubsub"]];

/// The letters of events in the order in which they are shown. The first ten are what `A` stands for.
const EVENT_LETTERS: &[u8] = b"g$lshzxetdnKEm";
const ALL_EVENTS: u32 = (1 << 10) - 1;
/// Not shown beside `A`, as in Redis, though it is not a part of it.
const NEW_KEY_EVENT: u32 = 1 << 10;

/// Splits at every single space: two in a row have an empty word between them. An empty text has no words.
pub(super) fn split_spaces(text: &[u8]) -> Vec<&[u8]> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|&byte| byte == b' ').collect()
}

pub(super) fn join<T: Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

pub(super) fn parse_addresses(words: &[&[u8]]) -> Result<Value, ValueError> {
    if words.len() > ADDRESSES_MAX {
        return Err(ValueError::TooManyAddresses);
    }
    Ok(Value::Words(words.iter().map(|word| word.to_vec()).collect()))
}

pub(super) fn parse_primary(words: &[Vec<u8>]) -> Result<Value, ValueError> {
    let [host, port] = words else {
        return Err(ValueError::WrongCount);
    };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::Words(Vec::new()));
    }
    match loose_integer(port) {
        Some(0..=65535) => Ok(Value::Words(words.to_vec())),
        _ => Err(ValueError::BadPort),
    }
}

pub(super) fn parse_choices(words: &[&[u8]], choices: &'static [&'static str]) -> Result<Value, ValueError> {
    if words.is_empty() {
        return Err(ValueError::NotOneOf(choices));
    }
    let mut set = 0;
    for word in words {
        set |= 1 << find_word(word, choices)?;
    }
    // The first choice stands for no other, so it adds nothing to them.
    set &= !1;
    let bit = |name: &[u8]| find_word(name, choices).map_or(0, |index| 1 << index);
    let both = bit(b"save") | bit(b"nosave");
    if both != 0 && set & both == both {
        return Err(ValueError::SaveAndNoSave);
    }
    Ok(Value::Choices(set))
}

pub(super) fn show_choices(choices: &[&str], set: u32) -> Vec<u8> {
    if set == 0 {
        return choices[0].into();
    }
    let chosen = choices.iter().enumerate().filter(|(index, _)| set & (1 << index) != 0);
    chosen.map(|(_, word)| *word).collect::<Vec<_>>().join(" ").into_bytes()
}

pub(super) fn parse_save_points(words: &[&[u8]]) -> Result<Value, ValueError> {
    let numbers: Option<Vec<i64>> = words.iter().map(|word| loose_integer(word)).collect();
    let numbers = numbers.ok_or(ValueError::BadSavePoints)?;
    let is_valid = |pair: &[i64]| matches!(pair, [seconds, changes] if *seconds >= 1 && *changes >= 0);
    if !numbers.chunks(2).all(is_valid) {
        return Err(ValueError::BadSavePoints);
    }
    // Redis keeps the number of changes in 32 bits.
    let kept = numbers.chunks(2).flat_map(|pair| [pair[0], i64::from(pair[1] as i32)]);
    Ok(Value::Integers(kept.collect()))
}

pub(super) fn parse_output_limits(words: &[&[u8]], current: &Value) -> Result<Value, ValueError> {
    let Value::OutputLimits(mut limits) = *current else {
        unreachable!("output limits replace output limits")
    };
    if !words.len().is_multiple_of(4) {
        return Err(ValueError::BadLimitCount);
    }
    for group in words.chunks(4) {
        let is_named =
            |names: &&[&str]| names.iter().any(|name| group[0].eq_ignore_ascii_case(name.as_bytes()));
        let class = CLIENT_CLASSES.iter().position(is_named).ok_or(ValueError::BadLimitClass)?;
        let soft_s = loose_integer(group[3]).and_then(|seconds| u64::try_from(seconds).ok());
        let (Some(hard_bytes), Some(soft_bytes), Some(soft_s)) =
            (memory_bytes(group[1]), memory_bytes(group[2]), soft_s)
        else {
            return Err(ValueError::BadLimitNumber);
        };
        limits[class] = OutputLimit { hard_bytes, soft_bytes, soft_s };
    }
    Ok(Value::OutputLimits(limits))
}

pub(super) fn show_output_limits(limits: &[OutputLimit; 3]) -> String {
    let group = |(names, limit): (&&[&str], &OutputLimit)| {
        format!("{} {} {} {}", names[0], limit.hard_bytes, limit.soft_bytes, limit.soft_s)
    };
    CLIENT_CLASSES.iter().zip(limits).map(group).collect::<Vec<_>>().join(" ")
}

pub(super) fn parse_oom_scores(words: &[&[u8]]) -> Result<Value, ValueError> {
    if words.len() != 3 {
        return Err(ValueError::WrongCount);
    }
    let scores: Option<Vec<i64>> = words.iter().map(|word| loose_integer(word)).collect();
    match scores {
        Some(scores) if scores.iter().all(|score| (-2000..=2000).contains(score)) => {
            Ok(Value::Integers(scores))
        }
        _ => Err(ValueError::BadOomScore),
    }
}

pub(super) fn parse_events(words: &[&[u8]]) -> Result<Value, ValueError> {
    let mut set = 0;
    for letter in words.concat() {
        set |= match EVENT_LETTERS.iter().position(|&known| known == letter) {
            Some(index) => 1 << index,
            None if letter == b'A' => ALL_EVENTS,
            None => return Err(ValueError::BadEvent),
        };
    }
    Ok(Value::Choices(set))
}

pub(super) fn show_events(set: u32) -> Vec<u8> {
    let has_all = set & ALL_EVENTS == ALL_EVENTS;
    let hidden = if has_all { ALL_EVENTS | NEW_KEY_EVENT } else { 0 };
    let is_shown = |index: &usize| set & !hidden & (1 << index) != 0;
    let letters = (0..EVENT_LETTERS.len()).filter(is_shown).map(|index| EVENT_LETTERS[index]);
    has_all.then_some(b'A').into_iter().chain(letters).collect()
}

pub(super) fn parse_percentiles(name: &'static str, words: &[&[u8]]) -> Result<Value, ValueError> {
    let mut numbers = Vec::with_capacity(words.len());
    for word in words {
        let number: Option<f64> = std::str::from_utf8(word).ok().and_then(|text| text.parse().ok());
        match number {
            Some(number) if (0.0..=100.0).contains(&number) => numbers.push(number),
            Some(number) if !number.is_nan() => return Err(ValueError::PercentileOutOfRange(name)),
            _ => return Err(ValueError::BadPercentile(name)),
        }
    }
    Ok(Value::Fractions(numbers))
}

pub(super) fn show_fractions(numbers: &[f64]) -> String {
    let show = |number: &f64| {
        let text = format!("{number:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    numbers.iter().map(show).collect::<Vec<_>>().join(" ")
}

/// Checks a CPU list, and keeps it as it was written.
pub(super) fn parse_cpus(word: &[u8]) -> Result<Value, ValueError> {
    cpu_numbers(word).map(|_| Value::Text(word.to_vec())).ok_or(ValueError::BadCpus)
}

/// The CPUs of a list such as `0,2-5`, in its order. `None` for what is no such list.
pub(super) fn cpu_numbers(list: &[u8]) -> Option<Vec<usize>> {
    if list.is_empty() {
        return Some(Vec::new());
    }
    let mut cpus = Vec::new();
    for part in std::str::from_utf8(list).ok()?.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= CPUS_MAX {
            return None;
        }
        cpus.extend(first..=last);
    }
    let mut sorted = cpus.clone();
    sorted.sort_unstable();
    sorted.dedup();
    (sorted.len() == cpus.len()).then_some(cpus)
}
