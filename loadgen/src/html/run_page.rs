//! The page of one run, and the charts that it shares with comparisons.

use super::chart::{Axis, Chart, Series, Shade, Width};
use super::scale::Scale;
use super::{escape, notes, page, short, three_digits, tile, time, time_text};
use crate::report::{Ended, RunReport, grouped};

/// What was measured, under a name.
pub struct Named<'a> {
    pub name: String,
    pub report: &'a RunReport,
}

pub fn run_page(report: &RunReport) -> String {
    let named = [Named { name: report.target.clone(), report }];
    let mut body = format!(
        "<header><h1>{}</h1>\n<p>{}</p></header>\n",
        escape(report.workload.as_ref().unwrap_or(&report.command)),
        escape(&describe_load(report))
    );
    body += &notes("bad-box", &complaints(report));
    body += &tiles(report);
    body += &format!("<div class=\"charts\">\n{}</div>\n", charts(&named));
    body += &commands_table(report);
    body += &facts(report);
    page(&format!("basalt-load: {}", report.command), &body)
}

/// One line on how much load there was.
pub fn describe_load(report: &RunReport) -> String {
    let pace = match (report.rate, &report.arrivals) {
        (Some(rate), Some(arrivals)) => format!("open loop, {} requests/s {arrivals}", three_digits(rate)),
        _ => "closed loop".to_owned(),
    };
    format!(
        "{} · {} connections · pipeline {} · {pace} · {:.1} s",
        report.target, report.connections, report.pipeline, report.seconds
    )
}

fn complaints(report: &RunReport) -> Vec<String> {
    let mut lines: Vec<String> = report.failure.iter().cloned().collect();
    if report.ended == Ended::Interrupted {
        lines.push("Interrupted: results are those up to then.".to_owned());
    }
    if report.errors > 0 {
        let examples = report.error_examples.join("; ");
        lines.push(format!("{} replies are errors: {examples}", grouped(report.errors)));
    }
    lines
}

fn tiles(report: &RunReport) -> String {
    let timed = |us, name| {
        let (figure, unit) = time(us);
        tile(&figure, unit, name)
    };
    let latency = report.latency_us;
    let mut tiles = tile(&grouped(report.requests_per_second.round() as u64), "/s", "requests");
    tiles += &timed(latency.p50, "median latency");
    tiles += &timed(latency.p99, "99th percentile");
    tiles += &timed(latency.p999, "99.9th percentile");
    tiles += &timed(latency.max, "slowest request");
    if let Some(server) = report.server {
        tiles += &tile(&three_digits(server.cpu_us_per_request), "µs", "server CPU each");
    }
    format!("<div class=\"tiles\">\n{tiles}</div>\n")
}

/// Latency, throughput and, where it is known, the server's CPU.
pub fn charts(runs: &[Named<'_>]) -> String {
    let cpu = cpu_chart(runs);
    let width = if cpu.is_empty() { Width::Half } else { Width::Full };
    latency_chart(runs, width) + &throughput_chart(runs) + &cpu
}

fn latency_chart(runs: &[Named<'_>], width: Width) -> String {
    let series =
        series(runs, |report| report.latency_curve.iter().map(|point| (point.quantile, point.us)).collect());
    let points = || series.iter().flat_map(|series| &series.points);
    Chart {
        title: "Latency by percentile",
        note: "So much time was enough for so many of the requests. Both axes are logarithmic.",
        x: Axis {
            name: "percent of requests",
            scale: Scale::nines(points().map(|point| point.0)),
            label: percentile,
        },
        y: Axis { name: "", scale: Scale::log(points().map(|point| point.1)), label: time_text },
        series: &series,
        shade: Shade::None,
        width,
    }
    .card()
}

fn throughput_chart(runs: &[Named<'_>]) -> String {
    let series = series(runs, |report| {
        report.timeline.iter().map(|point| (point.seconds, point.requests_per_second)).collect()
    });
    over_time("Throughput over time", "Requests answered per second.", short, &series)
}

fn cpu_chart(runs: &[Named<'_>]) -> String {
    let series = series(runs, |report| {
        let point = |point: &crate::timeline::TimelinePoint| Some((point.seconds, point.server_cpu_percent?));
        report.timeline.iter().filter_map(point).collect()
    });
    if series.iter().all(|series| series.points.is_empty()) {
        return String::new();
    }
    let label = |percent| format!("{percent:.0} %");
    over_time("Server CPU over time", "In percent of one CPU.", label, &series)
}

fn over_time(title: &str, note: &str, label: fn(f64) -> String, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|series| &series.points);
    let last = points().map(|point| point.0).fold(0.0, f64::max);
    let seconds = |seconds| format!("{} s", three_digits(seconds));
    Chart {
        title,
        note,
        x: Axis { name: "seconds since measuring began", scale: Scale::up_to(last.max(0.1)), label: seconds },
        y: Axis { name: "", scale: Scale::linear(points().map(|point| point.1)), label },
        series,
        shade: Shade::Below,
        width: Width::Half,
    }
    .card()
}

fn series(runs: &[Named<'_>], points: impl Fn(&RunReport) -> Vec<(f64, f64)>) -> Vec<Series> {
    runs.iter().map(|run| Series { name: run.name.clone(), points: points(run.report) }).collect()
}

fn percentile(share: f64) -> String {
    let text = format!("{:.5}", 100.0 * share);
    text.trim_end_matches('0').trim_end_matches('.').to_owned() + " %"
}

fn commands_table(report: &RunReport) -> String {
    if report.commands.len() < 2 {
        return String::new();
    }
    let most = report.commands.iter().map(|command| command.requests).max().unwrap_or(0).max(1);
    let row = |command: &crate::report::CommandReport| {
        let latency = command.latency_us;
        let cells: String = [latency.p50, latency.p99, latency.p999, latency.max]
            .map(|us| format!("<td class=\"n\">{}</td>", time_text(us)))
            .concat();
        let (name, requests) = (escape(&command.command), grouped(command.requests));
        let width = 100.0 * command.requests as f64 / most as f64;
        format!(
            "<tr><td><code>{name}</code></td><td class=\"bar\"><i class=\"f0\" style=\"width:{width:.1}%;\
             background:var(--first)\"></i></td><td class=\"n\">{requests}</td>{cells}</tr>\n"
        )
    };
    let rows: String = report.commands.iter().map(row).collect();
    format!(
        "<h2>Commands</h2>\n<section class=\"card scroll\"><table>\n<tr><th>command</th><th></th>\
         <th class=\"n\">requests</th><th class=\"n\">p50</th><th class=\"n\">p99</th><th class=\"n\">p99.9</th>\
         <th class=\"n\">max</th></tr>\n{rows}</table></section>\n"
    )
}

fn facts(report: &RunReport) -> String {
    let mut rows = String::new();
    let mut row = |name: &str, value: String| {
        rows += &format!("<tr><td>{}</td><td>{}</td></tr>\n", escape(name), escape(&value));
    };
    row("requests", format!("{} in {:.2} s", grouped(report.requests), report.seconds));
    row("errors", grouped(report.errors));
    row("unanswered at the end", grouped(report.unanswered));
    row("keys", format!("{} over {}", report.keys, grouped(report.key_space)));
    row("value bytes", report.value_sizes.clone());
    row("seed", report.seed.to_string());
    let (own, share) = (report.cpu_us_per_request, report.cpu_percent);
    row("generator CPU", format!("{own:.3} µs per request, {share:.0} % of {} thread(s)", report.threads));
    if let Some(server) = report.server {
        let (own, share) = (server.cpu_us_per_request, server.cpu_percent);
        row("server CPU", format!("{own:.3} µs per request, {share:.0} % of one CPU"));
    }
    row("other CPU", format!("{:.0} % of the machine", report.other_cpu_percent));
    format!("<h2>Details</h2>\n<section class=\"card\"><table class=\"facts\">\n{rows}</table></section>\n")
}
