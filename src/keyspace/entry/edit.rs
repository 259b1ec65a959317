//! Changes of a string where it lies, and its growth: bytes that have room to stay are not copied.
//!
//! Up to `LARGE_BYTES_MIN` a string grows within its block, whose sizes are those of the slabs and of the allocator: from
//! 1 KiB on each step is an eighth at least. A buffer grows by a quarter. So the bytes that appending copies are a small
//! multiple of those appended, whatever the length.

use std::ptr::NonNull;
use std::slice;

use bytes::{Bytes, BytesMut};

use crate::keyspace::entry::slab::{Slabs, block_bytes};
use crate::keyspace::entry::{Draft, Entry, Form, HEADER_BYTES, Payload, RAW_BIT, VALUE_SHIFT};
use crate::keyspace::value::{LARGE_BYTES_MIN, ValueRef};
use crate::types::decimal::with_decimal;

/// The part of a growing buffer that is reserved beyond what is needed. The count of memory leaves it out.
const HEADROOM: usize = 4;

/// What lets itself be given the bytes of a string to change.
pub type Change<'a> = dyn FnMut(&mut [u8]) + 'a;

impl Entry {
    /// Writes an entry whose string has `length` bytes, zeroes but for what `change` makes of them.
    pub fn create_bytes(slabs: &mut Slabs, draft: Draft<'_>, length: usize, change: &mut Change) -> Entry {
        let payload = match length >= LARGE_BYTES_MIN {
            true => Payload::Large(buffer(&[], length, change)),
            false => Payload::Padded(&[], length),
        };
        let mut entry = Entry::create(slabs, Draft { payload, raw: true, ..draft });
        entry.stretched(length).into_iter().for_each(change);
        entry
    }

    /// Gives the string `length` bytes, of which the added ones are zero, and lets `change` at them, if it is inline and can
    /// stay where it is: then none of the sums that are kept over entries changes. Its encoding becomes `raw`. Tells
    /// whether it could be done.
    #[inline]
    pub fn edit_in_place(&mut self, length: usize, change: &mut Change) -> bool {
        let Some(bytes) = self.stretched(length) else {
            return false;
        };
        change(bytes);
        self.set_raw();
        true
    }

    /// The same for a string that has to move, or is in a buffer. `key` is that of the entry.
    pub fn with_bytes(mut self, slabs: &mut Slabs, key: &[u8], length: usize, change: &mut Change) -> Entry {
        if length >= LARGE_BYTES_MIN
            && let Some(stored) = self.large_mut()
        {
            let mut bytes = resized(std::mem::take(stored), length);
            change(&mut bytes);
            *stored = bytes.freeze();
            self.set_raw();
            return self;
        }
        let changed = match self.view().value() {
            ValueRef::Int(number) => {
                with_decimal(number, |digits| self.rewritten(slabs, key, digits, length, change))
            }
            ValueRef::Bytes(bytes) => self.rewritten(slabs, key, bytes, length, change),
            ValueRef::Large(bytes) => self.rewritten(slabs, key, bytes, length, change),
        };
        self.free(slabs);
        changed
    }

    /// A new entry like this one, for the string `former` at another length.
    fn rewritten(
        &self,
        slabs: &mut Slabs,
        key: &[u8],
        former: &[u8],
        length: usize,
        change: &mut Change,
    ) -> Entry {
        let view = self.view();
        let kept = &former[..length.min(former.len())];
        let is_large = length >= LARGE_BYTES_MIN;
        let payload = match is_large {
            true => Payload::Large(buffer(kept, length, change)),
            false => Payload::Padded(kept, length),
        };
        let (deadline_ms, recency) = (view.deadline_ms(), view.recency());
        let mut entry = Entry::create(slabs, Draft { key, deadline_ms, payload, raw: true, recency });
        entry.stretched(length).into_iter().for_each(change);
        entry
    }

    /// The inline bytes at another length, if they may stay where they are.
    fn stretched(&mut self, length: usize) -> Option<&mut [u8]> {
        let view = self.view();
        if view.form() != Form::Inline as usize || length >= LARGE_BYTES_MIN {
            return None;
        }
        let (key_length, former) = view.lengths();
        let at = view.key_at() + key_length;
        let is_long = view.is_long();
        if block_bytes(at + length) != block_bytes(at + former) || length > 255 && !is_long {
            return None;
        }
        if is_long {
            // SAFETY: a long entry has the length of its value as the second of two numbers of 32 bits behind the header,
            // and we own it.
            unsafe { self.0.cast::<u8>().add(HEADER_BYTES).cast::<u32>().add(1).write(length as u32) };
        } else {
            let header = view.header() & !(0xff << VALUE_SHIFT) | (length as u64) << VALUE_SHIFT;
            // SAFETY: the entry begins with its header, and we own it.
            unsafe { self.0.write(header) };
        }
        // SAFETY: the block has room for `length` bytes there, as compared above, and the first `former` were written with
        // the entry; the entry is borrowed mutably.
        unsafe {
            let value: NonNull<u8> = self.0.cast::<u8>().add(at);
            value.add(former.min(length)).write_bytes(0, length.saturating_sub(former));
            Some(slice::from_raw_parts_mut(value.as_ptr(), length))
        }
    }

    /// The shared buffer, if the value is large.
    fn large_mut(&mut self) -> Option<&mut Bytes> {
        let view = self.view();
        if view.form() != Form::Large as usize {
            return None;
        }
        let at = view.payload_at();
        // SAFETY: a large entry has an initialised `Bytes` at this aligned offset, and is borrowed mutably.
        Some(unsafe { self.0.cast::<u8>().add(at).cast::<Bytes>().as_mut() })
    }

    /// Makes the encoding `raw` however short the value.
    fn set_raw(&mut self) {
        // SAFETY: the entry begins with its header, and we own it.
        *unsafe { self.0.as_mut() } |= RAW_BIT;
    }
}

/// A buffer that begins with `former`, once `change` was at it.
fn buffer(former: &[u8], length: usize, change: &mut Change) -> Bytes {
    let mut bytes = enlarged(former, length);
    change(&mut bytes);
    bytes.freeze()
}

/// The buffer at another length: the same one if it has the room and nobody else, say a send in flight, holds it.
fn resized(former: Bytes, length: usize) -> BytesMut {
    match former.try_into_mut() {
        Ok(mut bytes) if length <= bytes.capacity() => {
            bytes.resize(length, 0);
            bytes
        }
        Ok(bytes) => enlarged(&bytes, length),
        Err(shared) => enlarged(&shared[..length.min(shared.len())], length),
    }
}

/// A copy that is to be longer, or as long.
fn enlarged(former: &[u8], length: usize) -> BytesMut {
    // Most of it is new: zero pages as the kernel gives them, which cost nothing until somebody writes to them.
    if former.len() < length / 2 {
        let mut bytes = BytesMut::zeroed(length);
        bytes[..former.len()].copy_from_slice(former);
        return bytes;
    }
    let headroom = if length > former.len() { length / HEADROOM } else { 0 };
    let mut bytes = BytesMut::with_capacity(length + headroom);
    bytes.extend_from_slice(former);
    bytes.resize(length, 0);
    bytes
}
