//! A bounded queue from one thread to another, without locks.
//!
//! `head` is written by the reader alone and `tail` by the writer alone, each on cache lines of its own; each side
//! keeps a copy of the other's index and looks again only when the copy says that the queue is full or empty.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two lines: processors fetch lines in pairs.
#[repr(align(128))]
struct Padded(AtomicUsize);

struct Shared<T> {
    head: Padded,
    tail: Padded,
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

// SAFETY: a slot is touched by the writer before the tail passes it and by the reader afterwards, until the head has
// passed it; the two indices are released and acquired. So values move between threads, as `T: Send` allows.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above; the queue owns the values that are in it.
unsafe impl<T: Send> Send for Shared<T> {}

/// The writing end.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
    tail: usize,
    head_seen: usize,
}

/// The reading end.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    head: usize,
    tail_seen: usize,
}

/// A queue that holds `capacity` values, a power of two.
pub fn channel<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity.is_power_of_two());
    let slots = (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let shared =
        Arc::new(Shared { head: Padded(AtomicUsize::new(0)), tail: Padded(AtomicUsize::new(0)), slots });
    (Sender { shared: shared.clone(), tail: 0, head_seen: 0 }, Receiver { shared, head: 0, tail_seen: 0 })
}

impl<T> Sender<T> {
    /// How many more values the queue holds at least.
    pub fn room(&mut self) -> usize {
        self.head_seen = self.shared.head.0.load(Ordering::Acquire);
        self.shared.slots.len() - self.tail.wrapping_sub(self.head_seen)
    }

    /// Gives the value back when the queue is full.
    pub fn push(&mut self, value: T) -> Result<(), T> {
        let capacity = self.shared.slots.len();
        if self.tail.wrapping_sub(self.head_seen) == capacity {
            self.head_seen = self.shared.head.0.load(Ordering::Acquire);
            if self.tail.wrapping_sub(self.head_seen) == capacity {
                return Err(value);
            }
        }
        let slot = &self.shared.slots[self.tail & (capacity - 1)];
        // SAFETY: fewer than `capacity` values lie between head and tail, so the reader is done with this slot, and
        // it does not look at it before the tail is stored below.
        unsafe { (*slot.get()).write(value) };
        self.tail = self.tail.wrapping_add(1);
        self.shared.tail.0.store(self.tail, Ordering::Release);
        Ok(())
    }
}

impl<T> Receiver<T> {
    pub fn pop(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let slot = &self.shared.slots[self.head & (self.shared.slots.len() - 1)];
        // SAFETY: the tail was seen behind this slot, so the writer has filled it and will not touch it before the
        // head is stored below.
        let value = unsafe { (*slot.get()).assume_init_read() };
        self.head = self.head.wrapping_add(1);
        self.shared.head.0.store(self.head, Ordering::Release);
        Some(value)
    }

    /// Whether nothing has been pushed that was not popped.
    pub fn is_empty(&mut self) -> bool {
        if self.head == self.tail_seen {
            self.tail_seen = self.shared.tail.0.load(Ordering::Acquire);
        }
        self.head == self.tail_seen
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let (mut head, tail) = (*self.head.0.get_mut(), *self.tail.0.get_mut());
        while head != tail {
            let index = head & (self.slots.len() - 1);
            // SAFETY: both ends are gone, and slots between head and tail hold values that were never popped.
            unsafe { self.slots[index].get_mut().assume_init_drop() };
            head = head.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn behaves_as_a_bounded_deque(steps in proptest::collection::vec(any::<bool>(), 0..500)) {
            let (mut sender, mut receiver) = channel(8);
            let mut model = VecDeque::new();
            for (number, push) in steps.into_iter().enumerate() {
                let value = Box::new(number);
                match push {
                    true if model.len() == 8 => prop_assert!(sender.push(value).is_err()),
                    true => {
                        prop_assert!(sender.push(value.clone()).is_ok());
                        model.push_back(value);
                    }
                    false => prop_assert_eq!(receiver.pop(), model.pop_front()),
                }
                prop_assert_eq!(receiver.is_empty(), model.is_empty());
            }
        }
    }

    #[test]
    fn keeps_order_between_threads() {
        const COUNT: usize = 1_000_000;
        let (mut sender, mut receiver) = channel(64);
        let writer = std::thread::spawn(move || {
            for number in 0..COUNT {
                let mut value = Box::new(number);
                while let Err(back) = sender.push(value) {
                    value = back;
                    std::thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        while expected < COUNT {
            match receiver.pop() {
                Some(value) => {
                    assert_eq!(*value, expected);
                    expected += 1;
                }
                None => std::thread::yield_now(),
            }
        }
        writer.join().expect("the writer does not panic");
        assert!(receiver.pop().is_none());
    }

    #[test]
    fn drops_what_was_never_popped() {
        let counted = Arc::new(());
        let (mut sender, receiver) = channel(4);
        for _ in 0..3 {
            sender.push(counted.clone()).expect("there is room");
        }
        drop((sender, receiver));
        assert_eq!(Arc::strong_count(&counted), 1);
    }
}
