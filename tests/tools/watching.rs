//! redis-cli in the modes that have no end: they are watched for a while.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use basalt::commands::COMMANDS;

use super::common::{Launch, Server, oracle};
use super::{run, text};

/// How long something is waited for.
const LINES_MAX: usize = 200;

/// redis-cli that goes on until it is dropped, line by line.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watching {
    fn start(server: &Server, arguments: &[&str]) -> Self {
        // Into a pipe it would only write by the page.
        let mut child = Command::new("stdbuf")
            .arg("-oL")
            .arg(oracle::program("redis-cli"))
            .args(["-p", &server.port.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("stdbuf is part of every system");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Watching { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("there is always another").expect("it is text")
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn redis_cli_shows_statistics_as_redis_has_them() {
    let server = Launch::basalt().shards(3).start();
    let (mut client, _other) = (server.client(), server.client());
    (0..20).for_each(|number| drop(client.ask(&format!("SET key:{number} v"))));
    let mut stat = Watching::start(&server, &["--stat", "-i", "0.05"]);
    assert!(stat.line().starts_with("------- data ------"));
    let head = stat.line();
    assert_eq!(head.split_whitespace().collect::<Vec<_>>()[..4], ["keys", "mem", "clients", "blocked"]);
    for keys in [20, 21, 22] {
        // The test has two connections, and redis-cli one.
        let expected = [keys.to_string(), "3".into(), "0".into()];
        let seen = (0..LINES_MAX).any(|_| {
            let line = stat.line();
            let fields: Vec<_> = line.split_whitespace().collect();
            fields.len() > 4
                && [0, 2, 3].map(|field| fields[field]) == expected.each_ref().map(String::as_str)
        });
        assert!(seen, "{expected:?} are keys, clients and blocked clients");
        client.ask(&format!("SET key:{keys} v"));
    }
}

#[test]
fn redis_cli_samples_latency_as_redis_lets_it() {
    let server = Launch::basalt().shards(2).start();
    let sample = |arguments: &[&str]| text(&run("redis-cli", &server, arguments, b"").stdout);
    let numbers = |line: &str, separator: char| -> Vec<f64> {
        line.trim().split(separator).map(|word| word.parse().expect("a number")).collect()
    };
    for (arguments, separator) in
        [(&["--latency", "-i", "0.2"][..], ' '), (&["--latency", "--csv", "-i", "0.2"], ',')]
    {
        let line = sample(arguments);
        let figures = numbers(&line, separator);
        // Least, most, mean, and how many.
        assert!(figures.len() == 4 && figures[0] <= figures[2] && figures[2] <= figures[1], "{line}");
        assert!(figures[3] >= 2.0, "{line}");
    }
    let mut history = Watching::start(&server, &["--latency-history", "--raw", "-i", "0.1"]);
    for _ in 0..3 {
        assert!(numbers(&history.line(), ' ')[3] >= 1.0);
    }
    let mut spectrum = Watching::start(&server, &["--latency-dist", "-i", "0.1"]);
    let scale = (0..20).any(|_| spectrum.line().contains("From 0 to 100%"));
    assert!(scale, "the legend of the spectrum");
}

/// Redis, and our server on one shard and on several once it has the command.
pub fn servers_with(command: &str) -> Vec<Server> {
    let is_built = COMMANDS.iter().any(|row| row.name == command);
    let ours = [1, 3].into_iter().filter(|_| is_built).map(|shards| Launch::basalt().shards(shards).start());
    std::iter::once(Launch::redis().start()).chain(ours).collect()
}

#[test]
fn redis_cli_monitors_as_redis_lets_it() {
    for server in servers_with("MONITOR") {
        let mut client = server.client();
        let mut monitor = Watching::start(&server, &["MONITOR"]);
        assert_eq!(monitor.line(), "OK");
        let address = client.local_address();
        for number in 0..20 {
            client.command(&["SET", &format!("key:{number}"), "a \"b\"\r\n\u{1}"]);
            let line = monitor.line();
            let (time, rest) = line.split_once(' ').expect("a time and more");
            assert!(time.parse::<f64>().is_ok_and(|time| time > 1.7e9), "{line}");
            let expected = format!(r#"[0 {address}] "SET" "key:{number}" "a \"b\"\r\n\x01""#);
            assert_eq!(rest, expected);
        }
    }
}
