//! MEMORY: what keys and the process take.

use crate::commands::call::{Ask, Call, MemoryMatter, Next, SessionCall};
use crate::commands::docs::server as docs;
use crate::commands::error::CommandError;
use crate::commands::help;
use crate::commands::info::AllocatorFacts;
use crate::commands::numbers;
use crate::commands::row::{Access, Command, Docs, Flags, Keys::At, container, read, session};
use crate::protocol::Reply;

pub const COMMANDS: &[Command] = &[container("MEMORY", -2, MEMORY, &docs::MEMORY)];

const MEMORY: &[Command] = &[
    about_process("STATS", |_| Ok(ask(MemoryMatter::Figures)), &docs::MEMORY_STATS),
    about_process("MALLOC-STATS", |_| Ok(ask(MemoryMatter::Allocator)), &docs::MEMORY_MALLOC_STATS),
    about_process("DOCTOR", |_| Ok(ask(MemoryMatter::Advice)), &docs::MEMORY_DOCTOR),
    about_process("PURGE", |_| Ok(ask(MemoryMatter::Purge)), &docs::MEMORY_PURGE),
    read("USAGE", -3, At(2), usage, &docs::MEMORY_USAGE).within("MEMORY").access(Access::READ_ONLY),
    about_process("HELP", help, &docs::MEMORY_HELP).flags(Flags::LOADING.and(Flags::STALE)),
];

const fn about_process(
    name: &'static str,
    run: fn(&mut SessionCall) -> Result<Next, CommandError>,
    docs: &'static Docs,
) -> Command {
    session(name, 2, run, docs).within("MEMORY")
}

fn ask(matter: MemoryMatter) -> Next {
    Next::Ask(Ask::Memory(matter))
}

/// The logical size of the key's entry, with the key itself. No value has to be sampled: the size of each is known.
fn usage(call: &mut Call) -> Result<(), CommandError> {
    let mut options = call.args.iter().skip(3);
    while let Some(word) = options.next() {
        let count = options.next().filter(|_| word.eq_ignore_ascii_case(b"SAMPLES"));
        if numbers::long(count.ok_or(CommandError::Syntax)?)? < 0 {
            return Err(CommandError::Syntax);
        }
    }
    let now_ms = call.turn.now_ms();
    // Neither a use of the key nor a lookup that counts.
    match call.keyspace.peek(call.database.into(), &call.key, now_ms) {
        Some(entry) => call.reply.integer(entry.memory_bytes() as i64),
        None => call.reply.null(),
    }
    Ok(())
}

/// What MEMORY STATS and MEMORY DOCTOR tell, in bytes.
#[derive(Clone, Debug, Default)]
pub struct MemoryFigures {
    pub used: u64,
    pub used_peak: u64,
    pub resident: u64,
    pub allocator: AllocatorFacts,
    /// The logical size of all entries.
    pub dataset: u64,
    pub key_count: u64,
    /// Databases that have keys.
    pub databases: Vec<DatabaseOverhead>,
}

/// What finding the keys of a database takes, beside its entries.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseOverhead {
    pub index: u8,
    pub table_bytes: u64,
    pub schedule_bytes: u64,
}

/// Replies with the figures, under the names of Redis. What describes something that is not there is absent, except where
/// nothing of it is the truth.
pub fn write_figures(figures: &MemoryFigures, reply: &mut Reply) {
    const NOT_IN_USE: [&str; 6] = [
        "replication.backlog",
        "clients.slaves",
        "cluster.links",
        "aof.buffer",
        "lua.caches",
        "functions.caches",
    ];
    let MemoryFigures { used, used_peak, dataset, .. } = *figures;
    let allocator = &figures.allocator;
    reply.map(2 + NOT_IN_USE.len() + figures.databases.len() + 17);
    integer("peak.allocated", used_peak as i64, reply);
    integer("total.allocated", used as i64, reply);
    NOT_IN_USE.iter().for_each(|name| integer(name, 0, reply));
    for database in &figures.databases {
        reply.bulk(format!("db.{}", database.index).as_bytes());
        reply.map(3);
        integer("overhead.hashtable.main", database.table_bytes as i64, reply);
        integer("overhead.hashtable.expires", database.schedule_bytes as i64, reply);
        integer("overhead.hashtable.slot-to-keys", 0, reply);
    }
    integer("overhead.total", used.saturating_sub(dataset) as i64, reply);
    integer("keys.count", figures.key_count as i64, reply);
    integer("keys.bytes-per-key", dataset.checked_div(figures.key_count).unwrap_or(0) as i64, reply);
    integer("dataset.bytes", dataset as i64, reply);
    double("dataset.percentage", 100.0 * ratio(dataset, used), reply);
    double("peak.percentage", 100.0 * ratio(used, used_peak), reply);
    integer("allocator.allocated", allocator.allocated as i64, reply);
    integer("allocator.active", allocator.active as i64, reply);
    integer("allocator.resident", allocator.resident as i64, reply);
    excess("allocator-fragmentation.", allocator.active, allocator.allocated, reply);
    excess("allocator-rss.", allocator.resident, allocator.active, reply);
    excess("rss-overhead.", figures.resident, allocator.resident, reply);
    double("fragmentation", ratio(figures.resident, used), reply);
    integer("fragmentation.bytes", figures.resident as i64 - used as i64, reply);
}

fn integer(name: &str, number: i64, reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    reply.integer(number);
}

fn double(name: &str, number: f64, reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    reply.double(&number.to_string());
}

/// How much more one figure is than another, as a ratio and in bytes.
fn excess(name: &str, more: u64, less: u64, reply: &mut Reply) {
    double(&format!("{name}ratio"), ratio(more, less), reply);
    integer(&format!("{name}bytes"), more as i64 - less as i64, reply);
}

fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Below this nothing can be said of the proportions.
const JUDGED_BYTES_MIN: u64 = 5 << 20;
/// What is lost below this is not worth a word.
const LOSS_BYTES_MIN: u64 = 10 << 20;

/// What the figures mean for an operator, as text.
pub fn advice(figures: &MemoryFigures) -> String {
    if figures.used < JUDGED_BYTES_MIN {
        return "So little memory is in use that its proportions say nothing yet.\n".into();
    }
    let is_lost = |more: u64, less: u64, bound: f64| {
        ratio(more, less) > bound && more.saturating_sub(less) > LOSS_BYTES_MIN
    };
    let allocator = &figures.allocator;
    let findings = [
        (
            ratio(figures.used_peak, figures.used) > 1.5,
            "* Peak: more than one and a half times as much was in use at some time. The allocator keeps some of it for a \
             while; MEMORY PURGE gives it back at once.",
        ),
        (
            is_lost(figures.resident, figures.used, 1.4),
            "* Fragmentation: the process takes more than 1.4 times the memory that is in use. The lines below say where it \
             is; without any, it belongs to the program itself.",
        ),
        (
            is_lost(allocator.active, allocator.allocated, 1.1),
            "* Allocator: its pages are filled badly, as happens when values of many sizes come and go.",
        ),
        (
            is_lost(allocator.resident, allocator.active, 1.1),
            "* Allocator: it holds pages without anything in them. MEMORY PURGE gives them back.",
        ),
        (
            is_lost(figures.resident, allocator.resident, 1.1),
            "* Process: much of its memory is not the allocator's: queues, rings and the buffers of connections.",
        ),
    ];
    let lines: Vec<&str> = findings.iter().filter(|(applies, _)| *applies).map(|(_, line)| *line).collect();
    match lines.is_empty() {
        true => "Nothing about the use of memory looks wrong.\n".into(),
        false => format!("{}\n", lines.join("\n")),
    }
}

fn help(call: &mut SessionCall) -> Result<Next, CommandError> {
    help::write(&mut call.reply, "MEMORY", HELP);
    Ok(Next::Done)
}

const HELP: help::Lines = &[
    ("DOCTOR", &["Says what about the use of memory looks wrong."]),
    ("MALLOC-STATS", &["Shows what the allocator tells of itself."]),
    ("PURGE", &["Has the allocator give unused pages back to the system."]),
    ("STATS", &["Shows figures about the memory of the server."]),
    (
        "USAGE <key> [SAMPLES <count>]",
        &[
            "Tells how many bytes <key> and its value take. The size of each value is known, so that",
            "<count> does not matter.",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::{AllocatorFacts, MemoryFigures, advice};

    #[test]
    fn advice_names_what_is_lost() {
        const MIB: u64 = 1 << 20;
        let allocator = AllocatorFacts { allocated: 100 * MIB, active: 101 * MIB, resident: 103 * MIB };
        let sound = MemoryFigures {
            used: 100 * MIB,
            used_peak: 110 * MIB,
            resident: 104 * MIB,
            allocator,
            ..MemoryFigures::default()
        };
        let findings =
            |figures: MemoryFigures| advice(&figures).lines().filter(|line| line.starts_with('*')).count();
        assert_eq!(findings(sound.clone()), 0);
        assert_eq!(findings(MemoryFigures { used_peak: 200 * MIB, ..sound.clone() }), 1);
        assert_eq!(findings(MemoryFigures { resident: 200 * MIB, ..sound.clone() }), 2);
        let sparse = AllocatorFacts { active: 130 * MIB, resident: 130 * MIB, allocated: 100 * MIB };
        assert_eq!(findings(MemoryFigures { resident: 131 * MIB, allocator: sparse, ..sound.clone() }), 1);
        assert_eq!(findings(MemoryFigures { used: MIB, used_peak: 200 * MIB, ..sound }), 0);
    }
}
