//! What a workload is made of, from flags, a file or a preset; flags win.

use crate::arguments::RecipeArguments;
use crate::keys::KeyDistribution;
use crate::mix::{Mix, REQUESTS_MAX, WeightedLine};
use crate::preset;
use crate::sizes::ValueSizes;
use crate::template::{KEY_DIGITS_MAX, Placeholders, TemplateError, parse_range};
use crate::workload_file::{WorkloadFile, WorkloadFileError};

const KEY_SPACE_DEFAULT: u64 = 100_000;
const KEY_DIGITS_DEFAULT: usize = 12;
const VALUE_BYTES_DEFAULT: usize = 64;
/// Weights add up within 64 bits.
pub const WEIGHT_MAX: u64 = 1_000_000_000;

/// Everything that decides which requests are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    pub commands: Vec<WeightedLine>,
    /// Sent once for each key before the load.
    pub preload: Vec<String>,
    pub keys: KeyDistribution,
    pub key_space: u64,
    pub key_digits: usize,
    pub values: ValueSizes,
    pub ttl: Option<(u64, u64)>,
}

/// A workload that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error(transparent)]
    File(#[from] WorkloadFileError),
    #[error("there is no preset {0:?}")]
    NoPreset(String),
    #[error("the workload: {0}")]
    Value(String),
    #[error("the workload has no command; give --command, --mix, --workload or --preset")]
    NoCommand,
    #[error("the workload has more than {REQUESTS_MAX} commands")]
    ManyCommands,
    #[error("a weight lies between 1 and {WEIGHT_MAX}, not {0}")]
    Weight(u64),
}

impl Default for Recipe {
    fn default() -> Recipe {
        Recipe {
            commands: Vec::new(),
            preload: Vec::new(),
            keys: KeyDistribution::Uniform,
            key_space: KEY_SPACE_DEFAULT,
            key_digits: KEY_DIGITS_DEFAULT,
            values: ValueSizes::Fixed(VALUE_BYTES_DEFAULT),
            ttl: None,
        }
    }
}

impl Recipe {
    pub fn of_preset(name: &str) -> Result<Recipe, RecipeError> {
        let text = preset::find(name).ok_or_else(|| RecipeError::NoPreset(name.to_owned()))?;
        Recipe::of_file(&text.parse().expect("a test reads every preset"))
    }

    pub fn of_file(file: &WorkloadFile) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::default();
        let line = |entry: &crate::workload_file::CommandEntry| WeightedLine {
            weight: entry.weight,
            line: entry.line.clone(),
        };
        recipe.commands = file.command.iter().map(line).collect();
        recipe.preload.clone_from(&file.preload);
        if let Some(keys) = &file.keys {
            recipe.keys = keys.parse().map_err(RecipeError::Value)?;
        }
        if let Some(key_space) = file.key_space {
            recipe.key_space = key_space;
        }
        if let Some(digits) = file.key_digits {
            recipe.key_digits = digits as usize;
        }
        if let Some(sizes) = &file.value_size {
            recipe.values = sizes.text().parse().map_err(RecipeError::Value)?;
        }
        if let Some(ttl) = &file.ttl {
            recipe.ttl = Some(parse_ttl(ttl).map_err(RecipeError::Value)?);
        }
        recipe.checked()
    }

    /// The same with what was said on the command line.
    pub fn with_flags(mut self, flags: &RecipeArguments) -> Result<Recipe, RecipeError> {
        let mut commands = flags.mix.clone();
        commands.extend(flags.command.iter().map(|line| WeightedLine { weight: 1, line: line.clone() }));
        if !commands.is_empty() {
            self.commands = commands;
        }
        if !flags.preload.is_empty() {
            self.preload.clone_from(&flags.preload);
        }
        self.keys = flags.keys.unwrap_or(self.keys);
        self.key_space = flags.key_space.unwrap_or(self.key_space);
        self.key_digits = flags.key_digits.map_or(self.key_digits, |digits| digits as usize);
        self.values = flags.value_size.clone().unwrap_or(self.values);
        self.ttl = flags.ttl.or(self.ttl);
        self.checked()?.with_commands()
    }

    fn checked(self) -> Result<Recipe, RecipeError> {
        if let Some(line) = self.commands.iter().find(|line| !(1..=WEIGHT_MAX).contains(&line.weight)) {
            return Err(RecipeError::Weight(line.weight));
        }
        if self.commands.len() > REQUESTS_MAX || self.preload.len() > REQUESTS_MAX {
            return Err(RecipeError::ManyCommands);
        }
        if self.key_space == 0 || !(1..=KEY_DIGITS_MAX).contains(&self.key_digits) {
            return Err(RecipeError::Value("key-space is at least 1, key-digits are 1 to 20".to_owned()));
        }
        Ok(self)
    }

    fn with_commands(self) -> Result<Recipe, RecipeError> {
        if self.commands.is_empty() { Err(RecipeError::NoCommand) } else { Ok(self) }
    }

    pub fn mix(&self) -> Result<Mix, TemplateError> {
        Mix::new(&self.commands, self.placeholders(), self.keys)
    }

    /// `None` when nothing is to be loaded.
    pub fn preload_mix(&self) -> Result<Option<Mix>, TemplateError> {
        let lines: Vec<WeightedLine> =
            self.preload.iter().map(|line| WeightedLine { weight: 1, line: line.clone() }).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        Mix::new(&lines, self.placeholders(), KeyDistribution::Sequential).map(Some)
    }

    fn placeholders(&self) -> Placeholders {
        Placeholders {
            key_space: self.key_space,
            key_digits: self.key_digits,
            values: self.values.clone(),
            ttl: self.ttl,
        }
    }

    /// The flags that say the same, but for what is loaded before.
    pub fn to_options(&self) -> Vec<String> {
        let mut options = vec![
            ("--keys", self.keys.to_string()),
            ("--key-space", self.key_space.to_string()),
            ("--key-digits", self.key_digits.to_string()),
            ("--value-size", self.values.to_string()),
        ];
        options.extend(self.ttl.map(|(low, high)| ("--ttl", format!("{low}-{high}"))));
        options.extend(self.commands.iter().map(|line| ("--mix", format!("{}:{}", line.weight, line.line))));
        options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// One line for people: the command, or the commands with their shares.
    pub fn title(&self) -> String {
        if let [only] = &self.commands[..] {
            return only.line.clone();
        }
        let parts: Vec<String> =
            self.commands.iter().map(|line| format!("{}:{}", line.weight, line.line)).collect();
        parts.join(", ")
    }
}

/// Reads `WEIGHT:COMMAND`.
pub fn parse_weighted(text: &str) -> Result<WeightedLine, String> {
    let (weight, line) = text.split_once(':').ok_or("a part of a mix is WEIGHT:COMMAND, as in 10:PING")?;
    let weight = weight.trim().parse().map_err(|_| format!("{weight:?} is not a weight"))?;
    Ok(WeightedLine { weight, line: line.to_owned() })
}

/// Reads seconds or a range of them.
pub fn parse_ttl(text: &str) -> Result<(u64, u64), String> {
    parse_range(text)
        .ok_or_else(|| "a TTL is seconds or a range of them, for example 60 or 60-120".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Recipe, RecipeError, parse_weighted};
    use crate::arguments::RecipeArguments;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        recipe: RecipeArguments,
    }

    fn flags(line: &str) -> RecipeArguments {
        Line::try_parse_from(crate::words::split(&format!("x {line}")).unwrap()).unwrap().recipe
    }

    #[test]
    fn flags_win_over_a_preset() {
        let preset = Recipe::of_preset("cache").unwrap();
        let recipe = preset.clone().with_flags(&flags("--key-space 7 --value-size 5")).unwrap();
        assert_eq!((recipe.key_space, recipe.values.most()), (7, 5));
        assert_eq!((recipe.commands, recipe.keys), (preset.commands, preset.keys));
    }

    #[test]
    fn a_recipe_survives_being_written_as_flags() {
        for name in crate::preset::names() {
            let mut recipe = Recipe::of_preset(name).unwrap();
            recipe.preload.clear();
            let options = [vec!["x".to_owned()], recipe.to_options()].concat();
            let flags = Line::try_parse_from(options).unwrap().recipe;
            assert_eq!(Recipe::default().with_flags(&flags).unwrap(), recipe, "{name}");
        }
    }

    #[test]
    fn senseless_workloads_are_refused() {
        let refused = |line: &str| Recipe::default().with_flags(&flags(line)).unwrap_err();
        assert!(matches!(refused("--key-space 5"), RecipeError::NoCommand));
        assert!(matches!(refused("--mix 0:PING"), RecipeError::Weight(0)));
        assert!(matches!(Recipe::of_preset("nothing"), Err(RecipeError::NoPreset(_))));
        assert!(parse_weighted("GET").is_err() && parse_weighted("x:GET").is_err());
        assert_eq!(parse_weighted("3:GET a:b").unwrap().line, "GET a:b");
    }
}
