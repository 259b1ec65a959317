//! Drawn keys against the distributions they claim to follow, by chi-square with a fixed seed.

use std::collections::HashSet;

use super::{KeyDistribution, KeySampler, Part, scattering_stride};
use crate::random::Random;

const SEED: u64 = 20_240_607;
const DRAWS: u64 = 200_000;
const ALONE: Part = Part { index: 0, count: 1 };

fn sampler(text: &str, key_space: u64, part: Part) -> KeySampler {
    KeySampler::new(text.parse().unwrap(), key_space, part)
}

fn histogram(text: &str, key_space: u64) -> Vec<u64> {
    let (mut sampler, mut random) = (sampler(text, key_space, ALONE), Random::new(SEED));
    let mut counts = vec![0; key_space as usize];
    (0..DRAWS).for_each(|_| counts[sampler.draw(&mut random) as usize] += 1);
    counts
}

/// Fails when draws differ from what is expected by more than one in some hundred thousand samples would.
fn check_chi_square(name: &str, counts: &[u64], expected: impl Fn(usize) -> f64) {
    let square = |(index, &count): (usize, &u64)| {
        let expected = expected(index) * DRAWS as f64;
        (count as f64 - expected).powi(2) / expected
    };
    let chi_square: f64 = counts.iter().enumerate().map(square).sum();
    let freedom = counts.len() as f64 - 1.0;
    // A chi-square of many degrees is near normal, with variance twice the degrees.
    let limit = freedom + 4.5 * (2.0 * freedom).sqrt();
    assert!(chi_square < limit, "{name}, seed {SEED}: chi-square {chi_square} of {freedom} degrees");
}

#[test]
fn uniform_keys_are_uniform() {
    check_chi_square("uniform", &histogram("uniform", 500), |_| 1.0 / 500.0);
}

#[test]
fn zipf_keys_follow_their_exponent() {
    for exponent in [0.5, 0.99, 1.0, 1.4] {
        let key_space = 300;
        let counts = histogram(&format!("zipf:{exponent}"), key_space);
        let stride = scattering_stride(key_space);
        let by_rank: Vec<u64> =
            (0..key_space).map(|rank| counts[(rank * stride % key_space) as usize]).collect();
        let weight = |rank: usize| (rank as f64 + 1.0).powf(-exponent);
        let total: f64 = (0..key_space as usize).map(weight).sum();
        check_chi_square(&format!("zipf {exponent}"), &by_rank, |rank| weight(rank) / total);
    }
}

#[test]
fn a_wrong_exponent_would_be_noticed() {
    let counts = histogram("zipf:0.99", 300);
    let stride = scattering_stride(300);
    let by_rank: Vec<u64> = (0..300).map(|rank| counts[(rank * stride % 300) as usize]).collect();
    let weight = |rank: usize| (rank as f64 + 1.0).powf(-1.05);
    let total: f64 = (0..300).map(weight).sum();
    let check = || check_chi_square("zipf", &by_rank, |rank| weight(rank) / total);
    assert!(std::panic::catch_unwind(check).is_err());
}

#[test]
fn ranks_are_scattered_over_every_key() {
    for key_space in [1, 2, 10, 1000, 99_991] {
        let stride = scattering_stride(key_space);
        let keys: HashSet<u64> = (0..key_space).map(|rank| rank * stride % key_space).collect();
        assert_eq!(keys.len() as u64, key_space);
    }
}

#[test]
fn a_hot_set_gets_its_share() {
    let counts = histogram("hot:20,80", 100);
    check_chi_square("hot", &counts, |key| if key < 20 { 0.8 / 20.0 } else { 0.2 / 80.0 });
    assert_eq!(histogram("hot:100,0", 10).iter().sum::<u64>(), DRAWS);
    assert_eq!(histogram("hot:0,100", 10)[0], DRAWS);
}

#[test]
fn sequential_keys_meet_every_key_once_over_all_threads() {
    let mut random = Random::new(SEED);
    let mut keys = Vec::new();
    for index in 0..3 {
        let mut sampler = sampler("sequential", 300, Part { index, count: 3 });
        keys.extend((0..100).map(|_| sampler.draw(&mut random)));
    }
    keys.sort_unstable();
    assert_eq!(keys, (0..300).collect::<Vec<u64>>());
}

#[test]
fn latest_keys_are_the_newest_ones() {
    let mut random = Random::new(SEED);
    let mut sampler = sampler("latest:0.99", 1000, Part { index: 1, count: 2 });
    assert_eq!([sampler.create(), sampler.create()], [1001, 1003]);
    let keys: Vec<u64> = (0..10_000).map(|_| sampler.draw(&mut random)).collect();
    assert!(keys.iter().all(|&key| key < 1004), "seed {SEED}");
    let newest = keys.iter().filter(|&&key| key == 1003).count();
    let oldest = keys.iter().filter(|&&key| key < 500).count();
    assert!((1000..1700).contains(&newest) && oldest < newest, "seed {SEED}: {newest} {oldest}");
}

#[test]
fn distributions_are_read_and_shown_alike() {
    for text in ["uniform", "zipf:0.99", "sequential", "hot:20,80", "latest:1.2"] {
        assert_eq!(text.parse::<KeyDistribution>().unwrap().to_string(), text);
    }
    for wrong in ["", "zipf:x", "zipf:-1", "zipf:1,2", "hot:20", "hot:20,101", "uniform:1", "normal"] {
        assert!(wrong.parse::<KeyDistribution>().is_err(), "{wrong}");
    }
}
