//! Results as a page that needs nothing but itself: no scripts, no fonts, no pictures from elsewhere.

mod chart;
mod compare_page;
mod overview_table;
mod run_page;
mod scale;

pub use compare_page::compare_page;
pub use run_page::run_page;

/// Most series that have a colour of their own; those after them begin anew.
const COLOURS: usize = 4;

/// Text in a document.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n<main>\n{body}\
         <footer>Made by basalt-load {}.</footer>\n</main>\n</body>\n</html>\n",
        escape(title),
        include_str!("html/style.css"),
        env!("CARGO_PKG_VERSION"),
    )
}

/// A figure in a box.
fn tile(figure: &str, unit: &str, name: &str) -> String {
    let unit = if unit.is_empty() { String::new() } else { format!("<small>{}</small>", escape(unit)) };
    format!("<div class=\"tile\"><b>{}{unit}</b><span>{}</span></div>\n", escape(figure), escape(name))
}

fn notes(class: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("<p>{}</p>\n", escape(line))).collect();
    format!("<div class=\"{class}\">\n{lines}</div>\n")
}

/// A number as it is read at a glance: `1.25 M`, `87.3 k`, `640`.
fn short(number: f64) -> String {
    let (scaled, unit) = match number.abs() {
        1e9.. => (number / 1e9, " G"),
        1e6.. => (number / 1e6, " M"),
        1e3.. => (number / 1e3, " k"),
        _ => (number, ""),
    };
    format!("{}{unit}", three_digits(scaled))
}

/// A time as it is read at a glance: its figure and its unit.
fn time(us: f64) -> (String, &'static str) {
    match us {
        1e6.. => (three_digits(us / 1e6), "s"),
        1e3.. => (three_digits(us / 1e3), "ms"),
        _ => (three_digits(us), "µs"),
    }
}

fn time_text(us: f64) -> String {
    let (figure, unit) = time(us);
    format!("{figure} {unit}")
}

fn three_digits(number: f64) -> String {
    let decimals = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        0.0 => 0,
        _ => 2,
    };
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{compare_page, escape, run_page, short, time_text};
    use crate::comparison::tests::sample_comparison;
    use crate::latency::CurvePoint;
    use crate::report::tests::sample;
    use crate::timeline::TimelinePoint;

    /// Tags that are opened are closed, in order; nothing comes from elsewhere.
    fn check(page: &str) {
        let mut open = Vec::new();
        for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
            match name {
                "!doctype" | "meta" | "br" | "line" | "circle" | "path" | "rect" => (),
                _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{tag} in {page}"),
                _ => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
        for elsewhere in ["http:", "https:", "<script", "@import", "url(", "NaN", "inf"] {
            assert!(!page.contains(elsewhere), "{elsewhere} in {page}");
        }
    }

    #[test]
    fn a_run_is_a_page_of_its_own() {
        let mut report = sample();
        report.command = "SET <k> \"&\"".to_owned();
        check(&run_page(&report));
        report.timeline =
            vec![TimelinePoint { seconds: 0.1, requests_per_second: 5.0, server_cpu_percent: Some(50.0) }];
        let point = |quantile, us| CurvePoint { quantile, us };
        report.latency_curve = vec![point(0.0, 1.0), point(0.9, 10.0), point(1.0, 1500.0)];
        report.failure = Some("the server <closed> a connection".to_owned());
        let page = run_page(&report);
        check(&page);
        assert!(
            page.contains("SET &lt;k&gt; &quot;&amp;&quot;") && page.contains("&lt;closed&gt;"),
            "{page}"
        );
    }

    #[test]
    fn a_comparison_overlays_its_servers() {
        let page = compare_page(&sample_comparison());
        check(&page);
        assert!(page.contains("class=\"curve s0\"") && page.contains("class=\"curve s1\""), "{page}");
        assert!(!page.contains("<details"), "one workload needs no overview: {page}");
    }

    #[test]
    fn many_workloads_are_an_overview_that_unfolds() {
        let mut comparison = sample_comparison();
        for name in ["get-d64-c50-p1", "get-d64-c50-p16", "set-d64-c50-p1"] {
            let mut workload = sample_comparison().workloads.remove(0);
            workload.name = name.to_owned();
            comparison.workloads.push(workload);
        }
        // Where a ratio is not known there is nothing to draw.
        comparison.workloads[1].servers[1].cpu_ratio =
            crate::comparison::Spread { median: 0.0, least: 0.0, most: 0.0 };
        let page = compare_page(&comparison);
        check(&page);
        assert_eq!(
            (page.matches("<details").count(), page.matches("class=\"group\"").count()),
            (4, 3),
            "{page}"
        );
        assert!(
            page.contains("href=\"#get-d64-c50-p16\"") && page.contains("id=\"get-d64-c50-p16\""),
            "{page}"
        );
    }

    #[test]
    fn figures_are_short() {
        for (number, text) in
            [(0.0, "0"), (12.0, "12"), (999.0, "999"), (87_300.0, "87.3 k"), (1.25e6, "1.25 M")]
        {
            assert_eq!(short(number), text);
        }
        assert_eq!(
            (time_text(12.34), time_text(1234.0), time_text(2e6)),
            ("12.3 µs".into(), "1.23 ms".into(), "2 s".into())
        );
        assert_eq!(escape("<a>"), "&lt;a&gt;");
    }
}
