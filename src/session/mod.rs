//! One client as a state machine: its attributes, and the order of its replies.

pub mod gather;
pub mod multi;
pub mod order;
pub mod route;
pub mod slot_move;
pub mod snapshot;

pub mod transaction;

use crate::commands::Caller;
use crate::session::multi::Multi;
use crate::session::order::{Mute, Order};
use crate::shard::parcel::Parcel;

/// How many unused orders a core keeps.
const SPARE_ORDERS_MAX: usize = 1024;

/// Whether the requests of a client run as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Free,
    /// They wait for EXEC.
    Queueing,
    /// Nearly all are refused: it has yet to log in. It may be queueing all the same.
    Stranger {
        is_queueing: bool,
    },
    /// What needs the data is refused: that is still being read. It may be queueing all the same.
    Early {
        is_queueing: bool,
    },
    /// It is shown all requests, and may touch no key. It may be queueing all the same.
    Watcher {
        is_queueing: bool,
    },
}

/// One client. Knows nothing of sockets.
pub struct Session {
    pub caller: Caller,
    /// Replies that are still out; `None` when there are none, which is nearly always.
    order: Option<Box<Order>>,
    /// What is queued since MULTI.
    pub multi: Option<Box<Multi>>,
    /// The shards at which the client watches keys.
    pub watching: Option<Box<Vec<u16>>>,
    /// A transaction of the client is under way: nothing else is dispatched.
    pub in_transaction: bool,
    /// Requests that came back because their slot has moved, to be sent on in their order once all are back.
    pub returned: Option<Box<Vec<Parcel<u32>>>>,
}

impl Session {
    pub fn new(caller: Caller) -> Self {
        Session { caller, order: None, multi: None, watching: None, in_transaction: false, returned: None }
    }

    #[inline]
    pub fn standing(&self) -> Standing {
        let Caller { must_log_in, is_early, is_monitor, .. } = self.caller;
        match (must_log_in | is_early | is_monitor, self.multi.is_some()) {
            (false, false) => Standing::Free,
            (false, true) => Standing::Queueing,
            (true, is_queueing) if must_log_in => Standing::Stranger { is_queueing },
            (true, is_queueing) if is_early => Standing::Early { is_queueing },
            (true, is_queueing) => Standing::Watcher { is_queueing },
        }
    }

    /// Whether every request was answered, so that a reply may go out as soon as it is made.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.order.is_none()
    }

    /// Whether every request was answered, although the answers may not have been given out yet.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        !self.in_transaction && self.order.as_ref().is_none_or(|order| order.is_quiet())
    }

    /// Whether one more request may be dispatched: bounds what waits for a slow shard.
    pub fn may_dispatch(&self) -> bool {
        self.order.as_ref().is_none_or(|order| order.has_room())
    }

    /// The replies that are out; made, from `spare` if possible, when there are none.
    pub fn order_mut(&mut self, spare: &mut Vec<Box<Order>>) -> &mut Order {
        self.order.get_or_insert_with(|| spare.pop().unwrap_or_default())
    }

    /// The replies that are out, if there are any.
    pub fn order(&mut self) -> Option<&mut Order> {
        self.order.as_deref_mut()
    }

    /// Whether replies are out, or held behind some that are.
    pub fn has_replies(&self) -> bool {
        self.order.as_ref().is_some_and(|order| !order.is_empty())
    }

    /// Says which replies the client wants from now on. The reply to that request, if any, comes behind.
    pub fn mute(&mut self, wish: Mute, spare: &mut Vec<Box<Order>>) {
        let now = self.order.as_ref().map_or(Mute::No, |order| order.mute());
        let mute = match (wish, now) {
            (Mute::Next, Mute::All) => Mute::All,
            (Mute::Next, _) if self.in_transaction => Mute::BehindTransaction,
            (wish, _) => wish,
        };
        if mute != now {
            self.order_mut(spare).set_mute(mute);
        }
        if !self.in_transaction {
            self.settle(spare);
        }
    }

    /// The next reply was to be dropped.
    pub fn is_skipping(&self) -> bool {
        self.order.as_ref().is_some_and(|order| order.mute() == Mute::Next)
    }

    /// Puts an order in which nothing is left into `spare`.
    pub fn settle(&mut self, spare: &mut Vec<Box<Order>>) {
        if let Some(order) = &mut self.order
            && order.mute() == Mute::BehindTransaction
        {
            order.set_mute(Mute::Next);
        }
        if self.order.as_ref().is_some_and(|order| order.is_over()) {
            let order = self.order.take();
            if spare.len() < SPARE_ORDERS_MAX {
                spare.extend(order);
            }
        }
    }
}

#[cfg(test)]
mod tests;
