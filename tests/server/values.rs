//! Values of all sizes come back as they were sent, whichever shard owns the key and whichever core has the client.

use super::common::{Client, Launch, Value, request};

const KIB: usize = 1024;

/// Around the size from which a value has a block of its own, and far beyond it.
const SIZES: &[usize] = &[0, 1, 44, 45, 4000, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 100_000, 1024 * KIB];

/// Keys enough that each shard owns some, and clients enough that each core has some.
const KEYS: usize = 8;
const CLIENTS: usize = 4;

/// Bytes that differ from place to place, so that a piece in the wrong place shows.
fn pattern(bytes: usize, salt: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index.wrapping_mul(31) ^ (index >> 8) ^ salt) as u8).collect()
}

fn check_round_trips(shards: usize) {
    let server = Launch::basalt().shards(shards).start();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.client()).collect();
    for (salt, &size) in SIZES.iter().enumerate() {
        let value = pattern(size, salt);
        for key in 0..KEYS {
            let key = format!("value:{key}");
            let setter = &mut clients[salt % CLIENTS];
            assert_eq!(setter.command(&[&b"SET"[..], key.as_bytes(), &value]), Value::Simple(b"OK".to_vec()));
            for client in &mut clients {
                let reply = client.command(&["GET", &key]);
                assert!(reply.text() == Some(&value[..]), "{size} bytes under {key} come back");
            }
        }
    }
}

#[test]
fn values_of_all_sizes_come_back_on_one_shard() {
    check_round_trips(1);
}

#[test]
fn values_of_all_sizes_come_back_on_two_shards() {
    check_round_trips(2);
}

#[test]
fn values_of_all_sizes_come_back_on_four_shards() {
    check_round_trips(4);
}

#[test]
fn a_value_of_64_mib_comes_back_from_every_shard() {
    let server = Launch::basalt().shards(2).start();
    let value = pattern(64 * KIB * KIB, 7);
    let (mut setter, mut getter) = (server.client(), server.client());
    for key in ["huge:a", "huge:b", "huge:c"] {
        assert_eq!(setter.command(&[&b"SET"[..], key.as_bytes(), &value]), Value::Simple(b"OK".to_vec()));
        let reply = getter.command(&["GET", key]);
        assert!(reply.text() == Some(&value[..]), "{key} comes back");
        assert_eq!(setter.command(&["DEL", key]), Value::Integer(1));
    }
}

#[test]
fn large_values_keep_their_place_in_a_pipeline() {
    let server = Launch::basalt().shards(2).start();
    let mut client = server.client();
    let (small, large) = (pattern(10, 1), pattern(300_000, 2));
    let mut sent = Vec::new();
    for key in 0..KEYS {
        let (small_key, large_key) = (format!("small:{key}"), format!("large:{key}"));
        sent.extend(request(&[&b"SET"[..], small_key.as_bytes(), &small]));
        sent.extend(request(&[&b"SET"[..], large_key.as_bytes(), &large]));
        sent.extend(request(&["GET", &small_key]));
        sent.extend(request(&["GET", &large_key]));
        sent.extend(request(&["EXISTS", &small_key, &large_key]));
    }
    client.send(&sent);
    for key in 0..KEYS {
        assert_eq!(client.read(), Value::Simple(b"OK".to_vec()), "key {key}");
        assert_eq!(client.read(), Value::Simple(b"OK".to_vec()), "key {key}");
        assert_eq!(client.read().text(), Some(&small[..]), "key {key}");
        assert!(client.read().text() == Some(&large[..]), "key {key}");
        assert_eq!(client.read(), Value::Integer(2), "key {key}");
    }
}

#[test]
fn a_large_value_being_read_is_not_changed_by_its_successor() {
    let server = Launch::basalt().shards(2).start();
    let (mut reader, mut writer) = (server.client(), server.client());
    let (old, new) = (pattern(8 * KIB * KIB, 1), pattern(8 * KIB * KIB, 2));
    writer.command(&[&b"SET"[..], b"turn", &old]);
    // The reader asks and does not read, so that most of the reply waits in the server.
    reader.send(&request(&["GET", "turn"]));
    reader.read_bytes(1);
    writer.command(&[&b"SET"[..], b"turn", &new]);
    assert_eq!(writer.command(&["DEL", "turn"]), Value::Integer(1));
    let header = format!("{}\r\n", old.len());
    assert_eq!(reader.read_bytes(header.len()), header.as_bytes());
    assert!(reader.read_bytes(old.len()) == old, "the old value comes whole");
}
