//! The flags table: every setting is a row of one of these sections, and nothing else knows their names.

mod cluster;
mod cores;
mod directives;
mod memory;
mod observe;
mod persistence;
mod process;
mod replication;
mod security;
mod server;
mod tls;
mod types;

use super::flag::Flag;

pub use directives::DIRECTIVES;
pub use process::SHUTDOWN;

/// Upper bounds that many rows share.
const INT_MAX: i64 = i32::MAX as i64;
const LONG_MAX: i64 = i64::MAX;
const BYTES_MAX: u64 = i64::MAX as u64;
const PORT_MAX: i64 = u16::MAX as i64;
const MIB: u64 = 1 << 20;

/// Some rows that belong together.
#[derive(Debug)]
pub struct Section {
    pub title: &'static str,
    pub flags: &'static [Flag],
}

/// All rows. A value's place in `Config` is its row's place in here.
pub static SECTIONS: &[Section] = &[
    Section { title: "Network and clients", flags: server::FLAGS },
    Section { title: "Cores", flags: cores::FLAGS },
    Section { title: "Process and log", flags: process::FLAGS },
    Section { title: "Memory and expiry", flags: memory::FLAGS },
    Section { title: "Encodings of values", flags: types::FLAGS },
    Section { title: "Scripts, slow log, latency and events", flags: observe::FLAGS },
    Section { title: "Security", flags: security::FLAGS },
    Section { title: "Persistence", flags: persistence::FLAGS },
    Section { title: "Replication", flags: replication::FLAGS },
    Section { title: "Cluster", flags: cluster::FLAGS },
    Section { title: "TLS", flags: tls::FLAGS },
];

/// All rows in order.
pub fn all() -> impl Iterator<Item = &'static Flag> {
    SECTIONS.iter().flat_map(|section| section.flags)
}

/// The row that has this name or alias, the row's index, and the name in the table's spelling.
pub fn find(name: &[u8]) -> Option<(usize, &'static Flag, &'static str)> {
    all().enumerate().find_map(|(index, flag)| {
        let spelled = flag.names().find(|known| name.eq_ignore_ascii_case(known.as_bytes()))?;
        Some((index, flag, spelled))
    })
}
