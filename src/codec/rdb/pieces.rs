//! Received bytes: what is read is forgotten, and room grows with what has really come, not with what is claimed.

use crate::codec::crc64::Running;

/// So much room is made for a piece, at least.
pub const PIECE_BYTES: usize = 64 * 1024;
/// A buffer that was larger than this for one string is given back behind it.
const IDLE_BYTES_MAX: usize = 4 * PIECE_BYTES;

#[derive(Default)]
pub struct Pieces {
    pub bytes: Vec<u8>,
    /// So many of them have come; behind them is room.
    pub filled: usize,
    /// Up to here all is read.
    pub at: usize,
    /// Bytes that stood before these and are forgotten.
    pub gone: u64,
    pub counted: Counted,
}

/// The checksum of what was read.
#[derive(Default)]
pub struct Counted {
    running: Running,
    /// Up to here it is counted.
    to: usize,
}

impl Counted {
    pub fn count(&mut self, bytes: &[u8], to: usize) {
        self.running.add(&bytes[self.to..to]);
        self.to = to;
    }

    pub fn sum(&self) -> u64 {
        self.running.sum()
    }
}

impl Pieces {
    /// Room for a piece, and how many bytes before it were forgotten. There is as much room as unread bytes, so that a string
    /// of any length is copied a few times at most and memory stays within twice of what came.
    pub fn space(&mut self) -> (&mut [u8], usize) {
        let forgotten = self.forget();
        let room = self.filled.max(PIECE_BYTES);
        if self.bytes.len() - self.filled < PIECE_BYTES {
            self.bytes.resize(self.filled + room, 0);
        }
        (&mut self.bytes[self.filled..], forgotten)
    }

    fn forget(&mut self) -> usize {
        // Small rests are moved; a long string that is not all there stays where it is.
        let forgotten = self.at;
        self.counted.count(&self.bytes, forgotten.max(self.counted.to));
        self.bytes.copy_within(forgotten..self.filled, 0);
        self.filled -= forgotten;
        self.gone += forgotten as u64;
        self.at = 0;
        self.counted.to = self.counted.to.saturating_sub(forgotten);
        if self.bytes.len() > IDLE_BYTES_MAX && self.filled < PIECE_BYTES {
            self.bytes.truncate(2 * PIECE_BYTES);
            self.bytes.shrink_to_fit();
        }
        forgotten
    }
}
