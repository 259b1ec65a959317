//! What a session cannot know by itself: configuration, the clients of all cores, the state of the server.

use std::sync::Arc;

use bytes::Bytes;

use crate::commands::call::{ClientFilter, ClientKind, KillStyle, MemoryMatter, Shutdown};
use crate::commands::client_line::{ClientFacts, Queued};
use crate::commands::memory::{advice, write_figures};
use crate::commands::{Ask, info};
use crate::config::ShutdownHow;
use crate::data_plane::connection::{Closing, Connection, Stall};
use crate::data_plane::core::Core;
use crate::data_plane::facts::{info_facts, memory_figures};
use crate::data_plane::launch::{compression, recency};
use crate::data_plane::mesh::{Question, Subject};
use crate::data_plane::timing::Timing;
use crate::protocol::Reply;
use crate::session::gather::{Finish, Gather};
use crate::sys::crash;
use crate::sys::host::random_digits;
use crate::sys::memory::{allocator_report, purge_allocator};
use crate::sys::secret::Secret;

/// A log can be begun and ended at a start only, because it has to begin with all keys.
const LOG_IS_FOR_GOOD: &[u8] = b"ERR CONFIG SET failed (possibly related to argument 'appendonly') - \
the log is turned on and off at the start of the server only: restart it with the new value";

impl Core {
    /// Answers what a client's command asked for.
    pub(super) fn answer(&mut self, index: u32, ask: Ask) {
        match ask {
            Ask::ConfigGet(patterns) => self.answer_config_get(index, &patterns),
            Ask::ConfigSet(pairs) => self.answer_config_set(index, &pairs),
            Ask::ConfigRewrite => self.answer_config_rewrite(index),
            Ask::ConfigResetStat => self.gather(index, Finish::Same, || Subject::ResetCounters),
            Ask::Info(sections) => self.answer_info(index, &sections),
            Ask::Memory(matter) => self.answer_memory(index, matter),
            Ask::ClientInfo => self.answer_client_info(index),
            Ask::ClientList(filter) => {
                let finish = Finish::Lines(filter.ids.clone());
                self.gather(index, finish, || Subject::ClientList(filter.clone()));
            }
            Ask::ClientKill { filter, style } => {
                let finish = match style {
                    KillStyle::ByAddress => Finish::KilledOne,
                    KillStyle::ByFilter => Finish::Sum,
                };
                self.gather(index, finish, || Subject::ClientKill(filter.clone()));
            }
            Ask::Shutdown(how) => self.answer_shutdown(index, how),
            Ask::Pause(pause) => self.gather(index, Finish::Same, || Subject::Pause(pause)),
            Ask::Unpause => self.gather(index, Finish::Same, || Subject::Unpause),
            Ask::MoveSlot { slot, to } => self.move_slot(index, slot, to),
            Ask::Multi => self.multi(index),
            Ask::Exec => self.exec(index),
            Ask::Discard => self.discard(index),
            Ask::Watch(keys) => self.watch(index, keys),
            Ask::Unwatch => {
                self.unwatch(index);
                self.answer_with(index, |reply| reply.ok());
            }
            Ask::Password(digits) => {
                self.answer_with(index, |reply| reply.bulk(random_digits(digits).as_bytes()))
            }
            Ask::Replicas { wanted, for_ms } => self.wait_for_replicas(index, wanted, for_ms),
            Ask::Debug(debugging) => self.answer_debug(index, debugging),
            Ask::Monitor => self.begin_monitor(index),
            Ask::SlowLog(query) => self.answer_slow_log(index, query),
            Ask::Latency(query) => self.answer_latency(index, query),
            Ask::Save(saving) => self.answer_saving(index, saving),
        }
    }

    pub(super) fn answer_with(&mut self, index: u32, write: impl FnOnce(&mut Reply)) {
        let resp = self.connections.at(index).session.caller.resp;
        self.reply(index, |out| write(&mut Reply::new(out, resp)));
    }

    fn answer_config_get(&mut self, index: u32, patterns: &[Bytes]) {
        let patterns: Vec<&[u8]> = patterns.iter().map(Bytes::as_ref).collect();
        let found = self.bridge.config().matching(&patterns);
        self.answer_with(index, |reply| {
            reply.map(found.len());
            for (name, value) in &found {
                reply.bulk(name);
                reply.bulk(value);
            }
        });
    }

    fn answer_config_set(&mut self, index: u32, pairs: &[(Bytes, Bytes)]) {
        let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let mut error = Vec::new();
        let wanted =
            pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"appendonly")).map(|(_, value)| *value);
        let differs = |is_on: bool| {
            wanted.is_some_and(|value| value.eq_ignore_ascii_case(if is_on { b"no" } else { b"yes" }))
        };
        if differs(self.settings.log.is_on) {
            return self.answer_with(index, |reply| reply.error(LOG_IS_FOR_GOOD));
        }
        let settings = {
            let mut config = self.bridge.config();
            if let Err(refusal) = config.set(&pairs) {
                refusal.write_into(&mut error);
            }
            Arc::new(config.settings())
        };
        if !error.is_empty() {
            return self.answer_with(index, |reply| reply.error(&error));
        }
        self.gather(index, Finish::Same, || Subject::Settings(settings.clone()));
    }

    fn answer_config_rewrite(&mut self, index: u32) {
        let outcome = self.bridge.config().rewrite();
        self.answer_with(index, |reply| match outcome {
            Ok(()) => reply.ok(),
            Err(error) => {
                tracing::warn!("CONFIG REWRITE failed: {error}");
                reply.error(error.to_string().as_bytes());
            }
        });
    }

    fn answer_info(&mut self, index: u32, sections: &[Bytes]) {
        self.publish_counters();
        let facts = info_facts(&self.bridge, &self.settings, self.turn.now_us, sections);
        let mut text = Vec::new();
        info::write(sections, &facts, &mut text);
        self.answer_with(index, |reply| reply.verbatim("txt", &text));
    }

    fn answer_memory(&mut self, index: u32, matter: MemoryMatter) {
        self.publish_counters();
        let figures = || memory_figures(&self.bridge, &self.settings);
        match matter {
            MemoryMatter::Figures => {
                let figures = figures();
                self.answer_with(index, |reply| write_figures(&figures, reply));
            }
            MemoryMatter::Advice => {
                let text = advice(&figures());
                self.answer_with(index, |reply| reply.verbatim("txt", text.as_bytes()));
            }
            MemoryMatter::Allocator => {
                let text = allocator_report();
                self.answer_with(index, |reply| reply.verbatim("txt", &text));
            }
            MemoryMatter::Purge => {
                purge_allocator();
                self.answer_with(index, |reply| reply.ok());
            }
        }
    }

    fn answer_client_info(&mut self, index: u32) {
        let mut line = Vec::new();
        self.facts_of(index, |facts| facts.write_line(&mut line));
        self.answer_with(index, |reply| reply.verbatim("txt", &line));
    }

    fn answer_shutdown(&mut self, index: u32, how: Shutdown) {
        if how.abort {
            return self.answer_with(index, |reply| reply.error(b"ERR No shutdown in progress."));
        }
        self.wait_for_shutdown(index);
        self.bridge.ask_shutdown(ShutdownHow { save: how.save, force: how.force });
    }

    /// Asks every core, this one included, and makes one reply of the answers.
    pub(super) fn gather(&mut self, index: u32, finish: Finish, subject: impl Fn() -> Subject) {
        let connection = self.connections.at(index);
        let sequence = connection.session.order_mut(&mut self.spare_orders).wait();
        connection.stall = Stall::Waits;
        self.gather_at(index, sequence, finish, subject);
    }

    /// The same for a reply that has its place already.
    pub(super) fn gather_at(
        &mut self,
        index: u32,
        sequence: u32,
        finish: Finish,
        subject: impl Fn() -> Subject,
    ) {
        let shards = self.shard.slots.shards;
        let connection = self.connections.at(index);
        let (generation, asker, resp) =
            (connection.generation, connection.session.caller.id, connection.session.caller.resp);
        let order = connection.session.order_mut(&mut self.spare_orders);
        order.gather_at(sequence, Gather::new(finish, shards, resp));
        let question = |subject| Question {
            connection: index,
            generation,
            sequence,
            asker,
            subject,
            answer: Vec::new(),
        };
        for other in self.mesh.others() {
            self.mesh.ask(other, question(subject()));
        }
        let own = question(subject());
        self.consider(self.shard.index, Box::new(own));
    }

    /// Considers a question and returns it with the answer to the core that asked.
    pub(super) fn consider(&mut self, from: u16, mut question: Box<Question>) {
        self.settle_question(&mut question);
        match question.subject {
            Subject::Pause(_) => self.promise_pause(from, question),
            _ if from == self.shard.index => self.take_answer(from, *question),
            _ => self.mesh.answer(from, question),
        }
    }

    fn settle_question(&mut self, question: &mut Question) {
        match &mut question.subject {
            Subject::Settings(settings) => {
                self.settings = settings.clone();
                self.timing = Timing::new(settings);
                self.turn.string_bytes_max = settings.bulk_bytes_max;
                self.turn.compression = compression(settings);
                self.follow_password(settings.password);
                crash::set_enabled(settings.crash_log);
                self.shard.keyspace.set_recency(recency(settings));
                question.answer.extend_from_slice(b"+OK\r\n");
            }
            Subject::ResetCounters => {
                self.counters().reset();
                self.bridge.commands[self.shard.index as usize].reset();
                self.shard.lookups = Default::default();
                question.answer.extend_from_slice(b"+OK\r\n");
            }
            Subject::ClientList(filter) => {
                for index in self.connections.indices() {
                    self.facts_of(index, |facts| {
                        if filter.matches(facts, question.asker) {
                            facts.write_line(&mut question.answer);
                        }
                    });
                }
            }
            Subject::ClientKill(filter) => {
                let killed = self.kill(filter, question.asker);
                question.answer.extend_from_slice(format!(":{killed}\r\n").as_bytes());
            }
            Subject::Pause(pause) => self.begin_pause(pause),
            Subject::Unpause => {
                self.unpause();
                question.answer.extend_from_slice(b"+OK\r\n");
            }
            Subject::Compact => question.answer.extend_from_slice(self.ask_for_compaction()),
            Subject::Debug(debugging) => self.settle_debug(debugging, &mut question.answer),
            Subject::Adopt(client) => {
                if let Some((socket, caller)) = client.take().map(|client| *client) {
                    self.adopt(socket, caller);
                }
            }
        }
    }

    /// Who came without a password stays in when there is one from now on.
    fn follow_password(&mut self, password: Option<Secret>) {
        self.turn.password = password;
        for index in self.connections.indices() {
            self.connections.at(index).session.caller.follow_password(password);
        }
    }

    /// Closes the clients that are meant; the one that asks gets its reply first.
    fn kill(&mut self, filter: &ClientFilter, asker: u64) -> usize {
        let mut meant = Vec::new();
        for index in self.connections.indices() {
            self.facts_of(index, |facts| {
                if !facts.is_closing && filter.matches(facts, asker) {
                    meant.push((index, facts.caller.id));
                }
            });
        }
        for &(index, id) in &meant {
            match id == asker {
                true => self.close_after_replies(index),
                false => self.shut(index),
            }
        }
        meant.len()
    }

    /// Shows what CLIENT LIST tells of one client.
    pub(super) fn facts_of(&mut self, index: u32, show: impl FnOnce(&ClientFacts)) {
        let (now_us, shard) = (self.turn.now_us, self.shard.index);
        let path = self.settings.unixsocket.as_ref().map(|path| path.as_os_str().as_encoded_bytes());
        let path = path.unwrap_or_default();
        let connection = self.connections.at(index);
        if connection.closing != Closing::Shut {
            show(&client_facts(connection, path, now_us, shard));
        }
    }
}

fn client_facts<'a>(
    connection: &'a Connection,
    unix_socket: &'a [u8],
    now_us: u64,
    shard: u16,
) -> ClientFacts<'a> {
    let inbox = connection.inbox.as_ref();
    let request_bytes = inbox.map_or(0, |inbox| inbox.kept_bytes());
    let request_bytes_free = inbox.map_or(0, |inbox| inbox.bytes.capacity() - inbox.bytes.len());
    let outbox = connection.outbox.as_ref();
    let waiting_bytes = outbox.map_or(0, |outbox| outbox.bytes());
    let multi = connection.session.multi.as_ref();
    let queued = multi.map(|multi| Queued { count: multi.queue.len(), bytes: multi.queue.held_bytes() });
    let queued_bytes = queued.map_or(0, |queued| queued.bytes);
    ClientFacts {
        caller: &connection.session.caller,
        kind: ClientKind::Normal,
        unix_socket,
        descriptor: connection.fd(),
        now_us,
        last_request_us: u64::from(connection.active_at_s) * 1_000_000,
        request_bytes,
        request_bytes_free,
        // Arguments are read where they arrived, and replies are written into the arena of the turn.
        argument_bytes: 0,
        reply_room_bytes: 0,
        reply_peak_bytes: 0,
        reply_bytes: 0,
        waiting_count: outbox.map_or(0, |outbox| outbox.parts()),
        waiting_bytes,
        memory_bytes: size_of::<Connection>()
            + request_bytes
            + request_bytes_free
            + waiting_bytes
            + queued_bytes,
        queued,
        is_paused: connection.stall == Stall::Paused,
        is_writing: connection.is_sending(),
        is_closing: connection.closing == Closing::AfterReplies,
        last_command: connection.last_command,
        shard,
    }
}
