//! How the values of each type are put together, as a table, so that those we do not have can be walked past.

/// A part of a value.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Length,
    Text,
    /// So many bytes.
    Raw(u8),
    /// A number with a fraction as versions before 4.0 wrote it: in decimal, its length in one byte.
    Decimal,
    /// A length, and these parts so many times.
    Repeat(&'static [Part]),
    /// What a module wrote, part by part, up to its end.
    Module,
}

use Part::{Decimal, Length, Module, Raw, Repeat, Text};

/// A type of value as the byte before its key says it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub code: u8,
    /// As TYPE says it; for modules what Redis calls their types in general.
    pub type_name: &'static str,
    pub parts: &'static [Part],
}

/// The type of strings, the one that is decoded here.
pub const STRING: u8 = 0;
/// What modules wrote before Redis 4.0: only the module knows where it ends.
pub const OLD_MODULE: u8 = 6;

pub const SHAPES: &[Shape] = &[
    shape(STRING, "string", &[Text]),
    shape(1, "list", &[Repeat(&[Text])]),
    shape(2, "set", &[Repeat(&[Text])]),
    shape(3, "zset", &[Repeat(&[Text, Decimal])]),
    shape(4, "hash", &[Repeat(&[Text, Text])]),
    shape(5, "zset", &[Repeat(&[Text, Raw(8)])]),
    shape(7, "module", &[Length, Module]),
    // A zipmap, ziplist, intset or listpack in one string.
    shape(9, "hash", &[Text]),
    shape(10, "list", &[Text]),
    shape(11, "set", &[Text]),
    shape(12, "zset", &[Text]),
    shape(13, "hash", &[Text]),
    // A list of ziplists; since 7.0 of listpacks and large elements, each told from the other by a length.
    shape(14, "list", &[Repeat(&[Text])]),
    shape(15, "stream", &[Repeat(NODE), Length, ID, ID, Repeat(&[Text, ID, ID, PENDING, Repeat(CONSUMER)])]),
    shape(16, "hash", &[Text]),
    shape(17, "zset", &[Text]),
    shape(18, "list", &[Repeat(&[Length, Text])]),
    shape(
        19,
        "stream",
        &[
            Repeat(NODE),
            Length,
            ID,
            ID,
            ID,
            ID,
            ID,
            ID,
            Length,
            Repeat(&[Text, ID, ID, Length, PENDING, Repeat(CONSUMER)]),
        ],
    ),
    shape(20, "set", &[Text]),
    shape(
        21,
        "stream",
        &[
            Repeat(NODE),
            Length,
            ID,
            ID,
            ID,
            ID,
            ID,
            ID,
            Length,
            Repeat(&[Text, ID, ID, Length, PENDING, Repeat(CONSUMER_7_2)]),
        ],
    ),
];

/// A stream's entries in listpacks, each behind the id it begins at.
const NODE: &[Part] = &[Text, Text];
/// Half of an id: milliseconds or number.
const ID: Part = Length;
/// What a group has handed out: id, time, how often.
const PENDING: Part = Repeat(&[Raw(16), Raw(8), Length]);
/// Name, when it was seen, the ids it has.
const CONSUMER: &[Part] = &[Text, Raw(8), Repeat(&[Raw(16)])];
/// Since 7.2 also when it last did something.
const CONSUMER_7_2: &[Part] = &[Text, Raw(8), Raw(8), Repeat(&[Raw(16)])];

const fn shape(code: u8, type_name: &'static str, parts: &'static [Part]) -> Shape {
    Shape { code, type_name, parts }
}

/// The shape of a type; `None` if there is no such type, or one that nobody can walk past.
#[inline]
pub fn shape_of(code: u8) -> Option<&'static Shape> {
    static BY_CODE: [Option<u8>; 256] = {
        let mut by_code = [None; 256];
        let mut index = 0;
        while index < SHAPES.len() {
            assert!(by_code[SHAPES[index].code as usize].is_none(), "a type has one shape");
            by_code[SHAPES[index].code as usize] = Some(index as u8);
            index += 1;
        }
        by_code
    };
    BY_CODE[usize::from(code)].map(|index| &SHAPES[usize::from(index)])
}
