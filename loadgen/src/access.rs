//! A server as a client meets it: its address, and what has to be said there before the first request.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::plain::{ExchangeError, PlainConnection, request};
use crate::target::Target;

/// Descriptors beside those of connections.
const OPEN_FILES_MORE: u64 = 64;

/// Which version of the protocol is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// How to get in.
#[derive(Clone, Debug)]
pub struct Access {
    pub target: Target,
    pub user: Option<String>,
    pub password: Option<String>,
    pub protocol: Protocol,
    pub database: u32,
}

/// Not all of the wanted connections could be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot connect to {target}: {source} ({open} of {wanted} connections were open, no request was sent)"
)]
pub struct ConnectError {
    pub target: Target,
    pub open: usize,
    pub wanted: usize,
    pub source: io::Error,
}

impl Access {
    /// The same at another address.
    pub fn at(&self, target: Target) -> Access {
        Access { target, ..self.clone() }
    }

    /// A connection that has been let in.
    pub fn connect(&self) -> io::Result<OwnedFd> {
        self.let_in(self.target.connect()?)
    }

    fn let_in(&self, socket: OwnedFd) -> io::Result<OwnedFd> {
        let greetings = self.greetings();
        if greetings.is_empty() {
            return Ok(socket);
        }
        let mut connection = PlainConnection::new(socket)?;
        for (name, greeting) in greetings {
            match connection.exchange(&greeting, 1) {
                Ok(None) => (),
                Ok(Some(text)) => return Err(io::Error::other(format!("the server refuses {name}: {text}"))),
                Err(ExchangeError::Io(error)) => return Err(error),
                Err(ExchangeError::Malformed(error)) => return Err(io::Error::other(error)),
            }
        }
        connection.into_socket()
    }

    fn greetings(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut greetings = Vec::new();
        let user = self.user.as_deref();
        match (user, self.password.as_deref()) {
            (Some(user), password) => {
                greetings.push(("AUTH", request(&["AUTH", user, password.unwrap_or_default()])));
            }
            (None, Some(password)) => greetings.push(("AUTH", request(&["AUTH", password]))),
            (None, None) => (),
        }
        if self.protocol == Protocol::Resp3 {
            greetings.push(("HELLO 3", request(&["HELLO", "3"])));
        }
        if self.database > 0 {
            greetings.push(("SELECT", request(&["SELECT", &self.database.to_string()])));
        }
        greetings
    }

    /// Opens connections one after the other; with a shard, only those that it serves are kept.
    pub fn connect_all(&self, wanted: usize, shard: Option<u16>) -> Result<Vec<OwnedFd>, ConnectError> {
        raise_open_files(wanted as u64 + OPEN_FILES_MORE);
        let mut sockets = Vec::with_capacity(wanted);
        while sockets.len() < wanted {
            let connected = match shard {
                None => self.connect(),
                Some(shard) => self.target.connect_to_shard(shard).and_then(|socket| self.let_in(socket)),
            };
            let socket = connected.map_err(|source| ConnectError {
                target: self.target.clone(),
                open: sockets.len(),
                wanted,
                source,
            })?;
            sockets.push(socket);
        }
        Ok(sockets)
    }
}

/// Raises the limit of open files if it is too low. Not being allowed to shows when a connection fails.
fn raise_open_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        // Should this fail, connecting reports "too many open files" with the count it got to.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum: limit.maximum });
    }
}
