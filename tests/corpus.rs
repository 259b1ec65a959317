//! The fuzzer's inputs without the fuzzer: what was found interesting stays right, and so do its variants.

#[path = "../fuzz/check.rs"]
mod check;
#[path = "../fuzz/check_aof.rs"]
mod check_aof;
#[path = "../fuzz/check_rdb.rs"]
mod check_rdb;
#[path = "../fuzz/check_record.rs"]
mod check_record;

use std::fs;
use std::path::Path;

use check::requests_are_the_same_in_pieces;
use check_aof::logs_are_the_same_in_pieces;
use check_rdb::{payloads_are_read_as_they_are_written, snapshots_are_the_same_in_pieces};
use check_record::records_are_read_without_harm;
use proptest::prelude::*;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).expect("the corpus is part of the project");
    let mut inputs: Vec<_> =
        entries.map(|entry| fs::read(entry.expect("readable").path()).expect("readable")).collect();
    inputs.sort();
    assert!(inputs.len() >= 10, "the corpus is there");
    inputs
}

#[test]
fn the_corpus_is_parsed_the_same_in_pieces() {
    for input in corpus("request") {
        requests_are_the_same_in_pieces(&input);
    }
}

#[test]
fn the_corpora_of_snapshots_and_payloads_are_read() {
    for input in corpus("rdb") {
        snapshots_are_the_same_in_pieces(&input);
    }
    for input in corpus("restore") {
        payloads_are_read_as_they_are_written(&input);
    }
}

#[test]
fn the_corpus_of_records_is_read_without_harm() {
    for input in corpus("record") {
        records_are_read_without_harm(&input);
        // Each beginning of it as well.
        (0..input.len().min(256)).for_each(|length| records_are_read_without_harm(&input[..length]));
    }
}

#[test]
fn the_corpus_of_logs_of_redis_is_read_the_same_in_pieces() {
    for input in corpus("aof") {
        logs_are_the_same_in_pieces(&input);
        (0..input.len().min(256)).for_each(|length| logs_are_the_same_in_pieces(&input[..length]));
    }
}

#[test]
fn large_bulks_are_parsed_the_same_in_pieces() {
    for bytes in [16_383, 16_384, 16_385, 40_000] {
        let header = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${bytes}\r\n");
        let request = [header.as_bytes(), &vec![b'v'; bytes], b"\r\n"].concat();
        requests_are_the_same_in_pieces(&[&request[..], b"PING\r\n"].concat());
    }
}

/// Pieces of requests, from which odd ones are put together.
const PIECES: &[&[u8]] = &[
    b"*1\r\n",
    b"*2\r\n",
    b"*3\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*10\r\n",
    b"$0\r\n\r\n",
    b"$1\r\na\r\n",
    b"$4\r\nPING\r\n",
    b"$3\r\nGET\r\n",
    b"$10\r\n0123456789\r\n",
    b"$-1\r\n",
    b"PING\r\n",
    b"echo \"a b\"\r\n",
    b"'",
    b"\"",
    b"\\x4",
    b"\r\n",
    b"\n",
    b"\r",
    b"*",
    b"$",
    b"1",
    b" ",
    b"\0",
    b"a",
];

/// An input with some bytes changed, inserted or removed.
fn broken(input: &[u8], changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for (place, byte) in changes {
        if !bytes.is_empty() {
            let place = place.index(bytes.len());
            // Which of the three, the byte says.
            match byte % 3 {
                0 => bytes[place] = *byte,
                1 => bytes.insert(place, *byte),
                _ => drop(bytes.remove(place)),
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn pieces_in_any_order_are_parsed_the_same(chosen in prop::collection::vec(0..PIECES.len(), 0..24)) {
        let bytes: Vec<u8> = chosen.iter().flat_map(|&piece| PIECES[piece].to_vec()).collect();
        requests_are_the_same_in_pieces(&bytes);
    }

    #[test]
    fn broken_inputs_are_parsed_the_same(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        requests_are_the_same_in_pieces(&broken(&which.get(&corpus("request"))[..], &changes));
    }

    #[test]
    fn broken_snapshots_are_read_the_same(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        snapshots_are_the_same_in_pieces(&broken(&which.get(&corpus("rdb"))[..], &changes));
    }

    #[test]
    fn broken_payloads_are_read_or_refused(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        payloads_are_read_as_they_are_written(&broken(&which.get(&corpus("restore"))[..], &changes));
    }
}
