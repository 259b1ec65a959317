//! New clients: accepted by the ring, admitted or turned away, greeted by nobody.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::commands::{Caller, caller::Address};
use crate::data_plane::connection::{Closing, Connection, Stall, TurnReply};
use crate::data_plane::core::Core;
use crate::data_plane::mesh::{Question, Subject};
use crate::session::Session;
use crate::sys::ring::{Completion, Operation, Token};
use crate::sys::socket;

/// How long accepting pauses when descriptors or memory have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";
const PROTECTED: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is enabled and no \
password is set for the default user. In this mode connections are only accepted from the loopback interface. If you \
want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable \
protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis \
from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do \
so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by \
editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. \
3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a \
an authentication password for the default user. NOTE: You only need to do one of the above things in order for the \
server to start accepting connections from the outside.\r\n";

/// One socket on which a core accepts.
pub struct Listener {
    socket: OwnedFd,
    /// Unix connections are handed round to the cores.
    unix: bool,
    /// Accepting has paused until then.
    pub resume_at: Option<Instant>,
    /// The last attempt failed: it was said in the log, once.
    is_starved: bool,
}

impl Listener {
    pub fn new(socket: OwnedFd, unix: bool) -> Self {
        Listener { socket, unix, resume_at: None, is_starved: false }
    }
}

impl Core {
    pub(super) fn arm_listeners(&mut self) {
        for index in 0..self.listeners.len() {
            self.arm_listener(index);
        }
    }

    fn arm_listener(&mut self, index: usize) {
        let token = Token::new(Operation::Accept, 0, index as u32);
        self.ring.accept(self.listeners[index].socket.as_raw_fd(), token);
    }

    pub(super) fn shut_listeners(&self) {
        self.listeners.iter().for_each(|listener| socket::shut_down(listener.socket.as_fd()));
    }

    /// Resumes accepting where the pause is over.
    pub(super) fn resume_listeners(&mut self) {
        for index in 0..self.listeners.len() {
            if self.listeners[index].resume_at.is_some_and(|at| at <= Instant::now()) {
                self.listeners[index].resume_at = None;
                self.arm_listener(index);
            }
        }
    }

    pub(super) fn accepted(&mut self, completion: &Completion) {
        let index = completion.token.index as usize;
        if completion.result >= 0 {
            self.listeners[index].is_starved = false;
            self.admit(socket::accepted(completion.result), self.listeners[index].unix);
        }
        if completion.more {
            return;
        }
        match -completion.result {
            libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS => {
                if !std::mem::replace(&mut self.listeners[index].is_starved, true) {
                    let error = std::io::Error::from_raw_os_error(-completion.result);
                    tracing::warn!("cannot accept clients, trying again until it succeeds: {error}");
                }
                self.listeners[index].resume_at = Some(Instant::now() + ACCEPT_PAUSE);
            }
            _ => self.arm_listener(index),
        }
    }

    fn admit(&mut self, socket: OwnedFd, unix: bool) {
        self.counters().connections_received.add(1);
        let address = match (unix, socket::endpoints(socket.as_fd())) {
            (true, _) => Address::Unix,
            (false, Some((peer, local))) => Address::Tcp { peer, local },
            // The client left before we came to it.
            (false, None) => return,
        };
        if !self.bridge.admit_client(u64::from(self.settings.maxclients)) {
            return self.turn_away(&socket, TOO_MANY_CLIENTS);
        }
        if let Address::Tcp { peer, local } = address {
            let is_protected = self.settings.protected_mode && self.settings.password.is_none();
            if is_protected && !socket::is_loopback(peer.ip()) {
                self.bridge.dismiss_client();
                return self.turn_away(&socket, PROTECTED);
            }
            self.set_options(&socket, peer, local);
        }
        let caller = Caller::new(self.bridge.next_client_id(), address, self.turn.now_us);
        match self.choose_core(unix) {
            own if own == self.shard.index => self.adopt(socket, caller),
            other => self.hand_over(other, socket, caller),
        }
    }

    fn turn_away(&self, socket: &OwnedFd, farewell: &[u8]) {
        self.counters().connections_rejected.add(1);
        socket::send_now(socket, farewell);
    }

    /// TCP connections stay where the kernel put them; those of the one Unix listener go round.
    fn choose_core(&mut self, unix: bool) -> u16 {
        if !unix {
            return self.shard.index;
        }
        self.next_adopter = (self.next_adopter + 1) % self.shard.slots.shards;
        self.next_adopter
    }

    fn hand_over(&mut self, core: u16, socket: OwnedFd, caller: Caller) {
        let subject = Subject::Adopt(Some(Box::new((socket, caller))));
        let nobody = u32::MAX;
        self.mesh.ask(
            core,
            Question {
                connection: nobody,
                generation: nobody,
                sequence: 0,
                asker: 0,
                subject,
                answer: Vec::new(),
            },
        );
    }

    fn set_options(&self, socket: &OwnedFd, peer: SocketAddr, local: SocketAddr) {
        if let Err(error) = socket::set_keepalive(socket.as_fd(), self.settings.keepalive_s) {
            tracing::debug!("cannot set keep-alive of a client: {error}");
        }
        let congestion = &self.settings.loopback_congestion;
        if !congestion.is_empty()
            && socket::is_same_host(peer, local)
            && let Err(error) = socket::set_congestion(socket.as_fd(), congestion)
        {
            tracing::debug!("cannot set congestion control {congestion}: {error}");
        }
    }

    /// Makes a connection of an admitted client and begins to receive from it.
    pub(super) fn adopt(&mut self, socket: OwnedFd, mut caller: Caller) {
        caller.log_out(self.turn.password);
        caller.is_early = self.is_loading();
        let active_at_s = (self.turn.now_us / 1_000_000) as u32;
        let index = self.connections.insert(|generation| Connection {
            session: Session::new(caller),
            socket,
            generation,
            inbox: None,
            outbox: None,
            gate: 0,
            turn_reply: TurnReply::None,
            closing: Closing::No,
            input_ended: false,
            receiving: false,
            stall: Stall::No,
            active_at_s,
            active_window: 0,
            last_command: None,
        });
        self.keep_receiving(index);
    }
}
