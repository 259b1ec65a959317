//! The slow log: which requests go into it, cut to what is shown.

use crate::bridge::slow_log::SlowRequest;
use crate::commands::call::SlowLogQuery;
use crate::commands::secret::{REDACTED, is_secret};
use crate::commands::{Command, Flags};
use crate::data_plane::batch::{Planned, Way};
use crate::data_plane::core::Core;
use crate::protocol::Args;
use crate::session::transaction::Transaction;

/// How many arguments of a request are kept, the last of them telling how many there were.
const ARGUMENTS_MAX: usize = 32;
/// How many bytes of an argument are kept.
const ARGUMENT_BYTES_MAX: usize = 128;

impl Core {
    /// Logs requests of a batch that have run on this core.
    #[cold]
    pub(super) fn log_slow_planned(&mut self, planned: &[Planned], nanoseconds: u64) {
        for request in planned {
            let Some(command) = request.command else {
                continue;
            };
            if !matches!(request.way, Way::Local | Way::Session | Way::Every) {
                continue;
            }
            let bytes = request.source.bytes(&self.ring, &self.held, &self.feeding, &self.scratch);
            let blocks = request.source.blocks(&self.feeding);
            let args = Args::new(bytes, request.spans(&self.spans), blocks);
            let arguments = shown_arguments(command, &args);
            self.log_slow(request.connection, request.generation, command, arguments, nanoseconds);
        }
    }

    #[cold]
    pub(super) fn log_slow_transaction(&mut self, transaction: &Transaction, nanoseconds: u64) {
        let origin = transaction.origin;
        for index in 0..transaction.requests().len() {
            let request = transaction.requests().request(index);
            if !request.command.runs_on_session() {
                let arguments = shown_arguments(request.command, &request.args);
                self.log_slow(origin.connection, origin.generation, request.command, arguments, nanoseconds);
            }
        }
    }

    /// Logs one request of a client, unless it is gone or the command is none to be logged.
    pub(super) fn log_slow(
        &mut self,
        index: u32,
        generation: u32,
        command: &Command,
        arguments: Vec<Vec<u8>>,
        nanoseconds: u64,
    ) {
        let is_there = self.connections.find(generation, index).is_some();
        if !is_there || command.flags.has(Flags::SKIP_SLOWLOG) {
            return;
        }
        let (mut address, mut client_name) = (Vec::new(), Vec::new());
        self.facts_of(index, |facts| {
            address = facts.address();
            client_name = facts.caller.labels.as_ref().map_or_else(Vec::new, |labels| labels.name.to_vec());
        });
        let request = SlowRequest {
            id: 0,
            at_s: self.turn.now_us / 1_000_000,
            microseconds: nanoseconds / 1_000,
            arguments,
            address,
            client_name,
        };
        self.bridge.slow_log.add(request, self.settings.slow_log_max);
    }

    pub(super) fn answer_slow_log(&mut self, index: u32, query: SlowLogQuery) {
        let bridge = self.bridge.clone();
        self.answer_with(index, |reply| match query {
            SlowLogQuery::Length => reply.integer(bridge.slow_log.count() as i64),
            SlowLogQuery::Reset => {
                bridge.slow_log.clear();
                reply.ok();
            }
            SlowLogQuery::Newest(count) => {
                let entries = bridge.slow_log.newest(count);
                reply.array(entries.len());
                for entry in entries {
                    reply.array(6);
                    reply.integer(entry.id as i64);
                    reply.integer(entry.at_s as i64);
                    reply.integer(entry.microseconds as i64);
                    reply.array(entry.arguments.len());
                    entry.arguments.iter().for_each(|argument| reply.bulk(argument));
                    reply.bulk(&entry.address);
                    reply.bulk(&entry.client_name);
                }
            }
        });
    }
}

/// The arguments of a request as the slow log keeps them.
pub(super) fn shown_arguments(command: &Command, args: &Args) -> Vec<Vec<u8>> {
    let left_out = if args.len() > ARGUMENTS_MAX { args.len() - (ARGUMENTS_MAX - 1) } else { 0 };
    let shown = (0..args.len() - left_out).map(|index| match is_secret(command, args, index) {
        true => REDACTED.to_vec(),
        false => shown_argument(args.at(index)),
    });
    let rest = (left_out > 0).then(|| format!("... ({left_out} more arguments)").into_bytes());
    shown.chain(rest).collect()
}

fn shown_argument(argument: &[u8]) -> Vec<u8> {
    match argument.split_at_checked(ARGUMENT_BYTES_MAX) {
        Some((shown, rest)) if !rest.is_empty() => {
            [shown, format!("... ({} more bytes)", rest.len()).as_bytes()].concat()
        }
        _ => argument.to_vec(),
    }
}
