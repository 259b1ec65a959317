//! Two cores in one thread, turned by hand: what happens when their slot maps differ.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::bridge::{Bridge, Identity};
use crate::cluster::SlotMap;
use crate::codec::rdb::Compression;
use crate::commands::call::{DebugAccess, Process};
use crate::commands::caller::Address;
use crate::commands::table::row_count;
use crate::commands::{Caller, Turn};
use crate::config::Config;
use crate::data_plane::core::{Core, Parts};
use crate::data_plane::loading::Load;
use crate::data_plane::mesh::meshes;
use crate::data_plane::monitor::WAITING_BYTES_MAX;
use crate::keyspace::{Hasher, Keyspace, Recency};
use crate::shard::Answer;
use crate::shard::visit::{Handover, Step, Ticket, Visit};
use crate::sys::waker::Waker;

/// Two cores of one server, without listeners.
fn two_cores() -> (Arc<Bridge>, Vec<Core>) {
    let wakers = (0..2).map(|_| Waker::new().expect("an event counter")).collect();
    let identity = Identity { started_at_us: 0, run_id: String::new(), replication_id: String::new() };
    let bridge = Arc::new(Bridge::new(Config::with_defaults(".".into()), wakers, row_count(), identity));
    let slots = SlotMap::even(2);
    let hasher = Hasher::seeded(1);
    let cores = meshes(&bridge, 2, slots.version).into_iter().enumerate().map(|(index, mesh)| {
        let keyspace = Keyspace::new(1, hasher.clone(), Recency::Lru);
        Core::new(Parts {
            index: index as u16,
            slots: slots.clone(),
            listeners: Vec::new(),
            mesh,
            bridge: bridge.clone(),
            load: Load { keyspace, log: None, first_transaction: 0 },
            awaited: None,
            hasher: hasher.clone(),
            turn: Turn {
                now_us: 0,
                databases: 1,
                string_bytes_max: 512 << 20,
                compression: Compression::On,
                password: None,
                process: Process { started_at_us: 0, shards: 2, debug_access: DebugAccess::Nobody },
            },
        })
        .expect("a ring")
    });
    (bridge.clone(), cores.collect())
}

#[test]
fn a_request_for_a_core_that_owns_the_slot_no_more_follows_the_new_map() {
    let (bridge, mut cores) = two_cores();
    let (mut client, server) = UnixStream::pair().expect("a pair of sockets");
    bridge.admit_client(1);
    cores[0].adopt(server.into(), Caller::new(1, Address::Unix, 0));
    for core in &mut cores {
        core.wait_for_wake();
    }
    // A wake that is due keeps a turn from waiting.
    let turn = |cores: &mut Vec<Core>, index: usize| {
        bridge.wakers[index].wake();
        cores[index].turn();
    };

    // By the first map `foo` belongs to core 1, `bar` to core 0.
    client.write_all(b"SET foo 1\r\nGET foo\r\nSET bar 2\r\n").expect("written");
    turn(&mut cores, 0);
    turn(&mut cores, 0);
    // The slot of `foo` moves to core 0 while the requests are on their way.
    let mut carry = |index: usize, handover: Handover| {
        let mut visit = Box::new(Visit::new(Ticket { home: 0, number: 0 }, index as u16));
        visit.handover = Some(handover);
        let turn = cores[index].turn;
        cores[index].shard.take(Step::Run(visit), &turn);
        match cores[index].shard.answers.pop_front() {
            Some(Answer::Visited(visit)) => visit.handover,
            _ => None,
        }
    };
    let Some(Handover::Taken { tables, map, .. }) = carry(1, Handover::Take { slot: 12_182, to: 0 }) else {
        panic!("the old owner gives the slot up");
    };
    carry(0, Handover::Put { slot: 12_182, tables, map });
    cores[0].follow_map();
    turn(&mut cores, 1);
    turn(&mut cores, 1);
    assert_eq!(
        cores[1].shard.keyspace.len(0),
        0,
        "a core that has lost a slot runs nothing that was sent before"
    );
    (0..4).for_each(|_| turn(&mut cores, 0));

    let mut replies = [0; 17];
    client.read_exact(&mut replies).expect("the replies are sent");
    assert_eq!(&replies, b"+OK\r\n$1\r\n1\r\n+OK\r\n");
    assert_eq!(cores[0].shard.keyspace.len(0), 2);
}

/// A core that is stuck takes nothing out of its queue: what another core would show its clients stays bounded.
#[test]
fn lines_for_a_core_that_does_not_take_them_are_left_out_beyond_a_bound() {
    const ARGUMENT_BYTES: usize = 60_000;
    let (bridge, mut cores) = two_cores();
    let (mut client, server) = UnixStream::pair().expect("a pair of sockets");
    client.set_nonblocking(true).expect("a socket can be");
    bridge.admit_client(1);
    cores[0].adopt(server.into(), Caller::new(1, Address::Unix, 0));
    cores[0].wait_for_wake();
    bridge.monitors.fetch_add(1, Ordering::Relaxed);
    bridge.counters[1].monitors.add(1);
    let request = format!("*2\r\n$4\r\nECHO\r\n${ARGUMENT_BYTES}\r\n{}\r\n", "x".repeat(ARGUMENT_BYTES));
    let mut reply = vec![0; 1 << 20];
    for _ in 0..2 * WAITING_BYTES_MAX / ARGUMENT_BYTES {
        client.write_all(request.as_bytes()).expect("it fits the socket");
        let mut missing = ARGUMENT_BYTES;
        while missing > 0 {
            bridge.wakers[0].wake();
            cores[0].turn();
            missing = missing.saturating_sub(client.read(&mut reply).unwrap_or(0));
        }
    }
    let waiting = cores[0].mesh.waiting_lines(1);
    assert!(
        (WAITING_BYTES_MAX..WAITING_BYTES_MAX + 2 * ARGUMENT_BYTES).contains(&waiting),
        "{waiting} bytes"
    );
}
