//! Manifests come back, and each thing wrong with one is named with its line.

use crc32c::crc32c;
use proptest::prelude::*;

use super::*;

fn sealed(lines: &str) -> String {
    format!("{lines}check {:08x}\n", crc32c(lines.as_bytes()))
}

const HEAD: &str = "basalt manifest 1\nfolder 5f0c2a9e71b3d48c\nrun 17\nnext 23\nshards 2\n";

#[test]
fn a_manifest_is_the_text_of_the_page() {
    let text = sealed(&format!(
        "{HEAD}base 0 12 8400\nsegment 0 14\nsegment 0 19\nsegment 1 15 120934\nsegment 1 20\n"
    ));
    let manifest = Manifest::parse(text.as_bytes()).expect("valid");
    let segment = |number, end| Segment { number, end };
    let first = ShardFiles {
        base: Some(Base { number: 12, position: 8400 }),
        segments: vec![segment(14, None), segment(19, None)],
    };
    let second = ShardFiles { base: None, segments: vec![segment(15, Some(120_934)), segment(20, None)] };
    let expected = Manifest { folder: 0x5f0c_2a9e_71b3_d48c, run: 17, next: 23, shards: vec![first, second] };
    assert_eq!(manifest, expected);
    assert_eq!(manifest.format(), text);
    let files: Vec<_> = manifest.files().map(|file| file.to_string()).collect();
    assert_eq!(files, ["0-12.base", "0-14.log", "0-19.log", "1-15.log", "1-20.log"]);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (lines, line, reason) in [
        ("basalt manifest 2\n", 1, Reason::Version),
        ("basalt manifest 1\nrun 1\n", 2, Reason::Expected("folder")),
        ("basalt manifest 1\nfolder xyz\n", 2, Reason::Number),
        ("basalt manifest 1\nfolder 1\nrun 1\nnext 2\n", 5, Reason::Expected("shards")),
        ("basalt manifest 1\nfolder 1\nrun 1\nnext 2\nshards 65536\n", 5, Reason::Number),
        (&format!("{HEAD}segment 2 1\n"), 6, Reason::Shard),
        (&format!("{HEAD}segment 0 1\nsegment 1 1\n"), 7, Reason::FileNumber),
        (&format!("{HEAD}segment 0 23\n"), 6, Reason::FileNumber),
        (&format!("{HEAD}segment 0 1\nbase 0 2 3\n"), 7, Reason::Order),
        (&format!("{HEAD}base 0 1 3\nbase 0 2 3\n"), 7, Reason::Order),
        (&format!("{HEAD}base 0 1\n"), 6, Reason::Number),
        (&format!("{HEAD}segment 0\n"), 6, Reason::Number),
        (&format!("{HEAD}segment 0 1 2 3\n"), 6, Reason::TooManyWords),
        (&format!("{HEAD}snapshot 0 1\n"), 6, Reason::Expected("base` or `segment")),
    ] {
        let parsed = Manifest::parse(sealed(lines).as_bytes());
        assert_eq!(parsed, Err(ManifestError { line, reason }), "{lines}");
    }
    let text = sealed(HEAD);
    let error = |text: &str| Manifest::parse(text.as_bytes()).expect_err("it is not whole");
    assert_eq!(error(&text.replace("run 17", "run 18")), ManifestError { line: 6, reason: Reason::Checksum });
    assert_eq!(error(HEAD), ManifestError { line: 5, reason: Reason::NoChecksum });
    assert_eq!(error(""), ManifestError { line: 1, reason: Reason::NoChecksum });
    assert_eq!(error("basalt"), ManifestError { line: 1, reason: Reason::NoChecksum });
    let message = error(HEAD).to_string();
    assert_eq!(message, "basalt.manifest, line 5: the last line must be `check` and a checksum");
    assert!(Manifest::parse(b"\xff\n").is_err());
}

/// Manifests of any shape.
fn manifests() -> impl Strategy<Value = Manifest> {
    let files = (any::<Option<u64>>(), prop::collection::vec(any::<Option<u64>>(), 0..5));
    (any::<u64>(), any::<u64>(), prop::collection::vec(files, 0..6)).prop_map(|(folder, run, shards)| {
        let mut manifest = Manifest { run, ..Manifest::new(folder, shards.len()) };
        for (shard, (base, segments)) in shards.into_iter().enumerate() {
            let base = base.map(|position| Base { number: manifest.take_number(), position });
            let segments =
                segments.into_iter().map(|end| Segment { number: manifest.take_number(), end }).collect();
            manifest.shards[shard] = ShardFiles { base, segments };
        }
        manifest
    })
}

proptest! {
    #[test]
    fn manifests_come_back_and_no_part_of_one_is_taken(manifest in manifests(), at in any::<prop::sample::Index>()) {
        let text = manifest.format();
        prop_assert_eq!(Manifest::parse(text.as_bytes()), Ok(manifest));
        prop_assert!(Manifest::parse(&text.as_bytes()[..at.index(text.len())]).is_err());
        let mut changed = text.into_bytes();
        let place = at.index(changed.len());
        changed[place] ^= 1 << (place % 8);
        prop_assert!(Manifest::parse(&changed).is_err());
    }
}
