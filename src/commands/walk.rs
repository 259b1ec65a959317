//! Walks over all keys: KEYS, SCAN, RANDOMKEY.

use crate::commands::call::Call;
use crate::commands::docs::generic as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::{Categories, Command, Keys, Merge, read};
use crate::keyspace::{SLOT_COUNT, cursor_slot};
use crate::protocol::{Args, Out, Reply};
use crate::sys::glob::{Case, glob_match};

pub const COMMANDS: &[Command] = &[
    read("KEYS", 2, Keys::None, keys, &docs::KEYS)
        .every(Merge::Chain)
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS)),
    read("SCAN", -2, Keys::None, scan, &docs::SCAN).by_cursor(1).categories(Categories::KEYSPACE),
    read("RANDOMKEY", 1, Keys::None, random_key, &docs::RANDOMKEY)
        .every(Merge::Weighted)
        .categories(Categories::KEYSPACE),
];

/// The keys that SCAN looks at in one call, unless it is told otherwise.
const SCAN_COUNT: usize = 10;

fn keys(call: &mut Call) -> Result<(), CommandError> {
    let wanted = Wanted { pattern: Some(call.args.at(1)), kind: None };
    let walk = Walk { cursor: 0, end_slot: SLOT_COUNT, count: usize::MAX };
    let (_, found) = collect(call, walk, &wanted);
    found.write(&mut call.reply);
    Ok(())
}

fn scan(call: &mut Call) -> Result<(), CommandError> {
    let cursor = parse_cursor(call.args.at(1)).ok_or(CommandError::Text("ERR invalid cursor"))?;
    let (wanted, count) = scan_options(&call.args)?;
    let end_slot = match u16::try_from(cursor_slot(cursor)) {
        Ok(slot) if usize::from(slot) < SLOT_COUNT => call.slots.next_foreign(slot),
        // Behind the last slot nothing is left.
        _ => SLOT_COUNT,
    };
    let (next, found) = collect(call, Walk { cursor, end_slot, count }, &wanted);
    call.reply.array(2);
    call.reply.bulk(next.to_string().as_bytes());
    found.write(&mut call.reply);
    Ok(())
}

/// One of several shards says how many keys it has as well, so that each key of all is as likely.
fn random_key(call: &mut Call) -> Result<(), CommandError> {
    let database = call.database.into();
    let entry = call.keyspace.random_key(database, call.turn.now_ms());
    let name = entry.map(|entry| entry.key().to_vec());
    if call.turn.process.shards > 1 {
        call.reply.array(2);
        call.reply.integer(call.keyspace.len(database) as i64);
    }
    match name {
        Some(name) => call.reply.bulk(&name),
        None => call.reply.null(),
    }
    Ok(())
}

/// The part of the key space to walk over.
struct Walk {
    cursor: u64,
    end_slot: usize,
    count: usize,
}

/// Which of the keys are wanted.
struct Wanted<'a> {
    pattern: Option<&'a [u8]>,
    /// The name of a type, in any case; one that there is not is that of no key.
    kind: Option<&'a [u8]>,
}

/// Names of keys as elements of an array whose length is known at the end.
#[derive(Default)]
struct Found {
    count: usize,
    names: Out,
}

impl Found {
    fn write(&self, reply: &mut Reply) {
        reply.array(self.count);
        reply.out.append_range(&self.names, Default::default(), self.names.mark());
    }
}

/// The wanted keys of a walk, and the cursor to go on with.
fn collect(call: &mut Call, walk: Walk, wanted: &Wanted) -> (u64, Found) {
    let mut found = Found::default();
    let lookups = &mut *call.lookups;
    let Walk { cursor, end_slot, count } = walk;
    let now_ms = call.turn.now_ms();
    let next = call.keyspace.scan(call.database.into(), cursor, end_slot, count, now_ms, |entry| {
        if !wanted.pattern.is_none_or(|pattern| glob_match(pattern, entry.key(), Case::Sensitive)) {
            return;
        }
        if let Some(kind) = wanted.kind {
            // Redis looks the key up to learn its type.
            lookups.count(true);
            if !kind.eq_ignore_ascii_case(entry.kind().name().as_bytes()) {
                return;
            }
        }
        found.count += 1;
        Reply::new(&mut found.names, call.reply.resp).bulk(entry.key());
    });
    (next, found)
}

/// What stands behind the cursor: which keys are wanted, and how many are to be looked at.
fn scan_options<'a>(args: &Args<'a>) -> Result<(Wanted<'a>, usize), CommandError> {
    let mut wanted = Wanted { pattern: None, kind: None };
    let mut count = SCAN_COUNT;
    let mut words = args.iter().skip(2);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(CommandError::Syntax)?;
        match () {
            () if word.eq_ignore_ascii_case(b"COUNT") => match numbers::long(value)? {
                number @ 1.. => count = number as usize,
                _ => return Err(CommandError::Syntax),
            },
            () if word.eq_ignore_ascii_case(b"MATCH") => wanted.pattern = Some(value),
            () if word.eq_ignore_ascii_case(b"TYPE") => wanted.kind = Some(value),
            () => return Err(CommandError::Syntax),
        }
    }
    Ok((wanted, count))
}

/// A cursor as C's `strtoul` reads it, which Redis uses: nothing at all is 0, and a sign may stand in front.
pub fn parse_cursor(word: &[u8]) -> Option<u64> {
    // A zero byte ends a text of C.
    let text = word.split(|&byte| byte == 0).next().unwrap_or_default();
    let (negative, digits) = match text {
        [] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}
