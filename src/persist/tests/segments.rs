//! Files of records: headers, padding, windows, and what is told of their ends.

use std::ops::ControlFlow;

use super::disk::SimulatedDisk;
use crate::codec::record::{Kind, Record, Seed, begin, finish, write_synced};
use crate::persist::disk::Disk;
use crate::persist::name::FileName;
use crate::persist::segment::{
    End, Ending, HEADER_BYTES, Header, ReadError, Reader, WINDOW_BYTES, find_proof,
};

const START: u64 = 777;
const FOLDER: u64 = 5;

fn file() -> FileName {
    FileName::log(2, 14)
}

fn seed() -> Seed {
    Seed::new(FOLDER, 2)
}

/// The bytes of a file with its header.
fn fresh() -> Vec<u8> {
    let mut bytes = Vec::new();
    Header { name: file(), start: START, term: 0 }.write(FOLDER, &mut bytes);
    bytes
}

fn position(bytes: &[u8]) -> u64 {
    START + (bytes.len() - HEADER_BYTES) as u64
}

fn append(bytes: &mut Vec<u8>, effects: &[u8]) {
    let place = position(bytes);
    let start = begin(bytes, Kind::Effects);
    bytes.extend_from_slice(effects);
    finish(bytes, start, place, seed());
}

fn append_synced(bytes: &mut Vec<u8>, synced: u64) {
    let place = position(bytes);
    write_synced(bytes, synced, place, seed());
}

fn disk_with(bytes: &[u8]) -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    disk.create(&file().to_string()).expect("created");
    disk.write_at(&file().to_string(), 0, bytes).expect("written");
    disk
}

/// The lengths of the effects of all records, and the end.
fn read(bytes: &[u8], end: Option<u64>) -> (Vec<usize>, End) {
    let disk = disk_with(bytes);
    let mut lengths = Vec::new();
    let mut reader = Reader::open(&disk, file(), seed(), START, end).expect("opened");
    let end = reader.read(|batch| {
        for placed in batch {
            match placed.record {
                Record::Synced(_) => {}
                record => lengths.push(record.effects().len()),
            }
        }
        Ok::<_, ReadError>(ControlFlow::Continue(()))
    });
    (lengths, end.expect("readable"))
}

#[test]
fn a_header_is_that_of_one_file_of_one_folder() {
    let bytes = fresh();
    assert_eq!(bytes.len(), HEADER_BYTES);
    let header = Header { name: file(), start: START, term: 0 };
    assert_eq!(Header::read(&bytes, file(), FOLDER), Some(header));
    assert_eq!(&bytes[..24], b"BSLTLOG1\x02\0\0\0\0\0\0\0\x0e\0\0\0\0\0\0\0");
    assert_eq!(Header::read(&bytes, FileName::log(2, 15), FOLDER), None);
    assert_eq!(Header::read(&bytes, FileName::log(3, 14), FOLDER), None);
    assert_eq!(Header::read(&bytes, FileName::base(2, 14), FOLDER), None);
    assert_eq!(Header::read(&bytes, file(), FOLDER + 1), None);
    for bit in 0..44 * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Header::read(&changed, file(), FOLDER), None);
    }
}

#[test]
fn records_are_read_over_the_edges_of_windows_and_longer_than_one() {
    let mut bytes = fresh();
    let lengths = [10, 0, 5000, WINDOW_BYTES - 4200, 100, 3 * WINDOW_BYTES, 1, 2 * WINDOW_BYTES, 70];
    let lengths = [&lengths[..], &[33; 500]].concat();
    lengths.iter().for_each(|&length| append(&mut bytes, &vec![0xab; length]));
    let (found, end) = read(&bytes, None);
    assert!(found == lengths);
    let offset = bytes.len() as u64;
    assert_eq!(end, End { position: position(&bytes), offset, is: Ending::Clean });
}

#[test]
fn every_beginning_of_a_file_ends_torn_or_clean_at_a_record() {
    let mut bytes = fresh();
    let mut ends = vec![bytes.len()];
    for length in [3, 40, 0, 7] {
        append(&mut bytes, &vec![1; length]);
        ends.push(bytes.len());
    }
    for length in HEADER_BYTES..=bytes.len() {
        let (found, end) = read(&bytes[..length], None);
        let whole = ends.iter().rposition(|&end| end <= length).expect("the header is whole");
        assert_eq!((found.len(), end.offset), (whole, ends[whole] as u64));
        assert_eq!(end.is == Ending::Clean, ends.contains(&length));
    }
}

#[test]
fn padding_is_passed_over_only_to_a_record_that_vouches_for_it() {
    // Also where fewer bytes than a length are left in the block.
    for left in [1, 2, 3, 4, 5, 100] {
        let mut bytes = fresh();
        append(&mut bytes, &vec![1; 4096 - 9 - left]);
        let (end_position, end_offset) = (position(&bytes), bytes.len() as u64);
        bytes.resize(2 * 4096, 0);
        let block = position(&bytes);
        let mut vouched = bytes.clone();
        append_synced(&mut vouched, block);
        append(&mut vouched, b"abc");
        assert_eq!(read(&vouched, None).0, [4096 - 9 - left, 3], "{left} left");
        // The end of what was found may lie within the padding.
        let cut = read(&vouched, Some(block)).1;
        assert_eq!((cut.position, cut.is), (end_position, Ending::Clean));
        // A page that was lost is not padding.
        let mut lost = bytes.clone();
        append_synced(&mut lost, block - 1);
        append(&mut lost, b"abc");
        let (found, end) = read(&lost, None);
        assert_eq!(found.len(), 1);
        assert_eq!(end, End { position: end_position, offset: end_offset, is: Ending::Clean });
        let mut other = bytes.clone();
        append(&mut other, b"abc");
        assert_eq!(read(&other, None).0.len(), 1);
    }
}

#[test]
fn a_length_may_begin_with_zeroes_at_the_end_of_a_block() {
    let mut bytes = fresh();
    append(&mut bytes, &[1; 4096 - 9 - 2]);
    append(&mut bytes, &vec![2; (1 << 16) - 1]);
    append(&mut bytes, b"abc");
    assert_eq!(read(&bytes, None).0, [4096 - 11, (1 << 16) - 1, 3]);
}

#[test]
fn what_lies_behind_the_given_end_does_not_count() {
    let mut bytes = fresh();
    append(&mut bytes, b"one");
    let end = position(&bytes);
    append(&mut bytes, b"two");
    let (found, at) = read(&bytes, Some(end));
    assert_eq!((found, at.position, at.is), (vec![3], end, Ending::Clean));
    assert_eq!(read(&bytes, Some(end + 1)).1.is, Ending::Torn);
}

#[test]
fn a_record_that_vouches_for_lost_bytes_is_found_wherever_it_is() {
    for before in [0, 100, WINDOW_BYTES - 20, WINDOW_BYTES - 9, WINDOW_BYTES, 3 * WINDOW_BYTES + 5] {
        let mut bytes = fresh();
        append(&mut bytes, &vec![7; before]);
        let (place, synced) = (bytes.len() as u64, position(&bytes));
        append_synced(&mut bytes, synced);
        let disk = disk_with(&bytes);
        let from = HEADER_BYTES as u64;
        let find = |lost| find_proof(&disk, file(), seed(), START, from, lost).expect("readable");
        assert_eq!(find(synced - 1).map(|proof| (proof.offset, proof.synced)), Some((place, synced)));
        assert_eq!(find(synced), None);
        // In another place the checksum is wrong.
        assert_eq!(find_proof(&disk, file(), seed(), START + 1, from, 0).expect("readable"), None);
    }
}
