//! WAIT: clients that wait for replicas, of which there are none yet, until their time is over.

use std::time::{Duration, Instant};

use crate::data_plane::connection::Stall;
use crate::data_plane::core::Core;
use crate::protocol::Out;

/// A client that waits; one at most for each connection.
pub struct ReplicaWait {
    connection: u32,
    generation: u32,
    sequence: u32,
    /// `None` is never.
    until: Option<Instant>,
}

impl Core {
    pub(super) fn wait_for_replicas(&mut self, index: u32, wanted: i64, for_ms: u64) {
        // Nothing waits inside a transaction.
        if wanted <= 0 || self.connections.at(index).session.in_transaction {
            return self.answer_with(index, |reply| reply.integer(0));
        }
        let until = match for_ms {
            0 => None,
            _ => Instant::now().checked_add(Duration::from_millis(for_ms)),
        };
        let connection = self.connections.at(index);
        let generation = connection.generation;
        let sequence = connection.session.order_mut(&mut self.spare_orders).wait();
        connection.stall = Stall::Waits;
        self.replica_waits.push(ReplicaWait { connection: index, generation, sequence, until });
    }

    /// When the next of them is to be answered.
    pub(super) fn next_replica_wait(&self) -> Option<Instant> {
        self.replica_waits.iter().filter_map(|wait| wait.until).min()
    }

    /// Answers those whose time is over.
    pub(super) fn answer_replica_waits(&mut self) {
        if self.next_replica_wait().is_none_or(|until| until > Instant::now()) {
            return;
        }
        let now = Instant::now();
        let is_over = |wait: &mut ReplicaWait| wait.until.is_some_and(|until| until <= now);
        let over: Vec<_> = self.replica_waits.extract_if(.., is_over).collect();
        for ReplicaWait { connection, generation, sequence, .. } in over {
            if self.connections.find(generation, connection).is_some() {
                let reply = Out { bytes: b":0\r\n".to_vec(), shared: Vec::new() };
                self.complete_reply(connection, sequence, self.shard.index, &reply);
            }
        }
    }

    /// Forgets the wait of a connection that ends; tells whether it had one.
    pub(super) fn stop_waiting_for_replicas(&mut self, index: u32) -> bool {
        let count = self.replica_waits.len();
        self.replica_waits.retain(|wait| wait.connection != index);
        self.replica_waits.len() < count
    }
}
