//! What the benches of the table share: CPU time, names of keys, and chance that is the same in every run.

pub const NOW_MS: u64 = 1_700_000_000_000;

/// Calling thread's CPU time in nanoseconds.
pub fn cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and the structure is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0xd129_42f2_fb36_2a2d).wrapping_add(0x9e37_79b9);
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }
}

/// A key of 16 bytes.
pub fn name(number: usize) -> [u8; 16] {
    let mut name = *b"key:000000000000";
    let mut rest = number;
    for digit in name[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    name
}
