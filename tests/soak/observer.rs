//! Watches the server during a run, and compares its rests with its start.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::common::{Client, Server};
use super::field::Field;

/// All values of two databases, some of them as long as they may be, and tables.
const USED_BYTES_MAX: u64 = 480 << 20;

/// What the server may keep of all it had after a rest: caches of the allocator, pools of buffers, tables of databases, and the
/// histograms of all commands on all shards, which are 6.5 KiB each.
const USED_KEPT_MAX: u64 = 16 << 20;
const RESIDENT_KEPT_MAX: u64 = 32 << 20;

/// By how much that may differ from rest to rest, however long clients were there in between.
const USED_GROWTH_MAX: u64 = 4 << 20;
const RESIDENT_GROWTH_MAX: u64 = 8 << 20;

/// So many equal looks in a row, 50 ms apart, are taken for rest.
const QUIET_LOOKS: usize = 20;

const PROGRESS_EVERY: Duration = Duration::from_secs(60);

/// Clients, memory and files go away soon after the last client has left.
const END_WAIT: Duration = Duration::from_secs(30);

/// Totals of INFO that never fall.
const GROWING: &[&str] = &[
    "total_connections_received",
    "total_commands_processed",
    "total_net_input_bytes",
    "total_net_output_bytes",
    "expired_keys",
    "keyspace_hits",
    "keyspace_misses",
    "total_error_replies",
    "uptime_in_seconds",
];

/// The figures of a server that nobody uses.
#[derive(Clone, Copy, Debug)]
struct Standing {
    used_bytes: u64,
    resident_bytes: u64,
    keys: u64,
    clients: u64,
    descriptors: u64,
    threads: u64,
}

impl Standing {
    /// Whether nothing is left but what may be kept.
    fn is_as(&self, first: &Standing) -> bool {
        let counts =
            |standing: &Standing| (standing.keys, standing.clients, standing.descriptors, standing.threads);
        counts(self) == counts(first)
            && self.used_bytes <= first.used_bytes + USED_KEPT_MAX
            && self.resident_bytes <= first.resident_bytes + RESIDENT_KEPT_MAX
    }
}

type Figure = fn(&Standing) -> u64;

pub struct Observer<'a> {
    server: &'a Server,
    field: &'a Field,
    client: Client,
    /// At the start, and after each part.
    rests: Vec<Standing>,
    most: Standing,
    next_progress: Duration,
    growing: BTreeMap<&'static str, u64>,
}

impl<'a> Observer<'a> {
    pub fn start(server: &'a Server, field: &'a Field) -> Self {
        let mut client = server.client();
        let first = quiet(server, &mut client);
        Observer {
            server,
            field,
            client,
            rests: vec![first],
            most: first,
            next_progress: PROGRESS_EVERY,
            growing: BTreeMap::new(),
        }
    }

    /// Takes the figures of this moment, which must be possible.
    pub fn look(&mut self) {
        let info = info(&mut self.client);
        let number =
            |name: &str| info.get(name).copied().unwrap_or_else(|| panic!("INFO has no number {name}"));
        for name in GROWING {
            let before = self.growing.insert(name, number(name)).unwrap_or(0);
            assert!(number(name) >= before, "{name} fell from {before} to {}", number(name));
        }
        let now = standing(self.server, &info);
        assert!(now.used_bytes < USED_BYTES_MAX, "{} MiB are used", now.used_bytes >> 20);
        self.most.used_bytes = self.most.used_bytes.max(now.used_bytes);
        self.most.resident_bytes = self.most.resident_bytes.max(now.resident_bytes);
        self.most.keys = self.most.keys.max(now.keys);
        self.most.clients = self.most.clients.max(now.clients);
        self.most.descriptors = self.most.descriptors.max(now.descriptors);
        self.most.threads = self.most.threads.max(now.threads);
        if self.field.elapsed() >= self.next_progress {
            self.next_progress += PROGRESS_EVERY;
            println!("{}", self.progress(&now));
        }
    }

    /// One line for whoever waits.
    fn progress(&self, now: &Standing) -> String {
        let totals = &self.field.totals;
        format!(
            "{:5.1} min {:>11} requests {:>8} connections {:>6} killed {:>4} MiB used {:>4} resident {:>6} keys \
             {:>4} clients {:>4} files",
            self.field.elapsed().as_secs_f64() / 60.0,
            number(&totals.requests),
            number(&totals.connections),
            number(&totals.lost),
            now.used_bytes >> 20,
            now.resident_bytes >> 20,
            now.keys,
            now.clients,
            now.descriptors,
        )
    }

    /// All clients have left: the server must see it, and have nothing left when all keys are gone too.
    pub fn rest(&mut self) {
        self.look();
        let alone = settled(self.server, &mut self.client, |standing| standing.clients == 1);
        assert!(alone.clients == 1, "clients that left are still connected: {alone:?}");
        assert!(!self.client.ask("FLUSHALL").is_error());
        let first = self.rests[0];
        let rest = settled(self.server, &mut self.client, |standing| standing.is_as(&first));
        self.rests.push(rest);
        assert!(rest.is_as(&first), "something is left:\n{}", self.table());
    }

    /// Shows the figures, and compares those of all rests.
    pub fn check(&self) {
        println!("{}", self.table());
        let [_, short, long] = self.rests[..] else {
            panic!("a short part and a long one");
        };
        let grown = long.used_bytes.saturating_sub(short.used_bytes);
        assert!(grown <= USED_GROWTH_MAX, "{grown} bytes more are used after the long part");
        let grown = long.resident_bytes.saturating_sub(short.resident_bytes);
        assert!(grown <= RESIDENT_GROWTH_MAX, "{grown} bytes more are resident after the long part");
        self.check_totals();
    }

    fn check_totals(&self) {
        let totals = &self.field.totals;
        let (lost, kills) = (number(&totals.lost), number(&totals.kills));
        assert!(lost <= kills, "{lost} connections were lost and {kills} killed");
        for name in GROWING {
            assert!(self.growing[name] > 0, "{name} has not moved");
        }
        let log = self.server.log();
        let wrong: Vec<_> =
            log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked")).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    fn table(&self) -> String {
        let mut text =
            format!("{:<30} {:>12} {:>12} {:>12} {:>12}\n", "", "start", "most", "short rest", "long rest");
        let figures: [(&str, Figure); 6] = [
            ("used_memory", |standing| standing.used_bytes),
            ("resident bytes", |standing| standing.resident_bytes),
            ("keys", |standing| standing.keys),
            ("connected_clients", |standing| standing.clients),
            ("open files", |standing| standing.descriptors),
            ("threads", |standing| standing.threads),
        ];
        for (name, figure) in figures {
            text += &format!("{name:<30} {:>12} {:>12}", figure(&self.rests[0]), figure(&self.most));
            text += &self.rests[1..].iter().map(|rest| format!(" {:>12}", figure(rest))).collect::<String>();
            text += "\n";
        }
        let totals = &self.field.totals;
        let counted = [
            ("requests", &totals.requests),
            ("connections", &totals.connections),
            ("left midway", &totals.left_midway),
            ("kills", &totals.kills),
            ("killed while working", &totals.lost),
            ("pauses", &totals.pauses),
            ("slots moved", &totals.moves),
            ("flushes", &totals.flushes),
        ];
        let counted = counted.map(|(name, total)| (name, number(total)));
        for (name, total) in
            counted.into_iter().chain(self.growing.iter().map(|(name, total)| (*name, *total)))
        {
            text += &format!("{name:<30} {total:>12}\n");
        }
        text
    }
}

fn number(total: &AtomicU64) -> u64 {
    total.load(Ordering::Relaxed)
}

/// The standing once nothing changes: the last thread of a server may start after its first reply.
fn quiet(server: &Server, client: &mut Client) -> Standing {
    let mut same = 0;
    let mut last = standing(server, &info(client));
    let counts = |standing: &Standing| (standing.clients, standing.descriptors, standing.threads);
    settled(server, client, |now| {
        same = if counts(now) == counts(&last) { same + 1 } else { 0 };
        last = *now;
        same >= QUIET_LOOKS && now.clients == 1
    })
}

/// The standing when it `is_right`, or after the wait as it is then.
fn settled(server: &Server, client: &mut Client, mut is_right: impl FnMut(&Standing) -> bool) -> Standing {
    let deadline = Instant::now() + END_WAIT;
    loop {
        let standing = standing(server, &info(client));
        if is_right(&standing) || Instant::now() >= deadline {
            return standing;
        }
        sleep(Duration::from_millis(50));
    }
}

fn standing(server: &Server, info: &BTreeMap<String, u64>) -> Standing {
    let entries = |name: &str| {
        let path = format!("/proc/{}/{name}", server.process_id());
        fs::read_dir(path).expect("the server runs").count() as u64
    };
    Standing {
        used_bytes: info["used_memory"],
        resident_bytes: server.resident_bytes(),
        keys: info.get("keys").copied().unwrap_or(0),
        clients: info["connected_clients"],
        descriptors: entries("fd"),
        threads: entries("task"),
    }
}

/// The fields of INFO that are numbers, and `keys` of all databases.
fn info(client: &mut Client) -> BTreeMap<String, u64> {
    let text = client.ask("INFO").string();
    let mut numbers = BTreeMap::from([("keys".to_owned(), 0)]);
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        match value.trim().parse() {
            Ok(number) => drop(numbers.insert(name.to_owned(), number)),
            Err(_) => *numbers.get_mut("keys").expect("it is there") += keys_of(value),
        }
    }
    numbers
}

/// The keys in `keys=3,expires=1,avg_ttl=0`.
fn keys_of(line: &str) -> u64 {
    let count = line.strip_prefix("keys=").and_then(|rest| rest.split(',').next());
    count.map_or(0, |count| count.parse().expect("a number of keys"))
}
