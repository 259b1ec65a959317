//! One core's io_uring: accepts, receives and sends of many sockets in one system call a turn.
//!
//! A turn stages operations, then calls [`Ring::turn`], which returns only when the kernel has taken every one of
//! them. Replies are sent from the turn's arena with `MSG_DONTWAIT`: such a send either completes while it is being
//! submitted, and then says nothing, or reports at once how much it sent. So when `turn` returns, the arena may
//! be reused (io_uring/net.c, `io_send`; `MSG_DONTWAIT` sets `REQ_F_NOWAIT`, which rules out both a poll and a worker).
//!
//! Sends that must wait for the client own their bytes until they complete.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use bytes::Bytes;
use io_uring::types::{Fd, FsyncFlags, SubmitArgs, Timespec};
use io_uring::{IoUring, Submitter, opcode, squeue};

use crate::sys::block::Block;
use crate::sys::buffers::{Buffers, Received};

/// Submission entries; more operations in a turn are submitted in several calls.
const SUBMISSIONS: u32 = 1024;
const COMPLETIONS: u32 = 4096;
/// Receive buffers per ring: 4 MiB of address space.
const BUFFERS: u16 = 256;

const ENTER_GETEVENTS: u32 = 1;
const ENTER_EXT_ARG: u32 = 1 << 3;

/// After so many refusals in a row the kernel is given a moment before it is asked again.
const REFUSALS_BEFORE_PAUSE: u32 = 64;
const PAUSE: Duration = Duration::from_millis(1);

/// What an operation is about; comes back with its completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub operation: Operation,
    /// Tells a connection from an earlier one with the same index. 24 bits.
    pub generation: u32,
    pub index: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    Accept,
    Receive,
    /// From the arena; completes only when not everything was sent.
    Send,
    /// Of owned bytes; always completes.
    SendOwned,
    /// Into an owned block; always completes.
    ReceiveBlock,
    Wake,
    Cancel,
    /// Of a block, into a file; always completes.
    WriteFile,
    /// Of a file's data; always completes.
    SyncFile,
}

/// Generations are counted modulo this.
pub const GENERATIONS: u32 = 1 << 24;

impl Token {
    pub fn new(operation: Operation, generation: u32, index: u32) -> Self {
        Token { operation, generation: generation % GENERATIONS, index }
    }

    fn pack(self) -> u64 {
        (self.operation as u64) << 56 | (self.generation as u64) << 32 | self.index as u64
    }

    fn unpack(packed: u64) -> Self {
        let operation = match packed >> 56 {
            0 => Operation::Accept,
            1 => Operation::Receive,
            2 => Operation::Send,
            3 => Operation::SendOwned,
            4 => Operation::ReceiveBlock,
            5 => Operation::Wake,
            7 => Operation::WriteFile,
            8 => Operation::SyncFile,
            _ => Operation::Cancel,
        };
        Token { operation, generation: (packed >> 32) as u32 % GENERATIONS, index: packed as u32 }
    }
}

/// The outcome of an operation.
#[derive(Debug)]
pub struct Completion {
    pub token: Token,
    /// A count of bytes or a descriptor, or the negated error number.
    pub result: i32,
    /// A multishot operation goes on.
    pub more: bool,
    /// What a receive brought.
    pub received: Option<Received>,
    /// What an owned send was sending, or the block of a block receive.
    pub owned: Option<Owned>,
}

/// Bytes that an operation borrowed for as long as it took.
#[derive(Debug)]
pub enum Owned {
    Parts(Vec<Bytes>),
    Block(Vec<u8>),
    Aligned(Block),
}

/// One reply range of the arena, to be sent to one socket.
#[derive(Clone, Copy, Debug)]
pub struct ArenaSend {
    pub socket: RawFd,
    pub token: Token,
    pub start: u32,
    pub end: u32,
}

/// How long a turn may wait for something to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    No,
    Until(Duration),
    /// For so many completions, but no longer than this.
    Several(u32, Duration),
    Forever,
}

/// The one system call of a turn. The second implementation injects failures in tests.
pub trait Enter {
    /// Submits up to `count` entries and waits for one completion if asked to; as `io_uring_enter(2)`.
    fn enter(&mut self, submitter: &Submitter, count: u32, wait: Wait) -> io::Result<usize>;
}

/// The kernel itself.
#[derive(Default)]
pub struct Kernel;

impl Enter for Kernel {
    fn enter(&mut self, submitter: &Submitter, count: u32, wait: Wait) -> io::Result<usize> {
        let (wanted, timeout) = match wait {
            Wait::No => (0, None),
            Wait::Forever => (1, None),
            Wait::Until(timeout) => (1, Some(timeout)),
            Wait::Several(count, timeout) => (count, Some(timeout)),
        };
        let Some(timeout) = timeout else {
            // SAFETY: no argument is passed; every entry in the queue was made by `Ring::push`, whose callers keep
            // what it points to.
            return unsafe { submitter.enter::<libc::sigset_t>(count, wanted, ENTER_GETEVENTS, None) };
        };
        let timespec = Timespec::new().sec(timeout.as_secs()).nsec(timeout.subsec_nanos());
        let arguments = SubmitArgs::new().timespec(&timespec);
        // SAFETY: as above; `arguments` and `timespec` outlive the call.
        unsafe { submitter.enter(count, wanted, ENTER_GETEVENTS | ENTER_EXT_ARG, Some(&arguments)) }
    }
}

/// An operation that owns memory which the kernel reads or fills.
struct InFlight {
    token: Token,
    owned: Owned,
    vectors: Vec<libc::iovec>,
    header: libc::msghdr,
}

/// See the top of this file.
pub struct Ring<E: Enter = Kernel> {
    io: IoUring,
    enter: E,
    buffers: Buffers,
    in_flight: Vec<Option<Box<InFlight>>>,
    in_flight_free: Vec<u32>,
    wake_count: Box<u64>,
    completions: Vec<Completion>,
    split_submissions: u64,
}

impl<E: Enter> Ring<E> {
    /// A ring for the calling thread, which alone may use it. Fails where io_uring is missing or forbidden.
    pub fn new(enter: E) -> io::Result<Self> {
        let io = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        let buffers = Buffers::register(&io.submitter(), BUFFERS)?;
        Ok(Ring {
            io,
            enter,
            buffers,
            in_flight: Vec::new(),
            in_flight_free: Vec::new(),
            wake_count: Box::new(0),
            completions: Vec::new(),
            split_submissions: 0,
        })
    }

    /// Accepts connections on `listener` until it fails.
    pub fn accept(&mut self, listener: RawFd, token: Token) {
        let entry = opcode::AcceptMulti::new(Fd(listener)).flags(libc::SOCK_CLOEXEC).build();
        self.push(entry, token);
    }

    /// Receives from `socket` into provided buffers until it fails or ends.
    pub fn receive(&mut self, socket: RawFd, token: Token) {
        self.push(opcode::RecvMulti::new(Fd(socket), 0).build(), token);
    }

    /// Ends the operation with this token.
    pub fn cancel(&mut self, token: Token) {
        let entry = opcode::AsyncCancel::new(token.pack()).build();
        self.push(entry, Token { operation: Operation::Cancel, ..token });
    }

    /// Completes when the event counter `fd` is no longer zero, and clears it.
    pub fn wait_for_wake(&mut self, fd: RawFd, token: Token) {
        let count: *mut u64 = &raw mut *self.wake_count;
        self.push(opcode::Read::new(Fd(fd), count.cast(), 8).build(), token);
    }

    /// Sends `parts` in order, as far as the socket takes them once it takes any; they come back with the completion.
    pub fn send_owned(&mut self, socket: RawFd, token: Token, parts: Vec<Bytes>) {
        debug_assert!(parts.len() <= 1024, "IOV_MAX");
        let vectors = parts
            .iter()
            .map(|part| libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() })
            .collect();
        let slot = self.hold(token, Owned::Parts(parts), vectors);
        let held = self.in_flight[slot as usize].as_mut().expect("just stored");
        held.header.msg_iov = held.vectors.as_mut_ptr();
        held.header.msg_iovlen = held.vectors.len();
        let entry =
            opcode::SendMsg::new(Fd(socket), &raw const held.header).flags(libc::MSG_NOSIGNAL as u32).build();
        self.push(entry, Token::new(Operation::SendOwned, 0, slot));
    }

    /// Receives until `block` holds `wanted` bytes, behind those that it holds already; it must have the capacity.
    pub fn receive_block(&mut self, socket: RawFd, token: Token, mut block: Vec<u8>, wanted: usize) {
        assert!(block.len() < wanted && wanted <= block.capacity());
        let missing = wanted - block.len();
        let room = &mut block.spare_capacity_mut()[..missing];
        // The kernel takes no more than this in one call; the caller asks again.
        let bytes = room.len().min(1 << 30) as u32;
        let start: *mut u8 = room.as_mut_ptr().cast();
        let slot = self.hold(token, Owned::Block(block), Vec::new());
        let entry = opcode::Recv::new(Fd(socket), start, bytes).flags(libc::MSG_WAITALL).build();
        self.push(entry, Token::new(Operation::ReceiveBlock, 0, slot));
    }

    /// Writes a block at `offset` of a file; the result is as of `pwrite(2)`. The block comes back with the completion.
    pub fn write_file(&mut self, file: RawFd, token: Token, block: Block, offset: u64) {
        let entry = self.file_write(file, token, block, offset);
        self.push(entry.0, entry.1);
    }

    /// Does that and then `fdatasync(2)`, which is cancelled (`ECANCELED`) unless all was written. `sync` completes last,
    /// and says something about the block only if no submission was split since: see `split_submissions`.
    pub fn write_and_sync_file(&mut self, file: RawFd, write: Token, sync: Token, block: Block, offset: u64) {
        // Both have to be submitted together to be linked.
        let queue = self.io.submission();
        let has_room = queue.capacity() - queue.len() >= 2;
        drop(queue);
        if !has_room {
            self.submit(Wait::No);
        }
        let (entry, token) = self.file_write(file, write, block, offset);
        self.push(entry.flags(squeue::Flags::IO_LINK), token);
        self.sync_file(file, sync);
    }

    /// `fdatasync(2)`.
    pub fn sync_file(&mut self, file: RawFd, token: Token) {
        self.push(opcode::Fsync::new(Fd(file)).flags(FsyncFlags::DATASYNC).build(), token);
    }

    /// How often the kernel took only a part of what was submitted.
    pub fn split_submissions(&self) -> u64 {
        self.split_submissions
    }

    fn file_write(&mut self, file: RawFd, token: Token, block: Block, offset: u64) -> (squeue::Entry, Token) {
        let (start, bytes) =
            (block.as_ptr(), u32::try_from(block.len()).expect("blocks are shorter than 4 GiB"));
        let slot = self.hold(token, Owned::Aligned(block), Vec::new());
        let entry = opcode::Write::new(Fd(file), start, bytes).offset(offset).build();
        (entry, Token::new(Operation::WriteFile, 0, slot))
    }

    fn hold(&mut self, token: Token, owned: Owned, vectors: Vec<libc::iovec>) -> u32 {
        // SAFETY: `msghdr` is plain data for which all zeroes mean "no name, no control data".
        let header: libc::msghdr = unsafe { std::mem::zeroed() };
        let held = Some(Box::new(InFlight { token, owned, vectors, header }));
        match self.in_flight_free.pop() {
            Some(slot) => {
                self.in_flight[slot as usize] = held;
                slot
            }
            None => {
                self.in_flight.push(held);
                self.in_flight.len() as u32 - 1
            }
        }
    }

    /// Every entry points only to memory that this ring keeps until the completion, or to the arena during `turn`.
    fn push(&mut self, entry: squeue::Entry, token: Token) {
        let entry = entry.user_data(token.pack());
        // SAFETY: see the sentence above; the callers in this file are all there are.
        while unsafe { self.io.submission().push(&entry) }.is_err() {
            self.submit(Wait::No);
        }
    }

    /// Sends `sends` from `arena`, submits all that was staged, waits as told, and gives what has completed.
    ///
    /// Sends come first among the completions' causes, but completions are in the kernel's order: settle those of
    /// `Operation::Send` before the arena is cleared.
    pub fn turn(&mut self, arena: &[u8], sends: &[ArenaSend], wait: Wait) -> Vec<Completion> {
        for send in sends {
            let range = &arena[send.start as usize..send.end as usize];
            let entry = opcode::Send::new(Fd(send.socket), range.as_ptr(), range.len() as u32)
                .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL | libc::MSG_DONTWAIT)
                .build()
                .flags(squeue::Flags::SKIP_SUCCESS);
            self.push(entry, send.token);
        }
        self.submit(wait);
        std::mem::take(&mut self.completions)
    }

    /// Gives the list of a turn back, for the next one.
    pub fn recycle(&mut self, mut completions: Vec<Completion>) {
        completions.clear();
        if self.completions.is_empty() {
            self.completions = completions;
        }
    }

    /// Returns when the kernel has taken every staged entry, however often it refuses at first.
    fn submit(&mut self, wait: Wait) {
        let mut refusals = 0;
        let mut wait = wait;
        loop {
            let staged = self.io.submission().len() as u32;
            let outcome = self.enter.enter(&self.io.submitter(), staged, wait);
            self.reap();
            if self.io.submission().is_empty() {
                return;
            }
            self.split_submissions += 1;
            // EBUSY: completions had to be reaped first. EINTR: a signal. EAGAIN: no memory for the request.
            // Whatever it was, entries point into the arena, so nothing may go on before they are taken.
            wait = Wait::No;
            refusals = if outcome.is_ok() { 0 } else { refusals + 1 };
            if refusals > REFUSALS_BEFORE_PAUSE {
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn reap(&mut self) {
        for entry in self.io.completion() {
            let mut token = Token::unpack(entry.user_data());
            let result = entry.result();
            let received = io_uring::cqueue::buffer_select(entry.flags())
                .map(|id| self.buffers.take(id, result.max(0) as u32));
            let mut owned = None;
            if matches!(
                token.operation,
                Operation::SendOwned | Operation::ReceiveBlock | Operation::WriteFile
            ) {
                let slot = token.index;
                let mut held = self.in_flight[slot as usize].take().expect("an operation completes once");
                self.in_flight_free.push(slot);
                if let Owned::Block(block) = &mut held.owned {
                    let filled = block.len() + result.max(0) as usize;
                    assert!(filled <= block.capacity());
                    // SAFETY: the kernel has written `result` bytes behind the block's length, within its capacity.
                    unsafe { block.set_len(filled) };
                }
                token = Token { operation: token.operation, ..held.token };
                owned = Some(held.owned);
            }
            let more = io_uring::cqueue::more(entry.flags());
            self.completions.push(Completion { token, result, more, received, owned });
        }
    }

    pub fn received(&self, received: &Received) -> &[u8] {
        self.buffers.bytes(received)
    }

    /// Lets the kernel fill this buffer again after the next `publish_buffers`.
    pub fn give_back(&mut self, received: Received) {
        self.buffers.give_back(received);
    }

    pub fn publish_buffers(&mut self) {
        self.buffers.publish();
    }
}

impl<E: Enter> Drop for Ring<E> {
    /// The kernel may read or fill what is in flight until the ring is gone for good, which it does not tell.
    fn drop(&mut self) {
        std::mem::forget(std::mem::take(&mut self.in_flight));
        std::mem::forget(std::mem::take(&mut self.wake_count));
    }
}

#[cfg(test)]
mod tests;
