//! MONITOR: clients that are shown every request of all cores.
//!
//! A core that has run requests writes a line for each and sends them to the cores that have such clients. Lines of one
//! core come in order; those of different cores by chance, but with their time.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::commands::caller::{Address, Caller};
use crate::commands::client_line::socket_text;
use crate::commands::secret::{REDACTED, is_secret};
use crate::commands::{Command, Flags};
use crate::config::Settings;
use crate::data_plane::batch::{Planned, Way};
use crate::data_plane::connection::Closing;
use crate::data_plane::core::Core;
use crate::data_plane::mesh::Post;
use crate::protocol::Args;
use crate::shard::parcel::Parcel;
use crate::sys::quoted::write_quoted;

/// Lines that may wait for another core, in bytes; further ones are left out, for a client that watches must not cost a core
/// its memory.
pub const WAITING_BYTES_MAX: usize = 16 << 20;

impl Core {
    /// Whether anybody, here or elsewhere, is shown requests.
    #[inline]
    pub(super) fn is_monitored(&self) -> bool {
        self.bridge.monitors.load(Ordering::Relaxed) > 0
    }

    /// Shows a client all requests from now on. A second request for that is not answered, as by Redis.
    pub(super) fn begin_monitor(&mut self, index: u32) {
        let connection = self.connections.at(index);
        if connection.session.in_transaction {
            let refusal = b"-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n";
            return self.reply(index, |out| out.bytes.extend_from_slice(refusal));
        }
        if connection.session.caller.is_monitor {
            return;
        }
        connection.session.caller.is_monitor = true;
        let generation = connection.generation;
        self.monitors.push((generation, index));
        self.bridge.monitors.fetch_add(1, Ordering::Relaxed);
        self.counters().monitors.add(1);
        self.answer_with(index, |reply| reply.ok());
    }

    /// Shows a client nothing more.
    pub(super) fn end_monitor(&mut self, index: u32) {
        let connection = self.connections.at(index);
        if std::mem::take(&mut connection.session.caller.is_monitor) {
            self.monitors.retain(|&(_, other)| other != index);
            self.bridge.monitors.fetch_sub(1, Ordering::Relaxed);
            self.counters().monitors.set(self.monitors.len() as u64);
        }
    }

    /// Shows requests of a batch that were run or sent to those who run them.
    #[cold]
    pub(super) fn show_planned(&mut self, planned: &[Planned]) {
        let (mut lines, settings) = (Vec::new(), self.settings.clone());
        for request in planned {
            let Some(command) = request.command else {
                continue;
            };
            if matches!(request.way, Way::Refused | Way::Queued | Way::Forbidden) {
                continue;
            }
            let bytes = request.source.bytes(&self.ring, &self.held, &self.feeding, &self.scratch);
            let blocks = request.source.blocks(&self.feeding);
            let args = Args::new(bytes, request.spans(&self.spans), blocks);
            if let Some(connection) = self.connections.find(request.generation, request.connection) {
                let line = Line {
                    caller: &connection.session.caller,
                    settings: &settings,
                    now_us: self.turn.now_us,
                };
                line.write(command, &args, &mut lines);
            }
        }
        self.show(lines);
    }

    /// Shows what was queued and is about to run.
    #[cold]
    pub(super) fn show_queue(&mut self, index: u32, queue: &Parcel<()>) {
        let (mut lines, settings) = (Vec::new(), self.settings.clone());
        let caller = &self.connections.at(index).session.caller;
        let line = Line { caller, settings: &settings, now_us: self.turn.now_us };
        for at in 0..queue.len() {
            let request = queue.request(at);
            line.write(request.command, &request.args, &mut lines);
        }
        self.show(lines);
    }

    fn show(&mut self, lines: Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        let lines = Bytes::from(lines);
        for other in self.mesh.others() {
            let has_monitors = self.bridge.counters[other as usize].monitors.read() > 0;
            if has_monitors && self.mesh.waiting_lines(other) < WAITING_BYTES_MAX {
                self.mesh.post(other, Post::Lines(lines.clone()));
            }
        }
        self.show_here(&lines);
    }

    /// Shows lines to the clients of this core.
    pub(super) fn show_here(&mut self, lines: &[u8]) {
        for (generation, index) in self.monitors.clone() {
            if self.connections.find(generation, index).is_some_and(|it| it.closing == Closing::No) {
                self.reply(index, |out| out.bytes.extend_from_slice(lines));
            }
        }
    }
}

/// What is the same for all requests of one client.
struct Line<'a> {
    caller: &'a Caller,
    settings: &'a Settings,
    now_us: u64,
}

impl Line<'_> {
    /// Appends the line of a request, unless it is the business of operators alone.
    fn write(&self, command: &Command, args: &Args, out: &mut Vec<u8>) {
        if command.flags.has(Flags::ADMIN) || command.flags.has(Flags::SKIP_MONITOR) {
            return;
        }
        let (seconds, micros) = (self.now_us / 1_000_000, self.now_us % 1_000_000);
        let database = self.caller.database;
        out.extend_from_slice(format!("+{seconds}.{micros:06} [{database} ").as_bytes());
        match self.caller.address {
            Address::Tcp { peer, .. } => out.extend_from_slice(socket_text(peer).as_bytes()),
            Address::Unix => {
                let path = self.settings.unixsocket.as_ref().map(|path| path.as_os_str().as_encoded_bytes());
                out.extend_from_slice(b"unix:");
                out.extend_from_slice(path.unwrap_or_default());
            }
        }
        out.push(b']');
        for index in 0..args.len() {
            out.push(b' ');
            let argument = if is_secret(command, args, index) { REDACTED } else { args.at(index) };
            write_quoted(argument, out);
        }
        out.extend_from_slice(b"\r\n");
    }
}
