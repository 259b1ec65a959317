//! Rounds of several servers side by side: medians, ratios, remarks on what the figures are worth, and the table.

use std::fmt::Write;

use serde::Serialize;

use crate::report::{RunReport, ServerReport, grouped};

/// Percent of its CPUs from which on the generator counts as the bottleneck.
const GENERATOR_FULL: f64 = 95.0;
/// Percent of the machine spent by others from which on it counts as busy.
const OTHERS_BUSY: f64 = 5.0;

/// A whole comparison, as its JSON document has it.
#[derive(Debug, Serialize)]
pub struct Comparison {
    pub machine: String,
    pub seconds: f64,
    pub warmup_seconds: f64,
    pub seed: u64,
    pub boost: bool,
    pub workloads: Vec<WorkloadResult>,
    /// Workloads that could not be measured, with the reason.
    pub failures: Vec<String>,
}

/// One workload on every server.
#[derive(Debug, Serialize)]
pub struct WorkloadResult {
    pub name: String,
    pub command: String,
    pub servers: Vec<ServerResult>,
    pub remarks: Vec<String>,
}

/// One server's rounds. Ratios are to the first server in the same round.
#[derive(Debug, Serialize)]
pub struct ServerResult {
    pub name: String,
    pub server_command: String,
    pub requests_per_second: Spread,
    pub requests_ratio: Spread,
    /// The server's CPU time.
    pub cpu_us_per_request: Spread,
    pub cpu_ratio: Spread,
    pub p50_us: Spread,
    pub p99_us: Spread,
    pub p999_us: Spread,
    pub server_cpu_percent: Spread,
    pub generator_cpu_percent: Spread,
    pub other_cpu_percent: Spread,
    pub rounds: Vec<RunReport>,
}

/// The middle and the bounds of a figure over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// One server's runs, a round each.
pub struct Runs {
    pub name: String,
    pub server_command: String,
    pub rounds: Vec<RunReport>,
}

impl Spread {
    /// Of at least one value.
    fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (count, middle) = (values.len(), values.len() / 2);
        let median = if count.is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Spread { median, least: values[0], most: values[count - 1] }
    }
}

impl WorkloadResult {
    /// Of the rounds that all servers have finished; `None` if there is none. With `control`, the last server is the
    /// first once more.
    pub fn of(name: &str, command: &str, mut runs: Vec<Runs>, control: Control) -> Option<WorkloadResult> {
        let rounds = runs.iter().map(|runs| runs.rounds.len()).min().unwrap_or(0);
        if rounds == 0 {
            return None;
        }
        runs.iter_mut().for_each(|runs| runs.rounds.truncate(rounds));
        let base = runs[0].rounds.clone();
        let servers: Vec<_> = runs.into_iter().map(|runs| ServerResult::of(runs, &base)).collect();
        let mut remarks: Vec<String> = servers.iter().flat_map(ServerResult::remarks).collect();
        if let (Control::Last, Some(last)) = (control, servers.last()) {
            remarks.push(format!(
                "noise: {} is the first server again, and differs by {} in requests/s and {} in CPU",
                last.name,
                off_by(last.requests_ratio),
                off_by(last.cpu_ratio),
            ));
        }
        Some(WorkloadResult { name: name.to_owned(), command: command.to_owned(), servers, remarks })
    }

    /// The table for a terminal.
    pub fn table(&self) -> String {
        let rounds = self.servers[0].rounds.len();
        let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
        rows.extend(self.servers.iter().map(ServerResult::row));
        let widths: Vec<usize> = (0..HEADINGS.len())
            .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = format!(
            "{}: {} ({rounds} round{})\n",
            self.name,
            self.command,
            if rounds == 1 { "" } else { "s" }
        );
        for row in rows {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
            writeln!(text, "  {}", cells.join("  ")).expect("a String takes all text");
        }
        for remark in &self.remarks {
            writeln!(text, "  {remark}").expect("a String takes all text");
        }
        text
    }
}

/// Whether the last server of a comparison is the first once more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    None,
    Last,
}

const HEADINGS: [&str; 11] = [
    "server",
    "requests/s [least..most]",
    "ratio [least..most]",
    "CPU us/req [least..most]",
    "ratio [least..most]",
    "p50 us",
    "p99 us",
    "p99.9 us",
    "server %",
    "generator %",
    "other %",
];

impl ServerResult {
    fn of(runs: Runs, base: &[RunReport]) -> ServerResult {
        let rounds = runs.rounds;
        let spread = |figure: fn(&RunReport) -> f64| Spread::of(rounds.iter().map(figure));
        let ratio = |figure: fn(&RunReport) -> f64| {
            let of_round = |(round, base): (&RunReport, &RunReport)| match figure(base) {
                // Not known: JSON has no word for a number that is none.
                0.0 => 0.0,
                base => figure(round) / base,
            };
            Spread::of(rounds.iter().zip(base).map(of_round))
        };
        ServerResult {
            name: runs.name,
            server_command: runs.server_command,
            requests_per_second: spread(|round| round.requests_per_second),
            requests_ratio: ratio(|round| round.requests_per_second),
            cpu_us_per_request: spread(server_cpu),
            cpu_ratio: ratio(server_cpu),
            p50_us: spread(|round| round.latency_us.p50),
            p99_us: spread(|round| round.latency_us.p99),
            p999_us: spread(|round| round.latency_us.p999),
            server_cpu_percent: spread(|round| round.server.map_or(0.0, |server| server.cpu_percent)),
            generator_cpu_percent: spread(|round| round.cpu_percent),
            other_cpu_percent: spread(|round| round.other_cpu_percent),
            rounds,
        }
    }

    fn row(&self) -> Vec<String> {
        let whole = |value: f64| grouped(value.round() as u64);
        let ranged = |spread: Spread, text: &dyn Fn(f64) -> String| {
            format!("{} [{}..{}]", text(spread.median), text(spread.least), text(spread.most))
        };
        let percent = |spread: Spread| format!("{:.0}", spread.median);
        vec![
            self.name.clone(),
            ranged(self.requests_per_second, &whole),
            ranged(self.requests_ratio, &|value| format!("{value:.3}")),
            ranged(self.cpu_us_per_request, &|value| format!("{value:.3}")),
            ranged(self.cpu_ratio, &|value| format!("{value:.3}")),
            format!("{:.1}", self.p50_us.median),
            format!("{:.1}", self.p99_us.median),
            format!("{:.1}", self.p999_us.median),
            percent(self.server_cpu_percent),
            percent(self.generator_cpu_percent),
            percent(self.other_cpu_percent),
        ]
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let name = &self.name;
        let (generator, others) = (self.generator_cpu_percent.median, self.other_cpu_percent.most);
        if self.generator_is_full() {
            remarks.push(format!(
                "{name}: the generator was the bottleneck (its CPU {generator:.0} %): compare CPU, not requests/s"
            ));
        }
        if self.machine_is_busy() {
            remarks.push(format!("{name}: the machine was busy with other work (up to {others:.0} % of it)"));
        }
        if self.rounds.iter().any(|round| round.server.is_none()) {
            remarks.push(format!(
                "{name}: its CPU time is not known; an address can name its process, as in HOST:PORT@PID"
            ));
        }
        if let Some(server) = self.disagreeing_accounts() {
            let (exact, ticks) = (server.cpu_us_per_request, server.tick_cpu_us_per_request);
            remarks.push(format!(
                "{name}: two accounts of its CPU disagree: {exact:.3} us/request by schedstat, {ticks:.3} by ticks"
            ));
        }
        remarks
    }

    pub fn generator_is_full(&self) -> bool {
        self.generator_cpu_percent.median >= GENERATOR_FULL
    }

    pub fn machine_is_busy(&self) -> bool {
        self.other_cpu_percent.most >= OTHERS_BUSY
    }

    /// The first round whose two accounts of the server's CPU time differ.
    pub fn disagreeing_accounts(&self) -> Option<ServerReport> {
        self.rounds.iter().filter_map(|round| round.server).find(|server| !server.accounts_agree)
    }
}

fn server_cpu(round: &RunReport) -> f64 {
    round.server.map_or(0.0, |server| server.cpu_us_per_request)
}

fn off_by(ratio: Spread) -> String {
    let percent = |value: f64| 100.0 * (value - 1.0);
    let Spread { median, least, most } = ratio;
    format!("{:+.1} % [{:+.1}..{:+.1}]", percent(median), percent(least), percent(most))
}

#[cfg(test)]
pub mod tests {
    use super::{Comparison, Control, Runs, Spread, WorkloadResult};
    use crate::report::tests::sample;

    fn runs(name: &str, rates: &[f64]) -> Runs {
        let round = |&requests_per_second| crate::report::RunReport { requests_per_second, ..sample() };
        let rounds = rates.iter().map(round).collect();
        Runs { name: name.to_owned(), server_command: "server".to_owned(), rounds }
    }

    pub fn sample_comparison() -> Comparison {
        let point = |quantile, us| crate::latency::CurvePoint { quantile, us };
        let mut servers = vec![runs("a", &[100.0, 200.0]), runs("<b>", &[200.0, 400.0])];
        for round in servers.iter_mut().flat_map(|runs| &mut runs.rounds) {
            round.latency_curve = vec![point(0.0, 5.0), point(1.0, 50.0)];
        }
        Comparison {
            machine: "a machine".to_owned(),
            seconds: 3.0,
            warmup_seconds: 0.3,
            seed: 1,
            boost: false,
            workloads: vec![WorkloadResult::of("w", "GET k", servers, Control::None).unwrap()],
            failures: Vec::new(),
        }
    }

    #[test]
    fn medians_lie_between_the_bounds() {
        let odd = Spread::of([3.0, 1.0, 2.0].into_iter());
        assert_eq!(odd, Spread { median: 2.0, least: 1.0, most: 3.0 });
        let even = Spread::of([4.0, 1.0].into_iter());
        assert_eq!(even.median, 2.5);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let servers = vec![runs("a", &[100.0, 200.0, 400.0]), runs("b", &[200.0, 400.0, 400.0])];
        let result = WorkloadResult::of("w", "GET k", servers, Control::None).unwrap();
        assert_eq!(result.servers[1].requests_ratio, Spread { median: 2.0, least: 1.0, most: 2.0 });
        assert_eq!(result.servers[0].requests_ratio, Spread { median: 1.0, least: 1.0, most: 1.0 });
        assert!(result.remarks.is_empty(), "{:?}", result.remarks);
    }

    #[test]
    fn only_rounds_of_all_servers_count() {
        let servers = vec![runs("a", &[100.0, 900.0]), runs("b", &[200.0])];
        let result = WorkloadResult::of("w", "GET k", servers, Control::None).unwrap();
        assert_eq!(result.servers[0].requests_per_second.most, 100.0);
        let unfinished = vec![runs("a", &[100.0]), runs("b", &[])];
        assert!(WorkloadResult::of("w", "GET k", unfinished, Control::None).is_none());
    }

    #[test]
    fn doubtful_figures_are_remarked_on() {
        let mut full = runs("a", &[100.0]);
        full.rounds[0].cpu_percent = 99.0;
        full.rounds[0].other_cpu_percent = 30.0;
        full.rounds[0].server.as_mut().unwrap().accounts_agree = false;
        let result =
            WorkloadResult::of("w", "GET k", vec![full, runs("a'", &[110.0])], Control::Last).unwrap();
        let table = result.table();
        for remark in ["bottleneck", "busy", "disagree", "+10.0 %"] {
            assert!(table.contains(remark), "{remark} in {table}");
        }
    }
}
