//! Times the parser: requests as they arrive in a receive buffer, without a server around it.

mod requests;

use basalt::protocol::{Limits, Parse, Progress, Span, request};
use divan::Bencher;
use requests::{GET, INLINE_GET, MSET_10, SET_1K, SET_64, pipeline};

fn main() {
    divan::main();
}

/// Requests in one buffer, as a pipeline brings them.
const PIPELINE: usize = 16;

#[divan::bench(args = [GET, SET_64, SET_1K, MSET_10, INLINE_GET])]
fn a_pipeline_of_16(bencher: Bencher, kind: requests::Kind) {
    let bytes = pipeline(kind, PIPELINE);
    let (mut spans, mut scratch): (Vec<Span>, Vec<u8>) = (Vec::new(), Vec::new());
    let limits = Limits::default();
    bencher.counter(divan::counter::ItemsCount::new(PIPELINE)).bench_local(|| {
        let mut progress = Progress::default();
        for _ in 0..PIPELINE {
            let parsed =
                request::parse(divan::black_box(&bytes), &mut progress, &limits, &mut spans, &mut scratch);
            assert!(matches!(parsed, Parse::Request | Parse::Decoded));
        }
        spans.clear();
        scratch.clear();
    });
}
