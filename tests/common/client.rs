//! A raw client: sends bytes as given, reads replies as values or as bytes, every wait bounded.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Value, request, words};

/// How long a reply may take before the test fails.
const REPLY_WAIT: Duration = Duration::from_secs(20);

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

pub struct Client {
    socket: Socket,
    received: Vec<u8>,
    /// Bytes of `received` that were returned already.
    taken: usize,
}

/// What came until the server closed the connection or said nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub bytes: Vec<u8>,
    pub closed: bool,
}

impl Client {
    pub fn tcp(host: &str, port: u16) -> io::Result<Self> {
        let socket = TcpStream::connect((host, port))?;
        socket.set_nodelay(true)?;
        Ok(Self::over(Socket::Tcp(socket)))
    }

    pub fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self::over(Socket::Unix(UnixStream::connect(path)?)))
    }

    fn over(socket: Socket) -> Self {
        Client { socket, received: Vec::new(), taken: 0 }
    }

    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(socket) => socket.write_all(bytes),
            Socket::Unix(socket) => socket.write_all(bytes),
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes what is sent");
    }

    pub fn write_timeout(&mut self, timeout: Duration) {
        match &self.socket {
            Socket::Tcp(socket) => socket.set_write_timeout(Some(timeout)),
            Socket::Unix(socket) => socket.set_write_timeout(Some(timeout)),
        }
        .expect("a timeout above 0");
    }

    /// The address of this end, as CLIENT LIST shows it.
    pub fn local_address(&self) -> String {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().expect("connected").to_string(),
            Socket::Unix(_) => panic!("a Unix socket has no address"),
        }
    }

    /// Sends a line of words as a request and reads its reply.
    pub fn ask(&mut self, line: &str) -> Value {
        self.send(&words(line));
        self.read()
    }

    pub fn command<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Value {
        self.send(&request(arguments));
        self.read()
    }

    /// The next reply, which must come.
    pub fn read(&mut self) -> Value {
        self.try_read().expect("a reply comes in time")
    }

    /// The next reply, or why there is none: `UnexpectedEof` when the server closed the connection.
    pub fn try_read(&mut self) -> io::Result<Value> {
        loop {
            let rest = &self.received[self.taken..];
            // Nothing is copied before all is there: a reply may have gigabytes.
            if Value::extent(rest).is_some()
                && let Some((value, length)) = Value::parse(rest)
            {
                self.taken += length;
                self.forget_taken();
                return Ok(value);
            }
            if self.receive(REPLY_WAIT)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn forget_taken(&mut self) {
        if self.taken == self.received.len() {
            self.received.clear();
            self.taken = 0;
        }
    }

    /// Receives once, waiting at most `wait`: 0 when the server closed the connection.
    fn receive(&mut self, wait: Duration) -> io::Result<usize> {
        let mut chunk = vec![0; 64 * 1024];
        let count = match &mut self.socket {
            Socket::Tcp(socket) => {
                socket.set_read_timeout(Some(wait))?;
                socket.read(&mut chunk)
            }
            Socket::Unix(socket) => {
                socket.set_read_timeout(Some(wait))?;
                socket.read(&mut chunk)
            }
        };
        let count = match count {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            // By a signal, such as the one that tells of a child's end.
            Err(error) if error.kind() == ErrorKind::Interrupted => return self.receive(wait),
            other => other?,
        };
        self.received.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    /// Takes what is there, or comes within `wait`, but does not read it.
    pub fn receive_once(&mut self, wait: Duration) {
        // Neither the end nor a time that is over concerns whoever does not read.
        let _ = self.receive(wait);
    }

    /// Everything that comes until the connection is closed or nothing came for `quiet`.
    pub fn listen(&mut self, quiet: Duration) -> Heard {
        let closed = loop {
            match self.receive(quiet) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) if is_timeout(&error) => break false,
                Err(error) => panic!("cannot receive: {error}"),
            }
        };
        let bytes = self.received[self.taken..].to_vec();
        self.received.clear();
        self.taken = 0;
        Heard { bytes, closed }
    }

    /// The next `count` bytes as they come.
    pub fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() - self.taken < count {
            assert!(self.receive(REPLY_WAIT).expect("bytes come in time") > 0, "closed too early");
        }
        let bytes = self.received[self.taken..self.taken + count].to_vec();
        self.taken += count;
        self.forget_taken();
        bytes
    }

    /// Whether the server closes the connection within `wait`, whatever it sends before.
    pub fn is_closed_within(&mut self, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match self.receive(left.max(Duration::from_millis(1))) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if is_timeout(&error) => return false,
                Err(_) => return true,
            }
        }
        false
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
