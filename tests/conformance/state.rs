//! All keys of both servers, compared.

use std::collections::BTreeSet;

use super::common::{Client, Server, Value};
use super::samples::{DATABASES, KEYS};

/// The keys that differ, and how.
pub fn compare(basalt: &Server, redis: &Server) -> Result<(), (Vec<Vec<u8>>, String)> {
    let (mut ours, mut theirs) = (basalt.client(), redis.client());
    for database in DATABASES {
        for client in [&mut ours, &mut theirs] {
            client.ask(&format!("SELECT {database}"));
        }
        for key in KEYS {
            let (our, their) = (ours.command(&[b"GET", *key]), theirs.command(&[b"GET", *key]));
            if our != their {
                let text = format!("database {database}\n  ours:  {our:?}\n  redis: {their:?}");
                return Err((vec![key.to_vec()], text));
            }
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
        true => Ok(()),
        false => Err((Vec::new(), format!("keys and deadlines\n  ours:  {our:?}\n  redis: {their:?}"))),
    }
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
