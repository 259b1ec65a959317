//! A server of a comparison: one that was started for it, or one that runs already.

use std::path::PathBuf;

use rustix::process::{Pid, test_kill_process};

use crate::access::Access;
use crate::arguments::{LoginArguments, NamedCommand};
use crate::interrupt::Interrupt;
use crate::launch::Place;
use crate::preload::ping;
use crate::server::{ServerError, ServerProcess};
use crate::target::Target;

/// Where a server that runs already can be reached, and its process if it is on this machine and known.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    target: Target,
    pid: Option<i32>,
}

pub enum Contestant {
    Started(ServerProcess),
    Found { name: String, access: Access, pid: Option<Pid> },
}

impl Address {
    /// Reads `HOST:PORT` or `unix:PATH`, either with `@PID` behind.
    pub fn read(text: &str) -> Option<Address> {
        let (place, pid) = match text.rsplit_once('@') {
            Some((place, pid)) => (place, Some(pid.parse().ok().filter(|pid| *pid > 0)?)),
            None => (text, None),
        };
        if let Some(path) = place.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Some(Address { target: Target::Unix(PathBuf::from(path)), pid });
        }
        let (host, port) = place.rsplit_once(':')?;
        let is_host =
            !host.is_empty() && !host.contains(|letter: char| letter.is_whitespace() || letter == '/');
        let target = Target::Tcp { host: host.to_owned(), port: port.parse().ok()? };
        is_host.then_some(Address { target, pid })
    }

    fn pid(&self) -> Option<Pid> {
        self.pid.and_then(Pid::from_raw)
    }
}

impl Contestant {
    /// Starts the server, or finds the one that runs.
    pub fn enter(
        server: &NamedCommand,
        login: &LoginArguments,
        place: Place<'_>,
        interrupt: &Interrupt,
    ) -> Result<Contestant, ServerError> {
        if server.command.contains("{port}") {
            return ServerProcess::start(server, login, place, interrupt).map(Contestant::Started);
        }
        let address = Address::read(&server.command).expect("checked when the command line is read");
        let pid = address.pid();
        let access = login.access(address.target);
        let mut found = Contestant::Found { name: server.name.clone(), access, pid };
        found.check_running().map(|()| found)
    }

    pub fn name(&self) -> &str {
        match self {
            Contestant::Started(process) => &process.name,
            Contestant::Found { name, .. } => name,
        }
    }

    pub fn access(&self) -> &Access {
        match self {
            Contestant::Started(process) => process.access(),
            Contestant::Found { access, .. } => access,
        }
    }

    /// The process whose CPU time counts, if it is known.
    pub fn pid(&self) -> Option<Pid> {
        match self {
            Contestant::Started(process) => Some(process.pid()),
            Contestant::Found { pid, .. } => *pid,
        }
    }

    /// Takes the CPU away from a server of ours; others are left alone.
    pub fn freeze(&self) {
        if let Contestant::Started(process) = self {
            process.freeze();
        }
    }

    pub fn thaw(&self) {
        if let Contestant::Started(process) = self {
            process.thaw();
        }
    }

    pub fn check_running(&mut self) -> Result<(), ServerError> {
        match self {
            Contestant::Started(process) => process.check_running(),
            Contestant::Found { name, access, pid } => {
                if pid.is_some_and(|pid| test_kill_process(pid).is_err()) {
                    return Err(ServerError::NoProcess { name: name.clone() });
                }
                let target = access.target.clone();
                ping(access).map_err(|source| ServerError::Silent { name: name.clone(), target, source })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_told_from_commands() {
        let shown = |text| Address::read(text).map(|address| (address.target.to_string(), address.pid));
        assert_eq!(shown("localhost:6379"), Some(("localhost:6379".to_owned(), None)));
        assert_eq!(shown("10.0.0.1:7000@42"), Some(("10.0.0.1:7000".to_owned(), Some(42))));
        assert_eq!(shown("unix:/run/a.sock@7"), Some(("/run/a.sock".to_owned(), Some(7))));
        for other in
            ["redis-server", "redis-server --bind a:1", "/bin/x:1", ":1", "host:x", "host:1@", "unix:"]
        {
            assert_eq!(shown(other), None, "{other}");
        }
    }
}
