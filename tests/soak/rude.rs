//! Clients who do not behave: they leave in the middle of a request, do not read, come by the hundred, or send no requests at all.

use std::thread::sleep;
use std::time::Duration;

use super::common::random::Random;
use super::common::{request, words};
use super::field::{Field, count};
use super::tagged::{self, GROUPS, Size};

const CROWD_MAX: usize = 150;

/// Replies of large values that a slow reader asks for, and how long it takes its time.
const REPLIES_MAX: usize = 20;
const SLOW_MS_MAX: usize = 800;

pub fn run(field: &Field, _: usize, mut random: Random) {
    while field.is_open() {
        match random.below(10) {
            0..4 => leaves_in_a_request(field, &mut random),
            4 => comes_back_to_a_request(field, &mut random),
            5 => reads_slowly(field, &mut random),
            6 => never_reads(field, &mut random),
            7 => comes_by_the_hundred(field, &mut random),
            _ => sends_nonsense(field, &mut random),
        }
        sleep(Duration::from_millis(5));
    }
}

/// A SET of any size.
fn set(random: &mut Random) -> Vec<u8> {
    let size = *random.pick(&[Size::Small, Size::Small, Size::Medium, Size::Medium, Size::Large]);
    let group = random.below(GROUPS);
    let (key, value) = (tagged::key(group, size, random), tagged::value(group, size, random));
    request(&[b"SET", key.as_bytes(), &value])
}

fn leaves_in_a_request(field: &Field, random: &mut Random) {
    let bytes = set(random);
    let mut client = field.connect_quietly();
    client.send(&bytes[..random.below(bytes.len())]);
    if random.once_in(3) {
        sleep(Duration::from_millis(random.below(20) as u64));
    }
    field.pace(1);
    count(&field.totals.left_midway, 1);
}

fn comes_back_to_a_request(field: &Field, random: &mut Random) {
    let bytes = set(random);
    let mut client = field.connect_quietly();
    let (start, end) = bytes.split_at(random.below(bytes.len()));
    client.send(start);
    sleep(Duration::from_millis(random.below(100) as u64));
    client.send(end);
    assert!(!client.read().is_error(), "a request in two parts is one");
    field.pace(1);
}

fn gets(random: &mut Random) -> Vec<u8> {
    let keys = (0..1 + random.below(REPLIES_MAX)).map(|_| {
        let group = random.below(GROUPS);
        tagged::key(group, Size::Large, random)
    });
    keys.flat_map(|key| words(&format!("GET {key}"))).collect()
}

fn reads_slowly(field: &Field, random: &mut Random) {
    let mut client = field.connect_quietly();
    client.send(&gets(random));
    let rounds = random.below(SLOW_MS_MAX / 10);
    for _ in 0..rounds {
        client.receive_once(Duration::from_millis(1));
        sleep(Duration::from_millis(10));
    }
    field.pace(REPLIES_MAX);
}

fn never_reads(field: &Field, random: &mut Random) {
    let mut client = field.connect_quietly();
    client.send(&gets(random));
    sleep(Duration::from_millis(random.below(SLOW_MS_MAX) as u64));
    field.pace(REPLIES_MAX);
    count(&field.totals.left_midway, 1);
}

fn comes_by_the_hundred(field: &Field, random: &mut Random) {
    let mut crowd: Vec<_> = (0..1 + random.below(CROWD_MAX)).map(|_| field.connect_quietly()).collect();
    for client in &mut crowd {
        if random.once_in(2) {
            client.send(&words("PING"));
        }
    }
    field.pace(crowd.len());
}

fn sends_nonsense(field: &Field, random: &mut Random) {
    const NONSENSE: &[&[u8]] = &[
        b"*1\r\n$x\r\n",
        b"*99999999999\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"*2\r\n$3\r\nGET\r\n!1\r\n",
        b"GET \"unbalanced\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$-5\r\n",
    ];
    let mut client = field.connect_quietly();
    client.send(random.pick::<&[u8]>(NONSENSE));
    // The connection may be closed already.
    let _ = client.try_send(random.pick::<&[u8]>(NONSENSE));
    // An error and the end, or nothing because more is waited for.
    client.listen(Duration::from_millis(5));
    field.pace(1);
}
