//! Where the server is, and connections to it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// How long one connection may take to be accepted.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Connections that are tried until one is served by the wanted core.
const ATTEMPTS_PER_SHARD: usize = 1000;
const CLIENT_INFO_BYTES_MAX: usize = 4096;

/// A server's address.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Target {
    /// Connects until the kernel has chosen the core that is wanted.
    pub fn connect_to_shard(&self, shard: u16) -> io::Result<OwnedFd> {
        let wanted = format!(" shard={shard}\n");
        for _ in 0..ATTEMPTS_PER_SHARD {
            let mut stream = File::from(self.connect()?);
            stream.write_all(b"CLIENT INFO\r\n")?;
            let mut reply = Vec::new();
            // A length, a line of text with a line feed, and the end of the bulk.
            while !reply.ends_with(b"\n\r\n") {
                let mut buffer = [0; 1024];
                let count = stream.read(&mut buffer)?;
                reply.extend_from_slice(&buffer[..count]);
                if count == 0 || reply.starts_with(b"-") || reply.len() > CLIENT_INFO_BYTES_MAX {
                    return Err(io::Error::other("the server does not tell which core serves a client"));
                }
            }
            if String::from_utf8_lossy(&reply).contains(&wanted) {
                return Ok(stream.into());
            }
        }
        Err(io::Error::other(format!("none of {ATTEMPTS_PER_SHARD} connections was served by shard {shard}")))
    }

    pub fn connect(&self) -> io::Result<OwnedFd> {
        match self {
            Target::Unix(path) => UnixStream::connect(path).map(OwnedFd::from),
            Target::Tcp { host, port } => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, CONNECT_TIME_MAX) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            return Ok(stream.into());
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp { host, port } => write!(formatter, "{host}:{port}"),
            Target::Unix(path) => write!(formatter, "{}", path.display()),
        }
    }
}
