//! basalt-load: a load generator for RESP servers.

mod access;
mod arguments;
mod arrivals;
mod cluster;
mod compare;
mod comparison;
mod contestant;
mod counts;
mod cpu;
mod fanout;
mod folder;
mod html;
mod interrupt;
mod keys;
mod latency;
mod launch;
mod load;
mod mix;
mod overview;
mod plain;
mod preload;
mod preset;
mod progress;
mod random;
mod recipe;
mod reply;
mod report;
mod ring;
mod run;
mod scalability;
mod scale;
mod server;
mod sizes;
mod target;
mod template;
mod timeline;
mod value;
mod verify;
mod words;
mod worker;
mod workload;
mod workload_file;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use arguments::{
    Action, Arguments, CompareArguments, PubsubArguments, RunArguments, ScaleArguments, VerifyArguments,
};
use interrupt::Interrupt;
use report::{Ended, RunReport, write_json, write_text};
use run::Run;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().action {
        Action::Run(arguments) => run(&arguments),
        Action::Compare(arguments) => compare(&arguments),
        Action::Scale(arguments) => scale(&arguments),
        Action::Verify(arguments) => verify(&arguments),
        Action::Pubsub(arguments) => pubsub(&arguments),
        Action::Launch(arguments) => {
            launch::become_command(&arguments).map_err(Into::into).map(|never| match never {})
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("basalt-load: {error}");
        ExitCode::FAILURE
    })
}

fn run(arguments: &RunArguments) -> Result<ExitCode, Box<dyn Error>> {
    let interrupt = Interrupt::on_signals()?;
    let Run { report, latencies } = run::run(arguments, &interrupt)?;
    print!("{}", report.table());
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    if let Some(path) = &arguments.html {
        write_text(path, &html::run_page(&report))?;
    }
    if let Some(path) = &arguments.hgrm {
        write_text(path, &latencies.hgrm())?;
    }
    Ok(exit_code(&report))
}

/// Says on standard error what is wrong with a run, if anything.
fn exit_code(report: &RunReport) -> ExitCode {
    if let Some(failure) = &report.failure {
        eprintln!("basalt-load: {failure}");
    }
    if report.errors > 0 {
        let (errors, requests) = (report.errors, report.requests);
        eprintln!("basalt-load: {errors} of {requests} replies are errors");
    }
    if report.ended == Ended::Interrupted {
        eprintln!("basalt-load: interrupted, results are those up to then");
        return ExitCode::from(INTERRUPTED);
    }
    if report.failure.is_some() || report.errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn compare(arguments: &CompareArguments) -> Result<ExitCode, Box<dyn Error>> {
    let interrupt = Interrupt::on_signals()?;
    let comparison = compare::compare(arguments, &interrupt)?;
    if comparison.workloads.len() > 1 {
        println!("{}", overview::text(&comparison));
    }
    if let Some(path) = &arguments.markdown {
        write_text(path, &overview::markdown(&comparison))?;
    }
    if let Some(path) = &arguments.json {
        write_json(path, &comparison)?;
    }
    if let Some(path) = &arguments.html {
        write_text(path, &html::compare_page(&comparison))?;
    }
    if interrupt.is_set() {
        eprintln!("basalt-load: interrupted, results are those of the rounds up to then");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    comparison.failures.iter().for_each(|failure| eprintln!("basalt-load: {failure}"));
    Ok(if comparison.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scale(arguments: &ScaleArguments) -> Result<ExitCode, Box<dyn Error>> {
    let interrupt = Interrupt::on_signals()?;
    let report = scale::scale(arguments, &interrupt)?;
    print!("{}", report.table());
    if let Some(path) = &arguments.markdown {
        write_text(path, &report.table())?;
    }
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    if interrupt.is_set() {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(if report.fit.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verify(arguments: &VerifyArguments) -> Result<ExitCode, Box<dyn Error>> {
    let interrupt = Interrupt::on_signals()?;
    let report = verify::verify(arguments, &interrupt)?;
    print!("{}", report.table());
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    if let Some(failure) = &report.failure {
        let (checked, unanswered) = (report.checked, report.unanswered);
        eprintln!("basalt-load: {failure} ({checked} replies were checked, {unanswered} did not come)");
    }
    if report.wrong + report.late > 0 {
        let (wrong, late, checked) = (report.wrong, report.late, report.checked);
        eprintln!("basalt-load: of {checked} replies {wrong} are wrong and {late} late");
    }
    if report.ended == Ended::Interrupted {
        eprintln!("basalt-load: interrupted, results are those up to then");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn pubsub(arguments: &PubsubArguments) -> Result<ExitCode, Box<dyn Error>> {
    let interrupt = Interrupt::on_signals()?;
    let report = fanout::fanout(arguments, &interrupt)?;
    print!("{}", report.table());
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    let (published, delivered, missing) = (report.published, report.delivered, report.missing);
    if let Some(failure) = &report.failure {
        eprintln!("basalt-load: {failure} ({published} messages were published, {delivered} delivered)");
    }
    if missing > 0 {
        eprintln!("basalt-load: {missing} messages are missing, {delivered} were delivered");
    }
    if report.errors > 0 {
        let errors = report.errors;
        eprintln!("basalt-load: {errors} of {published} replies to PUBLISH are errors");
    }
    if report.ended == Ended::Interrupted {
        eprintln!("basalt-load: interrupted, results are those up to then");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
