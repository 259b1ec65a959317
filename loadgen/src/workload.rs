//! Named workloads of a comparison: a preset, a file, or an operation with its figures in its name.

use std::path::Path;

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
        let operation = parts.next().unwrap_or_default();
        let (command, preload) = match operation {
            "get" => ("GET key:{key}", Some("SET key:{key} {value}")),
            "set" => ("SET key:{key} {value}", Some("SET key:{key} {value}")),
            "incr" => ("INCR counter:{key}", None),
            "ping" => ("PING", None),
            _ => {
                return Err(
                    "a workload is a preset, a .toml file, or begins with get, set, incr or ping".to_owned()
                );
            }
        };
        let (mut value_bytes, mut connections, mut pipeline) = (64, CONNECTIONS_DEFAULT, 1);
        for part in parts {
            let wrong = || format!("{part:?} is none of d<value bytes>, c<connections>, p<pipeline>");
            let number = part.get(1..).and_then(|digits| digits.parse::<u32>().ok()).ok_or_else(wrong)?;
            match part.as_bytes()[0] {
                b'd' if number <= 64 << 20 => value_bytes = number as usize,
                b'c' if (1..=1_000_000).contains(&number) => connections = u64::from(number),
                b'p' if (1..=1_000_000).contains(&number) => pipeline = number,
                _ => return Err(wrong()),
            }
        }
        Ok(Workload {
            name: format!("{operation}-d{value_bytes}-c{connections}-p{pipeline}"),
            recipe: Recipe {
                preload: preload.map(str::to_owned).into_iter().collect(),
                values: ValueSizes::Fixed(value_bytes),
                ..Recipe::of_command(command)
            },
            connections,
            pipeline,
        })
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
        assert_eq!(Workload::parse("ycsb-a").unwrap().recipe.commands.len(), 2);
    }

    #[test]
    fn unknown_names_are_refused() {
        for wrong in ["", "del", "get-", "get-x1", "get-c0", "get-p", "get-d-1", "get-é1", "missing.toml"] {
            assert!(Workload::parse(wrong).is_err(), "{wrong}");
        }
    }
}
