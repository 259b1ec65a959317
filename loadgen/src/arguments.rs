//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::cpu::parse_cpu_list;
use crate::target::Target;
use crate::template::{KEY_DIGITS_MAX, Placeholders};
use crate::workload::Workload;

/// Most connections of a run.
const CONNECTIONS_MAX: u64 = crate::ring::CONNECTIONS_MAX as u64;

#[derive(Parser)]
#[command(name = "basalt-load", version, about = "A load generator for RESP servers")]
pub struct Arguments {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Subcommand)]
pub enum Action {
    /// Put one server under load and report throughput, latency and the generator's own CPU time.
    Run(RunArguments),
    /// Start several servers and measure them side by side, in turns.
    Compare(CompareArguments),
    /// Become a command, on given CPUs and in a session of its own.
    #[command(hide = true)]
    Launch(LaunchArguments),
}

/// The load, however it is aimed.
///
/// Placeholders of commands: `{key}` is a number drawn uniformly from the key space, `{value}` a fixed text.
#[derive(Args, Clone, Debug)]
pub struct LoadArguments {
    /// Connections, spread over the threads.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    pub connections: u64,
    /// Requests that a connection sends at once; the next follow when all are answered.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub pipeline: u32,
    /// Keys are numbers below this.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub key_space: u64,
    /// Digits of {key}, zeros in front.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=KEY_DIGITS_MAX as u64))]
    pub key_digits: u64,
    /// Bytes of {value}.
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = clap::value_parser!(u64).range(0..=64 << 20))]
    pub value_size: u64,
    /// Sent once for each key before the load, for example "SET key:{key} {value}".
    #[arg(long, value_name = "COMMAND")]
    pub preload: Option<String>,
    /// Threads [default: one for each CPU given, or one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub threads: Option<u64>,
    /// Begins the sequence of keys.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Seconds of load before measuring begins [default: 0 in run, 0.3 in compare].
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub warmup: Option<Duration>,
    /// Seconds to measure [default: 10 in run, 3 in compare].
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub seconds: Option<Duration>,
}

#[derive(Args, Clone)]
pub struct RunArguments {
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    #[arg(long, default_value_t = 6379)]
    pub port: u16,
    /// Connect to this Unix socket instead.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port"])]
    pub unix: Option<PathBuf>,
    /// The request, for example "GET key:{key}".
    #[arg(long)]
    pub command: String,
    /// Stop after this many requests instead of after some time; with --seconds, whichever comes first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// CPUs to run on, one thread each, for example 1 or 2,4-7.
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    pub cpus: Option<Cpus>,
    /// A server on this machine whose CPU time is measured as well.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub server_pid: Option<i32>,
    /// Keep only connections that this core of a Basalt server serves, for measuring what crosses cores.
    #[arg(long, value_name = "N")]
    pub shard: Option<u16>,
    /// Write the results to this file, too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    #[command(flatten)]
    pub load: LoadArguments,
}

#[derive(Args, Clone)]
pub struct CompareArguments {
    /// A server to measure, in the foreground; the command holds {port} and may hold {dir}, an empty folder of its own.
    /// The first is the one that ratios refer to.
    #[arg(long = "server", value_name = "NAME=COMMAND", required = true, value_parser = parse_server)]
    pub servers: Vec<NamedCommand>,
    /// {get,set,incr,ping}-d<value bytes>-c<connections>-p<pipeline>; parts may be left out. Repeat for several.
    #[arg(long = "workload", value_name = "NAME", required_unless_present = "command",
          conflicts_with_all = ["command", "preload", "connections", "pipeline", "value_size"], value_parser = Workload::parse)]
    pub workloads: Vec<Workload>,
    /// The request, instead of a named workload.
    #[arg(long)]
    pub command: Option<String>,
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Start the first server twice: how far the two differ is noise.
    #[arg(long)]
    pub control: bool,
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    pub server_cpus: Option<Cpus>,
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    pub client_cpus: Option<Cpus>,
    /// Run servers and generator ahead of everything else on the machine (root only).
    #[arg(long)]
    pub boost: bool,
    /// Write all results to this file, too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    #[command(flatten)]
    pub load: LoadArguments,
}

#[derive(Args)]
pub struct LaunchArguments {
    #[arg(long, value_parser = parse_cpus)]
    pub cpus: Option<Cpus>,
    #[arg(long)]
    pub boost: bool,
    /// The process with which the command has to end.
    #[arg(long)]
    pub parent: i32,
    #[arg(last = true, required = true)]
    pub command: Vec<String>,
}

/// A list of CPUs; its own type, as clap takes a bare `Vec` for a repeated argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Cpus(pub Vec<usize>);

#[derive(Clone, Debug, PartialEq)]
pub struct NamedCommand {
    pub name: String,
    pub command: String,
}

impl LoadArguments {
    pub fn placeholders(&self) -> Placeholders {
        Placeholders {
            key_space: self.key_space,
            key_digits: self.key_digits as usize,
            value_bytes: self.value_size as usize,
        }
    }
}

impl RunArguments {
    pub fn target(&self) -> Target {
        match &self.unix {
            Some(path) => Target::Unix(path.clone()),
            None => Target::Tcp { host: self.host.clone(), port: self.port },
        }
    }
}

impl Cpus {
    /// The list as it is given on the command line.
    pub fn to_list(&self) -> String {
        self.0.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
    }
}

fn parse_cpus(list: &str) -> Result<Cpus, String> {
    let cpus = parse_cpu_list(list).ok_or("a list is numbers and ranges, for example 0 or 0,2-3")?;
    let online = crate::cpu::online_cpus().map_err(|error| error.to_string())?;
    match cpus.iter().find(|cpu| !online.contains(cpu)) {
        Some(cpu) => Err(format!("this machine has no CPU {cpu}")),
        None => Ok(Cpus(cpus)),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("seconds lie between 0 and 86400".to_owned()),
    }
}

fn parse_server(text: &str) -> Result<NamedCommand, String> {
    let (name, command) = text.split_once('=').ok_or("a server is NAME=COMMAND")?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.+".contains(letter);
    if name.is_empty() || !name.chars().all(plain) {
        return Err("a name is letters, digits, and any of - _ . +".to_owned());
    }
    if !command.contains("{port}") {
        return Err("the command must hold {port}".to_owned());
    }
    Ok(NamedCommand { name: name.to_owned(), command: command.to_owned() })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Action, Arguments};

    fn parse(line: &str) -> Result<Action, String> {
        let words = crate::words::split(line).unwrap();
        Arguments::try_parse_from(words).map(|arguments| arguments.action).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_run_needs_a_command_and_takes_bounded_numbers() {
        assert!(parse("basalt-load run --command PING --cpus 0 --seconds 0.5").is_ok());
        for wrong in [
            "",
            "--command PING --connections 0",
            "--command PING --pipeline 0",
            "--command PING --seconds -1",
            "--command PING --cpus 4000-x",
            "--command PING --key-digits 21",
            "--command PING --unix /s --port 1",
        ] {
            assert!(parse(&format!("basalt-load run {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_comparison_takes_presets_or_a_command() {
        let server = "--server 'a=server --port {port} --dir {dir}'";
        assert!(parse(&format!("basalt-load compare {server} --workload get --workload set-p16")).is_ok());
        assert!(parse(&format!("basalt-load compare {server} --command 'GET {{key}}' --pipeline 4")).is_ok());
        for wrong in
            ["", "--workload get --command PING", "--workload get --pipeline 2", "--workload nothing"]
        {
            assert!(parse(&format!("basalt-load compare {server} {wrong}")).is_err(), "{wrong}");
        }
        for wrong in ["a=server", "server {port}", "a b=server {port}"] {
            let line = format!("basalt-load compare --server '{wrong}' --workload get");
            assert!(parse(&line).is_err(), "{wrong}");
        }
    }
}
