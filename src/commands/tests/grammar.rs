//! What must hold between the parts of every row.

use crate::commands::row::{Argument, ArgumentKind, Keys, Run};
use crate::commands::table::{find, find_full, find_sub};
use crate::commands::{COMMANDS, Command};

fn rows() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().flat_map(|row| [row].into_iter().chain(row.subcommands))
}

#[test]
fn every_row_is_found_by_its_name_in_any_case() {
    for (index, row) in COMMANDS.iter().enumerate() {
        assert_eq!(find(row.name.as_bytes()), Some(index));
        assert_eq!(find(row.name.to_lowercase().as_bytes()), Some(index));
        assert!(row.container.is_none());
        for sub in row.subcommands {
            assert!(std::ptr::eq(find_sub(row, sub.name.to_lowercase().as_bytes()).unwrap(), sub));
            assert_eq!(sub.container, Some(row.name));
        }
    }
    for row in rows() {
        assert_eq!(row.name, row.name.to_uppercase());
        let name = row.full_name();
        assert_eq!(find_full(&name).unwrap().full_name(), name);
    }
    for name in [
        "",
        "G",
        "GE",
        "GETT",
        "GET ",
        "G\0T",
        "config|get",
        "\x07ET",
        "DEL ",
        "DEL\0",
        "DE\0",
        "FLUSHALLS",
        "FLUSHAL",
        "flush\u{c}ll",
    ] {
        assert_eq!(find(name.as_bytes()), None, "{name:?}");
    }
}

#[test]
fn a_container_alone_never_runs() {
    for row in rows().filter(|row| matches!(row.run, Run::Container)) {
        assert!(!row.subcommands.is_empty() && !row.accepts(1), "{}", row.name);
    }
}

/// The fewest and, unless some repeat, the most words that arguments stand for.
fn words(arguments: &[Argument]) -> (usize, Option<usize>) {
    arguments.iter().map(argument_words).fold((0, Some(0)), |(least, most), (fewest, largest)| {
        (least + fewest, most.zip(largest).map(|(most, largest)| most + largest))
    })
}

fn argument_words(argument: &Argument) -> (usize, Option<usize>) {
    let token = usize::from(argument.token.is_some());
    let (fewest, largest) = match argument.kind {
        ArgumentKind::PureToken => (0, Some(0)),
        ArgumentKind::Block(parts) => words(parts),
        ArgumentKind::OneOf(parts) => {
            let each: Vec<_> = parts.iter().map(argument_words).collect();
            let fewest = each.iter().map(|(fewest, _)| *fewest).min().unwrap_or(0);
            (
                fewest,
                each.iter()
                    .map(|(_, largest)| *largest)
                    .collect::<Option<Vec<_>>>()
                    .and_then(|all| all.into_iter().max()),
            )
        }
        _ => (1, Some(1)),
    };
    let fewest = if argument.optional { 0 } else { token + fewest };
    (fewest, largest.filter(|_| !argument.multiple).map(|largest| token + largest))
}

#[test]
fn grammar_and_arity_agree() {
    for row in rows().filter(|row| row.subcommands.is_empty()) {
        let name = String::from_utf8(row.full_name()).unwrap();
        // Redis gives them no grammar, or one that says less than the arity.
        let is_loose = ["quit", "debug", "command|getkeys", "command|getkeysandflags", "client|kill"]
            .contains(&&name[..]);
        if is_loose {
            continue;
        }
        let name_words = 1 + usize::from(row.container.is_some());
        let (least, most) = words(row.docs.arguments);
        assert_eq!(row.arity.unsigned_abs() as usize, name_words + least, "{name}");
        assert_eq!(row.arity > 0, most == Some(least), "{name}");
    }
}

fn names_a_key(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| match argument.kind {
        ArgumentKind::Key(_) => true,
        ArgumentKind::Block(parts) | ArgumentKind::OneOf(parts) => names_a_key(parts),
        _ => false,
    })
}

#[test]
fn rows_with_keys_say_what_they_do_to_them() {
    for row in rows() {
        assert_eq!(names_a_key(row.docs.arguments), row.keys != Keys::None, "{}", row.name);
        assert!(!row.docs.summary.is_empty() && !row.docs.since.is_empty(), "{}", row.name);
        // Redis tells nothing of what these cost.
        let untold = ["MONITOR", "LOLWUT"].contains(&row.name);
        assert_eq!(row.docs.complexity.is_empty(), untold, "{}", row.name);
        let on_shards = matches!(row.run, Run::Shard(_) | Run::Across(_));
        assert!(on_shards || row.keys == Keys::None || row.name == "WATCH", "{}", row.name);
    }
}

/// Many names of three bytes, all of letters among them, and every change of one byte of a row's name.
#[test]
fn no_other_name_is_found() {
    let is_row = |name: &[u8]| COMMANDS.iter().position(|row| row.name.as_bytes().eq_ignore_ascii_case(name));
    for number in 0..1u32 << 24 {
        let bytes = number.to_le_bytes();
        if number % 7 == 0 || bytes[..3].iter().all(u8::is_ascii_alphabetic) {
            assert_eq!(find(&bytes[..3]), is_row(&bytes[..3]), "{:?}", &bytes[..3]);
        }
    }
    for length in [0, 1, 65_535, 65_536, 65_539] {
        assert_eq!(find(&vec![b' '; length]), None);
        assert_eq!(find(&vec![0xff; length]), None);
    }
    for row in &COMMANDS {
        let mut name = row.name.as_bytes().to_vec();
        for index in 0..name.len() {
            for byte in 0..=u8::MAX {
                let before = std::mem::replace(&mut name[index], byte);
                assert_eq!(find(&name), is_row(&name), "{name:?}");
                name[index] = before;
            }
        }
    }
}
