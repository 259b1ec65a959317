//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::access::{Access, Protocol};
use crate::arrivals::Spacing;
use crate::contestant::Address;
use crate::cpu::parse_cpu_list;
use crate::keys::KeyDistribution;
use crate::mix::WeightedLine;
use crate::recipe::{parse_ttl, parse_weighted};
use crate::sizes::ValueSizes;
use crate::target::Target;
use crate::template::KEY_DIGITS_MAX;
use crate::workload::Workload;

/// Most connections of a run.
const CONNECTIONS_MAX: u64 = crate::ring::CONNECTIONS_MAX as u64;

/// The environment variable that can hold the password.
pub const PASSWORD_VARIABLE: &str = "BASALT_LOAD_PASSWORD";

const EXAMPLES: &str = "\
Examples:
  basalt-load run --command \"GET key:{key}\" --preload \"SET key:{key} {value}\"
  basalt-load run --preset ycsb-a --rate 20000 --arrivals poisson --html report.html
  basalt-load compare --server \"new=./server --port {port}\" --server \"old=127.0.0.1:6379\" --workload get-p16
  basalt-load verify --connections 50 --seconds 60
  basalt-load pubsub --publishers 4 --subscribers 200

It ends with 0 when all went well, with 1 when a connection, a reply or the server failed, and with 130 after Ctrl-C,
when it shows what was measured so far.";

#[derive(Parser)]
#[command(
    name = "basalt-load",
    version,
    about = "A load generator for RESP servers: cheap, honest about latency, and able to compare",
    after_help = EXAMPLES
)]
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
    /// Measure one server with more and more cores, and fit the Universal Scalability Law.
    Scale(ScaleArguments),
    /// Check every reply of a server against a model of what was written to it.
    Verify(VerifyArguments),
    /// Publish messages to subscribers and measure how many arrive, and how fast.
    Pubsub(PubsubArguments),
    /// Become a command, on given CPUs and in a session of its own.
    #[command(hide = true)]
    Launch(LaunchArguments),
}

/// What is sent.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is sent")]
pub struct RecipeArguments {
    /// The request, for example "GET key:{key}"; several commands with " ; " between them count as one request.
    #[arg(long, value_name = "COMMAND", conflicts_with = "mix")]
    pub command: Option<String>,
    /// One request of several, and its weight, for example --mix "10:GET k:{key}" --mix "1:SET k:{key} {value}".
    #[arg(long, value_name = "WEIGHT:COMMAND", value_parser = parse_weighted)]
    pub mix: Vec<WeightedLine>,
    /// Sent once for each key before the load, for example "SET key:{key} {value}"; repeat for several.
    #[arg(long, value_name = "COMMAND")]
    pub preload: Vec<String>,
    /// Which keys: uniform, zipf:EXPONENT, sequential, hot:KEYS%,REQUESTS%, latest:EXPONENT [default: uniform].
    #[arg(long, value_name = "HOW")]
    pub keys: Option<KeyDistribution>,
    /// Keys are numbers below this [default: 100000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub key_space: Option<u64>,
    /// Digits of {key}, zeros in front [default: 12].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=KEY_DIGITS_MAX as u64))]
    pub key_digits: Option<u64>,
    /// Bytes of {value}: a number, uniform:LOW-HIGH, normal:MEAN,DEVIATION or list:BYTES=WEIGHT,... [default: 64].
    #[arg(long, value_name = "SIZE")]
    pub value_size: Option<ValueSizes>,
    /// Seconds that {ttl} stands for: a number or a range such as 60-120.
    #[arg(long, value_name = "S", value_parser = parse_ttl)]
    pub ttl: Option<(u64, u64)>,
}

/// How much of it, and for how long.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How much")]
pub struct LoadArguments {
    /// Connections, spread over the threads.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    pub connections: u64,
    /// Requests that a connection sends at once; the next follow when all are answered. With --rate, requests that may
    /// be unanswered on a connection.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub pipeline: u32,
    /// Requests per second on all connections, due at times that do not wait for replies (an open loop). Latencies then
    /// count from when a request was due, so that a server which stalls cannot hide it.
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    pub rate: Option<f64>,
    /// How far apart the requests of --rate are due.
    #[arg(long, value_enum, default_value_t)]
    pub arrivals: Spacing,
    /// Threads [default: one for each CPU given, or one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub threads: Option<u64>,
    /// Begins the sequence of keys, sizes and arrivals: the same seed asks for the same again.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Seconds of load before measuring begins [default: 0 in run, 0.3 in compare].
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub warmup: Option<Duration>,
    /// Seconds to measure [default: 10 in run, 3 in compare].
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub seconds: Option<Duration>,
    /// Seconds without any reply after which the server counts as stuck and the run fails.
    #[arg(long, value_name = "S", default_value = "10", value_parser = parse_seconds)]
    pub reply_timeout: Duration,
}

/// Where the server is, and how to be let in.
#[derive(Args, Clone)]
#[command(next_help_heading = "The server")]
pub struct AccessArguments {
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    #[arg(long, default_value_t = 6379)]
    pub port: u16,
    /// Connect to this Unix socket instead.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port"])]
    pub unix: Option<PathBuf>,
    #[command(flatten)]
    pub login: LoginArguments,
}

/// What is said to a server before the first request.
#[derive(Args, Clone)]
#[command(next_help_heading = "The server")]
pub struct LoginArguments {
    /// The user that AUTH names.
    #[arg(long, value_name = "NAME", requires = "password")]
    pub user: Option<String>,
    /// The password that AUTH gives. The environment does not show in lists of processes.
    #[arg(long, value_name = "PASSWORD", env = PASSWORD_VARIABLE, hide_env_values = true)]
    pub password: Option<String>,
    /// The version of the protocol.
    #[arg(long, value_name = "2|3", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=3))]
    pub resp: u8,
    /// The database that SELECT chooses.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub database: u32,
}

#[derive(Args, Clone)]
pub struct RunArguments {
    #[command(flatten)]
    pub access: AccessArguments,
    #[command(flatten)]
    pub recipe: RecipeArguments,
    /// A workload from a TOML file; flags win over it.
    #[arg(long, value_name = "FILE", conflicts_with = "preset", help_heading = "What is sent")]
    pub workload: Option<PathBuf>,
    /// A workload that comes with the program; flags win over it.
    #[arg(long, value_name = "NAME", help_heading = "What is sent", value_parser = clap::builder::PossibleValuesParser::new(crate::preset::names()))]
    pub preset: Option<String>,
    #[command(flatten)]
    pub load: LoadArguments,
    /// Stop after this many requests instead of after some time; with --seconds, whichever comes first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "How much")]
    pub requests: Option<u64>,
    /// CPUs to run on, one thread each, for example 1 or 2,4-7.
    #[arg(long, value_name = "LIST", value_parser = parse_cpus, help_heading = "How much")]
    pub cpus: Option<Cpus>,
    /// Keep only connections that this core of a Basalt server serves, for measuring what crosses cores.
    #[arg(long, value_name = "N", help_heading = "The server")]
    pub shard: Option<u16>,
    /// The server is one of a cluster: ask it for the others, send every request where its first key belongs, and learn
    /// from replies that say MOVED.
    #[arg(long, conflicts_with_all = ["unix", "shard"], help_heading = "The server")]
    pub cluster: bool,
    /// A server on this machine whose CPU time is measured as well.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..), help_heading = "The server")]
    pub server_pid: Option<i32>,
    /// Write the results to this file, too.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub json: Option<PathBuf>,
    /// Write a page with charts to this file, which a browser shows without anything else.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub html: Option<PathBuf>,
    /// Write the whole distribution of latencies to this file, as HDR histogram plotters read it.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub hgrm: Option<PathBuf>,
}

#[derive(Args, Clone)]
pub struct CompareArguments {
    /// A server to measure. A command holds {port} and may hold {dir}, an empty folder of its own, and stays in the
    /// foreground. An address is HOST:PORT or unix:PATH, with @PID behind for measuring the CPU time of that process. The
    /// first server is the one that ratios refer to.
    #[arg(long = "server", value_name = "NAME=COMMAND|ADDRESS", required = true, value_parser = parse_server)]
    pub servers: Vec<NamedCommand>,
    /// {get,set,mix,incr,mset10,ping}-d<value bytes>-c<connections>-p<pipeline>, where parts may be left out; a preset;
    /// or a TOML file. mix is one SET to ten GETs. Repeat for several, or separate them with commas.
    #[arg(long = "workload", value_name = "NAME", value_delimiter = ',', required_unless_present_any = ["command", "mix"],
          conflicts_with_all = ["command", "mix", "preload", "connections", "pipeline", "value_size"], value_parser = Workload::parse)]
    pub workloads: Vec<Workload>,
    #[command(flatten)]
    pub recipe: RecipeArguments,
    /// How often every server is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Start the first server twice: how far the two differ is noise.
    #[arg(long)]
    pub control: bool,
    /// CPUs of the servers.
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    pub server_cpus: Option<Cpus>,
    /// CPUs of the generator, one thread each.
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    pub client_cpus: Option<Cpus>,
    /// Run servers and generator ahead of everything else on the machine (root only).
    #[arg(long)]
    pub boost: bool,
    /// Write all results to this file, too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a table with a row for each workload to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write a page with tables and charts to this file, which a browser shows without anything else.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    #[command(flatten)]
    pub login: LoginArguments,
    #[command(flatten)]
    pub load: LoadArguments,
}

#[derive(Args, Clone)]
pub struct ScaleArguments {
    /// The server's command. It holds {port}, and {cpus} or {shards}, which differ from row to row; and may hold {dir}.
    #[arg(long, value_name = "COMMAND", value_parser = parse_scaling)]
    pub server: String,
    /// What is sent, as compare names it.
    #[arg(long, value_name = "NAME", default_value = "get-p16", value_parser = Workload::parse)]
    pub workload: Workload,
    /// Numbers of shards [default: 1 to half of the CPUs, as the generator has the others; with two CPUs 1 and 2].
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub shards: Vec<u32>,
    /// Keys are numbers below this [default: 100000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub key_space: Option<u64>,
    /// How often every size is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Seconds to measure each time.
    #[arg(long, value_name = "S", default_value = "3", value_parser = parse_seconds)]
    pub seconds: Duration,
    /// Seconds without any reply after which the server counts as stuck and the run fails.
    #[arg(long, value_name = "S", default_value = "10", value_parser = parse_seconds)]
    pub reply_timeout: Duration,
    /// Run servers and generator ahead of everything else on the machine (root only).
    #[arg(long)]
    pub boost: bool,
    /// Write the table to this file, too, as Markdown.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the results to this file, too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

#[derive(Args, Clone)]
pub struct VerifyArguments {
    #[command(flatten)]
    pub access: AccessArguments,
    /// Connections, each with keys of its own.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub connections: u64,
    /// Requests that a connection sends at once.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pipeline: u32,
    /// Keys of each connection.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub keys: u64,
    /// Bytes of texts when they are written; they grow from there.
    #[arg(long, value_name = "BYTES", default_value_t = 32, value_parser = clap::value_parser!(u64).range(0..=1 << 20))]
    pub value_size: u64,
    /// Names the keys, and begins the sequence of requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Seconds to read and write at random; afterwards every key is read once more.
    #[arg(long, value_name = "S", default_value = "10", value_parser = parse_seconds)]
    pub seconds: Duration,
    /// Seconds after which a reply is late.
    #[arg(long, value_name = "S", default_value = "1", value_parser = parse_seconds)]
    pub late_after: Duration,
    /// Seconds without any reply after which the server counts as stuck.
    #[arg(long, value_name = "S", default_value = "10", value_parser = parse_seconds)]
    pub reply_timeout: Duration,
    /// CPUs to run on, one thread each, for example 1 or 2,4-7.
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    pub cpus: Option<Cpus>,
    /// Write the results to this file, too.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub json: Option<PathBuf>,
}

#[derive(Args, Clone)]
pub struct PubsubArguments {
    #[command(flatten)]
    pub access: AccessArguments,
    /// Connections that publish.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub publishers: u64,
    /// Connections that subscribe, each to one channel.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub subscribers: u64,
    /// Channels, to which subscribers are dealt out and messages are published in turns.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub channels: u64,
    /// Bytes of a message, of which 20 are the time it was sent.
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = clap::value_parser!(u64).range(crate::fanout::TIME_DIGITS as u64..=1 << 20))]
    pub message_size: u64,
    /// Messages that a publisher sends at once; the next follow when the server has taken all.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pipeline: u32,
    /// Messages per second from all publishers, whose latency counts from when they were due (an open loop).
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    pub rate: Option<f64>,
    /// Seconds to publish.
    #[arg(long, value_name = "S", default_value = "10", value_parser = parse_seconds)]
    pub seconds: Duration,
    /// Seconds without any reply to a publisher after which the server counts as stuck.
    #[arg(long, value_name = "S", default_value = "10", value_parser = parse_seconds)]
    pub reply_timeout: Duration,
    /// CPUs to run on, one thread each, for example 1 or 2,4-7.
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    pub cpus: Option<Cpus>,
    /// Write the results to this file, too.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub json: Option<PathBuf>,
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

impl AccessArguments {
    pub fn access(&self) -> Access {
        self.login.access(match &self.unix {
            Some(path) => Target::Unix(path.clone()),
            None => Target::Tcp { host: self.host.clone(), port: self.port },
        })
    }
}

impl LoginArguments {
    pub fn access(&self, target: Target) -> Access {
        Access {
            target,
            user: self.user.clone(),
            password: self.password.clone(),
            protocol: if self.resp == 3 { Protocol::Resp3 } else { Protocol::Resp2 },
            database: self.database,
        }
    }
}

impl Cpus {
    /// One for each thread, of which there are no more than `threads_max`; one thread anywhere when no CPUs are given.
    pub fn of_threads(cpus: Option<&Cpus>, threads_max: usize) -> Vec<Option<usize>> {
        cpus.map_or_else(|| vec![None], |cpus| cpus.0.iter().copied().map(Some).take(threads_max).collect())
    }

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

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (1e-3..=1e9).contains(&rate) => Ok(rate),
        _ => Err("a rate lies between 0.001 and 1000000000 requests per second".to_owned()),
    }
}

fn parse_scaling(text: &str) -> Result<String, String> {
    let scales = text.contains("{cpus}") || text.contains("{shards}");
    match text.contains("{port}") && scales {
        true => Ok(text.to_owned()),
        false => Err("a command must hold {port}, and {cpus} or {shards}".to_owned()),
    }
}

fn parse_server(text: &str) -> Result<NamedCommand, String> {
    let (name, command) = text.split_once('=').ok_or("a server is NAME=COMMAND")?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.+".contains(letter);
    if name.is_empty() || !name.chars().all(plain) {
        return Err("a name is letters, digits, and any of - _ . +".to_owned());
    }
    if !command.contains("{port}") && Address::read(command).is_none() {
        return Err("a command must hold {port}; an address is HOST:PORT or unix:PATH".to_owned());
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
            "--command PING --connections 0",
            "--command PING --pipeline 0",
            "--command PING --seconds -1",
            "--command PING --cpus 4000-x",
            "--command PING --key-digits 21",
            "--command PING --unix /s --port 1",
            "--command PING --mix 1:PING",
            "--command PING --rate 0",
            "--command PING --resp 4",
            "--preset nothing",
            "--preset cache --workload file",
        ] {
            assert!(parse(&format!("basalt-load run {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_that_scales_is_told_how() {
        assert!(parse("basalt-load scale --server 's --port {port} --cpus {cpus}' --shards 1,2,4").is_ok());
        for wrong in ["--server 's {port}'", "--server 's {shards}'", "--server 's {port} {cpus}' --shards 0"]
        {
            assert!(parse(&format!("basalt-load scale {wrong}")).is_err(), "{wrong}");
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
