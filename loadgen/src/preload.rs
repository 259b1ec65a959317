//! Filling the server before a run: one request for each key, in order, over one plain connection.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::interrupt::Interrupt;
use crate::reply::{MalformedReply, ReplyParser};
use crate::target::Target;
use crate::template::Template;

/// Requests sent before their replies are read.
const CHUNK_REQUESTS: u64 = 512;
/// A chunk ends early at this size, so that neither side fills its socket while the other does.
const CHUNK_BYTES: usize = 128 << 10;
/// How long the server may leave a chunk unanswered.
const REPLY_TIME_MAX: Duration = Duration::from_secs(10);

/// Why the keys could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PreloadError {
    #[error("cannot connect to {target} for preloading: {source}")]
    Connect { target: Target, source: io::Error },
    #[error("preloading stopped after {loaded} of {wanted} keys: {source}")]
    Io { loaded: u64, wanted: u64, source: io::Error },
    #[error("preloading stopped after {loaded} of {wanted} keys: {source}")]
    Malformed { loaded: u64, wanted: u64, source: MalformedReply },
    #[error("preloading stopped after {loaded} of {wanted} keys, the server answers: {text}")]
    Refused { loaded: u64, wanted: u64, text: String },
    #[error("interrupted after preloading {loaded} of {wanted} keys")]
    Interrupted { loaded: u64, wanted: u64 },
}

/// Sends the template once for each key in `0..key_space`, all answered without error on return.
pub fn preload(
    target: &Target,
    template: &Template,
    key_space: u64,
    interrupt: &Interrupt,
) -> Result<Duration, PreloadError> {
    let began = Instant::now();
    let connect_error = |source| PreloadError::Connect { target: target.clone(), source };
    let mut connection = PlainConnection::open(target).map_err(connect_error)?;
    let mut loaded = 0;
    let mut requests = Vec::with_capacity(CHUNK_BYTES);
    while loaded < key_space {
        if interrupt.is_set() {
            return Err(PreloadError::Interrupted { loaded, wanted: key_space });
        }
        requests.clear();
        let mut key = loaded;
        while key < key_space && key - loaded < CHUNK_REQUESTS && requests.len() < CHUNK_BYTES {
            template.append_with_key(key, &mut requests);
            key += 1;
        }
        match connection.exchange(&requests, key - loaded) {
            Ok(None) => loaded = key,
            Ok(Some(text)) => {
                return Err(PreloadError::Refused { loaded, wanted: key_space, text });
            }
            Err(ExchangeError::Io(source)) => {
                return Err(PreloadError::Io { loaded, wanted: key_space, source });
            }
            Err(ExchangeError::Malformed(source)) => {
                return Err(PreloadError::Malformed { loaded, wanted: key_space, source });
            }
        }
    }
    Ok(began.elapsed())
}

/// True when the server answers PING, with anything but an error.
pub fn answers_ping(target: &Target) -> bool {
    PlainConnection::open(target)
        .is_ok_and(|mut connection| matches!(connection.exchange(b"*1\r\n$4\r\nPING\r\n", 1), Ok(None)))
}

#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Malformed(#[from] MalformedReply),
}

/// A blocking connection with a bound on its waits.
struct PlainConnection {
    stream: File,
    parser: ReplyParser,
}

impl PlainConnection {
    fn open(target: &Target) -> io::Result<PlainConnection> {
        let socket = target.connect()?;
        bound_waits(&socket)?;
        Ok(PlainConnection { stream: File::from(socket), parser: ReplyParser::default() })
    }

    /// Sends requests and reads their replies; gives the first error reply's text.
    fn exchange(&mut self, requests: &[u8], count: u64) -> Result<Option<String>, ExchangeError> {
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
            replies += self.parser.feed(&block[..length], &mut |text| {
                refused.get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
            })?;
        }
        Ok(refused)
    }
}

/// Lets reads and writes fail after `REPLY_TIME_MAX`. The option is the same for TCP and Unix sockets.
fn bound_waits(socket: &OwnedFd) -> io::Result<()> {
    let socket = std::net::TcpStream::from(socket.try_clone()?);
    socket.set_read_timeout(Some(REPLY_TIME_MAX))?;
    socket.set_write_timeout(Some(REPLY_TIME_MAX))
}

fn name_time_limit(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        let text = format!("the server has not answered for {} s", REPLY_TIME_MAX.as_secs());
        return io::Error::new(io::ErrorKind::TimedOut, text);
    }
    error
}
