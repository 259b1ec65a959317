//! DUMP and RESTORE: values as bytes that leave the server and come back.

use crate::codec::dump::{self, DumpError};
use crate::codec::rdb::StringValue;
use crate::commands::call::Call;
use crate::commands::docs::payload as docs;
use crate::commands::error::CommandError;
use crate::commands::numbers;
use crate::commands::row::{Access, Categories, Command, Docs, Flags, Keys::At, read, write};
use crate::commands::string::string;
use crate::keyspace::{Cause, DEADLINE_MS_MAX, Restored, Use, Value, ValueRef};
use crate::protocol::Args;

pub const COMMANDS: &[Command] = &[
    read("DUMP", 2, At(1), dump, &docs::DUMP).categories(Categories::KEYSPACE),
    restores("RESTORE", &docs::RESTORE),
    // For a slot on its way to this node: as long as there is no cluster, the same.
    restores("RESTORE-ASKING", &docs::RESTORE_ASKING).flags(Flags::ASKING),
];

const fn restores(name: &'static str, docs: &'static Docs) -> Command {
    write(name, -4, At(1), restore, docs)
        .flags(Flags::DENYOOM)
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS))
        .access(Access::OVERWRITE.and(Access::UPDATE))
}

fn dump(call: &mut Call) -> Result<(), CommandError> {
    let compression = call.turn.compression;
    let (entry, reply) = call.read();
    let Some(entry) = entry else {
        reply.null();
        return Ok(());
    };
    let value = match string(entry)? {
        ValueRef::Int(number) => StringValue::Int(number),
        ValueRef::Bytes(bytes) => StringValue::Bytes(bytes),
        ValueRef::Large(bytes) => StringValue::Bytes(bytes),
    };
    let mut payload = Vec::new();
    dump::write(value, compression, &mut payload);
    reply.bulk(&payload);
    Ok(())
}

fn restore(call: &mut Call) -> Result<(), CommandError> {
    let options = Options::parse(&call.args)?;
    if !options.replaces && call.find().0.is_some() {
        return Err(CommandError::Text("BUSYKEY Target key name already exists."));
    }
    let now_ms = call.turn.now_ms();
    let time_ms = options.time_ms(call.args.at(2), now_ms)?;
    let mut scratch = Vec::new();
    let value = dump::read(call.args.at(3), call.turn.string_bytes_max, &mut scratch).map_err(refusal)?;
    let (database, key) = (call.database.into(), &call.key);
    call.reply.ok();
    let deadline_ms = match time_ms {
        0 => None,
        // What is over already is not stored, and takes what it would have replaced along.
        time_ms if time_ms <= now_ms as i64 => {
            if options.replaces {
                call.keyspace.remove(database, key, Cause::Delete, now_ms);
            }
            return Ok(());
        }
        time_ms => Some((time_ms as u64).min(DEADLINE_MS_MAX)),
    };
    let value = match value {
        StringValue::Int(number) => Value::Int(number),
        StringValue::Bytes(bytes) => Value::Bytes(bytes),
    };
    let restored = Restored { value, deadline_ms, before: options.before };
    call.keyspace.restore(database, key, restored, Cause::Restore, now_ms);
    Ok(())
}

fn refusal(error: DumpError) -> CommandError {
    match error {
        DumpError::Footer => CommandError::Text("ERR DUMP payload version or checksum are wrong"),
        DumpError::Format => CommandError::Text("ERR Bad data format"),
        DumpError::Other(type_name) => CommandError::quoting(
            "ERR Bad data format: values of type ",
            type_name.as_bytes(),
            " are not built yet",
        ),
    }
}

/// What stands behind the payload of RESTORE.
struct Options {
    replaces: bool,
    is_absolute: bool,
    before: Use,
}

impl Options {
    fn parse(args: &Args) -> Result<Self, CommandError> {
        let mut options = Options { replaces: false, is_absolute: false, before: Use::Now };
        let mut words = args.iter().skip(4);
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("REPLACE") => options.replaces = true,
                () if is("ABSTTL") => options.is_absolute = true,
                () if is("IDLETIME") && !matches!(options.before, Use::Frequency(_)) => {
                    options.before = idle(words.next().ok_or(CommandError::Syntax)?)?;
                }
                () if is("FREQ") && !matches!(options.before, Use::Idle(_)) => {
                    options.before = frequency(words.next().ok_or(CommandError::Syntax)?)?;
                }
                () => return Err(CommandError::Syntax),
            }
        }
        Ok(options)
    }

    /// Milliseconds since 1970; 0 for a key that lives for good. As in Redis, a time that is too long is over.
    fn time_ms(&self, digits: &[u8], now_ms: u64) -> Result<i64, CommandError> {
        match numbers::long(digits)? {
            ..0 => Err(CommandError::Text("ERR Invalid TTL value, must be >= 0")),
            time_ms if time_ms == 0 || self.is_absolute => Ok(time_ms),
            time_ms => Ok(time_ms.wrapping_add_unsigned(now_ms)),
        }
    }
}

fn idle(digits: &[u8]) -> Result<Use, CommandError> {
    let seconds = u64::try_from(numbers::long(digits)?);
    seconds.map(Use::Idle).map_err(|_| CommandError::Text("ERR Invalid IDLETIME value, must be >= 0"))
}

fn frequency(digits: &[u8]) -> Result<Use, CommandError> {
    let counter = u8::try_from(numbers::long(digits)?);
    counter
        .map(Use::Frequency)
        .map_err(|_| CommandError::Text("ERR Invalid FREQ value, must be >= 0 and <= 255"))
}
