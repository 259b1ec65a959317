//! What COMMAND tells: compared for the rows that both have, without regard to the order of rows.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use basalt::commands::COMMANDS;

use super::common::{Client, Value};
use super::compare::{equal, pairs, without};

/// Rows that are newer than the Redis compared with.
const LATER: &[&str] = &["client|setinfo", "client|no-touch"];

/// Position of the name and of the subcommands in an entry of COMMAND INFO.
const NAME: usize = 0;
const SUBCOMMANDS: usize = 9;

/// Lower-case names of the rows that both should have: `get`, `client`, `client|kill`.
pub static SHARED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut names = BTreeSet::new();
    for row in COMMANDS.iter() {
        names.insert(row.name.to_lowercase());
        names.extend(row.subcommands.iter().map(|sub| format!("{}|{}", row.name, sub.name).to_lowercase()));
    }
    names.retain(|name| !LATER.contains(&name.as_str()));
    names
});

/// Names that only Redis has.
pub fn names_of_redis_alone(client: &mut Client) -> BTreeSet<String> {
    let names = client.ask("COMMAND LIST").items();
    let lower = names.iter().map(|name| name.string().to_lowercase());
    lower.filter(|name| !SHARED.contains(name)).collect()
}

fn is_shared(name: &Value) -> bool {
    name.text().is_some_and(|text| SHARED.contains(&String::from_utf8_lossy(text).to_lowercase()))
}

pub fn compare_info(ours: &Value, theirs: &Value) -> Result<(), String> {
    let (ours, theirs) = (entries(ours), entries(theirs));
    for (our, their) in ours.iter().zip(&theirs) {
        equal(our, their)?;
    }
    counts_agree(ours.len(), theirs.len())
}

fn counts_agree(ours: usize, theirs: usize) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{ours} rows are not {theirs}")) }
}

/// Entries of shared rows, by name; what was not found stays.
fn entries(value: &Value) -> Vec<Value> {
    let mut entries: Vec<_> = value.items().into_iter().filter_map(entry).collect();
    entries.sort();
    entries
}

fn entry(value: Value) -> Option<Value> {
    let Value::Array(mut fields) = value else {
        return Some(value);
    };
    if !is_shared(&fields[NAME]) {
        return None;
    }
    if let Some(subcommands) = fields.get_mut(SUBCOMMANDS) {
        *subcommands = Value::Array(entries(subcommands));
    }
    Some(Value::Array(fields))
}

pub fn compare_docs(ours: &Value, theirs: &Value) -> Result<(), String> {
    if std::mem::discriminant(ours) != std::mem::discriminant(theirs) {
        return Err("another type of reply".into());
    }
    let (ours, theirs) = (documents(ours), documents(theirs));
    for ((our_name, our), (their_name, their)) in ours.iter().zip(&theirs) {
        equal(our_name, their_name)?;
        equal(our, their)?;
    }
    counts_agree(ours.len(), theirs.len())
}

/// Documents of shared rows by name, without summaries, which are in our own words.
fn documents(value: &Value) -> Vec<(Value, Value)> {
    let shared = pairs(value).into_iter().filter(|(name, _)| is_shared(name));
    let mut documents: Vec<_> = shared.map(|(name, document)| (name, reduced(&document))).collect();
    documents.sort();
    documents
}

fn reduced(document: &Value) -> Value {
    let fields = pairs(&without(document, &["summary"])).into_iter().map(|(name, field)| {
        if name.text() != Some(b"subcommands") {
            return (name, field);
        }
        (name, Value::Map(documents(&field)))
    });
    Value::Map(fields.collect())
}

pub fn compare_names(ours: &Value, theirs: &Value) -> Result<(), String> {
    let names = |value: &Value| -> Vec<Value> {
        let mut names: Vec<_> = value.items().into_iter().filter(is_shared).collect();
        names.sort();
        names
    };
    equal(&Value::Array(names(ours)), &Value::Array(names(theirs)))
}
