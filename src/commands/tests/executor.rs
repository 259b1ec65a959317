//! One client and one shard: what the session and the shard do with a request, in a few lines.

use crate::cluster::{SlotMap, slot_of};
use crate::codec::rdb::Compression;
use crate::commands::call::{DebugAccess, Lookups, Process};
use crate::commands::caller::Address;
use crate::commands::{Call, Caller, Next, Run, SessionCall, Turn, resolve};
use crate::keyspace::{Hasher, Keyspace, Recency};
use crate::protocol::inline::split_words;
use crate::protocol::request::LARGE_BULK_BYTES;
use crate::protocol::{Args, Out, Reply, Span};
use bytes::Bytes;

pub struct Executor {
    pub keyspace: Keyspace,
    pub caller: Caller,
    pub turn: Turn,
    pub slots: SlotMap,
    /// How many blocks the last reply shared with the key space.
    pub shared_count: usize,
}

impl Executor {
    pub fn new() -> Self {
        let process = Process { started_at_us: 0, shards: 1, debug_access: DebugAccess::Nobody };
        Executor {
            keyspace: Keyspace::new(16, Hasher::seeded(1), Recency::Lru),
            caller: Caller::new(7, Address::Unix, 0),
            turn: Turn {
                now_us: 1_700_000_000_000_000,
                databases: 16,
                string_bytes_max: 512 << 20,
                compression: Compression::On,
                password: None,
                process,
            },
            slots: SlotMap::even(1),
            shared_count: 0,
        }
    }

    pub fn advance_ms(&mut self, ms: u64) {
        self.turn.now_us += ms * 1000;
    }

    /// Runs a line of words, quoted as in inline requests; line ends of the reply become spaces.
    pub fn run_line(&mut self, line: &str) -> String {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        split_words(line.as_bytes(), &mut bytes, &mut spans).expect("quotes balance");
        let reply = self.run_args(&Args::new(&bytes, &spans, &[]));
        String::from_utf8_lossy(&reply).trim_end_matches("\r\n").replace("\r\n", " ")
    }

    pub fn run(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let (mut bytes, mut spans, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
        for word in words {
            if word.len() >= LARGE_BULK_BYTES {
                spans.push(Span::block(blocks.len()));
                blocks.push(Bytes::copy_from_slice(word));
            } else {
                spans.push(Span::new(bytes.len(), word.len()));
                bytes.extend_from_slice(word);
            }
        }
        self.run_args(&Args::new(&bytes, &spans, &blocks))
    }

    fn run_args(&mut self, args: &Args) -> Vec<u8> {
        let mut out = Out::default();
        let command = match resolve(args) {
            Ok(command) => command,
            Err(refusal) => {
                refusal.write_into(args, &mut out.bytes);
                if refusal.closes() {
                    out.bytes.extend_from_slice(b"closed");
                }
                return out.bytes;
            }
        };
        let mark = out.mark();
        let reply = Reply::new(&mut out, self.caller.resp);
        let result = match command.run {
            Run::Shard(_) | Run::Across(_) => {
                let first = command.first_key(*args);
                let key = self.keyspace.hasher().key(first, slot_of(first));
                let mut call = Call {
                    args: *args,
                    key,
                    database: self.caller.database,
                    no_touch: self.caller.no_touch,
                    keyspace: &mut self.keyspace,
                    slots: &self.slots,
                    lookups: &mut Lookups::default(),
                    reply,
                    turn: &self.turn,
                };
                command.run_here(&mut call).map(|()| Next::Done)
            }
            Run::Session(handler) => {
                handler(&mut SessionCall { args: *args, caller: &mut self.caller, reply, turn: &self.turn })
            }
            Run::Container => unreachable!("a container alone has the wrong number of arguments"),
        };
        match result {
            Ok(Next::Done | Next::Forget) => {}
            Ok(Next::Close) => out.bytes.extend_from_slice(b"closed"),
            Ok(Next::Mute(mode)) => out.bytes.extend_from_slice(format!("mute {mode:?}").as_bytes()),
            Ok(Next::Ask(ask)) => out.bytes.extend_from_slice(format!("ask {ask:?}").as_bytes()),
            Err(error) => {
                out.truncate(mark);
                error.write_into(&mut out.bytes);
            }
        }
        self.shared_count = out.shared.len();
        flatten(out)
    }
}

/// The reply as it goes over the wire.
fn flatten(out: Out) -> Vec<u8> {
    let (mut wire, mut from) = (Vec::new(), 0);
    for (position, block) in &out.shared {
        wire.extend_from_slice(&out.bytes[from..*position]);
        wire.extend_from_slice(block);
        from = *position;
    }
    wire.extend_from_slice(&out.bytes[from..]);
    wire
}
