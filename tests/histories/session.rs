//! One client of a workload: it asks at random, notes when it asked and what it was told, leaves now and then, and comes
//! back as another session.

use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering;

use basalt::cluster::slot_of;

use super::common::random::Random;
use super::common::{Client, Value, request};
use super::history::{Outcome, Step, Time, Token, Transaction};
use super::plan::{Command, Form, Plan, token_text, tokens};
use super::workload::{Field, SHARED_REGISTERS};

/// How many units are sent at once, at most.
const BATCH_MAX: usize = 5;
/// And how many when all are about one list.
const RUN_MAX: usize = 24;

/// One register of its own: what the session knows to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Private {
    /// Nothing, or a value that has been copied elsewhere and goes nowhere again.
    Spent,
    Fresh(Token),
}

pub struct Session<'a> {
    field: &'a Field<'a>,
    thread: usize,
    random: Random,
    client: Client,
    privates: [Private; 2],
    history: Vec<Transaction>,
}

impl<'a> Session<'a> {
    pub fn new(field: &'a Field<'a>, thread: usize, seed: u64) -> Self {
        let client = field.server.client();
        let random = Random::from_seed(seed.wrapping_add(thread as u64 * 7919));
        Session { field, thread, random, client, privates: [Private::Spent; 2], history: Vec::new() }
    }

    /// Runs until all operations of the workload are used up.
    pub fn run(mut self) -> Vec<Transaction> {
        while self.field.has_operations() {
            match self.random.below(100) {
                0..8 => self.append_watched(),
                8..10 => self.leave_in_the_middle(),
                _ => self.ask_batch(),
            }
        }
        self.history
    }

    fn name(&self) -> String {
        format!("{}.{}", self.thread, self.field.connections[self.thread].load(Ordering::Relaxed))
    }

    fn begin_again(&mut self) {
        self.field.connections[self.thread].fetch_add(1, Ordering::Relaxed);
        self.client = self.field.server.client();
        self.privates = [Private::Spent; 2];
    }

    fn ask_batch(&mut self) {
        let batch = self.batch();
        let bytes: Vec<u8> = batch.iter().flat_map(Plan::requests).collect();
        let invoked = self.field.now();
        // In two pieces, so that the second may meet another slot map.
        let (first, second) = bytes.split_at(self.random.below(bytes.len()));
        let mut is_open = self.client.try_send(first).is_ok() && self.client.try_send(second).is_ok();
        for plan in &batch {
            let replies = if is_open { self.replies(plan.reply_count()) } else { None };
            is_open = replies.is_some();
            let (outcome, steps) = match replies {
                Some(replies) => plan.outcome(&replies),
                None => (Outcome::Unknown, plan.writes()),
            };
            self.note(invoked, outcome, steps, plan.form == Form::Exec);
        }
        if !is_open {
            self.begin_again();
        }
    }

    /// Sends requests, the last perhaps in part, and does not wait for what becomes of them.
    fn leave_in_the_middle(&mut self) {
        let batch = self.batch();
        let mut bytes: Vec<u8> = batch.iter().flat_map(Plan::requests).collect();
        if self.random.once_in(2) {
            bytes.truncate(self.random.below(bytes.len()));
        }
        let invoked = self.field.now();
        // Another client may have had the connection closed.
        let _ = self.client.try_send(&bytes);
        for plan in &batch {
            let is_aborted = matches!(plan.form, Form::Discarded | Form::Refused);
            let outcome = if is_aborted { Outcome::Aborted } else { Outcome::Unknown };
            self.note(invoked, outcome, plan.writes(), plan.form == Form::Exec);
        }
        self.begin_again();
    }

    /// Reads a list and appends to it and another, if it is still the same.
    fn append_watched(&mut self) {
        let (key, other) = (self.list(), self.list());
        let appends = Plan { form: Form::Exec, commands: vec![self.append(&key), self.append(&other)] };
        let invoked = self.field.now();
        let begin = [request(&["WATCH", &key]), request(&["GET", &key])].concat();
        let Some(replies) = self.exchange(&begin, 2) else {
            return self.begin_again();
        };
        let read = Step::Read { key, tokens: tokens(&replies[1]) };
        let read_at = self.field.now();
        let Some(replies) = self.exchange(&appends.requests(), appends.reply_count()) else {
            self.note(invoked, Outcome::Unknown, appends.writes(), true);
            return self.begin_again();
        };
        if replies.last() != Some(&Value::NullArray) {
            let (outcome, steps) = appends.outcome(&replies);
            let steps = std::iter::once(read).chain(steps).collect();
            return self.note(invoked, outcome, steps, true);
        }
        self.note_at([invoked, read_at], Outcome::Committed, vec![read], false);
        self.note(read_at, Outcome::Aborted, appends.writes(), true);
    }

    fn exchange(&mut self, bytes: &[u8], count: usize) -> Option<Vec<Value>> {
        self.client.try_send(bytes).ok()?;
        self.replies(count)
    }

    /// So many replies; `None` when the connection was closed before.
    fn replies(&mut self, count: usize) -> Option<Vec<Value>> {
        let replies: io::Result<Vec<_>> = (0..count).map(|_| self.client.try_read()).collect();
        match replies {
            Ok(replies) => Some(replies),
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe) => None,
            Err(error) => panic!("session {} got no reply: {error}", self.name()),
        }
    }

    fn note(&mut self, invoked: Time, outcome: Outcome, steps: Vec<Step>, is_gated: bool) {
        self.note_at([invoked, self.field.now()], outcome, steps, is_gated);
    }

    fn note_at(
        &mut self,
        [invoked, completed]: [Time; 2],
        outcome: Outcome,
        steps: Vec<Step>,
        is_gated: bool,
    ) {
        if !steps.is_empty() {
            let session = self.name();
            self.history.push(Transaction { session, invoked, completed, outcome, is_gated, steps });
        }
    }
}

/// What it asks for.
impl Session<'_> {
    fn batch(&mut self) -> Vec<Plan> {
        if self.random.once_in(8) {
            return self.run_on_one_list();
        }
        let count = if self.random.once_in(3) { 1 + self.random.below(BATCH_MAX) } else { 1 };
        (0..count).map(|_| self.plan()).collect()
    }

    /// Requests that must keep their order although the slot may move while they are under way.
    fn run_on_one_list(&mut self) -> Vec<Plan> {
        let (key, count) = (self.list(), 2 + self.random.below(RUN_MAX - 1));
        let command = |session: &mut Self| match session.random.once_in(3) {
            true => Command::Get { key: key.clone() },
            false => session.append(&key),
        };
        (0..count).map(|_| Plan::single(command(self))).collect()
    }

    fn plan(&mut self) -> Plan {
        let form = match self.random.below(100) {
            0..55 => return Plan::single(self.command()),
            55..62 => return Plan::single(self.disturbance()),
            62..92 => Form::Exec,
            92..96 => Form::Discarded,
            _ => Form::Refused,
        };
        let count = 1 + self.random.below(4);
        let commands = (0..count).map(|_| self.command()).collect();
        if form != Form::Exec {
            // What it names is not there, or has been named by what must not be seen.
            self.privates = [Private::Spent; 2];
        }
        Plan { form, commands }
    }

    fn command(&mut self) -> Command {
        match self.random.below(20) {
            0..6 => {
                let key = self.list();
                self.append(&key)
            }
            6..9 => Command::Get { key: self.list() },
            9..12 => {
                let count = 2 + self.random.below(3);
                Command::Mget { keys: (0..count).map(|_| self.list()).collect() }
            }
            12..15 => Command::See { keys: self.registers_of_all() },
            15..17 => self.mset(),
            17 => self.mset_privates(),
            _ => self.rename(),
        }
    }

    fn disturbance(&mut self) -> Command {
        match self.random.below(100) {
            0 => Command::Pause {
                mode: ["WRITE", "ALL"][self.random.below(2)],
                for_ms: 1 + self.random.below(20),
            },
            1 => Command::KillOthers,
            _ => {
                let key = match self.random.once_in(3) {
                    true => self.shared_register(),
                    false => self.list(),
                };
                Command::MoveSlot {
                    slot: slot_of(key.as_bytes()),
                    shard: self.random.below(self.field.shards),
                }
            }
        }
    }

    fn list(&mut self) -> String {
        self.field.list(self.random.number())
    }

    fn shared_register(&mut self) -> String {
        format!("q{}", self.random.below(SHARED_REGISTERS))
    }

    fn append(&mut self, key: &str) -> Command {
        Command::Append { key: key.to_owned(), token: self.field.token() }
    }

    fn private(&self, which: usize) -> String {
        format!("p.{}.{which}", self.name())
    }

    /// Some of the shared registers, and those that another session has for itself.
    fn registers_of_all(&mut self) -> Vec<String> {
        let thread = self.random.below(self.field.connections.len());
        let connection = self.field.connections[thread].load(Ordering::Relaxed);
        let shared = (0..SHARED_REGISTERS).map(|which| format!("q{which}"));
        let mut keys: Vec<_> =
            shared.chain((0..2).map(|which| format!("p.{thread}.{connection}.{which}"))).collect();
        keys.retain(|_| !self.random.once_in(3));
        match keys.is_empty() {
            true => vec![self.shared_register()],
            false => keys,
        }
    }

    fn mset(&mut self) -> Command {
        let value = self.field.token();
        let mut keys: Vec<_> = (0..SHARED_REGISTERS).map(|which| format!("q{which}")).collect();
        if self.random.once_in(3) {
            keys.remove(self.random.below(SHARED_REGISTERS));
        }
        Command::Mset { pairs: keys.into_iter().map(|key| (key, value)).collect() }
    }

    fn mset_privates(&mut self) -> Command {
        let values = [self.field.token(), self.field.token()];
        self.privates = values.map(Private::Fresh);
        Command::Mset { pairs: (0..2).map(|which| (self.private(which), values[which])).collect() }
    }

    /// Moves or copies a register of its own to a shared one, if there is something new in it.
    fn rename(&mut self) -> Command {
        let which = self.random.below(2);
        let Private::Fresh(value) = self.privates[which] else {
            return self.mset_privates();
        };
        self.privates[which] = Private::Spent;
        let (from, to) = (self.private(which), self.shared_register());
        match self.random.once_in(3) {
            true => Command::Copy { from, to, value },
            false => Command::Rename { from, to, value },
        }
    }
}

/// The text that a token has in a list is part of what sessions send and read.
#[test]
fn tokens_are_read_as_they_are_written() {
    let text: String = [1, 23, 9_999_999].map(token_text).concat();
    assert_eq!(tokens(&Value::Bulk(text.into_bytes())), [1, 23, 9_999_999]);
    assert_eq!(tokens(&Value::NullBulk), [0u32; 0]);
}
