//! Where the server is, and connections to it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// How long one connection may take to be accepted.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How requests to a server on this machine are kept from flooding the network that is not there: others measure its
/// speed for each of them, and hold them back by a timer, which the latency would contain.
const LOOPBACK_CONGESTION: &[u8] = b"reno";

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
                    match connect_tcp(address) {
                        Ok(socket) => return Ok(socket),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

fn connect_tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip().is_loopback() {
        // Without it the machine's choice remains, which only costs more.
        let _ = socket.set_tcp_congestion(LOOPBACK_CONGESTION);
    }
    socket.connect_timeout(&address.into(), CONNECT_TIME_MAX)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp { host, port } => write!(formatter, "{host}:{port}"),
            Target::Unix(path) => write!(formatter, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use socket2::SockRef;

    use super::{LOOPBACK_CONGESTION, Target};

    #[test]
    fn requests_on_this_machine_are_neither_paced_nor_delayed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = Target::Tcp { host: "127.0.0.1".to_owned(), port }.connect().unwrap();
        let options = SockRef::from(&socket);
        assert!(options.tcp_congestion().unwrap().starts_with(LOOPBACK_CONGESTION));
        assert!(options.tcp_nodelay().unwrap() && !options.nonblocking().unwrap());
    }
}
