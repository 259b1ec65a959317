//! The io_uring of one thread: whole batches out, multishot receives into a ring of buffers the kernel picks from.
//!
//! The ring owns everything the kernel may touch: sockets, batches, buffers and the tick's time. It frees them only
//! when every request has had its last completion; should that not come about, it leaks them. All unsafe code of this
//! package is in this file.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, CancelBuilder, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

/// Bytes of one receive buffer.
const BUFFER_BYTES: usize = 16 << 10;
/// Bounds of the number of receive buffers: two for each connection, if that lies between.
const BUFFERS_MIN: usize = 64;
const BUFFERS_MAX: usize = 4096;
/// Entries of the submission queue; a full one is submitted, so it bounds nothing but the length of a system call.
const SUBMISSIONS: u32 = 256;
const COMPLETIONS_MIN: usize = 1024;
const COMPLETIONS_MAX: usize = 32768;
/// Most rounds of 10 ms that dropping a ring waits for the kernel to let go of its memory.
const SETTLE_ROUNDS_MAX: u32 = 100;
const BUFFER_GROUP: u16 = 0;
const PAGE_BYTES: usize = 4096;

/// Most connections of one ring: an index has to fit a completion's user data beside the kind.
pub const CONNECTIONS_MAX: usize = 1 << 20;

/// What the kernel has to tell.
pub enum Event<'a> {
    Received {
        connection: usize,
        bytes: &'a [u8],
    },
    Sent {
        connection: usize,
    },
    /// The server has closed a connection, or, with an error, it broke.
    Lost {
        error: Option<io::Error>,
    },
    Tick,
}

/// A socket and the batch that goes out on it.
pub struct Link {
    pub socket: OwnedFd,
    pub batch: Vec<u8>,
}

/// Sockets of one thread. To be made and used on that thread: the kernel refuses any other.
pub struct Ring {
    uring: IoUring,
    memory: ManuallyDrop<Memory>,
    /// Requests pushed whose last completion has not been seen.
    in_flight: usize,
    /// Connections whose receive must be armed again, kept for its allocation.
    disarmed: Vec<usize>,
}

/// What the kernel may read and write while requests are in flight.
struct Memory {
    links: Vec<Link>,
    sending: Vec<bool>,
    buffers: ReceiveBuffers,
    tick: Box<Timespec>,
}

#[derive(Clone, Copy)]
#[repr(u64)]
enum Kind {
    Receive = 0,
    Send = 1,
    Tick = 2,
}

fn user_data(kind: Kind, connection: usize) -> u64 {
    (kind as u64) << 32 | connection as u64
}

impl Ring {
    /// Sets up the ring, begins to receive on every socket and to tick.
    pub fn new(links: Vec<Link>, tick: Duration) -> io::Result<Ring> {
        assert!(links.len() <= CONNECTIONS_MAX, "an index of a connection fits its user data");
        let completions = (4 * links.len()).next_power_of_two().clamp(COMPLETIONS_MIN, COMPLETIONS_MAX);
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_cqsize(completions as u32)
            .build(SUBMISSIONS)?;
        let buffer_count = (2 * links.len()).next_power_of_two().clamp(BUFFERS_MIN, BUFFERS_MAX);
        let memory = Memory {
            sending: vec![false; links.len()],
            links,
            buffers: ReceiveBuffers::new(buffer_count),
            tick: Box::new(Timespec::from(tick)),
        };
        let mut ring = Ring { uring, memory: ManuallyDrop::new(memory), in_flight: 0, disarmed: Vec::new() };
        ring.register_buffers()?;
        ring.register_sockets()?;
        for connection in 0..ring.memory.links.len() {
            ring.arm_receive(connection)?;
        }
        ring.arm_tick()?;
        Ok(ring)
    }

    fn register_buffers(&mut self) -> io::Result<()> {
        let buffers = &self.memory.buffers;
        // SAFETY: the entries are page-aligned, zeroed and as many as stated. They are freed only by dropping
        // `memory`, which `drop` below does after the last request that can pick a buffer, and never frees early.
        unsafe {
            self.uring.submitter().register_buf_ring_with_flags(
                buffers.entries.as_ptr() as u64,
                buffers.count as u16,
                BUFFER_GROUP,
                0,
            )
        }
    }

    /// Lets the kernel look the sockets up once, instead of with each request; it knows them by their connections.
    fn register_sockets(&mut self) -> io::Result<()> {
        let sockets: Vec<RawFd> = self.memory.links.iter().map(|link| link.socket.as_raw_fd()).collect();
        if sockets.is_empty() { Ok(()) } else { self.uring.submitter().register_files(&sockets) }
    }

    /// The bytes that `send` sends.
    ///
    /// Panics while a send of this connection is in flight: the kernel may be reading them.
    pub fn batch_mut(&mut self, connection: usize) -> &mut Vec<u8> {
        assert!(!self.memory.sending[connection], "no send is in flight");
        &mut self.memory.links[connection].batch
    }

    /// Queues a send of the connection's batch; ends in `Sent` or `Lost`.
    ///
    /// Panics while a send of this connection is in flight.
    pub fn send(&mut self, connection: usize) -> io::Result<()> {
        let batch = self.batch_mut(connection);
        let start = batch.as_ptr();
        let length = u32::try_from(batch.len()).expect("a batch is far below 4 GiB");
        let socket = Fixed(connection as u32);
        let entry = opcode::Send::new(socket, start, length)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build()
            .user_data(user_data(Kind::Send, connection));
        self.memory.sending[connection] = true;
        self.push(&entry)
    }

    fn arm_receive(&mut self, connection: usize) -> io::Result<()> {
        let socket = Fixed(connection as u32);
        let entry = opcode::RecvMulti::new(socket, BUFFER_GROUP).build();
        self.push(&entry.user_data(user_data(Kind::Receive, connection)))
    }

    fn arm_tick(&mut self) -> io::Result<()> {
        let entry = opcode::Timeout::new(&raw const *self.memory.tick).build();
        self.push(&entry.user_data(user_data(Kind::Tick, 0)))
    }

    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: every entry built above points to a socket, a batch, the buffers or the tick's time, all in
            // `memory`. A batch is neither lent out, and so neither changed nor moved, while `sending` is set, links are
            // never added or removed, and `memory` is freed only after the last completion of each request (`drop` below).
            if unsafe { self.uring.submission().push(entry) }.is_ok() {
                self.in_flight += 1;
                return Ok(());
            }
            self.submit()?;
        }
    }

    /// Hands the queued requests to the kernel: sends are made before this returns, as far as sockets have room.
    pub fn submit(&mut self) -> io::Result<()> {
        accept_interruption(self.uring.submit())
    }

    /// Submits, and sleeps until there is an event, or a signal arrives.
    pub fn wait(&mut self) -> io::Result<()> {
        accept_interruption(self.uring.submit_and_wait(1))
    }

    /// As `wait`, but for no longer than `time`.
    pub fn wait_for(&mut self, time: Duration) -> io::Result<()> {
        let time = Timespec::from(time);
        match self.uring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&time)) {
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Ok(()),
            entered => accept_interruption(entered),
        }
    }

    /// Shows every event that is there. Received bytes can be looked at only during the call.
    pub fn drain(&mut self, mut on_event: impl FnMut(Event<'_>)) -> io::Result<()> {
        let memory = &mut *self.memory;
        let mut ticked = false;
        for completion in self.uring.completion() {
            let (result, flags) = (completion.result(), completion.flags());
            let connection = (completion.user_data() & u64::from(u32::MAX)) as usize;
            if !cqueue::more(flags) {
                self.in_flight -= 1;
            }
            match completion.user_data() >> 32 {
                kind if kind == Kind::Receive as u64 => {
                    memory.buffers.receive(connection, result, flags, &mut on_event);
                    let wanted = result > 0 || result == -libc::ENOBUFS || result == -libc::EINTR;
                    if wanted && !cqueue::more(flags) {
                        self.disarmed.push(connection);
                    }
                }
                kind if kind == Kind::Send as u64 => {
                    memory.sending[connection] = false;
                    on_event(match result {
                        error if error < 0 => {
                            Event::Lost { error: Some(io::Error::from_raw_os_error(-error)) }
                        }
                        _ => Event::Sent { connection },
                    });
                }
                _ => ticked = true,
            }
        }
        memory.buffers.publish();
        while let Some(connection) = self.disarmed.pop() {
            self.arm_receive(connection)?;
        }
        if ticked {
            on_event(Event::Tick);
            self.arm_tick()?;
        }
        Ok(())
    }

    /// Ends every request; true once the kernel holds nothing of `memory`.
    fn settle(&mut self) -> bool {
        // What is queued but not submitted counts as in flight: it must start to be able to end.
        let mut cancelled = self.submit().is_ok();
        for _ in 0..SETTLE_ROUNDS_MAX {
            if self.in_flight == 0 || !cancelled {
                break;
            }
            let second = Timespec::new().sec(1);
            match self.uring.submitter().register_sync_cancel(Some(second), CancelBuilder::any()) {
                Err(error) if error.raw_os_error() != Some(libc::ENOENT) => cancelled = false,
                _ => (),
            }
            let moment = Timespec::new().nsec(10_000_000);
            let arguments = SubmitArgs::new().timespec(&moment);
            // Failing, for instance by running into the time limit, only means another round.
            let _ = self.uring.submitter().submit_with_args(1, &arguments);
            let ended = self.uring.completion().filter(|completion| !cqueue::more(completion.flags()));
            self.in_flight -= ended.count();
        }
        self.in_flight == 0
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if self.settle() {
            // SAFETY: no request is in flight, so the kernel neither reads nor writes any of it again: it takes from
            // the ring of buffers only for a receive. Nothing uses `memory` after this.
            unsafe { ManuallyDrop::drop(&mut self.memory) };
        }
    }
}

/// An interrupted or crowded wait is no failure: the caller looks at its events and comes back.
fn accept_interruption(entered: io::Result<usize>) -> io::Result<()> {
    match entered {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Buffers that the kernel fills in the order they were given to it.
struct ReceiveBuffers {
    /// The ring shared with the kernel, which only reads it.
    entries: NonNull<BufRingEntry>,
    storage: NonNull<u8>,
    count: usize,
    /// Buffers ever given, modulo 2^16; the kernel sees it when published.
    tail: u16,
}

impl ReceiveBuffers {
    fn new(count: usize) -> ReceiveBuffers {
        assert!(count.is_power_of_two() && count <= BUFFERS_MAX);
        let mut buffers = ReceiveBuffers {
            entries: allocate_zeroed(Self::entries_layout(count)).cast(),
            storage: allocate_zeroed(Self::storage_layout(count)),
            count,
            tail: 0,
        };
        (0..count).for_each(|buffer| buffers.give(buffer));
        buffers.publish();
        buffers
    }

    fn entries_layout(count: usize) -> Layout {
        Layout::from_size_align(count * size_of::<BufRingEntry>(), PAGE_BYTES).expect("at most 64 KiB")
    }

    fn storage_layout(count: usize) -> Layout {
        Layout::from_size_align(count * BUFFER_BYTES, PAGE_BYTES).expect("at most 64 MiB")
    }

    /// Turns a completed receive into an event, and takes its buffer back.
    fn receive(&mut self, connection: usize, result: i32, flags: u32, on_event: &mut impl FnMut(Event<'_>)) {
        let buffer = cqueue::buffer_select(flags).map(usize::from);
        match (result, buffer) {
            (1.., Some(buffer)) => {
                on_event(Event::Received { connection, bytes: self.bytes(buffer, result as usize) })
            }
            (error, _) if error == -libc::ENOBUFS || error == -libc::EINTR => (),
            (0, _) => on_event(Event::Lost { error: None }),
            (error, _) => {
                on_event(Event::Lost { error: Some(io::Error::from_raw_os_error(error.abs())) });
            }
        }
        if let Some(buffer) = buffer {
            self.give(buffer);
        }
    }

    fn bytes(&self, buffer: usize, length: usize) -> &[u8] {
        assert!(buffer < self.count && length <= BUFFER_BYTES);
        // SAFETY: the range lies within the storage by the assertion, and was zeroed when allocated. The kernel has
        // handed this buffer to us and writes it again only after `give`, which needs `&mut self`.
        unsafe { slice::from_raw_parts(self.storage.as_ptr().add(buffer * BUFFER_BYTES), length) }
    }

    fn give(&mut self, buffer: usize) {
        assert!(buffer < self.count);
        let place = usize::from(self.tail) & (self.count - 1);
        // SAFETY: the offset lies within the storage by the assertion.
        let address = unsafe { self.storage.as_ptr().add(buffer * BUFFER_BYTES) };
        // SAFETY: `place` is below `count`, entries are zeroed and so valid, the kernel only reads them, and not this
        // one before it is published.
        let entry = unsafe { &mut *self.entries.as_ptr().add(place) };
        entry.set_addr(address as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(buffer as u16);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the kernel see the buffers given so far.
    fn publish(&mut self) {
        // SAFETY: `entries` is the first entry of the ring and initialized, as `tail` demands.
        let tail = unsafe { BufRingEntry::tail(self.entries.as_ptr()) };
        // SAFETY: the tail lives in the first entry, is aligned for a u16, and is accessed only here and, atomically,
        // by the kernel.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        // Release: the kernel must see the entries before it sees that they are there.
        tail.store(self.tail, Ordering::Release);
    }
}

impl Drop for ReceiveBuffers {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout, and nothing refers to it any more.
        unsafe { dealloc(self.entries.as_ptr().cast(), Self::entries_layout(self.count)) };
        // SAFETY: as above.
        unsafe { dealloc(self.storage.as_ptr(), Self::storage_layout(self.count)) };
    }
}

fn allocate_zeroed(layout: Layout) -> NonNull<u8> {
    // SAFETY: both layouts have a size above zero, as `count` is at least one.
    let start = unsafe { alloc_zeroed(layout) };
    NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout))
}
