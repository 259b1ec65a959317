//! What a run found: the JSON document that other tools read, and the table for people.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::latency::{CurvePoint, LatencySummary};
use crate::timeline::TimelinePoint;

/// The results of a run. Names in it stay as they are: other tools read them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The name of a preset or of a file.
    pub workload: Option<String>,
    pub command: String,
    pub target: String,
    pub connections: u64,
    pub pipeline: u32,
    /// Requests per second that were due; `None` in a closed loop.
    pub rate: Option<f64>,
    pub arrivals: Option<String>,
    pub threads: u64,
    pub keys: String,
    pub key_space: u64,
    /// On average.
    pub value_bytes: u64,
    pub value_sizes: String,
    pub seed: u64,
    /// Seconds that were measured.
    pub seconds: f64,
    /// Requests answered meanwhile, errors among them.
    pub requests: u64,
    pub errors: u64,
    /// The first different texts of errors.
    pub error_examples: Vec<String>,
    /// Requests that a node of a cluster sent to another one: they count as answered, and are not asked again.
    pub redirected: u64,
    pub cluster_nodes: Option<u64>,
    /// Requests without a reply at the end; with a rate, also those that were due and could not be sent.
    pub unanswered: u64,
    pub requests_per_second: f64,
    /// From the sending of a request's batch to its reply; with a rate, from the time it was due. There, what is
    /// unanswered counts with its age.
    pub latency_us: LatencySummary,
    /// The same as a curve.
    pub latency_curve: Vec<CurvePoint>,
    /// For each command of a mix.
    pub commands: Vec<CommandReport>,
    pub timeline: Vec<TimelinePoint>,
    /// CPU time of the generator's threads, for each request.
    pub cpu_us_per_request: f64,
    /// The same in percent of one CPU for each thread: near 100 the generator is the bottleneck.
    pub cpu_percent: f64,
    /// CPU time of everything but generator and server, in percent of the whole machine. Without --server-pid the server
    /// is in it.
    pub other_cpu_percent: f64,
    pub server: Option<ServerReport>,
    pub ended: Ended,
    /// Why, if it failed.
    pub failure: Option<String>,
}

/// One command of a mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandReport {
    pub command: String,
    pub requests: u64,
    pub latency_us: LatencySummary,
}

/// CPU time of the server that --server-pid names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerReport {
    /// By the nanoseconds of `/proc/PID/task/*/schedstat`.
    pub cpu_us_per_request: f64,
    /// By the 10 ms ticks of `/proc/PID/stat`.
    pub tick_cpu_us_per_request: f64,
    /// In percent of one CPU.
    pub cpu_percent: f64,
    /// Whether the two accounts differ by no more than ticks explain.
    pub accounts_agree: bool,
}

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    Completed,
    Interrupted,
    Failed,
}

/// A file of results that cannot be written or read back.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
}

/// Writes a document as indented JSON.
pub fn write_json(path: &Path, document: &impl Serialize) -> Result<(), ReportError> {
    let mut text = serde_json::to_string_pretty(document).expect("reports have only text keys");
    text.push('\n');
    write_text(path, &text)
}

/// Writes a text.
pub fn write_text(path: &Path, text: &str) -> Result<(), ReportError> {
    fs::write(path, text).map_err(|source| ReportError::Write { path: path.to_owned(), source })
}

/// Reads a run's document back.
pub fn read_json(path: &Path) -> Result<RunReport, ReportError> {
    let in_path = |source| ReportError::Read { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(in_path)?;
    serde_json::from_str(&text).map_err(|error| in_path(error.into()))
}

impl RunReport {
    /// A short table for a terminal.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            writeln!(text, "  {name:<12} {value}").expect("a String takes all text");
        };
        let connections = count(self.connections, "connection");
        let threads = count(self.threads, "thread");
        row("command", self.command.clone());
        row("load", format!("{connections}, pipeline {}, {threads}, {}", self.pipeline, self.target));
        if let (Some(rate), Some(arrivals)) = (self.rate, &self.arrivals) {
            row("rate", format!("{rate} requests/s, {arrivals} arrivals; latency from when they were due"));
        }
        row("requests", format!("{} in {:.2} s", grouped(self.requests), self.seconds));
        row("errors", self.errors_text());
        if let Some(nodes) = self.cluster_nodes {
            let redirected = grouped(self.redirected);
            row("cluster", format!("{}, {redirected} requests redirected", count(nodes, "node")));
        }
        if self.rate.is_some() {
            row("unanswered", format!("{} (counted with their age)", grouped(self.unanswered)));
        }
        row("requests/s", grouped(self.requests_per_second.round() as u64));
        let LatencySummary { p50, p90, p99, p999, p9999, max } = self.latency_us;
        row("latency us", format!("p50 {p50:.1}  p90 {p90:.1}  p99 {p99:.1}"));
        row("", format!("p99.9 {p999:.1}  p99.99 {p9999:.1}  max {max:.1}"));
        if self.commands.len() > 1 {
            self.commands.iter().for_each(|command| row("", command.line()));
        }
        let own =
            format!("{:.3} us/request, {:.0} % of its threads", self.cpu_us_per_request, self.cpu_percent);
        row("own CPU", own);
        if let Some(server) = self.server {
            let ticks = if server.accounts_agree { "agree" } else { "DISAGREE" };
            let (exact, rough) = (server.cpu_us_per_request, server.tick_cpu_us_per_request);
            row(
                "server CPU",
                format!("{exact:.3} us/request, {:.0} % (ticks {ticks}: {rough:.3})", server.cpu_percent),
            );
            row("other CPU", format!("{:.0} % of the machine", self.other_cpu_percent));
        }
        text
    }

    fn errors_text(&self) -> String {
        let examples: Vec<String> =
            self.error_examples.iter().map(|text| format!("\n{:15}{text}", "")).collect();
        format!("{}{}", grouped(self.errors), examples.concat())
    }
}

impl CommandReport {
    fn line(&self) -> String {
        let LatencySummary { p50, p99, max, .. } = self.latency_us;
        format!("{:>12}  p50 {p50:.1}  p99 {p99:.1}  max {max:.1}  {}", grouped(self.requests), self.command)
    }
}

fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A number with its thousands apart: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
pub mod tests {
    use super::{Ended, RunReport, ServerReport, grouped};
    use crate::latency::LatencySummary;

    pub fn sample() -> RunReport {
        RunReport {
            workload: None,
            command: "GET key:{key}".to_owned(),
            target: "127.0.0.1:6379".to_owned(),
            connections: 50,
            pipeline: 16,
            rate: None,
            arrivals: None,
            threads: 1,
            keys: "uniform".to_owned(),
            key_space: 1000,
            value_bytes: 64,
            value_sizes: "64".to_owned(),
            seed: 1,
            seconds: 2.0,
            requests: 2_000_000,
            errors: 0,
            error_examples: vec![],
            redirected: 0,
            cluster_nodes: None,
            unanswered: 0,
            latency_curve: vec![],
            commands: vec![],
            timeline: vec![],
            requests_per_second: 1_000_000.0,
            latency_us: LatencySummary { p50: 1.0, p90: 2.0, p99: 3.0, p999: 4.0, p9999: 5.0, max: 6.0 },
            cpu_us_per_request: 0.5,
            cpu_percent: 50.0,
            other_cpu_percent: 0.0,
            server: Some(ServerReport {
                cpu_us_per_request: 0.9,
                tick_cpu_us_per_request: 0.905,
                cpu_percent: 90.0,
                accounts_agree: true,
            }),
            ended: Ended::Completed,
            failure: None,
        }
    }

    #[test]
    fn the_document_keeps_the_names_others_read() {
        let document = serde_json::to_value(sample()).unwrap();
        let names = [
            "requests",
            "errors",
            "requests_per_second",
            "latency_us",
            "command",
            "connections",
            "pipeline",
            "seconds",
            "cpu_us_per_request",
        ];
        for name in names {
            assert!(document.get(name).is_some(), "{name}");
        }
        let latency: Vec<&String> = document["latency_us"].as_object().unwrap().keys().collect();
        assert_eq!(latency, ["max", "p50", "p90", "p99", "p999", "p9999"]);
        assert_eq!(serde_json::from_value::<RunReport>(document).unwrap(), sample());
    }

    #[test]
    fn the_table_shows_errors_with_examples() {
        let mut report = sample();
        report.errors = 1234;
        report.error_examples = vec!["ERR a".to_owned(), "ERR b".to_owned()];
        let table = report.table();
        assert!(table.contains("1,234\n               ERR a\n               ERR b\n"), "{table}");
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
