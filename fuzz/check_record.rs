//! What must hold for the decoders of records and effects, whatever the bytes: the fuzzer and the tests run this on theirs.

use basalt::codec::effect::decode;
use basalt::codec::record::{HEADER_BYTES, Invalid, Record, Seed, finish, read};

/// The bytes as a log, as the body of a valid record, and as effects.
pub fn records_are_read_without_harm(bytes: &[u8]) {
    let seed = Seed::new(1, 2);
    if let Ok(Some((record, length))) = read(bytes, 3, seed) {
        assert!(length > HEADER_BYTES && length <= bytes.len(), "the reader stays in its bytes");
        effects_have_one_form(record.effects());
    }
    effects_have_one_form(bytes);
    if bytes.is_empty() {
        return;
    }
    // With a checksum that is right, so that what lies behind it is reached.
    let mut sealed = [&[0; HEADER_BYTES], bytes].concat();
    finish(&mut sealed, 0, 3, seed);
    match read(&sealed, 3, seed) {
        Ok(Some((record, length))) => {
            assert_eq!(length, sealed.len());
            if let Record::Part(part) = record {
                assert!(part.participants.iter().len() * 10 < bytes.len(), "participants lie in the record");
            }
            effects_have_one_form(record.effects());
        }
        Ok(None) => panic!("a record of {} bytes has a length", sealed.len()),
        Err(reason) => assert!(matches!(reason, Invalid::UnknownKind(_) | Invalid::Shape(_)), "{reason}"),
    }
}

/// What is decoded is encoded as the same bytes, and nothing follows what is not valid.
fn effects_have_one_form(bytes: &[u8]) {
    let mut again = Vec::new();
    let mut effects = decode(bytes);
    for effect in effects.by_ref() {
        match effect {
            Ok(effect) => effect.write(&mut again),
            Err(_) => break,
        }
    }
    assert!(bytes.starts_with(&again), "each effect has one form");
    assert!(effects.next().is_none());
}
