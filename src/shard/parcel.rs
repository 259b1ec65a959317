//! Requests that own their bytes: on their way to another core, waiting for a lock, or queued by MULTI.

use bytes::Bytes;

use crate::commands::Command;
use crate::keyspace::Key;
use crate::protocol::{Args, Resp, Span};
use crate::shard::Request;

/// Requests in their order, each with a tag that says what it is to its owner.
pub struct Parcel<T> {
    entries: Vec<Entry<T>>,
    spans: Vec<Span>,
    bytes: Vec<u8>,
    blocks: Vec<Bytes>,
    /// Bytes in `blocks`.
    shared_bytes: usize,
}

/// One request in a parcel.
pub struct Entry<T> {
    pub tag: T,
    pub command: &'static Command,
    pub hash: u64,
    pub slot: u16,
    pub database: u8,
    pub resp: Resp,
    pub no_touch: bool,
    /// The argument that is the key; beyond the last if there is none.
    key_index: u32,
    first_span: u32,
    span_count: u32,
}

impl<T> Default for Parcel<T> {
    fn default() -> Self {
        Parcel {
            entries: Vec::new(),
            spans: Vec::new(),
            bytes: Vec::new(),
            blocks: Vec::new(),
            shared_bytes: 0,
        }
    }
}

impl<T> Parcel<T> {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of all arguments that were copied.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of all arguments: those that were copied, and large ones, which would not live without us either.
    pub fn held_bytes(&self) -> usize {
        self.bytes.len() + self.shared_bytes
    }

    /// The memory reserved for arguments.
    pub fn reserved_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Copies a request and its arguments; large ones are shared.
    #[inline]
    pub fn push(&mut self, request: &Request, tag: T) {
        self.push_some(
            request,
            0..request.args.len(),
            request.command.key_indices(request.args.len()).next(),
            tag,
        );
    }

    /// Copies a request whose key is the argument at `key_index`.
    pub fn push_for_key(&mut self, request: &Request, key_index: usize, tag: T) {
        self.push_some(request, 0..request.args.len(), Some(key_index), tag);
    }

    /// Copies a request with some of its arguments only, the one at `key_index` of what is left being the key.
    pub fn push_some(
        &mut self,
        request: &Request,
        indices: impl Iterator<Item = usize>,
        key_index: Option<usize>,
        tag: T,
    ) {
        let first_span = self.spans.len();
        for index in indices {
            let span = match request.args.block_at(index) {
                Some(block) => {
                    self.shared_bytes += block.len();
                    self.blocks.push(block);
                    Span::block(self.blocks.len() - 1)
                }
                None => {
                    let argument = request.args.at(index);
                    self.bytes.extend_from_slice(argument);
                    Span::new(self.bytes.len() - argument.len(), argument.len())
                }
            };
            self.spans.push(span);
        }
        self.entries.push(Entry {
            tag,
            command: request.command,
            hash: request.key.hash,
            slot: request.key.slot,
            database: request.database,
            resp: request.resp,
            no_touch: request.no_touch,
            key_index: key_index.map_or(u32::MAX, |index| index as u32),
            first_span: first_span as u32,
            span_count: (self.spans.len() - first_span) as u32,
        });
    }

    pub fn entry(&self, index: usize) -> &Entry<T> {
        &self.entries[index]
    }

    pub fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }

    pub fn tag_mut(&mut self, index: usize) -> &mut T {
        &mut self.entries[index].tag
    }

    /// The request at `index`.
    #[inline]
    pub fn request(&self, index: usize) -> Request<'_> {
        let entry = &self.entries[index];
        let spans = &self.spans[entry.first_span as usize..][..entry.span_count as usize];
        let args = Args::new(&self.bytes, spans, &self.blocks);
        let bytes = if entry.key_index < entry.span_count { args.at(entry.key_index as usize) } else { &[] };
        Request {
            command: entry.command,
            args,
            key: Key { bytes, hash: entry.hash, slot: entry.slot },
            database: entry.database,
            resp: entry.resp,
            no_touch: entry.no_touch,
        }
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.spans.clear();
        self.bytes.clear();
        self.blocks.clear();
        self.shared_bytes = 0;
    }
}
