//! Sums of numbers with fractions: thousands by chance must print as they do in Redis, to the last digit.

use super::common::random::Random;
use super::common::{Launch, Value};

const SUMS: usize = 6000;
const PIPELINE: usize = 100;

#[test]
fn fractions_add_up_as_in_redis() {
    let (mut random, seed) = Random::printed();
    let servers = [Launch::basalt().shards(1).start(), Launch::redis().start()];
    let mut clients = servers.each_ref().map(|server| server.client());
    for _ in 0..SUMS / PIPELINE {
        let batch: Vec<[Vec<u8>; 3]> = (0..PIPELINE).map(|_| request(&mut random)).collect();
        for client in &mut clients {
            client.send(&batch.iter().flat_map(|words| super::common::request(words)).collect::<Vec<_>>());
        }
        for words in batch {
            let [ours, theirs]: [Value; 2] = clients.each_mut().map(|client| client.read());
            let shown = words.each_ref().map(|word| String::from_utf8_lossy(word).into_owned());
            assert_eq!(ours, theirs, "{shown:?}; replay with BASALT_SEED={seed}");
        }
    }
}

/// A number is set or added to, and the sum is added to again.
fn request(random: &mut Random) -> [Vec<u8>; 3] {
    let key = random.pick(&[b"f:1", b"f:2", b"f:3"]).to_vec();
    let name = if random.once_in(3) { "SET" } else { "INCRBYFLOAT" };
    [name.into(), key, number(random).into_bytes()]
}

fn number(random: &mut Random) -> String {
    let sign = *random.pick(&["", "", "-", "+"]);
    let body = match random.below(8) {
        0 => format!("{}e{}", digits(random), random.below(9870) as i64 - 4960),
        1 => format!("{}.{}e{}", digits(random), digits(random), random.below(60) as i64 - 30),
        2 => format!("0x{:x}p{}", random.below(usize::MAX), random.below(200) as i64 - 100),
        3 => format!("0X{:X}.{:x}", random.below(1 << 30), random.below(1 << 30)),
        4 => format!("0x1.{:x}P{}", random.below(usize::MAX), random.below(32_900) as i64 - 16_500),
        5 => format!("0.{}{}", "0".repeat(random.below(20)), digits(random)),
        6 => digits(random),
        // A tie, or nearly one, at the last digit that is written.
        _ => format!(
            "{}.{:016}5{}",
            random.below(100),
            random.below(1 << 50),
            *random.pick(&["", "0", "01", "1"])
        ),
    };
    format!("{sign}{body}")
}

fn digits(random: &mut Random) -> String {
    let longest = *random.pick(&[3, 20, 60]);
    let count = 1 + random.below(longest);
    (0..count).map(|_| char::from(b'0' + random.below(10) as u8)).collect()
}
