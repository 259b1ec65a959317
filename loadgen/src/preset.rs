//! Workloads that come with the program.

/// Names and their files.
const PRESETS: &[(&str, &str)] = &[
    ("cache", include_str!("presets/cache.toml")),
    ("leaderboard", include_str!("presets/leaderboard.toml")),
    ("queue", include_str!("presets/queue.toml")),
    ("session", include_str!("presets/session.toml")),
    ("ycsb-a", include_str!("presets/ycsb-a.toml")),
    ("ycsb-b", include_str!("presets/ycsb-b.toml")),
    ("ycsb-c", include_str!("presets/ycsb-c.toml")),
    ("ycsb-d", include_str!("presets/ycsb-d.toml")),
    ("ycsb-e", include_str!("presets/ycsb-e.toml")),
    ("ycsb-f", include_str!("presets/ycsb-f.toml")),
];

/// The file of a preset.
pub fn find(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, text)| *text)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::{find, names};
    use crate::recipe::Recipe;
    use crate::workload_file::WorkloadFile;

    #[test]
    fn every_preset_can_be_sent() {
        for name in names() {
            let file: WorkloadFile =
                find(name).unwrap().parse().unwrap_or_else(|error| panic!("{name}: {error}"));
            let recipe = Recipe::of_file(&file).unwrap();
            recipe.mix().unwrap_or_else(|error| panic!("{name}: {error}"));
            recipe.preload_mix().unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}
