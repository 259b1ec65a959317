//! A report for programs.

use serde_json::{Value, json};

use super::check::{Check, Weight};
use super::report::{Complaint, Report};

pub fn render(report: &Report) -> String {
    let document = json!({
        "host": report.host,
        "healthy": report.is_healthy(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "untold": rows(&report.untold, "reason"),
        "fine": rows(&report.fine, "state"),
    });
    format!("{document:#}\n")
}

fn finding(Complaint { check, finding, look }: &Complaint) -> Value {
    let weight = match finding.weight {
        Weight::Important => "important",
        Weight::Advice => "advice",
    };
    json!({
        "check": check.name,
        "title": check.title,
        "weight": weight,
        "found": finding.found,
        "why": check.why,
        "set": finding.set,
        "look": look,
        "more": format!("tuning.md#{}", check.anchor),
    })
}

fn rows(rows: &[(&Check, String)], label: &str) -> Vec<Value> {
    let row =
        |(check, text): &(&Check, String)| json!({ "check": check.name, "title": check.title, label: text });
    rows.iter().map(row).collect()
}
