//! All keys of both servers, compared.

use super::common::{Client, Server};
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
    }
    let (our, their) = (key_counts(&mut ours), key_counts(&mut theirs));
    match our == their {
        true => Ok(()),
        false => Err((Vec::new(), format!("keys and deadlines\n  ours:  {our:?}\n  redis: {their:?}"))),
    }
}

/// `db0:keys=3,expires=1` of each database that has keys.
fn key_counts(client: &mut Client) -> Vec<String> {
    let text = client.ask("INFO keyspace").string();
    let lines = text.lines().filter(|line| line.starts_with("db"));
    lines.map(|line| line.split(",avg_ttl").next().unwrap_or(line).to_owned()).collect()
}
