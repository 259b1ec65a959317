//! One run: cores, the queues between them, and clients, step after step, all from one seed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use basalt::cluster::slot_of;
use basalt::codec::rdb::Compression;
use basalt::commands::call::{DebugAccess, Process};
use basalt::commands::caller::Address;
use basalt::commands::{Caller, Turn, resolve};
use basalt::protocol::{Out, Resp};
use basalt::session::Session;
use basalt::shard::Request;

use super::common::Value;
use super::common::random::Random;
use super::compaction::Compaction;
use super::connection::{Line, Received};
use super::core::{Core, take_reply};
use super::disk::SimulatedDisk;
use super::generate::{self, DATABASES, Generator};
use super::history::{History, Part, Recorder};
use super::keeper::Keeper;
use super::machine::Machine;
use super::mesh::Network;
use super::shape::{Durability, Shape, happens};

/// What the clocks show when a run begins.
const START_US: u64 = 1_700_000_000_000_000;
/// A run that takes more steps than this for each request stands still.
const STEPS_PER_REQUEST: usize = 20_000;
/// Expired keys are looked for once in so many turns, for which a core wakes up.
const EXPIRY_ODDS: usize = 8;
/// How long bytes of a client travel at most.
const CLIENT_DELAY_US: usize = 500;
/// The client that looks at all keys in the end.
const LAST_CLIENT: u32 = u32::MAX;

pub struct World {
    pub shape: Shape,
    pub random: Random,
    pub cores: Vec<Core>,
    pub clocks: Vec<Clock>,
    pub clients: Vec<ClientEnd>,
    pub network: Rc<RefCell<Network>>,
    pub recorder: Recorder,
    pub turn: Turn,
    pub now_us: u64,
    pub requests_left: usize,
    next_client: u32,
    pub machine: Option<Machine>,
    pub keeper: Option<Keeper>,
    pub compaction: Option<Compaction>,
    /// The number of the run, if there is a log.
    pub run: u64,
    pub is_full: bool,
    /// No more deaths will follow.
    is_last_life: bool,
}

/// How one core experiences time.
#[derive(Default)]
pub struct Clock {
    pub skew_us: u64,
    pub last_turn_us: u64,
    pub sleeps_for: usize,
    /// When it was last looked after, and for how long it was not at most.
    pub awake_us: u64,
    pub longest_gap_us: u64,
}

/// The far end of a connection.
pub struct ClientEnd {
    number: u32,
    core: usize,
    index: u32,
    generation: u32,
    unanswered: VecDeque<usize>,
    stream: Vec<u8>,
    generator: Generator,
    last_arrival_us: u64,
    /// It may send more.
    sends: bool,
    /// It reads, as long as the connection is there.
    reads: bool,
}

impl World {
    pub fn new(shape: Shape, mut random: Random) -> Self {
        let process =
            Process { started_at_us: START_US, shards: shape.shards, debug_access: DebugAccess::Nobody };
        let turn = Turn {
            now_us: START_US,
            databases: DATABASES,
            string_bytes_max: 1 << 20,
            compression: Compression::On,
            password: None,
            process,
        };
        let machine = shape.durability.map(|durability| Machine {
            disk: Arc::new(SimulatedDisk::new(random.number())),
            flaw: durability.flaw,
        });
        World {
            shape,
            cores: Vec::new(),
            clocks: Vec::new(),
            clients: Vec::new(),
            network: Network::shared(0, 0, random.split()),
            recorder: Recorder::default(),
            turn,
            now_us: START_US,
            requests_left: 0,
            next_client: 1,
            machine,
            keeper: None,
            compaction: None,
            run: 0,
            is_full: false,
            is_last_life: false,
            random,
        }
    }

    /// Runs to the end, and gives what happened.
    pub fn run(mut self) -> Result<History, String> {
        self.live_all().map_err(|reason| format!("{}{reason}", self.describe()))?;
        let skew_ms = self.shape.skew_ms_max();
        Ok(self.recorder.finish(skew_ms))
    }

    fn live_all(&mut self) -> Result<(), String> {
        let lives = self.shape.durability.map_or(1, |durability| durability.lives);
        self.begin()?;
        for _ in 1..lives {
            self.requests_left = self.shape.requests / lives;
            self.live_dangerously();
            self.start_again()?;
            self.look_at_keys();
        }
        self.is_last_life = true;
        self.requests_left = self.shape.requests.div_ceil(lives);
        if let Some(machine) = &self.machine {
            machine.disk.crash_after(None);
        }
        self.live_to_the_end();
        Ok(())
    }

    fn live_to_the_end(&mut self) {
        let steps_max = self.requests_left * STEPS_PER_REQUEST;
        let mut steps = 0;
        while self.requests_left > 0 || !self.is_quiet() {
            self.step();
            steps += 1;
            assert!(steps < steps_max, "nothing goes on any more:\n{}", self.describe());
        }
        self.look_at_keys();
        for client in 0..self.clients.len() {
            self.disconnect(client);
        }
        // Everybody is gone when the last connections are forgotten and their last messages have arrived.
        while !self.is_at_rest() {
            self.step();
            steps += 1;
            assert!(steps < 2 * steps_max, "something is left when all are gone:\n{}", self.describe());
        }
    }

    pub fn is_quiet(&self) -> bool {
        self.network.borrow().is_empty()
            && self.cores.iter().all(Core::is_idle)
            && self.keeper.as_ref().is_none_or(|keeper| keeper.is_idle(&self.cores))
            && self.clients.iter().all(|client| !client.reads || client.unanswered.is_empty())
    }

    fn is_at_rest(&self) -> bool {
        let has_left = |core: &Core| core.connections.iter().next().is_none() && core.shard.is_at_rest();
        self.is_quiet() && self.cores.iter().all(has_left)
    }

    pub fn step(&mut self) {
        self.now_us += self.random.below(self.shape.step_us_max) as u64;
        self.network.borrow_mut().now_us = self.now_us;
        if let Some(durability) = self.shape.durability {
            self.let_disk_work(&durability);
        }
        match self.random.below(3) {
            0 => self.let_client_act(),
            _ => self.let_core_turn(),
        }
    }

    /// What the kernel, the keeper and bad luck do meanwhile.
    fn let_disk_work(&mut self, durability: &Durability) {
        let disk = &self.machine.as_ref().expect("there is a disk").disk;
        let needs_room = self.requests_left == 0 && self.is_last_life;
        if self.is_full && (needs_room || happens(&mut self.random, durability.trouble_odds)) {
            self.is_full = false;
            disk.fill_up_at(usize::MAX);
        } else if !needs_room && happens(&mut self.random, durability.trouble_odds) {
            // What has failed to be synced is never trusted again, so the last life would have no end.
            match self.is_last_life || self.random.once_in(2) {
                true => {
                    self.is_full = true;
                    disk.fill_up_at(disk.used_bytes() + self.random.below(2_000));
                }
                false => disk.fail_next(1 + self.random.below(3)),
            }
        }
        if self.random.once_in(durability.kernel_odds) {
            let which = self.random.below(self.cores.len());
            let log = self.cores[which].log.as_mut().expect("there are logs");
            log.let_kernel_work(&mut self.random);
        }
        let may_compact = self.requests_left > 0 || self.compaction.is_some();
        if may_compact && happens(&mut self.random, durability.compaction_odds) {
            self.let_compaction_work();
        }
        if self.random.once_in(4) {
            self.keeper.as_mut().expect("there are logs").work(&mut self.cores);
        }
    }

    fn let_core_turn(&mut self) {
        let which = self.random.below(self.cores.len());
        let clock = &mut self.clocks[which];
        if clock.sleeps_for > 0 {
            clock.sleeps_for -= 1;
            return;
        }
        if self.shape.sleep_steps_max > 0 && self.random.once_in(10) {
            clock.sleeps_for = self.random.below(self.shape.sleep_steps_max);
        }
        clock.longest_gap_us = clock.longest_gap_us.max(self.now_us - clock.awake_us);
        clock.awake_us = self.now_us;
        let skew_us = clock.skew_us;
        let expires = self.random.once_in(EXPIRY_ODDS) && self.cores[which].has_deadlines();
        if !expires && !self.cores[which].is_awake(self.now_us) {
            return;
        }
        // What clients have sent was there when the turn began; messages come later.
        let lasted_us = self.random.below(self.shape.turn_us_max + 1) as u64;
        let began_us = clock.last_turn_us.max(self.now_us - lasted_us);
        clock.last_turn_us = began_us;
        self.cores[which].instant_us = self.now_us;
        self.cores[which].turn(began_us, skew_us, expires);
        let mut sent = Vec::new();
        self.cores[which].sent_replies(|client, bytes| sent.push((client, bytes.to_vec())));
        for (number, bytes) in sent {
            let client = self.clients.iter_mut().find(|client| client.number == number);
            if let Some(client) = client.filter(|client| client.reads) {
                client.read(&bytes, &self.recorder);
            }
        }
        for client in self.clients.iter_mut().filter(|client| client.core == which) {
            let is_there = self.cores[which].connections.find(client.generation, client.index).is_some();
            client.sends &= is_there;
            client.reads &= is_there;
        }
    }

    fn let_client_act(&mut self) {
        let which = self.random.below(self.clients.len());
        if self.requests_left == 0 {
            return;
        }
        if !self.clients[which].reads {
            self.clients.swap_remove(which);
            return self.connect();
        }
        if !self.clients[which].sends {
            return;
        }
        if happens(&mut self.random, self.shape.disconnect_odds) {
            return self.disconnect(which);
        }
        let room = self.shape.pipeline_max.saturating_sub(self.clients[which].unanswered.len());
        let count = (1 + self.random.below(self.shape.burst_max)).min(room).min(self.requests_left);
        self.requests_left -= count;
        let arrival_us = self.arrival_us(which);
        for _ in 0..count {
            let client = &mut self.clients[which];
            let words = client.generator.request(&mut self.random);
            let operation = self.recorder.send(client.number, words.clone());
            client.unanswered.push_back(operation);
            self.deliver(which, arrival_us, Received::Request(Rc::new(Line::new(operation, &words))));
        }
    }

    fn arrival_us(&mut self, which: usize) -> u64 {
        let client = &mut self.clients[which];
        let arrival_us = self.now_us + self.random.below(CLIENT_DELAY_US) as u64;
        client.last_arrival_us = client.last_arrival_us.max(arrival_us);
        client.last_arrival_us
    }

    fn deliver(&mut self, which: usize, arrival_us: u64, received: Received) {
        let ClientEnd { core, generation, index, .. } = self.clients[which];
        if let Some(connection) = self.cores[core].connections.find(generation, index) {
            connection.arriving.push_back((arrival_us, received));
        }
    }

    pub fn connect(&mut self) {
        let core = self.random.below(self.cores.len());
        let number = self.next_client;
        self.next_client += 1;
        let session = Session::new(Caller::new(number.into(), Address::Unix, self.now_us));
        let connections = &mut self.cores[core].connections;
        let index = connections.insert(session, number);
        self.clients.push(ClientEnd {
            number,
            core,
            index,
            generation: connections.at(index).generation,
            unanswered: VecDeque::new(),
            stream: Vec::new(),
            generator: Generator::new(self.shape, number),
            last_arrival_us: 0,
            sends: true,
            reads: true,
        });
    }

    /// Ends a connection, in one of two ways: nobody listens any more, or the client waits for its last replies.
    fn disconnect(&mut self, which: usize) {
        let arrival_us = self.arrival_us(which);
        let is_polite = self.random.once_in(3);
        self.clients[which].sends = false;
        self.clients[which].reads &= is_polite;
        self.deliver(which, arrival_us, if is_polite { Received::End } else { Received::Broken });
    }

    /// Records what all keys hold, as if a client had asked for it.
    fn look_at_keys(&mut self) {
        for database in 0..DATABASES {
            let select = self.recorder.send(LAST_CLIENT, vec!["SELECT".into(), database.to_string()]);
            self.recorder.answer(select, Value::Simple(b"OK".to_vec()));
            for key in generate::keys() {
                let owner = self.cores[0].shard.slots.owner(slot_of(key.as_bytes()));
                let operation = self.recorder.send(LAST_CLIENT, vec!["GET".into(), key.to_string()]);
                let (reply, now_us) = self.ask(owner, operation, &["GET", key], database);
                self.recorder.run(operation, now_us, Part::Whole);
                self.recorder.answer(operation, Value::parse(&reply).expect("a reply").0);
            }
            let operation = self.recorder.send(LAST_CLIENT, vec!["DBSIZE".into()]);
            let mut sum = 0;
            for shard in 0..self.shape.shards {
                let (reply, now_us) = self.ask(shard, operation, &["DBSIZE"], database);
                sum += Value::parse(&reply).expect("a reply").0.integer();
                let part = self.cores[usize::from(shard)].part(&reply);
                self.recorder.run(operation, now_us, part);
            }
            self.recorder.answer(operation, Value::Integer(sum));
        }
    }

    fn ask(&mut self, shard: u16, operation: usize, words: &[&str], database: u8) -> (Vec<u8>, u64) {
        let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        let line = Line::new(operation, &words);
        let args = line.args();
        let command = resolve(&args).ok().expect("a known command");
        let core = &mut self.cores[usize::from(shard)];
        let bytes = command.first_key(args);
        let key = core.hasher.key(bytes, slot_of(bytes));
        let request = Request { command, args, key, database, resp: Resp::Two, no_touch: false };
        let now_us = (self.now_us + self.clocks[usize::from(shard)].skew_us).max(core.shard.clock_us);
        let mut reply = Out::default();
        core.shard.execute(&request, &Turn { now_us, ..core.turn }, &mut reply);
        (reply.bytes, now_us)
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        for core in &self.cores {
            text += &format!(
                "core {}: idle {}, shard at rest {}, {} errands, {} late, connections:\n",
                core.shard.index,
                core.is_idle(),
                core.shard.is_at_rest(),
                core.errands.len(),
                core.late_count
            );
            if let Some(log) = &core.log {
                text += &format!("  log: {}\n", log.describe(&core.shard));
            }
            for connection in core.connections.iter() {
                text += &format!(
                    "  client {}: {:?}, {:?}, settled {}, in transaction {}, {} unread, {} waiting up to {}\n",
                    connection.client,
                    connection.stall,
                    connection.closing,
                    connection.session.is_settled(),
                    connection.session.in_transaction,
                    connection.inbox.len(),
                    connection.outbox.len(),
                    connection.gate
                );
            }
        }
        for operation in &self.recorder.finish(0).operations {
            text += &format!("{operation}\n");
        }
        text
    }
}

impl ClientEnd {
    fn read(&mut self, bytes: &[u8], recorder: &Recorder) {
        self.stream.extend_from_slice(bytes);
        while let Some(value) = take_reply(&mut self.stream) {
            let operation = self.unanswered.pop_front().expect("nobody is told what he has not asked");
            recorder.answer(operation, value);
        }
    }
}
