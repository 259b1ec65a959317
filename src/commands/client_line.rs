//! One line of CLIENT LIST: the fields of Redis 7.0.15 in its order, then the client library and our own.

use std::net::SocketAddr;

use crate::commands::call::ClientKind;
use crate::commands::caller::{Address, Caller};
use crate::commands::login::DEFAULT_USER;
use crate::commands::row::Command;
use crate::protocol::Resp;

/// What is known of one client at one moment.
#[derive(Clone, Copy)]
pub struct ClientFacts<'a> {
    pub caller: &'a Caller,
    pub kind: ClientKind,
    /// The path of the Unix socket that the server listens on.
    pub unix_socket: &'a [u8],
    pub descriptor: i32,
    /// Microseconds since the Unix epoch.
    pub now_us: u64,
    pub last_request_us: u64,
    /// Bytes received that are no whole request yet, and room for more.
    pub request_bytes: usize,
    pub request_bytes_free: usize,
    /// Bytes of the arguments of the request that runs.
    pub argument_bytes: usize,
    /// Room for replies, and the most of it that was used of late.
    pub reply_room_bytes: usize,
    pub reply_peak_bytes: usize,
    /// Replies in that room, and what had to wait outside it: blocks and bytes.
    pub reply_bytes: usize,
    pub waiting_count: usize,
    pub waiting_bytes: usize,
    pub memory_bytes: usize,
    /// What waits for EXEC.
    pub queued: Option<Queued>,
    /// Whether its next request waits for the end of CLIENT PAUSE.
    pub is_paused: bool,
    /// Whether the socket is waited for to become writable.
    pub is_writing: bool,
    /// Whether the client is disconnected once its replies are sent.
    pub is_closing: bool,
    /// The last command that was begun.
    pub last_command: Option<&'static Command>,
    /// The core that serves the client.
    pub shard: u16,
}

/// Commands that a client has queued since MULTI, and the bytes of their arguments.
#[derive(Clone, Copy)]
pub struct Queued {
    pub count: usize,
    pub bytes: usize,
}

impl ClientFacts<'_> {
    /// Appends the line and its line feed.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        let caller = self.caller;
        let text = |out: &mut Vec<u8>, name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value);
            out.push(b' ');
        };
        let number = |out: &mut Vec<u8>, name: &str, value: u64| {
            text(out, name, value.to_string().as_bytes());
        };
        let (name, library_name, library_version) =
            caller.labels.as_ref().map_or(Default::default(), |labels| {
                (&labels.name[..], &labels.library_name[..], &labels.library_version[..])
            });
        number(out, "id", caller.id);
        text(out, "addr", &self.address());
        text(out, "laddr", &self.local_address());
        text(out, "fd", self.descriptor.to_string().as_bytes());
        text(out, "name", name);
        number(out, "age", self.seconds_since(caller.connected_at_us));
        number(out, "idle", self.seconds_since(self.last_request_us));
        text(out, "flags", &self.flags());
        number(out, "db", caller.database.into());
        // No subscriptions so far.
        out.extend_from_slice(b"sub=0 psub=0 ssub=0 ");
        let queued = self.queued.map_or("-1".to_owned(), |queued| queued.count.to_string());
        text(out, "multi", queued.as_bytes());
        number(out, "qbuf", self.request_bytes as u64);
        number(out, "qbuf-free", self.request_bytes_free as u64);
        number(out, "argv-mem", self.argument_bytes as u64);
        number(out, "multi-mem", self.queued.map_or(0, |queued| queued.bytes as u64));
        number(out, "rbs", self.reply_room_bytes as u64);
        number(out, "rbp", self.reply_peak_bytes as u64);
        number(out, "obl", self.reply_bytes as u64);
        number(out, "oll", self.waiting_count as u64);
        number(out, "omem", self.waiting_bytes as u64);
        number(out, "tot-mem", self.memory_bytes as u64);
        text(out, "events", if self.is_writing { b"rw" } else { b"r" });
        text(out, "cmd", &self.last_command_name());
        text(out, "user", DEFAULT_USER);
        text(out, "redir", b"-1");
        number(out, "resp", if caller.resp == Resp::Two { 2 } else { 3 });
        text(out, "lib-name", library_name);
        text(out, "lib-ver", library_version);
        number(out, "shard", self.shard.into());
        // The last field is followed by a line feed instead of a space.
        *out.last_mut().expect("fields were written") = b'\n';
    }

    /// `ip:port` of the client; a Unix socket has its path and port 0.
    pub fn address(&self) -> Vec<u8> {
        self.socket_text(|peer, _| peer)
    }

    /// `ip:port` that the client connected to.
    pub fn local_address(&self) -> Vec<u8> {
        self.socket_text(|_, local| local)
    }

    fn socket_text(&self, choose: fn(SocketAddr, SocketAddr) -> SocketAddr) -> Vec<u8> {
        match self.caller.address {
            Address::Tcp { peer, local } => socket_text(choose(peer, local)).into_bytes(),
            Address::Unix => [self.unix_socket, b":0"].concat(),
        }
    }

    fn seconds_since(&self, moment_us: u64) -> u64 {
        self.now_us.saturating_sub(moment_us) / 1_000_000
    }

    fn flags(&self) -> Vec<u8> {
        let flags = [
            (b'O', self.caller.is_monitor),
            (b'x', self.queued.is_some()),
            (b'b', self.is_paused),
            (b'c', self.is_closing),
            (b'U', self.caller.address == Address::Unix),
            (b'e', self.caller.no_evict),
            (b'T', self.caller.no_touch),
        ];
        let set: Vec<u8> = flags.iter().filter(|(_, is_set)| *is_set).map(|(letter, _)| *letter).collect();
        if set.is_empty() { vec![b'N'] } else { set }
    }

    fn last_command_name(&self) -> Vec<u8> {
        let mut name = Vec::new();
        match self.last_command {
            Some(command) => command.write_name(&mut name),
            None => name.extend_from_slice(b"NULL"),
        }
        name
    }
}

/// The address as `ip:port`.
pub fn socket_text(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.to_string(),
        // Without the scope and flow that Rust would print.
        SocketAddr::V6(address) => format!("[{}]:{}", address.ip(), address.port()),
    }
}
