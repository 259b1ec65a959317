//! An entry: one key and its value, in one block of memory.
//!
//! ```text
//! [ header 8 | lengths 0/8 | payload 0/8/32 | deadline 0/6 | key | value when inline ]
//!
//! header, from the low bit:
//!   kind 3 | form 2 | has deadline 1 | raw 1 | long 1 | key length 8 | value length 8 | marks 16 | recency 24
//! ```
//!
//! The form says where the value is: an integer in the payload, bytes behind the key, a shared buffer whose handle is
//! the payload, or a collection that the payload points to. An entry with a key or inline value above 255 bytes is
//! *long*: both lengths follow the header, 32 bits each, and those in the header are zero. The payload comes before
//! anything of odd size, so that it is aligned. A deadline is 48 bits of milliseconds since 1970. A mark says to the
//! walk whose bit it is that it has nothing to do here; a written entry has none.

mod edit;
pub mod slab;

use std::marker::PhantomData;
use std::mem::size_of;
use std::ptr::NonNull;
use std::slice;

use bytes::Bytes;

use crate::keyspace::memory::allocated_bytes;
use crate::keyspace::value::{EMBEDDED_BYTES_MAX, Encoding, Kind, ValueRef};
use slab::{OBJECT_BYTES_MAX, Slabs, block_bytes};

/// The latest deadline an entry can hold, in milliseconds since 1970: the year 10889.
pub const DEADLINE_MS_MAX: u64 = (1 << 48) - 1;

const HEADER_BYTES: usize = 8;
const LENGTHS_BYTES: usize = 8;
const DEADLINE_BYTES: usize = 6;
/// Bytes of payload by form.
const PAYLOAD_BYTES: [usize; 4] = [8, 0, size_of::<Bytes>(), 8];
const _: () = assert!(align_of::<Bytes>() <= 8, "a payload is aligned to eight");

const FORM_SHIFT: u32 = 3;
const KIND_AND_FORM: u64 = (1 << 5) - 1;
const DEADLINE_BIT: u64 = 1 << 5;
const RAW_BIT: u64 = 1 << 6;
const LONG_BIT: u64 = 1 << 7;
const KEY_SHIFT: u32 = 8;
const VALUE_SHIFT: u32 = 16;
const MARKS_SHIFT: u32 = 24;
const RECENCY_SHIFT: u32 = 40;

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Form {
    Int = 0,
    Inline = 1,
    Large = 2,
}

/// The value of an entry to be written.
pub enum Payload<'a> {
    Int(i64),
    Inline(&'a [u8]),
    /// Bytes inline, with zeroes behind them up to a length.
    Padded(&'a [u8], usize),
    Large(Bytes),
}

/// Everything about an entry to be written.
pub struct Draft<'a> {
    pub key: &'a [u8],
    pub deadline_ms: Option<u64>,
    pub payload: Payload<'a>,
    /// Whether the encoding is `raw` however short the value.
    pub raw: bool,
    pub recency: u32,
}

/// An entry that its holder owns. It has no destructor, because freeing needs the slabs: see `Entry::free`.
#[derive(Debug)]
pub struct Entry(NonNull<u64>);

/// A view of an entry that lives at least as long as `'a`.
#[derive(Clone, Copy)]
pub struct EntryRef<'a>(NonNull<u64>, PhantomData<&'a Entry>);

impl Payload<'_> {
    fn form(&self) -> Form {
        match self {
            Payload::Int(_) => Form::Int,
            Payload::Inline(_) | Payload::Padded(..) => Form::Inline,
            Payload::Large(_) => Form::Large,
        }
    }

    fn inline_bytes(&self) -> &[u8] {
        match self {
            Payload::Inline(bytes) | Payload::Padded(bytes, _) => bytes,
            Payload::Int(_) | Payload::Large(_) => &[],
        }
    }

    /// The inline bytes and the zeroes behind them.
    fn inline_length(&self) -> usize {
        match self {
            Payload::Padded(_, length) => *length,
            other => other.inline_bytes().len(),
        }
    }
}

impl Draft<'_> {
    fn is_long(&self) -> bool {
        self.key.len() > 255 || self.payload.inline_length() > 255
    }

    fn deadline_at(&self) -> usize {
        let lengths = if self.is_long() { LENGTHS_BYTES } else { 0 };
        HEADER_BYTES + lengths + PAYLOAD_BYTES[self.payload.form() as usize]
    }

    fn bytes(&self) -> usize {
        let deadline = if self.deadline_ms.is_some() { DEADLINE_BYTES } else { 0 };
        self.deadline_at() + deadline + self.key.len() + self.payload.inline_length()
    }

    fn header(&self) -> u64 {
        let mut header = Kind::String as u64
            | (self.payload.form() as u64) << FORM_SHIFT
            | u64::from(self.recency) << RECENCY_SHIFT;
        if self.deadline_ms.is_some() {
            header |= DEADLINE_BIT;
        }
        if self.raw {
            header |= RAW_BIT;
        }
        if self.is_long() {
            header |= LONG_BIT;
        } else {
            header |= (self.key.len() as u64) << KEY_SHIFT;
            header |= (self.payload.inline_length() as u64) << VALUE_SHIFT;
        }
        header
    }

    /// Writes the entry into `block`.
    ///
    /// # Safety
    /// - `block` is aligned to eight, at least `self.bytes()` long and ours alone.
    /// - `key` and inline value do not lie in it.
    unsafe fn write(self, block: NonNull<u64>) {
        let (header, long, deadline_at) = (self.header(), self.is_long(), self.deadline_at());
        let (inline, inline_length) = (self.payload.inline_bytes(), self.payload.inline_length());
        debug_assert!(inline.len() <= inline_length);
        let start = block.cast::<u8>();
        let mut at = deadline_at;
        // SAFETY: the pieces are those that `bytes` adds up, in the same order, so all writes end within the block; the
        // payload lies at a multiple of eight.
        unsafe {
            block.write(header);
            if long {
                let lengths = start.add(HEADER_BYTES).cast::<u32>();
                lengths.write(u32::try_from(self.key.len()).expect("keys are shorter than 4 GiB"));
                lengths.add(1).write(u32::try_from(inline_length).expect("longer values are not inline"));
            }
            if let Some(deadline_ms) = self.deadline_ms {
                debug_assert!(deadline_ms <= DEADLINE_MS_MAX);
                start.add(at).copy_from_nonoverlapping(
                    NonNull::from(&deadline_ms.to_le_bytes()).cast(),
                    DEADLINE_BYTES,
                );
                at += DEADLINE_BYTES;
            }
            start.add(at).copy_from_nonoverlapping(NonNull::from(self.key).cast(), self.key.len());
            at += self.key.len();
            start.add(at).copy_from_nonoverlapping(NonNull::from(inline).cast(), inline.len());
            start.add(at + inline.len()).write_bytes(0, inline_length - inline.len());
            let payload = start.add(HEADER_BYTES + if long { LENGTHS_BYTES } else { 0 });
            match self.payload {
                Payload::Int(number) => payload.cast::<i64>().write(number),
                Payload::Large(bytes) => payload.cast::<Bytes>().write(bytes),
                Payload::Inline(_) | Payload::Padded(..) => {}
            }
        }
    }
}

impl Entry {
    /// Writes `draft` into a new block.
    pub fn create(slabs: &mut Slabs, draft: Draft<'_>) -> Entry {
        let block = slabs.allocate(draft.bytes()).cast::<u64>();
        // SAFETY: the block is new, large enough and aligned to eight.
        unsafe { draft.write(block) };
        Entry(block)
    }

    /// Writes `draft` in place of this entry, into the same block if it takes the same room. The draft borrows nothing
    /// from the entry, which the ownership of `self` guarantees.
    pub fn replace(self, slabs: &mut Slabs, draft: Draft<'_>) -> Entry {
        if block_bytes(draft.bytes()) != block_bytes(self.view().bytes()) {
            let entry = Entry::create(slabs, draft);
            self.free(slabs);
            return entry;
        }
        self.drop_payload();
        // SAFETY: the block is ours and takes the draft, as just compared; its former content owns nothing any more.
        unsafe { draft.write(self.0) };
        self
    }

    /// Writes another value of the same form over the old one, if it takes the same block and the entry is not long.
    /// The sums that are kept over entries do not change by this. Tells whether it could be done.
    #[inline]
    pub fn overwrite(&mut self, payload: &Payload<'_>, raw: bool, recency: u32) -> bool {
        let view = self.view();
        if view.form() != payload.form() as usize || view.is_long() {
            return false;
        }
        let block = self.0.cast::<u8>();
        let inline = payload.inline_bytes();
        match payload {
            // SAFETY: an entry that is not long and holds an integer has it right behind the header, and we own it.
            Payload::Int(number) => unsafe { block.add(HEADER_BYTES).cast().write(*number) },
            Payload::Inline(bytes) => {
                let (key_length, value_length) = view.lengths();
                let at = view.key_at() + key_length;
                if bytes.len() > 255 || block_bytes(at + bytes.len()) != block_bytes(at + value_length) {
                    return false;
                }
                // SAFETY: the block is as large as one that was made for these bytes, they lie elsewhere, and we own it.
                unsafe { block.add(at).copy_from_nonoverlapping(NonNull::from(*bytes).cast(), bytes.len()) };
            }
            Payload::Padded(..) | Payload::Large(_) => return false,
        }
        let kept = view.header() & (DEADLINE_BIT | KIND_AND_FORM | 0xff << KEY_SHIFT);
        let written = if raw { RAW_BIT } else { 0 }
            | (inline.len() as u64) << VALUE_SHIFT
            | u64::from(recency) << RECENCY_SHIFT;
        // SAFETY: the entry begins with its header, and we own it.
        unsafe { self.0.write(kept | written) };
        true
    }

    /// Gives the entry another deadline, or none.
    pub fn with_deadline(self, slabs: &mut Slabs, deadline_ms: Option<u64>) -> Entry {
        let view = self.view();
        if let (Some(_), Some(deadline_ms)) = (view.deadline_ms(), deadline_ms) {
            let (at, bytes) = (view.deadline_at(), deadline_ms.to_le_bytes());
            // SAFETY: the entry has room for a deadline at this offset and we own it.
            unsafe {
                self.0
                    .cast::<u8>()
                    .add(at)
                    .copy_from_nonoverlapping(NonNull::from(&bytes).cast(), DEADLINE_BYTES)
            };
            return self;
        }
        let moved = Entry::create(slabs, Draft { deadline_ms, ..view.draft() });
        // A large value is counted by both entries until this one goes.
        self.free(slabs);
        moved
    }

    /// Frees the block and what it owns.
    pub fn free(self, slabs: &mut Slabs) {
        let bytes = self.view().bytes();
        self.drop_payload();
        // SAFETY: the block was allocated from these slabs with this many bytes, and its only owner ends here. That the
        // slabs are the right ones is the duty of `Database`, which keeps its slabs and its tables together.
        unsafe { slabs.release(self.0.cast(), bytes) };
    }

    /// Sets the bits of last use.
    #[inline]
    pub fn set_recency(&mut self, recency: u32) {
        let mask = u64::from(u32::MAX >> 8) << RECENCY_SHIFT;
        // SAFETY: the entry begins with its header, and we own it.
        let header = unsafe { self.0.as_mut() };
        *header = *header & !mask | u64::from(recency) << RECENCY_SHIFT;
    }

    /// Sets the marks of walks.
    pub fn set_marks(&mut self, marks: u16) {
        let mask = u64::from(u16::MAX) << MARKS_SHIFT;
        // SAFETY: the entry begins with its header, and we own it.
        let header = unsafe { self.0.as_mut() };
        *header = *header & !mask | u64::from(marks) << MARKS_SHIFT;
    }

    #[inline]
    pub fn view(&self) -> EntryRef<'_> {
        EntryRef(self.0, PhantomData)
    }

    /// Moves the entry into other slabs.
    pub fn relocate(self, from: &mut Slabs, to: &mut Slabs) -> Entry {
        let bytes = self.view().bytes();
        let block = to.allocate(bytes);
        // SAFETY: both blocks hold that many bytes and are distinct; what the payload owns moves along, since the old
        // block is released without dropping it.
        unsafe {
            block.copy_from_nonoverlapping(self.0.cast(), bytes);
            from.release(self.0.cast(), bytes);
        }
        Entry(block.cast())
    }

    /// The address, for a reference in a table.
    #[inline]
    pub fn into_address(self) -> usize {
        self.0.as_ptr().expose_provenance()
    }

    /// The entry at `address`.
    ///
    /// # Safety
    /// - `address` came from `into_address` and was not turned back since.
    #[inline]
    pub unsafe fn from_address(address: usize) -> Entry {
        // SAFETY: entries do not lie at address zero.
        Entry(unsafe { NonNull::new_unchecked(std::ptr::with_exposed_provenance_mut(address)) })
    }

    fn drop_payload(&self) {
        let view = self.view();
        if view.form() == Form::Large as usize {
            // SAFETY: a large entry has an initialised `Bytes` at this aligned offset; both callers own the entry and
            // overwrite or free it next.
            unsafe { self.0.cast::<u8>().add(view.payload_at()).cast::<Bytes>().drop_in_place() };
        }
    }
}

impl<'a> EntryRef<'a> {
    /// A view of the entry at `address`.
    ///
    /// # Safety
    /// - `address` came from `Entry::into_address` and the entry lives, unchanged, as long as `'a`.
    #[inline]
    pub unsafe fn from_address(address: usize) -> Self {
        // SAFETY: entries do not lie at address zero.
        EntryRef(
            unsafe { NonNull::new_unchecked(std::ptr::with_exposed_provenance_mut(address)) },
            PhantomData,
        )
    }

    #[inline]
    fn header(self) -> u64 {
        // SAFETY: an entry begins with its header.
        unsafe { self.0.read() }
    }

    #[inline]
    fn form(self) -> usize {
        (self.header() >> FORM_SHIFT & 3) as usize
    }

    #[inline]
    fn is_long(self) -> bool {
        self.header() & LONG_BIT != 0
    }

    /// Lengths of the key and of the inline value.
    #[inline]
    fn lengths(self) -> (usize, usize) {
        let header = self.header();
        if header & LONG_BIT == 0 {
            return ((header >> KEY_SHIFT) as usize & 0xff, (header >> VALUE_SHIFT) as usize & 0xff);
        }
        // SAFETY: a long entry has both lengths behind its header.
        let lengths: [u32; 2] = unsafe { self.0.add(1).cast().read() };
        (lengths[0] as usize, lengths[1] as usize)
    }

    #[inline]
    fn payload_at(self) -> usize {
        HEADER_BYTES + if self.is_long() { LENGTHS_BYTES } else { 0 }
    }

    #[inline]
    fn deadline_at(self) -> usize {
        self.payload_at() + PAYLOAD_BYTES[self.form()]
    }

    #[inline]
    fn key_at(self) -> usize {
        self.deadline_at() + if self.has_deadline() { DEADLINE_BYTES } else { 0 }
    }

    #[inline]
    fn slice(self, at: usize, length: usize) -> &'a [u8] {
        // SAFETY: callers pass the place of the key or of the inline value, which were written with the entry and stay
        // as long as `'a`.
        unsafe { slice::from_raw_parts(self.0.cast::<u8>().add(at).as_ptr(), length) }
    }

    #[inline]
    pub fn key(self) -> &'a [u8] {
        self.slice(self.key_at(), self.lengths().0)
    }

    /// Whether the entry is that of `key`.
    #[inline]
    pub fn has_key(self, key: &[u8]) -> bool {
        is_equal(self.key(), key)
    }

    #[inline]
    pub fn value(self) -> ValueRef<'a> {
        let payload = self.payload_at();
        if self.form() == Form::Inline as usize {
            let (key_length, value_length) = self.lengths();
            return ValueRef::Bytes(self.slice(self.key_at() + key_length, value_length));
        }
        // SAFETY: the payload was written at this aligned offset by `Draft::write` in the type that the form names.
        unsafe {
            let payload = self.0.cast::<u8>().add(payload);
            if self.form() == Form::Int as usize {
                ValueRef::Int(payload.cast().read())
            } else {
                ValueRef::Large(payload.cast::<Bytes>().as_ref())
            }
        }
    }

    #[inline]
    pub fn has_deadline(self) -> bool {
        self.header() & DEADLINE_BIT != 0
    }

    /// When the entry expires, in milliseconds since 1970.
    #[inline]
    pub fn deadline_ms(self) -> Option<u64> {
        self.has_deadline().then(|| {
            let bytes = self.slice(self.deadline_at(), DEADLINE_BYTES);
            let low = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let high = u16::from_le_bytes([bytes[4], bytes[5]]);
            u64::from(low) | u64::from(high) << 32
        })
    }

    /// Whether the deadline lies before `now_ms`. As in Redis a key is still there in the very millisecond.
    #[inline]
    pub fn is_expired(self, now_ms: u64) -> bool {
        self.deadline_ms().is_some_and(|deadline_ms| now_ms > deadline_ms)
    }

    #[inline]
    pub fn recency(self) -> u32 {
        (self.header() >> RECENCY_SHIFT) as u32
    }

    pub fn marks(self) -> u16 {
        (self.header() >> MARKS_SHIFT) as u16
    }

    pub fn kind(self) -> Kind {
        match self.header() & 7 {
            0 => Kind::String,
            1 => Kind::List,
            2 => Kind::Hash,
            3 => Kind::Set,
            4 => Kind::Zset,
            5 => Kind::Stream,
            _ => unreachable!("kinds are written from the enum"),
        }
    }

    /// Whether the encoding is `raw` however short the value.
    pub fn is_raw(self) -> bool {
        self.header() & RAW_BIT != 0
    }

    pub fn encoding(self) -> Encoding {
        let raw = self.is_raw();
        match self.value() {
            ValueRef::Int(_) => Encoding::Int,
            ValueRef::Bytes(bytes) if !raw && bytes.len() <= EMBEDDED_BYTES_MAX => Encoding::Embstr,
            ValueRef::Bytes(_) | ValueRef::Large(_) => Encoding::Raw,
        }
    }

    /// A draft of the same entry. A large value is shared with it.
    pub fn draft(self) -> Draft<'a> {
        Draft {
            key: self.key(),
            deadline_ms: self.deadline_ms(),
            payload: match self.value() {
                ValueRef::Int(number) => Payload::Int(number),
                ValueRef::Bytes(bytes) => Payload::Inline(bytes),
                ValueRef::Large(bytes) => Payload::Large(bytes.clone()),
            },
            raw: self.is_raw(),
            recency: self.recency(),
        }
    }

    /// The bytes written in the block.
    fn bytes(self) -> usize {
        let (key_length, value_length) = self.lengths();
        self.key_at() + key_length + value_length
    }

    /// The memory that the entry takes: its block, and its buffer if the value is large.
    pub fn memory_bytes(self) -> usize {
        let buffer = match self.value() {
            ValueRef::Large(bytes) => allocated_bytes(bytes.len()),
            ValueRef::Int(_) | ValueRef::Bytes(_) => 0,
        };
        block_bytes(self.bytes()) + buffer
    }

    /// Whether freeing it takes more than forgetting its slab.
    pub fn owns_memory(self) -> bool {
        self.form() == Form::Large as usize || self.bytes() > OBJECT_BYTES_MAX
    }
}

/// Equality of two keys. Those of 8 to 16 bytes, which are the most common, take two comparisons without a call.
#[inline]
fn is_equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match (left.first_chunk::<8>(), left.last_chunk::<8>(), right.first_chunk::<8>(), right.last_chunk::<8>())
    {
        (Some(left_head), Some(left_tail), Some(right_head), Some(right_tail)) if left.len() <= 16 => {
            left_head == right_head && left_tail == right_tail
        }
        _ => left == right,
    }
}
