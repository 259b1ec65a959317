//! A comparison on one page: a row for each workload and server, beside the first server.

use crate::comparison::{Comparison, ServerResult, Spread, WorkloadResult};
use crate::report::grouped;

/// Columns whose cells are words; all others are figures.
const WORDS: usize = 2;

/// The table, with its headings first; all rows have as many cells.
struct Overview {
    rows: Vec<Vec<String>>,
}

/// As Markdown.
pub fn markdown(comparison: &Comparison) -> String {
    let Overview { mut rows } = Overview::of(comparison);
    let ruler = |column| if column < WORDS { "---" } else { "---:" };
    rows.insert(1, (0..rows[0].len()).map(|column| ruler(column).to_owned()).collect());
    let rows = rows.iter().map(|row| format!("| {} |\n", row.join(" | ")));
    let failures = comparison.failures.iter().map(|failure| format!("\nNot measured: {failure}\n"));
    rows.chain(failures).collect()
}

/// For a terminal.
pub fn text(comparison: &Comparison) -> String {
    let Overview { rows } = Overview::of(comparison);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cell = |(column, text): (usize, &String)| match (column, widths[column]) {
            (..WORDS, width) => format!("{text:<width$}"),
            (_, width) => format!("{text:>width$}"),
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

impl Overview {
    fn of(comparison: &Comparison) -> Overview {
        let first = comparison.workloads.first().map_or("", |workload| workload.servers[0].name.as_str());
        let mut rows = vec![headings(first)];
        for workload in &comparison.workloads {
            rows.extend(workload.servers[1..].iter().map(|server| row(workload, server)));
        }
        Overview { rows }
    }
}

fn headings(first: &str) -> Vec<String> {
    let of_both = |figure: &str| [format!("{first} {figure}"), figure.to_owned()];
    let mut headings = vec!["workload".to_owned(), "server".to_owned()];
    headings.extend(of_both("requests/s"));
    headings.push("ratio [least..most]".to_owned());
    headings.extend(of_both("CPU us"));
    headings.push("CPU ratio [least..most]".to_owned());
    headings.extend(of_both("p50 us"));
    headings.extend(of_both("p99 us"));
    headings.push("doubts".to_owned());
    headings
}

fn row(workload: &WorkloadResult, server: &ServerResult) -> Vec<String> {
    let first = &workload.servers[0];
    let both = |figure: fn(&ServerResult) -> Spread, text: fn(f64) -> String| {
        [text(figure(first).median), text(figure(server).median)]
    };
    let mut row = vec![workload.name.clone(), server.name.clone()];
    row.extend(both(|server| server.requests_per_second, |rate| grouped(rate.round() as u64)));
    row.push(ratio(server.requests_ratio));
    row.extend(both(|server| server.cpu_us_per_request, |us| format!("{us:.3}")));
    row.push(ratio(server.cpu_ratio));
    row.extend(both(|server| server.p50_us, |us| format!("{us:.1}")));
    row.extend(both(|server| server.p99_us, |us| format!("{us:.1}")));
    row.push(doubts(workload, server));
    row
}

fn ratio(spread: Spread) -> String {
    let Spread { median, least, most } = spread;
    format!("{median:.2} [{least:.2}..{most:.2}]")
}

/// Why a row means little, in a word for each reason.
pub fn doubts(workload: &WorkloadResult, server: &ServerResult) -> String {
    let pair = [&workload.servers[0], server];
    let any = |applies: fn(&ServerResult) -> bool| pair.iter().any(|server| applies(server));
    let reasons = [
        ("generator full", any(ServerResult::generator_is_full)),
        ("machine busy", any(ServerResult::machine_is_busy)),
        ("CPU accounts differ", any(|server| server.disagreeing_accounts().is_some())),
    ];
    let words: Vec<&str> = reasons.iter().filter(|(_, applies)| *applies).map(|(word, _)| *word).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{markdown, text};
    use crate::comparison::tests::sample_comparison;

    #[test]
    fn a_row_stands_beside_the_first_server() {
        let table = markdown(&sample_comparison());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(lines[0].starts_with("| workload | server | a requests/s | requests/s | ratio"), "{table}");
        assert!(
            lines[2].starts_with("| w | <b> | 150 | 300 | 2.00 [2.00..2.00] | 0.900 | 0.900 |"),
            "{table}"
        );
        let cells = |line: &str| line.matches('|').count();
        assert!(lines.iter().all(|line| cells(line) == cells(lines[0])), "{table}");
    }

    #[test]
    fn doubts_stand_in_the_row() {
        let mut comparison = sample_comparison();
        comparison.workloads[0].servers[0].generator_cpu_percent.median = 99.0;
        comparison.workloads[0].servers[1].other_cpu_percent.most = 50.0;
        assert!(markdown(&comparison).contains("| generator full, machine busy |"));
        assert!(text(&comparison).contains("generator full, machine busy\n"));
        comparison.failures.push("b, w2: the generator failed".to_owned());
        assert!(markdown(&comparison).ends_with("\nNot measured: b, w2: the generator failed\n"));
    }

    #[test]
    fn a_comparison_without_results_is_a_heading() {
        let mut comparison = sample_comparison();
        comparison.workloads.clear();
        assert_eq!(text(&comparison).lines().count(), 1);
    }
}
