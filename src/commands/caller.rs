//! What commands see and change of the client that sent them.

use std::net::SocketAddr;

use crate::protocol::Resp;

/// The attributes of one client.
#[derive(Debug)]
pub struct Caller {
    /// Never reused while the server runs.
    pub id: u64,
    pub database: u8,
    pub resp: Resp,
    pub no_evict: bool,
    pub no_touch: bool,
    /// It is shown all requests (MONITOR).
    pub is_monitor: bool,
    pub connected_at_us: u64,
    pub address: Address,
    /// What few clients set, together.
    pub labels: Option<Box<Labels>>,
}

/// Names that a client gave itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    pub name: Box<[u8]>,
    pub library_name: Box<[u8]>,
    pub library_version: Box<[u8]>,
}

/// Where a client comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp { peer: SocketAddr, local: SocketAddr },
    Unix,
}

impl Caller {
    pub fn new(id: u64, address: Address, connected_at_us: u64) -> Self {
        Caller {
            id,
            database: 0,
            resp: Resp::Two,
            no_evict: false,
            no_touch: false,
            is_monitor: false,
            connected_at_us,
            address,
            labels: None,
        }
    }

    pub fn labels_mut(&mut self) -> &mut Labels {
        self.labels.get_or_insert_default()
    }

    /// What RESET takes back. NO-EVICT stays, as in Redis 7.0; so does the name of the library.
    pub fn reset(&mut self) {
        self.database = 0;
        self.resp = Resp::Two;
        self.no_touch = false;
        if let Some(labels) = &mut self.labels {
            labels.name = Box::default();
        }
    }
}
