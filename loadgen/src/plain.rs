//! One blocking connection for the few requests before and beside a load, with a bound on its waits.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::reply::{MalformedReply, ReplyParser};

/// How long the server may leave a request unanswered.
pub const REPLY_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of replies that are kept for looking at; more are left out.
const REPLIES_BYTES_MAX: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Malformed(#[from] MalformedReply),
}

pub struct PlainConnection {
    stream: File,
    parser: ReplyParser,
}

impl PlainConnection {
    pub fn new(socket: OwnedFd) -> io::Result<PlainConnection> {
        bound_waits(&socket, Some(REPLY_TIME_MAX))?;
        Ok(PlainConnection { stream: File::from(socket), parser: ReplyParser::default() })
    }

    /// Sends requests and reads their replies; gives the first error reply's text.
    pub fn exchange(&mut self, requests: &[u8], count: u64) -> Result<Option<String>, ExchangeError> {
        self.ask(requests, count, |_| ())
    }

    /// The replies' bytes, or the first error reply's text.
    pub fn fetch(&mut self, requests: &[u8], count: u64) -> Result<Result<Vec<u8>, String>, ExchangeError> {
        let mut bytes = Vec::new();
        let refused = self.ask(requests, count, |block| {
            let room = REPLIES_BYTES_MAX - bytes.len();
            bytes.extend_from_slice(&block[..block.len().min(room)]);
        })?;
        Ok(refused.map_or(Ok(bytes), Err))
    }

    fn ask(
        &mut self,
        requests: &[u8],
        count: u64,
        mut on_block: impl FnMut(&[u8]),
    ) -> Result<Option<String>, ExchangeError> {
        self.stream.write_all(requests).map_err(name_time_limit)?;
        let mut block = [0; 64 << 10];
        let mut replies = 0;
        let mut refused = None;
        while replies < count {
            let length = match self.stream.read(&mut block).map_err(name_time_limit) {
                Ok(0) => {
                    let closed =
                        io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection");
                    return refused.map_or(Err(closed.into()), |text| Ok(Some(text)));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                outcome => outcome?,
            };
            on_block(&block[..length]);
            replies += self.parser.feed(&block[..length], &mut |_, text| {
                refused.get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
            })?;
        }
        Ok(refused)
    }

    /// The socket, whose waits have no bound any more.
    pub fn into_socket(self) -> io::Result<OwnedFd> {
        let socket = OwnedFd::from(self.stream);
        bound_waits(&socket, None)?;
        Ok(socket)
    }
}

/// A request of plain words.
pub fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

/// Lets reads and writes fail after some time. The option is the same for TCP and Unix sockets.
pub fn bound_waits(socket: &OwnedFd, time: Option<Duration>) -> io::Result<()> {
    let socket = std::net::TcpStream::from(socket.try_clone()?);
    socket.set_read_timeout(time)?;
    socket.set_write_timeout(time)
}

pub fn name_time_limit(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        let text = format!("the server has not answered for {} s", REPLY_TIME_MAX.as_secs());
        return io::Error::new(io::ErrorKind::TimedOut, text);
    }
    error
}
