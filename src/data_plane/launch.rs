//! From a configuration to running cores.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};

use crate::bridge::Bridge;
use crate::cluster::SlotMap;
use crate::codec::rdb::Compression;
use crate::commands::Turn;
use crate::commands::call::{DebugAccess, Process};
use crate::config::{Access, Lfu, Settings, ShutdownHow};
use crate::data_plane::core::{Core, Parts, now_us};
use crate::data_plane::keeper::Keeper;
use crate::data_plane::loading::{Load, tell};
use crate::data_plane::log::LogParts;
use crate::data_plane::mesh::meshes;
use crate::data_plane::restore::{RestoreError, Restored, RestoredShard, load_snapshot, restore};
use crate::keyspace::{Hasher, Keyspace, Recency};
use crate::sys::crash;
use crate::sys::host::random_seeds;
use crate::sys::socket::{self, TcpListener};

/// Registered memory of each executor's own rings: it does no I/O of ours.
const EXECUTOR_IO_BYTES: usize = 64 * 1024;
const EXECUTOR_RING_DEPTH: usize = 128;
/// Clients wait so long for what is being read before they are accepted and told of it.
const ACCEPT_PATIENCE: Duration = Duration::from_millis(300);
/// So often the log tells how far the reading is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// A port that is in use is tried so often, at this distance.
const PORT_TRIES: u32 = 10;
const PORT_INTERVAL: Duration = Duration::from_millis(20);
/// More shards than this are refused.
pub const SHARDS_MAX: usize = 1024;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error(
        "Could not create server TCP listening socket {address}:{port}: bind: {}\n\
         Failed listening on port {port} (TCP), aborting.",
        sentence(source)
    )]
    Bind { address: String, port: u16, source: io::Error },
    #[error("Failed opening Unix socket {}: bind: {}", path.display(), sentence(source))]
    BindUnix { path: PathBuf, source: io::Error },
    #[error("Configured to not listen anywhere, exiting.")]
    NoListener,
    #[error("none of the CPUs {wanted:?} may be used by this process (those that may: {allowed:?})")]
    Cpus { wanted: Vec<usize>, allowed: Vec<usize> },
    #[error("{wanted} shards are too many: at most {SHARDS_MAX}")]
    TooManyShards { wanted: usize },
    #[error("cannot start the executor of shard {shard} on CPU {cpu}: {reason}")]
    Executor { shard: usize, cpu: usize, reason: String },
    #[error("cannot make the ring of shard {shard}: {source}")]
    Ring { shard: usize, source: io::Error },
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("cannot start the thread that keeps the files of the log: {0}")]
    Keeper(io::Error),
    #[error("cannot read what an earlier run has left: {0}")]
    Loader(io::Error),
}

/// The system's own words, without the number that the standard library adds.
fn sentence(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// The running cores.
pub struct Cores {
    handles: Vec<ExecutorJoinHandle<()>>,
    kept: Kept,
}

enum Kept {
    Now(Option<KeptLog>),
    /// When all is read.
    Later(JoinHandle<Result<Option<KeptLog>, LaunchError>>),
}

/// What lives as long as the cores when there is a log.
struct KeptLog {
    keeper: JoinHandle<()>,
    /// Of the folder.
    _lock: File,
}

/// What all cores begin with.
struct Beginning {
    /// By core.
    loads: Vec<Load>,
    kept: Option<KeptLog>,
}

type Outcome = Result<Beginning, LaunchError>;

/// Which CPU each shard is pinned to.
pub fn placement(settings: &Settings) -> Result<Vec<usize>, LaunchError> {
    let allowed: Vec<usize> =
        core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect();
    let chosen = match settings.cpus.is_empty() {
        true => allowed.clone(),
        false => settings.cpus.clone(),
    };
    if chosen.is_empty() || chosen.iter().any(|cpu| !allowed.contains(cpu)) {
        return Err(LaunchError::Cpus { wanted: chosen, allowed });
    }
    let shards = if settings.shards == 0 { chosen.len() } else { settings.shards };
    if shards > SHARDS_MAX {
        return Err(LaunchError::TooManyShards { wanted: shards });
    }
    Ok((0..shards).map(|shard| chosen[shard % chosen.len()]).collect())
}

/// Whether long strings are compressed where they leave as bytes.
pub fn compression(settings: &Settings) -> Compression {
    match settings.compresses_strings {
        true => Compression::On,
        false => Compression::Off,
    }
}

/// What is remembered of the use of keys.
pub fn recency(settings: &Settings) -> Recency {
    match settings.lfu {
        Some(Lfu { log_factor, decay_minutes }) => Recency::Lfu { log_factor, decay_minutes },
        None => Recency::Lru,
    }
}

fn debug_access(settings: &Settings) -> DebugAccess {
    match settings.debug_command {
        Access::No => DebugAccess::Nobody,
        Access::Local => DebugAccess::Local,
        Access::Yes => DebugAccess::Everybody,
    }
}

/// Starts one executor for each CPU of `cpus`.
pub fn launch(bridge: &Arc<Bridge>, settings: &Settings, cpus: &[usize]) -> Result<Cores, LaunchError> {
    let mut listeners = listeners(settings, cpus.len())?;
    let slots = SlotMap::even(cpus.len() as u16);
    let hasher = Hasher::with_seeds(random_seeds());
    let meshes = meshes(bridge, slots.shards, slots.version);
    let databases = usize::from(settings.databases);
    let loaded = load(bridge, settings, &slots, &hasher)?;
    let mut beginning = match loaded.recv_timeout(ACCEPT_PATIENCE) {
        Ok(outcome) => Some(outcome?),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => return Err(loader_failed()),
    };
    if beginning.is_some() {
        bridge.loading.end();
    }
    let (mut handles, mut starts, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for (index, mesh) in meshes.into_iter().enumerate().rev() {
        let (load, awaited) = match &mut beginning {
            Some(beginning) => (beginning.loads.pop().expect("there is one for each core"), None),
            None => {
                let (give, awaited) = channel();
                waiting.insert(0, give);
                let keyspace = Keyspace::new(databases, hasher.clone(), recency(settings));
                (Load { keyspace, log: None, first_transaction: 0 }, Some(awaited))
            }
        };
        let parts = Parts {
            index: index as u16,
            slots: slots.clone(),
            listeners: listeners.pop().expect("there is a list for each core"),
            mesh,
            bridge: bridge.clone(),
            hasher: hasher.clone(),
            load,
            awaited,
            turn: Turn {
                now_us: now_us(),
                databases: databases as u8,
                string_bytes_max: settings.bulk_bytes_max,
                compression: compression(settings),
                password: settings.password,
                process: Process {
                    started_at_us: bridge.started_at_us,
                    shards: slots.shards,
                    debug_access: debug_access(settings),
                },
            },
        };
        let (ready, is_ready) = channel();
        let (go, may_go) = channel();
        starts.push(go);
        handles.push(start(parts, index, cpus[index], ready, may_go)?);
        let outcome = is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("its executor has ended")));
        if let Err(source) = outcome {
            bridge.stop();
            return Err(LaunchError::Ring { shard: index, source });
        }
    }
    // Not before all are there: whoever is answered by one finds the figures of all.
    for go in starts {
        go.send(()).expect("a core waits for this");
    }
    let kept = match beginning {
        Some(beginning) => Kept::Now(beginning.kept),
        None => {
            let bridge = bridge.clone();
            let hand = move || hand_over(&bridge, &loaded, &waiting);
            let thread = std::thread::Builder::new().name("hand-over".to_owned()).spawn(hand);
            Kept::Later(thread.map_err(LaunchError::Loader)?)
        }
    };
    Ok(Cores { handles, kept })
}

fn loader_failed() -> LaunchError {
    LaunchError::Loader(io::Error::other("the thread that reads it has failed"))
}

/// Begins to read what an earlier run has left. Until that has ended nothing in the folder counts but what it found there, so
/// the process may end at any moment.
fn load(
    bridge: &Arc<Bridge>,
    settings: &Settings,
    slots: &SlotMap,
    hasher: &Hasher,
) -> Result<Receiver<Outcome>, LaunchError> {
    let (give, loaded) = channel();
    let (bridge, settings, slots, hasher) = (bridge.clone(), settings.clone(), slots.clone(), hasher.clone());
    bridge.loading.begin(now_us() / 1_000_000);
    let read = move || {
        let databases = usize::from(settings.databases);
        let empty = || Keyspace::new(databases, hasher.clone(), recency(&settings));
        // Nobody waits any more if the server ends.
        let _ = give.send(begin(&bridge, &settings, &slots, empty));
    };
    let thread = std::thread::Builder::new().name("loader".to_owned()).spawn(read);
    thread.map(|_| loaded).map_err(LaunchError::Loader)
}

/// Waits until all is read, and gives each core its part.
fn hand_over(
    bridge: &Bridge,
    loaded: &Receiver<Outcome>,
    cores: &[Sender<Load>],
) -> Result<Option<KeptLog>, LaunchError> {
    let outcome = loop {
        match loaded.recv_timeout(PROGRESS_INTERVAL) {
            Ok(outcome) => break outcome,
            Err(RecvTimeoutError::Disconnected) => break Err(loader_failed()),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(progress) = bridge.loading.progress() {
                    tell(&progress, now_us() / 1_000_000);
                }
            }
        }
    };
    let Beginning { loads, kept } = outcome.inspect_err(|_| {
        bridge.loading.fail();
        bridge.ask_shutdown(ShutdownHow::default());
    })?;
    for ((core, load), waker) in cores.iter().zip(loads).zip(&bridge.wakers) {
        // A core that has stopped needs nothing any more.
        let _ = core.send(load);
        waker.wake();
    }
    Ok(kept)
}

/// Reads what the last run has left, and takes care that this one leaves as much.
fn begin(
    bridge: &Arc<Bridge>,
    settings: &Settings,
    slots: &SlotMap,
    empty: impl Fn() -> Keyspace + Sync,
) -> Outcome {
    let (now_ms, progress) = (now_us() / 1000, &bridge.loading);
    if !settings.log.is_on {
        let keyspaces = load_snapshot(settings, slots, empty, now_ms, progress)?;
        let load = |keyspace| Load { keyspace, log: None, first_transaction: 0 };
        return Ok(Beginning { loads: keyspaces.into_iter().map(load).collect(), kept: None });
    }
    let restored = restore(settings, slots, empty, now_ms, progress)?;
    let first_transaction = restored.first_transaction();
    let Restored { shards, disk, manifest, lock } = restored;
    let folder = manifest.folder;
    let (desks, keeper) = Keeper::start(disk, manifest, bridge.clone()).map_err(LaunchError::Keeper)?;
    let mut loads = Vec::new();
    for (RestoredShard { keyspace, segment, position, voids, base_position, base_bytes }, desk) in
        shards.into_iter().zip(desks)
    {
        let log = LogParts { folder, desk, segment, position, voids, base_position, base_bytes };
        loads.push(Load { keyspace, log: Some(log), first_transaction });
    }
    Ok(Beginning { loads, kept: Some(KeptLog { keeper, _lock: lock }) })
}

/// Starts a core, which says on `ready` whether it could make its ring, and serves when it hears that it may.
fn start(
    parts: Parts,
    shard: usize,
    cpu: usize,
    ready: Sender<io::Result<()>>,
    may_go: Receiver<()>,
) -> Result<ExecutorJoinHandle<()>, LaunchError> {
    LocalExecutorBuilder::new(Placement::Fixed(cpu))
        .name(&format!("shard-{shard}"))
        .io_memory(EXECUTOR_IO_BYTES)
        .ring_depth(EXECUTOR_RING_DEPTH)
        .spawn(move || async move {
            crash::use_large_stack();
            // The core waits in its own ring and is the only task of its executor: see docs/decisions/0001.
            let (core, outcome) = match Core::new(parts) {
                Ok(core) => {
                    core.publish_counters();
                    (Some(core), Ok(()))
                }
                Err(error) => (None, Err(error)),
            };
            // Nobody waits any more if an earlier core has failed.
            let _ = ready.send(outcome);
            if let Some(mut core) = core
                && may_go.recv().is_ok()
            {
                core.run();
            }
        })
        .map_err(|error| LaunchError::Executor { shard, cpu, reason: error.to_string() })
}

impl Cores {
    /// Waits until all cores have stopped.
    pub fn join(self) -> Result<(), String> {
        for handle in self.handles {
            handle.join().map_err(|error| format!("an executor failed: {error}"))?;
        }
        let kept = match self.kept {
            Kept::Now(kept) => kept,
            // What is still being read is not needed any more.
            Kept::Later(thread) if !thread.is_finished() => return Ok(()),
            Kept::Later(thread) => {
                let outcome = thread.join().map_err(|_| "the data could not be handed over".to_owned())?;
                outcome.map_err(|error| error.to_string())?
            }
        };
        // It ends when nobody can ask any more.
        kept.map_or(Ok(()), |log| log.keeper.join().map_err(|_| "the keeper has failed".to_owned()))
    }
}

/// The listening sockets of each core, and whether they are Unix sockets.
fn listeners(settings: &Settings, cores: usize) -> Result<Vec<Vec<(OwnedFd, bool)>>, LaunchError> {
    let mut lists: Vec<Vec<(OwnedFd, bool)>> = (0..cores).map(|_| Vec::new()).collect();
    if settings.port != 0 {
        for bind in &settings.bind {
            let failed =
                |source| LaunchError::Bind { address: bind.address.clone(), port: settings.port, source };
            match tcp_listeners(&bind.address, settings, cores) {
                Ok(sockets) => {
                    lists.iter_mut().zip(sockets).for_each(|(list, socket)| list.push((socket, false)));
                }
                Err(error) if bind.is_optional && is_absent(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    if let Some(path) = &settings.unixsocket {
        let socket = socket::listen_unix(path, settings.backlog as i32, settings.unixsocketperm.unwrap_or(0))
            .map_err(|source| LaunchError::BindUnix { path: path.clone(), source })?;
        lists[0].push((socket, true));
    }
    match lists[0].is_empty() {
        true => Err(LaunchError::NoListener),
        false => Ok(lists),
    }
}

/// Makes sure that nobody listens there. The kernel takes the ring of a killed process apart a little after it, and keeps its
/// port until then.
fn wait_for_port(listener: &TcpListener) -> io::Result<()> {
    let mut tries_left = PORT_TRIES;
    loop {
        tries_left -= 1;
        match socket::probe(listener) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries_left > 0 => {
                std::thread::sleep(PORT_INTERVAL);
            }
            outcome => return outcome.map(drop),
        }
    }
}

/// Whether an address does not exist on this host, as for IPv6 where it is switched off.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT | libc::ENOPROTOOPT)
    )
}

fn tcp_listeners(bind: &str, settings: &Settings, cores: usize) -> io::Result<Vec<OwnedFd>> {
    let address = socket::resolve(bind, settings.port)?;
    let listener = TcpListener { address, backlog: settings.backlog as i32 };
    wait_for_port(&listener)?;
    (0..cores).map(|_| socket::listen_tcp(&listener)).collect()
}
