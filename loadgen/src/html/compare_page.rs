//! The page of a comparison: for each workload a table, what it is worth, and the servers' charts overlaid.

use super::overview_table::overview_table;
use super::run_page::{Named, charts, describe_load};
use super::{COLOURS, escape, notes, page, three_digits, time_text};
use crate::comparison::{Comparison, ServerResult, Spread, WorkloadResult};
use crate::report::{RunReport, grouped};

pub fn compare_page(comparison: &Comparison) -> String {
    let names: Vec<String> = comparison
        .workloads
        .first()
        .map(|workload| workload.servers.iter().map(|server| server.name.clone()).collect())
        .unwrap_or_default();
    let title = match &names[..] {
        [several @ .., last] if !several.is_empty() => format!("{} and {last}", several.join(", ")),
        _ => names.concat(),
    };
    let mut body = format!(
        "<header><h1>{}</h1>\n<p>{} · {} s each</p></header>\n",
        escape(&title),
        escape(&comparison.machine),
        three_digits(comparison.seconds)
    );
    body += &notes("bad-box", &comparison.failures);
    match &comparison.workloads[..] {
        [only] => body += &section(only),
        several => {
            body += &overview_table(several);
            body += "<h2>Details</h2>\n<p>Each workload with its spread, what it is worth, and charts.</p>\n";
            several.iter().for_each(|workload| body += &folded(workload));
        }
    }
    page(&format!("basalt-load: {title}"), &body)
}

fn folded(workload: &WorkloadResult) -> String {
    format!("<details>\n<summary>{}</summary>\n{}</details>\n", escape(&workload.name), section(workload))
}

fn section(workload: &WorkloadResult) -> String {
    let rounds = workload.servers[0].rounds.len();
    let load = describe_load(&workload.servers[0].rounds[0]);
    // Without the address, which differs.
    let load = load.split_once(" · ").map_or("", |(_, rest)| rest);
    // The anchor stands inside of what is folded: a browser that goes there unfolds it.
    let mut text = format!(
        "<h2 id=\"{0}\">{0}</h2>\n<p><code>{1}</code> · {load} · {rounds} rounds in turns, medians with least and most</p>\n",
        escape(&workload.name),
        escape(&workload.command)
    );
    text += &table(&workload.servers);
    text += &notes("note-box", &workload.remarks);
    let middle: Vec<Named<'_>> = workload
        .servers
        .iter()
        .map(|server| Named { name: server.name.clone(), report: middle_round(server) })
        .collect();
    text += &format!("<div class=\"charts\">\n{}</div>\n", charts(&middle));
    text
}

/// The round whose throughput is the median: charts show one round, not a mixture.
fn middle_round(server: &ServerResult) -> &RunReport {
    let distance = |round: &RunReport| (round.requests_per_second - server.requests_per_second.median).abs();
    let nearer = |first: &&RunReport, second: &&RunReport| distance(first).total_cmp(&distance(second));
    server.rounds.iter().min_by(nearer).expect("a result has at least one round")
}

fn table(servers: &[ServerResult]) -> String {
    let most = servers.iter().map(|server| server.requests_per_second.median).fold(1.0, f64::max);
    let row = |(index, server): (usize, &ServerResult)| {
        let colour = ["first", "second", "third", "fourth"][index % COLOURS];
        let width = 100.0 * server.requests_per_second.median / most;
        let whole = |value: f64| grouped(value.round() as u64);
        let fine = |value: f64| format!("{value:.3}");
        let percent = |spread: Spread| format!("<td class=\"n\">{:.0} %</td>", spread.median);
        let cells = [
            format!("<td class=\"name\">{}</td>", escape(&server.name)),
            format!("<td class=\"bar\"><i style=\"width:{width:.1}%;background:var(--{colour})\"></i></td>"),
            ranged(server.requests_per_second, whole),
            ranged(server.requests_ratio, fine),
            ranged(server.cpu_us_per_request, fine),
            ranged(server.cpu_ratio, fine),
            ranged(server.p50_us, time_text),
            ranged(server.p99_us, time_text),
            percent(server.server_cpu_percent),
            percent(server.generator_cpu_percent),
        ];
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let rows: String = servers.iter().enumerate().map(row).collect();
    let heading = |name: &&str| format!("<th class=\"n\">{name}</th>");
    let headings: String =
        ["requests/s", "ratio", "CPU µs/request", "CPU ratio", "p50", "p99", "its CPU", "generator"]
            .iter()
            .map(heading)
            .collect();
    format!(
        "<section class=\"card scroll\"><table>\n<tr><th>server</th><th></th>{headings}</tr>\n{rows}</table></section>\n"
    )
}

fn ranged(spread: Spread, text: impl Fn(f64) -> String) -> String {
    let (median, least, most) = (text(spread.median), text(spread.least), text(spread.most));
    format!("<td class=\"n\">{median}<br><small>{least} – {most}</small></td>")
}
