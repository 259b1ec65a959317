//! Sends under injected refusals of the kernel: what one client is sent never reaches another.

use std::collections::HashMap;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use proptest::prelude::*;

use super::*;

/// Refuses or shortens submissions by a fixed pattern, and otherwise lets the kernel decide.
struct Faulty {
    pattern: Vec<u8>,
    at: usize,
    refused: usize,
}

impl Enter for Faulty {
    fn enter(&mut self, submitter: &Submitter, count: u32, wait: Wait) -> io::Result<usize> {
        self.at += 1;
        let code = match self.pattern[self.at % self.pattern.len()] {
            1 => libc::EBUSY,
            2 => libc::EINTR,
            3 => libc::EAGAIN,
            // Fewer entries are taken than were offered, as when memory runs out in the middle.
            4 => return Kernel.enter(submitter, count / 2, Wait::No),
            _ => return Kernel.enter(submitter, count, wait),
        };
        self.refused += 1;
        Err(io::Error::from_raw_os_error(code))
    }
}

struct Client {
    ours: UnixStream,
    theirs: UnixStream,
    expected: Vec<u8>,
    received: Vec<u8>,
    /// Bytes that the socket did not take, behind those of a send that is under way.
    waiting: Vec<u8>,
    is_sending: bool,
}

impl Client {
    fn new() -> Self {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        theirs.set_nonblocking(true).expect("not blocking");
        let (expected, received, waiting) = Default::default();
        Client { ours, theirs, expected, received, waiting, is_sending: false }
    }

    fn read(&mut self) {
        let mut buffer = [0; 65536];
        while let Ok(count) = self.theirs.read(&mut buffer) {
            self.received.extend_from_slice(&buffer[..count]);
        }
    }
}

/// Sends to all clients for some turns; those in `slow` read only at the end.
fn converse(pattern: Vec<u8>, sizes: &[usize], slow: usize) -> usize {
    let mut ring = Ring::new(Faulty { pattern, at: 0, refused: 0 }).expect("a ring");
    let mut clients: Vec<Client> = (0..8).map(|_| Client::new()).collect();
    for (turn, &size) in sizes.iter().enumerate() {
        let (mut arena, mut sends, mut ranges) = (Vec::new(), Vec::new(), HashMap::new());
        for (index, client) in clients.iter_mut().enumerate() {
            let message = vec![(index * 31 + turn) as u8; size + index];
            client.expected.extend_from_slice(&message);
            if !client.waiting.is_empty() || client.is_sending {
                client.waiting.extend_from_slice(&message);
                continue;
            }
            let start = arena.len() as u32;
            arena.extend_from_slice(&message);
            let end = arena.len() as u32;
            let token = Token::new(Operation::Send, 0, index as u32);
            sends.push(ArenaSend { socket: client.ours.as_raw_fd(), token, start, end });
            ranges.insert(index as u32, (start, end));
        }
        let completions = ring.turn(&arena, &sends, Wait::No);
        for completion in completions.iter().filter(|it| it.token.operation == Operation::Send) {
            let (start, end) = ranges[&completion.token.index];
            assert!(completion.result > 0 || completion.result == -libc::EAGAIN);
            let sent = completion.result.max(0) as u32;
            clients[completion.token.index as usize]
                .waiting
                .extend_from_slice(&arena[(start + sent) as usize..end as usize]);
        }
        // Whatever the kernel still read from here would now reach a client.
        arena.fill(b'!');
        settle(&mut ring, &mut clients, completions);
        clients.iter_mut().skip(slow).for_each(Client::read);
    }
    while clients.iter().any(|client| client.received.len() < client.expected.len()) {
        let completions = ring.turn(&[], &[], Wait::No);
        settle(&mut ring, &mut clients, completions);
        clients.iter_mut().for_each(Client::read);
    }
    for client in &clients {
        assert!(client.received == client.expected);
    }
    ring.enter.refused
}

/// Takes note of finished sends of owned bytes, and starts new ones.
fn settle(ring: &mut Ring<Faulty>, clients: &mut [Client], completions: Vec<Completion>) {
    for completion in completions {
        if completion.token.operation == Operation::SendOwned {
            let client = &mut clients[completion.token.index as usize];
            let Some(Owned::Parts(parts)) = completion.owned else {
                panic!("an owned send brings its bytes back");
            };
            let mut unsent = parts.concat().split_off(completion.result as usize);
            unsent.append(&mut client.waiting);
            client.waiting = unsent;
            client.is_sending = false;
        }
    }
    for (index, client) in clients.iter_mut().enumerate() {
        if !client.waiting.is_empty() && !client.is_sending {
            client.is_sending = true;
            let parts = vec![Bytes::from(std::mem::take(&mut client.waiting))];
            let token = Token::new(Operation::SendOwned, 0, index as u32);
            ring.send_owned(client.ours.as_raw_fd(), token, parts);
        }
    }
}

#[test]
fn refused_submissions_mix_nothing_up() {
    for code in [1, 2, 3, 4] {
        let refused = converse(vec![0, code, code, 0, code], &[100; 200], 0);
        assert!(code == 4 || refused > 100, "the refusals took place");
    }
}

#[test]
fn a_full_submission_queue_is_emptied_on_the_way() {
    let mut ring = Ring::new(Kernel).expect("a ring");
    let clients: Vec<Client> = (0..8).map(|_| Client::new()).collect();
    let arena = b"x".repeat(1600);
    let sends: Vec<ArenaSend> = (0..1600u32)
        .map(|at| ArenaSend {
            socket: clients[at as usize % 8].ours.as_raw_fd(),
            token: Token::new(Operation::Send, 0, at % 8),
            start: at,
            end: at + 1,
        })
        .collect();
    ring.turn(&arena, &sends, Wait::No);
    for mut client in clients {
        client.read();
        assert_eq!(client.received.len(), 1600 / 8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_client_gets_its_own_bytes(
        pattern in proptest::collection::vec(0u8..5, 1..12).prop_filter("some must pass", |it| it.contains(&0)),
        sizes in proptest::collection::vec(prop_oneof![1usize..200, 20_000usize..400_000], 1..12),
        slow in 0usize..8,
    ) {
        converse(pattern, &sizes, slow);
    }
}

proptest! {
    #[test]
    fn tokens_survive_packing(operation in 0u8..7, generation in 0..GENERATIONS, index: u32) {
        let packed = (operation as u64) << 56 | (generation as u64) << 32 | index as u64;
        let token = Token::unpack(packed);
        prop_assert_eq!(token.pack(), packed);
        prop_assert_eq!((token.generation, token.index), (generation, index));
    }
}
