//! Replies keep the order of requests, whatever the order in which shards answer. And a slot whose owner refuses to let go.

use bytes::Bytes;
use proptest::prelude::*;

use crate::cluster::SlotMap;
use crate::protocol::reply::{Mark, Resp};
use crate::protocol::{Out, Reply};
use crate::session::gather::{Finish, Gather};
use crate::session::order::{HELD_BYTES_MAX, Order, PLACES_MAX};
use crate::session::slot_move::SlotMove;
use crate::session::transaction::{Client, Compass, Context, Origin, Place, Progress};
use crate::shard::visit::{Agreed, Step, Ticket};
use crate::shard::{Hasher, Request};

/// A reply that tells which request it answers; every third one holds a shared block.
fn reply_of(request: usize, out: &mut Out) {
    let text = vec![b'a' + (request % 26) as u8; request % 50];
    let mut reply = Reply::new(out, Resp::Two);
    match request % 3 {
        0 => reply.shared_bulk(&Bytes::from(vec![b'a' + (request % 26) as u8; 20_000])),
        _ => reply.bulk(&text),
    }
}

/// What the client would read.
fn wire(out: &Out) -> Vec<u8> {
    let (mut bytes, mut from) = (Vec::new(), 0);
    for (at, block) in &out.shared {
        bytes.extend_from_slice(&out.bytes[from..*at]);
        bytes.extend_from_slice(block);
        from = *at;
    }
    bytes.extend_from_slice(&out.bytes[from..]);
    assert_eq!(bytes.len(), out.wire_bytes());
    bytes
}

proptest! {
    #[test]
    fn replies_come_in_the_order_of_requests(
        remote in proptest::collection::vec(any::<bool>(), 1..40),
        shuffle in any::<u64>(),
    ) {
        let (mut order, mut out, mut expected) = (Order::default(), Out::default(), Out::default());
        let mut outstanding = Vec::new();
        for (request, &is_remote) in remote.iter().enumerate() {
            reply_of(request, &mut expected);
            match is_remote || order.is_empty() {
                true => outstanding.push((order.wait(), request)),
                false => drop(order.hold(|out| reply_of(request, out))),
            }
        }
        let mut seed = shuffle;
        while !outstanding.is_empty() {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (sequence, request) = outstanding.swap_remove((seed >> 33) as usize % outstanding.len());
            // Replies of a batch stand one behind the other.
            let mut batch = Out::default();
            reply_of(request + 1, &mut batch);
            let from = batch.mark();
            reply_of(request, &mut batch);
            order.complete(sequence, 0, &batch, from, batch.mark(), &mut out);
        }
        prop_assert!(order.is_empty());
        prop_assert_eq!(wire(&out), wire(&expected));
    }
}

fn gathered(finish: Finish, resp: Resp, parts: &[&[u8]]) -> String {
    let (mut order, mut out) = (Order::default(), Out::default());
    let sequence = order.gather(Gather::new(finish, parts.len() as u16, resp));
    for part in parts {
        assert!(out.is_empty(), "no reply before the last part");
        let reply = Out { bytes: part.to_vec(), shared: Vec::new() };
        order.complete(sequence, 0, &reply, Mark::default(), reply.mark(), &mut out);
    }
    String::from_utf8(out.bytes).expect("text")
}

#[test]
fn parts_become_one_reply() {
    assert_eq!(gathered(Finish::Sum, Resp::Two, &[b":1\r\n", b":-3\r\n", b":40\r\n"]), ":38\r\n");
    assert_eq!(gathered(Finish::Same, Resp::Two, &[b"+OK\r\n", b"+OK\r\n"]), "+OK\r\n");
    assert_eq!(
        gathered(Finish::Sum, Resp::Two, &[b":1\r\n", b"-ERR no\r\n", b"-ERR later\r\n"]),
        "-ERR no\r\n"
    );
    assert_eq!(gathered(Finish::KilledOne, Resp::Two, &[b":0\r\n", b":1\r\n"]), "+OK\r\n");
    assert_eq!(gathered(Finish::KilledOne, Resp::Two, &[b":0\r\n", b":0\r\n"]), "-ERR No such client\r\n");
    let lines = |numbers: Option<Vec<u64>>| {
        gathered(Finish::Lines(numbers), Resp::Two, &[b"id=10 b\nid=2 a\n", b"id=3 c\n"])
    };
    assert_eq!(lines(None), "$22\r\nid=2 a\nid=3 c\nid=10 b\n\r\n");
    assert_eq!(lines(Some(vec![10, 0, 2, 4, 10])), "$23\r\nid=10 b\nid=2 a\nid=10 b\n\r\n");
}

#[test]
fn what_waits_is_bounded() {
    let mut order = Order::default();
    for _ in 0..PLACES_MAX {
        assert!(order.has_room());
        order.wait();
    }
    assert!(!order.has_room(), "places are bounded");
    let mut order = Order::default();
    order.wait();
    order.hold(|out| Reply::new(out, Resp::Two).bulk(&vec![b'x'; HELD_BYTES_MAX]));
    assert!(!order.has_room(), "held bytes are bounded");
}

/// What a client was replied.
struct Replies(Vec<Vec<u8>>);

impl Client for Replies {
    fn reserve(&mut self, place: Place) {
        match place {
            Place::Reply(reply) => self.0.push(reply),
            other => unreachable!("{other:?} is no reply"),
        }
    }

    fn run(&mut self, _: &Request, _: &mut Context) {
        unreachable!("a slot that moves runs nothing");
    }

    fn complete(&mut self, _: u32, _: u16, _: &Out, _: Mark, _: Mark) {
        unreachable!("a slot that moves runs nothing");
    }
}

#[test]
fn a_slot_stays_where_it_is_if_an_owner_cannot_write() {
    let (slots, hasher) = (SlotMap::even(2), Hasher::seeded(1));
    let compass = Compass { slots: &slots, hasher: &hasher, is_logged: true };
    let (ticket, mut replies) = (Ticket { home: 0, number: 1 }, Replies(Vec::new()));
    let origin = Origin { connection: 0, generation: 0, client: 1, first_place: 0, has_place: false };
    let mut slot_move = SlotMove::new(ticket, origin, 0, 1);
    assert_eq!(slot_move.begin(compass, &mut replies), Progress::Waiting);
    let mut asked = Vec::new();
    for agreed in [Agreed::Yes, Agreed::Refused] {
        let Some((shard, Step::Hold(mut visit))) = slot_move.posts.pop() else {
            unreachable!("one shard after the other is asked to hold");
        };
        asked.push(shard);
        visit.agreed = agreed;
        if agreed == Agreed::Refused {
            visit.replies.bytes.extend_from_slice(b"-MISCONF\r\n");
        }
        let progress = slot_move.take(visit, compass, &mut replies);
        assert_eq!(progress == Progress::Done, agreed == Agreed::Refused);
    }
    assert_eq!(asked, [0, 1]);
    assert!(matches!(slot_move.posts[..], [(0, Step::Release(released))] if released == ticket));
    assert_eq!(replies.0, [b"-MISCONF\r\n"]);
}
