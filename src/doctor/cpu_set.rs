//! Sets of CPUs, in the two ways in which the kernel writes them.

use std::collections::BTreeSet;
use std::fmt;

/// CPU numbers stay below this; the largest kernels are built for 8192.
const CPUS_MAX: usize = 8192;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuSet(BTreeSet<usize>);

impl CpuSet {
    /// `0-3,8`; nothing, and the `(null)` of old kernels, is the empty set.
    pub fn from_list(text: &str) -> Option<CpuSet> {
        let text = text.trim();
        let mut cpus = BTreeSet::new();
        for part in text.split(',').filter(|part| !part.is_empty() && *part != "(null)") {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            if last >= CPUS_MAX {
                return None;
            }
            cpus.extend(first..=last);
        }
        Some(CpuSet(cpus))
    }

    /// Groups of 32 bits in hexadecimal digits, the highest first.
    pub fn from_mask(text: &str) -> Option<CpuSet> {
        let digits: Vec<u32> = text
            .trim()
            .chars()
            .filter(|character| *character != ',')
            .map(|character| character.to_digit(16))
            .collect::<Option<_>>()?;
        if digits.is_empty() || digits.len() * 4 > CPUS_MAX {
            return None;
        }
        let bits = digits.iter().rev().enumerate();
        let cpus = bits.flat_map(|(index, digit)| {
            (0..4).filter(move |bit| digit & (1 << bit) != 0).map(move |bit| index * 4 + bit)
        });
        Some(cpus.collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, cpu: usize) -> bool {
        self.0.contains(&cpu)
    }

    pub fn meets(&self, other: &CpuSet) -> bool {
        !self.0.is_disjoint(&other.0)
    }

    pub fn is_within(&self, other: &CpuSet) -> bool {
        self.0.is_subset(&other.0)
    }

    pub fn without(&self, other: &CpuSet) -> CpuSet {
        CpuSet(&self.0 - &other.0)
    }

    pub fn and(&self, other: &CpuSet) -> CpuSet {
        CpuSet(&self.0 | &other.0)
    }

    /// `CPU 0` or `CPUs 1-3`.
    pub fn named(&self) -> String {
        format!("{} {self}", if self.len() == 1 { "CPU" } else { "CPUs" })
    }

    /// The bits in hexadecimal digits, in groups of 32.
    pub fn mask(&self) -> String {
        let words = self.0.last().map_or(1, |last| last / 32 + 1);
        let word = |index: usize| {
            let bits = (0..32).filter(|bit| self.contains(index * 32 + bit));
            bits.fold(0u32, |word, bit| word | 1 << bit)
        };
        let groups = (0..words).rev().map(|index| match index + 1 == words {
            true => format!("{:x}", word(index)),
            false => format!("{:08x}", word(index)),
        });
        groups.collect::<Vec<_>>().join(",")
    }
}

impl FromIterator<usize> for CpuSet {
    fn from_iter<T: IntoIterator<Item = usize>>(cpus: T) -> Self {
        CpuSet(cpus.into_iter().collect())
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if_eq(&(last + 1)) {
                last = next;
            }
            match first == last {
                true => write!(formatter, "{separator}{first}")?,
                false => write!(formatter, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}
