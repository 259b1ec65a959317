//! The comparers at work: replies are reduced to what must agree, then compared.

use basalt::codec::dump;
use basalt::codec::rdb::Compression;
use basalt::keyspace::DEADLINE_MS_MAX;

use super::common::Value;
use super::comparers::Comparer;
use super::introspection;

/// Why the replies do not agree.
pub fn compare(comparer: Comparer, ours: &Value, theirs: &Value) -> Result<(), String> {
    if ours.is_error() || theirs.is_error() {
        return equal(ours, theirs);
    }
    match comparer {
        Comparer::Exact | Comparer::Skip(_) => equal(ours, theirs),
        Comparer::Except(fields) => equal(&without(ours, fields), &without(theirs, fields)),
        Comparer::Configuration { differing, ours: own } => {
            let reduced = |value| sorted(&without(&without(value, differing), own));
            equal(&reduced(ours), &reduced(theirs))
        }
        Comparer::Info { ours: own } => info(ours, theirs, own),
        Comparer::ClientLines { ours: own } => client_lines(ours, theirs, own),
        Comparer::Figures { absent } => equal(&figures(ours), &figures(&without(theirs, absent))),
        Comparer::AnyInteger => equal(&number_forgotten(ours), &number_forgotten(theirs)),
        Comparer::Time { unit_ms } => time(ours, theirs, unit_ms),
        Comparer::Unordered => equal(&unordered(ours), &unordered(theirs)),
        Comparer::AnyText => equal(&text_forgotten(ours), &text_forgotten(theirs)),
        Comparer::Scan => equal(&walk_forgotten(ours), &walk_forgotten(theirs)),
        Comparer::CommandInfo => introspection::compare_info(ours, theirs),
        Comparer::CommandDocs => introspection::compare_docs(ours, theirs),
        Comparer::CommandNames => introspection::compare_names(ours, theirs),
        Comparer::Help => help(ours, theirs),
        Comparer::Payload => equal(&unpacked(ours), &unpacked(theirs)),
    }
}

pub fn equal(ours: &Value, theirs: &Value) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{ours:?} is not {theirs:?}")) }
}

/// A payload as it would be without compression; anything else as it is.
fn unpacked(reply: &Value) -> Value {
    let Value::Bulk(payload) = reply else {
        return reply.clone();
    };
    let (mut scratch, mut plain) = (Vec::new(), Vec::new());
    let value = dump::read(payload, STRING_BYTES_MAX, &mut scratch).expect("what DUMP gives can be restored");
    dump::write(value, Compression::Off, &mut plain);
    Value::Bulk(plain)
}

/// The pairs of a map, which RESP2 sends as an array.
pub fn pairs(value: &Value) -> Vec<(Value, Value)> {
    let items = value.items();
    items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// The same map, or flat array, without these fields.
pub fn without(value: &Value, fields: &[&str]) -> Value {
    let named = |name: &Value| fields.iter().any(|field| name.text() == Some(field.as_bytes()));
    let kept: Vec<_> = pairs(value).into_iter().filter(|(name, _)| !named(name)).collect();
    same_kind(value, kept)
}

/// The pairs in the order of their names.
fn sorted(value: &Value) -> Value {
    let mut sorted = pairs(value);
    sorted.sort();
    same_kind(value, sorted)
}

fn same_kind(value: &Value, pairs: Vec<(Value, Value)>) -> Value {
    match value {
        Value::Map(_) => Value::Map(pairs),
        _ => Value::Array(pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()),
    }
}

/// Names and types of the fields that are not about one database.
fn figures(value: &Value) -> Value {
    let is_general = |(name, _): &(Value, Value)| !name.string().starts_with("db.");
    let forgotten = |value: Value| match value {
        Value::Integer(_) => Value::Integer(0),
        Value::Double(_) => Value::Double(Vec::new()),
        other => text_forgotten(&other),
    };
    let kept = pairs(value).into_iter().filter(is_general).map(|(name, value)| (name, forgotten(value)));
    same_kind(value, kept.collect())
}

fn number_forgotten(value: &Value) -> Value {
    if let Value::Integer(_) = value { Value::Integer(0) } else { value.clone() }
}

/// As `proto-max-bulk-len` has it.
const STRING_BYTES_MAX: u64 = 512 << 20;

/// How much later the second of two servers may be told something.
const TOLERANCE_MS: u64 = 60_000;

/// Deadlines from here on are the last one that the table can say; the time until it is shorter by what has passed
/// since 1970.
const FAR_MS: u64 = DEADLINE_MS_MAX - 4_102_444_800_000;

fn time(ours: &Value, theirs: &Value, unit_ms: u64) -> Result<(), String> {
    let (Value::Integer(our @ 0..), Value::Integer(their @ 0..)) = (ours, theirs) else {
        return equal(ours, theirs);
    };
    let [our, their] = [our, their].map(|number| number.unsigned_abs().min(FAR_MS / unit_ms));
    match our.abs_diff(their) <= TOLERANCE_MS / unit_ms {
        true => Ok(()),
        false => equal(ours, theirs),
    }
}

fn text_forgotten(value: &Value) -> Value {
    match value {
        Value::Bulk(_) => Value::Bulk(Vec::new()),
        Value::Verbatim(_) => Value::Verbatim(Vec::new()),
        other => other.clone(),
    }
}

/// The types of the cursor and of what was found.
fn walk_forgotten(value: &Value) -> Value {
    let part = |part: &Value| match part {
        Value::Array(_) => Value::Array(Vec::new()),
        other => text_forgotten(other),
    };
    Value::Array(value.items().iter().map(part).collect())
}

/// The elements of an array in the order of their bytes.
pub fn unordered(value: &Value) -> Value {
    let mut items = value.items();
    items.sort();
    Value::Array(items)
}

/// Sections must agree in name and order; each field of ours must be one of theirs or of our own.
fn info(ours: &Value, theirs: &Value, own: &[&str]) -> Result<(), String> {
    if std::mem::discriminant(ours) != std::mem::discriminant(theirs) {
        return Err("another type of reply".into());
    }
    let (ours, theirs) = (ours.string(), theirs.string());
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
    };
    let known = names(&theirs);
    // Databases, and statistics by command and error, are there when they have something to tell.
    let counted =
        |name: &str| ["db", "cmdstat_", "errorstat_", "latency_"].iter().any(|start| name.starts_with(start));
    let unknown: Vec<_> = names(&ours)
        .into_iter()
        .filter(|name| !known.contains(name) && !own.contains(&name.as_str()) && !counted(name))
        .collect();
    if !unknown.is_empty() {
        return Err(format!("Redis does not have these fields there: {unknown:?}"));
    }
    let headers =
        |text: &str| text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    match headers(&ours) == headers(&theirs) {
        true => Ok(()),
        false => Err(format!("sections {:?} are not {:?}", headers(&ours), headers(&theirs))),
    }
}

/// Names of fields in order, line by line; ours come last.
fn client_lines(ours: &Value, theirs: &Value, own: &[&str]) -> Result<(), String> {
    let fields = |value: &Value| -> Vec<Vec<String>> {
        let text = value.string();
        let line = |line: &str| {
            line.split(' ').map(|field| field.split('=').next().unwrap_or("").to_owned()).collect()
        };
        text.split_terminator('\n').map(line).collect()
    };
    let mut reduced = fields(ours);
    for line in &mut reduced {
        line.retain(|name| !own.contains(&name.as_str()));
    }
    match reduced == fields(theirs) && std::mem::discriminant(ours) == std::mem::discriminant(theirs) {
        true => Ok(()),
        false => Err(format!("fields {reduced:?} are not {:?}", fields(theirs))),
    }
}

/// Lines that name a subcommand are interface: Redis has each of ours, but those of later versions.
fn help(ours: &Value, theirs: &Value) -> Result<(), String> {
    const LATER: &[&str] = &["NO-TOUCH", "SETINFO"];
    let theirs = theirs.items();
    for line in ours.items() {
        let text = line.string();
        let explains = text.starts_with("    ");
        if !explains && !theirs.contains(&line) && !LATER.iter().any(|name| text.starts_with(name)) {
            return Err(format!("Redis does not have the line {text:?}"));
        }
    }
    Ok(())
}
