//! Several servers under the same load, in turns, so that all meet the machine in the same moods.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::{CompareArguments, NamedCommand, PASSWORD_VARIABLE};
use crate::comparison::{Comparison, Control, Runs, WorkloadResult};
use crate::contestant::Contestant;
use crate::cpu::online_cpus;
use crate::folder::TemporaryFolder;
use crate::interrupt::Interrupt;
use crate::launch::{self, LaunchError, Place};
use crate::preload::{PreloadError, preload};
use crate::recipe::{Recipe, RecipeError};
use crate::report::{ReportError, RunReport, read_json};
use crate::server::ServerError;
use crate::target::Target;
use crate::template::TemplateError;
use crate::workload::Workload;

const SECONDS_DEFAULT: Duration = Duration::from_secs(3);
const WARMUP_DEFAULT: Duration = Duration::from_millis(300);
/// How much longer than its load a generator may take.
const GENERATOR_TIME_MORE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(10);

/// Why a comparison cannot be trusted, or made at all.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error("--boost needs root")]
    NotRoot,
    #[error("two servers are named {0:?}")]
    SameName(String),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("{name}: {source}")]
    Preload { name: String, source: PreloadError },
    #[error("cannot start the generator: {0}")]
    Launch(#[from] LaunchError),
    #[error("cannot run the generator: {0}")]
    Generator(#[from] std::io::Error),
    #[error("{name}, {workload}: the generator failed: {message}")]
    Failed { name: String, workload: String, message: String },
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// A server, and what its keys hold.
struct Contender {
    server: Contestant,
    server_command: String,
    /// The requests that filled it, and the sizes of values.
    preloaded: Option<Recipe>,
}

struct Comparing<'a> {
    arguments: &'a CompareArguments,
    interrupt: &'a Interrupt,
    contenders: Vec<Contender>,
    /// Where generators leave their results.
    folder: TemporaryFolder,
}

/// Starts the servers, runs every workload on them in turns, prints a table for each, and stops them. After an
/// interrupt it gives the rounds that were complete.
pub fn compare(arguments: &CompareArguments, interrupt: &Interrupt) -> Result<Comparison, CompareError> {
    if arguments.boost && !launch::may_boost() {
        return Err(CompareError::NotRoot);
    }
    let workloads = workloads(arguments)?;
    let load = &arguments.load;
    let mut comparison = Comparison {
        machine: describe_machine(),
        seconds: seconds(arguments).as_secs_f64(),
        warmup_seconds: warmup(arguments).as_secs_f64(),
        seed: load.seed,
        boost: arguments.boost,
        workloads: Vec::new(),
        failures: Vec::new(),
    };
    println!("{}", comparison.machine);
    let mut comparing =
        Comparing { arguments, interrupt, contenders: Vec::new(), folder: TemporaryFolder::create()? };
    if let Err(error) = comparing.start_servers() {
        return if interrupt.is_set() { Ok(comparison) } else { Err(error) };
    }
    for workload in &workloads {
        let result = match comparing.run_workload(workload) {
            // The others are worth having all the same.
            Err(error @ CompareError::Failed { .. }) => {
                eprintln!("  {error}");
                comparison.failures.push(error.to_string());
                continue;
            }
            outcome => outcome?,
        };
        if let Some(result) = result {
            println!("\n{}", result.table());
            comparison.workloads.push(result);
        }
        if interrupt.is_set() {
            break;
        }
    }
    Ok(comparison)
}

impl Comparing<'_> {
    fn start_servers(&mut self) -> Result<(), CompareError> {
        let mut servers = self.arguments.servers.clone();
        if self.arguments.control {
            let NamedCommand { name, command } = servers[0].clone();
            servers.push(NamedCommand { name: format!("{name}'"), command });
        }
        for (index, server) in servers.iter().enumerate() {
            if servers[..index].iter().any(|earlier| earlier.name == server.name) {
                return Err(CompareError::SameName(server.name.clone()));
            }
        }
        let place = Place { cpus: self.arguments.server_cpus.as_ref(), boost: self.arguments.boost };
        for server in servers {
            let contestant = Contestant::enter(&server, &self.arguments.login, place, self.interrupt)?;
            contestant.freeze();
            println!("  {}: {}", server.name, server.command);
            self.contenders.push(Contender {
                server: contestant,
                server_command: server.command,
                preloaded: None,
            });
        }
        Ok(())
    }

    /// All rounds of a workload; fewer, or `None`, after an interrupt.
    fn run_workload(&mut self, workload: &Workload) -> Result<Option<WorkloadResult>, CompareError> {
        let named = |contender: &Contender| Runs {
            name: contender.server.name().to_owned(),
            server_command: contender.server_command.clone(),
            rounds: Vec::new(),
        };
        let mut runs: Vec<Runs> = self.contenders.iter().map(named).collect();
        'rounds: for round in 1..=self.arguments.rounds {
            for (index, runs) in runs.iter_mut().enumerate() {
                let Some(report) = self.run_alone(index, workload)? else {
                    break 'rounds;
                };
                let (rate, name) = (report.requests_per_second, &runs.name);
                let server_cpu = report.server.map_or(0.0, |server| server.cpu_us_per_request);
                let workload = &workload.name;
                eprintln!(
                    "  {workload} round {round} {name}: {rate:.0} requests/s, {server_cpu:.3} us CPU each"
                );
                runs.rounds.push(report);
            }
        }
        let control = if self.arguments.control { Control::Last } else { Control::None };
        Ok(WorkloadResult::of(&workload.name, &workload.recipe.title(), runs, control))
    }

    /// One round of one server, while the others stand still; `None` when interrupted.
    fn run_alone(&mut self, index: usize, workload: &Workload) -> Result<Option<RunReport>, CompareError> {
        let interrupt = self.interrupt;
        let contender = &mut self.contenders[index];
        contender.server.check_running()?;
        contender.server.thaw();
        let outcome = contender.fill(&workload.recipe, interrupt).and_then(|()| match interrupt.is_set() {
            true => Ok(None),
            false => self.generate(index, workload),
        });
        self.contenders[index].server.freeze();
        match outcome {
            Err(_) if interrupt.is_set() => Ok(None),
            // That the server has died explains whatever went wrong with its load.
            Err(error) => self.contenders[index].server.check_running().map_err(Into::into).and(Err(error)),
            outcome => outcome,
        }
    }

    /// Runs this program's own `run` against the server, as a process that can be placed and weighed by itself.
    fn generate(&self, index: usize, workload: &Workload) -> Result<Option<RunReport>, CompareError> {
        let server = &self.contenders[index].server;
        let (json, messages) = (self.folder.path().join("run.json"), self.folder.path().join("messages"));
        let mut words = vec![std::env::current_exe()?.display().to_string(), "run".to_owned()];
        words.extend(["--json".to_owned(), json.display().to_string()]);
        words.extend(self.run_options(server, workload));
        let place = Place { cpus: self.arguments.client_cpus.as_ref(), boost: self.arguments.boost };
        let mut command = launch::command(&words, place)?;
        // Not as an option, which lists of processes show.
        command.envs(self.arguments.login.password.iter().map(|password| (PASSWORD_VARIABLE, password)));
        command.stdout(Stdio::null()).stderr(fs::File::create(&messages)?);
        if self.wait_for(command.spawn()?)? {
            return Ok(Some(read_json(&json)?));
        }
        if self.interrupt.is_set() {
            return Ok(None);
        }
        let mut message = fs::read_to_string(&messages)?.trim().to_owned();
        if message.is_empty() {
            message = "it was killed, or took too long".to_owned();
        }
        let (name, workload) = (server.name().to_owned(), workload.name.clone());
        Err(CompareError::Failed { name, workload, message })
    }

    fn run_options(&self, server: &Contestant, workload: &Workload) -> Vec<String> {
        let (load, login) = (&self.arguments.load, &self.arguments.login);
        let mut options = match &server.access().target {
            Target::Tcp { host, port } => vec![("--host", host.clone()), ("--port", port.to_string())],
            Target::Unix(path) => vec![("--unix", path.display().to_string())],
        };
        options.extend(login.user.clone().map(|user| ("--user", user)));
        options.extend([("--resp", login.resp.to_string()), ("--database", login.database.to_string())]);
        options.extend(server.pid().map(|pid| ("--server-pid", pid.as_raw_nonzero().to_string())));
        options.extend([
            ("--connections", workload.connections.to_string()),
            ("--pipeline", workload.pipeline.to_string()),
            ("--seed", load.seed.to_string()),
            ("--seconds", seconds(self.arguments).as_secs_f64().to_string()),
            ("--warmup", warmup(self.arguments).as_secs_f64().to_string()),
        ]);
        options.extend(self.arguments.client_cpus.as_ref().map(|cpus| ("--cpus", cpus.to_list())));
        options.extend(load.threads.map(|threads| ("--threads", threads.to_string())));
        options.extend(load.rate.map(|rate| ("--rate", rate.to_string())));
        options.push(("--arrivals", load.arrivals.to_string()));
        let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        options.chain(workload.recipe.to_options()).collect()
    }

    /// Whether the generator ended well; it is killed at an interrupt or when it takes too long.
    fn wait_for(&self, mut generator: Child) -> Result<bool, CompareError> {
        let limit = seconds(self.arguments) + warmup(self.arguments) + GENERATOR_TIME_MORE;
        let began = Instant::now();
        loop {
            if let Some(status) = generator.try_wait()? {
                return Ok(status.success());
            }
            if self.interrupt.is_set() || began.elapsed() > limit {
                generator.kill()?;
                generator.wait()?;
                return Ok(false);
            }
            thread::sleep(LOOK);
        }
    }
}

impl Contender {
    /// Loads the keys a workload wants, unless they are there.
    fn fill(&mut self, recipe: &Recipe, interrupt: &Interrupt) -> Result<(), CompareError> {
        let Some(mix) = recipe.preload_mix()? else {
            return Ok(());
        };
        let wanted = Recipe { commands: Vec::new(), ..recipe.clone() };
        if self.preloaded.as_ref() == Some(&wanted) {
            return Ok(());
        }
        preload(self.server.access(), &mix, recipe.key_space, None, interrupt)
            .map_err(|source| CompareError::Preload { name: self.server.name().to_owned(), source })?;
        self.preloaded = Some(wanted);
        Ok(())
    }
}

/// The named workloads with what flags say about keys, or the one that flags describe.
fn workloads(arguments: &CompareArguments) -> Result<Vec<Workload>, CompareError> {
    let load = &arguments.load;
    let with_flags = |workload: &Workload| -> Result<Workload, CompareError> {
        let recipe = workload.recipe.clone().with_flags(&arguments.recipe)?;
        Ok(Workload { recipe, ..workload.clone() })
    };
    if !arguments.workloads.is_empty() {
        return arguments.workloads.iter().map(with_flags).collect();
    }
    let recipe = Recipe::default().with_flags(&arguments.recipe)?;
    Ok(vec![Workload {
        name: format!("command-d{}-c{}-p{}", recipe.values, load.connections, load.pipeline),
        recipe,
        connections: load.connections,
        pipeline: load.pipeline,
    }])
}

fn seconds(arguments: &CompareArguments) -> Duration {
    arguments.load.seconds.unwrap_or(SECONDS_DEFAULT)
}

fn warmup(arguments: &CompareArguments) -> Duration {
    arguments.load.warmup.unwrap_or(WARMUP_DEFAULT)
}

/// Processor, number of CPUs and kernel, so that saved results explain themselves.
fn describe_machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let count = online_cpus().map_or(0, |cpus| cpus.len());
    format!("{model}, {count} CPUs, Linux {}", kernel.trim())
}
