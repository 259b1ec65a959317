//! Bytes of one client that are not a whole request yet: its start, and the large bulk that is arriving.

use bytes::Bytes;

use crate::protocol::{Progress, Span};

/// Memory reserved at once for a bulk that was announced; more follows as it arrives. Pages that nothing was written
/// to cost nothing.
const BLOCK_RESERVED_BYTES: usize = 1 << 20;
/// CR and LF.
const LINE_END_BYTES: usize = 2;

/// What was received and not yet run.
#[derive(Default)]
pub struct Inbox {
    pub bytes: Vec<u8>,
    /// Where the first request that was not run begins in `bytes`.
    pub begin: usize,
    /// How far the request at the start of `bytes` was parsed.
    pub progress: Progress,
    /// Its arguments so far.
    pub spans: Vec<Span>,
    /// Its large arguments so far.
    pub blocks: Vec<Bytes>,
    filling: Option<Filling>,
    /// The request that `progress` has come to the end of was parsed and has to be run yet.
    pub is_whole: bool,
}

/// A large bulk and its line end on their way into the block that will hold the value.
struct Filling {
    block: Vec<u8>,
    wanted: usize,
}

impl Inbox {
    /// Takes over a request that began in a receive buffer.
    pub fn new(bytes: &[u8], progress: Progress, spans: impl Iterator<Item = Span>) -> Self {
        Inbox { bytes: bytes.to_vec(), progress, spans: spans.collect(), ..Inbox::default() }
    }

    /// Nothing is here, and no request has begun.
    pub fn is_empty(&self) -> bool {
        self.begin == self.bytes.len() && self.filling.is_none() && self.blocks.is_empty()
    }

    /// A large bulk is arriving, so there is nothing to parse.
    pub fn is_filling(&self) -> bool {
        self.filling.is_some()
    }

    /// Bytes that are kept for this client.
    pub fn kept_bytes(&self) -> usize {
        let filling = self.filling.as_ref().map_or(0, |filling| filling.block.len());
        self.bytes.len() - self.begin + filling + self.blocks.iter().map(Bytes::len).sum::<usize>()
    }

    /// Adds what was received.
    pub fn append(&mut self, received: &[u8]) {
        let taken = self.fill(received);
        self.bytes.extend_from_slice(&received[taken..]);
    }

    /// Begins the block of a bulk of `count` bytes that starts where parsing stopped.
    pub fn begin_block(&mut self, count: usize) {
        let wanted = count + LINE_END_BYTES;
        let block = Vec::with_capacity(wanted.min(BLOCK_RESERVED_BYTES));
        self.filling = Some(Filling { block, wanted });
        let position = self.progress.position;
        let arrived = self.bytes.split_off(position);
        let taken = self.fill(&arrived);
        self.bytes.extend_from_slice(&arrived[taken..]);
    }

    /// Moves bytes into the block that is being filled; gives how many.
    fn fill(&mut self, received: &[u8]) -> usize {
        let Some(filling) = &mut self.filling else {
            return 0;
        };
        let taken = received.len().min(filling.wanted - filling.block.len());
        filling.reserve(taken);
        filling.block.extend_from_slice(&received[..taken]);
        if filling.block.len() == filling.wanted {
            self.finish_block();
        }
        taken
    }

    fn finish_block(&mut self) {
        let Some(Filling { mut block, wanted }) = self.filling.take() else {
            return;
        };
        block.truncate(wanted - LINE_END_BYTES);
        self.spans.push(Span::block(self.blocks.len()));
        self.blocks.push(Bytes::from(block));
        self.progress.skip_large_bulk();
    }

    /// Takes the block out, to receive into it directly, with the length it shall reach.
    pub fn lend_block(&mut self) -> Option<(Vec<u8>, usize)> {
        let filling = self.filling.as_mut()?;
        filling.reserve(1);
        let target = filling.wanted.min(filling.block.capacity());
        Some((std::mem::take(&mut filling.block), target))
    }

    /// What is still missing from the block that is being filled.
    pub fn missing_bytes(&self) -> usize {
        self.filling.as_ref().map_or(0, |filling| filling.wanted - filling.block.len())
    }

    /// Puts back the block that was lent.
    pub fn return_block(&mut self, block: Vec<u8>) {
        if let Some(filling) = &mut self.filling {
            filling.block = block;
            if filling.block.len() == filling.wanted {
                self.finish_block();
            }
        }
    }

    /// Forgets the bytes before `begin`, where the request that is not complete begins. They are dropped when they are the
    /// larger part, so that a long pipeline that stops often is not moved each time.
    pub fn consume(&mut self, begin: usize) {
        self.begin = begin;
        if 2 * begin < self.bytes.len() {
            return;
        }
        self.begin = 0;
        self.bytes.drain(..begin);
        self.progress = self.progress.rebased(begin);
        for span in &mut self.spans {
            *span = span.rebased(begin);
        }
    }
}

impl Filling {
    /// Room for `more` bytes: doubled each time, never beyond what was announced.
    fn reserve(&mut self, more: usize) {
        let needed = self.block.len() + more;
        if needed > self.block.capacity() {
            let capacity = (2 * self.block.capacity()).max(needed).min(self.wanted);
            self.block.reserve_exact(capacity - self.block.len());
        }
    }
}
