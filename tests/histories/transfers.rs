//! Money goes from account to account by several threads, watched or not, while others count it: none may get lost or be
//! made, at any time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{ScopedJoinHandle, scope};

use basalt::cluster::slot_of;

use super::common::random::Random;
use super::common::{Client, Launch, Server, Value, words};

const ACCOUNTS: usize = 12;
const BALANCE_AT_FIRST: i64 = 100;
const TRANSFERS: usize = 1500;
const TELLERS: usize = 4;
const READERS: usize = 2;

/// How often a transfer that was refused is tried again, at most.
const ATTEMPTS_MAX: usize = 10_000;

/// What a thread has done to each account.
type Ledger = [i64; ACCOUNTS];

fn account(which: usize) -> String {
    format!("account:{which}")
}

fn accounts() -> String {
    (0..ACCOUNTS).map(account).collect::<Vec<_>>().join(" ")
}

fn balance(reply: &Value) -> i64 {
    reply.string().parse().expect("a balance is a number")
}

fn balances(reply: &Value) -> Vec<i64> {
    reply.items().iter().map(balance).collect()
}

struct Teller<'a> {
    client: Client,
    random: Random,
    ledger: Ledger,
    refusals: &'a AtomicUsize,
}

impl<'a> Teller<'a> {
    fn new(server: &Server, seed: u64, refusals: &'a AtomicUsize) -> Self {
        let random = Random::from_seed(seed);
        Teller { client: server.client(), random, ledger: [0; ACCOUNTS], refusals }
    }

    fn run(mut self) -> Ledger {
        for _ in 0..TRANSFERS {
            let from = self.random.below(ACCOUNTS);
            let to = (from + 1 + self.random.below(ACCOUNTS - 1)) % ACCOUNTS;
            let moved = match self.random.below(5) {
                0 => self.transfer_unwatched(from, to),
                _ => self.transfer_watched(from, to),
            };
            self.ledger[from] -= moved;
            self.ledger[to] += moved;
        }
        self.ledger
    }

    /// Nothing is looked at before, so balances may fall below 0.
    fn transfer_unwatched(&mut self, from: usize, to: usize) -> i64 {
        let amount = 1 + self.random.below(3) as i64;
        let done = self.exec(&[
            format!("DECRBY {} {amount}", account(from)),
            format!("INCRBY {} {amount}", account(to)),
        ]);
        assert!(done, "EXEC is not refused when nothing is watched");
        amount
    }

    /// Moves what is there, or a part of it; how much was moved.
    fn transfer_watched(&mut self, from: usize, to: usize) -> i64 {
        let (source, target) = (account(from), account(to));
        for _ in 0..ATTEMPTS_MAX {
            let begin =
                [format!("WATCH {source} {target}"), format!("GET {source}"), format!("GET {target}")];
            let replies = self.ask_all(&begin);
            let (has, other) = (balance(&replies[1]), balance(&replies[2]));
            if has <= 0 {
                self.client.ask("UNWATCH");
                return 0;
            }
            let amount = 1 + self.random.below(has as usize) as i64;
            let commands = match self.random.once_in(2) {
                true => [format!("DECRBY {source} {amount}"), format!("INCRBY {target} {amount}")],
                false => {
                    [format!("SET {source} {}", has - amount), format!("SET {target} {}", other + amount)]
                }
            };
            if self.exec(&commands) {
                return amount;
            }
            self.refusals.fetch_add(1, Ordering::Relaxed);
        }
        panic!("a transfer was refused {ATTEMPTS_MAX} times");
    }

    /// Whether EXEC ran them.
    fn exec(&mut self, commands: &[String]) -> bool {
        let lines: Vec<_> =
            ["MULTI".to_owned()].into_iter().chain(commands.iter().cloned()).chain(["EXEC".into()]).collect();
        match self.ask_all(&lines).last() {
            Some(Value::NullArray) => false,
            Some(Value::Array(replies)) if replies.iter().all(|reply| !reply.is_error()) => true,
            other => panic!("{lines:?} was answered {other:?}"),
        }
    }

    fn ask_all(&mut self, lines: &[String]) -> Vec<Value> {
        self.client.send(&lines.iter().flat_map(|line| words(line)).collect::<Vec<_>>());
        lines.iter().map(|_| self.client.read()).collect()
    }
}

/// Counts all money, by one MGET and by one EXEC of GETs, until the last teller is done. How often.
fn count_money(mut client: Client, tellers_left: &AtomicUsize) -> usize {
    let gets: Vec<u8> = (0..ACCOUNTS).flat_map(|which| words(&format!("GET {}", account(which)))).collect();
    let exec = [words("MULTI"), gets, words("EXEC")].concat();
    let mut counted = 0;
    while tellers_left.load(Ordering::Relaxed) > 0 {
        let by_mget = balances(&client.ask(&format!("MGET {}", accounts())));
        client.send(&exec);
        let replies: Vec<_> = (0..ACCOUNTS + 2).map(|_| client.read()).collect();
        let by_exec = balances(replies.last().expect("EXEC is answered"));
        for balances in [by_mget, by_exec] {
            let sum: i64 = balances.iter().sum();
            assert_eq!(sum, ACCOUNTS as i64 * BALANCE_AT_FIRST, "{balances:?}");
        }
        counted += 1;
    }
    counted
}

fn move_slots(mut client: Client, mut random: Random, shards: usize, tellers_left: &AtomicUsize) -> usize {
    let mut moved = 0;
    while tellers_left.load(Ordering::Relaxed) > 0 {
        let slot = slot_of(account(random.below(ACCOUNTS)).as_bytes());
        let reply = client.ask(&format!("DEBUG MOVE-SLOT {slot} {}", random.below(shards)));
        assert_eq!(reply.string(), "OK");
        // A slot that always moves leaves no time for anything else.
        (0..10).for_each(|_| drop(client.ask("PING")));
        moved += 1;
    }
    moved
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slots {
    Stay,
    Move,
}

fn check(shards: usize, slots: Slots) {
    let (_, seed) = Random::printed();
    let server = Launch::basalt().shards(shards).with("enable-debug-command", "yes").start();
    let pairs: Vec<_> = (0..ACCOUNTS).map(|which| format!("{} {BALANCE_AT_FIRST}", account(which))).collect();
    assert_eq!(server.client().ask(&format!("MSET {}", pairs.join(" "))).string(), "OK");
    let (left, refusals) = (AtomicUsize::new(TELLERS), AtomicUsize::new(0));
    let ledgers: Vec<Ledger> = scope(|scope| {
        let tellers: Vec<_> = (0..TELLERS)
            .map(|which| {
                let teller = Teller::new(&server, seed.wrapping_add(which as u64 * 7919), &refusals);
                let leave = Leave(&left);
                scope.spawn(move || {
                    let _leave = leave;
                    teller.run()
                })
            })
            .collect();
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let client = server.client();
                scope.spawn(|| count_money(client, &left))
            })
            .collect();
        let mover = (slots == Slots::Move).then(|| {
            let (client, random) = (server.client(), Random::from_seed(seed));
            scope.spawn(|| move_slots(client, random, shards, &left))
        });
        let ledgers = tellers.into_iter().map(|teller| ended(teller, seed)).collect();
        let counted: usize = readers.into_iter().map(|reader| ended(reader, seed)).sum();
        let moved = mover.map_or(0, |mover| ended(mover, seed));
        println!("counted {counted} times, {} refusals, {moved} moves", refusals.load(Ordering::Relaxed));
        ledgers
    });
    let expected: Vec<i64> = (0..ACCOUNTS)
        .map(|which| BALANCE_AT_FIRST + ledgers.iter().map(|ledger| ledger[which]).sum::<i64>())
        .collect();
    let found = balances(&server.client().ask(&format!("MGET {}", accounts())));
    assert_eq!(found, expected, "replay with BASALT_SEED={seed}");
    assert!(refusals.into_inner() > 0, "tellers got in each other's way");
}

fn ended<T>(thread: ScopedJoinHandle<T>, seed: u64) -> T {
    thread.join().unwrap_or_else(|_| panic!("replay with BASALT_SEED={seed}"))
}

/// One teller less, also when it panics: the others must not wait for it.
struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn no_money_is_lost_between_shards() {
    check(4, Slots::Stay);
}

#[test]
fn no_money_is_lost_while_slots_move() {
    check(4, Slots::Move);
}
