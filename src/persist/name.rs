//! The names of the files in the folder.

use std::fmt;
use std::str::FromStr;

pub const LOCK: &str = "basalt.lock";
pub const MANIFEST: &str = "basalt.manifest";
/// What becomes the manifest when it is complete.
pub const MANIFEST_NEW: &str = "basalt.manifest.new";
/// Is there while bases are made of the files of Redis: without a manifest they are leftovers.
pub const IMPORTING: &str = "basalt.importing";

/// What a file of a shard holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// A segment of the log.
    Log,
    /// The keys as they were at one position.
    Base,
}

/// A file of a shard: `0-14.log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    pub shard: u16,
    /// No other file of the folder ever had this number.
    pub number: u64,
    pub content: Content,
}

impl FileName {
    pub fn log(shard: u16, number: u64) -> Self {
        FileName { shard, number, content: Content::Log }
    }

    pub fn base(shard: u16, number: u64) -> Self {
        FileName { shard, number, content: Content::Base }
    }
}

impl Content {
    fn extension(self) -> &'static str {
        match self {
            Content::Log => "log",
            Content::Base => "base",
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}.{}", self.shard, self.number, self.content.extension())
    }
}

/// The name is none that we give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a file of a shard")]
pub struct Foreign;

impl FromStr for FileName {
    type Err = Foreign;

    fn from_str(name: &str) -> Result<Self, Foreign> {
        let (stem, extension) = name.split_once('.').ok_or(Foreign)?;
        let (shard, number) = stem.split_once('-').ok_or(Foreign)?;
        let content = match extension {
            "log" => Content::Log,
            "base" => Content::Base,
            _ => return Err(Foreign),
        };
        let file = FileName {
            shard: shard.parse().map_err(|_| Foreign)?,
            number: number.parse().map_err(|_| Foreign)?,
            content,
        };
        // No sign, no leading zero.
        if file.to_string() == name { Ok(file) } else { Err(Foreign) }
    }
}

#[cfg(test)]
mod tests {
    use super::{FileName, Foreign};

    #[test]
    fn names_come_back_and_others_are_not_ours() {
        for file in [FileName::log(0, 14), FileName::base(65_535, u64::MAX)] {
            assert_eq!(file.to_string().parse(), Ok(file));
        }
        assert_eq!(FileName::log(0, 14).to_string(), "0-14.log");
        assert_eq!(FileName::base(3, 2).to_string(), "3-2.base");
        for name in [
            "",
            "0-14",
            "0.log",
            "00-1.log",
            "0-+1.log",
            "-1-1.log",
            "65536-1.log",
            "0-1.log.new",
            "appendonly.aof",
        ] {
            assert_eq!(name.parse::<FileName>(), Err(Foreign), "{name}");
        }
    }
}
