//! What commands see and change of the client that sent them.

use std::net::SocketAddr;

use crate::protocol::Resp;
use crate::sys::secret::Secret;

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
    /// It gave the password, or came when there was none.
    pub is_authenticated: bool,
    /// There is a password and it has yet to give it: nearly everything it sends is refused.
    pub must_log_in: bool,
    /// The data of an earlier run is still being read: only what needs none of it may run.
    pub is_early: bool,
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
            is_authenticated: true,
            must_log_in: false,
            is_early: false,
            connected_at_us,
            address,
            labels: None,
        }
    }

    pub fn labels_mut(&mut self) -> &mut Labels {
        self.labels.get_or_insert_default()
    }

    /// Lets the client in if there is no password; otherwise it has to log in.
    pub fn log_out(&mut self, password: Option<Secret>) {
        self.is_authenticated = password.is_none();
        self.follow_password(password);
    }

    pub fn log_in(&mut self) {
        (self.is_authenticated, self.must_log_in) = (true, false);
    }

    /// The password may have changed. Who is in stays in, as in Redis.
    pub fn follow_password(&mut self, password: Option<Secret>) {
        self.must_log_in = password.is_some() && !self.is_authenticated;
    }

    /// What RESET takes back. NO-EVICT stays, as in Redis 7.0; so does the name of the library.
    pub fn reset(&mut self, password: Option<Secret>) {
        self.log_out(password);
        self.database = 0;
        self.resp = Resp::Two;
        self.no_touch = false;
        if let Some(labels) = &mut self.labels {
            labels.name = Box::default();
        }
    }
}
