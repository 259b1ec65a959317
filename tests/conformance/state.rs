//! All keys of both servers, compared: value, type, encoding and deadline.

use std::collections::BTreeSet;

use super::common::{Client, Server, Value, request};
use super::comparers::{Comparer, comparer_of};
use super::samples::{DATABASES, KEYS, LARGE_BYTES_MIN};

/// The kinds of values that comparisons have met.
#[derive(Default)]
pub struct Kinds(BTreeSet<String>);

impl Kinds {
    pub fn add(&mut self, other: Kinds) {
        self.0.extend(other.0);
    }

    /// Fails when a run did not come by some kind.
    pub fn check(&self) {
        for encoding in ["int", "embstr", "raw", "raw large"] {
            for kept in ["for good", "until later"] {
                let kind = format!("{encoding} {kept}");
                assert!(self.0.contains(&kind), "no {kind} among {:?}", self.0);
            }
        }
    }
}

/// The kinds of values that are the same in both, or the keys that differ, and how.
pub fn compare(basalt: &Server, redis: &Server) -> Result<Kinds, (Vec<Vec<u8>>, String)> {
    let (mut ours, mut theirs) = (basalt.client(), redis.client());
    let mut kinds = Kinds::default();
    for database in DATABASES {
        for client in [&mut ours, &mut theirs] {
            client.ask(&format!("SELECT {database}"));
        }
        for key in KEYS {
            let (our, their) = (look(&mut ours, key), look(&mut theirs, key));
            if let Err(difference) = same(&our, &their) {
                let text = format!("database {database}, {difference}\n  ours:  {our:?}\n  redis: {their:?}");
                return Err((vec![key.to_vec()], text));
            }
            kinds.0.extend(kind(&their));
        }
        for options in WALKS {
            let (our, their) = (walk(&mut ours, options), walk(&mut theirs, options));
            if our != their {
                let text = format!("SCAN {options} of {database}\n  ours:  {our:?}\n  redis: {their:?}");
                return Err((Vec::new(), text));
            }
        }
    }
    let (our, their) = (key_counts(&mut ours), key_counts(&mut theirs));
    match our == their {
        true => Ok(kinds),
        false => Err((Vec::new(), format!("keys and deadlines\n  ours:  {our:?}\n  redis: {their:?}"))),
    }
}

/// What is asked about each key.
const LOOKS: [&[&[u8]]; 4] = [&[b"GET"], &[b"TYPE"], &[b"OBJECT", b"ENCODING"], &[b"PEXPIRETIME"]];

fn look(client: &mut Client, key: &[u8]) -> [Value; 4] {
    client.send(&LOOKS.map(|words| request(&[words, &[key]].concat())).concat());
    LOOKS.map(|_| client.read())
}

fn same(ours: &[Value; 4], theirs: &[Value; 4]) -> Result<(), String> {
    for (index, words) in LOOKS.iter().enumerate() {
        let path = words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join("|");
        super::compare::compare(comparer_of(&path).unwrap_or(Comparer::Exact), &ours[index], &theirs[index])
            .map_err(|_| path)?;
    }
    Ok(())
}

/// `raw large until later`, if there is a string.
fn kind([value, _, encoding, deadline]: &[Value; 4]) -> Option<String> {
    let bytes = value.text()?.len();
    let size = if bytes >= LARGE_BYTES_MIN { " large" } else { "" };
    let kept = if deadline.integer() < 0 { "for good" } else { "until later" };
    Some(format!("{}{size} {kept}", encoding.string()))
}

/// Options of SCAN that leave something out, or make it take many steps.
const WALKS: &[&str] =
    &["COUNT 1", "COUNT 3 MATCH *key*", "TYPE string", "TYPE LIST COUNT 5", "TYPE nosuch MATCH [^k]*"];

/// The names that a whole walk of SCAN gives.
fn walk(client: &mut Client, options: &str) -> BTreeSet<Value> {
    let mut names = BTreeSet::new();
    // In whatever form the client writes it, the first cursor leads to the first slot.
    let mut cursor = "00".to_owned();
    loop {
        let reply = client.ask(&format!("SCAN {cursor} {options}")).items();
        names.extend(reply[1].items());
        cursor = reply[0].string();
        if cursor == "0" {
            return names;
        }
    }
}

/// `db0:keys=3,expires=1` of each database that has keys.
fn key_counts(client: &mut Client) -> Vec<String> {
    let text = client.ask("INFO keyspace").string();
    let lines = text.lines().filter(|line| line.starts_with("db"));
    lines.map(|line| line.split(",avg_ttl").next().unwrap_or(line).to_owned()).collect()
}
