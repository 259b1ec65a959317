//! redis-cli and redis-benchmark against real servers, in every mode that there are commands for.

#[path = "../common/mod.rs"]
mod common;

mod benchmark;
mod cli;
mod watching;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use common::{Server, oracle};

/// Runs a program of Redis against a server, with this on its standard input.
fn run(program: &str, server: &Server, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(oracle::program(program))
        .args(["-p", &server.port.to_string()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut pipe = child.stdin.take().expect("it is piped");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // It may end without reading everything.
            let _ = pipe.write_all(input);
        });
        child.wait_with_output().expect("it runs")
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
