//! Times what a request for another core costs beside its run: the copy into a parcel, and the queue.

mod requests;

use std::thread;

use basalt::cluster::slot_of;
use basalt::commands::resolve;
use basalt::keyspace::Hasher;
use basalt::protocol::{Args, Resp, Span};
use basalt::shard::Request;
use basalt::shard::parcel::Parcel;
use basalt::sys::spsc::channel;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use requests::{GET, Kind, MSET_10, SET_1K, SET_64, words_of};

fn main() {
    divan::main();
}

const BATCH: usize = 16;

#[divan::bench(args = [GET, SET_64, SET_1K, MSET_10])]
fn copy_a_batch_of_16(bencher: Bencher, kind: Kind) {
    let hasher = Hasher::seeded(1);
    let requests: Vec<(Vec<u8>, Vec<Span>)> = (0..BATCH)
        .map(|number| {
            let (mut bytes, mut spans) = (Vec::new(), Vec::new());
            for word in words_of(kind, number) {
                spans.push(Span::new(bytes.len(), word.len()));
                bytes.extend(word);
            }
            (bytes, spans)
        })
        .collect();
    let mut parcel = Parcel::<u32>::default();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for (bytes, spans) in &requests {
            let args = Args::new(black_box(bytes), spans, &[]);
            let command = resolve(&args).ok().expect("a known command");
            let first = command.first_key(args);
            let key = hasher.key(first, slot_of(first));
            parcel.push(&Request { command, args, key, database: 0, resp: Resp::Two, no_touch: false }, 7);
        }
        parcel.clear();
    });
}

/// A message to another thread and back; both look without sleeping, and share a cache unless the machine has few cores.
#[divan::bench]
fn there_and_back(bencher: Bencher) {
    let (mut ask, mut asked) = channel::<u64>(128);
    let (mut answer, mut answered) = channel::<u64>(128);
    let other = thread::spawn(move || {
        loop {
            match asked.pop() {
                Some(u64::MAX) => break,
                Some(value) => answer.push(value).expect("one at a time"),
                None => std::hint::spin_loop(),
            }
        }
    });
    bencher.bench_local(|| {
        ask.push(1).expect("one at a time");
        while answered.pop().is_none() {
            std::hint::spin_loop();
        }
    });
    ask.push(u64::MAX).expect("one at a time");
    other.join().expect("the other thread ends");
}

#[divan::bench]
fn push_and_pop_in_one_thread(bencher: Bencher) {
    let (mut sender, mut receiver) = channel::<u64>(128);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for value in 0..BATCH as u64 {
            sender.push(value).expect("there is room");
        }
        while receiver.pop().is_some() {}
    });
}
