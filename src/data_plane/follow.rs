//! What follows a slot that has moved: the new map, and requests that went to the old owner.

use crate::data_plane::core::Core;
use crate::data_plane::mesh::Address;
use crate::data_plane::transactions::{Errand, origin_of};
use crate::session::route::{Route, route};
use crate::session::transaction::{Context, Origin, Transaction};
use crate::shard::parcel::Parcel;
use crate::shard::{Lane, Request};

impl Core {
    /// Routes by the shard's map from now on. Whoever has requests out waits for them first, so that none of those that may
    /// come back is overtaken.
    pub(super) fn follow_map(&mut self) {
        if self.mesh.map_version == self.shard.slots.version {
            return;
        }
        self.mesh.map_version = self.shard.slots.version;
        for index in self.connections.indices() {
            if let Some(order) = self.connections.at(index).session.order()
                && !order.is_quiet()
            {
                order.is_outdated = true;
            }
        }
    }

    /// Lets the clock of the turn not fall behind what a transaction has run at.
    pub(super) fn catch_up(&mut self) {
        self.turn.now_us = self.turn.now_us.max(self.shard.clock_us);
    }

    /// Keeps a request that came back because its slot has moved, until all that its connection has out are back.
    pub(super) fn take_back(&mut self, address: Address, request: Parcel<u32>) {
        if let Some(connection) = self.connections.find(address.generation, address.connection) {
            connection.session.returned.get_or_insert_default().push(request);
            self.settle(address.connection);
        }
    }

    /// Sends the first of the requests that came back on, once all that are out are back: one after the other, in their order.
    pub(super) fn route_again(&mut self, index: u32) {
        let connection = self.connections.at(index);
        let order = connection.session.order().expect("requests that came back wait for their replies");
        let (out_count, first) = (order.out_count(), order.first_sequence());
        let Some(returned) = &mut connection.session.returned else {
            return;
        };
        if returned.len() < out_count {
            return;
        }
        returned.sort_by_key(|parcel| std::cmp::Reverse(parcel.entry(0).tag.wrapping_sub(first)));
        let parcel = returned.pop().expect("none are kept when none came back");
        if returned.is_empty() {
            connection.session.returned = None;
        }
        self.dispatch_again(index, &parcel);
    }

    fn dispatch_again(&mut self, index: u32, parcel: &Parcel<u32>) {
        let (request, sequence, home) = (parcel.request(0), parcel.entry(0).tag, self.shard.index);
        let connection = self.connections.at(index);
        let generation = connection.generation;
        let routed = route(request.command, &request.args, &self.shard.slots, &self.hasher, home);
        match routed.route {
            Route::One(shard) if shard == home => {
                let lane = Lane { core: home, connection: index, generation };
                self.pauses.late_count += 1;
                self.shard.wait(&request, lane, sequence, self.shard.slots.version);
                self.shard.run_waiting(&self.turn);
                self.catch_up();
            }
            Route::One(shard) => {
                let address = Address { connection: index, generation, sequence };
                self.mesh.batch(shard).requests.push(&request, address);
            }
            Route::Transaction => {
                let origin =
                    Origin { first_place: sequence, has_place: true, ..origin_of(index, connection) };
                // As it was sent: SELECT may have come behind it.
                let Request { database, resp, no_touch, .. } = request;
                let context = Context { database, resp, no_touch };
                let (spare, ticket) = (self.spare_transactions.pop(), self.next_ticket());
                let transaction = Transaction::command(spare, ticket, origin, &request, context);
                self.start(Errand::Transaction(transaction));
            }
            Route::Session | Route::Every => unreachable!("such requests went to no single shard"),
        }
    }
}
