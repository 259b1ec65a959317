//! Which keys requests ask for: the distributions that the command line knows, and drawing from them.

use std::fmt;
use std::str::FromStr;

use rand_distr::Zipf;

use crate::random::Random;

/// How requests spread over the key space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeyDistribution {
    Uniform,
    /// The key of rank r is asked for in proportion to 1 / r^exponent; ranks are scattered over the key space.
    Zipf {
        exponent: f64,
    },
    /// One key after the other, and from the beginning again.
    Sequential,
    /// So many percent of the keys get so many percent of the requests.
    Hot {
        keys_percent: f64,
        requests_percent: f64,
    },
    /// As zipf, but ranked by age: the newest key most.
    Latest {
        exponent: f64,
    },
}

/// One of several threads that share a key space.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub index: u64,
    pub count: u64,
}

/// Draws keys for one thread.
pub struct KeySampler {
    kind: Kind,
    key_space: u64,
    part: Part,
    /// New keys that this thread has made.
    created: u64,
}

enum Kind {
    Uniform,
    Zipf { ranks: Zipf<f64>, stride: u64 },
    Sequential { next: u64 },
    Hot { hot_keys: u64, hot_requests: u64 },
    Latest { ranks: Zipf<f64> },
    Given(u64),
}

impl KeySampler {
    pub fn new(distribution: KeyDistribution, key_space: u64, part: Part) -> KeySampler {
        let zipf =
            |exponent| Zipf::new(key_space as f64, exponent).expect("both are checked when they are read");
        let kind = match distribution {
            KeyDistribution::Uniform => Kind::Uniform,
            KeyDistribution::Zipf { exponent } => {
                Kind::Zipf { ranks: zipf(exponent), stride: scattering_stride(key_space) }
            }
            KeyDistribution::Sequential => Kind::Sequential { next: part.index % key_space },
            KeyDistribution::Hot { keys_percent, requests_percent } => Kind::Hot {
                hot_keys: ((key_space as f64 * keys_percent / 100.0) as u64).clamp(1, key_space),
                hot_requests: (requests_percent / 100.0 * u64::MAX as f64) as u64,
            },
            KeyDistribution::Latest { exponent } => Kind::Latest { ranks: zipf(exponent) },
        };
        KeySampler { kind, key_space, part, created: 0 }
    }

    /// Gives the same key until `give` names another.
    pub fn given() -> KeySampler {
        KeySampler { kind: Kind::Given(0), key_space: 1, part: Part { index: 0, count: 1 }, created: 0 }
    }

    pub fn give(&mut self, key: u64) {
        self.kind = Kind::Given(key);
    }

    pub fn draw(&mut self, random: &mut Random) -> u64 {
        match &mut self.kind {
            Kind::Uniform => random.below(self.key_space),
            Kind::Zipf { ranks, stride } => {
                let rank = random.sample(ranks) as u64 - 1;
                (u128::from(rank) * u128::from(*stride) % u128::from(self.key_space)) as u64
            }
            Kind::Sequential { next } => {
                let key = *next;
                *next = (key + self.part.count) % self.key_space;
                key
            }
            Kind::Hot { hot_keys, hot_requests } => {
                if *hot_keys == self.key_space || random.next() < *hot_requests {
                    random.below(*hot_keys)
                } else {
                    *hot_keys + random.below(self.key_space - *hot_keys)
                }
            }
            Kind::Latest { ranks } => {
                // Other threads are taken to create keys as fast as this one does.
                let newest = self.key_space + self.created * self.part.count;
                newest - random.sample(ranks) as u64
            }
            Kind::Given(key) => *key,
        }
    }

    /// A key above the key space that no thread has had before.
    pub fn create(&mut self) -> u64 {
        self.created += 1;
        self.key_space + (self.created - 1) * self.part.count + self.part.index
    }
}

/// Near the golden section of the key space, and without a common divisor: multiples of it meet every key once.
fn scattering_stride(key_space: u64) -> u64 {
    let near = ((key_space as f64 * 0.618_033_988_75) as u64).max(1);
    (near..).find(|&stride| divisor(stride, key_space) == 1).expect("a prime lies above")
}

fn divisor(mut first: u64, mut second: u64) -> u64 {
    while second > 0 {
        (first, second) = (second, first % second);
    }
    first
}

impl FromStr for KeyDistribution {
    type Err = String;

    fn from_str(text: &str) -> Result<KeyDistribution, String> {
        let (name, figures) = text.split_once(':').unwrap_or((text, ""));
        let numbers: Result<Vec<f64>, _> =
            figures.split(',').filter(|part| !part.is_empty()).map(str::parse).collect();
        let numbers = numbers.map_err(|_| format!("{figures:?} is not a list of numbers"))?;
        let exponent = numbers.first().copied().unwrap_or(0.99);
        let exponent_fits = numbers.len() <= 1 && (0.0..=10.0).contains(&exponent);
        match (name, &numbers[..]) {
            ("uniform", []) => Ok(KeyDistribution::Uniform),
            ("sequential", []) => Ok(KeyDistribution::Sequential),
            ("zipf", _) if exponent_fits => Ok(KeyDistribution::Zipf { exponent }),
            ("latest", _) if exponent_fits => Ok(KeyDistribution::Latest { exponent }),
            ("hot", &[keys_percent, requests_percent])
                if (0.0..=100.0).contains(&keys_percent) && (0.0..=100.0).contains(&requests_percent) =>
            {
                Ok(KeyDistribution::Hot { keys_percent, requests_percent })
            }
            _ => Err("keys are uniform, zipf:EXPONENT, sequential, hot:KEYS%,REQUESTS% or latest:EXPONENT, \
                      for example zipf:0.99 or hot:20,80"
                .to_owned()),
        }
    }
}

impl fmt::Display for KeyDistribution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyDistribution::Uniform => write!(formatter, "uniform"),
            KeyDistribution::Zipf { exponent } => write!(formatter, "zipf:{exponent}"),
            KeyDistribution::Sequential => write!(formatter, "sequential"),
            KeyDistribution::Hot { keys_percent, requests_percent } => {
                write!(formatter, "hot:{keys_percent},{requests_percent}")
            }
            KeyDistribution::Latest { exponent } => write!(formatter, "latest:{exponent}"),
        }
    }
}

#[cfg(test)]
mod tests;
