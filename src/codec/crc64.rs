//! The checksum of snapshots and of DUMP: CRC-64 of the Jones polynomial, both ways reflected.

use crc::{CRC_64_REDIS, Crc, Digest, Table};

static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// The checksum of all bytes at once.
pub fn crc64(bytes: &[u8]) -> u64 {
    CRC.checksum(bytes)
}

/// The checksum of bytes that come one after another.
pub struct Running(Digest<'static, u64, Table<16>>);

impl Running {
    pub fn new() -> Self {
        Running(CRC.digest())
    }

    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of all that was added so far.
    pub fn sum(&self) -> u64 {
        self.0.clone().finalize()
    }
}

impl Default for Running {
    fn default() -> Self {
        Running::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Running, crc64};

    #[test]
    fn the_checksum_is_that_of_redis() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(b""), 0);
        let mut running = Running::new();
        for part in [&b"1234"[..], b"", b"56789"] {
            running.add(part);
        }
        assert_eq!(running.sum(), crc64(b"123456789"));
    }
}
