//! `basalt doctor` on this host, whatever it is like: shape and exit code only.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::Value;

fn doctor(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_basalt"));
    command.arg("doctor").args(arguments).output().expect("it runs")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[test]
fn the_exit_code_says_whether_something_important_is_wrong() {
    let output = doctor(&["--json"]);
    let document = document(&output);
    let healthy = document["healthy"].as_bool().expect("yes or no");
    assert_eq!(output.status.code(), Some(if healthy { 0 } else { 1 }), "{document:#}");
    let mut names = BTreeSet::new();
    for list in ["findings", "untold", "fine"] {
        for row in document[list].as_array().expect("a list") {
            assert!(names.insert(row["check"].as_str().expect("a name").to_owned()), "{row} is there twice");
        }
    }
    for name in ["kernel", "io_uring", "shards-and-cpus", "interrupts", "filesystem"] {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
}

#[test]
fn what_the_server_would_refuse_is_important() {
    let output = doctor(&["--cpus", "4000", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let document = document(&output);
    let findings = document["findings"].as_array().expect("a list");
    let finding = findings.iter().find(|finding| finding["check"] == "shards-and-cpus");
    assert_eq!(finding.unwrap_or_else(|| panic!("{document:#}"))["weight"], "important");
}

#[test]
fn the_text_fits_80_columns_and_has_no_colours_in_a_pipe() {
    let output = doctor(&["--shards", "2"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.starts_with("basalt doctor\nLinux "), "{text}");
    assert!(text.ends_with(" fine.\n"), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
    assert_eq!(text.lines().find(|line| line.chars().count() > 80), None, "{text}");
}

#[test]
fn wrong_flags_end_it_with_2_as_they_are_no_fault_of_the_host() {
    for (flag, value) in [("--cpus", "none"), ("--dir", "/nowhere")] {
        let output = doctor(&[flag, value]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        assert!(String::from_utf8_lossy(&output.stderr).contains(value), "{output:?}");
    }
    let help = doctor(&["--help"]);
    assert!(help.status.success() && help.stdout.starts_with(b"Usage: basalt doctor"), "{help:?}");
}
