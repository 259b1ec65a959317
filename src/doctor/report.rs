//! All verdicts on a host, in the order in which they are told.

use super::check::{Check, Finding, Verdict, Weight};
use super::checks::CHECKS;
use super::cores::shards_named;
use super::host::Host;

/// A finding, with all that is to be told about it.
#[derive(Debug)]
pub struct Complaint {
    pub check: &'static Check,
    pub finding: Finding,
    /// A command that shows the setting.
    pub look: String,
}

#[derive(Debug)]
pub struct Report {
    /// What was looked at, in a line.
    pub host: String,
    /// The important ones first, each kind in the order of the rows.
    pub findings: Vec<Complaint>,
    /// What could not be told, and why.
    pub untold: Vec<(&'static Check, String)>,
    pub fine: Vec<(&'static Check, String)>,
}

impl Report {
    pub fn of(host: &Host) -> Report {
        let mut report =
            Report { host: describe(host), findings: Vec::new(), untold: Vec::new(), fine: Vec::new() };
        for check in CHECKS {
            match (check.examine)(host) {
                Ok(Verdict::Fine(text)) => report.fine.push((check, text)),
                Ok(Verdict::Wrong(finding)) => {
                    report.findings.push(Complaint { check, finding, look: look(check, host) });
                }
                Err(reason) => report.untold.push((check, reason.to_string())),
            }
        }
        // Stable, so rows of one weight stay in their order.
        report.findings.sort_by_key(|complaint| complaint.finding.weight);
        report
    }

    pub fn count(&self, weight: Weight) -> usize {
        self.findings.iter().filter(|complaint| complaint.finding.weight == weight).count()
    }

    /// Nothing important is wrong.
    pub fn is_healthy(&self) -> bool {
        self.count(Weight::Important) == 0
    }
}

fn look(check: &Check, host: &Host) -> String {
    let folder = host.probes.folder.as_ref().unwrap_or(&host.settings.dir);
    let port = host.settings.port.to_string();
    check.look.replace("DIR", &folder.display().to_string()).replace("PORT", &port)
}

fn describe(host: &Host) -> String {
    let release =
        host.tree.text("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "of unknown release".into());
    let cpus = host.online().map_or_else(|_| "unknown CPUs".into(), |cpus| cpus.named());
    let shards = match (host.placement(), host.shard_cpus()) {
        (Ok(placement), Ok(cpus)) => format!("{} on {}", shards_named(placement.len()), cpus.named()),
        _ => "shards nowhere".into(),
    };
    let machine = if host.is_virtual() { ", virtual" } else { "" };
    format!("Linux {release}, {cpus}{machine}; {shards}")
}
