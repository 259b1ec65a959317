//! How long values are: the distributions that the command line knows, and drawing from them.

use std::fmt;
use std::str::FromStr;

use rand_distr::StandardNormal;

use crate::random::Random;

/// Longest value, the limit of the protocol's usual servers divided by eight.
pub const VALUE_BYTES_MAX: usize = 64 << 20;
/// Deviations from the mean beyond which a size of the normal distribution is cut off.
const DEVIATIONS_MAX: f64 = 6.0;
/// Most different sizes in a list.
const LIST_MAX: usize = 1000;

/// Sizes of `{value}` in bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSizes {
    Fixed(usize),
    Uniform {
        low: usize,
        high: usize,
    },
    Normal {
        mean: f64,
        deviation: f64,
    },
    /// Sizes with their weights, none of which is zero.
    List(Vec<(usize, u64)>),
}

impl ValueSizes {
    pub fn draw(&self, random: &mut Random) -> usize {
        match self {
            ValueSizes::Fixed(bytes) => *bytes,
            ValueSizes::Uniform { low, high } => random.between(*low as u64, *high as u64) as usize,
            ValueSizes::Normal { mean, deviation } => {
                let sigma: f64 = random.sample(&StandardNormal);
                let sigma = sigma.clamp(-DEVIATIONS_MAX, DEVIATIONS_MAX);
                (mean + sigma * deviation).round().max(0.0) as usize
            }
            ValueSizes::List(sizes) => {
                let total = sizes.iter().map(|(_, weight)| weight).sum();
                let mut left = random.below(total);
                for &(bytes, weight) in sizes {
                    if left < weight {
                        return bytes;
                    }
                    left -= weight;
                }
                unreachable!("the number drawn is below the sum of the weights")
            }
        }
    }

    /// The longest that can be drawn.
    pub fn most(&self) -> usize {
        match self {
            ValueSizes::Fixed(bytes) => *bytes,
            ValueSizes::Uniform { high, .. } => *high,
            ValueSizes::Normal { mean, deviation } => (mean + DEVIATIONS_MAX * deviation).round() as usize,
            ValueSizes::List(sizes) => sizes.iter().map(|&(bytes, _)| bytes).max().unwrap_or(0),
        }
    }

    pub fn mean(&self) -> f64 {
        match self {
            ValueSizes::Fixed(bytes) => *bytes as f64,
            ValueSizes::Uniform { low, high } => (low + high) as f64 / 2.0,
            ValueSizes::Normal { mean, .. } => *mean,
            ValueSizes::List(sizes) => {
                let total: u64 = sizes.iter().map(|(_, weight)| weight).sum();
                sizes.iter().map(|&(bytes, weight)| bytes as f64 * weight as f64).sum::<f64>() / total as f64
            }
        }
    }

    fn read(text: &str) -> Option<ValueSizes> {
        if let Some(range) = text.strip_prefix("uniform:") {
            let (low, high) = range.split_once('-')?;
            let (low, high) = (low.parse().ok()?, high.parse().ok()?);
            return (low <= high).then_some(ValueSizes::Uniform { low, high });
        }
        if let Some(figures) = text.strip_prefix("normal:") {
            let (mean, deviation) = figures.split_once(',')?;
            let (mean, deviation): (f64, f64) = (mean.parse().ok()?, deviation.parse().ok()?);
            let plain = mean.is_finite() && deviation.is_finite() && mean >= 0.0 && deviation >= 0.0;
            return plain.then_some(ValueSizes::Normal { mean, deviation });
        }
        if let Some(list) = text.strip_prefix("list:") {
            let size = |part: &str| -> Option<(usize, u64)> {
                let (bytes, weight) = part.split_once('=').unwrap_or((part, "1"));
                Some((
                    bytes.parse().ok()?,
                    weight.parse().ok().filter(|weight| (1..1 << 32).contains(weight))?,
                ))
            };
            let sizes: Option<Vec<(usize, u64)>> = list.split(',').map(size).collect();
            return sizes.filter(|sizes| sizes.len() <= LIST_MAX).map(ValueSizes::List);
        }
        text.parse().ok().map(ValueSizes::Fixed)
    }
}

impl FromStr for ValueSizes {
    type Err = String;

    fn from_str(text: &str) -> Result<ValueSizes, String> {
        let sizes = ValueSizes::read(text).ok_or(
            "sizes are BYTES, uniform:LOW-HIGH, normal:MEAN,DEVIATION or list:BYTES=WEIGHT,..., \
             for example 64 or list:100=9,1000=1",
        )?;
        match sizes.most() {
            0..=VALUE_BYTES_MAX => Ok(sizes),
            _ => Err(format!("a value has at most {VALUE_BYTES_MAX} bytes")),
        }
    }
}

impl fmt::Display for ValueSizes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueSizes::Fixed(bytes) => write!(formatter, "{bytes}"),
            ValueSizes::Uniform { low, high } => write!(formatter, "uniform:{low}-{high}"),
            ValueSizes::Normal { mean, deviation } => write!(formatter, "normal:{mean},{deviation}"),
            ValueSizes::List(sizes) => {
                let parts: Vec<String> =
                    sizes.iter().map(|(bytes, weight)| format!("{bytes}={weight}")).collect();
                write!(formatter, "list:{}", parts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ValueSizes;
    use crate::random::Random;

    const SEED: u64 = 77;
    const DRAWS: usize = 100_000;

    fn drawn(text: &str) -> Vec<usize> {
        let (sizes, mut random) = (text.parse::<ValueSizes>().unwrap(), Random::new(SEED));
        (0..DRAWS).map(|_| sizes.draw(&mut random)).collect()
    }

    fn share(drawn: &[usize], matches: impl Fn(usize) -> bool) -> f64 {
        drawn.iter().filter(|&&bytes| matches(bytes)).count() as f64 / DRAWS as f64
    }

    #[test]
    fn sizes_follow_their_distribution() {
        let near = |value: f64, expected: f64| (value - expected).abs() < 0.006;
        assert!(drawn("64").iter().all(|&bytes| bytes == 64));
        let uniform = drawn("uniform:10-19");
        assert!(uniform.iter().all(|bytes| (10..=19).contains(bytes)));
        assert!((10..=19).all(|bytes| near(share(&uniform, |drawn| drawn == bytes), 0.1)), "seed {SEED}");
        let list = drawn("list:100=9,1000=1");
        assert!(near(share(&list, |bytes| bytes == 100), 0.9), "seed {SEED}");
        assert!(near(share(&list, |bytes| bytes == 1000), 0.1), "seed {SEED}");
        // Of a normal distribution, 68.3 % lie within one deviation and 95.4 % within two.
        let normal = drawn("normal:1000,100");
        assert!(near(share(&normal, |bytes| bytes.abs_diff(1000) < 100), 0.683), "seed {SEED}");
        assert!(near(share(&normal, |bytes| bytes.abs_diff(1000) < 200), 0.954), "seed {SEED}");
        assert!(near(share(&normal, |bytes| bytes < 1000), 0.5), "seed {SEED}");
    }

    #[test]
    fn the_longest_is_never_exceeded() {
        for text in ["7", "uniform:0-9", "normal:10,30", "list:1=5,6=1"] {
            let most = text.parse::<ValueSizes>().unwrap().most();
            assert!(drawn(text).iter().all(|&bytes| bytes <= most), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_shown_alike() {
        for text in ["64", "uniform:1-2", "normal:100,2.5", "list:1=2,3=4"] {
            assert_eq!(text.parse::<ValueSizes>().unwrap().to_string(), text);
        }
        for wrong in ["", "-1", "uniform:2-1", "normal:1", "normal:nan,1", "list:", "list:1=0", "67108865"] {
            assert!(wrong.parse::<ValueSizes>().is_err(), "{wrong}");
        }
        assert_eq!("list:100=9,1000=1".parse::<ValueSizes>().unwrap().mean(), 190.0);
    }
}
