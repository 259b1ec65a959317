//! Damage is told from what was never synced, `check` says so and cuts, and a full disk leaves what was written before.

use std::io::ErrorKind;

use super::disk::{Random, SimulatedDisk};
use super::store::{Policy, Store};
use crate::codec::record::Seed;
use crate::persist::check::{Fix, Verdict, check};
use crate::persist::disk::{Disk, DiskError};
use crate::persist::load::{LoadError, OnTorn, decide, scan};
use crate::persist::manifest::{Manifest, find};
use crate::persist::name::{FileName, MANIFEST};
use crate::persist::segment::{HEADER_BYTES, find_proof};

/// A folder in which much was written and synced by one shard.
fn written() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let manifest = Manifest::new(7, 1);
    manifest.replace(&disk).expect("written");
    let found = vec![(0, Vec::new())];
    let mut store =
        Store::begin(&disk, manifest, found, &[vec![]], Policy::EverySecond, Random(3)).expect("begun");
    for _ in 0..100 {
        store.step().expect("nothing fails");
    }
    disk
}

/// What a start would say.
fn start(disk: &SimulatedDisk) -> Result<(), LoadError> {
    let manifest = find(disk).expect("readable").expect("there");
    let log = scan(disk, manifest.folder, 0, &manifest.shards[0], &mut |_| {})?;
    decide(&[log], OnTorn::Cut).map(drop)
}

/// The first segment that is listed and where it starts.
fn first_segment(disk: &SimulatedDisk) -> (FileName, u64) {
    let manifest = find(disk).expect("readable").expect("there");
    let log = scan(disk, manifest.folder, 0, &manifest.shards[0], &mut |_| {}).expect("readable");
    let segment =
        log.segments.iter().find(|segment| segment.record_count > 3).expect("something was written");
    (segment.file, segment.start.expect("it has records"))
}

#[test]
fn damage_stops_the_start_and_is_cut_only_when_asked_to() {
    let disk = written();
    start(&disk).expect("all is well");
    assert_eq!(check(&disk, Fix::Nothing).expect("readable").verdict, Verdict::Good);
    let (file, start_position) = first_segment(&disk);
    let proof = find_proof(&disk, file, Seed::new(7, 0), start_position, 0, start_position + 20);
    assert!(proof.expect("readable").is_some(), "the store says now and then what is synced");
    disk.damage(&file.to_string(), HEADER_BYTES + 12, |byte| byte ^ 1);
    let error = start(&disk).expect_err("damaged").to_string();
    assert!(error.contains(&format!("{file} is damaged at offset 4096")), "{error}");
    let report = check(&disk, Fix::Nothing).expect("readable");
    assert_eq!(report.verdict, Verdict::Damaged, "{report}");
    assert!(start(&disk).is_err(), "looking changes nothing");
    assert_eq!(check(&disk, Fix::Cut).expect("writable").verdict, Verdict::Fixed);
    start(&disk).expect("cut");
    assert_eq!(check(&disk, Fix::Cut).expect("readable").verdict, Verdict::Good);
}

#[test]
fn a_damaged_header_is_damage_as_well() {
    let disk = written();
    let (file, _) = first_segment(&disk);
    disk.damage(&file.to_string(), 20, |byte| byte ^ 1);
    assert_eq!(check(&disk, Fix::Nothing).expect("readable").verdict, Verdict::Damaged);
}

#[test]
fn a_damaged_manifest_is_beyond_help() {
    let disk = written();
    disk.damage(MANIFEST, 30, |byte| byte ^ 1);
    let report = check(&disk, Fix::Cut).expect("readable");
    assert_eq!(report.verdict, Verdict::Hopeless);
    assert!(report.to_string().contains("the checksum is wrong"), "{report}");
}

#[test]
fn a_manifest_that_finds_no_room_leaves_the_old_one() {
    let disk = written();
    let before = find(&disk).expect("readable").expect("there");
    disk.fill_up_at(0);
    let error: DiskError = before.replace(&disk).expect_err("full");
    assert_eq!(error.source.kind(), ErrorKind::StorageFull);
    assert_eq!(find(&disk).expect("readable"), Some(before));
    assert!(disk.list().expect("listed").iter().any(|name| name == MANIFEST));
}
