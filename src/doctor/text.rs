//! A report for people, 80 columns wide.

use super::check::{Check, TITLE_CHARACTERS_MAX, Weight};
use super::report::{Complaint, Report};

const COLUMNS: usize = 80;
/// Where the text of a finding begins: four spaces and the label.
const INDENT: usize = 11;
/// Where the state of what is fine begins: four spaces, the longest title and two more.
const STATE_INDENT: usize = 4 + TITLE_CHARACTERS_MAX + 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Colours,
}

/// How a text is shown on a terminal (ECMA-48, select graphic rendition).
#[derive(Clone, Copy, Debug)]
enum Style {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
}

impl Paint {
    fn apply(self, style: Style, text: &str) -> String {
        match self {
            Paint::Plain => text.to_owned(),
            Paint::Colours => format!("\x1b[{}m{text}\x1b[0m", style as u8),
        }
    }
}

pub fn render(report: &Report, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.apply(Style::Bold, "basalt doctor"));
    push_wrapped(&mut text, &report.host, 0);
    for (index, complaint) in report.findings.iter().enumerate() {
        text += &complaint_text(index + 1, complaint, paint);
    }
    push_list(&mut text, "Cannot be told here", Style::Yellow, &report.untold, paint);
    push_list(&mut text, "Fine", Style::Green, &report.fine, paint);
    text += &format!("\n{}\n", summary(report, paint));
    text
}

fn complaint_text(number: usize, complaint: &Complaint, paint: Paint) -> String {
    let Complaint { check, finding, look } = complaint;
    let (word, style) = match finding.weight {
        Weight::Important => ("important", Style::Red),
        Weight::Advice => ("worth trying", Style::Yellow),
    };
    let title = paint.apply(Style::Bold, check.title);
    let mut text = format!("\n{number:2}  {title}  {}\n", paint.apply(style, word));
    let more = format!("tuning.md#{}", check.anchor);
    let mut push = |label: &str, line: &str| {
        text += &paint.apply(Style::Dim, &format!("    {label:<7}"));
        push_wrapped(&mut text, line, INDENT);
    };
    push("found", &finding.found);
    push("why", check.why);
    let labels = ["set"].into_iter().chain(std::iter::repeat(""));
    finding.set.iter().zip(labels).for_each(|(line, label)| push(label, line));
    push("check", look);
    push("more", &more);
    text
}

fn push_list(text: &mut String, title: &str, style: Style, rows: &[(&Check, String)], paint: Paint) {
    if rows.is_empty() {
        return;
    }
    *text += &format!("\n{}\n", paint.apply(style, title));
    for (check, state) in rows {
        *text += &format!("    {:<width$}", check.title, width = STATE_INDENT - 4);
        push_wrapped(text, state, STATE_INDENT);
    }
}

fn summary(report: &Report, paint: Paint) -> String {
    let important = report.count(Weight::Important);
    let style = if important > 0 { Style::Red } else { Style::Green };
    format!(
        "{}, {} worth trying, {} cannot be told, {} fine.",
        paint.apply(style, &format!("{important} important")),
        report.count(Weight::Advice),
        report.untold.len(),
        report.fine.len()
    )
}

/// Continues in this column what does not fit. The first line has been begun already. Spaces within a line stay, so that
/// commands look as they are written.
fn push_wrapped(text: &mut String, line: &str, column: usize) {
    let mut rest = line;
    while rest.chars().count() > COLUMNS - column {
        let edge = rest.char_indices().nth(COLUMNS - column).map_or(rest.len(), |(at, _)| at);
        // A space right at the edge ends the line as well. A word that is longer than a line is cut.
        let at = rest[..edge].rfind(' ').filter(|at| !rest[..*at].trim().is_empty());
        let at = if rest[edge..].starts_with(' ') { edge } else { at.unwrap_or(edge) };
        *text += rest[..at].trim_end();
        *text += &format!("\n{:column$}", "");
        rest = rest[at..].trim_start();
    }
    *text += rest;
    text.push('\n');
}
