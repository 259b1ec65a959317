//! Filling the server before a run: its requests once for each key, in order, over one plain connection.

use std::io;
use std::time::{Duration, Instant};

use crate::access::Access;
use crate::cluster::{Node, SlotMap};
use crate::interrupt::Interrupt;
use crate::mix::Mix;
use crate::plain::{ExchangeError, PlainConnection};
use crate::reply::MalformedReply;
use crate::target::Target;

/// Keys whose requests are sent before their replies are read.
const CHUNK_KEYS: u64 = 512;
/// A chunk ends early at this size, so that neither side fills its socket while the other does.
const CHUNK_BYTES: usize = 128 << 10;

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

/// Sends the requests once for each key in `0..key_space`, all answered without error on return. In a cluster, only
/// those that belong to the node.
pub fn preload(
    access: &Access,
    mix: &Mix,
    key_space: u64,
    owner: Option<(&SlotMap, Node)>,
    interrupt: &Interrupt,
) -> Result<Duration, PreloadError> {
    let began = Instant::now();
    let connect_error = |source| PreloadError::Connect { target: access.target.clone(), source };
    let mut connection = access.connect().and_then(PlainConnection::new).map_err(connect_error)?;
    let mut filler = mix.filler(1);
    let mut loaded = 0;
    let mut requests = Vec::with_capacity(CHUNK_BYTES);
    while loaded < key_space {
        let wanted = key_space;
        if interrupt.is_set() {
            return Err(PreloadError::Interrupted { loaded, wanted });
        }
        requests.clear();
        let (mut key, mut replies) = (loaded, 0);
        while key < key_space && key - loaded < CHUNK_KEYS && requests.len() < CHUNK_BYTES {
            replies += filler.append(key, owner, &mut requests);
            key += 1;
        }
        match connection.exchange(&requests, replies) {
            Ok(None) => loaded = key,
            Ok(Some(text)) => return Err(PreloadError::Refused { loaded, wanted, text }),
            Err(ExchangeError::Io(source)) => return Err(PreloadError::Io { loaded, wanted, source }),
            Err(ExchangeError::Malformed(source)) => {
                return Err(PreloadError::Malformed { loaded, wanted, source });
            }
        }
    }
    Ok(began.elapsed())
}

/// Succeeds when the server lets us in and answers PING with anything but an error.
pub fn ping(access: &Access) -> io::Result<()> {
    let mut connection = access.connect().and_then(PlainConnection::new)?;
    match connection.exchange(b"*1\r\n$4\r\nPING\r\n", 1) {
        Ok(None) => Ok(()),
        Ok(Some(text)) => Err(io::Error::other(text)),
        Err(ExchangeError::Io(error)) => Err(error),
        Err(ExchangeError::Malformed(error)) => Err(io::Error::other(error)),
    }
}
