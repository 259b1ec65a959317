//! How connections end: by request, by the peer, by a limit.

use std::os::fd::AsFd;

use crate::data_plane::connection::{Closing, Stall};
use crate::data_plane::core::Core;
use crate::sys::socket;

/// What a client may have sent of one request, whatever the settings say: spans are of 32 bits.
const REQUEST_BYTES_MAX: u64 = 3 << 30;

impl Core {
    /// Answers nothing more of this client, and closes when all replies are out.
    pub(super) fn close_after_replies(&mut self, index: u32) {
        let connection = self.connections.at(index);
        if connection.closing == Closing::No {
            connection.closing = Closing::AfterReplies;
            connection.inbox = None;
            match connection.has_replies() {
                true => self.closing.push((connection.generation, index)),
                false => self.shut(index),
            }
        }
    }

    /// The client sends nothing more. What it has sent is run and answered first.
    pub(super) fn end_input(&mut self, index: u32) {
        let connection = self.connections.at(index);
        connection.input_ended = true;
        if self.stop_waiting_for_replicas(index) || self.stop_waiting_for_snapshot(index) {
            // The reply could come long after nobody is there to read it.
            return self.shut(index);
        }
        self.close_if_ended(index);
    }

    /// Closes a connection whose input has ended, unless requests of it wait to be run.
    pub(super) fn close_if_ended(&mut self, index: u32) {
        if let Some(connection) = self.connections.find_at(index)
            && connection.input_ended
            && !(connection.stall != Stall::No && connection.inbox.is_some())
        {
            self.close_after_replies(index);
        }
    }

    /// Ends the connection now; what is still out for it is dropped. It is forgotten between two turns.
    pub(super) fn shut(&mut self, index: u32) {
        let connection = self.connections.at(index);
        if connection.closing != Closing::Shut {
            connection.closing = Closing::Shut;
            connection.inbox = None;
            self.stop_waiting_for_replicas(index);
            self.stop_waiting_for_snapshot(index);
            let connection = self.connections.at(index);
            socket::shut_down(connection.socket.as_fd());
            self.bridge.dismiss_client();
            self.unwatch(index);
            self.end_monitor(index);
        }
        let generation = self.connections.at(index).generation;
        self.closing.push((generation, index));
    }

    /// Goes on with the end of connections, when the replies of the turn are on their way.
    pub(super) fn close_those_done(&mut self) {
        for (generation, index) in std::mem::take(&mut self.closing) {
            let Some(connection) = self.connections.find(generation, index) else {
                continue;
            };
            match connection.closing {
                Closing::AfterReplies if !connection.has_replies() => self.shut(index),
                Closing::Shut if !connection.receiving && !connection.is_sending() => {
                    self.connections.remove(index);
                }
                _ => {}
            }
        }
    }

    /// Closes a client for which more waits than `client-output-buffer-limit` allows.
    pub(super) fn check_output_limit(&mut self, index: u32) {
        let limits = self.settings.output_limits;
        let now_s = (self.turn.now_us / 1_000_000) as u32;
        let connection = self.connections.at(index);
        // What is shown comes without being asked for, as to subscribers.
        let limit = if connection.session.caller.is_monitor { limits.pubsub } else { limits.normal };
        let Some(outbox) = &mut connection.outbox else {
            return;
        };
        let waiting = outbox.bytes() as u64;
        let over_soft = limit.soft_bytes > 0 && waiting > limit.soft_bytes;
        outbox.over_soft_limit_since_s = match over_soft {
            true => outbox.over_soft_limit_since_s.or(Some(now_s)),
            false => None,
        };
        let too_long = outbox
            .over_soft_limit_since_s
            .is_some_and(|since| u64::from(now_s.saturating_sub(since)) > limit.soft_s);
        if (limit.hard_bytes > 0 && waiting > limit.hard_bytes) || too_long {
            tracing::warn!(
                client = connection.session.caller.id,
                waiting,
                "client closed: its output buffer is over the limit"
            );
            self.shut(index);
        }
    }

    /// Closes a client of which more waits to be understood than `client-query-buffer-limit` allows.
    pub(super) fn check_inbox_limit(&mut self, index: u32) {
        let limit = self.settings.query_buffer_bytes_max.min(REQUEST_BYTES_MAX);
        let connection = self.connections.at(index);
        let kept = connection.inbox.as_ref().map_or(0, |inbox| inbox.kept_bytes()) as u64;
        if kept > limit {
            tracing::warn!(
                client = connection.session.caller.id,
                kept,
                "client closed: its request is too large"
            );
            connection.inbox = None;
            self.shut(index);
        }
    }

    /// Whether anything has to be looked at once a second.
    pub(super) fn wants_tick(&self) -> bool {
        let soft_limit = self.settings.output_limits.normal.soft_bytes > 0 || !self.monitors.is_empty();
        self.connections.count() > 0 && (self.settings.timeout_s > 0 || soft_limit)
    }

    /// Closes clients that have been idle for longer than `timeout`, or over their soft limit for too long.
    pub(super) fn close_overdue(&mut self) {
        let now_s = (self.turn.now_us / 1_000_000) as u32;
        let timeout_s = u64::from(self.settings.timeout_s);
        for index in self.connections.indices() {
            self.check_output_limit(index);
            let Some(connection) = self.connections.find_at(index) else {
                continue;
            };
            let idle_s = u64::from(now_s.saturating_sub(connection.active_at_s));
            if timeout_s > 0 && idle_s > timeout_s && connection.closing != Closing::Shut {
                tracing::debug!(client = connection.session.caller.id, "closing idle client");
                self.shut(index);
            }
        }
    }
}
