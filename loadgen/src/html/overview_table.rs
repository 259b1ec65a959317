//! Many workloads at a glance: grouped by operation, a row for each with its ratios as bars around 1.

use super::{escape, short, time_text};
use crate::comparison::{ServerResult, Spread, WorkloadResult};
use crate::overview::doubts;

const BAR_WIDTH: f64 = 150.0;
const BAR_HEIGHT: f64 = 18.0;
/// A bar never claims less than a ratio of 2 from end to end, so that noise stays small.
const DOUBLINGS_MIN: f64 = 0.5;

/// Which way a ratio is good.
#[derive(Clone, Copy)]
enum Good {
    Above,
    Below,
}

/// What all bars of a column share: half their width stands for so many doublings.
#[derive(Clone, Copy)]
struct Bars {
    doublings: f64,
    good: Good,
}

/// All workloads, of which there is at least one, as one table.
pub fn overview_table(workloads: &[WorkloadResult]) -> String {
    let Some(first) = workloads.first() else { return String::new() };
    let first = escape(&first.servers[0].name);
    let requests = Bars::of(workloads, Good::Above, |server| server.requests_ratio);
    let cpu = Bars::of(workloads, Good::Below, |server| server.cpu_ratio);
    let mut rows = String::new();
    let mut group = "";
    for workload in workloads {
        let (next, _) = parts(&workload.name);
        if next != group {
            rows += &format!("<tr class=\"group\"><th colspan=\"13\">{}</th></tr>\n", escape(next));
            group = next;
        }
        for server in &workload.servers[1..] {
            rows += &row(workload, server, requests, cpu);
        }
    }
    format!(
        "<section class=\"card scroll overview\"><table>\n<tr><th></th><th>server</th>\
         <th class=\"n\">{first}</th><th class=\"n\">requests/s</th><th colspan=\"2\">ratio</th>\
         <th class=\"n\">{first}</th><th class=\"n\">CPU µs</th><th colspan=\"2\">CPU ratio</th>\
         <th class=\"n\">{first}</th><th class=\"n\">p99</th><th>doubts</th></tr>\n{rows}</table>\n\
         <p>A bar begins at 1 and is logarithmic; to the right is more. Green is better than {first} in every round, red \
         worse in every round, grey neither; the thin line goes from the least to the most of the rounds.</p></section>\n"
    )
}

/// A name such as `get-d64-c50-p16` as what is asked, `get-d64`, and how hard.
fn parts(name: &str) -> (&str, &str) {
    name.find("-c").map_or((name, name), |end| (&name[..end], &name[end + 1..]))
}

fn row(workload: &WorkloadResult, server: &ServerResult, requests: Bars, cpu: Bars) -> String {
    let first = &workload.servers[0];
    let number = |text: String| format!("<td class=\"n\">{text}</td>");
    let fine = |us: f64| number(format!("{us:.2}"));
    let ratio = |bars: Bars, spread: Spread| {
        format!("{}<td class=\"ratio\">{}</td>", number(format!("{:.2}", spread.median)), bars.draw(spread))
    };
    let (name, how) = (escape(&workload.name), escape(parts(&workload.name).1));
    let cells = [
        format!("<td class=\"name\"><a href=\"#{name}\">{how}</a></td><td>{}</td>", escape(&server.name)),
        number(short(first.requests_per_second.median)),
        number(short(server.requests_per_second.median)),
        ratio(requests, server.requests_ratio),
        fine(first.cpu_us_per_request.median),
        fine(server.cpu_us_per_request.median),
        ratio(cpu, server.cpu_ratio),
        number(time_text(first.p99_us.median)),
        number(time_text(server.p99_us.median)),
        format!("<td class=\"doubts\">{}</td>", escape(&doubts(workload, server))),
    ];
    format!("<tr>{}</tr>\n", cells.concat())
}

impl Bars {
    fn of(workloads: &[WorkloadResult], good: Good, ratio: fn(&ServerResult) -> Spread) -> Bars {
        let servers = workloads.iter().flat_map(|workload| &workload.servers[1..]);
        let ends = servers.flat_map(|server| [ratio(server).least, ratio(server).most]);
        let doublings = ends.filter(|ratio| *ratio > 0.0).map(|ratio| ratio.log2().abs());
        Bars { doublings: doublings.fold(DOUBLINGS_MIN, f64::max), good }
    }

    fn place(self, ratio: f64) -> f64 {
        BAR_WIDTH / 2.0 * (1.0 + (ratio.log2() / self.doublings).clamp(-1.0, 1.0))
    }

    fn draw(self, spread: Spread) -> String {
        let Spread { median, least, most } = spread;
        // Of a server whose CPU time is not known.
        if least <= 0.0 {
            return String::new();
        }
        let class = match (self.good, least > 1.0, most < 1.0) {
            (Good::Above, true, _) | (Good::Below, _, true) => "better",
            (Good::Above, _, true) | (Good::Below, true, _) => "worse",
            _ => "even",
        };
        let (middle, end) = (BAR_WIDTH / 2.0, self.place(median));
        let (left, width) = (middle.min(end), (end - middle).abs().max(1.0));
        let (low, high, line) = (self.place(least), self.place(most), BAR_HEIGHT / 2.0);
        format!(
            "<svg viewBox=\"0 0 {BAR_WIDTH} {BAR_HEIGHT}\" role=\"img\" aria-label=\"{median:.2}\">\
             <rect class=\"{class}\" x=\"{left:.1}\" y=\"4\" width=\"{width:.1}\" height=\"10\" rx=\"2\"/>\
             <line class=\"spread\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{line}\" y2=\"{line}\"/>\
             <line class=\"one\" x1=\"{middle}\" x2=\"{middle}\" y1=\"0\" y2=\"{BAR_HEIGHT}\"/></svg>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Bars, Good, parts};
    use crate::comparison::Spread;

    #[test]
    fn a_bar_says_which_way_every_round_went() {
        let drawn = |good, least, most| {
            let spread = Spread { median: f64::midpoint(least, most), least, most };
            Bars { doublings: 1.0, good }.draw(spread)
        };
        for (good, least, most, class) in [
            (Good::Above, 1.1, 1.4, "better"),
            (Good::Above, 0.9, 1.4, "even"),
            (Good::Above, 0.5, 0.9, "worse"),
            (Good::Below, 0.5, 0.9, "better"),
            (Good::Below, 1.1, 9.0, "worse"),
        ] {
            assert!(drawn(good, least, most).contains(class), "{least} {most}");
        }
        assert!(drawn(Good::Above, 2.0, 2.0).contains("x=\"75.0\" y=\"4\" width=\"75.0\""));
        assert_eq!(drawn(Good::Above, 0.0, 0.0), "");
    }

    #[test]
    fn names_are_what_is_asked_and_how_hard() {
        assert_eq!(parts("get-d64-c50-p16"), ("get-d64", "c50-p16"));
        assert_eq!(parts("ycsb-a"), ("ycsb-a", "ycsb-a"));
    }
}
