//! Broken requests: wrong numbers of arguments, words in the wrong place, options twice, numbers that are none.

use super::common::random::Random;

/// What is put where something else should be.
const INTRUDERS: &[&[u8]] = &[
    b"",
    b"0",
    b"-1",
    b"x",
    b"NX",
    b"xx",
    b"EX",
    b"PX",
    b"GET",
    b"KEEPTTL",
    b"nosuch",
    b" 1",
    b"1 ",
    b"+1",
    b"01",
    b"1.5",
    b"1e3",
    b"0x10",
    b"-0",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"\x00",
    b"\xff\xfe",
    b"a b",
    b"a\r\nb",
    b"*",
    b"$5",
];

/// Breaks the request in one or two places; it may stay valid by luck.
pub fn mutate(arguments: &mut Vec<Vec<u8>>, random: &mut Random) {
    for _ in 0..1 + random.below(2) {
        mutate_once(arguments, random);
    }
}

fn mutate_once(arguments: &mut Vec<Vec<u8>>, random: &mut Random) {
    let place = random.below(arguments.len());
    let intruder = random.pick(INTRUDERS).to_vec();
    match random.below(7) {
        0 if arguments.len() > 1 => drop(arguments.remove(place)),
        1 if arguments.len() > 1 => arguments.truncate(1 + random.below(arguments.len() - 1)),
        2 => arguments.push(intruder),
        3 if place > 0 => arguments[place] = intruder,
        4 => arguments.insert(place.max(1), intruder),
        5 => {
            let again = arguments[place.max(1).min(arguments.len() - 1)].clone();
            arguments.push(again);
        }
        6 if arguments.len() > 2 => arguments.swap(place.max(1), 1),
        // Rarely: mostly such a request is only an unknown command.
        _ if random.once_in(5) => arguments[0] = intruder,
        _ => arguments.push(arguments[place].clone()),
    }
}
