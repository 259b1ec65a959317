//! One client as a state machine: its attributes, and the order of its replies.

pub mod gather;
pub mod order;

use crate::commands::Caller;
use crate::session::order::Order;

/// How many unused orders a core keeps.
const SPARE_ORDERS_MAX: usize = 1024;

/// One client. Knows nothing of sockets.
pub struct Session {
    pub caller: Caller,
    /// Replies that are still out; `None` when there are none, which is nearly always.
    order: Option<Box<Order>>,
}

impl Session {
    pub fn new(caller: Caller) -> Self {
        Session { caller, order: None }
    }

    /// Whether every request was answered, so that a reply may go out as soon as it is made.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.order.is_none()
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

    /// Puts an order in which nothing is left into `spare`.
    pub fn settle(&mut self, spare: &mut Vec<Box<Order>>) {
        if self.order.as_ref().is_some_and(|order| order.is_empty()) {
            let order = self.order.take();
            if spare.len() < SPARE_ORDERS_MAX {
                spare.extend(order);
            }
        }
    }
}

#[cfg(test)]
mod tests;
