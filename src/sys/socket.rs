//! Listening sockets and the options of accepted ones.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};

/// How a TCP listener of one core is made.
#[derive(Clone, Debug)]
pub struct TcpListener {
    pub address: SocketAddr,
    pub backlog: i32,
}

/// Resolves an address of the `bind` option: `*`, `::*`, an address or a name.
pub fn resolve(bind: &str, port: u16) -> io::Result<SocketAddr> {
    match bind {
        "*" => Ok(SocketAddr::from(([0, 0, 0, 0], port))),
        "::*" => Ok(SocketAddr::from(([0u16; 8], port))),
        name => (name, port).to_socket_addrs()?.next().ok_or_else(|| ErrorKind::NotFound.into()),
    }
}

/// Binds without `SO_REUSEPORT`, so that a port which another server holds is refused instead of shared.
pub fn probe(listener: &TcpListener) -> io::Result<()> {
    let socket = tcp_socket(listener)?;
    socket.bind(&listener.address.into())?;
    // Another server's SO_REUSEPORT listener refuses the bind; one without it refuses the listen at the latest.
    socket.listen(1)
}

/// A listener that shares its port with those of the other cores.
pub fn listen_tcp(listener: &TcpListener) -> io::Result<OwnedFd> {
    let socket = tcp_socket(listener)?;
    socket.set_reuse_port(true)?;
    socket.bind(&listener.address.into())?;
    // Inherited by the accepted sockets.
    socket.set_tcp_nodelay(true)?;
    socket.listen(listener.backlog)?;
    Ok(socket.into())
}

fn tcp_socket(listener: &TcpListener) -> io::Result<Socket> {
    let domain = Domain::for_address(listener.address);
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// A listener at `path`, replacing a socket that was left there. `permissions` 0 leaves them to the umask.
pub fn listen_unix(path: &Path, backlog: i32, permissions: u32) -> io::Result<OwnedFd> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(backlog)?;
    if permissions != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(permissions))?;
    }
    Ok(socket.into())
}

/// Takes over a descriptor that a completed accept brought.
pub fn accepted(fd: RawFd) -> OwnedFd {
    assert!(fd >= 0);
    // SAFETY: the kernel has just made this descriptor for us, in a completion that is handled once.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// The two ends of a connection; `None` for one over a Unix socket, or when it is already gone.
pub fn endpoints(socket: BorrowedFd) -> Option<(SocketAddr, SocketAddr)> {
    let socket = SockRef::from(&socket);
    Some((socket.peer_addr().ok()?.as_socket()?, socket.local_addr().ok()?.as_socket()?))
}

/// Whether the peer is a process on this host.
pub fn is_same_host(peer: SocketAddr, local: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback() || peer.ip() == local.ip()
}

pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Probes a silent peer after `seconds`, three times, as Redis does; 0 leaves keep-alive off.
pub fn set_keepalive(socket: BorrowedFd, seconds: u32) -> io::Result<()> {
    if seconds == 0 {
        return Ok(());
    }
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(seconds as u64))
        .with_interval(Duration::from_secs((seconds as u64 / 3).max(1)))
        .with_retries(3);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)
}

/// Chooses the congestion control of one connection, `tcp(7)`: TCP_CONGESTION.
pub fn set_congestion(socket: BorrowedFd, name: &str) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: the kernel reads `name.len()` bytes of a live string.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_CONGESTION,
            name.as_ptr().cast(),
            name.len() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ends both directions: outstanding receives complete, nothing more is sent.
pub fn shut_down(socket: BorrowedFd) {
    // A peer that is already gone is as good as shut down.
    let _ = SockRef::from(&socket).shutdown(std::net::Shutdown::Both);
}

/// Sends a farewell to a client that is turned away, if its socket takes it at once.
pub fn send_now(socket: &OwnedFd, bytes: &[u8]) {
    // The client is being turned away in any case.
    let _ = SockRef::from(&socket.as_fd()).send_with_flags(bytes, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
}
