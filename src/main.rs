//! Reads the configuration, starts control thread and cores, waits, and exits.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use basalt::bridge::report::report;
use basalt::bridge::snapshots::temporary_snapshot;
use basalt::bridge::{Bridge, Identity};
use basalt::commands::table::row_count;
use basalt::config::{Config, LogFormat, LogLevel, Settings, Start};
use basalt::control_plane::ControlPlane;
use basalt::data_plane::launch::{launch, placement};
use basalt::persist::name::MANIFEST;
use basalt::sys::crash;
use basalt::sys::host::random_id;
use basalt::sys::memory::{ALLOCATOR_SETTINGS, memory_use};
use basalt::sys::probe::{check_host, raise_descriptor_limit};
use basalt::sys::waker::Waker;
use tracing::Level;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Read by the allocator before `main`.
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static ALLOCATOR_CONFIGURATION: &[u8; ALLOCATOR_SETTINGS.len()] = ALLOCATOR_SETTINGS;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments.next_if(|first| first == "doctor").is_some() {
        return basalt::doctor::run(arguments);
    }
    if arguments.next_if(|first| first == "check").is_some() {
        return basalt::data_plane::restore::check(arguments);
    }
    if arguments.next_if(|first| first == "import").is_some() {
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false).init();
        return basalt::data_plane::restore::import(arguments);
    }
    let config = match Config::from_args(arguments) {
        Ok(Start::Serve(config)) => *config,
        Ok(Start::Version) => {
            println!("Basalt v={} (compatible with Redis 7.0.15)", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Ok(Start::Help) => {
            print!("{}", basalt::config::help());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let settings = config.settings();
    if let Err(error) = start_log(&settings) {
        eprintln!("cannot open the log file: {error}");
        return ExitCode::FAILURE;
    }
    match serve(config, &settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Each line is one of the log, as those that read it expect.
            error.to_string().lines().for_each(|line| tracing::error!("{line}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config, settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "Basalt is starting");
    check_host()?;
    let control_plane = ControlPlane::new()?;
    std::env::set_current_dir(&settings.dir)
        .map_err(|error| format!("cannot change to the directory {}: {error}", settings.dir.display()))?;
    tell_what_is_kept(settings);
    let mut config = config;
    let cpus = placement(settings)?;
    limit_clients(&mut config, settings, cpus.len())?;
    let settings = &config.settings();
    let wakers = cpus.iter().map(|_| Waker::new()).collect::<Result<Vec<_>, _>>()?;
    let bridge = Arc::new(Bridge::new(config, wakers, row_count(), identity()));
    let described = bridge.clone();
    crash::describe_state_by(move || report(&described));
    // Before anybody is answered, so that whoever is finds it.
    if let Some(path) = &settings.pidfile {
        std::fs::write(path, format!("{}\n", std::process::id()))
            .unwrap_or_else(|error| tracing::warn!("Failed to write PID file {}: {error}", path.display()));
    }
    let cores = launch(&bridge, settings, &cpus).inspect_err(|_| remove(settings.pidfile.as_deref()))?;
    bridge.memory_at_start.store(memory_use().allocated, Ordering::Relaxed);
    // Otherwise the last core says so that has its data.
    if !bridge.loading.is_on() {
        tracing::info!(port = settings.port, shards = cpus.len(), "Ready to accept connections");
    }
    control_plane.run(&bridge);
    crash::end_at_next_signal();
    bridge.stop();
    let outcome = cores.join();
    // Whole or not at all.
    remove(Some(&temporary_snapshot()));
    remove(settings.unixsocket.as_deref());
    remove(settings.pidfile.as_deref());
    outcome?;
    tracing::info!("Basalt is now ready to exit, bye bye...");
    Ok(())
}

/// So that nobody believes that data is kept when it is not.
fn tell_what_is_kept(settings: &Settings) {
    let folder = std::env::current_dir().unwrap_or_default();
    let log = folder.join(&settings.log.folder);
    let snapshot = settings.snapshot.file.as_ref().filter(|_| !settings.snapshot.points.is_empty());
    match snapshot {
        _ if settings.log.is_on => tracing::info!("Changes are logged in {}", log.display()),
        Some(file) => {
            let file = folder.join(file);
            tracing::info!("Keys are saved now and then in {}: see `save` and `appendonly`", file.display());
        }
        None => {
            tracing::warn!("Nothing is kept when the server ends: `appendonly yes` or `save` would keep it")
        }
    }
    if !settings.log.is_on && log.join(MANIFEST).exists() {
        tracing::warn!("The log in {} is not read: `appendonly yes` would", log.display());
    }
}

fn remove(path: Option<&Path>) {
    // It may have been removed by hand.
    let _ = path.map(std::fs::remove_file);
}

/// Lowers `maxclients` to what the limit on descriptors allows, as Redis does.
fn limit_clients(config: &mut Config, settings: &Settings, shards: usize) -> Result<(), String> {
    let possible = raise_descriptor_limit(u64::from(settings.maxclients), shards);
    if possible == u64::from(settings.maxclients) {
        return Ok(());
    }
    if possible == 0 {
        return Err(
            "the limit on open files leaves no room for clients: raise it with `ulimit -n`".to_owned()
        );
    }
    tracing::warn!("maxclients is {possible} instead of {}: the limit on open files", settings.maxclients);
    config
        .set(&[(b"maxclients", possible.to_string().as_bytes())])
        .map(drop)
        .map_err(|_| "maxclients cannot be lowered".to_owned())
}

fn identity() -> Identity {
    let started_at_us =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64);
    Identity { started_at_us, run_id: random_id(), replication_id: random_id() }
}

fn start_log(settings: &Settings) -> std::io::Result<()> {
    let level = match settings.log_level {
        LogLevel::Debug => Level::TRACE,
        LogLevel::Verbose => Level::DEBUG,
        LogLevel::Notice => Level::INFO,
        LogLevel::Warning => Level::WARN,
    };
    let writer = match &settings.logfile {
        None => {
            crash::report_faults(std::io::stdout().as_raw_fd());
            BoxMakeWriter::new(std::io::stdout)
        }
        Some(path) => {
            let file: File = OpenOptions::new().create(true).append(true).open(path)?;
            // Open as long as the process lives.
            crash::report_faults(file.try_clone()?.into_raw_fd());
            BoxMakeWriter::new(Mutex::new(file))
        }
    };
    crash::set_enabled(settings.crash_log);
    // A line that cannot be written, say to a full disk, is lost: telling of that on the error output would end the process if
    // that is on the same disk.
    let log = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_max_level(level)
        .with_writer(writer)
        .with_ansi(false)
        .with_target(false);
    match settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
