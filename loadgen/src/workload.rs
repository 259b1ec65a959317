//! Named workloads of a comparison: a preset, a file, or an operation with its figures in its name.

use std::path::Path;

use crate::mix::WeightedLine;
use crate::recipe::Recipe;
use crate::sizes::ValueSizes;
use crate::workload_file::WorkloadFile;

const CONNECTIONS_DEFAULT: u64 = 50;

/// What is asked of every server of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// With all parts, as in `get-d64-c50-p1`.
    pub name: String,
    pub recipe: Recipe,
    pub connections: u64,
    pub pipeline: u32,
}

impl Workload {
    /// Reads the name of a preset, the path of a `.toml` file, or an operation.
    pub fn parse(text: &str) -> Result<Workload, String> {
        let named = |recipe| Workload {
            name: text.to_owned(),
            recipe,
            connections: CONNECTIONS_DEFAULT,
            pipeline: 1,
        };
        if let Ok(recipe) = Recipe::of_preset(text) {
            return Ok(named(recipe));
        }
        if text.ends_with(".toml") {
            let file = WorkloadFile::read(Path::new(text)).map_err(|error| error.to_string())?;
            return Recipe::of_file(&file).map(named).map_err(|error| error.to_string());
        }
        Workload::parse_operation(text)
    }

    /// Reads `OP-d<value bytes>-c<connections>-p<pipeline>`, where all but the operation may be left out (64, 50, 1).
    fn parse_operation(text: &str) -> Result<Workload, String> {
        let mut parts = text.split('-');
        let word = parts.next().unwrap_or_default();
        let operation = OPERATIONS.iter().find(|operation| operation.word == word).ok_or_else(|| {
            let words: Vec<&str> = OPERATIONS.iter().map(|operation| operation.word).collect();
            format!("a workload is a preset, a .toml file, or begins with one of {}", words.join(", "))
        })?;
        let (mut value_bytes, mut connections, mut pipeline) = (64, CONNECTIONS_DEFAULT, 1);
        for part in parts {
            let wrong = || format!("{part:?} is none of d<value bytes>, c<connections>, p<pipeline>");
            let number = part.get(1..).and_then(|digits| digits.parse::<u32>().ok()).ok_or_else(wrong)?;
            match part.as_bytes()[0] {
                b'd' if !operation.has_values() => return Err(format!("{word} has no values, but {part:?}")),
                b'd' if number <= 64 << 20 => value_bytes = number as usize,
                b'c' if (1..=1_000_000).contains(&number) => connections = u64::from(number),
                b'p' if (1..=1_000_000).contains(&number) => pipeline = number,
                _ => return Err(wrong()),
            }
        }
        let values = if operation.has_values() { format!("-d{value_bytes}") } else { String::new() };
        Ok(Workload {
            name: format!("{word}{values}-c{connections}-p{pipeline}"),
            recipe: operation.recipe(value_bytes),
            connections,
            pipeline,
        })
    }
}

/// What a name begins with, the requests with their weights, and what is there before.
struct Operation {
    word: &'static str,
    lines: &'static [(u64, &'static str)],
    preload: Option<&'static str>,
}

const GET: &str = "GET key:{key}";
const SET: &str = "SET key:{key} {value}";

const OPERATIONS: &[Operation] = &[
    Operation { word: "get", lines: &[(1, GET)], preload: Some(SET) },
    Operation { word: "set", lines: &[(1, SET)], preload: Some(SET) },
    // One SET to ten GETs, the usual proportion of a cache.
    Operation { word: "mix", lines: &[(1, SET), (10, GET)], preload: Some(SET) },
    Operation {
        word: "incr",
        lines: &[(1, "INCR counter:{key}")],
        // Else the first rounds would insert and the later ones count.
        preload: Some("SET counter:{key} 1"),
    },
    Operation { word: "mset10", lines: &[(1, "MSET key:{pairs:10}")], preload: Some(SET) },
    Operation { word: "ping", lines: &[(1, "PING")], preload: None },
];

impl Operation {
    fn has_values(&self) -> bool {
        let lines = self.lines.iter().map(|(_, line)| *line).chain(self.preload);
        lines.into_iter().any(|line| line.contains("{value}"))
    }

    fn recipe(&self, value_bytes: usize) -> Recipe {
        let line = |&(weight, line): &(u64, &str)| WeightedLine { weight, line: line.to_owned() };
        Recipe {
            commands: self.lines.iter().map(line).collect(),
            preload: self.preload.map(str::to_owned).into_iter().collect(),
            values: ValueSizes::Fixed(value_bytes),
            ..Recipe::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Workload;

    #[test]
    fn names_say_all_parts() {
        let workload = Workload::parse("set-p16-d100").unwrap();
        assert_eq!(workload.name, "set-d100-c50-p16");
        assert_eq!((workload.recipe.values.most(), workload.connections, workload.pipeline), (100, 50, 16));
        assert_eq!(workload.recipe.preload, ["SET key:{key} {value}"]);
        assert_eq!(Workload::parse("ping").unwrap().recipe.title(), "PING");
        assert_eq!(Workload::parse("incr-c1000").unwrap().name, "incr-c1000-p1");
        let mix = Workload::parse("mix-d1024").unwrap();
        assert_eq!(mix.recipe.title(), "1:SET key:{key} {value}, 10:GET key:{key}");
        assert_eq!(Workload::parse("mset10-p16").unwrap().recipe.title(), "MSET key:{pairs:10}");
        assert_eq!(Workload::parse("ycsb-a").unwrap().recipe.commands.len(), 2);
    }

    #[test]
    fn unknown_names_are_refused() {
        for wrong in
            ["", "del", "get-", "get-x1", "get-c0", "get-p", "get-d-1", "get-é1", "incr-d8", "missing.toml"]
        {
            assert!(Workload::parse(wrong).is_err(), "{wrong}");
        }
    }
}
