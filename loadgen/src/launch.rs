//! Starting a process on given CPUs, in a session of its own, ahead of others if wanted.
//!
//! The program starts itself a second time as `launch`, which sets up its own process and then becomes the command:
//! so nothing has to run between fork and exec. Priorities count only within a session where the kernel groups
//! processes by session ("autogroup"); hence the session, and the priority of its group.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{
    Pid, Signal, geteuid, getpid, getppid, set_parent_process_death_signal, setpriority_process, setsid,
};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::arguments::{Cpus, LaunchArguments};

/// The strongest priority.
const NICE_MIN: i32 = -20;

/// Why a process cannot be started as wanted.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("cannot find this program's own file: {0}")]
    OwnFile(io::Error),
    #[error("cannot set up the process of {command:?}: {source}")]
    SetUp { command: String, source: io::Error },
    #[error("cannot start {command:?}: {source}")]
    Start { command: String, source: io::Error },
}

/// Whether this user may run processes ahead of others.
pub fn may_boost() -> bool {
    geteuid().is_root()
}

/// How a process is to run.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub cpus: Option<&'a Cpus>,
    pub boost: bool,
}

/// A command which will run `words` in `place`, without input, and end with this process.
pub fn command(words: &[String], place: Place<'_>) -> Result<Command, LaunchError> {
    let own = std::env::current_exe().map_err(LaunchError::OwnFile)?;
    let mut command = Command::new(own);
    command.args(["launch", "--parent", &getpid().as_raw_nonzero().to_string()]);
    if let Some(cpus) = place.cpus {
        command.args(["--cpus", &cpus.to_list()]);
    }
    if place.boost {
        command.arg("--boost");
    }
    command.arg("--").args(words).stdin(Stdio::null());
    Ok(command)
}

/// The second half: sets up this process and becomes the command. Returns only to fail.
pub fn become_command(arguments: &LaunchArguments) -> Result<Infallible, LaunchError> {
    let [program, rest @ ..] = &arguments.command[..] else { unreachable!("the parser requires a command") };
    set_up(arguments).map_err(|source| LaunchError::SetUp { command: program.clone(), source })?;
    let source = Command::new(program).args(rest).exec();
    Err(LaunchError::Start { command: program.clone(), source })
}

fn set_up(arguments: &LaunchArguments) -> io::Result<()> {
    setsid()?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the line above, and then the signal never comes.
    if getppid() != Pid::from_raw(arguments.parent) {
        return Err(io::Error::other("the process that wanted it has ended"));
    }
    if let Some(Cpus(list)) = &arguments.cpus {
        let mut cpus = CpuSet::new();
        list.iter().for_each(|&cpu| cpus.set(cpu));
        sched_setaffinity(None, &cpus)?;
    }
    if arguments.boost {
        setpriority_process(None, NICE_MIN)?;
        match fs::write("/proc/self/autogroup", NICE_MIN.to_string()) {
            // Kernels without autogroup need only the priority.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
    }
    Ok(())
}
