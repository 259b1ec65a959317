//! LATENCY: samples of what took long as lists, as a drawing, and in words; and the times of commands.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::bridge::command_stats::CommandStats;
use crate::bridge::spikes::Event;
use crate::commands::Command;
use crate::commands::call::LatencyQuery;
use crate::commands::error::until_nul;
use crate::commands::latency::{CallTimes, write_histograms};
use crate::commands::table::{all_rows, find_full, number_of};
use crate::data_plane::core::Core;

/// A drawing has so many rows, each with this many levels.
const ROWS: usize = 4;
const LEVELS: [char; 3] = ['_', 'o', '#'];
/// The newest samples are drawn.
const COLUMNS: usize = 80;

impl Core {
    pub(super) fn answer_latency(&mut self, index: u32, query: LatencyQuery) {
        let (bridge, now_s) = (self.bridge.clone(), self.turn.now_us / 1_000_000);
        let find = |event: &[u8]| bridge.spikes.all().into_iter().find(|(name, _)| name.as_bytes() == event);
        self.answer_with(index, |reply| match query {
            LatencyQuery::Latest => {
                let all = bridge.spikes.all();
                reply.array(all.len());
                for (name, event) in all {
                    let latest = event.samples.back().expect("an event has samples");
                    reply.array(4);
                    reply.bulk(name.as_bytes());
                    reply.integer(latest.at_s as i64);
                    reply.integer(latest.milliseconds.into());
                    reply.integer(event.longest_ms.into());
                }
            }
            LatencyQuery::History(event) => {
                let samples = find(&event).map(|(_, event)| event.samples).unwrap_or_default();
                reply.array(samples.len());
                for sample in samples {
                    reply.array(2);
                    reply.integer(sample.at_s as i64);
                    reply.integer(sample.milliseconds.into());
                }
            }
            LatencyQuery::Graph(event) => match find(&event) {
                Some((name, event)) => reply.verbatim("txt", draw(name, &event, now_s).as_bytes()),
                None => {
                    let text = [b"ERR No samples available for event '", until_nul(&event), b"'"].concat();
                    reply.error(&text);
                }
            },
            LatencyQuery::Doctor => reply.verbatim("txt", diagnosis(&bridge.spikes.all()).as_bytes()),
            LatencyQuery::Reset(events) => reply.integer(bridge.spikes.forget(&events) as i64),
            LatencyQuery::Histogram(names) => write_histograms(&call_times(&bridge.commands, &names), reply),
        });
    }
}

/// How long calls of the commands with these names took, over all cores: of all that were called if there are no names.
fn call_times(cores: &[CommandStats], names: &[Bytes]) -> Vec<CallTimes> {
    let rows: Vec<&'static Command> = match names.is_empty() {
        true => all_rows().collect(),
        // The name of a container stands for its subcommands.
        false => names.iter().filter_map(|name| find_full(name)).flat_map(with_subcommands).collect(),
    };
    let times =
        rows.into_iter().map(|row| CallTimes { name: row.full_name(), counts: counts_of(cores, row) });
    times.filter(|times| !times.counts.is_empty()).collect()
}

fn with_subcommands(row: &'static Command) -> impl Iterator<Item = &'static Command> {
    std::iter::once(row).chain(row.subcommands)
}

/// (nanoseconds at most, calls) in ascending order, over all cores.
pub(super) fn counts_of(cores: &[CommandStats], row: &'static Command) -> Vec<(u64, u64)> {
    let mut counts = BTreeMap::new();
    for core in cores {
        for (most, calls) in
            core.row(number_of(row).into()).latencies().into_iter().flat_map(|it| it.counts())
        {
            *counts.entry(most).or_default() += calls;
        }
    }
    counts.into_iter().collect()
}

/// The samples of an event as columns, with their ages below.
fn draw(name: &str, event: &Event, now_s: u64) -> String {
    let skipped = event.samples.len().saturating_sub(COLUMNS);
    let samples: Vec<_> = event.samples.iter().skip(skipped).collect();
    let lowest = samples.iter().map(|sample| sample.milliseconds).min().unwrap_or_default();
    let highest = samples.iter().map(|sample| sample.milliseconds).max().unwrap_or_default();
    let mut text = format!(
        "{name} - high {highest} ms, low {lowest} ms (all time high {} ms)\n{}\n",
        event.longest_ms,
        "-".repeat(COLUMNS)
    );
    let steps = (ROWS * LEVELS.len() - 1) as f64;
    let range = f64::from(highest - lowest).max(1.0);
    let heights = samples.iter().map(|it| (f64::from(it.milliseconds - lowest) / range * steps) as usize);
    let heights: Vec<usize> = heights.collect();
    for row in (0..ROWS).rev() {
        text.extend(heights.iter().map(|height| match height.checked_sub(row * LEVELS.len()) {
            None => ' ',
            Some(level) => LEVELS.get(level).copied().unwrap_or('|'),
        }));
        text.push('\n');
    }
    text.push('\n');
    let ages: Vec<String> = samples.iter().map(|sample| age(now_s.saturating_sub(sample.at_s))).collect();
    for line in 0..ages.iter().map(String::len).max().unwrap_or_default() {
        text.extend(ages.iter().map(|age| age.as_bytes().get(line).map_or(' ', |&byte| char::from(byte))));
        text.push('\n');
    }
    text
}

/// Seconds as people say it, in one unit.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What the samples say.
fn diagnosis(events: &BTreeMap<&'static str, Event>) -> String {
    if events.is_empty() {
        return "Nothing took longer than latency-monitor-threshold allows, or the threshold is 0, which watches \
                nothing: CONFIG SET latency-monitor-threshold <milliseconds>.\n"
            .to_owned();
    }
    let mut text = String::from("These events took longer than latency-monitor-threshold:\n\n");
    for (number, (name, event)) in events.iter().enumerate() {
        let count = event.samples.len() as u64;
        let total: u64 = event.samples.iter().map(|sample| u64::from(sample.milliseconds)).sum();
        text.push_str(&format!(
            "{}. {name}: {count} samples (average {} ms), the longest ever {} ms.\n",
            number + 1,
            total / count.max(1),
            event.longest_ms
        ));
    }
    text.push_str(
        "\nWhat may help:\n\
         - SLOWLOG GET names the requests that were slow; what is O(N) on a large value is best asked for in parts.\n\
         - A core that others share is slow through no fault of its requests: give Basalt CPUs of its own (--cpus).\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::{age, draw};
    use crate::bridge::spikes::{Event, Sample};

    /// As redis-server 7.0.15 draws these samples.
    #[test]
    fn samples_are_drawn_as_columns() {
        let times = [(0, 50), (1, 101), (2, 200), (4, 300), (5, 20), (6, 150)];
        let samples = times.map(|(at_s, milliseconds)| Sample { at_s, milliseconds }).into();
        let drawn = draw("command", &Event { samples, longest_ms: 300 }, 7);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[0], "command - high 300 ms, low 20 ms (all time high 300 ms)");
        assert_eq!(lines[2..], ["   #  ", "  o|  ", " _|| #", "o|||_|", "", "765321", "ssssss"]);
    }

    #[test]
    fn ages_have_one_unit() {
        assert_eq!([59, 60, 3_600, 90_000].map(age), ["59s", "1m", "1h", "1d"]);
    }
}
