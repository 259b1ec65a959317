//! Times one shard in memory: from the row and the spans of a request to the bytes of its reply.
//!
//! Routing, sockets and batches are not in these figures; 100,000 keys of 16 bytes with values of 64 are there.

mod requests;

use basalt::cluster::{SlotMap, slot_of};
use basalt::codec::rdb::Compression;
use basalt::commands::call::{DebugAccess, Process};
use basalt::commands::{Turn, resolve};
use basalt::keyspace::{Hasher, Keyspace, Recency};
use basalt::protocol::{Args, Out, Resp};
use basalt::shard::parcel::Parcel;
use basalt::shard::{Request, Shard};
use divan::Bencher;
use divan::counter::ItemsCount;
use requests::{GET, INCR, KEYS, Kind, MGET_10, MISS, MSET_10, SET_1K, SET_64, key, words_of};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    divan::main();
}

/// Requests that are run one after the other, again and again.
const REQUESTS: usize = 4096;

fn turn() -> Turn {
    Turn {
        now_us: 1_700_000_000_000_000,
        databases: 16,
        password: None,
        string_bytes_max: 512 << 20,
        compression: Compression::On,
        process: Process { started_at_us: 0, shards: 1, debug_access: DebugAccess::Nobody },
    }
}

fn shard() -> Shard {
    Shard::new(0, Keyspace::new(16, Hasher::seeded(1), Recency::Lru), SlotMap::even(1))
}

/// Adds a request of these words to a parcel, which keeps it as it waits to be run.
fn push(shard: &Shard, words: &[Vec<u8>], parcel: &mut Parcel<()>) {
    let mut bytes = Vec::new();
    let mut spans = Vec::new();
    for word in words {
        spans.push(basalt::protocol::Span::new(bytes.len(), word.len()));
        bytes.extend_from_slice(word);
    }
    let args = Args::new(&bytes, &spans, &[]);
    let command = resolve(&args).ok().expect("a known command");
    let first = command.first_key(args);
    let key = shard.keyspace.hasher().key(first, slot_of(first));
    parcel.push(&Request { command, args, key, database: 0, resp: Resp::Two, no_touch: false }, ());
}

fn loaded() -> Shard {
    let mut shard = shard();
    let (mut parcel, mut out, turn) = (Parcel::default(), Out::default(), turn());
    for number in 0..KEYS {
        push(&shard, &[b"SET".to_vec(), key(number), vec![b'x'; 64]], &mut parcel);
        shard.execute(&parcel.request(0), &turn, &mut out);
        parcel.clear();
        out.clear();
    }
    shard.tally.clear();
    shard
}

#[divan::bench(args = [GET, MISS, SET_64, SET_1K, INCR, MGET_10, MSET_10])]
fn execute(bencher: Bencher, kind: Kind) {
    let mut shard = loaded();
    let (mut parcel, mut out, turn) = (Parcel::default(), Out::default(), turn());
    (0..REQUESTS).for_each(|number| push(&shard, &words_of(kind, number), &mut parcel));
    bencher.counter(ItemsCount::new(REQUESTS)).bench_local(|| {
        for index in 0..REQUESTS {
            shard.execute(&parcel.request(index), &turn, &mut out);
            if index % 32 == 31 {
                out.clear();
                shard.tally.clear();
            }
        }
    });
}
